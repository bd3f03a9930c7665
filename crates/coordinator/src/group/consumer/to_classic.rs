//! A consumer group becomes a classic one while its members stay: when none is left that speaks the consumer protocol.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{ConsumerGroup, Member, Turn, embedded};
use crate::group::classic::{self, ClassicGroup};
use crate::group::session::Session;
use crate::record::Record;

impl ConsumerGroup {
    /// True where without these members all speak the classic protocol.
    pub(super) fn may_downgrade_without(&self, leaving: &[Arc<str>], turn: &Turn<'_>) -> bool {
        let is_classic = |id: &&Arc<str>| self.members.get(id).is_some_and(Member::is_classic);
        let classic_leaving = leaving.iter().filter(is_classic).count();
        let staying = self.members.len() - leaving.len();
        staying > 0
            && self.members.classic() - classic_leaving == staying
            && turn.settings.consumer.migration.allows_downgrade()
            && staying <= turn.settings.size_max
    }

    /// True where all but this member, whose place one of the classic protocol takes, speak the classic protocol.
    pub(super) fn may_downgrade_replacing(&self, replaced: &Member, turn: &Turn<'_>) -> bool {
        !replaced.is_classic()
            && self.members.classic() == self.members.len() - 1
            && turn.settings.consumer.migration.allows_downgrade()
            && self.members.len() <= turn.settings.size_max
    }

    /// The classic group that takes this one's place in such a generation, without those who leave. With a cause its
    /// members have to join again.
    pub(super) fn become_classic(
        &mut self,
        generation: i32,
        leaving: &[Arc<str>],
        cause: Option<String>,
        turn: &mut Turn<'_>,
    ) -> ClassicGroup {
        turn.step.records.extend(self.gone());
        for id in self.members.ids() {
            self.forget(&id, turn.step);
        }
        let staying = self.members.iter().filter(|member| !leaving.contains(&member.id));
        let members = staying.map(|member| self.classic_member(member, turn)).collect();
        let mut group = ClassicGroup::of_members(&self.id, generation, members, turn.now_ms);
        let assigned = |member: &classic::Member| (Arc::clone(&member.id), member.assignment.clone());
        let assignments: BTreeMap<_, _> = group.members.iter().map(assigned).collect();
        turn.step.records.push(group.record(&assignments));
        let mut classic_turn =
            classic::Turn { now_ms: turn.now_ms, settings: turn.settings, step: &mut *turn.step };
        group.begin_sessions(&mut classic_turn);
        if let Some(cause) = cause {
            group.prepare(cause, &mut classic_turn);
        }
        group
    }

    /// Records of the end of the group and of all in it.
    pub fn gone(&self) -> Vec<Record> {
        let (group, ids) = (&*self.id, self.members.ids());
        let mut records = Vec::new();
        records.extend(ids.iter().map(|id| Record::current_gone(group, id)));
        records.extend(ids.iter().map(|id| Record::target_member_gone(group, id)));
        records.push(Record::target_gone(group));
        records.extend(ids.iter().map(|id| Record::member_gone(group, id)));
        records.extend(self.regexes.names().map(|regex| Record::regex_gone(group, regex)));
        records.push(Record::partition_metadata_gone(group));
        records.push(Record::consumer_group_gone(group));
        records
    }

    fn classic_member(&self, member: &Member, turn: &Turn<'_>) -> classic::Member {
        let metadata = &member.metadata;
        let (session_timeout_ms, protocols) = match &metadata.classic {
            Some(classic) => (classic.session_timeout_ms, classic.protocols.clone()),
            None => (turn.pace.session_timeout_ms, Vec::new()),
        };
        let said = protocols.first().map_or(&[][..], |first| &first.metadata);
        let target = self.target.of(&member.id).into_iter().flatten();
        let target = target.map(|(topic, indexes)| (*topic, indexes.iter().copied().collect()));
        classic::Member {
            id: Arc::clone(&member.id),
            instance_id: metadata.instance_id.clone(),
            client_id: metadata.client_id.clone(),
            client_host: metadata.client_host.clone(),
            rebalance_timeout_ms: metadata.rebalance_timeout_ms,
            session_timeout_ms,
            assignment: embedded::assigned(target, said, turn.topics),
            protocols,
            is_new: false,
            session: Session::default(),
            join: None,
            sync: None,
        }
    }
}
