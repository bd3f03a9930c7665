//! Which broker coordinates a group.

use model::ErrorCode;
use protocol::VersionRange;
use protocol::messages::{FindCoordinatorRequest, FindCoordinatorResponse};

use crate::cluster::{Cluster, Deadline, Target};
use crate::error::Error;

/// `KeyType` of groups.
const GROUP: i8 = 0;
/// Versions before this one ask for one key, later ones for a list of them.
const FIRST_WITH_LISTS: i16 = 4;

impl Cluster {
    /// The broker that coordinates a group; the cluster is asked where it is not known.
    pub(crate) async fn coordinator(&self, group: &str, deadline: Deadline) -> Result<i32, Error> {
        if let Some(known) = self.known_coordinator(group) {
            return Ok(known);
        }
        let several = FindCoordinatorRequest {
            key_type: GROUP,
            coordinator_keys: vec![group.into()],
            ..FindCoordinatorRequest::default()
        };
        let wanted = VersionRange::new(FIRST_WITH_LISTS, i16::MAX);
        let found = self.ask_in(wanted, deadline, Target::Any, &several, |answer| found(&answer)).await;
        let id = match found {
            Err(Error::Unsupported(_)) => {
                let one = FindCoordinatorRequest { key: group.into(), key_type: GROUP, ..Default::default() };
                let wanted = VersionRange::new(0, FIRST_WITH_LISTS - 1);
                self.ask_in(wanted, deadline, Target::Any, &one, |answer| found_one(&answer)).await?
            }
            found => found?,
        };
        self.note_coordinator(group, Some(id));
        Ok(id)
    }

    /// After an error that says that another broker coordinates the group, or that this one is not there.
    pub(crate) fn forget_coordinator(&self, group: &str, error: &Error) {
        let codes = [ErrorCode::NOT_COORDINATOR, ErrorCode::COORDINATOR_NOT_AVAILABLE];
        let is_moved = error.code().is_some_and(|code| codes.contains(&code));
        if is_moved || matches!(error, Error::Disconnected(_)) {
            self.note_coordinator(group, None);
        }
    }
}

fn found(answer: &FindCoordinatorResponse<'_>) -> Result<i32, Error> {
    let Some(coordinator) = answer.coordinators.first() else {
        return Err(Error::Malformed("The server's answer names no coordinator.".to_owned()));
    };
    Error::check(coordinator.error_code, coordinator.error_message.as_deref())?;
    Ok(coordinator.node_id)
}

fn found_one(answer: &FindCoordinatorResponse<'_>) -> Result<i32, Error> {
    Error::check(answer.error_code, answer.error_message.as_deref())?;
    Ok(answer.node_id)
}
