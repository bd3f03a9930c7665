//! ConsumerGroupHeartbeat of who joins or stays.

use std::borrow::Cow;
use std::sync::Arc;

use model::ErrorCode;
use protocol::messages::consumer_group_heartbeat_request as asked;
use protocol::messages::consumer_group_heartbeat_response::{Assignment, TopicPartitions};
use protocol::messages::{ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse};

use super::check::{JOINS, Place, Refusal};
use super::member::{Metadata, Owned};
use super::subscription::News;
use super::{ConsumerGroup, MemberState, Turn};
use crate::assignor::{Partitions, by_topic};
use crate::record::Record;
use crate::shard::Asker;

impl ConsumerGroup {
    /// A member joins, tells what has changed with it, or that it lives, and learns what it has.
    pub fn heartbeat(
        &mut self,
        request: &ConsumerGroupHeartbeatRequest<'_>,
        asker: &Asker<'_>,
        turn: &mut Turn<'_>,
    ) -> Result<ConsumerGroupHeartbeatResponse<'static>, Refusal> {
        self.check_room(&request.member_id, turn)?;
        let id: Arc<str> = match &*request.member_id {
            "" => asker.fresh_id.to_string().into(),
            id => id.into(),
        };
        let place = self.check_admission(&id, request)?;
        self.check_state(&id, request)?;
        let known = match &place {
            Place::Own => self.members.get(&id),
            Place::Of(other) => self.members.get(other),
        };
        let news = known.map_or_else(
            || news(&Metadata::default(), request, asker),
            |member| news(&member.metadata, request, asker),
        );
        if let Some(news) = &news {
            self.check_regex(&news.before.regex, &news.now.regex, turn)?;
        }
        // Nothing is refused from here on.
        if let Place::Of(other) = &place {
            self.replace(other, &id, turn);
        }
        let owned = request.topic_partitions.as_deref().map(owned_by);
        let is_changed = self.update_member(&id, news, turn);
        let heir = matches!(place, Place::Of(_)).then_some(&*id);
        self.update_target(heir, turn);
        let has_other = self.reconcile(&id, is_changed, owned.as_ref(), turn);
        let timeout_ms = turn.pace.session_timeout_ms;
        self.touch(&id, timeout_ms, turn.now_ms, turn.step);
        let is_told = request.member_epoch == JOINS || is_full(request) || has_other;
        let member = self.members.get(&id);
        let assigned = member.filter(|_| is_told).map(|member| assignment(&member.current.assigned));
        Ok(ConsumerGroupHeartbeatResponse {
            member_epoch: member.map_or(JOINS, |member| member.current.epoch),
            member_id: Some(id.to_string().into()),
            heartbeat_interval_ms: turn.pace.heartbeat_interval_ms,
            assignment: assigned,
            ..ConsumerGroupHeartbeatResponse::default()
        })
    }

    /// A member in a state of which nothing is known here has to begin again.
    fn check_state(&self, id: &str, request: &ConsumerGroupHeartbeatRequest<'_>) -> Result<(), Refusal> {
        let is_unknown =
            self.members.get(id).is_some_and(|member| member.current.state == MemberState::Unknown);
        if !is_unknown || request.topic_partitions.as_ref().is_some_and(Vec::is_empty) {
            return Ok(());
        }
        let message = "The consumer group member is in a unknown state. The member must abandon all its \
                       partitions and rejoin.";
        Err(Refusal::new(ErrorCode::FENCED_MEMBER_EPOCH, message.to_owned()))
    }

    /// A static member is back, perhaps under another id, and has what it had.
    pub(super) fn replace(&mut self, other: &Arc<str>, id: &Arc<str>, turn: &mut Turn<'_>) {
        let Some(member) = self.members.get(other).cloned() else { return };
        let target = self.target.of(other).cloned().unwrap_or_default();
        self.forget(other, turn.step);
        self.write_member_gone(other, turn);
        let mut current = member.current;
        current.epoch = JOINS;
        current.previous_epoch = JOINS;
        self.write(Record::member(&self.id, id, member.metadata.value()), turn);
        self.write(Record::target(&self.id, id, &target), turn);
        self.write(Record::current(&self.id, id, &current), turn);
    }

    pub(super) fn write_member_gone(&mut self, id: &str, turn: &mut Turn<'_>) {
        self.write(Record::current_gone(&self.id, id), turn);
        self.write(Record::target_member_gone(&self.id, id), turn);
        self.write(Record::member_gone(&self.id, id), turn);
    }
}

/// What a member has said so far and says now, where that is not the same. Most heartbeats say that it lives.
fn news(before: &Metadata, request: &ConsumerGroupHeartbeatRequest<'_>, asker: &Asker<'_>) -> Option<News> {
    let same = |now: Option<&str>, before: &Option<String>| now.is_none() || now == before.as_deref();
    let names_same = |now: &Vec<Cow<'_, str>>| {
        now.len() == before.topics.len() && now.iter().all(|name| before.topics.contains(&**name))
    };
    let is_same = before.classic.is_none()
        && *before.client_id == *asker.client_id
        && *before.client_host == *asker.client_host
        && same(request.instance_id.as_deref(), &before.instance_id)
        && same(request.rack_id.as_deref(), &before.rack_id)
        && same(request.server_assignor.as_deref(), &before.assignor)
        && [-1, before.rebalance_timeout_ms].contains(&request.rebalance_timeout_ms)
        && request.subscribed_topic_names.as_ref().is_none_or(names_same)
        && request.subscribed_topic_regex.as_ref().is_none_or(|regex| *regex == before.regex);
    if is_same {
        return None;
    }
    let now = said(before, request, asker);
    (now != *before).then(|| News { before: before.clone(), now })
}

fn said(before: &Metadata, request: &ConsumerGroupHeartbeatRequest<'_>, asker: &Asker<'_>) -> Metadata {
    let or_before = |now: Option<&str>, before: &Option<String>| match now {
        Some(now) => Some(now.to_owned()),
        None => before.clone(),
    };
    Metadata {
        instance_id: or_before(request.instance_id.as_deref(), &before.instance_id),
        rack_id: or_before(request.rack_id.as_deref(), &before.rack_id),
        client_id: asker.client_id.into(),
        client_host: asker.client_host.into(),
        topics: match &request.subscribed_topic_names {
            Some(names) => names.iter().map(ToString::to_string).collect(),
            None => before.topics.clone(),
        },
        regex: match &request.subscribed_topic_regex {
            Some(regex) => regex.to_string(),
            None => before.regex.clone(),
        },
        rebalance_timeout_ms: match request.rebalance_timeout_ms {
            -1 => before.rebalance_timeout_ms,
            timeout_ms => timeout_ms,
        },
        assignor: or_before(request.server_assignor.as_deref(), &before.assignor),
        classic: None,
    }
}

/// A request that tells everything is answered with everything: its sender may have missed an answer.
fn is_full(request: &ConsumerGroupHeartbeatRequest<'_>) -> bool {
    let has_topics = request.subscribed_topic_names.is_some() || request.subscribed_topic_regex.is_some();
    request.rebalance_timeout_ms != -1 && has_topics && request.topic_partitions.is_some()
}

fn owned_by(topics: &[asked::TopicPartitions]) -> Partitions {
    by_topic(topics.iter().map(|topic| (topic.topic_id, &*topic.partitions)).collect())
}

fn assignment(assigned: &Owned) -> Assignment {
    let topics = assigned.iter().map(|(topic_id, epochs)| TopicPartitions {
        topic_id: *topic_id,
        partitions: epochs.keys().copied().collect(),
    });
    Assignment { topic_partitions: topics.collect() }
}
