//! Appends: stamp, one write, publish.

use std::io::IoSlice;
use std::sync::atomic::Ordering;

use model::{LeaderEpoch, Offset, TimestampMs};
use parking_lot::MutexGuard;
use records::{BatchStamp, CheckedBatch, EndTxnMarker, batches, next_batch, stamp};

use super::producer_fields::{marker_of, producer_batch, producer_of};
use super::{NONE, PartitionLog, Writer};
use crate::error::{AppendError, LogError};
use crate::producers::ProducerBatch;

/// Batches written by one system call at most.
const GROUP_MAX: usize = 32;

/// Outcome of an append.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    /// Offset of the first record.
    pub base_offset: Offset,
    /// Offset of the last record.
    pub last_offset: Offset,
    /// The broker's time in the records where the topic asks for it; for a duplicate that of the first append.
    pub log_append_time_ms: Option<TimestampMs>,
    /// Log start offset of the partition.
    pub log_start_offset: Offset,
    /// True where the batch had been appended before; nothing was written.
    pub is_duplicate: bool,
    /// True where `flush.messages` asks for a flush.
    pub flush_due: bool,
}

/// A checked batch on its way into a log, for [`AppendGuard::append_all`].
#[derive(Debug)]
pub struct LeaderBatch<'a> {
    /// The whole batch.
    pub bytes: &'a mut [u8],
    /// What its check found.
    pub checked: CheckedBatch,
}

/// The append lock of a partition, held.
#[derive(Debug)]
pub struct AppendGuard<'l> {
    pub(super) log: &'l PartitionLog,
    pub(super) writer: MutexGuard<'l, Writer>,
}

/// What the log must know of a batch once it is written.
struct Written {
    last_offset: Offset,
    size: u64,
    max_timestamp: TimestampMs,
    leader_epoch: LeaderEpoch,
    record_count: i32,
    producer: ProducerBatch,
    is_control: bool,
    marker: Option<EndTxnMarker>,
}

impl PartitionLog {
    /// The append lock, if nobody holds it.
    #[inline]
    pub fn try_lock_append(&self) -> Option<AppendGuard<'_>> {
        self.writer.try_lock().map(|writer| AppendGuard { log: self, writer })
    }

    /// The append lock, waited for.
    pub fn lock_append(&self) -> AppendGuard<'_> {
        AppendGuard { log: self, writer: self.writer.lock() }
    }

    /// Appends a checked batch as leader, giving it its offsets; see [`AppendGuard::append`].
    pub fn append_as_leader(
        &self,
        batch: &mut [u8],
        checked: &CheckedBatch,
        leader_epoch: LeaderEpoch,
        now_ms: TimestampMs,
    ) -> Result<Appended, AppendError> {
        self.lock_append().append(batch, checked, leader_epoch, now_ms)
    }

    /// Appends whole batches whose offsets and epochs a leader has given; returns the new end of the log.
    pub fn append_as_follower(&self, bytes: &[u8], now_ms: TimestampMs) -> Result<Offset, AppendError> {
        self.lock_append().append_as_follower(bytes, now_ms)
    }

    /// Everything after the write: epoch, indexes, producers, then the ends that readers look at.
    ///
    /// A failure here leaves a batch in the file that the log does not know of, so the directory goes offline.
    fn commit(&self, writer: &mut Writer, base_offset: Offset, written: &Written) -> Result<(), LogError> {
        self.take_note(writer, base_offset, written)
            .inspect_err(|error| self.place.home.take_offline(&error.to_string()))
    }

    fn take_note(&self, writer: &mut Writer, base_offset: Offset, written: &Written) -> Result<(), LogError> {
        self.note_epoch(writer, written.leader_epoch, base_offset);
        let active = &writer.active;
        let interval = writer.options.index_interval_bytes;
        active.note(written.last_offset, active.size(), written.size, written.max_timestamp, interval)?;
        active.grow(written.size);
        let producer = &written.producer;
        if producer.producer_id >= 0 {
            match written.marker {
                None if written.is_control => {}
                Some(marker) => {
                    let (id, epoch, time) = (producer.producer_id, producer.epoch, written.max_timestamp);
                    if let Some(aborted) = writer.producers.ended(id, epoch, marker, base_offset, time) {
                        writer.active.add_aborted(aborted)?;
                    }
                }
                None => writer.producers.appended(producer, written.last_offset, written.max_timestamp),
            }
            let first = writer.producers.first_undecided().unwrap_or(NONE);
            self.ends.first_undecided.store(first, Ordering::Release);
        }
        writer.next_offset = written.last_offset + 1;
        writer.producers.end_offset = writer.next_offset;
        writer.records_since_flush += i64::from(written.record_count);
        writer.bytes_since_snapshot += written.size;
        self.ends.unflushed_bytes.fetch_add(written.size, Ordering::Relaxed);
        Ok(())
    }
}

