//! What a log should hold: every batch that was appended, and what a crash may leave of them.

use records::{BatchBuilder, EndTxnMarker};

/// The producers of a run: none, an idempotent one, a transactional one.
pub const IDEMPOTENT: i64 = 7;
pub const TRANSACTIONAL: i64 = 8;
/// Time of the record with label 0; labels are milliseconds.
pub const FIRST_MS: i64 = 1_000_000;

/// What a batch is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Records of nobody in particular.
    Plain,
    /// Records of a producer with a base sequence.
    Produced(i64, i32),
    /// The end of the open transaction; true where it was committed.
    Marker(bool),
}

/// A batch that was appended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Batch {
    /// First offset.
    pub base: i64,
    /// Offset after the last.
    pub end: i64,
    /// Number of its first record, which no other record has.
    pub label: i64,
    /// Its leader epoch.
    pub epoch: i32,
    /// What it is.
    pub kind: Kind,
}

/// A log as it should be.
#[derive(Debug, Clone, Default)]
pub struct LogModel {
    /// Every batch, those below the start included.
    pub batches: Vec<Batch>,
    /// First offset that may be read.
    pub start: i64,
    /// Offset of the next record.
    pub end: i64,
    /// Offset up to which a flush has succeeded.
    pub flushed: i64,
}

/// What was found on a disk.
#[derive(Debug, Clone, Default)]
pub struct FoundLog {
    /// First offset that may be read.
    pub start: i64,
    /// Offset of the next record.
    pub end: i64,
    /// Bases, ends and labels of its batches.
    pub batches: Vec<(i64, i64, i64)>,
}

impl Batch {
    /// The bytes a producer sends.
    pub fn builder(&self) -> BatchBuilder {
        let count = self.end - self.base;
        let mut builder = match self.kind {
            Kind::Marker(committed) => {
                let marker = EndTxnMarker { committed, coordinator_epoch: 0 };
                return marker.batch(TRANSACTIONAL, 0, FIRST_MS + self.label);
            }
            Kind::Plain => BatchBuilder::new(),
            Kind::Produced(id, sequence) => {
                let builder = BatchBuilder::new().producer(id, 0, sequence);
                if id == TRANSACTIONAL { builder.transactional() } else { builder }
            }
        };
        for label in self.label..self.label + count {
            let value = format!("{label} {}", "x".repeat((label % 61) as usize));
            builder.push(FIRST_MS + label, Some(b"key"), Some(value.as_bytes()), &[]);
        }
        builder
    }
}

impl LogModel {
    /// The sequence number that `producer` goes on with.
    pub fn next_sequence(&self, producer: i64) -> i32 {
        let last = self.batches.iter().rev().find_map(|batch| match batch.kind {
            Kind::Produced(id, sequence) if id == producer => {
                Some(sequence + (batch.end - batch.base) as i32)
            }
            _ => None,
        });
        last.unwrap_or(0)
    }

    /// True where the log knows the sequence number of a producer, or that there was none: all of its batches may have
    /// been deleted with the start of the log.
    pub fn remembers(&self, producer: i64) -> bool {
        let is_of = |batch: &&Batch| matches!(batch.kind, Kind::Produced(id, _) if id == producer);
        self.batches.iter().rfind(is_of).is_none_or(|batch| batch.base >= self.start)
    }

    /// True while a transaction is open.
    pub fn has_open_transaction(&self) -> bool {
        let last = self.batches.iter().rev().find_map(|batch| match batch.kind {
            Kind::Produced(TRANSACTIONAL, _) => Some(true),
            Kind::Marker(_) => Some(false),
            _ => None,
        });
        last.unwrap_or(false)
    }

