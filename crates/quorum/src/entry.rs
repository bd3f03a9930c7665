//! One Raft entry as one record batch: term = leader epoch, proposals as metadata records, the Raft library's
//! own entries as control records.

use std::io;

use metadata::VersionedRecord;
use openraft::EntryPayload;
use protocol::Writer;
use protocol::messages::leader_change_message::Voter;
use protocol::messages::{LeaderChangeMessage, MetadataRecord};
use records::{BatchBuilder, ControlType, Records, next_batch};

use crate::membership::{self, invalid};
use crate::types::{Entry, LogId, Proposal, epoch_of};

/// What the batch of an entry says besides the entry.
#[derive(Debug, Clone, Default)]
pub struct Stamp {
    /// Offset of its first record.
    pub base_offset: i64,
    /// Time of its records.
    pub now_ms: i64,
    /// The leader of its term, -1 where unknown; stands in LeaderChange records.
    pub leader_id: i32,
    /// The voters; stand in LeaderChange records.
    pub voters: Vec<i32>,
}

/// The batch of an entry.
pub fn encode(entry: &Entry, stamp: &Stamp) -> io::Result<Vec<u8>> {
    let term = entry.log_id.leader_id.term;
    let mut batch = BatchBuilder::new().base_offset(stamp.base_offset).leader_epoch(epoch_of(term));
    match &entry.payload {
        EntryPayload::Blank => {
            batch = batch.control();
            let value = leader_change(stamp)?;
            batch.push(stamp.now_ms, Some(&ControlType::LeaderChange.key()), Some(&value), &[]);
        }
        EntryPayload::Membership(membership) => {
            batch = batch.control();
            membership::push(&mut batch, stamp.now_ms, membership, None)?;
        }
        EntryPayload::Normal(proposal) => {
            let mut writer = Writer::new();
            for record in &proposal.records {
                writer.truncate(0);
                record.encode_into(&mut writer).map_err(|error| invalid(error.to_string()))?;
                batch.push(stamp.now_ms, None, Some(writer.as_slice()), &[]);
            }
        }
    }
    Ok(batch.build())
}

fn leader_change(stamp: &Stamp) -> io::Result<Vec<u8>> {
    let voter = |id: &i32| Voter { voter_id: *id, ..Voter::default() };
    let granting: &[i32] = if stamp.leader_id < 0 { &[] } else { std::slice::from_ref(&stamp.leader_id) };
    let message = LeaderChangeMessage {
        version: 0,
        leader_id: stamp.leader_id,
        voters: stamp.voters.iter().map(voter).collect(),
        granting_voters: granting.iter().map(voter).collect(),
    };
    let mut writer = Writer::new();
    message.encode(&mut writer, 0).map_err(|error| invalid(error.to_string()))?;
    Ok(writer.into_vec())
}

/// The entry of a batch. A control batch that names voters is a membership, any other one is blank.
pub fn decode(bytes: &[u8], log_id: LogId) -> io::Result<Entry> {
    let batch = next_batch(bytes).map_err(invalid)?.ok_or_else(|| invalid("an empty batch"))?;
    // Kafka never compresses the metadata log, and neither do we.
    let records = Records::new(&batch, batch.records_bytes());
    if batch.is_control() {
        for record in records {
            let record = record.map_err(invalid)?;
            if ControlType::of(&record) == Some(ControlType::KraftVoters) {
                let payload = EntryPayload::Membership(membership::read(&record)?.0);
                return Ok(Entry { log_id, payload });
            }
        }
        return Ok(Entry { log_id, payload: EntryPayload::Blank });
    }
    let mut proposal = Proposal { records: Vec::new() };
    for record in records {
        let value = record.map_err(invalid)?.value.unwrap_or_default();
        let (record, version) = MetadataRecord::decode(value).map_err(invalid)?;
        proposal.records.push(VersionedRecord { record: record.into_owned(), version });
    }
    Ok(Entry { log_id, payload: EntryPayload::Normal(proposal) })
}
