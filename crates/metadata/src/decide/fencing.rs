//! What follows for partitions when a broker comes, goes, or is heard of no more.

use model::{NodeId, PartitionIndex};
use protocol::messages::{BrokerRegistrationChangeRecord, MetadataRecord, PartitionChangeRecord};

use crate::context::DecisionContext;
use crate::image::{Broker, Image, NO_LEADER, Partition, ResourceKind, Topic};
use crate::partition_change::PartitionChange;
use crate::record::VersionedRecord;

/// `broker.session.timeout.ms` of the deciding node.
pub(super) fn session_timeout_ms(image: &Image, context: &DecisionContext<'_>) -> i64 {
    context.with_layers(image, |layers| layers.integer("broker.session.timeout.ms"))
}

/// Fences the first broker whose session has ended; call again after the records are applied. Empty where
/// every session is alive.
pub fn fence_expired(image: &Image, context: &DecisionContext<'_>) -> Vec<VersionedRecord> {
    let timeout = session_timeout_ms(image, context);
    let is_expired = |broker: &&std::sync::Arc<Broker>| {
        !broker.is_fenced && !context.sessions.is_alive(broker.id, context.now_ms, timeout)
    };
    let expired = image.brokers.values().find(is_expired);
    expired.map(|broker| fence(image, context, broker)).unwrap_or_default()
}

/// Takes the leadership and the ISR places of a broker, then fences it.
pub(super) fn fence(image: &Image, context: &DecisionContext<'_>, broker: &Broker) -> Vec<VersionedRecord> {
    let mut records = leave(image, context, broker.id, Leaving::HandsOver);
    let change = BrokerRegistrationChangeRecord {
        broker_id: broker.id,
        broker_epoch: broker.epoch,
        fenced: 1,
        ..Default::default()
    };
    records.push(versioned(image, MetadataRecord::BrokerRegistrationChange(change)));
    records
}

/// How a broker leaves its partitions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Leaving {
    /// It may come back with everything it held.
    HandsOver,
    /// It was killed: what it held in memory is gone.
    Lost,
}

/// The partition changes when a broker stops leading and replicating.
pub(super) fn leave(
    image: &Image,
    context: &DecisionContext<'_>,
    id: NodeId,
    leaving: Leaving,
) -> Vec<VersionedRecord> {
    let is_lost = leaving == Leaving::Lost;
    let is_concerned = |_: &Topic, _: PartitionIndex, partition: &Partition| {
        partition.isr.contains(&id) || (is_lost && partition.eligible_leaders.contains(&id))
    };
    let may_lead = |other: NodeId| other != id && image.is_active_broker(other);
    let lost = [id];
    let without =
        |partition: &Partition| partition.isr.iter().copied().filter(|other| *other != id).collect();
    change_partitions(image, context, &is_concerned, &may_lead, if is_lost { &lost } else { &[] }, &without)
}

/// The partition changes when a broker can no longer use what it holds of some partitions.
pub(super) fn leave_some(
    image: &Image,
    context: &DecisionContext<'_>,
    id: NodeId,
    is_left: &dyn Fn(&Topic, PartitionIndex) -> bool,
) -> Vec<VersionedRecord> {
    let is_concerned = |topic: &Topic, index: PartitionIndex, _: &Partition| is_left(topic, index);
    let may_lead = |other: NodeId| other != id && image.is_active_broker(other);
    let without =
        |partition: &Partition| partition.isr.iter().copied().filter(|other| *other != id).collect();
    change_partitions(image, context, &is_concerned, &may_lead, &[], &without)
}

/// Gives partitions without a leader one where that has become possible, because their topics now let replicas lead
/// that were not in sync; for a timer of the caller (`unclean.leader.election.interval.ms`).
pub fn elect_unclean(image: &Image, context: &DecisionContext<'_>) -> Vec<VersionedRecord> {
    let is_concerned = |_: &Topic, _: PartitionIndex, partition: &Partition| partition.leader == NO_LEADER;
    let may_lead = |id: NodeId| image.is_active_broker(id);
    change_partitions(image, context, &is_concerned, &may_lead, &[], &|partition| partition.isr.clone())
}

/// The change that gives a partition without a leader one; `None` where it has one or none can be found.
pub(super) fn elect_where_none_leads(
    image: &Image,
    context: &DecisionContext<'_>,
    topic: &Topic,
    index: PartitionIndex,
    partition: &Partition,
) -> Option<PartitionChangeRecord> {
    if partition.leader != NO_LEADER {
        return None;
    }
    elect_by(rules_of(image, context, topic), image, topic, index, partition)
}

