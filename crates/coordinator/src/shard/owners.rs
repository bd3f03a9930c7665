//! Who has which partitions of a group.

use std::sync::Arc;

use model::Uuid;

use super::GroupShard;
use crate::group::Group;
use crate::group::consumer::embedded;
use crate::sorted::SortedMap;
use crate::topics::TopicView;

/// Who has which partitions: by topic each with its member, which goes by its static name where it has one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Owners(SortedMap<Uuid, SortedMap<i32, Arc<str>>>);

impl Owners {
    /// Partitions that are somebody else's there; those that nobody had or has have not moved.
    pub fn moved_to(&self, later: &Owners) -> usize {
        let moved = |(topic, owners): (&Uuid, &SortedMap<i32, Arc<str>>)| {
            let Some(known) = self.0.get(topic) else { return 0 };
            let is_moved = |(index, owner)| known.get(index).is_some_and(|before| before != owner);
            owners.iter().filter(|entry| is_moved(*entry)).count()
        };
        later.0.iter().map(moved).sum()
    }
}

impl GroupShard {
    /// As the group's last assignment says; nobody in a group of another kind, or of members that say what cannot be
    /// understood.
    pub fn owners(&self, id: &str, topics: &dyn TopicView) -> Owners {
        let mut owners = Vec::new();
        match self.groups.get(id) {
            Some(Group::Classic(group)) if group.is_of_consumers() => {
                for member in group.members.iter() {
                    let owner = owner(member.instance_id.as_deref(), &member.id);
                    let Ok(assignment) = embedded::assignment(&member.assignment) else { continue };
                    for given in &assignment.assigned_partitions {
                        let Some(topic) = topics.by_name(&given.topic) else { continue };
                        // A leader may write whatever it likes.
                        let real =
                            given.partitions.iter().filter(|index| (0..topic.partitions).contains(*index));
                        owners.extend(real.map(|index| (topic.id, (*index, Arc::clone(&owner)))));
                    }
                }
            }
            Some(Group::Consumer(group)) => {
                for member in group.members.iter() {
                    let owner = owner(member.metadata.instance_id.as_deref(), &member.id);
                    for (topic, partitions) in &member.current.assigned {
                        owners.extend(partitions.keys().map(|index| (*topic, (*index, Arc::clone(&owner)))));
                    }
                }
            }
            _ => {}
        }
        Owners(SortedMap::gathered(owners))
    }

    /// The groups that are here.
    pub fn group_ids(&self) -> impl Iterator<Item = &Arc<str>> {
        self.groups.keys()
    }
}

fn owner(instance_id: Option<&str>, member_id: &Arc<str>) -> Arc<str> {
    instance_id.map_or_else(|| Arc::clone(member_id), Arc::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owners(of: &[(i32, &str)]) -> Owners {
        let said = of.iter().map(|(index, owner)| (Uuid::ZERO, (*index, Arc::from(*owner))));
        Owners(SortedMap::gathered(said.collect()))
    }

    #[test]
    fn a_partition_has_moved_where_somebody_else_had_it() {
        let before = owners(&[(0, "a"), (1, "a"), (2, "b"), (3, "b")]);
        assert_eq!(before.moved_to(&before), 0);
        assert_eq!(before.moved_to(&owners(&[(0, "a"), (1, "c"), (2, "a"), (4, "c")])), 2);
        assert_eq!(owners(&[]).moved_to(&before), 0);
    }
}
