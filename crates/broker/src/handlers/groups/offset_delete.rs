//! OffsetDelete 0: a group forgets how far it has come in a topic.

use metadata::Image;
use model::ErrorCode;
use protocol::messages::offset_delete_response::{OffsetDeleteResponsePartition, OffsetDeleteResponseTopic};
use protocol::messages::{OffsetDeleteRequest, OffsetDeleteResponse};
use protocol::{ApiKey, VersionRange};
use transport::Outbound;

use super::{committed, later};
use crate::dispatch::Api;
use crate::request::{Request, Served};

/// The handler's row in the table of APIs.
pub const API: Api = Api { key: ApiKey::OffsetDelete, versions: VersionRange::new(0, 0), serve };

fn serve(request: &mut Request<'_>, body: &mut [u8], out: &mut Outbound) -> Served {
    let mut asked: OffsetDeleteRequest<'_> = request.decode(body)?;
    let broker = request.broker();
    let shard = match asked.group_id.is_empty() {
        true => Err(ErrorCode::INVALID_GROUP_ID),
        false => broker.groups.shard_of(&asked.group_id),
    };
    let unknown = take_unknown(&broker.metadata.image(), &mut asked);
    match shard.and_then(|shard| shard.write(broker, |shard| shard.delete_offsets(&asked))) {
        Ok((mut response, written)) => Ok(later(request, async move {
            match committed(written).await {
                Ok(()) if response.error_code.is_none() => {
                    add(&mut response, unknown);
                    response
                }
                Ok(()) => response,
                Err(error_code) => refused(error_code),
            }
        })),
        Err(error_code) => request.answer(out, &refused(error_code)),
    }
}

/// Takes out the partitions that there are not, with their answers.
fn take_unknown(
    image: &Image,
    asked: &mut OffsetDeleteRequest<'_>,
) -> Vec<OffsetDeleteResponseTopic<'static>> {
    let mut unknown = Vec::new();
    for topic in &mut asked.topics {
        let known = image.topics.get(&topic.name);
        let is_there = |index: i32| known.is_some_and(|topic| topic.partition(index).is_some());
        let gone = topic.partitions.extract_if(.., |partition| !is_there(partition.partition_index));
        let error_code = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
        let answers: Vec<_> = gone
            .map(|partition| OffsetDeleteResponsePartition {
                partition_index: partition.partition_index,
                error_code,
            })
            .collect();
        if !answers.is_empty() {
            let name = topic.name.to_string().into();
            unknown.push(OffsetDeleteResponseTopic { name, partitions: answers });
        }
    }
    asked.topics.retain(|topic| !topic.partitions.is_empty());
    unknown
}

/// Adds topics to an answer, a topic of both once.
fn add(response: &mut OffsetDeleteResponse<'static>, more: Vec<OffsetDeleteResponseTopic<'static>>) {
    for topic in more {
        match response.topics.iter_mut().find(|known| known.name == topic.name) {
            Some(known) => known.partitions.extend(topic.partitions),
            None => response.topics.push(topic),
        }
    }
}

fn refused(error_code: ErrorCode) -> OffsetDeleteResponse<'static> {
    OffsetDeleteResponse { error_code, ..OffsetDeleteResponse::default() }
}
