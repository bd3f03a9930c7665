//! The batches of the metadata log, in a partition log: one Raft entry is one batch, found again by its offset.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use model::Offset;
use partition_log::{AppendError, LogError, LogHome, LogOptions, PartitionLog, ReadError, RecoveryStart};
use records::{BatchError, BatchView};

use crate::membership::invalid;
use crate::recovery_point;

/// Syncs after which the recovery point is written anew: what lies behind it is taken for a torn tail where it is damaged.
const SYNCS_PER_RECOVERY_POINT: u64 = 32;

/// What the Raft log must know of a batch without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchPosition {
    /// Offset of its first record.
    pub base_offset: Offset,
    /// Offset after its last record.
    pub next_offset: Offset,
    /// Its leader epoch, which is the Raft term.
    pub epoch: i32,
    /// True for control records.
    pub is_control: bool,
    /// Its size in bytes.
    pub size: usize,
}

impl BatchPosition {
    fn of(batch: &BatchView<'_>) -> BatchPosition {
        BatchPosition {
            base_offset: batch.base_offset(),
            next_offset: batch.next_offset(),
            epoch: batch.leader_epoch(),
            is_control: batch.is_control(),
            size: batch.size(),
        }
    }
}

/// The partition log of `__cluster_metadata-0`; what is appended counts as stored after [`MetadataLog::sync`].
#[derive(Debug)]
pub struct MetadataLog {
    log: PartitionLog,
    home: Arc<LogHome>,
    syncs: AtomicU64,
}

impl MetadataLog {
    /// Opens the folder and finds every batch in it. A torn or damaged tail of the last segment is cut off, for it
    /// was never acknowledged; damage before it is an error that names file and position.
    pub fn open(
        home: &Arc<LogHome>,
        dir: &Path,
        segment_bytes: u64,
        segment_ms: i64,
        now_ms: i64,
    ) -> io::Result<(MetadataLog, Vec<BatchPosition>)> {
        // Whatever stands before the last segment is on stable storage, so that damage there is damage.
        let options =
            LogOptions { segment_bytes, segment_ms, sync_before_roll: true, ..LogOptions::default() };
        // Where it is not known, the last segment is checked; what is before may not be cut in any case.
        let recovery_point = recovery_point::read(home, dir)?.unwrap_or(Offset::MAX);
        let recovery = RecoveryStart { clean_shutdown: false, recovery_point, log_start_offset: 0 };
        let log = PartitionLog::open(home, dir, Arc::new(options), recovery, now_ms).map_err(failed)?;
        if let Some(reason) = &log.recovery_report().cut_reason {
            tracing::warn!(reason, bytes = log.recovery_report().cut_bytes, "cut off a damaged tail");
        }
        let positions = walk(&log).map_err(failed)?;
        let opened = MetadataLog { log, home: Arc::clone(home), syncs: AtomicU64::new(0) };
        opened.sync()?;
        Ok((opened, positions))
    }

    /// Offset that the next batch gets.
    pub fn end_offset(&self) -> Offset {
        self.log.log_end_offset()
    }

    /// Writes one batch after the last.
    pub fn append(&self, batch: &[u8], now_ms: i64) -> io::Result<BatchPosition> {
        let view = records::next_batch(batch).map_err(invalid)?.ok_or_else(|| invalid("an empty batch"))?;
        self.log.append_as_follower(batch, now_ms).map_err(not_appended)?;
        Ok(BatchPosition::of(&view))
    }

    /// Puts everything appended so far on stable storage.
    pub fn sync(&self) -> io::Result<()> {
        self.log.flush().map_err(failed)?;
        if self.syncs.fetch_add(1, Ordering::Relaxed).is_multiple_of(SYNCS_PER_RECOVERY_POINT) {
            self.keep_recovery_point()?;
        }
        Ok(())
    }

    /// Takes note on disk of what is known to be on stable storage.
    fn keep_recovery_point(&self) -> io::Result<()> {
        let point = self.log.point_for_checkpoint().map_err(failed)?;
        recovery_point::write(&self.home, &self.log.folder(), point)
    }

    /// The bytes of a batch.
    pub fn read(&self, position: &BatchPosition) -> io::Result<Vec<u8>> {
        let slice = self.log.read(position.base_offset, position.size, position.next_offset, true);
        let bytes = slice.map_err(not_read)?.to_vec().map_err(failed)?;
        if bytes.len() == position.size {
            Ok(bytes)
        } else {
            let (found, wanted) = (bytes.len(), position.size);
            Err(invalid(format!(
                "the batch at offset {} has {found} bytes, not {wanted}",
                position.base_offset
            )))
        }
    }

    /// Cuts off a batch and everything after it.
    pub fn truncate(&self, first: &BatchPosition, now_ms: i64) -> io::Result<()> {
        // First, so that no start takes what is written there next for what was there before.
        recovery_point::write(
            &self.home,
            &self.log.folder(),
            self.log.recovery_point().min(first.base_offset),
        )?;
        self.log.truncate_to(first.base_offset, now_ms).map_err(failed)?;
        self.sync()
    }

    /// Removes everything; the next batch begins at `offset`.
    pub fn begin_at(&self, offset: Offset, now_ms: i64) -> io::Result<()> {
        recovery_point::write(&self.home, &self.log.folder(), 0)?;
        self.log.truncate_fully(offset, now_ms).map_err(failed)?;
        self.log.flush().map_err(failed)?;
        self.keep_recovery_point()
    }

    /// Deletes segments that hold nothing from `first_kept` on; the last one is closed so that the next call can
    /// delete it.
    pub fn drop_below(&self, first_kept: Offset, now_ms: i64) -> io::Result<()> {
        self.log.roll(now_ms).map_err(failed)?;
        self.log.advance_log_start(first_kept).map_err(failed)
    }

    /// Leaves the log as a clean stop does.
    pub fn close(&self) -> io::Result<()> {
        self.log.close().map_err(failed)?;
        self.keep_recovery_point()
    }
}

/// Finds every batch; each must follow the one before.
fn walk(log: &PartitionLog) -> Result<Vec<BatchPosition>, LogError> {
    let mut positions: Vec<BatchPosition> = Vec::new();
    log.verify(|batch| {
        if positions.last().is_some_and(|last| last.next_offset != batch.base_offset()) {
            return Err(BatchError::Malformed("its base offset does not follow the batch before"));
        }
        positions.push(BatchPosition::of(batch));
        Ok(())
    })?;
    Ok(positions)
}

fn failed(error: LogError) -> io::Error {
    match error {
        LogError::Corrupt { path, position, reason, .. } => invalid(format!(
            "{} at byte {position}: {reason}; restore the folder from a copy or from another voter",
            path.display()
        )),
        full if full.is_no_space() => io::Error::new(io::ErrorKind::StorageFull, full),
        other => io::Error::other(other),
    }
}

fn not_read(error: ReadError) -> io::Error {
    match error {
        ReadError::Storage(error) => failed(error),
        other @ ReadError::OffsetOutOfRange { .. } => io::Error::other(other),
    }
}

fn not_appended(error: AppendError) -> io::Error {
    match error {
        full @ AppendError::NoSpace(_) => io::Error::new(io::ErrorKind::StorageFull, full),
        other => io::Error::other(other),
    }
}
