//! A log on a recording disk that is appended to, flushed, cut and restarted at random, and the look at what is left.

use std::path::Path;
use std::sync::Arc;

use partition_log::{
    CheckpointFile, Disk, FileHandles, LastRun, LeaderBatch, LogDir, LogOptions, OffsetCheckpoint,
    PartitionLog,
};
use records::{BatchError, BatchView, CheckedBatch, Scratch, next_batch};

use crate::cases::damage::{End, explained};
use crate::log_model::{Batch, FIRST_MS, FoundLog, IDEMPOTENT, Kind, LogModel, TRANSACTIONAL};
use crate::memory_disk::MemoryDisk;
use crate::random::Random;

const DIR: &str = "/data";
const FOLDER: &str = "t-0";
const NOW_MS: i64 = 1_000_000;
/// Bytes of a read that goes by single batches.
const ONE_BATCH: usize = 1;

/// What was true after a number of changes.
#[derive(Debug)]
pub struct Fact {
    /// How many changes there had been.
    pub changes: usize,
    /// What was done last.
    pub step: &'static str,
    /// What the log then had to hold.
    pub model: LogModel,
}

/// A log under way.
pub struct Run {
    /// Where it is.
    pub disk: Arc<MemoryDisk>,
    /// What was true when.
    pub facts: Vec<Fact>,
    model: LogModel,
    dir: Option<LogDir>,
    log: Option<PartitionLog>,
    random: Random,
    label: i64,
    epoch: i32,
}

/// A log as it was opened after a crash.
pub struct Recovered {
    log: PartitionLog,
    dir: LogDir,
}

fn options() -> Arc<LogOptions> {
    Arc::new(LogOptions { segment_bytes: 1500, index_interval_bytes: 150, ..LogOptions::default() })
}

/// Opens the log as a broker does.
fn open(disk: &Arc<MemoryDisk>, may_be_damaged: bool) -> Result<(LogDir, PartitionLog), String> {
    let said = |error: partition_log::LogError| error.to_string();
    let disk = Arc::clone(disk) as Arc<dyn Disk>;
    let dir = LogDir::open(Path::new(DIR), disk, Arc::new(FileHandles::new(100))).map_err(said)?;
    let was_clean = dir.take_clean_shutdown().map_err(said)?.is_some();
    // A checkpoint that cannot be read counts as empty, but a crash alone must not leave one.
    let read = |file| match dir.checkpoint(file) {
        Err(partition_log::LogError::Corrupt { .. }) if may_be_damaged => Ok(OffsetCheckpoint::default()),
        outcome => outcome.map_err(said),
    };
    let last_run = LastRun {
        was_clean,
        recovery_points: read(CheckpointFile::RecoveryPoint)?,
        log_starts: read(CheckpointFile::LogStart)?,
    };
    let mut opened =
        dir.open_logs(&[FOLDER.to_owned()], &|_| options(), &|_, _| Ok(()), &last_run, 1, NOW_MS);
    let (_, outcome) = opened.pop().ok_or("nothing was opened")?;
    Ok((dir, outcome.map_err(said)?))
}

fn checkpoint(dir: &LogDir, log: &PartitionLog) -> Result<(), String> {
    let entries = |offset| OffsetCheckpoint { entries: vec![("t".to_owned(), 0, offset)] };
    let point = log.point_for_checkpoint().map_err(|error| error.to_string())?;
    let set = |file, offset| dir.set_checkpoint(file, &entries(offset)).map_err(|error| error.to_string());
    set(CheckpointFile::RecoveryPoint, point)?;
    set(CheckpointFile::LogStart, log.log_start_offset())
}

impl Run {
    /// An empty log; its directory is on stable storage.
    pub fn begin(random: Random) -> Result<Run, String> {
        let disk = MemoryDisk::new();
        disk.create_dir(Path::new(DIR)).map_err(|error| error.to_string())?;
        disk.sync_dir(Path::new("/")).map_err(|error| error.to_string())?;
        let model = LogModel::default();
        let begun = Fact { changes: 0, step: "begin", model: model.clone() };
        let (dir, log) = open(&disk, false)?;
        let facts = vec![begun];
        Ok(Run { disk, facts, model, dir: Some(dir), log: Some(log), random, label: 0, epoch: 0 })
    }

    fn log(&self) -> Result<&PartitionLog, String> {
        self.log.as_ref().ok_or_else(|| "no log".to_owned())
    }

