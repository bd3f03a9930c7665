//! The log of one partition: what is shared by appends, reads and upkeep, and the offsets that bound it.

mod append;
mod begin;
mod flush;
mod folder;
mod leader_epochs;
mod lookup;
mod open;
mod producer_fields;
mod producer_load;
mod read;
mod recover;
mod reserve;
mod roll;
mod truncate;
mod upkeep;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};

use arc_swap::ArcSwap;
use model::{LeaderEpoch, Offset, TimestampMs};
use parking_lot::{Mutex, RwLock};

use crate::epochs::{EpochStart, Epochs};
use crate::options::LogOptions;
use crate::place::Place;
use crate::producers::{ActiveProducer, Producers};
use crate::segment::Segment;
use crate::tail_cache::TailCache;

pub(crate) use flush::BegunFlush;

pub use append::{AppendGuard, Appended, LeaderBatch};
pub use lookup::FoundOffset;
pub use open::{RecoveryReport, RecoveryStart};
pub use read::LogSlice;
pub use upkeep::DeletedLog;

const NONE: Offset = -1;

/// One partition on disk, in Kafka's files.
///
/// Appends take one lock; reads take none of it: they see a snapshot of the segments and the end offsets.
#[derive(Debug)]
pub struct PartitionLog {
    name: String,
    place: Arc<Place>,
    segments: ArcSwap<Vec<Arc<Segment>>>,
    ends: Ends,
    epochs: RwLock<Epochs>,
    tail: TailCache,
    recovered: RecoveryReport,
    writer: Mutex<Writer>,
    flushing: Mutex<()>,
}

/// Offsets and counts that readers take without a lock.
#[derive(Debug)]
struct Ends {
    log_start: AtomicI64,
    log_end: AtomicI64,
    first_undecided: AtomicI64,
    recovery_point: AtomicI64,
    unflushed_bytes: AtomicU64,
    /// The folder's own name is not yet on stable storage.
    parent_dirty: AtomicBool,
    /// The file of epochs is not yet on stable storage.
    epochs_dirty: AtomicBool,
    /// The file of epochs lacks one that has records; the next flush writes it, for a start finds those of records that
    /// were not flushed in the records.
    epochs_unwritten: AtomicBool,
}

/// What appends change, behind the append lock.
#[derive(Debug)]
struct Writer {
    options: Arc<LogOptions>,
    active: Arc<Segment>,
    next_offset: Offset,
    latest_epoch: LeaderEpoch,
    /// What the file of epochs has, where that is not what the log knows: an epoch is written with its first record.
    stale_epochs: Option<Epochs>,
    producers: Producers,
    /// Offset of the newest snapshot of the producer state.
    snapshot_offset: Offset,
    bytes_since_snapshot: u64,
    records_since_flush: i64,
}

impl PartitionLog {
    fn of(
        place: &Arc<Place>,
        segments: Vec<Arc<Segment>>,
        ends: Ends,
        epochs: Epochs,
        recovered: RecoveryReport,
        writer: Writer,
    ) -> PartitionLog {
        let name = place.folder().file_name().map(|name| name.to_string_lossy().into_owned());
        PartitionLog {
            name: name.unwrap_or_default(),
            place: Arc::clone(place),
            segments: ArcSwap::from_pointee(segments),
            ends,
            epochs: RwLock::new(epochs),
            tail: TailCache::new(&place.home.tail_memory),
            recovered,
            writer: Mutex::new(writer),
            flushing: Mutex::new(()),
        }
    }

    /// Name of its folder: topic, hyphen, partition.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its folder.
    pub fn folder(&self) -> PathBuf {
        self.place.folder()
    }

    /// First offset that may be read.
    pub fn log_start_offset(&self) -> Offset {
        self.ends.log_start.load(Ordering::Acquire)
    }

    /// Offset that the name of the first segment tells; the log start may lie above it.
    pub fn first_segment_offset(&self) -> Offset {
        self.segments.load().first().map_or(0, |segment| segment.base_offset)
    }

