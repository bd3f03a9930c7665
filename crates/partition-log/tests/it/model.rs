//! Random operations against the simplest model of a log: a list of values with gaps nowhere.

use std::sync::Arc;

use model::Offset;
use partition_log::{PartitionLog, RecoveryStart};
use proptest::prelude::*;

use crate::support::*;

#[derive(Debug, Clone)]
enum Step {
    Append(i64),
    Roll,
    Flush,
    Truncate(usize),
    Advance(usize),
    ReopenClean,
    Crash,
    /// A crash before any checkpoint was written.
    CrashStale,
    Read(usize, usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (1i64..8).prop_map(Step::Append),
        1 => Just(Step::Roll),
        1 => Just(Step::Flush),
        1 => (0usize..1000).prop_map(Step::Truncate),
        1 => (0usize..1000).prop_map(Step::Advance),
        1 => Just(Step::ReopenClean),
        1 => Just(Step::Crash),
        1 => Just(Step::CrashStale),
        4 => ((0usize..1000), (1usize..3000)).prop_map(|(at, max)| Step::Read(at, max)),
    ]
}

/// Values by offset from `start`; batches remembered by base offset, for truncation goes by whole batches.
#[derive(Debug, Default)]
struct Model {
    start: Offset,
    end: Offset,
    batches: Vec<(Offset, Offset, Offset)>,
}

impl Model {
    /// An offset somewhere in the log, both ends included.
    fn pick(&self, at: usize) -> Offset {
        self.start + (at as i64) % (self.end - self.start + 1)
    }

    /// The end that must survive a reopening: that of the last batch, or the start.
    fn batch_end(&self) -> Offset {
        self.batches.last().map_or(self.start, |(_, end, _)| *end).max(self.start)
    }

    /// Without a checkpoint the log starts at the first segment there is, below the start that was asked for.
    fn start_over(&mut self, start: Offset) {
        assert!(start <= self.start, "{start} {self:?}");
        self.start = start;
        if self.batches.last().is_none_or(|(_, end, _)| *end <= start) {
            self.batches.clear();
        }
    }

    fn expected(&self, from: Offset) -> Vec<(Offset, Vec<u8>)> {
        let mut found = Vec::new();
        for &(base, end, label) in &self.batches {
            for offset in base.max(from)..end {
                let number = label + offset - base;
                found.push((offset, format!("value {number:040}").into_bytes()));
            }
        }
        found
    }
}

fn run(steps: &[Step]) {
    let folder = tempfile::tempdir().unwrap();
    let mut log = open(folder.path(), &small(), CLEAN);
    let mut model = Model::default();
    let mut label = 0;
    for step in steps {
        match *step {
            Step::Append(count) => {
                let appended = append(&log, &batch(label, count).producer(5, 0, (label % (1 << 31)) as i32));
                let appended = appended.unwrap();
                assert_eq!(appended.base_offset, model.end);
                model.batches.push((model.end, model.end + count, label));
                model.end += count;
                label += count;
            }
            Step::Roll => log.roll(1_000_000).unwrap(),
            Step::Flush => assert_eq!(log.flush().unwrap(), model.end),
            Step::Truncate(at) => {
                let to = model.pick(at);
                log.truncate_to(to, 1_000_000).unwrap();
                let kept = model.batches.partition_point(|(_, end, _)| *end <= to);
                // The producer state follows the log, so the next sequence is that of the first batch cut.
                label = model.batches.get(kept).map_or(label, |(_, _, first)| *first);
                // Truncating at or past the end does nothing.
                if to < model.end {
                    model.batches.truncate(kept);
                    model.end = model.batch_end();
                }
            }
            Step::Advance(at) => {
                model.start = model.pick(at);
                log.advance_log_start(model.start).unwrap();
            }
            Step::ReopenClean => {
                log.close().unwrap();
                log = reopen(log, folder.path(), true);
            }
            Step::Crash => log = reopen(log, folder.path(), false),
            Step::CrashStale => {
                drop(log);
                log = open(folder.path(), &small(), CRASHED);
                model.start_over(log.log_start_offset());
            }
            Step::Read(at, bytes_max) => {
                let from = model.pick(at);
                assert_eq!(read_by(&log, from, bytes_max), model.expected(from));
            }
        }
        if let Step::ReopenClean | Step::Crash | Step::CrashStale = step {
            // The start may have gone back, and an end that was no batch's but the start's with it.
            model.end = model.batch_end();
        }
        assert_eq!((log.log_start_offset(), log.log_end_offset()), (model.start, model.end), "{step:?}");
    }
    assert_eq!(read_all(&log, model.start), model.expected(model.start));
}

fn reopen(log: PartitionLog, folder: &std::path::Path, clean: bool) -> PartitionLog {
    let (recovery_point, log_start_offset) = (log.recovery_point(), log.log_start_offset());
    drop(log);
    let recovery = RecoveryStart { clean_shutdown: clean, recovery_point, log_start_offset };
    PartitionLog::open(&home(), &folder.join("t-0"), Arc::new(small()), recovery, 1_000_000).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_sequence_of_operations_agrees_with_the_model(steps in proptest::collection::vec(step(), 1..60)) {
        run(&steps);
    }
}
