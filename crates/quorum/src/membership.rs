//! A membership as control records: KRaftVersion and KRaftVoters, with what Kafka's record has no field for in
//! record headers.

use std::collections::BTreeSet;
use std::io;

use protocol::messages::{KRaftVersionRecord, VotersRecord};
use protocol::{Reader, Writer};
use records::{BatchBuilder, ControlType, Record};

use crate::peers::{self, VoterNode};
use crate::types::Membership;

/// Header of KRaftVoters: ids of each voter set, `1,2,3` and, while one set replaces another, `1,2;2,3`.
const CONFIGS: &[u8] = b"naru.raft.configs";
/// Header of KRaftVoters: every node, learners included, in the form of the record itself.
const NODES: &[u8] = b"naru.raft.nodes";

/// The protocol version of the quorum's log: voters stand in the log (KIP-853).
const KRAFT_VERSION: i16 = 1;

/// Appends both records to a control batch.
pub fn push(batch: &mut BatchBuilder, now_ms: i64, membership: &Membership, more: &[records::HeaderRef<'_>]) {
    let version = KRaftVersionRecord { version: 0, kraft_version: KRAFT_VERSION };
    let mut writer = Writer::new();
    // The message has no field that could fail to encode.
    let _ = version.encode(&mut writer, 0);
    batch.push(now_ms, Some(&ControlType::KraftVersion.key()), Some(writer.as_slice()), &[]);
    let is_voter: BTreeSet<u64> = membership.voter_ids().collect();
    let voters =
        encoded(membership.nodes().map(|(id, node)| (*id, node)).filter(|(id, _)| is_voter.contains(id)));
    let nodes = encoded(membership.nodes().map(|(id, node)| (*id, node)));
    let configs = configs_text(membership);
    let mut headers: Vec<records::HeaderRef<'_>> =
        vec![(CONFIGS, Some(configs.as_bytes())), (NODES, Some(&nodes))];
    headers.extend_from_slice(more);
    batch.push(now_ms, Some(&ControlType::KraftVoters.key()), Some(&voters), &headers);
}

fn encoded<'a>(nodes: impl Iterator<Item = (u64, &'a VoterNode)>) -> Vec<u8> {
    let mut writer = Writer::new();
    let _ = peers::to_record(nodes).encode(&mut writer, 0);
    writer.into_vec()
}

fn configs_text(membership: &Membership) -> String {
    let set = |ids: &BTreeSet<u64>| ids.iter().map(u64::to_string).collect::<Vec<_>>().join(",");
    membership.get_joint_config().iter().map(set).collect::<Vec<_>>().join(";")
}

/// Reads a KRaftVoters record; without our headers, as Kafka writes it, its voters are the only set.
pub fn read(record: &Record<'_>) -> io::Result<Membership> {
    let nodes = header(record, NODES).or(record.value).unwrap_or_default();
    let mut reader = Reader::new(nodes);
    let decoded = VotersRecord::decode(&mut reader, 0).map_err(invalid)?;
    let nodes = peers::from_record(&decoded);
    let configs = match header(record, CONFIGS) {
        Some(text) => parse_configs(text)?,
        None => vec![nodes.iter().map(|(id, _)| *id).collect()],
    };
    let nodes: std::collections::BTreeMap<u64, VoterNode> = nodes.into_iter().collect();
    if configs.iter().flatten().any(|id| !nodes.contains_key(id)) {
        return Err(invalid("a voter set names a node that is not described"));
    }
    Ok(Membership::new(configs, nodes))
}

fn parse_configs(text: &[u8]) -> io::Result<Vec<BTreeSet<u64>>> {
    let text = std::str::from_utf8(text).map_err(invalid)?;
    let set = |ids: &str| ids.split(',').filter(|id| !id.is_empty()).map(str::parse).collect();
    let sets: Result<Vec<BTreeSet<u64>>, _> = text.split(';').map(set).collect();
    sets.map_err(invalid)
}

/// The value of a record's header.
pub fn header<'a>(record: &Record<'a>, key: &[u8]) -> Option<&'a [u8]> {
    let mut headers = record.headers;
    headers.find(|(known, _)| *known == key).and_then(|(_, value)| value)
}

pub fn invalid(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}
