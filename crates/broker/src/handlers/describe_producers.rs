//! DescribeProducers 0: the idempotent and transactional producers a partition remembers (KIP-664).

use model::ErrorCode;
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

fn describe(broker: &Broker, topic: &str, partition_index: i32) -> PartitionResponse<'static> {
    let partition = match broker.partitions.partition(topic, partition_index) {
        Ok(partition) => partition,
        Err(error_code) => return PartitionResponse { partition_index, error_code, ..Default::default() },
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
