//! ListGroups, DescribeGroups, DeleteGroups.

use model::ErrorCode;
use protocol::messages::delete_groups_response::DeletableGroupResult;
use protocol::messages::describe_groups_response::{DescribedGroup, DescribedGroupMember};
use protocol::messages::list_groups_response::ListedGroup;

use super::GroupShard;
use crate::group::classic::{ClassicGroup, State};
use crate::record::Record;

/// Kafka's name of the type of classic groups.
const CLASSIC: &str = "classic";
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
            .filter(|group| passes(filter.states, group.state.name()) && passes(filter.types, CLASSIC));
        let shown = listed.map(|group| ListedGroup {
            group_id: group.id.to_string().into(),
            protocol_type: group.protocol_type.clone().unwrap_or_default().into(),
            group_state: group.state.name().into(),
            group_type: CLASSIC.into(),
        });
        shown.collect()
    }

    /// A group as DescribeGroups shows it; one that is not there is dead, and an error from version 6 on.
    pub fn describe(&self, id: &str, api_version: i16) -> DescribedGroup<'static> {
        match self.groups.get(id) {
            Some(group) => described(group),
            None => {
                let group_id = id.to_owned().into();
                let is_error = api_version >= 6;
                let error_message = is_error.then(|| format!("Group {id} not found.").into());
                let error_code = if is_error { ErrorCode::GROUP_ID_NOT_FOUND } else { ErrorCode::NONE };
                let group_state = DEAD.into();
                DescribedGroup {
                    error_code,
                    error_message,
                    group_id,
                    group_state,
                    ..DescribedGroup::default()
                }
            }
        }
    }

    /// Ends groups that have no members, with their offsets.
    pub fn delete(&self, ids: &[&str]) -> (Vec<Record>, Vec<DeletableGroupResult<'static>>) {
        let mut records = Vec::new();
        let mut results = Vec::new();
        for id in ids {
            let error_code = match self.groups.get(*id) {
                None => ErrorCode::GROUP_ID_NOT_FOUND,
                Some(group) if group.state != State::Empty => ErrorCode::NON_EMPTY_GROUP,
                Some(_) => {
                    let topics = self.offsets.of_group(id).into_iter().flatten();
                    for (topic, partitions) in topics {
                        records.extend(partitions.keys().map(|index| Record::offset_gone(id, topic, *index)));
                    }
                    records.push(Record::group_gone(id));
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
        client_id: member.client_id.clone().into(),
        client_host: member.client_host.clone().into(),
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
