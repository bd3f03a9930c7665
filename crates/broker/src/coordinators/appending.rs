//! From the records of a decision to the partition.

use std::sync::Arc;

use coordinator::{Record, RecordBytes};
use model::{ErrorCode, TimestampMs};
use partition_log::{AppendError, Appended};
use records::{BatchBuilder, CheckedBatch, next_batch};
use tokio::sync::oneshot;

use crate::broker::Broker;
use crate::delayed::FlushTicket;
use crate::partitions::{AppendTicket, Partition};

/// Whether what was decided is committed, or the error that clients get.
pub type Committed = Result<(), ErrorCode>;

/// What became of an append.
pub enum Appending {
    /// The records are there for good.
    Committed,
    /// Nothing was appended.
    Refused(ErrorCode),
    /// They will be there, unless the disk fails.
    Waits(Wait),
}

/// An append whose end is not known yet.
pub enum Wait {
    /// It was left to another thread.
    Queued(oneshot::Receiver<Result<Appended, AppendError>>),
    /// It is to be on stable storage.
    Flushed(FlushTicket),
}

impl Wait {
    /// Returns at the end.
    pub async fn end(self, partition: &Arc<Partition>) -> Committed {
        let ticket = match self {
            Wait::Flushed(ticket) => ticket,
            Wait::Queued(receiver) => match receiver.await {
                Ok(Ok(appended)) => match flush(partition, &appended) {
                    Some(ticket) => ticket,
                    None => return Ok(()),
                },
                Ok(Err(error)) => return Err(told(&error)),
                // The thread that had the records ended: nobody knows whether they were written.
                Err(_) => return Err(ErrorCode::NOT_COORDINATOR),
            },
        };
        ticket.await.map_err(|_| ErrorCode::NOT_COORDINATOR)
    }
}

/// Bytes of a record beside its key and its value: lengths, timestamp, count of headers.
const RECORD_OVERHEAD_MAX: usize = 40;

/// Records as they go into a batch.
pub struct Encoded(Vec<RecordBytes>);

impl Encoded {
    /// All of `records`, or the error that clients get.
    pub fn of(records: &[Record]) -> Result<Encoded, ErrorCode> {
        let encode = |record: &Record| {
            record.encode().map_err(|error| {
                tracing::error!(?record, %error, "a record of a group cannot be encoded");
                ErrorCode::UNKNOWN_SERVER_ERROR
            })
        };
        records.iter().map(encode).collect::<Result<_, _>>().map(Encoded)
    }

    /// Bytes that they take at most.
    fn size_max(&self) -> usize {
        let size = |(key, value): &RecordBytes| key.len() + value.as_ref().map_or(0, Vec::len);
        self.0.iter().map(|record| size(record) + RECORD_OVERHEAD_MAX).sum()
    }
}

/// Records that are appended together: they are there as a whole or not at all.
#[derive(Debug)]
pub struct Batch(BatchBuilder);

impl Batch {
    /// Without records yet.
    pub fn new(broker: &Broker) -> Batch {
        Batch(BatchBuilder::new().compression(broker.groups.compression))
    }

    /// Adds as many of `records`, from the first on, as fit into a batch of `size_max` bytes, and tells how many those are;
    /// the first is always one of them. An error where the first cannot be encoded.
    pub fn fill(
        &mut self,
        records: &[Record],
        size_max: usize,
        now_ms: TimestampMs,
    ) -> Result<usize, ErrorCode> {
        let mut count = 0;
        for record in records {
            let encoded = match Encoded::of(std::slice::from_ref(record)) {
                Ok(encoded) => encoded,
                Err(code) if count == 0 => return Err(code),
                // It is the first of the next batch.
                Err(_) => break,
            };
            if count > 0 && !self.has_room(&encoded, size_max) {
                break;
            }
            self.push(&encoded, now_ms);
            count += 1;
        }
        Ok(count)
    }

    /// Adds records.
    pub fn push(&mut self, records: &Encoded, now_ms: TimestampMs) {
        for (key, value) in &records.0 {
            self.0.push(now_ms, Some(key), value.as_deref(), &[]);
        }
    }

    /// True where the batch stays within `size_max` bytes with these records.
    pub fn has_room(&self, records: &Encoded, size_max: usize) -> bool {
        self.0.plain_size() + records.size_max() <= size_max
    }
}

/// Appends a batch, which has records.
pub fn append(broker: &Broker, partition: &Arc<Partition>, batch: &Batch) -> Appending {
    let settings = partition.topic.settings.load();
    if partition.is_gone() {
        return Appending::Refused(ErrorCode::NOT_COORDINATOR);
    }
    if !partition.is_in_sync(settings.min_insync_replicas) {
        return Appending::Refused(ErrorCode::COORDINATOR_NOT_AVAILABLE);
    }
    let now_ms = broker.clock.now_ms();
    let mut bytes = batch.0.build();
    let Ok(Some(batch)) = next_batch(&bytes) else {
        return Appending::Refused(ErrorCode::UNKNOWN_SERVER_ERROR);
    };
    let checked = CheckedBatch::own(&batch);
    if bytes.len() > settings.batch_bytes_max {
        return Appending::Refused(ErrorCode::MESSAGE_TOO_LARGE);
    }
    match partition.append(&mut bytes, checked, now_ms, &broker.budget) {
        AppendTicket::Done(Ok(appended)) => match flush(partition, &appended) {
            Some(ticket) => Appending::Waits(Wait::Flushed(ticket)),
            None => Appending::Committed,
        },
        AppendTicket::Done(Err(error)) => Appending::Refused(told(&error)),
        AppendTicket::Queued(receiver) => Appending::Waits(Wait::Queued(receiver)),
    }
}

/// What has to be waited for with `flush.policy=durable`, and where `flush.messages` is reached.
fn flush(partition: &Arc<Partition>, appended: &Appended) -> Option<FlushTicket> {
    (partition.is_durable() || appended.flush_due).then(|| partition.log_dir.flusher.flush(partition))
}

/// As Kafka tells clients of groups: another coordinator may serve them where this one's disk has failed.
fn told(error: &AppendError) -> ErrorCode {
    tracing::error!(%error, "records of a group could not be appended");
    match error.code() {
        ErrorCode::KAFKA_STORAGE_ERROR | ErrorCode::NOT_LEADER_OR_FOLLOWER => ErrorCode::NOT_COORDINATOR,
        ErrorCode::RECORD_LIST_TOO_LARGE => ErrorCode::MESSAGE_TOO_LARGE,
        _ => ErrorCode::UNKNOWN_SERVER_ERROR,
    }
}

#[cfg(test)]
mod tests {
    use protocol::messages::{GroupKey, OffsetCommitKey};

    use super::*;

    #[test]
    fn records_with_long_names_go_into_several_batches() {
        let name = "x".repeat(30_000);
        let key = |partition| OffsetCommitKey { group: name.clone().into(), topic: "t".into(), partition };
        let ends: Vec<Record> =
            (0..100).map(|index| Record { key: GroupKey::OffsetCommit(key(index)), value: None }).collect();
        let fill = |size_max| {
            let mut batch = Batch(BatchBuilder::new());
            (batch.fill(&ends, size_max, 0).unwrap(), batch.0.plain_size())
        };
        let (fitting, size) = fill(1 << 20);
        assert_eq!(fitting, 34);
        assert!(((1 << 20) - 30_100..=1 << 20).contains(&size), "{size}");
        assert_eq!((fill(100).0, fill(usize::MAX).0), (1, 100));
    }
}
