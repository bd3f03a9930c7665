//! Range: each topic by itself, its partitions in runs, the first members one more where it does not come out even.

use std::collections::BTreeMap;

use super::{MemberSubscription, Shares, empty_shares, in_order};

pub(super) fn assign(members: &[MemberSubscription], topics: &BTreeMap<String, i32>) -> Shares {
    let ordered = in_order(members);
    let mut shares = empty_shares(members);
    for (topic, partitions) in topics {
        let readers: Vec<_> = ordered.iter().filter(|member| member.topics.contains(topic)).collect();
        let Ok(count @ 1..) = i32::try_from(readers.len()) else { continue };
        let mut next = 0;
        for (place, reader) in (0..).zip(readers) {
            let length = partitions / count + i32::from(place < partitions % count);
            let share = shares.entry(reader.member_id.clone()).or_default();
            share.extend((next..next + length).map(|number| (topic.clone(), number)));
            next += length;
        }
    }
    shares
}

#[cfg(test)]
mod tests {
    use super::super::tests::{member, shown, topics};
    use super::*;

    #[test]
    fn each_topic_is_cut_into_runs() {
        let members = [member("a", &["t", "u"]), member("b", &["t", "u"]), member("c", &["u"])];
        let shares = assign(&members, &topics(&[("t", 3), ("u", 4), ("nobody", 2)]));
        assert_eq!(shown(&shares), "a: t0 t1 u0 u1 | b: t2 u2 | c: u3");
    }

    #[test]
    fn more_members_than_partitions_leave_some_without() {
        let members = ["a", "b", "c"].map(|id| member(id, &["t"]));
        assert_eq!(shown(&assign(&members, &topics(&[("t", 2)]))), "a: t0 | b: t1 | c: ");
    }
}
