//! JoinGroup of a member that speaks the classic protocol in a consumer group: it is given what the broker decides.

use std::sync::Arc;

use model::ErrorCode;
use protocol::messages::{ConsumerProtocolSubscription, JoinGroupRequest, JoinGroupResponse};

use super::check::Place;
use super::member::{Classic, Metadata};
use super::subscription::News;
use super::{ConsumerGroup, Turn, embedded};
use crate::group::classic::{CONSUMER, ClassicGroup, ID_REQUIRED_SINCE, Protocol};
use crate::settings::MigrationPolicy;
use crate::shard::Asker;

/// What comes of a JoinGroup.
pub struct Joining {
    pub response: JoinGroupResponse<'static>,
    /// The group that takes the place of this one.
    pub instead: Option<ClassicGroup>,
}

impl ConsumerGroup {
    /// A member joins, or joins again to follow the group. An error is for the id beside it.
    pub fn classic_join(
        &mut self,
        request: &JoinGroupRequest<'_>,
        asker: &Asker<'_>,
        turn: &mut Turn<'_>,
    ) -> Result<Joining, (ErrorCode, String)> {
        let is_nameless = request.member_id.is_empty();
        let id: Arc<str> = match is_nameless {
            true => asker.fresh_id.to_string().into(),
            false => (*request.member_id).into(),
        };
        let refused = |error: ErrorCode| (error, request.member_id.to_string());
        self.check_classic_join(request, &id, turn).map_err(refused)?;
        if is_nameless && request.group_instance_id.is_none() && asker.api_version >= ID_REQUIRED_SINCE {
            return Err((ErrorCode::MEMBER_ID_REQUIRED, id.to_string()));
        }
        let place = self.classic_place(request, &id).map_err(refused)?;
        let first = request.protocols.first().map_or(&[][..], |protocol| &protocol.metadata);
        let said = embedded::subscription(first).map_err(|_| refused(ErrorCode::UNKNOWN_SERVER_ERROR))?;
        // Nothing is refused from here on.
        let instance = request.group_instance_id.as_deref();
        let known = instance.and_then(|instance| self.members.of_instance(instance));
        let is_downgrade = known.is_some_and(|known| self.may_downgrade_replacing(known, turn));
        if let Place::Of(other) = &place {
            self.replace(other, &id, turn);
        }
        let heir = matches!(place, Place::Of(_)).then_some(&*id);
        let metadata = metadata_of(request, &said, asker);
        let instead = self.follow(&id, metadata, &said, heir, is_downgrade, turn);
        let member = self.members.get(&id);
        let response = JoinGroupResponse {
            generation_id: member.map_or(-1, |member| member.current.epoch),
            protocol_type: Some(CONSUMER.into()),
            protocol_name: request.protocols.first().map(|protocol| protocol.name.to_string().into()),
            member_id: id.to_string().into(),
            ..JoinGroupResponse::default()
        };
        if instead.is_none() {
            self.touch(&id, request.session_timeout_ms, turn.now_ms, turn.step);
            self.await_sync(&id, request.rebalance_timeout_ms, turn);
        }
        Ok(Joining { response, instead })
    }

    /// What a member says holds, and it is taken as far as it can go.
    fn follow(
        &mut self,
        id: &Arc<str>,
        mut metadata: Metadata,
        said: &ConsumerProtocolSubscription<'_>,
        heir: Option<&str>,
        is_downgrade: bool,
        turn: &mut Turn<'_>,
    ) -> Option<ClassicGroup> {
        let before = self.members.get(id).map_or_else(Metadata::default, |member| member.metadata.clone());
        metadata.instance_id = metadata.instance_id.or_else(|| before.instance_id.clone());
        metadata.rack_id = metadata.rack_id.or_else(|| before.rack_id.clone());
        metadata.assignor.clone_from(&before.assignor);
        if metadata.rebalance_timeout_ms == -1 {
            metadata.rebalance_timeout_ms = before.rebalance_timeout_ms;
        }
        let has = said.owned_partitions.iter().map(|topic| (&*topic.topic, &*topic.partitions));
        let owned = embedded::by_id(has, turn.topics);
        let is_new = !self.members.contains(id);
        let news = (is_new || metadata != before).then_some(News { before, now: metadata });
        // A downgrade goes on from the generation that the group had when it was asked, as in Kafka.
        let generation = self.epoch;
        let is_changed = self.update_member(id, news, turn);
        if !is_downgrade {
            self.update_target(heir, turn);
            self.reconcile(id, is_changed, Some(&owned), turn);
            return None;
        }
        let is_behind = self.target.epoch < self.epoch;
        if !is_behind {
            self.reconcile(id, is_changed, Some(&owned), turn);
        }
        let cause = format!("Downgrade group {} from consumer to classic with stale assignment.", self.id);
        Some(self.become_classic(generation, &[], is_behind.then_some(cause), turn))
    }

    fn check_classic_join(
        &self,
        request: &JoinGroupRequest<'_>,
        id: &str,
        turn: &Turn<'_>,
    ) -> Result<(), ErrorCode> {
        if turn.settings.consumer.migration == MigrationPolicy::Disabled {
            return Err(ErrorCode::INCONSISTENT_GROUP_PROTOCOL);
        }
        self.check_room(id, turn).map_err(|refusal| refusal.error_code)?;
        let mut protocols = request.protocols.iter();
        let is_spoken = protocols.any(|protocol| self.members.all_classic_speak(&protocol.name));
        if request.protocol_type == CONSUMER && is_spoken {
            Ok(())
        } else {
            Err(ErrorCode::INCONSISTENT_GROUP_PROTOCOL)
        }
    }

    fn classic_place(&self, request: &JoinGroupRequest<'_>, id: &str) -> Result<Place, ErrorCode> {
        let Some(instance) = request.group_instance_id.as_deref() else { return Ok(Place::Own) };
        if !request.member_id.is_empty() {
            self.check_instance(id, instance).map_err(|refusal| refusal.error_code)?;
            return Ok(Place::Own);
        }
        let known = self.members.of_instance(instance);
        Ok(known.map_or(Place::Own, |known| Place::Of(Arc::clone(&known.id))))
    }
}

fn metadata_of(
    request: &JoinGroupRequest<'_>,
    said: &ConsumerProtocolSubscription<'_>,
    asker: &Asker<'_>,
) -> Metadata {
    Metadata {
        instance_id: request.group_instance_id.as_deref().map(str::to_owned),
        rack_id: said.rack_id.as_deref().filter(|rack| !rack.is_empty()).map(str::to_owned),
        client_id: asker.client_id.into(),
        client_host: asker.client_host.into(),
        topics: said.topics.iter().map(ToString::to_string).collect(),
        rebalance_timeout_ms: request.rebalance_timeout_ms,
        classic: Some(Box::new(Classic {
            session_timeout_ms: request.session_timeout_ms,
            protocols: Protocol::all(&request.protocols),
        })),
        ..Metadata::default()
    }
}