    /// Offset that the next record will get.
    pub fn log_end_offset(&self) -> Offset {
        self.ends.log_end.load(Ordering::Acquire)
    }

    /// Offset of the first record whose transaction is still open, if there is one.
    pub fn first_undecided_offset(&self) -> Option<Offset> {
        Some(self.ends.first_undecided.load(Ordering::Acquire)).filter(|offset| *offset != NONE)
    }

    /// Offset up to which the log is known to be on stable storage.
    pub fn recovery_point(&self) -> Offset {
        self.ends.recovery_point.load(Ordering::Acquire)
    }

    /// Bytes appended since the last flush began that has ended; what a crash left to be scanned counts too.
    pub fn unflushed_bytes(&self) -> u64 {
        self.ends.unflushed_bytes.load(Ordering::Relaxed)
    }

    /// Epoch of the last record, or of the last leader; `None` in a log without any.
    pub fn latest_epoch(&self) -> Option<LeaderEpoch> {
        self.epochs.read().latest()
    }

    /// Epoch that the record at `offset` was written in.
    pub fn epoch_at(&self, offset: Offset) -> Option<LeaderEpoch> {
        self.epochs.read().epoch_at(offset)
    }

    /// The largest epoch not above `epoch` and its end offset; -1 and -1 where none is known (KIP-101).
    pub fn end_offset_for_epoch(&self, epoch: LeaderEpoch) -> (LeaderEpoch, Offset) {
        self.epochs.read().end_offset(epoch, self.log_end_offset())
    }

    /// All epochs with the offset at which each begins.
    pub fn epoch_starts(&self) -> Vec<EpochStart> {
        self.epochs.read().starts().to_vec()
    }

    /// Bytes of all segments.
    pub fn size_bytes(&self) -> u64 {
        self.segments.load().iter().map(|segment| segment.size()).sum()
    }

    /// Number of segments, the active one included.
    pub fn segment_count(&self) -> usize {
        self.segments.load().len()
    }

    /// Idempotent producers that have not expired at `now_ms`.
    pub fn active_producers(&self, now_ms: TimestampMs) -> Vec<ActiveProducer> {
        let writer = self.writer.lock();
        writer.producers.active(now_ms, writer.options.producer_id_expiration_ms)
    }

    /// Forgets expired producers; for a timer of the caller (`producer.id.expiration.check.interval.ms`).
    pub fn expire_producers(&self, now_ms: TimestampMs) {
        let mut writer = self.writer.lock();
        let expiration_ms = writer.options.producer_id_expiration_ms;
        writer.producers.expire(now_ms, expiration_ms);
    }

    /// Replaces the settings.
    pub fn update_options(&self, options: Arc<LogOptions>) {
        self.writer.lock().options = options;
    }

    /// What opening found and did.
    pub fn recovery_report(&self) -> &RecoveryReport {
        &self.recovered
    }

    /// Reads served from memory since the log was opened.
    pub fn tail_cache_hits(&self) -> u64 {
        self.tail.hits()
    }

    /// Gives back the memory of the tail cache unless somebody has read at the tail since the last call, and that of
    /// indexes, as far as their files hold them, that nobody has looked at; for a timer of the caller.
    pub fn trim_memory(&self) {
        self.tail.trim();
        self.segments.load().iter().for_each(|segment| segment.trim_index());
    }

    /// Bytes of memory that the indexes of its segments take.
    pub fn index_bytes(&self) -> usize {
        self.segments.load().iter().map(|segment| segment.index_bytes()).sum()
    }

    pub(crate) fn disk(&self) -> &dyn crate::disk::Disk {
        self.place.disk()
    }

    pub(crate) fn home(&self) -> &crate::home::LogHome {
        &self.place.home
    }

    /// True where the log directory is offline.
    pub fn is_offline(&self) -> bool {
        self.place.home.is_offline()
    }
}
