//! What a consumer does by itself while it is polled: topics, places to begin at, fetches, commits.

use std::collections::BTreeMap;

use tokio::time::Instant;

use super::assignment::{Key, Place, Position};
use super::event::Event;
use super::group::is_fatal;
use super::membership::Kind;
use super::settings::{GroupProtocol, OffsetReset};
use super::{Consumer, Subscription, WAIT_MAX};
use crate::admin::{FoundOffset, OffsetSpec};
use crate::clock::now_ms;
use crate::cluster::{Deadline, Target};
use crate::error::Error;
use crate::offsets::{Identity, Offsets, Wanted, commit, committed};
use crate::topics::TopicView;

/// Where log lines about positions come from, as Kafka's consumer names it.
const LOGGER: &str = "org.apache.kafka.clients.consumer.internals.SubscriptionState";

impl Consumer {
    /// Does everything that is due.
    pub(super) fn advance(&mut self) -> Result<(), Error> {
        self.is_dirty = false;
        let now = Instant::now();
        while self.tasks.try_join_next().is_some() {}
        self.advance_group(now);
        self.ask_topics(now);
        let outcome = self.find_places(now);
        self.fetch_on();
        self.auto_commit(now);
        self.wake_at = self.next_wake(now);
        outcome
    }

    fn next_wake(&self, now: Instant) -> Instant {
        let classic_due = match self.membership.as_ref().map(|membership| &membership.kind) {
            Some(Kind::Classic(classic)) => classic.due(),
            _ => None,
        };
        let commit_due =
            self.options.auto_commit.filter(|_| !self.auto_commit.is_running).map(|_| self.auto_commit.next);
        let waiting = self.assignment.iter().filter_map(|(_, _, partition)| partition.not_before);
        let times = [self.topics.due(), classic_due, commit_due].into_iter().flatten();
        // What is past was looked at just now: it waits for something else.
        times.chain(waiting).filter(|time| *time > now).min().unwrap_or(now + WAIT_MAX)
    }

    /// Takes what a task has found out. The error is one that the program has to be told.
    pub(super) fn take(&mut self, event: Event) -> Result<(), Error> {
        self.is_dirty = true;
        let now = Instant::now();
        match event {
            Event::Topics { told, is_all } => self.topics.learn(told, is_all, now),
            Event::Committed { keys, told } => self.found_committed(&keys, told, now),
            Event::Reset { keys, policy, told } => self.found_reset(&keys, policy, &told, now),
            Event::Fetched { broker, answer } => {
                let fallout = self.fetcher.answered(broker, &answer, &mut self.assignment, now);
                if fallout.is_stale {
                    self.topics.stale(now);
                }
                fallout.error.map_or(Ok(()), Err)
            }
            Event::AutoCommitted(outcome) => {
                self.auto_commit.is_running = false;
                if let Err(error) = outcome {
                    tracing::warn!(target: super::group::LOGGER, "[{}] Asynchronous auto-commit of offsets failed: {error}", self.cluster.name());
                }
                Ok(())
            }
            Event::Settled { change, outcome } => {
                self.settled(change, outcome);
                Ok(())
            }
            Event::Group(serial, event) => self.take_group_event(serial, event),
        }
    }

    fn ask_topics(&mut self, now: Instant) {
        if !self.topics.is_due(now) {
            return;
        }
        let is_all = matches!(self.subscription, Subscription::Pattern { .. });
        let mut names: Vec<String> = self.assignment.topics().map(|topic| topic.to_string()).collect();
        if let Subscription::Topics(topics) = &self.subscription {
            names.extend(topics.iter().cloned());
            names.sort();
            names.dedup();
        }
        if names.is_empty() && !is_all {
            return;
        }
        self.topics.asks();
        let (cluster, events) = (self.cluster.clone(), self.sender.clone());
        let may_create = self.options.may_create_topics;
        // Where the coordinator resolves the pattern, it decides about these.
        let excludes_internal =
            self.options.excludes_internal && self.options.protocol == GroupProtocol::Classic;
        let deadline = Deadline::after("metadata", self.options.api_timeout);
        self.tasks.spawn(async move {
            let told = if is_all {
                let all = cluster.all_topics(deadline).await;
                all.map(|mut views| {
                    let is_hidden = |view: &Result<TopicView, Error>| {
                        excludes_internal && view.as_ref().is_ok_and(|view| view.is_internal)
                    };
                    views.retain(|_, view| !is_hidden(view));
                    views
                })
            } else {
                let names: Vec<&str> = names.iter().map(String::as_str).collect();
                cluster.topics(&names, may_create, deadline).await
            };
            let _ = events.send(Event::Topics { told, is_all });
        });
    }