/// The same, whether or not the topic lets replicas lead that were not in sync: somebody asked for it.
pub(super) fn elect_among_all(
    image: &Image,
    context: &DecisionContext<'_>,
    topic: &Topic,
    index: PartitionIndex,
    partition: &Partition,
) -> Option<PartitionChangeRecord> {
    let (min_insync_replicas, _) = rules_of(image, context, topic);
    elect_by((min_insync_replicas, true), image, topic, index, partition)
}

fn elect_by(
    rules: (usize, bool),
    image: &Image,
    topic: &Topic,
    index: PartitionIndex,
    partition: &Partition,
) -> Option<PartitionChangeRecord> {
    let may_lead = |id: NodeId| may_lead(image, partition, id);
    change(image, partition, partition.isr.clone(), &may_lead, &[], rules).into_record(topic.id, index)
}

/// True for a broker that is there, with the directory that holds the partition.
pub(super) fn may_lead(image: &Image, partition: &Partition, id: NodeId) -> bool {
    image.is_active_broker(id) && has_online_dir(image, partition, id)
}

fn has_online_dir(image: &Image, partition: &Partition, id: NodeId) -> bool {
    image.brokers.get(&id).is_some_and(|broker| broker.has_online_dir(partition.directory_of(id)))
}

fn change<'a>(
    image: &Image,
    partition: &'a Partition,
    isr: Vec<NodeId>,
    may_lead: &'a dyn Fn(NodeId) -> bool,
    lost: &'a [NodeId],
    (min_insync_replicas, elects_unclean): (usize, bool),
) -> PartitionChange<'a> {
    PartitionChange {
        partition,
        isr,
        may_lead,
        lost,
        min_insync_replicas,
        keeps_eligible_leaders: image.keeps_eligible_leader_replicas(),
        elects_unclean,
    }
}

/// The partition changes when a broker may lead again: partitions without a leader get one.
pub(super) fn join(image: &Image, context: &DecisionContext<'_>, id: NodeId) -> Vec<VersionedRecord> {
    let is_concerned = |_: &Topic, _: PartitionIndex, partition: &Partition| {
        partition.leader == NO_LEADER && partition.replicas.contains(&id)
    };
    let may_lead = |other: NodeId| other == id || image.is_active_broker(other);
    change_partitions(image, context, &is_concerned, &may_lead, &[], &|partition| partition.isr.clone())
}

fn change_partitions(
    image: &Image,
    context: &DecisionContext<'_>,
    is_concerned: &dyn Fn(&Topic, PartitionIndex, &Partition) -> bool,
    may_lead: &dyn Fn(NodeId) -> bool,
    lost: &[NodeId],
    isr: &dyn Fn(&Partition) -> Vec<NodeId>,
) -> Vec<VersionedRecord> {
    let mut records = Vec::new();
    for topic in image.topics.iter() {
        // Settings are looked up once per topic, and only for topics that are concerned.
        let mut rules = None;
        let concerned = topic.partitions.iter().filter(|(index, one)| is_concerned(topic, **index, one));
        for (index, partition) in concerned {
            let rules = *rules.get_or_insert_with(|| rules_of(image, context, topic));
            // A replica whose log directory has failed leads nothing (KIP-858).
            let may_lead = |id: NodeId| may_lead(id) && has_online_dir(image, partition, id);
            let change = change(image, partition, isr(partition), &may_lead, lost, rules);
            if let Some(record) = change.into_record(topic.id, *index) {
                records.push(versioned(image, MetadataRecord::PartitionChange(record)));
            }
        }
    }
    records
}

/// `min.insync.replicas` and `unclean.leader.election.enable` of a topic.
fn rules_of(image: &Image, context: &DecisionContext<'_>, topic: &Topic) -> (usize, bool) {
    let own = image.config(ResourceKind::Topic, &topic.name);
    context.with_layers(image, |layers| {
        let text = |key: &str| own.and_then(|overrides| overrides.get(key)).map(String::as_str);
        let minimum = text("min.insync.replicas").and_then(|text| text.trim().parse().ok());
        let unclean =
            text("unclean.leader.election.enable").map(|text| text.trim().eq_ignore_ascii_case("true"));
        let default_minimum = || usize::try_from(layers.integer("min.insync.replicas")).unwrap_or(1);
        (
            minimum.unwrap_or_else(default_minimum),
            unclean.unwrap_or_else(|| layers.boolean("unclean.leader.election.enable")),
        )
    })
}

pub(super) fn versioned(image: &Image, record: MetadataRecord<'static>) -> VersionedRecord {
    VersionedRecord::new(record, image.metadata_version())
}