    /// Does something and takes note of what is true afterwards.
    pub fn step(&mut self) -> Result<(), String> {
        let step = match self.random.below(20) {
            0..=8 => self.append(1)?,
            9 | 10 => self.append(4)?,
            11 | 12 => self.flush()?,
            13 => {
                self.log()?.roll(NOW_MS).map_err(|error| error.to_string())?;
                "roll"
            }
            14 => self.truncate()?,
            15 => self.advance()?,
            16 => self.restart()?,
            17 => {
                self.epoch += 1;
                let epoch = self.epoch;
                self.log()?.assign_leader_epoch(epoch).map_err(|error| error.to_string())?;
                "epoch"
            }
            _ => self.append(1)?,
        };
        let end = self.log()?.log_end_offset();
        if end != self.model.end {
            return Err(format!("{step}: the log ends at {end}, not at {}", self.model.end));
        }
        self.facts.push(Fact { changes: self.disk.change_count(), step, model: self.model.clone() });
        Ok(())
    }

    fn draw(&mut self) -> Batch {
        let is_open = self.model.has_open_transaction();
        let kind = match self.random.below(10) {
            0 | 1 if self.model.remembers(IDEMPOTENT) => {
                Kind::Produced(IDEMPOTENT, self.model.next_sequence(IDEMPOTENT))
            }
            2 | 3 if self.model.remembers(TRANSACTIONAL) => {
                Kind::Produced(TRANSACTIONAL, self.model.next_sequence(TRANSACTIONAL))
            }
            4 | 5 if is_open => Kind::Marker(self.random.one_in(2)),
            _ => Kind::Plain,
        };
        let count = if matches!(kind, Kind::Marker(_)) { 1 } else { 1 + self.random.below(5) as i64 };
        let base = self.model.end;
        let batch = Batch { base, end: base + count, label: self.label, epoch: self.epoch, kind };
        self.label += count;
        self.model.batches.push(batch);
        self.model.end = batch.end;
        batch
    }

    /// Appends batches, with one write where there are several. Every one of them is a state the log may be left in.
    fn append(&mut self, count: usize) -> Result<&'static str, String> {
        let drawn: Vec<Batch> = (0..count).map(|_| self.draw()).collect();
        let mut bytes: Vec<Vec<u8>> = drawn.iter().map(|batch| batch.builder().build()).collect();
        let mut items = Vec::new();
        for bytes in &mut bytes {
            let batch = next_batch(bytes).ok().flatten().ok_or("no batch")?;
            let checked = CheckedBatch::own(&batch);
            items.push(LeaderBatch { bytes, checked });
        }
        let epoch = self.epoch;
        let mut failed = None;
        self.log()?.lock_append().append_all(&mut items, epoch, NOW_MS, |place, outcome| match outcome {
            Ok(appended) if appended.base_offset == drawn[place].base => {}
            other => failed = Some(format!("{:?} was answered {other:?}", drawn[place])),
        });
        failed.map_or(Ok("append"), Err)
    }

    fn flush(&mut self) -> Result<&'static str, String> {
        if self.random.one_in(2) {
            let dir = self.dir.as_ref().ok_or("no directory")?;
            dir.flush_together(&[self.log()?]).map_err(|error| error.to_string())?;
        } else {
            self.log()?.flush().map_err(|error| error.to_string())?;
        }
        self.model.flushed = self.model.end;
        if self.random.one_in(2) {
            self.checkpoint()?;
        }
        Ok("flush")
    }

    fn checkpoint(&self) -> Result<(), String> {
        checkpoint(self.dir.as_ref().ok_or("no directory")?, self.log()?)
    }

    /// Truncates to any offset; the checkpoint follows before anything is appended, as [`PartitionLog::truncate_to`] asks.
    fn truncate(&mut self) -> Result<&'static str, String> {
        let (start, end) = (self.model.start, self.model.end);
        let from = start.max(end - 12);
        let to = from + self.random.below((end - from + 1) as u64) as i64;
        self.log()?.truncate_to(to, NOW_MS).map_err(|error| error.to_string())?;
        let end = self.log()?.log_end_offset();
        if end > to || to - end > 5 {
            return Err(format!("truncation to {to} has left the end at {end}"));
        }
        self.model.truncate(end);
        self.checkpoint()?;
        Ok("truncate")
    }

    fn advance(&mut self) -> Result<&'static str, String> {
        let (start, end) = (self.model.start, self.model.end);
        let to = start + self.random.below((end - start + 1) as u64) as i64;
        self.log()?.advance_log_start(to).map_err(|error| error.to_string())?;
        self.model.start = to;
        if self.random.one_in(2) {
            self.checkpoint()?;
        }
        Ok("advance")
    }

    /// A clean stop and a start.
    fn restart(&mut self) -> Result<&'static str, String> {
        if self.random.one_in(2) {
            let dir = self.dir.as_ref().ok_or("no directory")?;
            dir.close_together(&[self.log()?], 1).map_err(|error| error.to_string())?;
        } else {
            self.log()?.close().map_err(|error| error.to_string())?;
        }
        self.checkpoint()?;
        let dir = self.dir.take().ok_or("no directory")?;
        dir.mark_clean_shutdown(1).map_err(|error| error.to_string())?;
        drop((dir, self.log.take()));
        self.model.flushed = self.model.end;
        self.facts.push(Fact { changes: self.disk.change_count(), step: "stop", model: self.model.clone() });
        let (dir, log) = open(&self.disk, false)?;
        let recovered = log.recovery_report();
        if recovered.cut_reason.is_some() || recovered.scanned_bytes > 0 {
            return Err(format!("a clean stop left {recovered:?}"));
        }
        (self.dir, self.log) = (Some(dir), Some(log));
        Ok("restart")
    }
}

