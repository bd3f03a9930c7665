//! Reading the records of shards, in the background and one shard after the other.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use coordinator::{GroupSettings, GroupShard};
use partition_log::PartitionLog;
use records::{BatchError, BatchView, EndTxnMarker, Entry, LegacyView, Record, Scratch, next_entry};

use super::core_queue::Work;
use super::hosted_shard::HostedShard;
use crate::broker::Broker;

/// Bytes that one batch may unpack to.
const UNPACKED_MAX: usize = 256 << 20;

/// Records of transactions that are not decided yet, by producer.
type Undecided = HashMap<i64, Vec<(Vec<u8>, Option<Vec<u8>>)>>;

/// Has the records of `shards` read. Empty ones, as of a topic that has just been made, can serve at once.
pub fn begin(broker: &Arc<Broker>, shards: Vec<Arc<HostedShard>>) {
    let (empty, filled): (Vec<_>, Vec<_>) = shards.into_iter().partition(|hosted| hosted.is_empty());
    for hosted in empty {
        hosted.begin(broker, new_shard(broker));
    }
    if filled.is_empty() {
        return;
    }
    let broker = Arc::clone(broker);
    let load_all = move || {
        for hosted in filled {
            match load(&hosted.partition.log, &broker) {
                Ok(shard) => hand_over(&broker, hosted, shard),
                Err(reason) => {
                    let partition = hosted.index;
                    tracing::error!(
                        partition,
                        reason,
                        "the groups of a partition of __consumer_offsets cannot be loaded"
                    );
                    hosted.end();
                }
            }
        }
    };
    if let Err(error) = std::thread::Builder::new().name("group-loader".to_owned()).spawn(load_all) {
        tracing::error!(%error, "no thread to load groups with");
    }
}

fn new_shard(broker: &Broker) -> GroupShard {
    GroupShard::new(GroupSettings::clone(&broker.groups.settings.load()))
}

fn hand_over(broker: &Broker, hosted: Arc<HostedShard>, shard: GroupShard) {
    if let Some(queue) = broker.groups.queue_of(&hosted) {
        queue.push(Work::Loaded(hosted, Box::new(shard)));
    }
}

fn load(log: &PartitionLog, broker: &Broker) -> Result<GroupShard, String> {
    let mut shard = new_shard(broker);
    let mut scratch = Scratch::new();
    let mut undecided = Undecided::new();
    let (mut next, end) = (log.log_start_offset(), log.log_end_offset());
    while next < end {
        let slice = log.read(next, broker.groups.load_bytes, end, true).map_err(|error| error.to_string())?;
        let bytes = slice.to_vec().map_err(|error| error.to_string())?;
        let (mut rest, before) = (bytes.as_slice(), next);
        while let Some(entry) = whole_entry(rest)? {
            let size = match entry {
                Entry::Batch(batch) => {
                    load_batch(&mut shard, &batch, &mut scratch, &mut undecided)?;
                    next = batch.next_offset();
                    batch.size()
                }
                Entry::Legacy(message) => {
                    load_message(&mut shard, &message)?;
                    next = message.offset() + 1;
                    message.size()
                }
            };
            rest = rest.get(size..).unwrap_or_default();
        }
        if next <= before {
            return Err(format!("no batch could be read at offset {before}"));
        }
    }
    Ok(shard)
}

/// The next entry; none where only a part of it has been read, as of the last one before the bound on bytes.
fn whole_entry(bytes: &[u8]) -> Result<Option<Entry<'_>>, String> {
    match next_entry(bytes) {
        Err(BatchError::Incomplete { .. }) => Ok(None),
        found => found.map_err(|error| error.to_string()),
    }
}

fn load_batch(
    shard: &mut GroupShard,
    batch: &BatchView<'_>,
    scratch: &mut Scratch,
    undecided: &mut Undecided,
) -> Result<(), String> {
    for record in scratch.records(batch, UNPACKED_MAX).map_err(|error| error.to_string())? {
        let record = record.map_err(|error| error.to_string())?;
        if batch.is_control() {
            let Some(marker) = EndTxnMarker::of(&record) else { continue };
            let decided = undecided.remove(&batch.producer_id()).filter(|_| marker.committed);
            for (key, value) in decided.into_iter().flatten() {
                take_over(shard, &key, value.as_deref());
            }
            continue;
        }
        let Some(key) = record.key else { continue };
        if batch.is_transactional() {
            let owned = (key.to_vec(), record.value.map(<[u8]>::to_vec));
            undecided.entry(batch.producer_id()).or_default().push(owned);
        } else {
            take_over(shard, key, record.value);
        }
    }
    Ok(())
}

/// A message of the formats before batches, as brokers before 0.11 have left them.
fn load_message(shard: &mut GroupShard, message: &LegacyView<'_>) -> Result<(), String> {
    let take = &mut |record: Record<'_>| {
        if let Some(key) = record.key {
            take_over(shard, key, record.value);
        }
        ControlFlow::Continue(())
    };
    message.for_each(UNPACKED_MAX, take).map_err(|error| error.to_string())
}

/// A record that makes no sense costs nobody else their groups.
fn take_over(shard: &mut GroupShard, key: &[u8], value: Option<&[u8]>) {
    if let Err(error) = shard.load(key, value) {
        tracing::error!(%error, "passed over");
    }
}
