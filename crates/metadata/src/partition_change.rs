//! How one partition's leader and in-sync replicas follow from which brokers may lead (KIP-841, KIP-966).

use model::{NodeId, PartitionIndex, Uuid};
use protocol::messages::PartitionChangeRecord;

use crate::image::{NO_LEADER, Partition};

/// What happens to one partition and under which rules.
pub(crate) struct PartitionChange<'a> {
    /// The partition before.
    pub partition: &'a Partition,
    /// In-sync replicas it should have, before an election adds its own.
    pub isr: Vec<NodeId>,
    /// True for brokers that may become leader.
    pub may_lead: &'a dyn Fn(NodeId) -> bool,
    /// Brokers that stopped without handing over: what they held may be lost.
    pub lost: &'a [NodeId],
    /// `min.insync.replicas` of the topic.
    pub min_insync_replicas: usize,
    /// True where KIP-966 is on.
    pub keeps_eligible_leaders: bool,
    /// `unclean.leader.election.enable` of the topic.
    pub elects_unclean: bool,
}

struct Elected {
    leader: NodeId,
    is_unclean: bool,
}

impl PartitionChange<'_> {
    /// The record that makes the change; `None` where nothing changes.
    pub(crate) fn into_record(
        mut self,
        topic_id: Uuid,
        index: PartitionIndex,
    ) -> Option<PartitionChangeRecord> {
        let before = self.partition;
        let mut record = PartitionChangeRecord { partition_id: index, topic_id, ..Default::default() };
        let elected = self.elect();
        if elected.leader != before.leader {
            record.leader = elected.leader;
            if elected.is_unclean && !before.is_recovering {
                record.leader_recovery_state = 1;
            }
            if elected.leader != NO_LEADER && !self.isr.contains(&elected.leader) {
                self.isr = vec![elected.leader];
            }
        }
        if self.isr != before.isr && (!self.isr.is_empty() || self.keeps_eligible_leaders) {
            record.isr = Some(self.isr.clone());
        }
        if self.keeps_eligible_leaders {
            let eligible = self.eligible_leaders();
            if eligible != before.eligible_leaders {
                record.eligible_leader_replicas = Some(eligible);
            }
            record.last_known_elr = self.last_known_leaders(&record);
        }
        let untouched = PartitionChangeRecord { partition_id: index, topic_id, ..Default::default() };
        (record != untouched).then_some(record)
    }

    /// Keeps the leader if it may stay, else takes the first replica that holds everything committed, else the
    /// last known leader, else, where allowed, any replica.
    fn elect(&self) -> Elected {
        let before = self.partition;
        let holds_all = |id: NodeId| {
            let is_eligible = self.keeps_eligible_leaders
                && before.eligible_leaders.contains(&id)
                && !self.lost.contains(&id);
            (self.isr.contains(&id) || is_eligible) && (self.may_lead)(id)
        };
        if before.leader != NO_LEADER && holds_all(before.leader) {
            return Elected { leader: before.leader, is_unclean: false };
        }
        if let Some(leader) = before.replicas.iter().copied().find(|id| holds_all(*id)) {
            return Elected { leader, is_unclean: false };
        }
        if let Some(leader) = self.last_known_leader() {
            return Elected { leader, is_unclean: true };
        }
        let any = before.replicas.iter().copied().find(|id| self.elects_unclean && (self.may_lead)(*id));
        any.map_or(Elected { leader: NO_LEADER, is_unclean: false }, |leader| Elected {
            leader,
            is_unclean: true,
        })
    }

    /// The last leader, where nobody is left who is known to hold everything.
    fn last_known_leader(&self) -> Option<NodeId> {
        let before = self.partition;
        let [last] = before.last_known_leaders[..] else { return None };
        let nobody_left = self.isr.is_empty() && before.eligible_leaders.is_empty();
        (self.keeps_eligible_leaders && nobody_left && (self.may_lead)(last)).then_some(last)
    }

    /// Replicas that left while the ISR was too small to acknowledge anything without them.
    fn eligible_leaders(&self) -> Vec<NodeId> {
        let before = self.partition;
        if self.isr.len() >= self.min_insync_replicas.min(before.replicas.len()) {
            return Vec::new();
        }
        let mut eligible: Vec<NodeId> = before.eligible_leaders.clone();
        eligible.extend(before.isr.iter().filter(|id| !before.eligible_leaders.contains(id)));
        eligible.retain(|id| !self.isr.contains(id) && !self.lost.contains(id));
        eligible
    }

    fn last_known_leaders(&self, record: &PartitionChangeRecord) -> Option<Vec<NodeId>> {
        let before = self.partition;
        let loses_isr = record.isr.as_ref().is_some_and(Vec::is_empty);
        if loses_isr && before.last_known_leaders.len() != 1 {
            return Some(vec![before.leader]);
        }
        let leader_after = if record.leader == -2 { before.leader } else { record.leader };
        (leader_after != NO_LEADER && !before.last_known_leaders.is_empty()).then(Vec::new)
    }
}
