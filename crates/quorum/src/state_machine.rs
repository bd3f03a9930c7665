//! The agreed image: entries applied in order, snapshots taken and received, every new image published.

use std::io::{self, Cursor};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use metadata::{ApplyError, Image, Replay};
use openraft::storage::RaftStateMachine;
use openraft::{EntryPayload, OptionalSend, RaftSnapshotBuilder, Snapshot};
use tokio::sync::watch;

use crate::log_store::LogStore;
use crate::membership::invalid;
use crate::peers::node_id;
use crate::snapshot::{self, Content};
use crate::types::{
    Applied, Entry, LogId, SnapshotMeta, StorageError, StorageIoError, StoredMembership, Types, epoch_of,
};

/// A handle to the state; clones share it.
#[derive(Clone)]
pub struct StateMachine {
    shared: Arc<Mutex<Shared>>,
    dir: PathBuf,
    log: LogStore,
    clock: fn() -> i64,
}

struct Shared {
    replay: Replay,
    last: Option<LogId>,
    membership: StoredMembership,
    /// Offset the next record gets.
    next_offset: i64,
    /// Bytes of records applied since the last snapshot.
    bytes_since_snapshot: u64,
    snapshot: Option<(SnapshotMeta, Vec<u8>)>,
    images: watch::Sender<Arc<Image>>,
}

impl StateMachine {
    /// A state that begins at the newest snapshot of `dir`, if there is one.
    pub fn open(
        dir: &Path,
        newest: Option<(Content, Vec<u8>)>,
        log: LogStore,
        clock: fn() -> i64,
    ) -> StateMachine {
        let mut shared = Shared {
            replay: Replay::default(),
            last: None,
            membership: StoredMembership::default(),
            next_offset: 0,
            bytes_since_snapshot: 0,
            snapshot: None,
            images: watch::Sender::new(Arc::new(Image::new())),
        };
        if let Some((content, bytes)) = newest {
            shared.restore(content, bytes);
        }
        StateMachine { shared: Arc::new(Mutex::new(shared)), dir: dir.to_owned(), log, clock }
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Every agreed image from now on; the current one at once.
    pub fn images(&self) -> watch::Receiver<Arc<Image>> {
        self.lock().images.subscribe()
    }

    /// The current image, the offset the next record gets, and the last entry applied.
    pub fn current(&self) -> (Arc<Image>, i64, Option<LogId>) {
        let shared = self.lock();
        let image = shared.images.borrow().clone();
        (image, shared.next_offset, shared.last)
    }

    /// Bytes of records applied since the last snapshot.
    pub fn bytes_since_snapshot(&self) -> u64 {
        self.lock().bytes_since_snapshot
    }

    fn apply_entry(&self, shared: &mut Shared, entry: &Entry) -> io::Result<()> {
        let index = entry.log_id.index;
        let counted = match &entry.payload {
            EntryPayload::Blank => 1,
            EntryPayload::Normal(proposal) => i64::try_from(proposal.records.len()).unwrap_or(i64::MAX),
            EntryPayload::Membership(_) => 2,
        };
        let next = shared.next_offset;
        // Batches that Kafka wrote may hold more control records than ours.
        let position = self.log.position_of(index);
        let (base, end) =
            position.map_or((next, next + counted), |found| (found.base_offset, found.next_offset));
        match &entry.payload {
            EntryPayload::Blank => {}
            EntryPayload::Membership(membership) => {
                shared.membership = StoredMembership::new(Some(entry.log_id), membership.clone());
            }
            EntryPayload::Normal(proposal) => {
                shared.bytes_since_snapshot += position.map_or(0, |found| found.size as u64);
                for (offset, record) in (base..).zip(&proposal.records) {
                    let applied: Result<(), ApplyError> = shared.replay.apply(&record.record, offset);
                    applied.map_err(|error| invalid(format!("offset {offset}: {error}")))?;
                }
            }
        }
        shared.next_offset = end;
        shared.last = Some(entry.log_id);
        Ok(())
    }

    fn take_snapshot(&self) -> io::Result<Snapshot<Types>> {
        let (content, image_epoch) = {
            let shared = self.lock();
            let Some(last) = shared.last else {
                // Nothing to store: the state before the first entry.
                return Ok(Snapshot { meta: SnapshotMeta::default(), snapshot: Box::default() });
            };
            let content = Content {
                image: shared.replay.image().clone(),
                last,
                end_offset: shared.next_offset,
                membership: shared.membership.clone(),
                is_foreign: false,
            };
            (content, epoch_of(last.leader_id.term))
        };
        let bytes = snapshot::encode(&content, (self.clock)())?;
        snapshot::store(&self.dir, content.end_offset, image_epoch, &bytes)?;
        let meta = meta_of(&content);
        let mut shared = self.lock();
        shared.bytes_since_snapshot = 0;
        shared.snapshot = Some((meta.clone(), bytes.clone()));
        Ok(Snapshot { meta, snapshot: Box::new(Cursor::new(bytes)) })
    }
}

impl Shared {
    fn restore(&mut self, content: Content, bytes: Vec<u8>) {
        self.snapshot = Some((meta_of(&content), bytes));
        self.last = Some(content.last);
        self.membership = content.membership;
        self.next_offset = content.end_offset;
        self.bytes_since_snapshot = 0;
        self.replay = Replay::from_image(content.image);
        self.publish();
    }

