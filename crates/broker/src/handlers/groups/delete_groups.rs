//! DeleteGroups 0-2: groups without members end, with their offsets.

use model::ErrorCode;
use protocol::messages::delete_groups_response::DeletableGroupResult;
use protocol::messages::{DeleteGroupsRequest, DeleteGroupsResponse};
use protocol::{ApiKey, VersionRange};
use transport::Outbound;

use super::{committed, later};
use crate::dispatch::Api;
use crate::request::{Request, Served};

/// The handler's row in the table of APIs.
pub const API: Api = Api { key: ApiKey::DeleteGroups, versions: VersionRange::new(0, 2), serve };

fn serve(request: &mut Request<'_>, body: &mut [u8], _out: &mut Outbound) -> Served {
    let asked: DeleteGroupsRequest<'_> = request.decode(body)?;
    let broker = request.broker();
    let mut outcomes = Vec::with_capacity(asked.groups_names.len());
    for id in &asked.groups_names {
        let shard = broker.groups.shard_of(id);
        let written = shard.and_then(|shard| shard.write(broker, |shard| shard.delete(&[&**id])));
        outcomes.push((id.to_string(), written));
    }
    Ok(later(request, async move {
        let mut results = Vec::with_capacity(outcomes.len());
        for (id, outcome) in outcomes {
            match outcome {
                Ok((found, written)) => match committed(written).await {
                    Ok(()) => results.extend(found),
                    Err(error_code) => results.push(result(id, error_code)),
                },
                Err(error_code) => results.push(result(id, error_code)),
            }
        }
        DeleteGroupsResponse { results, ..DeleteGroupsResponse::default() }
    }))
}

fn result(id: String, error_code: ErrorCode) -> DeletableGroupResult<'static> {
    DeletableGroupResult { group_id: id.into(), error_code }
}
