//! The members of a classic group, and what is counted about them.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::member::{Member, Protocol};
use crate::step::ReplyTo;

/// The members of a group.
#[derive(Debug, Default)]
pub struct Roster {
    /// Boxed: a tree keeps as much room free as it uses.
    by_id: BTreeMap<Arc<str>, Box<Member>>,
    /// Member ids by instance id.
    by_instance: HashMap<String, Arc<str>>,
    /// How many members speak each protocol.
    spoken: HashMap<String, usize>,
    awaiting_join: usize,
}

impl Roster {
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

    /// A member, to change what is not counted: neither its protocols nor whether it waits for its JoinGroup.
    pub fn get_mut(&mut self, id: &str) -> Option<&mut Member> {
        self.by_id.get_mut(id).map(|member| &mut **member)
    }

    pub fn iter(&self) -> impl Iterator<Item = &Member> {
        self.by_id.values().map(|member| &**member)
    }

    pub fn ids(&self) -> Vec<Arc<str>> {
        self.by_id.keys().cloned().collect()
    }

    /// The member with an instance id.
    pub fn id_of_instance(&self, instance: &str) -> Option<&Arc<str>> {
        self.by_instance.get(instance)
    }

    /// How many wait for their JoinGroup.
    pub fn awaiting_join(&self) -> usize {
        self.awaiting_join
    }

    pub fn insert(&mut self, member: Member) {
        self.remove(&member.id.clone());
        if let Some(instance) = &member.instance_id {
            self.by_instance.insert(instance.clone(), Arc::clone(&member.id));
        }
        self.count(&member.protocols);
        self.awaiting_join += usize::from(member.join.is_some());
        self.by_id.insert(Arc::clone(&member.id), Box::new(member));
    }

    pub fn remove(&mut self, id: &str) -> Option<Member> {
        let member = self.by_id.remove(id)?;
        self.uncount(&member.protocols);
        self.awaiting_join -= usize::from(member.join.is_some());
        if let Some(instance) = &member.instance_id {
            self.by_instance.remove(instance);
        }
        Some(*member)
    }

    /// A member waits for its JoinGroup from now on, in place of an earlier one.
    pub fn await_join(&mut self, id: &str, reply: ReplyTo) {
        let Some(member) = self.by_id.get_mut(id) else { return };
        if member.join.replace(reply).is_none() {
            self.awaiting_join += 1;
        }
    }

    /// Whom to answer a member's JoinGroup, which waits no longer.
    pub fn take_join(&mut self, id: &str) -> Option<ReplyTo> {
        let reply = self.by_id.get_mut(id)?.join.take()?;
        self.awaiting_join -= 1;
        Some(reply)
    }

    /// A member speaks other protocols.
    pub fn set_protocols(&mut self, id: &str, protocols: &[Protocol]) {
        let Some(member) = self.by_id.get_mut(id) else { return };
        let before = std::mem::replace(&mut member.protocols, protocols.to_vec());
        self.uncount(&before);
        self.count(protocols);
    }

    /// True for a protocol that every member speaks.
    pub fn speaks(&self, name: &str) -> bool {
        self.spoken.get(name).copied().unwrap_or(0) == self.by_id.len()
    }

    /// The protocol that most members prefer among those that all speak; the preference of `leader` decides a tie.
    pub fn preferred_protocol(&self, leader: Option<&str>) -> Option<String> {
        let mut votes: BTreeMap<&str, usize> = BTreeMap::new();
        for member in self.by_id.values() {
            let vote = member.protocols.iter().find(|protocol| self.speaks(&protocol.name))?;
            *votes.entry(&vote.name).or_default() += 1;
        }
        let most = votes.values().copied().max()?;
        let leader = leader.and_then(|leader| self.by_id.get(leader));
        let preferences = leader.map_or(&[][..], |leader| &leader.protocols);
        let of_leader = preferences.iter().map(|protocol| &*protocol.name);
        let of_all = votes.keys().copied();
        of_leader.chain(of_all).find(|name| votes.get(name) == Some(&most)).map(str::to_owned)
    }

    /// The longest time that a member may take to join, in milliseconds.
    pub fn rebalance_timeout_ms(&self) -> i64 {
        self.iter().map(|member| i64::from(member.rebalance_timeout_ms)).max().unwrap_or(0)
    }

    fn count(&mut self, protocols: &[Protocol]) {
        for protocol in protocols {
            *self.spoken.entry(protocol.name.clone()).or_default() += 1;
        }
    }

    fn uncount(&mut self, protocols: &[Protocol]) {
        for protocol in protocols {
            if let Some(count) = self.spoken.get_mut(&protocol.name) {
                *count -= 1;
            }
        }
        self.spoken.retain(|_, count| *count > 0);
    }
}
