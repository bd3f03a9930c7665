//! DescribeGroups 0-6: state and members of classic groups.

use protocol::messages::describe_groups_response::DescribedGroup;
use protocol::messages::{DescribeGroupsRequest, DescribeGroupsResponse};
use protocol::{ApiKey, VersionRange};
use transport::Outbound;

use crate::dispatch::Api;
use crate::permissions::GROUP_OPERATIONS;
use crate::request::{Request, Served};

/// The handler's row in the table of APIs.
pub const API: Api = Api { key: ApiKey::DescribeGroups, versions: VersionRange::new(0, 6), serve };

fn serve(request: &mut Request<'_>, body: &mut [u8], out: &mut Outbound) -> Served {
    let asked: DescribeGroupsRequest<'_> = request.decode(body)?;
    let authorized_operations = if asked.include_authorized_operations { GROUP_OPERATIONS } else { i32::MIN };
    let groups = asked.groups.iter().map(|id| {
        let shown = described(request, id);
        // Nobody may do anything with what is not there.
        match shown.error_code.is_none() {
            true => DescribedGroup { authorized_operations, ..shown },
            false => DescribedGroup { authorized_operations: i32::MIN, ..shown },
        }
    });
    let response = DescribeGroupsResponse { groups: groups.collect(), ..DescribeGroupsResponse::default() };
    request.answer(out, &response)
}

fn described(request: &Request<'_>, id: &str) -> DescribedGroup<'static> {
    let shard = request.broker().groups.shard_of(id);
    let version = request.version();
    let shown = shard.and_then(|shard| shard.look(|shard| shard.describe(id, version)));
    shown.unwrap_or_else(|error_code| DescribedGroup {
        error_code,
        group_id: id.to_owned().into(),
        ..DescribedGroup::default()
    })
}
