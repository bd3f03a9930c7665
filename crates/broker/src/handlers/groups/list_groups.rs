//! ListGroups 0-5: the groups of this coordinator, by state and type where asked.

use coordinator::GroupFilter;
use model::ErrorCode;
use protocol::messages::{ListGroupsRequest, ListGroupsResponse};
use protocol::{ApiKey, VersionRange};
use transport::Outbound;

use crate::dispatch::Api;
use crate::request::{Request, Served};

/// The handler's row in the table of APIs.
pub const API: Api = Api { key: ApiKey::ListGroups, versions: VersionRange::new(0, 5), serve };

fn serve(request: &mut Request<'_>, body: &mut [u8], out: &mut Outbound) -> Served {
    let asked: ListGroupsRequest<'_> = request.decode(body)?;
    let states: Vec<&str> = asked.states_filter.iter().map(|name| &**name).collect();
    let types: Vec<&str> = asked.types_filter.iter().map(|name| &**name).collect();
    let filter = GroupFilter { states: &states, types: &types };
    let mut response = ListGroupsResponse::default();
    for shard in request.broker().groups.shards() {
        match shard.look(|shard| shard.list(filter)) {
            Ok(groups) => response.groups.extend(groups),
            // Others have them, or nobody can read them.
            Err(ErrorCode::NOT_COORDINATOR) => {}
            Err(error_code) => {
                let refused = ListGroupsResponse { error_code, ..ListGroupsResponse::default() };
                return request.answer(out, &refused);
            }
        }
    }
    response.groups.sort_by(|one, other| one.group_id.cmp(&other.group_id));
    request.answer(out, &response)
}
