//! The members of a consumer group, and what is counted about them.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use model::Uuid;

use super::member::{Current, Member, Metadata, Owned};

/// The members of a group.
#[derive(Debug, Default)]
pub struct Members {
    /// Boxed: a tree keeps as much room free as it uses.
    by_id: BTreeMap<Arc<str>, Box<Member>>,
    /// Member ids by instance id.
    by_instance: HashMap<String, Arc<str>>,
    /// How many members name each topic.
    names: BTreeMap<String, usize>,
    /// How many read by each regular expression.
    regexes: BTreeMap<String, usize>,
    /// How many ask for each way to assign.
    assignors: BTreeMap<String, usize>,
    /// How many speak the classic protocol.
    classic: usize,
    /// How many of those speak each of its protocols.
    classic_protocols: HashMap<String, usize>,
    /// Who has each partition, or still has to give it up.
    owners: HashMap<(Uuid, i32), Arc<str>>,
}

impl Members {
    pub fn len(&self) -> usize {
        self.by_id.len()
    }

    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    pub fn contains(&self, id: &str) -> bool {
        self.by_id.contains_key(id)
    }

    pub fn get(&self, id: &str) -> Option<&Member> {
        self.by_id.get(id).map(|member| &**member)
    }

    pub fn of_instance(&self, instance: &str) -> Option<&Member> {
        self.get(self.by_instance.get(instance)?)
    }

    pub fn iter(&self) -> impl Iterator<Item = &Member> {
        self.by_id.values().map(|member| &**member)
    }

    pub fn ids(&self) -> Vec<Arc<str>> {
        self.by_id.keys().cloned().collect()
    }

    /// How many members name each topic.
    pub fn names(&self) -> &BTreeMap<String, usize> {
        &self.names
    }

    /// How many members read by each regular expression.
    pub fn regexes(&self) -> &BTreeMap<String, usize> {
        &self.regexes
    }

    /// How many members read by a regular expression.
    pub fn readers_by(&self, regex: &str) -> usize {
        self.regexes.get(regex).copied().unwrap_or(0)
    }

    /// The way to assign that most ask for; of two in equal demand `uniform`. (Kafka takes one by the order of its tables.)
    pub fn preferred_assignor(&self) -> Option<&str> {
        self.assignors.iter().max_by_key(|(_, count)| **count).map(|(name, _)| &**name)
    }

    /// How many speak the classic protocol.
    pub fn classic(&self) -> usize {
        self.classic
    }

    /// True for a classic protocol that all speak who speak any.
    pub fn all_classic_speak(&self, protocol: &str) -> bool {
        self.classic_protocols.get(protocol).copied().unwrap_or(0) == self.classic
    }

    /// True where somebody has the partition.
    pub fn is_owned(&self, topic: Uuid, partition: i32) -> bool {
        self.owners.contains_key(&(topic, partition))
    }

    /// What a member says of itself from now on; who is not there comes.
    pub fn set_metadata(&mut self, id: &str, metadata: Metadata) {
        let mut member = self.take(id);
        self.uncount(&member.metadata, id);
        member.metadata = metadata;
        self.count(&member);
        self.by_id.insert(Arc::clone(&member.id), member);
    }

    /// What a member has from now on; who is not there comes.
    pub fn set_current(&mut self, id: &str, current: Current) {
        let mut member = self.take(id);
        self.disown(&member.current.assigned, id);
        self.disown(&member.current.revoking, id);
        member.current = current;
        self.own(&member.current.assigned, &member.id);
        self.own(&member.current.revoking, &member.id);
        self.by_id.insert(Arc::clone(&member.id), member);
    }

    pub fn remove(&mut self, id: &str) {
        let Some(member) = self.by_id.remove(id) else { return };
        self.uncount(&member.metadata, id);
        self.disown(&member.current.assigned, id);
        self.disown(&member.current.revoking, id);
    }

    /// The member, out of the map for as long as it is changed.
    fn take(&mut self, id: &str) -> Box<Member> {
        self.by_id.remove(id).unwrap_or_else(|| Box::new(Member::new(id.into())))
    }

    fn count(&mut self, member: &Member) {
        let metadata = &member.metadata;
        if let Some(instance) = &metadata.instance_id {
            self.by_instance.insert(instance.clone(), Arc::clone(&member.id));
        }
        for topic in metadata.topics.iter() {
            *self.names.entry(topic.clone()).or_default() += 1;
        }
        if !metadata.regex.is_empty() {
            *self.regexes.entry(metadata.regex.clone()).or_default() += 1;
        }
        if let Some(assignor) = &metadata.assignor {
            *self.assignors.entry(assignor.clone()).or_default() += 1;
        }
        let Some(classic) = &metadata.classic else { return };
        self.classic += 1;
        for protocol in &classic.protocols {
            *self.classic_protocols.entry(protocol.name.clone()).or_default() += 1;
        }
    }

    fn uncount(&mut self, metadata: &Metadata, id: &str) {
        if let Some(instance) = &metadata.instance_id
            // Somebody else may have come under it in between.
            && self.by_instance.get(instance).is_some_and(|known| &**known == id)
        {
            self.by_instance.remove(instance);
        }
        for topic in metadata.topics.iter() {
            one_less(&mut self.names, topic);
        }
        one_less(&mut self.regexes, &metadata.regex);
        if let Some(assignor) = &metadata.assignor {
            one_less(&mut self.assignors, assignor);
        }
        let Some(classic) = &metadata.classic else { return };
        self.classic -= 1;
        for protocol in &classic.protocols {
            if let Some(count) = self.classic_protocols.get_mut(&protocol.name) {
                *count -= 1;
            }
        }
        self.classic_protocols.retain(|_, count| *count > 0);
    }

    fn own(&mut self, owned: &Owned, id: &Arc<str>) {
        for (topic, partitions) in owned {
            for partition in partitions.keys() {
                self.owners.insert((*topic, *partition), Arc::clone(id));
            }
        }
    }

    fn disown(&mut self, owned: &Owned, id: &str) {
        for (topic, partitions) in owned {
            for partition in partitions.keys() {
                // While a compacted log is read another may have it already.
                if self.owners.get(&(*topic, *partition)).is_some_and(|owner| &**owner == id) {
                    self.owners.remove(&(*topic, *partition));
                }
            }
        }
    }
}

fn one_less(counts: &mut BTreeMap<String, usize>, name: &str) {
    let Some(count) = counts.get_mut(name) else { return };
    *count -= 1;
    if *count == 0 {
        counts.remove(name);
    }
}
