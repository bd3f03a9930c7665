//! What a ConsumerGroupHeartbeat must look like, and who may send it.

use std::sync::Arc;

use model::ErrorCode;
use protocol::messages::ConsumerGroupHeartbeatRequest;
use protocol::messages::consumer_group_heartbeat_request::TopicPartitions;

use super::member::{AWAY, LEFT, Member, Owned};
use super::{ConsumerGroup, Turn};
use crate::settings::ConsumerGroupSettings;

/// Epoch of who joins, or joins again.
pub const JOINS: i32 = 0;
/// Members name themselves from this version on.
const ID_BY_CLIENT_SINCE: i16 = 1;

/// Why a request is refused, in Kafka's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    pub error_code: ErrorCode,
    pub message: String,
}

/// Whose place a member takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// Its own, or a new one.
    Own,
    /// That of the member which has had its instance id.
    Of(Arc<str>),
}

impl Refusal {
    pub fn new(error_code: ErrorCode, message: String) -> Refusal {
        Refusal { error_code, message }
    }

    fn invalid(message: &str) -> Refusal {
        Refusal::new(ErrorCode::INVALID_REQUEST, message.to_owned())
    }
}

/// Refuses requests that make no sense, whatever group they are for.
pub fn check_form(
    request: &ConsumerGroupHeartbeatRequest<'_>,
    api_version: i16,
    settings: &ConsumerGroupSettings,
) -> Result<(), Refusal> {
    let epoch = request.member_epoch;
    if api_version >= ID_BY_CLIENT_SINCE || epoch > JOINS || epoch == LEFT {
        refuse_blank(Some(&*request.member_id), "MemberId can't be empty.")?;
    }
    refuse_blank(Some(&*request.group_id), "GroupId can't be empty.")?;
    refuse_blank(request.instance_id.as_deref(), "InstanceId can't be empty.")?;
    refuse_blank(request.rack_id.as_deref(), "RackId can't be empty.")?;
    if epoch == JOINS {
        check_joining(request)?;
    } else if epoch == AWAY && request.instance_id.is_none() {
        return Err(Refusal::invalid("InstanceId can't be null."));
    } else if epoch < AWAY {
        return Err(Refusal::invalid("MemberEpoch is invalid."));
    }
    let Some(asked) = request.server_assignor.as_deref() else { return Ok(()) };
    if settings.assignors.iter().any(|known| known.name() == asked) {
        return Ok(());
    }
    let known: Vec<&str> = settings.assignors.iter().map(|known| known.name()).collect();
    let message =
        format!("ServerAssignor {asked} is not supported. Supported assignors: {}.", known.join(", "));
    Err(Refusal::new(ErrorCode::UNSUPPORTED_ASSIGNOR, message))
}

fn check_joining(request: &ConsumerGroupHeartbeatRequest<'_>) -> Result<(), Refusal> {
    if request.rebalance_timeout_ms == -1 {
        return Err(Refusal::invalid("RebalanceTimeoutMs must be provided in first request."));
    }
    if request.topic_partitions.as_ref().is_none_or(|owned| !owned.is_empty()) {
        return Err(Refusal::invalid("TopicPartitions must be empty when (re-)joining."));
    }
    if request.subscribed_topic_names.is_none() && request.subscribed_topic_regex.is_none() {
        let message =
            "Either SubscribedTopicNames or SubscribedTopicRegex must be non-null when (re-)joining.";
        return Err(Refusal::invalid(message));
    }
    Ok(())
}

fn refuse_blank(text: Option<&str>, message: &str) -> Result<(), Refusal> {
    // Java takes control characters for blanks too.
    let is_blank = |text: &str| text.chars().all(|char| char <= ' ');
    if text.is_some_and(is_blank) { Err(Refusal::invalid(message)) } else { Ok(()) }
}

impl ConsumerGroup {
    pub(super) fn check_room(&self, id: &str, turn: &Turn<'_>) -> Result<(), Refusal> {
        let size_max = turn.settings.consumer.size_max;
        if self.members.len() < size_max || self.members.contains(id) {
            return Ok(());
        }
        let message = format!("The consumer group has reached its maximum capacity of {size_max} members.");
        Err(Refusal::new(ErrorCode::GROUP_MAX_SIZE_REACHED, message))
    }

    /// Refuses who is not who it says, or has missed something.
    pub(super) fn check_admission(
        &self,
        id: &str,
        request: &ConsumerGroupHeartbeatRequest<'_>,
    ) -> Result<Place, Refusal> {
        let (epoch, owned) = (request.member_epoch, request.topic_partitions.as_deref());
        let Some(instance) = request.instance_id.as_deref() else {
            match self.members.get(id) {
                Some(member) => check_epoch(member, epoch, owned)?,
                None if epoch == JOINS => {}
                None => return Err(self.unknown_member(id)),
            }
            return Ok(Place::Own);
        };
        if epoch == JOINS {
            return match self.members.of_instance(instance) {
                None => Ok(Place::Own),
                // Who speaks the classic protocol goes without a word.
                Some(known) if known.current.epoch == AWAY || known.is_classic() => {
                    Ok(Place::Of(Arc::clone(&known.id)))
                }
                Some(known) => Err(unreleased(id, instance, &known.id)),
            };
        }
        let member = self.check_instance(id, instance)?;
        check_epoch(member, epoch, owned)?;
        Ok(Place::Own)
    }

    /// The member of an instance id, which has to be the one that asks.
    pub(super) fn check_instance(&self, id: &str, instance: &str) -> Result<&Member, Refusal> {
        let Some(member) = self.members.of_instance(instance) else {
            return Err(Refusal::new(
                ErrorCode::UNKNOWN_MEMBER_ID,
                format!("Instance id {instance} is unknown."),
            ));
        };
        if &*member.id == id {
            return Ok(member);
        }
        let message =
            format!("Static member {id} with instance id {instance} was fenced by member {}.", member.id);
        Err(Refusal::new(ErrorCode::FENCED_INSTANCE_ID, message))
    }
}

fn unreleased(id: &str, instance: &str, owner: &str) -> Refusal {
    let message = format!(
        "Static member {id} with instance id {instance} cannot join the group because the instance id is owned by \
         {owner} member."
    );
    Refusal::new(ErrorCode::UNRELEASED_INSTANCE_ID, message)
}

/// A member has the epoch it was told last, or the one before where the answer may have been lost.
fn check_epoch(member: &Member, epoch: i32, owned: Option<&[TopicPartitions]>) -> Result<(), Refusal> {
    let known = member.current.epoch;
    let has_missed_answer =
        || epoch == member.current.previous_epoch && has_no_more_than(owned, &member.current.assigned);
    let order = match epoch {
        JOINS => return Ok(()),
        _ if epoch == known => return Ok(()),
        _ if epoch > known => "greater",
        _ if has_missed_answer() => return Ok(()),
        _ => "smaller",
    };
    let message = format!(
        "The consumer group member has a {order} member epoch ({epoch}) than the one known by the group coordinator \
         ({known}). The member must abandon all its partitions and rejoin."
    );
    Err(Refusal::new(ErrorCode::FENCED_MEMBER_EPOCH, message))
}

fn has_no_more_than(owned: Option<&[TopicPartitions]>, assigned: &Owned) -> bool {
    let Some(owned) = owned else { return false };
    owned.iter().all(|topic| {
        assigned
            .get(&topic.topic_id)
            .is_some_and(|own| topic.partitions.iter().all(|partition| own.contains_key(partition)))
    })
}