    fn publish(&self) {
        self.images.send_replace(Arc::new(self.replay.image().clone()));
    }
}

fn meta_of(content: &Content) -> SnapshotMeta {
    SnapshotMeta {
        last_log_id: Some(content.last),
        last_membership: content.membership.clone(),
        snapshot_id: snapshot::file_name(content.end_offset, epoch_of(content.last.leader_id.term)),
    }
}

impl RaftSnapshotBuilder<Types> for StateMachine {
    async fn build_snapshot(&mut self) -> Result<Snapshot<Types>, StorageError> {
        let taken = self.log.room().outcome(|| self.take_snapshot());
        Ok(taken.await.map_err(|error| StorageIoError::write_snapshot(None, &error))?)
    }
}

impl RaftStateMachine<Types> for StateMachine {
    type SnapshotBuilder = StateMachine;

    async fn applied_state(&mut self) -> Result<(Option<LogId>, StoredMembership), StorageError> {
        let shared = self.lock();
        Ok((shared.last, shared.membership.clone()))
    }

    async fn apply<I>(&mut self, entries: I) -> Result<Vec<Applied>, StorageError>
    where
        I: IntoIterator<Item = Entry> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        let mut shared = self.lock();
        let mut applied = Vec::new();
        for entry in entries {
            let done = self.apply_entry(&mut shared, &entry);
            done.map_err(|error| StorageIoError::apply(entry.log_id, &error))?;
            applied.push(Applied);
        }
        shared.publish();
        Ok(applied)
    }

    async fn get_snapshot_builder(&mut self) -> StateMachine {
        self.clone()
    }

    async fn begin_receiving_snapshot(&mut self) -> Result<Box<Cursor<Vec<u8>>>, StorageError> {
        Ok(Box::new(Cursor::new(Vec::new())))
    }

    async fn install_snapshot(
        &mut self,
        meta: &SnapshotMeta,
        snapshot: Box<Cursor<Vec<u8>>>,
    ) -> Result<(), StorageError> {
        let bytes = snapshot.into_inner();
        let failed = |error: io::Error| StorageIoError::write_snapshot(Some(meta.signature()), &error);
        let (end, epoch) = snapshot::parse_id_of(&meta.snapshot_id)
            .ok_or_else(|| failed(invalid(format!("'{}' names no snapshot", meta.snapshot_id))))?;
        let content = snapshot::decode(&bytes, end, epoch).map_err(failed)?;
        snapshot::store(&self.dir, end, epoch, &bytes).map_err(failed)?;
        let voters = content.membership.voter_ids().map(node_id).collect();
        self.log.note_snapshot(content.last, end, voters).map_err(failed)?;
        self.lock().restore(content, bytes);
        Ok(())
    }

    async fn get_current_snapshot(&mut self) -> Result<Option<Snapshot<Types>>, StorageError> {
        let current = self.lock().snapshot.clone();
        Ok(current.map(|(meta, bytes)| Snapshot { meta, snapshot: Box::new(Cursor::new(bytes)) }))
    }
}
