//! A log that begins: nothing of it is on disk before its first record, or before somebody asks for its folder.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64};

use model::{LeaderEpoch, TimestampMs, Uuid};

use super::{Ends, NONE, PartitionLog, RecoveryReport, Writer};
use crate::epochs::Epochs;
use crate::error::LogError;
use crate::home::LogHome;
use crate::options::LogOptions;
use crate::place::Place;
use crate::producers::Producers;
use crate::segment::Segment;

impl PartitionLog {
    /// A log whose folder is not there yet, of a topic with the id `topic_id` and led in `leader_epoch`.
    ///
    /// The disk is not touched, so that thousands of partitions are made in no time: the folder comes with the first
    /// record or with [`PartitionLog::make_folder`].
    pub fn begin(
        home: &Arc<LogHome>,
        folder: &Path,
        (topic_id, leader_epoch): (Uuid, LeaderEpoch),
        options: Arc<LogOptions>,
        now_ms: TimestampMs,
    ) -> PartitionLog {
        let place = Place::unmade(folder, home, topic_id);
        let active = Segment::begin(&place, 0, now_ms);
        active.preallocate(options.preallocated_bytes());
        let mut epochs = Epochs::default();
        epochs.assign(leader_epoch, 0);
        let segments = vec![Arc::clone(&active)];
        let writer = Writer {
            options,
            active,
            next_offset: 0,
            latest_epoch: leader_epoch,
            stale_epochs: Some(Epochs::default()),
            producers: Producers::default(),
            snapshot_offset: NONE,
            bytes_since_snapshot: 0,
            records_since_flush: 0,
        };
        let ends = Ends {
            log_start: AtomicI64::new(0),
            log_end: AtomicI64::new(0),
            first_undecided: AtomicI64::new(NONE),
            recovery_point: AtomicI64::new(0),
            unflushed_bytes: AtomicU64::new(0),
            parent_dirty: AtomicBool::new(true),
            epochs_dirty: AtomicBool::new(true),
            epochs_unwritten: AtomicBool::new(false),
        };
        PartitionLog::of(&place, segments, ends, epochs, RecoveryReport::default(), writer)
    }

    /// True once the folder is there.
    pub fn has_folder(&self) -> bool {
        self.place.is_made()
    }

    /// Makes the folder with what stands in it before the first record, where it is not there yet.
    pub fn make_folder(&self) -> Result<(), LogError> {
        if self.place.is_made() {
            return Ok(());
        }
        let mut writer = self.writer.lock();
        self.place.home.check_online()?;
        self.place.make()?;
        let epochs = self.epochs.read();
        self.write_epochs(&epochs)?;
        writer.stale_epochs = None;
        Ok(())
    }
}
