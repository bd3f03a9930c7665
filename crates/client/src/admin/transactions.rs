//! Transactions and producers (KIP-664): listed, described, and aborted where they hang.

use std::collections::BTreeMap;

use model::ErrorCode;
use protocol::messages::describe_producers_request::TopicRequest;
use protocol::messages::describe_transactions_response::TransactionState;
use protocol::messages::write_txn_markers_request::{WritableTxnMarker, WritableTxnMarkerTopic};
use protocol::messages::{
    DescribeProducersRequest, DescribeTransactionsRequest, DescribeTransactionsResponse,
    InitProducerIdRequest, InitProducerIdResponse, ListTransactionsRequest, WriteTxnMarkersRequest,
};

use super::{Admin, TopicPartition};
use crate::cluster::{ANY_VERSION, Target};
use crate::coordinators::{ByKey, CoordinatorKind};
use crate::error::{Error, passes};

/// Where Kafka's admin client logs lists that it does not get.
const LIST_LOGGER: &str = "org.apache.kafka.clients.admin.internals.ListTransactionsHandler";

/// Which transactions are listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransactionFilter {
    /// Of these producers; of all where there are none.
    pub producer_ids: Vec<i64>,
    /// Those that have run longer, in milliseconds; -1 for all.
    pub duration_ms_min: i64,
    /// Those whose id matches the expression.
    pub id_pattern: Option<String>,
}

/// A transactional id in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransactionListing {
    /// The id.
    pub transactional_id: String,
    /// Id of its producer.
    pub producer_id: i64,
    /// What it is at.
    pub state: String,
}

/// What a transactional id is at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransactionDescription {
    /// The broker that coordinates it.
    pub coordinator: i32,
    /// Its state.
    pub state: String,
    /// Id of its producer.
    pub producer_id: i64,
    /// Epoch of its producer.
    pub producer_epoch: i16,
    /// How long a transaction of it may take, in milliseconds.
    pub timeout_ms: i32,
    /// When its open transaction began, in milliseconds since 1970.
    pub start_ms: Option<i64>,
    /// Partitions of its open transaction.
    pub partitions: Vec<TopicPartition>,
}

/// A producer that a partition has records of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ActiveProducer {
    /// Its id.
    pub id: i64,
    /// Its epoch.
    pub epoch: i32,
    /// The sequence of its last record; -1 where there is none.
    pub last_sequence: i32,
    /// When it last wrote, in milliseconds since 1970; -1 where that is not known.
    pub last_timestamp: i64,
    /// Epoch of the coordinator of its last transaction.
    pub coordinator_epoch: Option<i32>,
    /// Where its open transaction begins.
    pub transaction_start: Option<i64>,
}

impl Admin {
    /// The transactional ids of each broker that coordinates any, by the broker's id.
    pub async fn list_transactions(
        &self,
        filter: &TransactionFilter,
    ) -> Result<BTreeMap<i32, Vec<TransactionListing>>, Error> {
        let request = ListTransactionsRequest {
            state_filters: Vec::new(),
            producer_id_filters: filter.producer_ids.clone(),
            duration_filter: filter.duration_ms_min,
            transactional_id_pattern: filter.id_pattern.as_deref().map(Into::into),
        };
        let mut listed = BTreeMap::new();
        for node in &self.brokers().await?.nodes {
            let of_broker = self.ask("listTransactions", Target::Node(node.id), &request, |answer| {
                self.check_listed(node.id, answer.error_code)?;
                let states = answer.transaction_states.iter().map(|state| TransactionListing {
                    transactional_id: state.transactional_id.as_ref().to_owned(),
                    producer_id: state.producer_id,
                    state: state.transaction_state.as_ref().to_owned(),
                });
                Ok(states.collect())
            });
            listed.insert(node.id, of_broker.await?);
        }
        Ok(listed)
    }

    /// Tells of refusals as Kafka's admin client does.
    fn check_listed(&self, broker: i32, code: ErrorCode) -> Result<(), Error> {
        let Some(error) = Error::of(code, None) else { return Ok(()) };
        if passes(&error) {
            return Err(error);
        }
        let client = self.cluster.name();
        tracing::error!(target: LIST_LOGGER, "[{client}] The `ListTransactions` request sent to broker {broker} failed because of an unexpected error {code}");
        let message =
            format!("ListTransactions request sent to broker {broker} failed with an unexpected exception");
        Err(Error::Server { code, message })
    }

