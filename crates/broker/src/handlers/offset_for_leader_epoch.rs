//! OffsetForLeaderEpoch 2-4: where the log of a leader epoch ends (KIP-101, KIP-320).

use model::ErrorCode;
use protocol::messages::offset_for_leader_epoch_request::{
    OffsetForLeaderEpochRequest, OffsetForLeaderPartition,
};
use protocol::messages::offset_for_leader_epoch_response::{
    EpochEndOffset, OffsetForLeaderEpochResponse, OffsetForLeaderTopicResult,
};
use protocol::{ApiKey, VersionRange};
use transport::Outbound;

use crate::broker::Broker;
use crate::dispatch::Api;
use crate::request::{Request, Served};

/// The handler's row in the table of APIs.
pub const API: Api = Api { key: ApiKey::OffsetForLeaderEpoch, versions: VersionRange::new(2, 4), serve };

fn serve(request: &mut Request<'_>, body: &mut [u8], out: &mut Outbound) -> Served {
    let asked: OffsetForLeaderEpochRequest<'_> = request.decode(body)?;
    let broker = request.broker();
    let mut response = OffsetForLeaderEpochResponse::default();
    for topic in &asked.topics {
        let partitions = topic.partitions.iter().map(|wanted| answer(broker, &topic.topic, wanted)).collect();
        response.topics.push(OffsetForLeaderTopicResult { topic: topic.topic.clone(), partitions });
    }
    request.answer(out, &response)
}

fn answer(broker: &Broker, topic: &str, wanted: &OffsetForLeaderPartition) -> EpochEndOffset {
    let partition = wanted.partition;
    let nothing = |error_code| EpochEndOffset { error_code, partition, leader_epoch: -1, end_offset: -1 };
    let found = broker.partitions.partition(topic, partition).and_then(|found| {
        found.check_leader_epoch(wanted.current_leader_epoch)?;
        Ok(found.end_offset_for_epoch(wanted.leader_epoch))
    });
    match found {
        Ok(Some((leader_epoch, end_offset))) => {
            EpochEndOffset { error_code: ErrorCode::NONE, partition, leader_epoch, end_offset }
        }
        Ok(None) => nothing(ErrorCode::NONE),
        Err(code) => nothing(code),
    }
}
