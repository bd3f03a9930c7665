//! ListGroups, DescribeGroups, ConsumerGroupDescribe, DeleteGroups.

use model::ErrorCode;
use protocol::messages::consumer_group_describe_response as consumer_shown;
use protocol::messages::delete_groups_response::DeletableGroupResult;
use protocol::messages::describe_groups_response::{DescribedGroup, DescribedGroupMember};
use protocol::messages::list_groups_response::ListedGroup;

use super::GroupShard;
use crate::group::Group;
use crate::group::classic::{ClassicGroup, State};
use crate::record::Record;
use crate::topics::TopicView;

/// Kafka's name of the state of groups that are not there.
const DEAD: &str = "Dead";

/// Which groups a list is about; empty lists are about all.
#[derive(Debug, Clone, Copy)]
pub struct GroupFilter<'a> {
    /// Names of states, in any case.
    pub states: &'a [&'a str],
    /// Names of types, in any case.
    pub types: &'a [&'a str],
}

impl GroupShard {
    /// The groups that pass the filter.
    pub fn list(&self, filter: GroupFilter<'_>) -> Vec<ListedGroup<'static>> {
        let passes = |asked: &[&str], own: &str| {
            asked.is_empty() || asked.iter().any(|name| name.eq_ignore_ascii_case(own))
        };
        let listed = self
            .groups
            .values()
            .filter(|group| passes(filter.states, group.state()) && passes(filter.types, group.kind()));
        let shown = listed.map(|group| ListedGroup {
            group_id: group.id().to_owned().into(),
            protocol_type: group.protocol_type().to_owned().into(),
            group_state: group.state().into(),
            group_type: group.kind().into(),
        });
        shown.collect()
    }

    /// A group as DescribeGroups shows it; one that is not there, or is of another kind, is dead, and an error from
    /// version 6 on.
    pub fn describe(&self, id: &str, api_version: i16) -> DescribedGroup<'static> {
        let fault = match self.groups.get(id) {
            Some(Group::Classic(group)) => return described(group),
            Some(Group::Consumer(_)) => format!("Group {id} is not a classic group."),
            None => format!("Group {id} not found."),
        };
        let is_error = api_version >= 6;
        DescribedGroup {
            error_code: if is_error { ErrorCode::GROUP_ID_NOT_FOUND } else { ErrorCode::NONE },
            error_message: is_error.then(|| fault.into()),
            group_id: id.to_owned().into(),
            group_state: DEAD.into(),
            ..DescribedGroup::default()
        }
    }

    /// A group as ConsumerGroupDescribe shows it.
    pub fn describe_consumer(
        &self,
        id: &str,
        topics: &dyn TopicView,
    ) -> consumer_shown::DescribedGroup<'static> {
        let fault = match self.groups.get(id) {
            Some(Group::Consumer(group)) => {
                return group.describe(&self.rules.settings.consumer, topics);
            }
            Some(Group::Classic(_)) => format!("Group {id} is not a consumer group."),
            None => format!("Group {id} not found."),
        };
        consumer_shown::DescribedGroup {
            error_code: ErrorCode::GROUP_ID_NOT_FOUND,
            error_message: Some(fault.into()),
            group_id: id.to_owned().into(),
            ..consumer_shown::DescribedGroup::default()
        }
    }

    /// Ends groups that have no members, with their offsets.
    pub fn delete(&self, ids: &[&str]) -> (Vec<Record>, Vec<DeletableGroupResult<'static>>) {
        let mut records = Vec::new();
        let mut results = Vec::new();
        for id in ids {
            let error_code = match self.groups.get(*id) {
                None => ErrorCode::GROUP_ID_NOT_FOUND,
                Some(group) if !group.is_empty() => ErrorCode::NON_EMPTY_GROUP,
                Some(group) => {
                    let topics = self.offsets.of_group(id).into_iter().flatten();
                    for (topic, partitions) in topics {
                        records.extend(partitions.keys().map(|index| Record::offset_gone(id, topic, *index)));
                    }
                    records.extend(group.gone());
                    ErrorCode::NONE
                }
            };
            results.push(DeletableGroupResult { group_id: (*id).to_owned().into(), error_code });
        }
        (records, results)
    }
}

fn described(group: &ClassicGroup) -> DescribedGroup<'static> {
    let is_stable = group.state == State::Stable;
    let protocol = group.protocol.as_deref().filter(|_| is_stable);
    let members = group.members.iter().map(|member| DescribedGroupMember {
        member_id: member.id.to_string().into(),
        group_instance_id: member.instance_id.clone().map(Into::into),
        client_id: member.client_id.to_string().into(),
        client_host: member.client_host.to_string().into(),
        member_metadata: protocol.map_or_else(Vec::new, |name| member.metadata(Some(name)).to_vec()).into(),
        member_assignment: member.assignment.clone().into(),
    });
    DescribedGroup {
        group_id: group.id.to_string().into(),
        group_state: group.state.name().into(),
        protocol_type: group.protocol_type.clone().unwrap_or_default().into(),
        protocol_data: protocol.unwrap_or_default().to_owned().into(),
        members: members.collect(),
        ..DescribedGroup::default()
    }
}
