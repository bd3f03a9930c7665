//! What membership of a group does to a consumer: partitions come and go.

use std::collections::BTreeSet;

use model::{ErrorCode, Uuid};
use tokio::time::Instant;

use super::assignment::{Key, Place, without};
use super::event::Event;
use super::group::{Classic, Context, GroupEvent, Interest, LOGGER, Modern, is_fatal, is_lost};
use super::settings::GroupProtocol;
use super::{Consumer, Subscription};
use crate::cluster::Deadline;
use crate::error::Error;
use crate::offsets::{Identity, Offsets, commit};

/// A member in either protocol.
#[derive(Debug)]
pub(super) struct Membership {
    pub(super) context: Context,
    pub(super) kind: Kind,
}

#[derive(Debug)]
pub(super) enum Kind {
    Classic(Classic),
    Modern(Modern),
}

/// Partitions are given up, once what has to be committed for them is.
#[derive(Debug)]
pub(super) struct Change {
    /// Tells it from those before it, whose commits may be answered late.
    number: u64,
    gone: Vec<Key>,
    then: Then,
}

/// What follows when partitions were given up.
#[derive(Debug)]
enum Then {
    /// A round of the classic protocol.
    Join(Interest),
    /// A round in which others get what was given up.
    JoinAgain,
    /// These are read, and the coordinator is told so.
    Own { partitions: Vec<Key>, ids: Vec<(Uuid, i32)> },
}

impl Membership {
    pub(super) fn new(context: Context) -> Membership {
        let kind = match context.options.protocol {
            GroupProtocol::Classic => Kind::Classic(Classic::new(context.clone())),
            GroupProtocol::Consumer => Kind::Modern(Modern::new(&context)),
        };
        Membership { context, kind }
    }

    /// As offsets are committed; `None` while it is no member.
    pub(super) fn identity(&self) -> Option<Identity> {
        let (member_id, generation, is_epoch) = match &self.kind {
            Kind::Classic(classic) => (&classic.member_id, classic.generation, false),
            Kind::Modern(modern) => (&modern.member_id, modern.epoch, true),
        };
        (generation >= 0).then(|| Identity {
            group: self.context.group.clone(),
            member_id: member_id.clone(),
            instance: self.context.options.instance.clone(),
            generation,
            is_epoch,
        })
    }
}

impl Consumer {
    /// Goes on with the membership as far as nothing has to be waited for.
    pub(super) fn advance_group(&mut self, now: Instant) {
        let Some(interest) = self.interest() else { return };
        if self.change.is_some() {
            return;
        }
        let Some(membership) = &mut self.membership else { return };
        match &mut membership.kind {
            Kind::Classic(classic) => {
                classic.check_counts(&self.topics.counts(&interest.topics));
                if classic.is_due(&interest, now) {
                    let is_unread = |key: &Key| !interest.topics.contains(&*key.0);
                    let owned = self.assignment.keys();
                    let gone = match classic.is_cooperative() {
                        true => owned.into_iter().filter(is_unread).collect(),
                        false => owned,
                    };
                    self.give_up(gone, Then::Join(interest));
                }
            }
            Kind::Modern(modern) => {
                modern.want(&interest);
                let Some(target) = modern.target.take() else { return };
                self.reconcile(target);
            }
        }
    }

    /// What the member reads; `None` where that is not known yet, or nothing.
    fn interest(&self) -> Option<Interest> {
        match &self.subscription {
            Subscription::Nothing | Subscription::Assigned => None,
            Subscription::Topics(topics) => Some(Interest { topics: topics.clone(), pattern: None }),
            Subscription::Pattern { text, .. } if self.options.protocol == GroupProtocol::Consumer => {
                Some(Interest { topics: BTreeSet::new(), pattern: Some(text.clone()) })
            }
            Subscription::Pattern { regex, .. } => {
                let topics = self.topics.names().filter(|topic| regex.is_match(topic)).map(str::to_owned);
                Some(Interest { topics: topics.collect(), pattern: None }).filter(|_| self.topics.are_known())
            }
        }
    }

