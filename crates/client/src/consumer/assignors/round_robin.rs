//! Round robin: all partitions of all topics in turn, past those that do not read the topic.

use std::collections::BTreeMap;

use super::{MemberSubscription, Shares, empty_shares, in_order};

pub(super) fn assign(members: &[MemberSubscription], topics: &BTreeMap<String, i32>) -> Shares {
    let ordered = in_order(members);
    let mut shares = empty_shares(members);
    let mut turns = ordered.iter().cycle();
    for (topic, partitions) in topics {
        if !members.iter().any(|member| member.topics.contains(topic)) {
            continue;
        }
        for number in 0..*partitions {
            if let Some(reader) = turns.find(|member| member.topics.contains(topic)) {
                shares.entry(reader.member_id.clone()).or_default().push((topic.clone(), number));
            }
        }
    }
    shares
}

#[cfg(test)]
mod tests {
    use super::super::tests::{member, shown, topics};
    use super::*;

    #[test]
    fn partitions_are_dealt_in_turn() {
        let members = [member("a", &["t", "u"]), member("b", &["t", "u"])];
        let shares = assign(&members, &topics(&[("t", 3), ("u", 3)]));
        assert_eq!(shown(&shares), "a: t0 t2 u1 | b: t1 u0 u2");
    }

    #[test]
    fn who_does_not_read_a_topic_is_passed() {
        let members = [member("a", &["t"]), member("b", &["t", "u"]), member("c", &["t", "u", "v"])];
        let shares = assign(&members, &topics(&[("t", 1), ("u", 2), ("v", 3), ("w", 9)]));
        assert_eq!(shown(&shares), "a: t0 | b: u0 | c: u1 v0 v1 v2");
    }
}
