//! What a consumer knows of topics, and when it asks anew.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use model::ErrorCode;
use tokio::time::Instant;

use crate::backoff::Backoff;
use crate::error::Error;
use crate::topics::{TopicView, TopicViews, named};

/// Topics as they were when they were asked for last.
#[derive(Debug)]
pub(crate) struct Topics {
    views: BTreeMap<String, TopicView>,
    age_max: Duration,
    backoff: Backoff,
    /// When they are asked for again.
    due: Instant,
    failures: u32,
    is_asking: bool,
    are_known: bool,
}

impl Topics {
    pub(crate) fn new(age_max: Duration, backoff: Backoff) -> Topics {
        Topics {
            views: BTreeMap::new(),
            age_max,
            backoff,
            due: Instant::now(),
            failures: 0,
            is_asking: false,
            are_known: false,
        }
    }

    pub(crate) fn get(&self, topic: &str) -> Option<&TopicView> {
        self.views.get(topic)
    }

    /// True once they were told.
    pub(crate) fn are_known(&self) -> bool {
        self.are_known
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.views.keys().map(String::as_str)
    }

    pub(crate) fn by_id(&self, id: model::Uuid) -> Option<Arc<str>> {
        self.views.values().find(|view| view.id == id).map(|view| Arc::clone(&view.name))
    }

    /// Numbers of partitions of some topics, to see whether they change.
    pub(crate) fn counts(&self, topics: &BTreeSet<String>) -> BTreeMap<String, i32> {
        let known = topics.iter().filter_map(|topic| Some((topic.clone(), self.get(topic)?.partitions())));
        known.collect()
    }

    /// True where they have to be asked for now; whoever asks says so with [`Topics::asks`].
    pub(crate) fn is_due(&self, now: Instant) -> bool {
        !self.is_asking && self.due <= now
    }

    /// When they are due, `None` while they are being asked for.
    pub(crate) fn due(&self) -> Option<Instant> {
        (!self.is_asking).then_some(self.due)
    }

    pub(crate) fn asks(&mut self) {
        self.is_asking = true;
    }

    /// Others are wanted than before.
    pub(crate) fn expire(&mut self) {
        self.due = Instant::now();
    }

    /// Something in them does not hold any more: they are asked for again, though not at once each time.
    pub(crate) fn stale(&mut self, now: Instant) {
        if self.failures == 0 {
            self.failures = 1;
        }
        self.due = self.due.min(now + self.backoff.after(self.failures));
    }

    /// Takes what was answered. `is_all` says that topics that are not in it do not exist. The error is one that the program
    /// has to be told.
    pub(crate) fn learn(
        &mut self,
        told: Result<TopicViews, Error>,
        is_all: bool,
        now: Instant,
    ) -> Result<(), Error> {
        self.is_asking = false;
        let views = match told {
            Ok(views) => views,
            Err(error) => {
                self.again(now);
                return if error.is_retriable() || matches!(error, Error::Timeout(_)) {
                    Ok(())
                } else {
                    Err(error)
                };
            }
        };
        self.are_known = true;
        if is_all {
            self.views.clear();
        }
        let (mut is_whole, mut refused) = (true, None);
        for (name, view) in views {
            match view {
                Ok(view) => {
                    is_whole &= view.leaders.iter().all(|leader| leader.broker.is_some());
                    self.views.insert(name, view);
                }
                Err(error) => {
                    is_whole = false;
                    // One without a leader at the moment is still the same topic.
                    if error.code() != Some(ErrorCode::LEADER_NOT_AVAILABLE) {
                        self.views.remove(&name);
                    }
                    if !error.is_retriable() {
                        refused = Some(named(error, &name));
                    }
                }
            }
        }
        if is_whole {
            self.failures = 0;
            self.due = now + self.age_max;
        } else {
            self.again(now);
        }
        refused.map_or(Ok(()), Err)
    }

    fn again(&mut self, now: Instant) {
        self.failures += 1;
        self.due = now + self.backoff.after(self.failures);
    }
}
