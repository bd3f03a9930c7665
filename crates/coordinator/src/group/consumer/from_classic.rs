//! A classic group of consumers becomes a consumer group while its members stay: at the first ConsumerGroupHeartbeat of
//! somebody who joins.

use std::sync::Arc;

use model::ErrorCode;

use super::check::Refusal;
use super::member::{Classic, Current, MemberState, Metadata, assigned_all_in};
use super::{ConsumerGroup, Turn, embedded};
use crate::assignor::Partitions;
use crate::group::classic::{self, ClassicGroup};
use crate::record::Record;
use crate::topics::TopicView;

/// Why a classic group stays one.
enum Obstacle {
    /// A member said something that is not what its protocol says.
    Malformed,
    /// Members give each other more than partitions, which would be lost.
    OwnData,
}

/// A member as it comes over.
type Arrival = (Arc<str>, Metadata, Partitions);

impl ConsumerGroup {
    /// The consumer group that a classic one becomes, with its members as they are. Its records are part of the step.
    pub fn from_classic(group: &ClassicGroup, turn: &mut Turn<'_>) -> Result<ConsumerGroup, Refusal> {
        check_upgrade(group, turn)?;
        let mut arrivals: Vec<Arrival> = Vec::with_capacity(group.members.len());
        for member in group.members.iter() {
            let arrival = arrival(group, member, turn.topics).map_err(|obstacle| {
                let why = match obstacle {
                    Obstacle::Malformed => "the embedded consumer protocol is malformed.",
                    Obstacle::OwnData => {
                        "an unsupported custom assignor is in use. Please refer to the documentation or switch to a \
                         default assignor before re-attempting the upgrade."
                    }
                };
                cannot_upgrade(group, why)
            })?;
            arrivals.push(arrival);
        }
        turn.step.records.push(Record::group_gone(&group.id));
        Ok(ConsumerGroup::of_arrivals(group, &arrivals, turn))
    }

    fn of_arrivals(group: &ClassicGroup, arrivals: &[Arrival], turn: &mut Turn<'_>) -> ConsumerGroup {
        let epoch = group.generation;
        let mut upgraded = ConsumerGroup::new(&group.id);
        for (id, metadata, _) in arrivals {
            upgraded.write(Record::member(&group.id, id, metadata.value()), turn);
        }
        let hash = upgraded.hash_of_topics(turn);
        upgraded.write(Record::consumer_group(&group.id, epoch, hash), turn);
        for (id, _, partitions) in arrivals {
            upgraded.write(Record::target(&group.id, id, partitions), turn);
        }
        upgraded.write(Record::target_epoch(&group.id, epoch, 0), turn);
        for (id, metadata, partitions) in arrivals {
            let assigned = assigned_all_in(epoch, partitions);
            let state = MemberState::Stable;
            let current = Current { epoch, previous_epoch: epoch, state, assigned, ..Current::default() };
            upgraded.write(Record::current(&group.id, id, &current), turn);
            let timeout_ms = metadata.classic.as_ref().map_or(0, |classic| classic.session_timeout_ms);
            upgraded.touch(id, timeout_ms, turn.now_ms, turn.step);
        }
        upgraded
    }
}

fn check_upgrade(group: &ClassicGroup, turn: &Turn<'_>) -> Result<(), Refusal> {
    let settings = &turn.settings.consumer;
    if !settings.migration.allows_upgrade() {
        return Err(cannot_upgrade(group, "online upgrade is disabled."));
    }
    if !group.is_of_consumers() {
        return Err(cannot_upgrade(group, "the group does not use the consumer embedded protocol."));
    }
    if group.members.len() > settings.size_max {
        return Err(cannot_upgrade(group, "the group size exceeds the consumer group maximum size."));
    }
    Ok(())
}

fn cannot_upgrade(group: &ClassicGroup, why: &str) -> Refusal {
    let message = format!("Cannot upgrade classic group {} to consumer group because {why}", group.id);
    Refusal::new(ErrorCode::GROUP_ID_NOT_FOUND, message)
}

fn arrival(
    group: &ClassicGroup,
    member: &classic::Member,
    topics: &dyn TopicView,
) -> Result<Arrival, Obstacle> {
    // Before its first generation a group has chosen no protocol; what members say is the same in all.
    let chosen = group.protocol.as_deref().or(member.protocols.first().map(|first| &*first.name));
    let said = embedded::subscription(member.metadata(chosen)).map_err(|_| Obstacle::Malformed)?;
    let mut partitions = Partitions::new();
    // Who has not asked for its assignment yet has none.
    if !member.assignment.is_empty() {
        let given = embedded::assignment(&member.assignment).map_err(|_| Obstacle::Malformed)?;
        if given.user_data.as_ref().is_some_and(|data| !data.is_empty()) {
            return Err(Obstacle::OwnData);
        }
        let each = given.assigned_partitions.iter().map(|topic| (&*topic.topic, &*topic.partitions));
        partitions = embedded::by_id(each, topics);
    }
    let metadata = Metadata {
        instance_id: member.instance_id.clone(),
        rack_id: said.rack_id.as_deref().filter(|rack| !rack.is_empty()).map(str::to_owned),
        client_id: member.client_id.clone(),
        client_host: member.client_host.clone(),
        topics: said.topics.iter().map(ToString::to_string).collect(),
        rebalance_timeout_ms: member.rebalance_timeout_ms,
        classic: Some(Box::new(Classic {
            session_timeout_ms: member.session_timeout_ms,
            protocols: member.protocols.clone(),
        })),
        ..Metadata::default()
    };
    Ok((Arc::clone(&member.id), metadata, partitions))
}