    /// First and last offset, from `start` on, of each transaction that was aborted.
    pub fn aborted(&self, start: i64) -> Vec<(i64, i64)> {
        let (mut open, mut aborted) = (None, Vec::new());
        for batch in self.batches.iter().filter(|batch| batch.base >= start) {
            match batch.kind {
                Kind::Produced(TRANSACTIONAL, _) => open = open.or(Some(batch.base)),
                Kind::Marker(committed) => {
                    if let Some(first) = open.take().filter(|_| !committed) {
                        aborted.push((first, batch.base));
                    }
                }
                _ => {}
            }
        }
        aborted
    }

    /// Makes `end` the end; the batches from it on are gone.
    pub fn truncate(&mut self, end: i64) {
        self.batches.retain(|batch| batch.end <= end);
        self.end = end;
        self.flushed = self.flushed.min(end);
    }
}

/// Whether `found` may be what a crash left that came after `before` was reached and before `next` was: the log of
/// both up to some batch; all of what both hold where the system went on (`is_killed`), else all that was flushed.
pub fn judge(found: &FoundLog, before: &LogModel, next: &LogModel, is_killed: bool) -> Result<(), String> {
    if found.start > before.start.max(next.start) {
        return Err(format!("it starts at {}, after {}", found.start, before.start.max(next.start)));
    }
    let (shorter, longer) =
        if before.batches.len() <= next.batches.len() { (before, next) } else { (next, before) };
    let mut expected = longer.batches.iter().filter(|batch| batch.end > found.start).peekable();
    let mut reached = found.start.max(expected.peek().map_or(0, |batch| batch.base));
    for (base, end, label) in &found.batches {
        match expected.next() {
            Some(batch) if (batch.base, batch.end, batch.label) == (*base, *end, *label) => reached = *end,
            other => return Err(format!("the batch {base} to {end} of label {label} should be {other:?}")),
        }
    }
    let kept = if is_killed {
        shorter.batches.last().map_or(0, |batch| batch.end)
    } else {
        before.flushed.min(next.flushed)
    };
    let reached = if found.batches.is_empty() { found.start.max(found.end) } else { reached };
    if reached < kept {
        return Err(format!("it ends at {reached} and has lost what came before {kept}"));
    }
    if !found.batches.is_empty() && found.end != reached {
        return Err(format!("its last batch ends at {reached}, the log at {}", found.end));
    }
    if found.end > before.end.max(next.end) {
        return Err(format!("it ends at {}, after {}", found.end, before.end.max(next.end)));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(count: i64, flushed: i64) -> LogModel {
        let batch = |base| Batch { base, end: base + 1, label: base, epoch: 0, kind: Kind::Plain };
        LogModel { batches: (0..count).map(batch).collect(), start: 0, end: count, flushed }
    }

    fn found(labels: &[i64]) -> FoundLog {
        let batches = labels.iter().zip(0..).map(|(label, base)| (base, base + 1, *label)).collect();
        FoundLog { start: 0, end: labels.len() as i64, batches }
    }

    #[test]
    fn a_prefix_that_holds_what_must_survive_is_fine_and_nothing_else_is() {
        let (before, next) = (log(3, 2), log(4, 2));
        for labels in [&[0, 1, 2][..], &[0, 1, 2, 3]] {
            assert_eq!(judge(&found(labels), &before, &next, true), Ok(()));
        }
        assert_eq!(judge(&found(&[0, 1]), &before, &next, false), Ok(()));
        assert!(judge(&found(&[0, 1]), &before, &next, true).unwrap_err().contains("has lost"));
        assert!(judge(&found(&[0]), &before, &next, false).unwrap_err().contains("has lost"));
        assert!(judge(&found(&[0, 2]), &before, &next, false).unwrap_err().contains("should be"));
        assert!(judge(&found(&[0, 1, 2, 3, 4]), &before, &next, true).unwrap_err().contains("should be"));
        let later = FoundLog { start: 1, end: 1, batches: Vec::new() };
        assert!(judge(&later, &before, &next, false).unwrap_err().contains("it starts at 1"));
    }
}
