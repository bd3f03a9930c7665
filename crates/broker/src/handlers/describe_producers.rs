//! DescribeProducers 0: the idempotent and transactional producers a partition remembers (KIP-664).

use std::borrow::Cow;

use metadata::invalid_topic_message;
use model::{ErrorCode, TopicName};
use protocol::messages::describe_producers_request::DescribeProducersRequest;
use protocol::messages::describe_producers_response::{
    DescribeProducersResponse, PartitionResponse, ProducerState, TopicResponse,
};
use protocol::{ApiKey, VersionRange};
use transport::Outbound;

use crate::broker::Broker;
use crate::dispatch::Api;
use crate::request::{Request, Served};

/// The handler's row in the table of APIs.
pub const API: Api = Api { key: ApiKey::DescribeProducers, versions: VersionRange::new(0, 0), serve };

fn serve(request: &mut Request<'_>, body: &mut [u8], out: &mut Outbound) -> Served {
    let asked: DescribeProducersRequest<'_> = request.decode(body)?;
    let broker = request.broker();
    let mut response = DescribeProducersResponse::default();
    for topic in &asked.topics {
        let partitions = topic.partition_indexes.iter().map(|index| describe(broker, &topic.name, *index));
        let partitions = partitions.collect();
        response.topics.push(TopicResponse { name: topic.name.clone(), partitions });
    }
    request.answer(out, &response)
}

/// Kafka has words for topics that are not there, and none for partitions.
fn refusal(broker: &Broker, topic: &str, code: ErrorCode) -> (ErrorCode, Option<Cow<'static, str>>) {
    if let Err(error) = TopicName::new(topic) {
        return (ErrorCode::INVALID_TOPIC_EXCEPTION, Some(invalid_topic_message(topic, &error).into()));
    }
    let is_known = broker.metadata.image().topics.get(topic).is_some();
    (code, (!is_known).then(|| "This server does not host this topic-partition.".into()))
}

fn describe(broker: &Broker, topic: &str, partition_index: i32) -> PartitionResponse<'static> {
    let partition = match broker.partitions.partition(topic, partition_index) {
        Ok(partition) => partition,
        Err(code) => {
            let (error_code, error_message) = refusal(broker, topic, code);
            return PartitionResponse { partition_index, error_code, error_message, ..Default::default() };
        }
    };
    let producers = partition.log.active_producers(broker.clock.now_ms());
    let shown = producers.into_iter().map(|producer| ProducerState {
        producer_id: producer.producer_id,
        producer_epoch: i32::from(producer.epoch),
        last_sequence: producer.last_sequence,
        last_timestamp: producer.last_timestamp_ms,
        coordinator_epoch: producer.coordinator_epoch,
        current_txn_start_offset: producer.current_transaction_start.unwrap_or(-1),
    });
    let active_producers = shown.collect();
    PartitionResponse { partition_index, error_code: ErrorCode::NONE, error_message: None, active_producers }
}
