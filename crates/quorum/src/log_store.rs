//! The Raft log over [`MetadataLog`]: which index lies where, what has been purged, the vote.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::fs;
use std::io;
use std::ops::{Bound, RangeBounds};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use model::Uuid;
use openraft::storage::{LogFlushed, LogState, RaftLogStorage};
use openraft::{EntryPayload, OptionalSend, RaftLogReader};
use partition_log::{LogHome, RealDisk, replace_file};

use crate::entry::{self, Stamp};
use crate::membership::invalid;
use crate::metadata_log::{BatchPosition, MetadataLog};
use crate::peers::node_id;
use crate::room::RoomWait;
use crate::types::{Entry, LogId, StorageError, StorageIoError, Types, Vote, epoch_of, log_id, term_of};
use crate::vote_file;

/// Name of the file that says which Raft index the first batch of the log has.
const ANCHOR: &str = "raft-anchor";

/// A handle to the log; clones share it.
#[derive(Clone)]
pub struct LogStore {
    shared: Arc<Mutex<Shared>>,
    room: RoomWait,
}

/// Who this node is and how its log is kept.
#[derive(Debug, Clone)]
pub struct LogOptions {
    pub node_id: u64,
    pub directory_id: Uuid,
    pub segment_bytes: u64,
    /// `metadata.log.segment.ms`.
    pub segment_ms: i64,
    /// The time in milliseconds, for the records' timestamps.
    pub clock: fn() -> i64,
    /// The Raft library's suite leaves indexes out, which a real log never does: after a restart the indexes
    /// follow from the order of the batches.
    pub allows_gaps: bool,
}

struct Shared {
    dir: PathBuf,
    options: LogOptions,
    log: MetadataLog,
    /// Batches by index, from `first_index` on.
    batches: BTreeMap<u64, BatchPosition>,
    first_index: u64,
    /// Offset the next batch gets.
    next_offset: i64,
    purged: Option<LogId>,
    vote: Option<Vote>,
    /// Voters of the newest membership, for LeaderChange records.
    voters: Vec<i32>,
    /// Up to where a snapshot that was received reaches: the log may have to begin there.
    snapshot_end: Option<(u64, i64)>,
    /// The log was purged beyond its end and the snapshot that says which offset comes next is not here yet.
    lacks_offset: bool,
}

impl LogStore {
    /// Opens the log in `dir`. `snapshot` is the newest snapshot's last index, term and end offset: where the
    /// log begins if it was written by Kafka, which does not say.
    pub fn open(
        home: &Arc<LogHome>,
        dir: &Path,
        options: LogOptions,
        snapshot: Option<(LogId, i64)>,
        voters: Vec<i32>,
    ) -> io::Result<LogStore> {
        let now_ms = (options.clock)();
        let (log, positions) =
            MetadataLog::open(home, dir, options.segment_bytes, options.segment_ms, now_ms)?;
        let after_snapshot = snapshot.map_or(Anchor::BEGIN, |(last, end)| Anchor::after(last, end));
        let has = |anchor: &Anchor| {
            let ends_there = positions.last().is_none_or(|position| position.next_offset == anchor.offset);
            ends_there || positions.iter().any(|position| position.base_offset == anchor.offset)
        };
        // Kafka, had it run on the folder, may have dropped what our anchor points to; its snapshot goes further.
        let anchor = read_anchor(dir)?.filter(has).unwrap_or(after_snapshot);
        let first = positions.partition_point(|position| position.base_offset < anchor.offset);
        let batches: BTreeMap<u64, BatchPosition> =
            (anchor.index..).zip(positions[first..].iter().copied()).collect();
        if batches.values().next().is_some_and(|position| position.base_offset != anchor.offset) {
            return Err(invalid(format!("{}: the log has lost offset {}", dir.display(), anchor.offset)));
        }
        let next_offset = batches.values().next_back().map_or(anchor.offset, |position| position.next_offset);
        if batches.is_empty() && log.end_offset() != next_offset {
            // What is there lies before the snapshot, or a crash came before the log could begin anew.
            log.begin_at(next_offset, now_ms)?;
        }
        // A crash may have come between a purge beyond the end and the snapshot it was made for.
        let is_covered = |purged: LogId| snapshot.is_some_and(|(last, _)| last >= purged);
        let lacks_offset = batches.is_empty() && anchor.purged.is_some_and(|purged| !is_covered(purged));
        let mut shared = Shared {
            dir: dir.to_owned(),
            vote: vote_file::read(dir)?,
            options,
            log,
            batches,
            first_index: anchor.index,
            next_offset,
            purged: anchor.purged,
            voters,
            snapshot_end: None,
            lacks_offset,
        };
        shared.find_voters()?;
        Ok(LogStore { shared: Arc::new(Mutex::new(shared)), room: RoomWait::default() })
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Who writes metadata waits there for a disk that is full.
    pub fn room(&self) -> &RoomWait {
        &self.room
    }

    /// Where the batch at an index lies.
    pub fn position_of(&self, index: u64) -> Option<BatchPosition> {
        self.lock().position(index).copied()
    }

    /// The entry whose batch ends before an offset.
    pub fn entry_ending_at(&self, offset: i64) -> Option<LogId> {
        let shared = self.lock();
        let found = shared.batches.iter().find(|(_, position)| position.next_offset == offset);
        found.map(|(index, position)| log_id(term_of(position.epoch), *index))
    }

    /// Leaves the log as a clean stop does.
    pub fn close(&self) -> io::Result<()> {
        self.lock().log.close()
    }

    /// Offset after the last batch.
    pub fn end_offset(&self) -> i64 {
        self.lock().next_offset
    }

    /// Notes where a received snapshot ends. The Raft library purges the log up to it before or after this.
    pub fn note_snapshot(&self, last: LogId, end_offset: i64, voters: Vec<i32>) -> io::Result<()> {
        let mut shared = self.lock();
        shared.snapshot_end = Some((last.index, end_offset));
        shared.voters = voters;
        let is_purged_to_it = shared.batches.is_empty() && shared.first_index == last.index + 1;
        if is_purged_to_it && shared.next_offset != end_offset {
            shared.next_offset = end_offset;
            shared.write_anchor()?;
            shared.begin_anew()?;
        }
        shared.lacks_offset &= !is_purged_to_it;
        Ok(())
    }
}

impl Shared {
    fn position(&self, index: u64) -> Option<&BatchPosition> {
        self.batches.get(&index)
    }

