//! ConsumerGroupDescribe 0-1: state, members and assignments of groups of the consumer protocol (KIP-848).

use model::ErrorCode;
use protocol::messages::consumer_group_describe_response::DescribedGroup;
use protocol::messages::{ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponse};
use protocol::{ApiKey, VersionRange};
use transport::Outbound;

use crate::coordinators::ImageTopics;
use crate::dispatch::Api;
use crate::permissions::GROUP_OPERATIONS;
use crate::request::{Request, Served};

/// The handler's row in the table of APIs.
pub const API: Api = Api { key: ApiKey::ConsumerGroupDescribe, versions: VersionRange::new(0, 1), serve };

fn serve(request: &mut Request<'_>, body: &mut [u8], out: &mut Outbound) -> Served {
    let asked: ConsumerGroupDescribeRequest<'_> = request.decode(body)?;
    let topics = ImageTopics(request.broker().metadata.image());
    let groups = asked.group_ids.iter().map(|id| {
        let shown = described(request, id, &topics);
        let is_told = asked.include_authorized_operations && shown.error_code.is_none();
        let authorized_operations = if is_told { GROUP_OPERATIONS } else { i32::MIN };
        DescribedGroup { authorized_operations, ..shown }
    });
    let response = ConsumerGroupDescribeResponse {
        groups: groups.collect(),
        ..ConsumerGroupDescribeResponse::default()
    };
    request.answer(out, &response)
}

fn described(request: &Request<'_>, id: &str, topics: &ImageTopics) -> DescribedGroup<'static> {
    let groups = &request.broker().groups;
    let shard = match id.is_empty() {
        true => Err(ErrorCode::INVALID_GROUP_ID),
        false if !groups.serves_consumer_protocol => Err(ErrorCode::UNSUPPORTED_VERSION),
        false => groups.shard_of(id),
    };
    let shown = shard.and_then(|shard| shard.look(|shard| shard.describe_consumer(id, topics)));
    shown.unwrap_or_else(|error_code| DescribedGroup {
        error_code,
        group_id: id.to_owned().into(),
        ..DescribedGroup::default()
    })
}
