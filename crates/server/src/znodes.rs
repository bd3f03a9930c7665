//! The cluster as Kafka's brokers kept it in ZooKeeper, up to 3.9: which nodes there are, and what stands in them. Made of
//! the metadata image whenever somebody reads.
//!
//! An image does not say when anything came to be. Times are those of this server's start. The transaction of a node is
//! known of brokers (their epoch); all else that can change counts as changed with the newest record, so that a client
//! that compares transactions reads once too often rather than once too little.
//!
//! Left out, since everybody may read here: credentials, access lists and delegation tokens. Values of settings that
//! hold secrets are hidden.

mod brokers;
mod settings;
#[cfg(test)]
mod tests;
mod topics;

use std::sync::Arc;

use metadata::Image;
use metadata::decide::allocate_producer_ids::BLOCK_LENGTH;
use model::NodeId;
use quorum::Leadership;
use zookeeper::tree::TreeSize;
use zookeeper::{Role, Stat, Tree, Znode};

use crate::json::{object, quoted};

/// The children of the root, ascending; the controller's node is there while there is one.
const ROOT: [&str; 12] = [
    "admin",
    "brokers",
    "cluster",
    "config",
    "consumers",
    CONTROLLER,
    "controller_epoch",
    "feature",
    "isr_change_notification",
    "latest_producer_id_block",
    "log_dir_event_notification",
    "zookeeper",
];
const CONTROLLER: &str = "controller";
/// Nodes that are there in every cluster: the root and those below it that are none of a broker's, a topic's or a
/// resource's.
const FIXED_NODES: usize = 25;
/// First byte of the sessions that nodes of brokers end with; no client of this server is given such a one.
const OWNING_SESSIONS: i64 = 0x7f << 56;

/// What the tree needs to know beside the image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// Id of the cluster.
    pub cluster_id: String,
    /// This node.
    pub node_id: NodeId,
    /// When this server was started, in milliseconds since 1970.
    pub started_ms: i64,
}

/// The nodes of an image.
#[derive(Debug, Clone)]
pub struct ImageTree {
    /// The image.
    pub image: Arc<Image>,
    /// Who leads the quorum.
    pub leadership: Leadership,
    /// The rest.
    pub facts: Arc<Facts>,
}

impl Tree for ImageTree {
    fn node(&self, path: &str) -> Option<Znode> {
        let names: Vec<&str> = match path {
            "" | "/" => Vec::new(),
            path => path.strip_prefix('/')?.split('/').collect(),
        };
        match names.as_slice() {
            [] => Some(Znode { data: Some(Vec::new()), ..self.growing(self.root()) }),
            ["admin"] => Some(self.fixed(["delete_topics"])),
            ["admin", "delete_topics"]
            | ["consumers" | "isr_change_notification" | "log_dir_event_notification"] => {
                Some(self.fixed([]))
            }
            ["brokers", rest @ ..] => self.brokers(rest),
            ["cluster"] => Some(self.fixed(["id"])),
            ["cluster", "id"] => {
                let id = quoted(&self.facts.cluster_id);
                Some(self.constant(object([("version", quoted("1")), ("id", id)])))
            }
            ["config", rest @ ..] => self.settings(rest),
            [CONTROLLER] => self.controller(),
            ["controller_epoch"] => Some(self.changing(self.leadership.leader_epoch.to_string())),
            ["feature"] => Some(self.features()),
            ["latest_producer_id_block"] => Some(self.producer_ids()),
            ["zookeeper"] => Some(Znode { data: Some(Vec::new()), ..self.fixed(["config", "quota"]) }),
            ["zookeeper", "config" | "quota"] => Some(self.constant(String::new())),
            _ => None,
        }
    }

    fn zxid(&self) -> i64 {
        self.image.applied_offset.max(0)
    }

    fn role(&self) -> Role {
        match self.leadership.voters {
            0 | 1 => Role::Standalone,
            _ if self.leadership.leader_id == Some(self.facts.node_id) => Role::Leader,
            _ => Role::Follower,
        }
    }

    fn size(&self) -> TreeSize {
        let controller = usize::from(self.leadership.leader_id.is_some());
        let brokers = self.live_brokers().count();
        TreeSize {
            nodes: FIXED_NODES + controller + brokers + self.topic_node_count() + self.settings_node_count(),
            ephemerals: controller + brokers,
        }
    }
}

impl ImageTree {
    fn root(&self) -> Vec<String> {
        let has_controller = self.leadership.leader_id.is_some();
        let there = ROOT.iter().filter(|name| has_controller || **name != CONTROLLER);
        there.map(|name| (*name).to_owned()).collect()
    }

    fn controller(&self) -> Option<Znode> {
        let leader = self.leadership.leader_id?;
        let data = object([
            ("version", "2".to_owned()),
            ("brokerid", leader.to_string()),
            ("timestamp", quoted(&self.facts.started_ms.to_string())),
            ("kraftControllerEpoch", "-1".to_owned()),
        ]);
        let mut node = self.changing(data);
        node.marks.ephemeral_owner = OWNING_SESSIONS | i64::from(leader);
        Some(node)
    }

    fn features(&self) -> Znode {
        let levels = self.image.features.iter().map(|(name, level)| (name, level.to_string()));
        self.changing(object([
            ("features", object(levels)),
            ("version", "2".to_owned()),
            ("status", "1".to_owned()),
        ]))
    }

    fn producer_ids(&self) -> Znode {
        let Some(ids) = &self.image.producer_ids else {
            return Znode { data: None, ..self.changing(String::new()) };
        };
        let start = ids.next_id.saturating_sub(i64::from(BLOCK_LENGTH));
        self.changing(object([
            ("version", "1".to_owned()),
            ("broker", ids.broker_id.to_string()),
            ("block_start", quoted(&start.to_string())),
            ("block_end", quoted(&ids.next_id.saturating_sub(1).to_string())),
        ]))
    }

    /// A node with these children for ever, and no data.
    fn fixed<const N: usize>(&self, children: [&str; N]) -> Znode {
        let (ctime_ms, mtime_ms) = (self.facts.started_ms, self.facts.started_ms);
        let children = children.iter().map(|name| (*name).to_owned()).collect();
        Znode { data: None, children, marks: Stat { ctime_ms, mtime_ms, ..Stat::default() } }
    }

    /// A node with these children now, and no data.
    fn growing(&self, children: Vec<String>) -> Znode {
        let fixed = self.fixed([]);
        Znode { children, marks: Stat { pzxid: self.zxid(), ..fixed.marks }, ..fixed }
    }

    /// A node with this data for ever, and no children.
    fn constant(&self, data: String) -> Znode {
        Znode { data: Some(data.into_bytes()), ..self.fixed([]) }
    }

    /// A node with this data now, and no children.
    fn changing(&self, data: String) -> Znode {
        let constant = self.constant(data);
        Znode { marks: Stat { mzxid: self.zxid(), ..constant.marks }, ..constant }
    }
}