    /// Moves towards what the coordinator wants this member to read.
    fn reconcile(&mut self, target: Vec<(Uuid, i32)>) {
        let named = |(id, number): &(Uuid, i32)| Some((self.topics.by_id(*id)?, *number));
        let keys: Option<Vec<Key>> = target.iter().map(named).collect();
        let Some(mut keys) = keys else {
            // The names of these topics have to be learnt first.
            self.topics.stale(Instant::now());
            if let Some(modern) = self.modern() {
                modern.target = Some(target);
            }
            return;
        };
        keys.sort();
        let gone = without(&self.assignment.keys(), &keys);
        self.give_up(gone, Then::Own { partitions: keys, ids: target });
    }

    /// Gives partitions up: what was read is committed first, where offsets are committed without being asked or the listener
    /// wants it.
    fn give_up(&mut self, gone: Vec<Key>, then: Then) {
        let offsets = self.parting_offsets(&gone);
        self.changes += 1;
        let number = self.changes;
        self.change = Some(Change { number, gone, then });
        let identity =
            self.membership.as_ref().and_then(Membership::identity).filter(|_| !offsets.is_empty());
        let Some(identity) = identity else { return self.settled(number, Ok(())) };
        let (cluster, events) = (self.cluster.clone(), self.sender.clone());
        let deadline =
            Deadline::after("offsetCommit", self.options.api_timeout.min(self.options.poll_interval_max));
        self.tasks.spawn(async move {
            let outcome = commit(&cluster, &identity, &offsets, deadline).await;
            let _ = events.send(Event::Settled { change: number, outcome });
        });
    }

    /// What is to be committed before partitions go: the positions where that happens without being asked, and what the listener
    /// wants.
    fn parting_offsets(&mut self, gone: &[Key]) -> Offsets {
        let mut offsets = Offsets::new();
        if gone.is_empty() {
            return offsets;
        }
        if self.options.auto_commit.is_some() {
            let positions = self.assignment.positions().into_iter();
            offsets.extend(positions.map(|(key, position)| (key, position.committed())));
        }
        if let Some(listener) = &mut self.listener {
            let wanted = listener.revoked(&shown(gone)).into_iter();
            offsets.extend(wanted.map(|((topic, number), offset)| ((topic.as_str().into(), number), offset)));
        }
        offsets
    }

    /// What had to be committed is, or cannot be: the partitions go.
    pub(super) fn settled(&mut self, change: u64, outcome: Result<(), Error>) {
        if let Err(error) = outcome {
            tracing::warn!(target: LOGGER, "[{}] Offsets could not be committed before partitions were given up: {error}", self.cluster.name());
        }
        self.is_dirty = true;
        let Some(Change { gone, then, .. }) = self.change.take_if(|waiting| waiting.number == change) else {
            return;
        };
        self.assignment.remove(&gone);
        match then {
            Then::Join(interest) => {
                let owned = self.assignment.keys();
                if let Some(classic) = self.classic() {
                    classic.join(interest, &owned);
                }
            }
            Then::JoinAgain => {
                if let Some(classic) = self.classic() {
                    classic.rejoin();
                }
            }
            Then::Own { partitions, ids } => {
                self.receive(&partitions);
                if let Some(modern) = self.modern() {
                    modern.own(ids);
                }
            }
        }
    }

    fn classic(&mut self) -> Option<&mut Classic> {
        match &mut self.membership.as_mut()?.kind {
            Kind::Classic(classic) => Some(classic),
            Kind::Modern(_) => None,
        }
    }

    fn modern(&mut self) -> Option<&mut Modern> {
        match &mut self.membership.as_mut()?.kind {
            Kind::Classic(_) => None,
            Kind::Modern(modern) => Some(modern),
        }
    }

    /// Reads these partitions as well.
    fn receive(&mut self, partitions: &[Key]) {
        let new = without(partitions, &self.assignment.keys());
        tracing::info!(target: LOGGER, "[{}] Adding newly assigned partitions: {:?}", self.cluster.name(), shown(&new));
        self.assignment.add(&new, Place::Committed);
        self.topics.expire();
        if let Some(listener) = &mut self.listener {
            listener.assigned(&shown(&new));
        }
    }

