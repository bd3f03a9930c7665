//! How the leader of a classic group divides the partitions among its members.

mod range;
mod round_robin;
mod sticky;
mod wire;

use std::collections::{BTreeMap, BTreeSet};

use crate::error::Error;

pub(crate) use wire::{assignment_bytes, partitions_of, subscription_bytes, subscription_of};

/// The assignors of Kafka's Java client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AssignorKind {
    /// Each topic by itself, in runs.
    Range,
    /// All partitions of all topics in turn.
    RoundRobin,
    /// In equal numbers, and as few as possible change hands.
    Sticky,
    /// The same; partitions that stay are read on meanwhile (KIP-429).
    CooperativeSticky,
}

/// A member as its leader knows it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct MemberSubscription {
    pub(crate) member_id: String,
    pub(crate) instance_id: Option<String>,
    pub(crate) topics: BTreeSet<String>,
    /// What it read before, and of which generation that is; -1 where it does not say.
    pub(crate) owned: Vec<(String, i32)>,
    pub(crate) generation: i32,
}

/// The partitions of each member by its id.
pub(crate) type Shares = BTreeMap<String, Vec<(String, i32)>>;

impl AssignorKind {
    /// Reads names or class names of Kafka's assignors.
    pub(crate) fn parse_all(names: &[String]) -> Result<Vec<AssignorKind>, Error> {
        let mut kinds = Vec::new();
        for name in names {
            let class = name.rsplit('.').next().unwrap_or(name);
            let kind = match class {
                "RangeAssignor" | "range" => AssignorKind::Range,
                "RoundRobinAssignor" | "roundrobin" => AssignorKind::RoundRobin,
                "StickyAssignor" | "sticky" => AssignorKind::Sticky,
                "CooperativeStickyAssignor" | "cooperative-sticky" => AssignorKind::CooperativeSticky,
                _ => {
                    return Err(Error::Invalid(format!(
                        "Invalid value {name} for configuration partition.assignment.strategy: there are RangeAssignor, RoundRobinAssignor, StickyAssignor and CooperativeStickyAssignor"
                    )));
                }
            };
            if !kinds.contains(&kind) {
                kinds.push(kind);
            }
        }
        Ok(kinds)
    }

    /// As members name it to each other.
    pub(crate) fn name(self) -> &'static str {
        match self {
            AssignorKind::Range => "range",
            AssignorKind::RoundRobin => "roundrobin",
            AssignorKind::Sticky => "sticky",
            AssignorKind::CooperativeSticky => "cooperative-sticky",
        }
    }

    /// Divides partitions, given as their number by topic, among members.
    pub(crate) fn assign(self, members: &[MemberSubscription], topics: &BTreeMap<String, i32>) -> Shares {
        match self {
            AssignorKind::Range => range::assign(members, topics),
            AssignorKind::RoundRobin => round_robin::assign(members, topics),
            AssignorKind::Sticky => sticky::assign(members, topics),
            AssignorKind::CooperativeSticky => {
                let mut shares = sticky::assign(members, topics);
                sticky::leave_to_their_owners(members, &mut shares);
                shares
            }
        }
    }
}

/// True where partitions that stay are read on during a change of the group: all assignors have to be of that kind.
pub(crate) fn is_cooperative(kinds: &[AssignorKind]) -> bool {
    kinds.iter().all(|kind| *kind == AssignorKind::CooperativeSticky)
}

/// Members in the order in which range and round robin take them: those with an instance id by that, before the others.
fn in_order(members: &[MemberSubscription]) -> Vec<&MemberSubscription> {
    let mut ordered: Vec<&MemberSubscription> = members.iter().collect();
    ordered.sort_by_key(|member| {
        (member.instance_id.is_none(), member.instance_id.as_deref(), member.member_id.as_str())
    });
    ordered
}

/// A share for each member, still empty.
fn empty_shares(members: &[MemberSubscription]) -> Shares {
    members.iter().map(|member| (member.member_id.clone(), Vec::new())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn member(id: &str, topics: &[&str]) -> MemberSubscription {
        MemberSubscription {
            member_id: id.to_owned(),
            topics: topics.iter().map(|topic| (*topic).to_owned()).collect(),
            generation: -1,
            ..MemberSubscription::default()
        }
    }

    pub(super) fn topics(counts: &[(&str, i32)]) -> BTreeMap<String, i32> {
        counts.iter().map(|(topic, count)| ((*topic).to_owned(), *count)).collect()
    }

    /// `a: t0 t1 | b: u0`.
    pub(super) fn shown(shares: &Shares) -> String {
        let share = |(member, partitions): (&String, &Vec<(String, i32)>)| {
            let mut names: Vec<String> =
                partitions.iter().map(|(topic, number)| format!("{topic}{number}")).collect();
            names.sort();
            format!("{member}: {}", names.join(" "))
        };
        shares.iter().map(share).collect::<Vec<_>>().join(" | ")
    }

    #[test]
    fn assignors_are_known_by_name_and_by_class() {
        let names =
            ["org.apache.kafka.clients.consumer.StickyAssignor", "range", "sticky"].map(str::to_owned);
        assert_eq!(AssignorKind::parse_all(&names), Ok(vec![AssignorKind::Sticky, AssignorKind::Range]));
        assert!(AssignorKind::parse_all(&["uniform".to_owned()]).is_err());
        assert!(!is_cooperative(&[AssignorKind::Range, AssignorKind::CooperativeSticky]));
    }

    #[test]
    fn members_with_instance_ids_come_first() {
        let mut members = [member("z", &[]), member("a", &[]), member("m", &[])];
        members[0].instance_id = Some("i".to_owned());
        let order: Vec<&str> = in_order(&members).iter().map(|member| member.member_id.as_str()).collect();
        assert_eq!(order, ["z", "a", "m"]);
    }
}
