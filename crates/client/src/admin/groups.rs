//! Groups: listed and deleted.

use std::collections::BTreeMap;
use std::fmt;

use model::ErrorCode;
use protocol::messages::{DeleteGroupsRequest, DeleteGroupsResponse, ListGroupsRequest};

use super::Admin;
use crate::cluster::{ANY_VERSION, Target};
use crate::coordinators::CoordinatorKind;
use crate::error::Error;

/// Where Kafka's admin client logs refusals of deletions that it has no words for.
const LOGGER: &str = "org.apache.kafka.clients.admin.internals.DeleteConsumerGroupsHandler";
/// Refusals that it has words for.
const EXPECTED: [ErrorCode; 4] = [
    ErrorCode::GROUP_AUTHORIZATION_FAILED,
    ErrorCode::INVALID_GROUP_ID,
    ErrorCode::NON_EMPTY_GROUP,
    ErrorCode::GROUP_ID_NOT_FOUND,
];

/// What kind of group it is, by the protocol of its members.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum GroupType {
    /// One that this client does not know.
    Unknown,
    /// Of the consumer protocol (KIP-848).
    Consumer,
    /// Of the classic protocol, or without members from the beginning.
    Classic,
    /// A share group (KIP-932).
    Share,
    /// Of the streams protocol (KIP-1071).
    Streams,
}

/// What a group is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum GroupState {
    /// One that this client does not know.
    Unknown,
    /// It waits for its members to join.
    PreparingRebalance,
    /// It waits for the assignment of its leader.
    CompletingRebalance,
    /// Every member has what it is to have.
    Stable,
    /// It is gone.
    Dead,
    /// It has no members.
    Empty,
    /// The broker computes an assignment.
    Assigning,
    /// Members are on their way to a new assignment.
    Reconciling,
    /// Topics that it needs are missing.
    NotReady,
}

/// A group in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupListing {
    /// Its id.
    pub id: String,
    /// What its members call their protocol; empty where it has had none.
    pub protocol: String,
    /// Its kind.
    pub kind: GroupType,
    /// What it is at.
    pub state: GroupState,
}

const TYPES: [(GroupType, &str); 5] = [
    (GroupType::Unknown, "Unknown"),
    (GroupType::Consumer, "Consumer"),
    (GroupType::Classic, "Classic"),
    (GroupType::Share, "Share"),
    (GroupType::Streams, "Streams"),
];

const STATES: [(GroupState, &str); 9] = [
    (GroupState::Unknown, "Unknown"),
    (GroupState::PreparingRebalance, "PreparingRebalance"),
    (GroupState::CompletingRebalance, "CompletingRebalance"),
    (GroupState::Stable, "Stable"),
    (GroupState::Dead, "Dead"),
    (GroupState::Empty, "Empty"),
    (GroupState::Assigning, "Assigning"),
    (GroupState::Reconciling, "Reconciling"),
    (GroupState::NotReady, "NotReady"),
];

impl GroupType {
    /// The kind of that name, in any case of its letters.
    pub fn parse(name: &str) -> GroupType {
        let found = TYPES.iter().find(|(_, known)| known.eq_ignore_ascii_case(name));
        found.map_or(GroupType::Unknown, |(kind, _)| *kind)
    }
}

impl GroupState {
    /// The state of that name, in any case of its letters.
    pub fn parse(name: &str) -> GroupState {
        let found = STATES.iter().find(|(_, known)| known.eq_ignore_ascii_case(name));
        found.map_or(GroupState::Unknown, |(state, _)| *state)
    }
}

impl fmt::Display for GroupType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = TYPES.iter().find(|(kind, _)| kind == self).map_or("Unknown", |(_, name)| name);
        f.write_str(name)
    }
}

impl fmt::Display for GroupState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = STATES.iter().find(|(state, _)| state == self).map_or("Unknown", |(_, name)| name);
        f.write_str(name)
    }
}

impl Admin {
    /// The groups of all brokers, ascending by id; only those of some kinds and states where any are named.
    pub async fn list_groups(
        &self,
        types: &[GroupType],
        states: &[GroupState],
    ) -> Result<Vec<GroupListing>, Error> {
        let request = ListGroupsRequest {
            states_filter: states.iter().map(|state| state.to_string().into()).collect(),
            types_filter: types.iter().map(|kind| kind.to_string().into()).collect(),
        };
        let mut groups = BTreeMap::new();
        for node in &self.brokers().await?.nodes {
            let listed = self.ask("listGroups", Target::Node(node.id), &request, |answer| {
                Error::check(answer.error_code, None)?;
                let listed = answer.groups.iter().map(|group| GroupListing {
                    id: group.group_id.as_ref().to_owned(),
                    protocol: group.protocol_type.as_ref().to_owned(),
                    kind: GroupType::parse(&group.group_type),
                    state: GroupState::parse(&group.group_state),
                });
                Ok(listed.collect::<Vec<_>>())
            });
            groups.extend(listed.await?.into_iter().map(|group| (group.id.clone(), group)));
        }
        Ok(groups.into_values().collect())
    }

    /// Deletes groups; each must be without members.
    pub async fn delete_groups(&self, groups: &[&str]) -> Result<BTreeMap<String, Result<(), Error>>, Error> {
        let deadline = self.deadline("deleteConsumerGroups");
        let ask = async |broker, groups: &[&str]| {
            let request =
                DeleteGroupsRequest { groups_names: groups.iter().map(|group| (*group).into()).collect() };
            let mut read = |answer: DeleteGroupsResponse<'_>| {
                let deleted = answer.results.iter().map(|result| {
                    (result.group_id.as_ref().to_owned(), Error::check(result.error_code, None))
                });
                Ok(deleted.collect())
            };
            self.cluster.ask_once(ANY_VERSION, deadline, Target::Node(broker), &request, &mut read).await
        };
        let deleted = self.cluster.ask_coordinators(groups, CoordinatorKind::Group, deadline, ask).await?;
        for (group, outcome) in &deleted {
            let Some(code) = outcome.as_ref().err().and_then(Error::code) else { continue };
            if !EXPECTED.contains(&code) {
                let client = self.cluster.name();
                tracing::error!(target: LOGGER, "[{client}] `DeleteConsumerGroups` request for group id {group} failed due to unexpected error {code}");
            }
        }
        Ok(deleted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_and_states_are_named_in_any_case() {
        for (kind, name) in TYPES {
            assert_eq!((GroupType::parse(&name.to_lowercase()), kind.to_string().as_str()), (kind, name));
        }
        for (state, name) in STATES {
            assert_eq!((GroupState::parse(&name.to_uppercase()), state.to_string().as_str()), (state, name));
        }
        assert_eq!(
            (GroupType::parse("odd"), GroupState::parse("")),
            (GroupType::Unknown, GroupState::Unknown)
        );
    }
}
