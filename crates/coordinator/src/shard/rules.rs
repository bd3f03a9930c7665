//! What all decisions of a shard follow: settings, those that groups have of their own, and how far topics have come.

use std::collections::HashMap;
use std::sync::Arc;

use crate::group::{classic, consumer};
use crate::settings::{GroupOverrides, GroupSettings};
use crate::step::Step;
use crate::topics::TopicView;

/// What the decisions of a shard follow.
#[derive(Debug, Default)]
pub struct Rules {
    pub settings: GroupSettings,
    /// By group.
    pub overrides: HashMap<Arc<str>, GroupOverrides>,
    /// The version of the metadata in which topics were last created; `None` before the host has told of any.
    pub topics_created_in: Option<i64>,
    pub topic_hashes: consumer::TopicHashes,
}

impl Rules {
    /// Times of a group.
    pub fn pace(&self, group: &str) -> consumer::Pace {
        let own = self.overrides.get(group).copied().unwrap_or_default();
        let settings = &self.settings.consumer;
        consumer::Pace {
            session_timeout_ms: settings.session_timeout_ms.of(own.session_timeout_ms),
            heartbeat_interval_ms: settings.heartbeat_interval_ms.of(own.heartbeat_interval_ms),
            assignment_interval_ms: settings.assignment_interval_ms.of(own.assignment_interval_ms),
        }
    }

    /// For a decision about a classic group.
    pub fn classic<'a>(&'a self, now_ms: i64, step: &'a mut Step) -> classic::Turn<'a> {
        classic::Turn { now_ms, settings: &self.settings, step }
    }

    /// For a decision about a consumer group.
    pub fn consumer<'a>(
        &'a self,
        group: &str,
        now_ms: i64,
        topics: &'a dyn TopicView,
        step: &'a mut Step,
    ) -> consumer::Turn<'a> {
        consumer::Turn {
            now_ms,
            settings: &self.settings,
            pace: self.pace(group),
            topics,
            topic_hashes: &self.topic_hashes,
            topics_created_in: self.topics_created_in,
            step,
        }
    }
}