    fn next_index(&self) -> u64 {
        self.batches.keys().next_back().map_or(self.first_index, |last| last + 1)
    }

    fn id_at(&self, index: u64) -> Option<LogId> {
        self.position(index).map(|position| log_id(term_of(position.epoch), index))
    }

    fn last_id(&self) -> Option<LogId> {
        let last = self.next_index().checked_sub(1);
        last.and_then(|index| self.id_at(index)).or(self.purged)
    }

    fn entry(&self, index: u64) -> io::Result<Option<Entry>> {
        let Some((position, id)) = self.position(index).zip(self.id_at(index)) else { return Ok(None) };
        entry::decode(&self.log.read(position)?, id).map(Some)
    }

    fn find_voters(&mut self) -> io::Result<()> {
        let controls = self.batches.iter().rev().filter(|(_, position)| position.is_control);
        let controls: Vec<u64> = controls.map(|(index, _)| *index).collect();
        for index in controls {
            if let Some(Entry { payload: EntryPayload::Membership(membership), .. }) = self.entry(index)? {
                self.voters = membership.voter_ids().map(node_id).collect();
                break;
            }
        }
        Ok(())
    }

    fn append(&mut self, entry: &Entry) -> io::Result<()> {
        let index = entry.log_id.index;
        if self.batches.is_empty() && index != self.first_index {
            let before = std::mem::replace(&mut self.first_index, index);
            if let Err(error) = self.write_anchor() {
                self.first_index = before;
                return Err(error);
            }
        }
        if index != self.next_index() && !self.options.allows_gaps {
            return Err(invalid(format!("entry {index} does not follow {}", self.next_index())));
        }
        if self.lacks_offset && !self.options.allows_gaps {
            return Err(invalid(format!("entry {index} came before the snapshot it follows")));
        }
        if let EntryPayload::Membership(membership) = &entry.payload {
            self.voters = membership.voter_ids().map(node_id).collect();
        }
        let term = entry.log_id.leader_id.term;
        let leader = self.vote.filter(|vote| vote.leader_id().get_term() == term);
        let stamp = Stamp {
            base_offset: self.next_offset,
            now_ms: (self.options.clock)(),
            leader_id: leader.and_then(|vote| vote.leader_id().voted_for()).map_or(-1, node_id),
            voters: self.voters.clone(),
        };
        let batch = entry::encode(entry, &stamp)?;
        let position = self.log.append(&batch, stamp.now_ms)?;
        self.next_offset = position.next_offset;
        self.batches.insert(index, position);
        Ok(())
    }

    fn truncate(&mut self, index: u64) -> io::Result<()> {
        let cut = self.batches.split_off(&index);
        let Some(first) = cut.values().next() else { return Ok(()) };
        self.log.truncate(first, (self.options.clock)())?;
        self.next_offset = first.base_offset;
        self.find_voters()
    }

    fn purge(&mut self, upto: LogId) -> io::Result<()> {
        if self.purged >= Some(upto) {
            return Ok(());
        }
        let goes_beyond = upto.index >= self.next_index();
        self.batches = self.batches.split_off(&(upto.index + 1));
        self.first_index = upto.index + 1;
        if goes_beyond {
            // Only the snapshot knows which offset comes next; it may have been noted already.
            let noted = self.snapshot_end.filter(|(index, _)| *index == upto.index);
            self.lacks_offset = noted.is_none();
            self.next_offset = noted.map_or(self.next_offset, |(_, end)| end);
        }
        self.purged = Some(upto);
        self.write_anchor()?;
        if goes_beyond && self.log.end_offset() != self.next_offset {
            return self.begin_anew();
        }
        let first_kept = self.batches.values().next().map_or(self.next_offset, |first| first.base_offset);
        self.log.drop_below(first_kept, (self.options.clock)())
    }

