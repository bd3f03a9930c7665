//! A crash at every change that the metadata log makes: what was synced is there, and the node would start.

use std::path::Path;
use std::sync::Arc;

use partition_log::{Disk, FileHandles, LogHome};
use quorum::testing::{BatchPosition, MetadataLog};
use records::BatchBuilder;

use super::{Plan, Verdict};
use crate::crash::{Crash, Survivors, torn};
use crate::log_model::{Batch, FoundLog, Kind, LogModel, judge};
use crate::memory_disk::MemoryDisk;
use crate::random::Random;

const DIR: &str = "/data/__cluster_metadata-0";
const NOW_MS: i64 = 1_000_000;
const STEPS: usize = 60;
const SEGMENT_BYTES: u64 = 900;

/// What was true after a number of changes.
struct Fact {
    changes: usize,
    model: LogModel,
}

struct Run {
    disk: Arc<MemoryDisk>,
    log: MetadataLog,
    positions: Vec<BatchPosition>,
    model: LogModel,
    facts: Vec<Fact>,
    random: Random,
    label: i64,
}

pub fn run(plan: &Plan) -> Result<Verdict, String> {
    let (mut prefixes, mut recoveries) = (0u64, 0u64);
    for round in 0..plan.rounds {
        let random = plan.random(round);
        let counts = crash_everywhere(&random).map_err(|text| format!("run {round}: {text}"))?;
        (prefixes, recoveries) = (prefixes + counts.0, recoveries + counts.1);
    }
    Ok(Verdict::Held(vec![
        ("runs", plan.rounds.to_string()),
        ("prefixes of changes", prefixes.to_string()),
        ("recoveries", recoveries.to_string()),
    ]))
}

fn crash_everywhere(random: &Random) -> Result<(u64, u64), String> {
    let mut run = Run::begin(random.fork(1))?;
    for step in 0..STEPS {
        run.step().map_err(|text| format!("step {step}: {text}"))?;
    }
    let changes = run.disk.changes();
    let mut random = random.fork(2);
    let mut survivors = Survivors::default();
    let (mut reached, mut recoveries) = (0, 0);
    for (count, change) in changes.iter().enumerate() {
        while run.facts.get(reached + 1).is_some_and(|fact| fact.changes <= count) {
            reached += 1;
        }
        let before = &run.facts[reached].model;
        let next = run.facts.get(reached + 1).map_or(before, |fact| &fact.model);
        for crash in Crash::ALL {
            let mut survivors = survivors.clone();
            if crash == Crash::Torn {
                let Some(torn) = torn(change, &mut random) else { continue };
                survivors.note(&torn);
            }
            let disk = MemoryDisk::holding(&survivors.after(crash, &mut random));
            let disk = disk.map_err(|error| error.to_string())?;
            let found = open(&disk).and_then(|(log, positions)| found(&log, &positions));
            found
                .and_then(|found| {
                    judge(&found, before, next, crash != Crash::PowerCut)
                        .map_err(|text| format!("{text}, {found:?}"))
                })
                .map_err(|text| format!("{crash:?} at change {count} ({change:?}): {text}"))?;
            recoveries += 1;
        }
        survivors.note(change);
    }
    Ok((changes.len() as u64, recoveries))
}

fn open(disk: &Arc<MemoryDisk>) -> Result<(MetadataLog, Vec<BatchPosition>), String> {
    let home = LogHome::new(Arc::clone(disk) as Arc<dyn Disk>, Arc::new(FileHandles::new(100)));
    let opened = MetadataLog::open(&home, Path::new(DIR), SEGMENT_BYTES, i64::MAX, NOW_MS);
    opened.map_err(|error| error.to_string())
}

fn found(log: &MetadataLog, positions: &[BatchPosition]) -> Result<FoundLog, String> {
    let start = positions.first().map_or(log.end_offset(), |first| first.base_offset);
    let mut found = FoundLog { start, end: log.end_offset(), batches: Vec::new() };
    for position in positions {
        let bytes = log.read(position).map_err(|error| error.to_string())?;
        let batch = records::next_batch(&bytes).ok().flatten().ok_or("no batch")?;
        found.batches.push((position.base_offset, position.next_offset, batch.base_timestamp()));
    }
    Ok(found)
}

impl Run {
    fn begin(random: Random) -> Result<Run, String> {
        let disk = MemoryDisk::new();
        disk.create_dir(Path::new("/data")).map_err(|error| error.to_string())?;
        disk.sync_dir(Path::new("/")).map_err(|error| error.to_string())?;
        let model = LogModel::default();
        let facts = vec![Fact { changes: 0, model: model.clone() }];
        let (log, positions) = open(&disk)?;
        Ok(Run { disk, log, positions, model, facts, random, label: 0 })
    }

    fn step(&mut self) -> Result<(), String> {
        let outcome = match self.random.below(12) {
            0 => self.truncate(),
            1 => self.drop_below(),
            2 => return self.restart(),
            _ => self.append(),
        };
        outcome.map_err(|error| error.to_string())?;
        self.note();
        Ok(())
    }

    fn note(&mut self) {
        self.facts.push(Fact { changes: self.disk.change_count(), model: self.model.clone() });
    }

    /// Entries that come together, each of which is a state of its own, and one sync.
    fn append(&mut self) -> std::io::Result<()> {
        for _ in 0..1 + self.random.below(4) {
            let count = 1 + self.random.below(4) as i64;
            let (base, label) = (self.model.end, self.label);
            self.label += count;
            let mut batch = BatchBuilder::new().base_offset(base).leader_epoch(1);
            let value = vec![7; self.random.place(120)];
            (0..count).for_each(|_| batch.push(label, None, Some(&value), &[]));
            self.positions.push(self.log.append(&batch.build(), NOW_MS)?);
            self.model.batches.push(Batch { base, end: base + count, label, epoch: 1, kind: Kind::Plain });
            self.model.end = base + count;
            self.note();
        }
        self.log.sync()?;
        self.model.flushed = self.model.end;
        Ok(())
    }

    fn truncate(&mut self) -> std::io::Result<()> {
        let last = self.positions.len();
        let from = last.saturating_sub(4);
        let cut = from + self.random.place(last - from);
        let Some(first) = self.positions.get(cut).copied() else { return Ok(()) };
        self.log.truncate(&first, NOW_MS)?;
        self.positions.truncate(cut);
        self.model.truncate(first.base_offset);
        Ok(())
    }

    fn drop_below(&mut self) -> std::io::Result<()> {
        let kept = self.random.place(self.positions.len());
        let Some(first) = self.positions.get(kept).map(|position| position.base_offset) else {
            return Ok(());
        };
        self.log.drop_below(first, NOW_MS)?;
        self.positions.drain(..kept);
        self.model.start = self.model.start.max(first);
        Ok(())
    }

    fn restart(&mut self) -> Result<(), String> {
        self.log.close().map_err(|error| error.to_string())?;
        self.note();
        (self.log, self.positions) = open(&self.disk)?;
        self.note();
        let end = self.log.end_offset();
        if end == self.model.end {
            Ok(())
        } else {
            Err(format!("it ends at {end}, not at {}", self.model.end))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_metadata_log_survives_a_crash_at_every_write() {
        for seed in 0..3 {
            crash_everywhere(&Random::new(seed)).unwrap();
        }
    }
}
