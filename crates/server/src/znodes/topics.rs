//! `/brokers/topics`: who holds the partitions of a topic, and who leads them.

use metadata::image::{Partition, Topic};
use model::{NodeId, PartitionIndex};
use zookeeper::{Stat, Znode};

use super::ImageTree;
use crate::json::{array, object, quoted};

/// Nodes of a topic beside those of its partitions: itself, `partitions`, and its settings.
const NODES_OF_TOPIC: usize = 3;
/// Nodes of a partition: itself and its state.
const NODES_OF_PARTITION: usize = 2;

impl ImageTree {
    /// What is at `/brokers/topics` and below.
    pub(super) fn topics(&self, names: &[&str]) -> Option<Znode> {
        match names {
            [] => Some(self.growing(self.topic_names())),
            [topic] => Some(self.topic(self.image.topics.get(topic)?)),
            [topic, "partitions"] => {
                let partitions = self.image.topics.get(topic)?.partitions.keys();
                Some(self.growing(partitions.map(ToString::to_string).collect()))
            }
            [topic, "partitions", index] => self.partition(topic, index).map(|_| self.fixed(["state"])),
            [topic, "partitions", index, "state"] => Some(self.state(self.partition(topic, index)?)),
            _ => None,
        }
    }

    /// The names of all topics, ascending.
    pub(super) fn topic_names(&self) -> Vec<String> {
        self.image.topics.iter().map(|topic| topic.name.to_string()).collect()
    }

    /// Nodes of all topics, those of their settings among them.
    pub(super) fn topic_node_count(&self) -> usize {
        let of_topic = |topic: &Topic| NODES_OF_TOPIC + NODES_OF_PARTITION * topic.partitions.size();
        self.image.topics.iter().map(|topic| of_topic(topic)).sum()
    }

    fn partition(&self, topic: &str, index: &str) -> Option<&Partition> {
        let number: PartitionIndex = index.parse().ok()?;
        let partition = self.image.topics.get(topic)?.partition(number)?;
        (number.to_string() == index).then_some(partition)
    }

    fn topic(&self, topic: &Topic) -> Znode {
        let replicas = |of: fn(&Partition) -> &Vec<NodeId>, keeps_empty: bool| {
            let all = topic.partitions.iter().map(move |(index, partition)| (index, of(partition)));
            let shown = all.filter(|(_, ids)| keeps_empty || !ids.is_empty());
            object(shown.map(|(index, ids)| (index.to_string(), array(ids))))
        };
        let data = object([
            ("partitions", replicas(|partition| &partition.replicas, true)),
            ("topic_id", quoted(&topic.id.to_string())),
            ("adding_replicas", replicas(|partition| &partition.adding, false)),
            ("removing_replicas", replicas(|partition| &partition.removing, false)),
            ("version", "3".to_owned()),
        ]);
        Znode { children: vec!["partitions".to_owned()], ..self.changing(data) }
    }

    fn state(&self, partition: &Partition) -> Znode {
        let node = self.changing(object([
            ("controller_epoch", self.leadership.leader_epoch.to_string()),
            ("leader", partition.leader.to_string()),
            ("version", "1".to_owned()),
            ("leader_epoch", partition.leader_epoch.to_string()),
            ("isr", array(&partition.isr)),
        ]));
        // What was the version of this node is the partition's epoch today.
        Znode { marks: Stat { version: partition.partition_epoch, ..node.marks }, ..node }
    }
}