    /// The next batch does not follow the last one: the log begins at its offset.
    fn begin_anew(&self) -> io::Result<()> {
        self.log.begin_at(self.next_offset, (self.options.clock)())
    }

    fn write_anchor(&self) -> io::Result<()> {
        let offset = self.batches.values().next().map_or(self.next_offset, |position| position.base_offset);
        Anchor { offset, index: self.first_index, purged: self.purged }.write(&self.dir)
    }
}

/// Where the log begins: offset and index of its first batch, and what was last purged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Anchor {
    offset: i64,
    index: u64,
    purged: Option<LogId>,
}

impl Anchor {
    const BEGIN: Anchor = Anchor { offset: 0, index: 0, purged: None };

    fn after(last: LogId, end_offset: i64) -> Anchor {
        Anchor { offset: end_offset, index: last.index + 1, purged: Some(last) }
    }

    fn write(&self, dir: &Path) -> io::Result<()> {
        let (epoch, purged) = match self.purged {
            Some(id) => (epoch_of(id.leader_id.term), id.index.to_string()),
            None => (-1, "-1".to_owned()),
        };
        let text = format!("0\n{} {} {epoch} {purged}\n", self.offset, self.index);
        replace_file(&RealDisk, &dir.join(ANCHOR), text.as_bytes())
    }
}

fn read_anchor(dir: &Path) -> io::Result<Option<Anchor>> {
    let text = match fs::read_to_string(dir.join(ANCHOR)) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let malformed = || invalid(format!("{ANCHOR} is not '0' and 'offset index epoch purged': {text:?}"));
    let mut lines = text.lines();
    if lines.next() != Some("0") {
        return Err(malformed());
    }
    let numbers: Option<Vec<i64>> =
        lines.next().unwrap_or_default().split(' ').map(|word| word.parse().ok()).collect();
    let Some([offset, index, epoch, purged]) = numbers.as_deref() else { return Err(malformed()) };
    let index = u64::try_from(*index).map_err(|_| malformed())?;
    let purged = match (u64::try_from(*epoch), u64::try_from(*purged)) {
        (Ok(term), Ok(index)) => Some(log_id(term, index)),
        _ => None,
    };
    Ok(Some(Anchor { offset: *offset, index, purged }))
}

impl RaftLogReader<Types> for LogStore {
    async fn try_get_log_entries<RB: RangeBounds<u64> + Clone + Debug + OptionalSend>(
        &mut self,
        range: RB,
    ) -> Result<Vec<Entry>, StorageError> {
        let shared = self.lock();
        let start = match range.start_bound() {
            Bound::Included(index) => *index,
            Bound::Excluded(index) => index + 1,
            Bound::Unbounded => 0,
        };
        let end = match range.end_bound() {
            Bound::Included(index) => index + 1,
            Bound::Excluded(index) => *index,
            Bound::Unbounded => u64::MAX,
        };
        let mut entries = Vec::new();
        for index in start.max(shared.first_index)..end.min(shared.next_index()) {
            let read = shared.entry(index);
            entries.extend(read.map_err(|error| StorageIoError::read_log_at_index(index, &error))?);
        }
        Ok(entries)
    }
}

impl RaftLogStorage<Types> for LogStore {
    type LogReader = LogStore;

    async fn get_log_state(&mut self) -> Result<LogState<Types>, StorageError> {
        let shared = self.lock();
        Ok(LogState { last_purged_log_id: shared.purged, last_log_id: shared.last_id() })
    }

    async fn get_log_reader(&mut self) -> LogStore {
        self.clone()
    }

    async fn save_vote(&mut self, vote: &Vote) -> Result<(), StorageError> {
        let saved = self.room.outcome(|| {
            let mut shared = self.lock();
            let own = (shared.options.node_id, shared.options.directory_id);
            vote_file::write(&shared.dir, vote, own)?;
            shared.vote = Some(*vote);
            Ok(())
        });
        Ok(saved.await.map_err(|error| StorageIoError::write_vote(&error))?)
    }

    async fn read_vote(&mut self) -> Result<Option<Vote>, StorageError> {
        Ok(self.lock().vote)
    }

    async fn append<I>(&mut self, entries: I, callback: LogFlushed<Types>) -> Result<(), StorageError>
    where
        I: IntoIterator<Item = Entry> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        for entry in entries {
            let appended = self.room.outcome(|| self.lock().append(&entry)).await;
            appended.map_err(|error| StorageIoError::write_log_entry(entry.log_id, &error))?;
        }
        callback.log_io_completed(self.room.outcome(|| self.lock().log.sync()).await);
        Ok(())
    }

    async fn truncate(&mut self, log_id: LogId) -> Result<(), StorageError> {
        let truncated = self.lock().truncate(log_id.index);
        Ok(truncated.map_err(|error| StorageIoError::write_logs(&error))?)
    }

    async fn purge(&mut self, log_id: LogId) -> Result<(), StorageError> {
        let purged = self.lock().purge(log_id);
        Ok(purged.map_err(|error| StorageIoError::write_logs(&error))?)
    }
}
