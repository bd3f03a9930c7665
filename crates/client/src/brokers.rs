//! The brokers that a cluster tells of, and the connections to each.

use std::sync::Arc;

use protocol::messages::metadata_response::MetadataResponseBroker;

use crate::address::HostPort;
use crate::peer::Peer;

/// A broker of the cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Its id.
    pub id: i32,
    /// Where it says that it can be reached.
    pub address: HostPort,
    /// Its rack, where it has one.
    pub rack: Option<String>,
}

/// The brokers that the cluster told of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Brokers {
    /// All of them, ascending by id.
    pub nodes: Vec<Node>,
    /// The one that speaks for the controller.
    pub controller_id: Option<i32>,
    /// Id of the cluster.
    pub cluster_id: Option<String>,
}

/// The connections to one broker.
#[derive(Debug)]
pub(crate) struct Connections {
    /// For what any broker or this one is asked.
    pub(crate) usual: Arc<Peer>,
    /// For what it is asked as a coordinator. In log lines its id counts down from the greatest, as that of Kafka's clients.
    pub(crate) coordination: Arc<Peer>,
}

/// For what a broker is asked.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Use {
    Usual,
    Coordination,
}

impl Connections {
    pub(crate) fn to(node: &Node) -> Connections {
        let peer = |id| Peer::new(id, node.address.clone());
        Connections { usual: peer(node.id), coordination: peer(i32::MAX - node.id) }
    }

    pub(crate) fn of(&self, what: Use) -> Arc<Peer> {
        Arc::clone(match what {
            Use::Usual => &self.usual,
            Use::Coordination => &self.coordination,
        })
    }
}

impl Node {
    /// `None` where the port or the id is none.
    pub(crate) fn of(broker: &MetadataResponseBroker<'_>) -> Option<Node> {
        let port = u16::try_from(broker.port).ok().filter(|_| broker.node_id >= 0)?;
        let address = HostPort { host: broker.host.as_ref().to_owned(), port };
        Some(Node { id: broker.node_id, address, rack: broker.rack.as_deref().map(str::to_owned) })
    }
}
