//! ListTransactions 0-2 (KIP-664): no transactions are coordinated yet, so that there are none to list.

use model::ErrorCode;
use protocol::messages::{ListTransactionsRequest, ListTransactionsResponse};
use protocol::{ApiKey, VersionRange};
use transport::Outbound;

use crate::dispatch::Api;
use crate::request::{Request, Served};

/// The handler's row in the table of APIs.
pub const API: Api = Api { key: ApiKey::ListTransactions, versions: VersionRange::new(0, 2), serve };

/// States that a transaction can be in; asking for another one is no error.
const STATES: [&str; 8] = [
    "Empty",
    "Ongoing",
    "PrepareCommit",
    "PrepareAbort",
    "CompleteCommit",
    "CompleteAbort",
    "Dead",
    "PrepareEpochFence",
];

fn serve(request: &mut Request<'_>, body: &mut [u8], out: &mut Outbound) -> Served {
    let asked: ListTransactionsRequest<'_> = request.decode(body)?;
    let pattern = asked.transactional_id_pattern.as_deref().filter(|pattern| !pattern.is_empty());
    if pattern.is_some_and(|pattern| regex::Regex::new(pattern).is_err()) {
        let error_code = ErrorCode::INVALID_REGULAR_EXPRESSION;
        return request.answer(out, &ListTransactionsResponse { error_code, ..Default::default() });
    }
    let unknown = asked.state_filters.into_iter().filter(|state| !STATES.contains(&state.as_ref()));
    let unknown_state_filters = unknown.collect();
    request.answer(out, &ListTransactionsResponse { unknown_state_filters, ..Default::default() })
}
