//! The ways in which the broker itself gives partitions to members.
//!
//! Members are taken in the order of their ids and topics in the order of theirs, where Kafka takes them in the order of
//! a hash table: among members in equal position chance decides there who gets one partition more.

mod balance;
mod range;
mod uniform;

use std::collections::BTreeMap;
use std::sync::Arc;

use model::Uuid;

use crate::sorted::{SortedMap, SortedSet};

/// Partitions by topic.
pub type Partitions = SortedMap<Uuid, SortedSet<i32>>;

/// A way to assign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Assignor {
    /// Everybody has as many partitions as anybody else, and keeps what it has where possible.
    Uniform,
    /// Everybody has neighbouring partitions of every topic, the same of topics that are alike.
    Range,
}

/// A member to be given partitions.
#[derive(Debug, Clone)]
pub struct Subscriber<'a> {
    pub id: &'a Arc<str>,
    pub instance_id: Option<&'a str>,
    /// Topics that it reads and that there are, ascending.
    pub topics: Arc<[Uuid]>,
    /// What it was given before; `None` where nobody has thought of it yet.
    pub before: Option<&'a Partitions>,
}

/// What there is to assign, and to whom.
#[derive(Debug, Clone)]
pub struct Plan<'a> {
    /// In the order of their ids.
    pub members: Vec<Subscriber<'a>>,
    /// Partitions of every topic that somebody reads.
    pub topics: BTreeMap<Uuid, i32>,
    /// All read the same topics.
    pub is_uniform: bool,
}

/// What is said of topics in any order, and perhaps of one several times.
pub fn by_topic(said: Vec<(Uuid, &[i32])>) -> Partitions {
    let lists: SortedMap<Uuid, Vec<&[i32]>> = SortedMap::gathered(said);
    lists.into_iter().map(|(topic, lists)| (topic, lists.into_iter().flatten().copied().collect())).collect()
}

impl Assignor {
    /// Kafka's name of it.
    pub fn name(self) -> &'static str {
        match self {
            Assignor::Uniform => "uniform",
            Assignor::Range => "range",
        }
    }

    /// The one of that name.
    pub fn named(name: &str) -> Option<Assignor> {
        [Assignor::Uniform, Assignor::Range].into_iter().find(|assignor| assignor.name() == name)
    }

    /// Members that have something else than before from now on, in the plan's order, and what.
    pub(crate) fn assign(self, plan: &Plan<'_>) -> Vec<(Arc<str>, Partitions)> {
        let assigned = match self {
            Assignor::Uniform if plan.is_uniform => return uniform::assign(plan),
            Assignor::Uniform => balance::assign(plan),
            Assignor::Range => range::assign(plan),
        };
        let each = plan.members.iter().zip(assigned);
        each.filter(|(member, own)| member.before != Some(own))
            .map(|(member, own)| (Arc::clone(member.id), own))
            .collect()
    }
}

impl<'a> Subscriber<'a> {
    /// Of what it was given before, each topic's partitions.
    fn had(&self) -> impl Iterator<Item = (&'a Uuid, &'a SortedSet<i32>)> {
        self.before.into_iter().flatten()
    }
}

impl Plan<'_> {
    fn partitions(&self, topic: Uuid) -> i32 {
        self.topics.get(&topic).copied().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests;
