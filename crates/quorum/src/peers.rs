//! Who votes and where they are.

use model::{NodeId, Uuid};
use protocol::messages::VotersRecord;
use protocol::messages::voters_record::{Endpoint, KRaftVersionFeature, Voter as VoterRecord};

/// A member of the quorum.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Voter {
    /// Its `node.id`.
    pub id: NodeId,
    /// Id of the directory that holds its log; zero where unknown.
    pub directory_id: Uuid,
    /// Where it can be reached.
    pub endpoints: Vec<VoterEndpoint>,
}

/// An address of a voter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VoterEndpoint {
    /// Listener name.
    pub name: String,
    /// Host name or address.
    pub host: String,
    /// TCP port.
    pub port: u16,
}

/// What the Raft library keeps beside a node's id.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VoterNode {
    pub directory_id: Uuid,
    pub endpoints: Vec<VoterEndpoint>,
}

impl Voter {
    pub(crate) fn node(&self) -> VoterNode {
        VoterNode { directory_id: self.directory_id, endpoints: self.endpoints.clone() }
    }

    pub(crate) fn from_node(id: u64, node: &VoterNode) -> Voter {
        Voter { id: node_id(id), directory_id: node.directory_id, endpoints: node.endpoints.clone() }
    }
}

/// The id the Raft library knows a node by.
pub fn raft_id(id: NodeId) -> u64 {
    u64::try_from(id).unwrap_or(0)
}

/// The `node.id` of an id of the Raft library.
pub fn node_id(id: u64) -> NodeId {
    NodeId::try_from(id).unwrap_or(NodeId::MAX)
}

/// The control record that names the voters.
pub fn to_record<'a>(voters: impl Iterator<Item = (u64, &'a VoterNode)>) -> VotersRecord<'static> {
    let endpoint = |endpoint: &VoterEndpoint| Endpoint {
        name: endpoint.name.clone().into(),
        host: endpoint.host.clone().into(),
        port: endpoint.port,
    };
    let voter = |(id, node): (u64, &VoterNode)| VoterRecord {
        voter_id: node_id(id),
        voter_directory_id: node.directory_id,
        endpoints: node.endpoints.iter().map(endpoint).collect(),
        kraft_version_feature: KRaftVersionFeature { min_supported_version: 0, max_supported_version: 1 },
    };
    VotersRecord { version: 0, voters: voters.map(voter).collect() }
}

/// The nodes a control record names.
pub fn from_record(record: &VotersRecord<'_>) -> Vec<(u64, VoterNode)> {
    let endpoint = |endpoint: &Endpoint<'_>| VoterEndpoint {
        name: endpoint.name.to_string(),
        host: endpoint.host.to_string(),
        port: endpoint.port,
    };
    let node = |voter: &VoterRecord<'_>| VoterNode {
        directory_id: voter.voter_directory_id,
        endpoints: voter.endpoints.iter().map(endpoint).collect(),
    };
    record.voters.iter().map(|voter| (raft_id(voter.voter_id), node(voter))).collect()
}
