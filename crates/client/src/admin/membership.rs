//! The brokers and the quorum of a cluster: described, and brokers taken off its list.

use model::Uuid;
use protocol::messages::describe_quorum_request::{PartitionData, TopicData};
use protocol::messages::describe_quorum_response::ReplicaState;
use protocol::messages::{DescribeClusterRequest, DescribeQuorumRequest, UnregisterBrokerRequest};

use super::{Admin, unanswered};
use crate::address::HostPort;
use crate::brokers::Node;
use crate::cluster::Target;
use crate::error::Error;

/// Where Kafka's admin client logs refusals.
const LOGGER: &str = "org.apache.kafka.clients.admin.KafkaAdminClient";
/// The one partition of the metadata log.
const METADATA_TOPIC: &str = "__cluster_metadata";
/// Brokers, as opposed to controllers (KIP-919).
const OF_BROKERS: i8 = 1;

/// A cluster and its brokers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterDescription {
    /// Its id.
    pub cluster_id: String,
    /// The broker that speaks for the controller, where the cluster has one.
    pub controller_id: Option<i32>,
    /// Ascending by id.
    pub brokers: Vec<DescribedBroker>,
}

/// A broker of a cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DescribedBroker {
    /// Its id and where it is.
    pub node: Node,
    /// True where it may not lead, because it has not been heard of or is not ready.
    pub is_fenced: bool,
}

/// The quorum that keeps the cluster's metadata.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuorumDescription {
    /// Id of the controller that leads it.
    pub leader_id: i32,
    /// Its epoch.
    pub leader_epoch: i32,
    /// Up to where the metadata is committed.
    pub high_watermark: i64,
    /// Controllers that vote.
    pub voters: Vec<QuorumReplica>,
    /// Brokers and controllers that only follow.
    pub observers: Vec<QuorumReplica>,
    /// Where each voter can be reached: its id, and the name and the address of each listener.
    pub endpoints: Vec<(i32, Vec<(String, HostPort)>)>,
}

/// A replica of the metadata log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuorumReplica {
    /// Id of its node.
    pub id: i32,
    /// Id of its directory; zeros where it is not known.
    pub directory_id: Uuid,
    /// Where its log ends.
    pub log_end_offset: i64,
    /// When it last fetched, in milliseconds since 1970.
    pub last_fetch_ms: Option<i64>,
    /// When it last had everything, in milliseconds since 1970.
    pub last_caught_up_ms: Option<i64>,
}

impl Admin {
    /// The cluster's brokers, with those that are fenced where they are asked for.
    pub async fn describe_cluster(&self, with_fenced: bool) -> Result<ClusterDescription, Error> {
        let request = DescribeClusterRequest {
            include_cluster_authorized_operations: false,
            endpoint_type: OF_BROKERS,
            include_fenced_brokers: with_fenced,
        };
        self.ask("listNodes", Target::Any, &request, |answer| {
            Error::check(answer.error_code, answer.error_message.as_deref())?;
            let mut brokers = Vec::new();
            for broker in &answer.brokers {
                let port = u16::try_from(broker.port);
                let port = port.map_err(|_| Error::Malformed(format!("{} is no port.", broker.port)))?;
                let address = HostPort { host: broker.host.as_ref().to_owned(), port };
                let rack = broker.rack.as_deref().map(str::to_owned);
                let node = Node { id: broker.broker_id, address, rack };
                brokers.push(DescribedBroker { node, is_fenced: broker.is_fenced });
            }
            brokers.sort_by_key(|broker| broker.node.id);
            Ok(ClusterDescription {
                cluster_id: answer.cluster_id.as_ref().to_owned(),
                controller_id: Some(answer.controller_id).filter(|id| *id >= 0),
                brokers,
            })
        })
        .await
    }

    /// Takes a broker that is gone for good off the cluster's list.
    pub async fn unregister_broker(&self, id: i32) -> Result<(), Error> {
        let request = UnregisterBrokerRequest { broker_id: id };
        let answered = self.ask("unregisterBroker", Target::Controller, &request, |answer| {
            Error::check(answer.error_code, answer.error_message.as_deref())
        });
        let outcome = answered.await;
        if let Err(error @ Error::Server { .. }) = &outcome {
            let client = self.cluster.name();
            tracing::error!(target: LOGGER, "[{client}] Unregister broker request for broker ID {id} failed: {error}");
        }
        outcome
    }

    /// Who keeps the cluster's metadata, and how far each has come.
    pub async fn describe_quorum(&self) -> Result<QuorumDescription, Error> {
        let partitions = vec![PartitionData { partition_index: 0 }];
        let topics = vec![TopicData { topic_name: METADATA_TOPIC.into(), partitions }];
        let request = DescribeQuorumRequest { topics };
        self.ask("describeMetadataQuorum", Target::Any, &request, |answer| {
            Error::check(answer.error_code, answer.error_message.as_deref())?;
            let partition = answer.topics.first().and_then(|topic| topic.partitions.first());
            let partition = partition.ok_or_else(|| unanswered(METADATA_TOPIC))?;
            Error::check(partition.error_code, partition.error_message.as_deref())?;
            let endpoints = answer.nodes.iter().map(|node| {
                let listeners = node.listeners.iter().map(|listener| {
                    let host = listener.host.as_ref().to_owned();
                    (listener.name.as_ref().to_owned(), HostPort { host, port: listener.port })
                });
                (node.node_id, listeners.collect())
            });
            Ok(QuorumDescription {
                leader_id: partition.leader_id,
                leader_epoch: partition.leader_epoch,
                high_watermark: partition.high_watermark,
                voters: partition.current_voters.iter().map(QuorumReplica::of).collect(),
                observers: partition.observers.iter().map(QuorumReplica::of).collect(),
                endpoints: endpoints.collect(),
            })
        })
        .await
    }
}

impl QuorumReplica {
    fn of(state: &ReplicaState) -> QuorumReplica {
        let known = |time_ms: i64| Some(time_ms).filter(|time_ms| *time_ms >= 0);
        QuorumReplica {
            id: state.replica_id,
            directory_id: state.replica_directory_id,
            log_end_offset: state.log_end_offset,
            last_fetch_ms: known(state.last_fetch_timestamp),
            last_caught_up_ms: known(state.last_caught_up_timestamp),
        }
    }
}