    /// As committed offsets are asked for: as the member that it is, or as one that only reads them.
    pub(super) fn identity(&self) -> Option<Identity> {
        match &self.membership {
            Some(membership) => membership.identity(),
            None => self.options.group.as_deref().map(Identity::outside),
        }
    }

    /// Asks where to begin in partitions of which that is not known.
    fn find_places(&mut self, now: Instant) -> Result<(), Error> {
        let (has_group, policy) = (self.options.group.is_some(), self.options.reset);
        let (mut to_commit, mut undefined) = (Vec::new(), Vec::new());
        let mut to_reset: Vec<(OffsetReset, Vec<Key>)> = Vec::new();
        let may_ask_group = self.identity().is_some();
        for (topic, number, partition) in self.assignment.iter_mut() {
            if partition.position().is_some() || !partition.may_ask(now) {
                continue;
            }
            if partition.place == Place::Committed && !has_group {
                partition.place = Place::Reset(policy);
            }
            let key = (std::sync::Arc::clone(topic), number);
            match partition.place {
                Place::Committed if may_ask_group => {
                    partition.is_asked = true;
                    to_commit.push(key);
                }
                Place::Reset(OffsetReset::None) => {
                    // It is told each time, until the program seeks.
                    undefined.push(format!("{topic}-{number}"));
                }
                Place::Reset(policy) => {
                    partition.is_asked = true;
                    match to_reset.iter_mut().find(|(other, _)| *other == policy) {
                        Some((_, keys)) => keys.push(key),
                        None => to_reset.push((policy, vec![key])),
                    }
                }
                Place::Committed | Place::At(_) => {}
            }
        }
        self.ask_committed(to_commit);
        for (policy, keys) in to_reset {
            self.ask_reset(policy, keys);
        }
        if undefined.is_empty() {
            return Ok(());
        }
        self.is_dirty = true;
        let partitions = undefined.join(", ");
        Err(Error::Invalid(format!("Undefined offset with no reset policy for partitions: [{partitions}]")))
    }

    fn ask_committed(&mut self, keys: Vec<Key>) {
        let Some(identity) = self.identity().filter(|_| !keys.is_empty()) else { return };
        let (cluster, events) = (self.cluster.clone(), self.sender.clone());
        let deadline = Deadline::after("offsetFetch", self.options.api_timeout);
        self.tasks.spawn(async move {
            let told = committed(&cluster, &identity, Wanted::Stable(&keys), deadline).await;
            let _ = events.send(Event::Committed { keys, told });
        });
    }

    fn found_committed(
        &mut self,
        keys: &[Key],
        told: Result<Offsets, Error>,
        now: Instant,
    ) -> Result<(), Error> {
        let wait = now + self.options.backoff.after(1);
        for key in keys {
            let Some(partition) = self.assignment.get_mut(&key.0, key.1) else { continue };
            // A seek, or another assignment, has overtaken the answer.
            if partition.place != Place::Committed || !partition.is_asked {
                continue;
            }
            partition.is_asked = false;
            match told.as_ref().map(|offsets| offsets.get(key)) {
                Ok(Some(committed)) => {
                    partition
                        .seek(Position { offset: committed.offset, leader_epoch: committed.leader_epoch });
                }
                Ok(None) => partition.reset(self.options.reset),
                Err(_) => partition.not_before = Some(wait),
            }
        }
        told.map(drop).or_else(|error| if is_fatal(&error) { Err(error) } else { Ok(()) })
    }

