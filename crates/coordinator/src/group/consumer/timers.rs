//! What is waited for from members, and what happens when it does not come.

use std::sync::Arc;

use super::{ConsumerGroup, MemberState, Pace, Turn};
use crate::group::classic::ClassicGroup;
use crate::group::session::Session;
use crate::step::{Step, TimerKey};

/// What is waited for from a member. None of it survives a start.
#[derive(Debug, Default)]
pub struct Watch {
    pub session: Session,
    /// It has to give partitions up, and has this epoch until it has.
    revoking_in: Option<i32>,
    /// A member of the classic protocol has to join again.
    awaits_join: bool,
    /// A member of the classic protocol has to ask for its assignment.
    awaits_sync: bool,
}

impl ConsumerGroup {
    /// Every member has its session timeout from now on, as after a start.
    pub fn begin_sessions(&mut self, pace: Pace, now_ms: i64, step: &mut Step) {
        for id in self.members.ids() {
            self.touch(&id, pace.session_timeout_ms, now_ms, step);
            self.watch_revocation(&id, now_ms, step);
        }
    }

    /// A member is heard of, and has to be again within `timeout_ms`.
    pub(super) fn touch(&mut self, id: &Arc<str>, timeout_ms: i32, now_ms: i64, step: &mut Step) {
        let watch = self.watch(id);
        if let Some(at_ms) = watch.session.extend(now_ms.saturating_add(i64::from(timeout_ms))) {
            step.set(self.session_timer(&self.own_id(id)), at_ms);
        }
    }

    fn watch(&mut self, id: &Arc<str>) -> &mut Watch {
        let id = if self.watches.contains_key(id) { Arc::clone(id) } else { self.own_id(id) };
        self.watches.entry(id).or_default()
    }

    /// The id as the member itself has it: what is kept for long shares it.
    pub(super) fn own_id(&self, id: &str) -> Arc<str> {
        self.members.get(id).map_or_else(|| id.into(), |member| Arc::clone(&member.id))
    }

    /// A member that has to give partitions up has its rebalance timeout for that.
    pub(super) fn watch_revocation(&mut self, id: &Arc<str>, now_ms: i64, step: &mut Step) {
        let Some(member) = self.members.get(id) else { return };
        // Members of the classic protocol are waited for when they have to join.
        let is_watched = member.current.state == MemberState::UnrevokedPartitions && !member.is_classic();
        let epoch = is_watched.then_some(member.current.epoch);
        let at_ms = now_ms.saturating_add(i64::from(member.metadata.rebalance_timeout_ms));
        let watch = self.watch(id);
        let before = std::mem::replace(&mut watch.revoking_in, epoch);
        if epoch.is_some() {
            step.set(self.revocation_timer(id), at_ms);
        } else if before.is_some() {
            step.cancel(self.revocation_timer(id));
        }
    }

    /// A member of the classic protocol has to join again, from the first time it is told so.
    pub(super) fn await_join(&mut self, id: &Arc<str>, timeout_ms: i32, turn: &mut Turn<'_>) {
        let watch = self.watch(id);
        if !std::mem::replace(&mut watch.awaits_join, true) {
            turn.step.set(self.join_timer(id), turn.now_ms.saturating_add(i64::from(timeout_ms)));
        }
    }

    /// A member of the classic protocol has joined, and has to ask for its assignment.
    pub(super) fn await_sync(&mut self, id: &Arc<str>, timeout_ms: i32, turn: &mut Turn<'_>) {
        self.has_joined(id, turn);
        self.watch(id).awaits_sync = true;
        turn.step.set(self.sync_timer(id), turn.now_ms.saturating_add(i64::from(timeout_ms)));
    }

    fn has_joined(&mut self, id: &Arc<str>, turn: &mut Turn<'_>) {
        let watch = self.watch(id);
        if std::mem::take(&mut watch.awaits_join) {
            turn.step.cancel(self.join_timer(id));
        }
    }

