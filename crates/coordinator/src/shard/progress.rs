//! How far groups have come, for those who watch them.

use std::sync::Arc;

use super::GroupShard;
use crate::group::Group;

/// A group as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupProgress {
    /// Its id.
    pub group: Arc<str>,
    /// Kafka's name of its state.
    pub state: &'static str,
    /// What kind of clients it is of, empty where nobody has said.
    pub protocol_type: String,
    /// How partitions are assigned, empty where nobody has said.
    pub protocol: String,
    /// How many members it has.
    pub members: usize,
    /// Those of them that were assigned nothing.
    pub idle_members: usize,
    /// How often partitions were committed, as far back as the log goes.
    pub commits: u64,
    /// Topic, partition and committed offset, by topic and partition.
    pub offsets: Vec<(Arc<str>, i32, i64)>,
}

impl GroupShard {
    /// True for a group that is here.
    pub fn has_group(&self, id: &str) -> bool {
        self.groups.contains_key(id)
    }

    /// All groups, in no order.
    pub fn progress(&self) -> Vec<GroupProgress> {
        let groups = self.groups.iter().map(|(id, group)| {
            let topics = self.offsets.of_group(id).into_iter().flatten();
            let offsets = topics.flat_map(|(topic, partitions)| {
                partitions.iter().map(|(index, committed)| (Arc::clone(topic), *index, committed.offset))
            });
            let (members, idle_members) = members_of(group);
            GroupProgress {
                group: Arc::clone(id),
                state: group.state(),
                protocol_type: group.protocol_type().to_owned(),
                protocol: match group {
                    Group::Classic(group) => group.protocol.clone().unwrap_or_default(),
                    Group::Consumer(_) => String::new(),
                },
                members,
                idle_members,
                commits: self.offsets.commits_of(id),
                offsets: offsets.collect(),
            }
        });
        groups.collect()
    }
}

/// How many members a group has, and how many of them were assigned nothing.
fn members_of(group: &Group) -> (usize, usize) {
    match group {
        Group::Classic(group) => {
            let idle = group.members.iter().filter(|member| is_idle(&member.assignment));
            (group.members.len(), idle.count())
        }
        Group::Consumer(group) => {
            let idle = group.members.iter().filter(|member| member.current.assigned.is_empty());
            (group.members.len(), idle.count())
        }
    }
}

/// True for an assignment of no partitions: after the version comes the count of topics.
fn is_idle(assignment: &[u8]) -> bool {
    assignment.get(2..6).is_none_or(|count| count == [0; 4])
}