    fn ask_reset(&mut self, policy: OffsetReset, keys: Vec<Key>) {
        let spec = match policy {
            OffsetReset::Earliest => OffsetSpec::Earliest,
            OffsetReset::Latest => OffsetSpec::Latest,
            OffsetReset::ByDuration(back) => {
                OffsetSpec::Timestamp(now_ms() - i64::try_from(back.as_millis()).unwrap_or_default())
            }
            OffsetReset::None => return,
        };
        let (admin, events) = (self.admin.clone(), self.sender.clone());
        let isolation = self.options.isolation.id();
        self.tasks.spawn(async move {
            let asked: Vec<((String, i32), OffsetSpec)> =
                keys.iter().map(|(topic, number)| ((topic.to_string(), *number), spec)).collect();
            let told = admin.list_offsets_as(isolation, &asked).await.map(|found| {
                let found = found.into_iter();
                found.map(|((topic, number), offset)| ((topic.as_str().into(), number), offset)).collect()
            });
            let _ = events.send(Event::Reset { keys, policy, told });
        });
    }

    fn found_reset(
        &mut self,
        keys: &[Key],
        policy: OffsetReset,
        told: &Result<BTreeMap<Key, Result<FoundOffset, Error>>, Error>,
        now: Instant,
    ) -> Result<(), Error> {
        let wait = now + self.options.backoff.after(1);
        let mut fatal = None;
        for key in keys {
            let Some(partition) = self.assignment.get_mut(&key.0, key.1) else { continue };
            if partition.place != Place::Reset(policy) || !partition.is_asked {
                continue;
            }
            partition.is_asked = false;
            let found = match told {
                Ok(found) => found
                    .get(key)
                    .cloned()
                    .unwrap_or_else(|| Err(Error::server(model::ErrorCode::UNKNOWN_TOPIC_OR_PARTITION))),
                Err(error) => Err(error.clone()),
            };
            match found {
                Ok(FoundOffset { offset, .. }) if offset >= 0 => {
                    let client = self.cluster.name();
                    tracing::info!(target: LOGGER, "[{client}] Resetting offset for partition {}-{} to position {offset}.", key.0, key.1);
                    // No record was read before it, so that there is no epoch to be committed.
                    partition.seek(Position { offset, leader_epoch: -1 });
                }
                // No record is that young.
                Ok(_) => partition.reset(OffsetReset::Latest),
                Err(error) => {
                    partition.not_before = Some(wait);
                    self.topics.stale(now);
                    if is_fatal(&error) {
                        fatal = Some(error);
                    }
                }
            }
        }
        fatal.map_or(Ok(()), Err)
    }

    /// Sends the fetches that can be sent.
    pub(super) fn fetch_on(&mut self) {
        let calls = self.fetcher.calls(&self.assignment, &self.topics, Instant::now());
        self.has_begun_fetches |= !calls.is_empty();
        for call in calls {
            let (cluster, events) = (self.cluster.clone(), self.sender.clone());
            let deadline = Deadline::after("fetch", self.options.api_timeout);
            self.tasks.spawn(async move {
                let fetch = async {
                    let link = cluster.connection(Target::Node(call.broker), deadline).await?;
                    link.call(&call.request, call.versions).await
                };
                let answer = fetch.await;
                let _ = events.send(Event::Fetched { broker: call.broker, answer });
            });
        }
    }

    /// Commits the positions where it is time to.
    fn auto_commit(&mut self, now: Instant) {
        let Some(interval) = self.options.auto_commit else { return };
        if self.auto_commit.is_running || now < self.auto_commit.next || self.change.is_some() {
            return;
        }
        self.auto_commit.next = now + interval;
        let positions = self.assignment.positions().into_iter();
        let offsets: Offsets = positions.map(|(key, position)| (key, position.committed())).collect();
        let Some(identity) = self.identity().filter(|_| !offsets.is_empty()) else { return };
        self.auto_commit.is_running = true;
        let (cluster, events) = (self.cluster.clone(), self.sender.clone());
        let deadline = Deadline::after("offsetCommit", self.options.api_timeout);
        self.tasks.spawn(async move {
            let outcome = commit(&cluster, &identity, &offsets, deadline).await;
            let _ = events.send(Event::AutoCommitted(outcome));
        });
    }
}
