//! Offset commits and changes of consumer groups that come in one pass of a core: they are appended as one batch.
//!
//! A pass is what a core does for the connections that were ready when it looked. The first of these decisions leaves a
//! task behind those connections in the core's queue, and that task appends what has come until then. Whatever else is
//! decided in the shard meanwhile is appended behind them.

use std::time::Duration;

use coordinator::{Answer, Record, ReplyTo};
use model::TimestampMs;
use protocol::messages::GroupKey;

use super::appending::{Batch, Encoded};

/// How long records wait for others (`group.coordinator.append.linger.ms`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Linger {
    /// Not at all.
    None,
    /// Until the end of the pass.
    Pass,
    /// That long.
    For(Duration),
}

impl Linger {
    /// As the setting says, -1 standing for the pass.
    pub fn of_setting(ms: i32) -> Linger {
        match u64::try_from(ms) {
            Err(_) => Linger::Pass,
            Ok(0) => Linger::None,
            Ok(ms) => Linger::For(Duration::from_millis(ms)),
        }
    }
}

/// Decisions that are appended together.
#[derive(Debug)]
pub struct Gathering {
    /// Their records.
    pub batch: Batch,
    /// The same, for the shard to know once they are appended.
    pub records: Vec<Record>,
    /// What their clients are told then.
    pub answers: Vec<(ReplyTo, Answer)>,
}

impl Gathering {
    /// Nothing, to be filled into `batch`.
    pub fn new(batch: Batch) -> Gathering {
        Gathering { batch, records: Vec::new(), answers: Vec::new() }
    }

    /// Adds a decision, whose records are `encoded`.
    pub fn add(
        &mut self,
        records: Vec<Record>,
        encoded: &Encoded,
        answers: Vec<(ReplyTo, Answer)>,
        now_ms: TimestampMs,
    ) {
        self.batch.push(encoded, now_ms);
        self.records.extend(records);
        self.answers.extend(answers);
    }
}

/// True for records that may wait: nothing that is decided before they are appended depends on that. Offsets hold once
/// they are; consumer groups have changed already, and only who asked has to wait.
pub fn may_wait(records: &[Record]) -> bool {
    let may_wait = |record: &Record| match record.key {
        GroupKey::OffsetCommit(_) | GroupKey::ConsumerGroupMetadata(_) => record.value.is_some(),
        GroupKey::GroupMetadata(_) => false,
        _ => true,
    };
    !records.is_empty() && records.iter().all(may_wait)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_setting_names_the_pass_nothing_or_a_time() {
        assert_eq!(Linger::of_setting(-1), Linger::Pass);
        assert_eq!(Linger::of_setting(0), Linger::None);
        assert_eq!(Linger::of_setting(5), Linger::For(Duration::from_millis(5)));
    }
}