    /// The membership is over without having been given up: others may read these partitions by now.
    fn lose(&mut self) {
        self.change = None;
        let lost = self.assignment.keys();
        if let Some(listener) = self.listener.as_mut().filter(|_| !lost.is_empty()) {
            listener.lost(&shown(&lost));
        }
        self.assignment.remove(&lost);
    }

    /// Takes what the group has to say. The error is one that the program has to be told.
    pub(super) fn take_group_event(&mut self, serial: u64, event: GroupEvent) -> Result<(), Error> {
        if self.membership.as_ref().is_none_or(|membership| membership.context.serial != serial) {
            // It comes from a membership that was ended.
            return Ok(());
        }
        match event {
            GroupEvent::Round(outcome) => {
                if outcome.as_ref().is_err_and(is_lost) {
                    self.lose();
                }
                let Some(classic) = self.classic() else { return Ok(()) };
                if let Some(partitions) = classic.joined(outcome)? {
                    self.joined(&partitions);
                }
            }
            GroupEvent::Refused { generation, error } => {
                let Some(classic) = self.classic().filter(|classic| classic.generation == generation) else {
                    return Ok(());
                };
                if error.code() == Some(ErrorCode::REBALANCE_IN_PROGRESS) {
                    classic.rejoin();
                    return Ok(());
                }
                self.begin_anew();
                if is_fatal(&error) {
                    return Err(error);
                }
            }
            GroupEvent::Target { epoch, partitions } => {
                if let Some(modern) = self.modern() {
                    modern.epoch = epoch;
                    modern.target = Some(partitions);
                }
            }
            GroupEvent::Epoch(epoch) => {
                if let Some(modern) = self.modern() {
                    modern.epoch = epoch;
                }
            }
            GroupEvent::Lost(error) => {
                tracing::info!(target: LOGGER, "[{}] The group does not know this member any more: {error}", self.cluster.name());
                self.begin_anew();
            }
            GroupEvent::TooSeldom => self.begin_anew(),
            GroupEvent::Fatal(error) => {
                self.begin_anew();
                return Err(error);
            }
        }
        Ok(())
    }

    fn begin_anew(&mut self) {
        match self.membership.as_mut().map(|membership| &mut membership.kind) {
            Some(Kind::Classic(classic)) => classic.forget(),
            Some(Kind::Modern(modern)) => {
                modern.epoch = -1;
                modern.target = None;
                modern.rejoin();
            }
            None => {}
        }
        self.lose();
    }

    /// A round of the classic protocol gave these partitions.
    fn joined(&mut self, partitions: &[Key]) {
        let gone = without(&self.assignment.keys(), partitions);
        if !gone.is_empty() {
            // Only with cooperative assignors: what others get is given up now, and theirs in the next round. The listener
            // hears of it first, as with Kafka's consumer.
            self.give_up(gone, Then::JoinAgain);
        }
        self.receive(partitions);
    }

    /// Ends the membership, with a commit where offsets are committed without being asked.
    pub(super) async fn leave_group(&mut self, reason: &'static str) {
        let Some(mut membership) = self.membership.take() else { return };
        self.change = None;
        let owned = self.assignment.keys();
        let offsets = self.parting_offsets(&owned);
        self.assignment.remove(&owned);
        if let Some(identity) = membership.identity().filter(|_| !offsets.is_empty()) {
            let deadline = Deadline::after("offsetCommit", self.options.api_timeout);
            if let Err(error) = commit(&self.cluster, &identity, &offsets, deadline).await {
                tracing::warn!(target: LOGGER, "[{}] Offsets could not be committed at the end: {error}", self.cluster.name());
            }
        }
        match &mut membership.kind {
            Kind::Classic(classic) => classic.leave(reason).await,
            Kind::Modern(modern) => {
                let context = membership.context.clone();
                modern.leave(&context).await;
            }
        }
    }
}

/// Partitions as programs see them.
fn shown(keys: &[Key]) -> Vec<(String, i32)> {
    keys.iter().map(|(topic, number)| (topic.to_string(), *number)).collect()
}