    /// What transactional ids are at.
    pub async fn describe_transactions(
        &self,
        ids: &[&str],
    ) -> Result<BTreeMap<String, Result<TransactionDescription, Error>>, Error> {
        let deadline = self.deadline("describeTransactions");
        let ask = async |broker, ids: &[&str]| {
            let transactional_ids = ids.iter().map(|id| (*id).into()).collect();
            let request = DescribeTransactionsRequest { transactional_ids };
            let mut read = |answer: DescribeTransactionsResponse<'_>| {
                let described = answer.transaction_states.iter().map(|state| {
                    let outcome = Error::check(state.error_code, None);
                    let id = state.transactional_id.as_ref().to_owned();
                    (id, outcome.map(|()| TransactionDescription::of(broker, state)))
                });
                Ok(described.collect::<ByKey<_>>())
            };
            self.cluster.ask_once(ANY_VERSION, deadline, Target::Node(broker), &request, &mut read).await
        };
        self.cluster.ask_coordinators(ids, CoordinatorKind::Transaction, deadline, ask).await
    }

    /// The producers that partitions have records of, as a broker has them, or as their leaders where none is named.
    pub async fn describe_producers(
        &self,
        partitions: &[TopicPartition],
        broker: Option<i32>,
    ) -> Result<BTreeMap<TopicPartition, Result<Vec<ActiveProducer>, Error>>, Error> {
        let wanted = partitions.iter().map(|partition| (partition, partition.1));
        let (by_broker, mut described) = match broker {
            None => self.by_leader(wanted).await?,
            Some(broker) => {
                let mut topics: BTreeMap<&str, Vec<i32>> = BTreeMap::new();
                for (partition, number) in wanted {
                    topics.entry(&partition.0).or_default().push(number);
                }
                (BTreeMap::from([(broker, topics)]), BTreeMap::new())
            }
        };
        for (broker, topics) in by_broker {
            let topics = topics
                .into_iter()
                .map(|(name, partition_indexes)| TopicRequest { name: name.into(), partition_indexes });
            let request = DescribeProducersRequest { topics: topics.collect() };
            let answered = self.ask("describeProducers", Target::Node(broker), &request, |answer| {
                let partitions = answer.topics.iter().flat_map(|topic| {
                    topic.partitions.iter().map(|partition| {
                        let outcome = Error::check(partition.error_code, partition.error_message.as_deref());
                        let producers = partition.active_producers.iter().map(ActiveProducer::of);
                        let key = (topic.name.as_ref().to_owned(), partition.partition_index);
                        (key, outcome.map(|()| producers.collect()))
                    })
                });
                Ok(partitions.collect::<Vec<_>>())
            });
            described.extend(answered.await?);
        }
        Ok(described)
    }

    /// Aborts the open transaction of a transactional id, and shuts out who has written it.
    pub async fn terminate_transaction(&self, id: &str) -> Result<(), Error> {
        let request = InitProducerIdRequest {
            transactional_id: Some(id.into()),
            transaction_timeout_ms: self.timeout_ms(),
            producer_id: -1,
            producer_epoch: -1,
            ..InitProducerIdRequest::default()
        };
        let deadline = self.deadline("fenceProducer");
        let kind = CoordinatorKind::Transaction;
        let read = |answer: InitProducerIdResponse| match answer.error_code {
            // The transaction before is still being ended.
            ErrorCode::CONCURRENT_TRANSACTIONS => Err(Error::server(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS)),
            code => Error::check(code, None),
        };
        self.cluster.ask(deadline, Target::Coordinator(kind, id), &request, read).await
    }

    /// Ends the open transaction of a producer in a partition, as its coordinator would have to.
    pub async fn abort_transaction(
        &self,
        partition: &TopicPartition,
        (producer_id, producer_epoch): (i64, i16),
        coordinator_epoch: i32,
    ) -> Result<(), Error> {
        let marker = WritableTxnMarker {
            producer_id,
            producer_epoch,
            transaction_result: false,
            topics: vec![WritableTxnMarkerTopic {
                name: partition.0.as_str().into(),
                partition_indexes: vec![partition.1],
            }],
            coordinator_epoch,
            ..WritableTxnMarker::default()
        };
        let request = WriteTxnMarkersRequest { markers: vec![marker] };
        let (led, mut refused) = self.by_leader(std::iter::once((partition, ()))).await?;
        let Some(leader) = led.keys().next() else {
            let unknown = || Err(Error::server(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION));
            return refused.remove(partition).unwrap_or_else(unknown);
        };
        self.ask("abortTransaction", Target::Node(*leader), &request, |answer| {
            let outcomes = answer.markers.iter().flat_map(|marker| &marker.topics);
            let mut outcomes = outcomes.flat_map(|topic| &topic.partitions);
            outcomes.try_for_each(|partition| Error::check(partition.error_code, None))
        })
        .await
    }
}

impl TransactionDescription {
    fn of(coordinator: i32, state: &TransactionState<'_>) -> TransactionDescription {
        let partitions = state.topics.iter().flat_map(|topic| {
            topic.partitions.iter().map(|partition| (topic.topic.as_ref().to_owned(), *partition))
        });
        TransactionDescription {
            coordinator,
            state: state.transaction_state.as_ref().to_owned(),
            producer_id: state.producer_id,
            producer_epoch: state.producer_epoch,
            timeout_ms: state.transaction_timeout_ms,
            start_ms: Some(state.transaction_start_time_ms).filter(|start| *start >= 0),
            partitions: partitions.collect(),
        }
    }
}

impl ActiveProducer {
    fn of(state: &protocol::messages::describe_producers_response::ProducerState) -> ActiveProducer {
        ActiveProducer {
            id: state.producer_id,
            epoch: state.producer_epoch,
            last_sequence: state.last_sequence,
            last_timestamp: state.last_timestamp,
            coordinator_epoch: Some(state.coordinator_epoch).filter(|epoch| *epoch >= 0),
            transaction_start: Some(state.current_txn_start_offset).filter(|offset| *offset >= 0),
        }
    }
}