impl Recovered {
    /// Opens what a crash left.
    pub fn open(disk: &Arc<MemoryDisk>) -> Result<Recovered, String> {
        let (dir, log) = open(disk, false)?;
        Ok(Recovered { log, dir })
    }

    /// Opens files that were damaged: a checkpoint that cannot be read then counts as empty, as in the broker.
    pub fn open_damaged(disk: &Arc<MemoryDisk>) -> Result<Recovered, String> {
        let (dir, log) = open(disk, true)?;
        Ok(Recovered { log, dir })
    }

    /// Reads all of it.
    pub fn found(&self) -> Result<FoundLog, String> {
        found(&self.log)
    }

    /// Holds indexes, epochs, producers and aborted transactions against what the batches found tell.
    pub fn check(&self, found: &FoundLog, before: &LogModel, next: &LogModel) -> Result<(), String> {
        let longer = if before.batches.len() < next.batches.len() { next } else { before };
        let mut model = longer.clone();
        model.truncate(found.end);
        let there = |batch: &&Batch| batch.base >= found.start;
        for batch in model.batches.iter().filter(there) {
            let time = FIRST_MS + batch.label;
            let by_time = self.log.offset_for_timestamp(time).map_err(|error| error.to_string())?;
            if by_time.map(|found| found.offset) != Some(batch.base) {
                return Err(format!("{batch:?} is looked up by its time at {by_time:?}"));
            }
            // Below a start that was deleted up to, epochs are forgotten though a crash brings back records.
            let is_deleted = batch.base < before.start.max(next.start);
            if !is_deleted && self.log.epoch_at(batch.base) != Some(batch.epoch) {
                return Err(format!("{batch:?} is said to be of epoch {:?}", self.log.epoch_at(batch.base)));
            }
        }
        let aborted = self.log.try_aborted_transactions(found.start, found.end);
        let aborted = aborted.map_err(|error| error.to_string())?;
        let told: Vec<(i64, i64)> = aborted.iter().map(|one| (one.first_offset, one.last_offset)).collect();
        let (known, all) = (model.aborted(found.start), model.aborted(0));
        let covers = |(first, last): &(i64, i64)| told.iter().any(|(from, to)| from <= first && to == last);
        let happened = |(_, to): &(i64, i64)| all.iter().any(|(_, last)| to == last);
        if !known.iter().all(covers) || !told.iter().all(happened) {
            return Err(format!("aborted transactions are {told:?}, not {known:?}"));
        }
        for producer in self.log.active_producers(NOW_MS) {
            let next = model.next_sequence(producer.producer_id);
            if producer.last_sequence != next - 1 && producer.last_sequence != -1 {
                return Err(format!("{producer:?} should go on with {next}"));
            }
        }
        let last_of = |id| {
            model
                .batches
                .iter()
                .filter(there)
                .rev()
                .find(|batch| matches!(batch.kind, Kind::Produced(of, _) if of == id))
        };
        for id in [IDEMPOTENT, TRANSACTIONAL] {
            let is_known =
                self.log.active_producers(NOW_MS).iter().any(|producer| producer.producer_id == id);
            if let Some(batch) = last_of(id).filter(|_| !is_known) {
                return Err(format!("the producer of {batch:?} is forgotten"));
            }
        }
        Ok(())
    }

