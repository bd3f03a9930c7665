//! DeleteRecords 0-2: moves the log start offset of partitions.

use model::{ErrorCode, Offset, TopicName};
use protocol::messages::delete_records_request::DeleteRecordsRequest;
use protocol::messages::delete_records_response::{
    DeleteRecordsPartitionResult, DeleteRecordsResponse, DeleteRecordsTopicResult,
};
use protocol::{ApiKey, VersionRange};
use transport::Outbound;

use crate::broker::Broker;
use crate::dispatch::Api;
use crate::request::{Request, Served};

/// The handler's row in the table of APIs.
pub const API: Api = Api { key: ApiKey::DeleteRecords, versions: VersionRange::new(0, 2), serve };

/// Stands for the high watermark.
const HIGH_WATERMARK: Offset = -1;

fn serve(request: &mut Request<'_>, body: &mut [u8], out: &mut Outbound) -> Served {
    let asked: DeleteRecordsRequest<'_> = request.decode(body)?;
    let broker = request.broker();
    let mut response = DeleteRecordsResponse::default();
    for topic in &asked.topics {
        let answer = |index: i32, offset: Offset| {
            let outcome = delete_before(broker, &topic.name, index, offset);
            let (low_watermark, error_code) = match outcome {
                Ok(start) => (start, ErrorCode::NONE),
                Err(code) => (-1, code),
            };
            DeleteRecordsPartitionResult { partition_index: index, low_watermark, error_code }
        };
        let partitions = topic.partitions.iter().map(|wanted| answer(wanted.partition_index, wanted.offset));
        let partitions = partitions.collect();
        response.topics.push(DeleteRecordsTopicResult { name: topic.name.clone(), partitions });
    }
    request.answer(out, &response)
}

fn delete_before(broker: &Broker, topic: &str, index: i32, offset: Offset) -> Result<Offset, ErrorCode> {
    let partition = broker.partitions.partition(topic, index)?;
    if TopicName::is_internal(topic) {
        return Err(ErrorCode::INVALID_TOPIC_EXCEPTION);
    }
    if !partition.topic.settings.load().deletes {
        return Err(ErrorCode::POLICY_VIOLATION);
    }
    let high_watermark = partition.high_watermark();
    let start = if offset == HIGH_WATERMARK { high_watermark } else { offset };
    if !(0..=high_watermark).contains(&start) {
        return Err(ErrorCode::OFFSET_OUT_OF_RANGE);
    }
    partition.log.advance_log_start(start).map_err(|error| {
        tracing::error!(%error, "the log start offset could not be moved");
        ErrorCode::KAFKA_STORAGE_ERROR
    })?;
    Ok(partition.log.log_start_offset())
}