impl AppendGuard<'_> {
    /// Offset that the next record will get.
    pub fn next_offset(&self) -> Offset {
        self.writer.next_offset
    }

    /// Appends a checked batch as leader: gives it offsets and epoch in place, writes it once, publishes it.
    ///
    /// A batch that its producer had sent before is answered with its first offsets and not written again.
    pub fn append(
        &mut self,
        batch: &mut [u8],
        checked: &CheckedBatch,
        leader_epoch: LeaderEpoch,
        now_ms: TimestampMs,
    ) -> Result<Appended, AppendError> {
        let (log, writer) = (self.log, &mut *self.writer);
        if let Some(before) = log.judge(writer, batch, checked)? {
            return Ok(before);
        }
        let base_offset = log.prepare(writer, batch, checked, leader_epoch, now_ms)?;
        writer.active.write(&mut [IoSlice::new(batch)]).map_err(append_error)?;
        let appended = log.written(writer, batch, checked, base_offset, leader_epoch, now_ms)?;
        log.publish(writer);
        log.tail.appended(&[batch], appended.base_offset, appended.last_offset + 1);
        Ok(appended)
    }

    /// Appends several checked batches in order, as many as possible with one system call.
    ///
    /// `done` is told of each outcome by its place in `items`.
    pub fn append_all(
        &mut self,
        items: &mut [LeaderBatch<'_>],
        leader_epoch: LeaderEpoch,
        now_ms: TimestampMs,
        mut done: impl FnMut(usize, Result<Appended, AppendError>),
    ) {
        let mut place = 0;
        while place < items.len() {
            let rest = items.get_mut(place..).unwrap_or_default();
            let length = group_length(rest);
            let group = rest.get_mut(..length).unwrap_or_default();
            if length > 1 && self.append_group(group, leader_epoch, now_ms, place, &mut done) {
                place += length;
                continue;
            }
            for item in group {
                done(place, self.append(item.bytes, &item.checked, leader_epoch, now_ms));
                place += 1;
            }
        }
    }

    /// One write for a group; false where something about it needs the long way.
    fn append_group(
        &mut self,
        group: &mut [LeaderBatch<'_>],
        leader_epoch: LeaderEpoch,
        now_ms: TimestampMs,
        place: usize,
        done: &mut impl FnMut(usize, Result<Appended, AppendError>),
    ) -> bool {
        let (log, writer) = (self.log, &mut *self.writer);
        let size: usize = group.iter().map(|item| item.bytes.len()).sum();
        let mut next = writer.next_offset;
        let newest = group.iter().map(|item| item.checked.max_timestamp()).max().unwrap_or(-1);
        let span: i64 = group.iter().map(|item| i64::from(item.checked.last_offset_delta()) + 1).sum();
        let rolls = log.should_roll(writer, size as u64, next + span - 1, newest, now_ms);
        if log.is_offline() || !matches!(rolls, Ok(false)) || size as u64 > writer.options.segment_bytes {
            return false;
        }
        if group.iter().any(|item| !matches!(log.judge(writer, item.bytes, &item.checked), Ok(None))) {
            return false;
        }
        for item in group.iter_mut() {
            stamp(item.bytes, stamp_of(writer, &item.checked, next, leader_epoch, now_ms));
            next += i64::from(item.checked.last_offset_delta()) + 1;
        }
        let mut parts = [IoSlice::new(&[]); GROUP_MAX];
        for (part, item) in parts.iter_mut().zip(group.iter()) {
            *part = IoSlice::new(item.bytes);
        }
        let count = group.len().min(GROUP_MAX);
        if writer.active.write(parts.get_mut(..count).unwrap_or_default()).is_err() {
            // Cut back or offline by now: each batch finds out for itself.
            return false;
        }
        for (step, item) in group.iter().enumerate() {
            let base_offset = writer.next_offset;
            let outcome = log.written(writer, item.bytes, &item.checked, base_offset, leader_epoch, now_ms);
            if let Ok(appended) = &outcome {
                log.tail.appended(&[item.bytes], appended.base_offset, appended.last_offset + 1);
            }
            done(place + step, outcome);
        }
        log.publish(writer);
        true
    }

    /// See [`PartitionLog::append_as_follower`].
    pub fn append_as_follower(&mut self, bytes: &[u8], now_ms: TimestampMs) -> Result<Offset, AppendError> {
        let (log, writer) = (self.log, &mut *self.writer);
        log.place.home.check_online().map_err(AppendError::Storage)?;
        let mut next = writer.next_offset;
        for batch in batches(bytes) {
            let batch = batch.map_err(AppendError::InvalidBatch)?;
            batch.verify_checksum().map_err(AppendError::InvalidBatch)?;
            if batch.base_offset() < next || batch.last_offset_delta() < 0 {
                return Err(AppendError::OffsetsNotIncreasing { offset: batch.base_offset(), log_end: next });
            }
            next = batch.next_offset();
        }
        for batch in batches(bytes).flatten() {
            let size = batch.size() as u64;
            let (last, newest) = (batch.last_offset(), batch.max_timestamp());
            if log.should_roll(writer, size, last, newest, now_ms).map_err(AppendError::Storage)? {
                let base_offset = writer.next_offset.max(last - i64::from(i32::MAX));
                log.begin_segment(writer, base_offset, now_ms).map_err(AppendError::Storage)?;
            }
            writer.active.write(&mut [IoSlice::new(batch.bytes())]).map_err(append_error)?;
            let written = Written {
                last_offset: last,
                size,
                max_timestamp: newest,
                leader_epoch: batch.leader_epoch(),
                record_count: batch.record_count(),
                producer: producer_batch(&batch),
                is_control: batch.is_control(),
                marker: marker_of(&batch),
            };
            log.commit(writer, batch.base_offset(), &written).map_err(AppendError::Storage)?;
            log.publish(writer);
            log.tail.appended(&[batch.bytes()], batch.base_offset(), batch.next_offset());
        }
        Ok(writer.next_offset)
    }
}

impl PartitionLog {
    /// Refuses a batch that may not follow, or answers one that was appended before.
    fn judge(
        &self,
        writer: &Writer,
        batch: &[u8],
        checked: &CheckedBatch,
    ) -> Result<Option<Appended>, AppendError> {
        if self.is_offline() {
            self.place.home.check_online().map_err(AppendError::Storage)?;
        }
        if batch.len() as u64 > writer.options.segment_bytes {
            let segment_bytes = writer.options.segment_bytes;
            return Err(AppendError::TooLarge { size: batch.len(), segment_bytes });
        }
        if checked.producer_id() < 0 {
            return Ok(None);
        }
        if checked.attributes().is_control() {
            let marker = next_batch(batch).ok().flatten().and_then(|batch| marker_of(&batch));
            if let Some(marker) = marker {
                writer.producers.check_marker(checked.producer_id(), checked.producer_epoch(), marker)?;
            }
            return Ok(None);
        }
        let before = writer.producers.check(&producer_of(checked))?;
        Ok(before.map(|before| Appended {
            base_offset: before.first_offset(),
            last_offset: before.last_offset,
            log_append_time_ms: Some(before.timestamp),
            log_start_offset: self.log_start_offset(),
            is_duplicate: true,
            flush_due: false,
        }))
    }

    /// Rolls where needed and stamps the batch; returns its base offset.
    fn prepare(
        &self,
        writer: &mut Writer,
        batch: &mut [u8],
        checked: &CheckedBatch,
        leader_epoch: LeaderEpoch,
        now_ms: TimestampMs,
    ) -> Result<Offset, AppendError> {
        let base_offset = writer.next_offset;
        let last_offset = base_offset + i64::from(checked.last_offset_delta());
        let newest = if writer.options.log_append_time { now_ms } else { checked.max_timestamp() };
        if self
            .should_roll(writer, batch.len() as u64, last_offset, newest, now_ms)
            .map_err(AppendError::Storage)?
        {
            self.begin_segment(writer, base_offset, now_ms).map_err(append_error)?;
        }
        stamp(batch, stamp_of(writer, checked, base_offset, leader_epoch, now_ms));
        Ok(base_offset)
    }

    fn written(
        &self,
        writer: &mut Writer,
        batch: &[u8],
        checked: &CheckedBatch,
        base_offset: Offset,
        leader_epoch: LeaderEpoch,
        now_ms: TimestampMs,
    ) -> Result<Appended, AppendError> {
        let log_append_time_ms = writer.options.log_append_time.then_some(now_ms);
        let is_control = checked.attributes().is_control();
        let marker =
            if is_control { next_batch(batch).ok().flatten().and_then(|b| marker_of(&b)) } else { None };
        let written = Written {
            last_offset: base_offset + i64::from(checked.last_offset_delta()),
            size: batch.len() as u64,
            max_timestamp: log_append_time_ms.unwrap_or(checked.max_timestamp()),
            leader_epoch,
            record_count: checked.record_count(),
            producer: producer_of(checked),
            is_control,
            marker,
        };
        self.commit(writer, base_offset, &written).map_err(AppendError::Storage)?;
        Ok(Appended {
            base_offset,
            last_offset: written.last_offset,
            log_append_time_ms,
            log_start_offset: self.log_start_offset(),
            is_duplicate: false,
            flush_due: writer.records_since_flush >= writer.options.flush_messages,
        })
    }

    fn publish(&self, writer: &Writer) {
        self.ends.log_end.store(writer.next_offset, Ordering::Release);
    }
}

fn stamp_of(
    writer: &Writer,
    checked: &CheckedBatch,
    base_offset: Offset,
    leader_epoch: LeaderEpoch,
    now_ms: TimestampMs,
) -> BatchStamp {
    BatchStamp {
        base_offset,
        leader_epoch,
        log_append_time_ms: writer.options.log_append_time.then_some(now_ms),
        max_timestamp: checked.corrected_max_timestamp(),
    }
}

/// How many batches at the start of `items` may share a write: no two of one producer, because the second is
/// judged by what the first leaves behind.
fn group_length(items: &[LeaderBatch<'_>]) -> usize {
    let may_join = |place: usize, item: &LeaderBatch<'_>| {
        let producer = item.checked.producer_id();
        let before = items.get(..place).unwrap_or_default();
        !item.checked.attributes().is_control()
            && (producer < 0 || before.iter().all(|other| other.checked.producer_id() != producer))
    };
    let items_max = items.iter().take(GROUP_MAX).enumerate();
    let together = items_max.take_while(|(place, item)| may_join(*place, item)).count();
    together.max(1).min(items.len())
}

fn append_error(error: LogError) -> AppendError {
    if error.is_no_space() { AppendError::NoSpace(error) } else { AppendError::Storage(error) }
}
