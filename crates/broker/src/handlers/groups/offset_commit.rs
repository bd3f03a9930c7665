//! OffsetCommit 2-10: how far a group has come.

use std::borrow::Cow;

use coordinator::{Answer, Asker, GroupShard};
use metadata::Image;
use model::{ErrorCode, Uuid};
use protocol::messages::offset_commit_request::OffsetCommitRequestTopic;
use protocol::messages::offset_commit_response::{OffsetCommitResponsePartition, OffsetCommitResponseTopic};
use protocol::messages::{OffsetCommitRequest, OffsetCommitResponse};
use protocol::{ApiKey, VersionRange};
use transport::Outbound;

use super::answer;
use crate::dispatch::Api;
use crate::request::{Behind, Request, Served};

/// The handler's row in the table of APIs.
pub const API: Api = Api { key: ApiKey::OffsetCommit, versions: VersionRange::new(2, 10), serve };

/// Topics are named by their ids from this version on (KIP-848).
const IDS_SINCE: i16 = 10;

fn serve(request: &mut Request<'_>, body: &mut [u8], out: &mut Outbound) -> Served {
    let mut asked: OffsetCommitRequest<'_> = request.decode(body)?;
    let image = request.broker().metadata.image();
    let mut refused = Vec::new();
    let by_id = request.version() >= IDS_SINCE;
    for mut topic in std::mem::take(&mut asked.topics) {
        let known = match by_id {
            true => image.topics.get_by_id(topic.topic_id),
            false => image.topics.get(&topic.name),
        };
        let Some(known) = known else {
            let code =
                if by_id { ErrorCode::UNKNOWN_TOPIC_ID } else { ErrorCode::UNKNOWN_TOPIC_OR_PARTITION };
            refused.push(answered(&topic, code));
            continue;
        };
        (topic.name, topic.topic_id) = (Cow::Borrowed(&*known.name), known.id);
        if let Some(unknown) = take_unknown(&image, &mut topic) {
            refused.push(unknown);
        }
        if !topic.partitions.is_empty() {
            asked.topics.push(topic);
        }
    }
    if asked.topics.is_empty() {
        let response = OffsetCommitResponse { topics: refused, ..OffsetCommitResponse::default() };
        return request.answer(out, &response);
    }
    let shape: Vec<_> = asked.topics.iter().map(|topic| answered(topic, ErrorCode::NONE)).collect();
    let decide =
        |shard: &mut GroupShard, asker: &Asker<'_>, now_ms, _: &_| shard.commit(&asked, asker, now_ms);
    let outcome = super::asked(request, &asked.group_id, decide);
    // Those behind it may be commits of the same pass.
    answer(request, out, outcome, move |outcome| respond(outcome, shape, refused), Behind::GoesOn)
}

/// Takes out the partitions that there are not, with their answer.
fn take_unknown(
    image: &Image,
    topic: &mut OffsetCommitRequestTopic<'_>,
) -> Option<OffsetCommitResponseTopic<'static>> {
    let known = image.topics.get_by_id(topic.topic_id)?;
    let is_unknown = |index: i32| known.partition(index).is_none();
    let unknown: Vec<_> =
        topic.partitions.extract_if(.., |partition| is_unknown(partition.partition_index)).collect();
    let unknown = OffsetCommitRequestTopic { partitions: unknown, ..topic_of(&topic.name, topic.topic_id) };
    (!unknown.partitions.is_empty()).then(|| answered(&unknown, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION))
}

fn topic_of(name: &str, topic_id: Uuid) -> OffsetCommitRequestTopic<'static> {
    OffsetCommitRequestTopic { name: name.to_owned().into(), topic_id, ..OffsetCommitRequestTopic::default() }
}

fn answered(
    topic: &OffsetCommitRequestTopic<'_>,
    error_code: ErrorCode,
) -> OffsetCommitResponseTopic<'static> {
    let partitions = topic.partitions.iter().map(|partition| OffsetCommitResponsePartition {
        partition_index: partition.partition_index,
        error_code,
    });
    OffsetCommitResponseTopic {
        name: topic.name.to_string().into(),
        topic_id: topic.topic_id,
        partitions: partitions.collect(),
    }
}

/// The answer of the shard behind what was refused before, a topic of both once.
fn respond(
    outcome: Result<Answer, ErrorCode>,
    shape: Vec<OffsetCommitResponseTopic<'static>>,
    refused: Vec<OffsetCommitResponseTopic<'static>>,
) -> OffsetCommitResponse<'static> {
    let committed = match outcome {
        Ok(Answer::Commit(committed)) => committed.topics,
        outcome => {
            let code = outcome.err().unwrap_or(ErrorCode::UNKNOWN_SERVER_ERROR);
            let mut topics = shape;
            let partitions = topics.iter_mut().flat_map(|topic| &mut topic.partitions);
            partitions.for_each(|partition| partition.error_code = code);
            topics
        }
    };
    let mut topics = refused;
    for topic in committed {
        match topics.iter_mut().find(|known| known.name == topic.name && known.topic_id == topic.topic_id) {
            Some(known) => known.partitions.extend(topic.partitions),
            None => topics.push(topic),
        }
    }
    OffsetCommitResponse { topics, ..OffsetCommitResponse::default() }
}
