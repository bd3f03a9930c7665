//! Reads what was written, with plain Fetch requests.

use client::{Admin, Error, Target};
use model::Uuid;
use protocol::messages::FetchRequest;
use protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use records::Scratch;

use crate::shown;

/// A record that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Read {
    /// Its offset.
    pub offset: i64,
    /// Its timestamp.
    pub timestamp: i64,
    /// Its key.
    pub key: Option<Vec<u8>>,
    /// Its value.
    pub value: Option<Vec<u8>>,
    /// Its headers.
    pub headers: Vec<(Vec<u8>, Option<Vec<u8>>)>,
}

/// All records of a partition, from the beginning.
pub async fn read_all(
    admin: &Admin,
    topic: &str,
    id: Uuid,
    partition: i32,
    leader: i32,
) -> Result<Vec<Read>, String> {
    let mut read: Vec<Read> = Vec::new();
    loop {
        let next = read.last().map_or(0, |last| last.offset + 1);
        let wanted = FetchPartition {
            partition,
            fetch_offset: next,
            partition_max_bytes: 1 << 20,
            ..FetchPartition::default()
        };
        let request = FetchRequest {
            max_wait_ms: 0,
            min_bytes: 0,
            max_bytes: 10 << 20,
            topics: vec![FetchTopic { topic: topic.into(), topic_id: id, partitions: vec![wanted] }],
            ..FetchRequest::default()
        };
        let fetched = admin.ask("fetch", Target::Node(leader), &request, |answer| {
            Error::check(answer.error_code, None)?;
            let partitions = answer.responses.iter().flat_map(|topic| &topic.partitions);
            let mut bytes = Vec::new();
            for partition in partitions {
                Error::check(partition.error_code, None)?;
                bytes.extend_from_slice(partition.records.as_deref().unwrap_or_default());
            }
            Ok(bytes)
        });
        let bytes = fetched.await.map_err(shown)?;
        let before = read.len();
        decode(&bytes, next, &mut read)?;
        if read.len() == before {
            return Ok(read);
        }
    }
}

/// Adds the records of whole batches from an offset on; the last batch may be cut.
fn decode(bytes: &[u8], from: i64, read: &mut Vec<Read>) -> Result<(), String> {
    let mut scratch = Scratch::default();
    for batch in records::batches(bytes) {
        let Ok(batch) = batch else { break };
        batch.verify_checksum().map_err(shown)?;
        for record in scratch.records(&batch, 100 << 20).map_err(shown)? {
            let record = record.map_err(shown)?;
            if record.offset < from {
                continue;
            }
            let headers = record.headers.map(|(key, value)| (key.to_vec(), value.map(<[u8]>::to_vec)));
            read.push(Read {
                offset: record.offset,
                timestamp: record.timestamp,
                key: record.key.map(<[u8]>::to_vec),
                value: record.value.map(<[u8]>::to_vec),
                headers: headers.collect(),
            });
        }
    }
    Ok(())
}
