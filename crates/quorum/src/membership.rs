//! A membership as control records: KRaftVersion and KRaftVoters, with what Kafka's record has no field for as
//! tagged fields.

use std::collections::BTreeSet;
use std::io;

use protocol::messages::{KRaftVersionRecord, VotersRecord};
use protocol::{Reader, Writer};
use records::{BatchBuilder, ControlType, Record};

use crate::extras;
use crate::peers::{self, VoterNode};
use crate::types::{LogId, Membership, log_id};

/// The protocol version of the quorum's log: voters stand in the log (KIP-853).
pub const KRAFT_VERSION: i16 = 1;

/// Appends both records to a control batch; `at` names the entry of a membership inside a snapshot.
pub fn push(
    batch: &mut BatchBuilder,
    now_ms: i64,
    membership: &Membership,
    at: Option<LogId>,
) -> io::Result<()> {
    let version = KRaftVersionRecord { version: 0, kraft_version: KRAFT_VERSION };
    let mut writer = Writer::new();
    version.encode(&mut writer, 0).map_err(|error| invalid(error.to_string()))?;
    batch.push(now_ms, Some(&ControlType::KraftVersion.key()), Some(writer.as_slice()), &[]);
    let is_voter: BTreeSet<u64> = membership.voter_ids().collect();
    let all = || membership.nodes().map(|(id, node)| (*id, node));
    let mut voters = encoded(all().filter(|(id, _)| is_voter.contains(id)))?;
    let nodes = encoded(all())?;
    let configs = configs_text(membership);
    let at = at.map(id_text);
    let mut tags = vec![(extras::CONFIGS, configs.as_bytes()), (extras::NODES, &nodes[..])];
    tags.extend(at.as_ref().map(|at| (extras::MEMBERSHIP_AT, at.as_bytes())));
    extras::add(&mut voters, &tags);
    batch.push(now_ms, Some(&ControlType::KraftVoters.key()), Some(&voters), &[]);
    Ok(())
}

fn encoded<'a>(nodes: impl Iterator<Item = (u64, &'a VoterNode)>) -> io::Result<Vec<u8>> {
    let mut writer = Writer::new();
    peers::to_record(nodes).encode(&mut writer, 0).map_err(|error| invalid(error.to_string()))?;
    Ok(writer.into_vec())
}

fn configs_text(membership: &Membership) -> String {
    let set = |ids: &BTreeSet<u64>| ids.iter().map(u64::to_string).collect::<Vec<_>>().join(",");
    membership.get_joint_config().iter().map(set).collect::<Vec<_>>().join(";")
}

/// Reads a KRaftVoters record and the entry it names; without our tags, as Kafka writes it, its voters are the
/// only set.
pub fn read(record: &Record<'_>) -> io::Result<(Membership, Option<LogId>)> {
    let value = record.value.unwrap_or_default();
    let voters = decoded(value)?;
    let mut plain = Writer::new();
    voters.encode(&mut plain, 0).map_err(|error| invalid(error.to_string()))?;
    let tag = |tag: u32| extras::find(value, plain.as_slice(), tag);
    let nodes = match tag(extras::NODES)? {
        Some(nodes) => peers::from_record(&decoded(nodes)?),
        None => peers::from_record(&voters),
    };
    let configs = match tag(extras::CONFIGS)? {
        Some(text) => parse_configs(text)?,
        None => vec![nodes.iter().map(|(id, _)| *id).collect()],
    };
    let at = tag(extras::MEMBERSHIP_AT)?.map(parse_id).transpose()?;
    let nodes: std::collections::BTreeMap<u64, VoterNode> = nodes.into_iter().collect();
    if configs.iter().flatten().any(|id| !nodes.contains_key(id)) {
        return Err(invalid("a voter set names a node that is not described"));
    }
    Ok((Membership::new(configs, nodes), at))
}

fn decoded(value: &[u8]) -> io::Result<VotersRecord<'_>> {
    VotersRecord::decode(&mut Reader::new(value), 0).map_err(invalid)
}

fn parse_configs(text: &[u8]) -> io::Result<Vec<BTreeSet<u64>>> {
    let text = std::str::from_utf8(text).map_err(invalid)?;
    let set = |ids: &str| ids.split(',').filter(|id| !id.is_empty()).map(str::parse).collect();
    let sets: Result<Vec<BTreeSet<u64>>, _> = text.split(';').map(set).collect();
    sets.map_err(invalid)
}

/// A log id as text: term and index.
pub fn id_text(id: LogId) -> String {
    format!("{} {}", id.leader_id.term, id.index)
}

/// Reads what [`id_text`] wrote.
pub fn parse_id(text: &[u8]) -> io::Result<LogId> {
    let text = std::str::from_utf8(text).map_err(invalid)?;
    let parsed =
        text.split_once(' ').and_then(|(term, index)| Some((term.parse().ok()?, index.parse().ok()?)));
    parsed
        .map(|(term, index)| log_id(term, index))
        .ok_or_else(|| invalid(format!("'{text}' is not 'term index'")))
}

pub fn invalid(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}
