//! Snapshots as Kafka's `<end offset>-<epoch>.checkpoint` files, with the Raft ids in tagged fields.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use metadata::{Image, to_records};
use partition_log::{RealDisk, replace_file};
use protocol::messages::{MetadataRecord, SnapshotFooterRecord, SnapshotHeaderRecord};
use protocol::{Reader, Writer};
use records::{BatchBuilder, ControlType, Records, batches};

use crate::extras;
use crate::membership::{self, invalid};
use crate::types::{LogId, StoredMembership, epoch_of, log_id};

/// Records per batch.
const RECORDS_PER_BATCH: usize = 1000;

/// Everything a snapshot stands for.
#[derive(Debug, Clone)]
pub struct Content {
    /// The state.
    pub image: Image,
    /// The last entry it contains.
    pub last: LogId,
    /// Offset after the last record it contains.
    pub end_offset: i64,
    /// The membership as of that entry.
    pub membership: StoredMembership,
    /// True where Kafka wrote it, which names no entry: `last` is then a stand-in.
    pub is_foreign: bool,
}

/// Name of the file: end offset and epoch.
pub fn file_name(end_offset: i64, epoch: i32) -> String {
    format!("{end_offset:020}-{epoch:010}.checkpoint")
}

fn parse_name(name: &str) -> Option<(i64, i32)> {
    let (end, epoch) = name.strip_suffix(".checkpoint")?.split_once('-')?;
    (end.len() == 20 && epoch.len() == 10).then(|| Some((end.parse().ok()?, epoch.parse().ok()?)))?
}

/// The file of a snapshot.
pub fn encode(content: &Content, now_ms: i64) -> io::Result<Vec<u8>> {
    let epoch = epoch_of(content.last.leader_id.term);
    let mut bytes = Vec::new();
    let mut offset = 0;
    let mut push = |batch: BatchBuilder, count: usize| {
        batch.base_offset(offset).leader_epoch(epoch).build_into(&mut bytes);
        offset += i64::try_from(count).unwrap_or(0);
    };
    let mut head = BatchBuilder::new().control();
    let record = SnapshotHeaderRecord { version: 0, last_contained_log_timestamp: now_ms };
    let mut writer = Writer::new();
    record.encode(&mut writer, 0).map_err(|error| invalid(error.to_string()))?;
    let mut header = writer.as_slice().to_vec();
    let last = membership::id_text(content.last);
    extras::add(&mut header, &[(extras::LAST, last.as_bytes())]);
    head.push(now_ms, Some(&ControlType::SnapshotHeader.key()), Some(&header), &[]);
    let mut head_count = 1;
    if let Some(at) = content.membership.log_id() {
        membership::push(&mut head, now_ms, content.membership.membership(), Some(*at))?;
        head_count += 2;
    }
    push(head, head_count);
    for chunk in to_records(&content.image).chunks(RECORDS_PER_BATCH) {
        let mut batch = BatchBuilder::new();
        for record in chunk {
            writer.truncate(0);
            record.encode_into(&mut writer).map_err(|error| invalid(error.to_string()))?;
            batch.push(now_ms, None, Some(writer.as_slice()), &[]);
        }
        push(batch, chunk.len());
    }
    writer.truncate(0);
    SnapshotFooterRecord { version: 0 }.encode(&mut writer, 0).map_err(|error| invalid(error.to_string()))?;
    let mut foot = BatchBuilder::new().control();
    foot.push(now_ms, Some(&ControlType::SnapshotFooter.key()), Some(writer.as_slice()), &[]);
    push(foot, 1);
    Ok(bytes)
}

/// The last entry a SnapshotHeader names, if it was written here.
fn last_entry(value: &[u8]) -> io::Result<Option<LogId>> {
    let header = SnapshotHeaderRecord::decode(&mut Reader::new(value), 0).map_err(invalid)?;
    let mut plain = Writer::new();
    header.encode(&mut plain, 0).map_err(|error| invalid(error.to_string()))?;
    extras::find(value, plain.as_slice(), extras::LAST)?.map(membership::parse_id).transpose()
}

/// Reads a snapshot. One written by Kafka names no Raft ids: it then counts as the entry before the log's
/// first, in the epoch of its name.
pub fn decode(bytes: &[u8], end_offset: i64, epoch: i32) -> io::Result<Content> {
    let mut image = Image::new();
    let mut last = None;
    let mut membership = StoredMembership::default();
    let mut has_footer = false;
    let fallback = log_id(u64::try_from(epoch).unwrap_or(0), 0);
    for batch in batches(bytes) {
        let batch = batch.map_err(invalid)?;
        batch.verify_checksum().map_err(invalid)?;
        for record in Records::new(&batch, batch.records_bytes()) {
            let record = record.map_err(invalid)?;
            if !batch.is_control() {
                let (decoded, _) =
                    MetadataRecord::decode(record.value.unwrap_or_default()).map_err(invalid)?;
                image.apply(&decoded, end_offset - 1).map_err(invalid)?;
                continue;
            }
            match ControlType::of(&record) {
                Some(ControlType::SnapshotHeader) => {
                    last = last_entry(record.value.unwrap_or_default())?;
                }
                Some(ControlType::KraftVoters) => {
                    let (voters, at) = membership::read(&record)?;
                    membership = StoredMembership::new(Some(at.unwrap_or(fallback)), voters);
                }
                Some(ControlType::SnapshotFooter) => has_footer = true,
                _ => {}
            }
        }
    }
    if !has_footer {
        return Err(invalid("the snapshot has no footer: it is cut short"));
    }
    image.applied_offset = end_offset - 1;
    let is_foreign = last.is_none();
    Ok(Content { image, last: last.unwrap_or(fallback), end_offset, membership, is_foreign })
}

/// Stores a snapshot and deletes older ones.
pub fn store(dir: &Path, end_offset: i64, epoch: i32, bytes: &[u8]) -> io::Result<PathBuf> {
    let path = dir.join(file_name(end_offset, epoch));
    replace_file(&RealDisk, &path, bytes)?;
    for (older, other) in list(dir)? {
        if older < (end_offset, epoch) {
            fs::remove_file(other)?;
        }
    }
    Ok(path)
}

fn list(dir: &Path) -> io::Result<Vec<((i64, i32), PathBuf)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        if let Some(id) = entry.file_name().to_str().and_then(parse_name) {
            found.push((id, entry.path()));
        }
    }
    found.sort();
    Ok(found)
}

/// The newest snapshot of the folder that can be read, and its bytes. An empty one, with which Kafka begins a
/// log, stands for nothing.
pub fn newest(dir: &Path) -> io::Result<Option<(Content, Vec<u8>)>> {
    for ((end_offset, epoch), path) in list(dir)?.into_iter().rev() {
        if end_offset == 0 {
            continue;
        }
        let bytes = fs::read(&path)?;
        match decode(&bytes, end_offset, epoch) {
            Ok(content) => return Ok(Some((content, bytes))),
            Err(error) => {
                tracing::error!(file = %path.display(), %error, "snapshot cannot be read; trying the one before");
            }
        }
    }
    Ok(None)
}

/// Where a received snapshot ends: the name its sender gave it.
pub fn parse_id_of(snapshot_id: &str) -> Option<(i64, i32)> {
    parse_name(snapshot_id)
}