    /// Reads at every offset: what comes is what was appended there, or is refused by the log or by its checksum.
    /// `may_skip` is for damage to the records themselves: a header that reads as an old message's is passed over.
    pub fn serves_nothing_else(&self, model: &LogModel, may_skip: bool) -> Result<End, String> {
        let (start, end) = (self.log.log_start_offset(), self.log.log_end_offset());
        let mut worst = if end < model.end || start > model.start { End::Cut } else { End::Whole };
        for offset in start..end {
            let batch = match self.log.read(offset, ONE_BATCH, i64::MAX, true).map(|slice| slice.to_vec()) {
                Ok(Ok(bytes)) => bytes,
                Ok(Err(error)) => refused(&error.to_string(), &mut worst)?,
                Err(error) => refused(&error.to_string(), &mut worst)?,
            };
            let Ok(Some(batch)) = next_batch(&batch) else {
                worst = worst.max(End::Unreadable);
                continue;
            };
            let sound = batch.verify_checksum().and_then(|()| label_of(&batch));
            let Ok(label) = sound else {
                worst = worst.max(End::Unreadable);
                continue;
            };
            let appended = model.batches.iter().find(|known| known.label == label);
            let appended =
                appended.ok_or_else(|| format!("offset {offset} holds label {label}, which nobody sent"))?;
            let is_there = model.batches.iter().any(|known| (known.base..known.end).contains(&offset));
            if is_there && batch.base_offset() > offset && appended.base > offset {
                worst = worst.max(End::Moved);
                if may_skip {
                    continue;
                }
                return Err(format!("a read at {offset} is answered with {appended:?}"));
            }
            if (batch.base_offset(), batch.next_offset()) != (appended.base, appended.end) {
                worst = worst.max(End::Moved);
            }
        }
        Ok(worst)
    }

    /// Appends to it, stops it cleanly, and finds all again.
    pub fn goes_on(self, found_before: &FoundLog) -> Result<(), String> {
        let said = |error: partition_log::LogError| error.to_string();
        let epoch = self.log.latest_epoch().unwrap_or(0);
        let mut expected = found_before.clone();
        for label in 1_000_000..1_000_030 {
            let (base, end) = (expected.end, expected.end + 2);
            let mut bytes = Batch { base, end, label, epoch, kind: Kind::Plain }.builder().build();
            let checked = CheckedBatch::own(&next_batch(&bytes).ok().flatten().ok_or("no batch")?);
            let appended = self.log.append_as_leader(&mut bytes, &checked, epoch, NOW_MS);
            let appended = appended.map_err(|error| error.to_string())?;
            expected.batches.push((appended.base_offset, appended.last_offset + 1, label));
            expected.end = end;
        }
        self.log.close().map_err(said)?;
        checkpoint(&self.dir, &self.log)?;
        let again = found(&self.log)?;
        if again.batches == expected.batches {
            Ok(())
        } else {
            Err(format!("after going on {again:?} is there, not {expected:?}"))
        }
    }
}

/// A read that is refused says why; nothing is read then.
fn refused(text: &str, worst: &mut End) -> Result<Vec<u8>, String> {
    *worst = (*worst).max(End::Unreadable);
    explained(text).map(|()| Vec::new())
}

/// The label of a batch's first record.
fn label_of(batch: &BatchView<'_>) -> Result<i64, BatchError> {
    let mut scratch = Scratch::new();
    let record = scratch.records(batch, 1 << 20)?.next();
    Ok(record.ok_or(BatchError::Malformed("no record"))??.timestamp - FIRST_MS)
}

fn found(log: &PartitionLog) -> Result<FoundLog, String> {
    let mut found =
        FoundLog { start: log.log_start_offset(), end: log.log_end_offset(), batches: Vec::new() };
    let mut scratch = Scratch::new();
    let mut next = found.start;
    loop {
        let slice = log.read(next, ONE_BATCH, i64::MAX, true).map_err(|error| error.to_string())?;
        let bytes = slice.to_vec().map_err(|error| error.to_string())?;
        let Some(batch) = next_batch(&bytes).map_err(|error| error.to_string())? else { return Ok(found) };
        let at = batch.base_offset();
        batch.verify_checksum().map_err(|error| format!("offset {at}: {error}"))?;
        if batch.next_offset() <= next {
            return Err(format!("the batch at {at} ends before {next}, which was asked for"));
        }
        let record = scratch.records(&batch, 1 << 20).map_err(|error| error.to_string())?.next();
        let record = record.ok_or("an empty batch")?.map_err(|error| error.to_string())?;
        let label = record.timestamp - FIRST_MS;
        found.batches.push((at, batch.next_offset(), label));
        next = batch.next_offset();
    }
}
