//! What waits of one partition.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use records::BatchBuilder;
use tokio::time::Instant;

use super::super::delivery::BatchOutcome;
use super::super::settings::ProducerOptions;
use super::batch::{Batch, Identity};
use crate::topics::TopicView;

/// The batches of one partition that wait, in the order they were begun, and what is known of those under way.
#[derive(Debug, Default)]
pub(super) struct Queue {
    pub(super) waiting: VecDeque<Batch>,
    pub(super) in_flight: usize,
    pub(super) begun: u64,
    /// Sequence number of the next record that is sent for the first time.
    pub(super) next_sequence: i32,
    /// Sequence number that the server expects next, by what it has acknowledged.
    pub(super) expected_sequence: i32,
    /// True once the server has acknowledged a batch of the current identity.
    pub(super) is_known: bool,
}

impl Queue {
    pub(super) fn begin(
        &mut self,
        view: &TopicView,
        partition: i32,
        options: &ProducerOptions,
        reserved: usize,
        now: Instant,
    ) {
        self.begun += 1;
        self.waiting.push_back(Batch {
            topic: Arc::clone(&view.name),
            topic_id: view.id,
            partition,
            number: self.begun,
            builder: BatchBuilder::with_capacity(reserved).compression(options.codec),
            outcome: BatchOutcome::new(Arc::clone(&view.name), partition),
            created: now,
            attempts: 0,
            not_before: None,
            sequence: None,
            reserved,
        });
    }

    /// Takes out batches that have waited too long.
    pub(super) fn expire(&mut self, now: Instant, delivery_timeout: Duration, expired: &mut Vec<Batch>) {
        while self.waiting.front().is_some_and(|batch| now >= batch.created + delivery_timeout) {
            expired.extend(self.waiting.pop_front());
        }
    }

    /// When the first batch may be sent; `None` where there is none, or another one has to be answered before.
    pub(super) fn ready_at(&self, hurries: bool, options: &ProducerOptions) -> Option<Instant> {
        let first = self.waiting.front()?;
        // What is sent again goes alone: what followed it is refused until it is there.
        if first.attempts > 0 && self.in_flight > 0 {
            return None;
        }
        // A server that knows nothing of a producer takes any sequence number from it as the first one: were the first batch
        // refused and the second one taken, the first could never follow.
        if options.is_idempotent && !self.is_known && self.in_flight > 0 {
            return None;
        }
        if let Some(time) = first.not_before {
            return Some(time);
        }
        let is_done = hurries || self.waiting.len() > 1 || first.is_full(options.batch_bytes);
        Some(if is_done { first.created } else { first.created + options.linger })
    }

    pub(super) fn take(&mut self, identity: Option<Identity>) -> Option<Batch> {
        let mut batch = self.waiting.pop_front()?;
        if let (Some(identity), None) = (identity, batch.sequence) {
            batch.sequence = Some((identity, self.next_sequence));
            self.next_sequence = records::add_sequence(self.next_sequence, batch.records());
        }
        batch.attempts += 1;
        self.in_flight += 1;
        Some(batch)
    }
}
