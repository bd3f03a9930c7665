//! DescribeAcls 1-3, CreateAcls 1-3 and DeleteAcls 1-3: there is no authorizer yet, so that all of them are refused as Kafka
//! without one refuses them.

use model::ErrorCode;
use protocol::messages::create_acls_response::AclCreationResult;
use protocol::messages::delete_acls_response::DeleteAclsFilterResult;
use protocol::messages::{
    CreateAclsRequest, CreateAclsResponse, DeleteAclsRequest, DeleteAclsResponse, DescribeAclsRequest,
    DescribeAclsResponse,
};
use protocol::{ApiKey, VersionRange};
use transport::Outbound;

use crate::dispatch::Api;
use crate::request::{Request, Served};

/// The row of DescribeAcls in the table of APIs.
pub const DESCRIBE: Api =
    Api { key: ApiKey::DescribeAcls, versions: VersionRange::new(1, 3), serve: describe };
/// The row of CreateAcls in the table of APIs.
pub const CREATE: Api = Api { key: ApiKey::CreateAcls, versions: VersionRange::new(1, 3), serve: create };
/// The row of DeleteAcls in the table of APIs.
pub const DELETE: Api = Api { key: ApiKey::DeleteAcls, versions: VersionRange::new(1, 3), serve: delete };

const DISABLED: ErrorCode = ErrorCode::SECURITY_DISABLED;
const NO_AUTHORIZER: &str = "No Authorizer is configured.";

fn describe(request: &mut Request<'_>, body: &mut [u8], out: &mut Outbound) -> Served {
    let _: DescribeAclsRequest<'_> = request.decode(body)?;
    // A broker says it in other words than a controller.
    let error_message = Some("No Authorizer is configured on the broker".into());
    request.answer(out, &DescribeAclsResponse { error_code: DISABLED, error_message, ..Default::default() })
}

fn create(request: &mut Request<'_>, body: &mut [u8], out: &mut Outbound) -> Served {
    let asked: CreateAclsRequest<'_> = request.decode(body)?;
    let refused = || AclCreationResult { error_code: DISABLED, error_message: Some(NO_AUTHORIZER.into()) };
    let results = asked.creations.iter().map(|_| refused()).collect();
    request.answer(out, &CreateAclsResponse { results, ..Default::default() })
}

fn delete(request: &mut Request<'_>, body: &mut [u8], out: &mut Outbound) -> Served {
    let asked: DeleteAclsRequest<'_> = request.decode(body)?;
    let refused = || DeleteAclsFilterResult {
        error_code: DISABLED,
        error_message: Some(NO_AUTHORIZER.into()),
        matching_acls: Vec::new(),
    };
    let filter_results = asked.filters.iter().map(|_| refused()).collect();
    request.answer(out, &DeleteAclsResponse { filter_results, ..Default::default() })
}