    /// A member of the classic protocol has asked for its assignment.
    pub(super) fn has_synced(&mut self, id: &Arc<str>, turn: &mut Turn<'_>) {
        let watch = self.watch(id);
        if std::mem::take(&mut watch.awaits_sync) {
            turn.step.cancel(self.sync_timer(id));
        }
    }

    /// Nothing is waited for from a member any more.
    pub(super) fn forget(&mut self, id: &str, step: &mut Step) {
        let Some((id, watch)) = self.watches.remove_entry(id) else { return };
        if watch.session.timer_at_ms.is_some() {
            step.cancel(self.session_timer(&id));
        }
        if watch.revoking_in.is_some() {
            step.cancel(self.revocation_timer(&id));
        }
        if watch.awaits_join {
            step.cancel(self.join_timer(&id));
        }
        if watch.awaits_sync {
            step.cancel(self.sync_timer(&id));
        }
    }

    /// A member's timer has ended; perhaps what it was for has come since it was set. The group that comes out takes
    /// the place of this one.
    pub fn time_over(&mut self, key: &TimerKey, turn: &mut Turn<'_>) -> Option<ClassicGroup> {
        match key {
            TimerKey::Session { member, .. } => self.session_over(member, turn),
            TimerKey::Revocation { member, .. } => self.revocation_over(member, turn),
            TimerKey::MemberJoin { member, .. } => {
                let awaits_join = |watch: &mut Watch| std::mem::take(&mut watch.awaits_join);
                let is_late = self.watches.get_mut(member).is_some_and(awaits_join);
                let cause = "the classic member failed to join within the rebalance timeout";
                is_late.then(|| self.fence(std::slice::from_ref(member), cause, turn)).flatten()
            }
            TimerKey::MemberSync { member, .. } => {
                let awaits_sync = |watch: &mut Watch| std::mem::take(&mut watch.awaits_sync);
                let is_late = self.watches.get_mut(member).is_some_and(awaits_sync);
                let cause = "the member failed to sync within timeout";
                is_late.then(|| self.fence(std::slice::from_ref(member), cause, turn)).flatten()
            }
            TimerKey::Join { .. } | TimerKey::Sync { .. } => None,
        }
    }

    fn session_over(&mut self, id: &Arc<str>, turn: &mut Turn<'_>) -> Option<ClassicGroup> {
        let watch = self.watches.get_mut(id)?;
        if let Some(at_ms) = watch.session.look(turn.now_ms) {
            turn.step.set(self.session_timer(id), at_ms);
            return None;
        }
        self.fence(std::slice::from_ref(id), "the member session expired", turn)
    }

    fn revocation_over(&mut self, id: &Arc<str>, turn: &mut Turn<'_>) -> Option<ClassicGroup> {
        let epoch = self.watches.get_mut(id)?.revoking_in.take()?;
        let member = self.members.get(id)?;
        if member.current.epoch != epoch {
            return None;
        }
        let timeout_ms = member.metadata.rebalance_timeout_ms;
        let cause = format!("it failed to transition from epoch {epoch} within {timeout_ms}ms");
        self.fence(std::slice::from_ref(id), &cause, turn)
    }

    fn session_timer(&self, member: &Arc<str>) -> TimerKey {
        TimerKey::Session { group: Arc::clone(&self.id), member: Arc::clone(member) }
    }

    fn revocation_timer(&self, member: &Arc<str>) -> TimerKey {
        TimerKey::Revocation { group: Arc::clone(&self.id), member: Arc::clone(member) }
    }

    fn join_timer(&self, member: &Arc<str>) -> TimerKey {
        TimerKey::MemberJoin { group: Arc::clone(&self.id), member: Arc::clone(member) }
    }

    fn sync_timer(&self, member: &Arc<str>) -> TimerKey {
        TimerKey::MemberSync { group: Arc::clone(&self.id), member: Arc::clone(member) }
    }
}
