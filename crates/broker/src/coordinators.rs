//! Hosts the deciders of groups: one for each partition of `__consumer_offsets` that this broker leads.
//!
//! A request locks its shard, the shard decides, its records are appended here and now, and the answer goes out once
//! they are committed. Nothing runs while nothing happens: a core sleeps until the next timer of its shards.

mod appending;
mod core_queue;
mod gathering;
mod hosted_shard;
mod in_flight;
mod lag;
mod loading;
mod placement;
mod rebalance_log;
mod refusal;
mod replies;
mod settings;
mod topic_view;

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use coordinator::{GroupOverrides, GroupSettings, GroupShard, TopicChanges};
use metadata::Image;
use model::{ErrorCode, TopicName};
use records::Compression;

pub(crate) use self::appending::Committed;
use self::core_queue::{CoreQueue, Work};
use self::gathering::Linger;
pub(crate) use self::hosted_shard::Asked;
use self::hosted_shard::HostedShard;
use self::lag::LagMemory;
pub use self::lag::{GroupLag, PartitionLag};
pub use self::rebalance_log::{Rebalance, RebalanceCounts};
pub(crate) use self::topic_view::ImageTopics;
use crate::broker::Broker;

/// The shards of this broker and what drives them.
#[derive(Debug)]
pub(crate) struct GroupCoordinators {
    /// By partition of `__consumer_offsets`; `None` where it is not here.
    shards: ArcSwap<Vec<Option<Arc<HostedShard>>>>,
    /// One for each core.
    queues: Vec<CoreQueue>,
    settings: ArcSwap<GroupSettings>,
    /// `group.coordinator.rebalance.protocols` names the consumer protocol.
    pub serves_consumer_protocol: bool,
    /// What was found out when somebody looked how far groups are behind.
    lag_memory: LagMemory,
    /// How often expired offsets are looked for (`offsets.retention.check.interval.ms`).
    expiry_interval: Duration,
    /// `offsets.topic.compression.codec`.
    compression: Compression,
    /// How long records wait for others.
    linger: Linger,
    /// Most bytes of records that are read at once to load a shard (`offsets.load.buffer.size`).
    load_bytes: usize,
}

impl GroupCoordinators {
    /// No shards yet.
    pub fn new(cores: usize, settings: &config::StaticSettings) -> GroupCoordinators {
        let layers = settings.layers();
        let expiry_ms =
            u64::try_from(layers.integer("offsets.retention.check.interval.ms")).unwrap_or(u64::MAX);
        GroupCoordinators {
            shards: ArcSwap::default(),
            queues: (0..cores).map(|_| CoreQueue::default()).collect(),
            settings: ArcSwap::from_pointee(settings::of_groups(&layers)),
            serves_consumer_protocol: layers
                .list("group.coordinator.rebalance.protocols")
                .iter()
                .any(|name| name == "consumer"),
            lag_memory: LagMemory::default(),
            expiry_interval: Duration::from_millis(expiry_ms),
            compression: codec_of(layers.int("offsets.topic.compression.codec")),
            linger: Linger::of_setting(layers.int("group.coordinator.append.linger.ms")),
            load_bytes: usize::try_from(layers.int("offsets.load.buffer.size")).unwrap_or_default(),
        }
    }

    /// The shard that a group belongs to, or the error a client gets.
    pub fn shard_of(&self, group: &str) -> Result<Arc<HostedShard>, ErrorCode> {
        let shards = self.shards.load();
        let place = placement::partition_of(group, shards.len()).ok_or(ErrorCode::NOT_COORDINATOR)?;
        shards.get(place).cloned().flatten().ok_or(ErrorCode::NOT_COORDINATOR)
    }

    /// True where so many bytes can be appended at once for a group, or the group is not here.
    pub fn has_room_for(&self, group: &str, bytes: usize) -> bool {
        self.shard_of(group)
            .map_or(true, |shard| bytes <= shard.partition.topic.settings.load().batch_bytes_max)
    }

    /// All shards that are here.
    pub fn shards(&self) -> Vec<Arc<HostedShard>> {
        self.shards.load().iter().flatten().cloned().collect()
    }

    /// Those that the core sees to: as [`GroupCoordinators::queue_of`] has it.
    fn shards_of_core(&self, core: usize) -> Vec<Arc<HostedShard>> {
        let shards = self.shards.load();
        shards.iter().skip(core).step_by(self.queues.len().max(1)).flatten().cloned().collect()
    }

    /// The last rebalances of a group, the oldest first; none where it is not here.
    pub fn rebalances(&self, group: &str) -> Vec<Rebalance> {
        self.shard_of(group).map(|shard| shard.rebalances(group)).unwrap_or_default()
    }

    /// The settings as the cluster has them now.
    pub fn follow_settings(&self, layers: &config::Layers<'_>) {
        let settings = settings::of_groups(layers);
        if settings == **self.settings.load() {
            return;
        }
        self.settings.store(Arc::new(settings.clone()));
        for shard in self.shards() {
            // One that is being loaded looks at them when it is.
            let _ = shard.change(|shard| shard.follow_settings(settings.clone()));
        }
    }

    fn queue_of(&self, shard: &HostedShard) -> Option<&CoreQueue> {
        self.queues.get(usize::try_from(shard.index).ok()? % self.queues.len().max(1))
    }
}

/// The codec of that id; plain records where there is none.
fn codec_of(id: i32) -> Compression {
    u8::try_from(id).ok().and_then(Compression::from_id).unwrap_or_default()
}

/// Takes over the partitions of `__consumer_offsets` that have come, lets go of those that have gone, and ends what is
/// kept about topics that were deleted.
pub(crate) fn follow(broker: &Arc<Broker>, before: &Image, image: &Image) {
    let groups = &broker.groups;
    let name = TopicName::CONSUMER_OFFSETS;
    let count = image.topics.get(name).map_or(0, |topic| topic.partition_count());
    let known = groups.shards.load_full();
    let known = |index: i32| known.get(usize::try_from(index).ok()?).cloned().flatten();
    let (mut shards, mut begun) = (Vec::new(), Vec::new());
    for index in 0..count {
        let (partition, hosted) = (broker.partitions.partition(name, index).ok(), known(index));
        shards.push(match (partition, hosted) {
            (Some(partition), Some(hosted)) if hosted.is_on(&partition) => Some(hosted),
            (Some(partition), _) => {
                let hosted = HostedShard::new(index, partition);
                begun.push(Arc::clone(&hosted));
                Some(hosted)
            }
            (None, _) => None,
        });
    }
    let shards = Arc::new(shards);
    let stays = |hosted: &HostedShard| {
        let now = usize::try_from(hosted.index).ok().and_then(|place| shards.get(place)?.as_deref());
        now.is_some_and(|now| std::ptr::eq(now, hosted))
    };
    let before_now = groups.shards.swap(Arc::clone(&shards));
    for hosted in before_now.iter().flatten().filter(|hosted| !stays(hosted)) {
        hosted.end();
        if let Some(queue) = groups.queue_of(hosted) {
            queue.forget(hosted.index);
        }
    }
    loading::begin(broker, begun);
    tell_topics(groups, before, image);
    if before.configs != image.configs {
        tell_settings(groups, before, image);
    }
}

/// Has the shards know what became of topics.
fn tell_topics(groups: &GroupCoordinators, before: &Image, image: &Image) {
    let is_same = |topic: &Arc<metadata::image::Topic>, other: &Image| {
        other.topics.get_by_id(topic.id).is_some_and(|known| Arc::ptr_eq(known, topic))
    };
    let gone: Vec<_> =
        before.topics.iter().filter(|topic| image.topics.get_by_id(topic.id).is_none()).collect();
    for queue in &groups.queues {
        gone.iter().for_each(|topic| queue.push(Work::TopicDeleted(Arc::clone(&topic.name))));
    }
    let changed = image.topics.iter().filter(|topic| !is_same(topic, before));
    let changed: Vec<&str> = changed.chain(gone.iter().copied()).map(|topic| &*topic.name).collect();
    if changed.is_empty() {
        return;
    }
    let has_created = image.topics.iter().any(|topic| before.topics.get_by_id(topic.id).is_none());
    let changes = TopicChanges { names: &changed, has_created, version: image.applied_offset };
    for shard in groups.shards() {
        // One that is loaded later looks at all topics.
        let _ = shard.change(|shard| shard.topics_changed(&changes));
    }
}

/// Has the shards know the settings that groups have of their own.
fn tell_settings(groups: &GroupCoordinators, before: &Image, image: &Image) {
    let tell = |group: &str, overrides| {
        if let Ok(shard) = groups.shard_of(group) {
            let _ = shard.change(|shard| shard.follow_group(group, overrides));
        }
    };
    settings::of_single_groups(before).for_each(|(group, _)| tell(group, GroupOverrides::default()));
    settings::of_single_groups(image).for_each(|(group, overrides)| tell(group, overrides));
}

/// Serves the shards of one core until the broker stops: what has been loaded, timers that have ended, offsets that
/// have expired.
pub(crate) async fn run(broker: Arc<Broker>, core: usize) {
    let Some(queue) = broker.groups.queues.get(core) else { return };
    let mut expiry = tokio::time::interval(broker.groups.expiry_interval.max(Duration::from_millis(1)));
    expiry.tick().await;
    loop {
        let now_ms = broker.clock.steady_ms();
        for work in queue.take(now_ms) {
            carry_out(&broker, core, work);
        }
        tokio::select! {
            () = queue.next(&broker.clock) => {}
            _ = expiry.tick() => {
                let now_ms = broker.clock.now_ms();
                end_offsets(&broker, core, |shard| shard.expire(now_ms));
                broker.groups.shards_of_core(core).iter().for_each(|shard| shard.forget_ended_groups());
            }
        }
    }
}

fn carry_out(broker: &Arc<Broker>, core: usize, work: Work) {
    match work {
        Work::Loaded(hosted, shard) => hosted.begin(broker, *shard),
        Work::Expired(index, key) => {
            let shards = broker.groups.shards.load();
            if let Some(hosted) = usize::try_from(index).ok().and_then(|place| shards.get(place)?.clone()) {
                hosted.expired(broker, &key);
            }
        }
        Work::TopicDeleted(topic) => end_offsets(broker, core, |shard| shard.topic_deleted(&topic)),
    }
}

/// Writes the ends that `ended` finds in each shard of the core.
fn end_offsets(broker: &Arc<Broker>, core: usize, ended: impl Fn(&GroupShard) -> Vec<coordinator::Record>) {
    for hosted in broker.groups.shards_of_core(core) {
        // In one that is still being loaded they stay until they expire.
        let _ = hosted.write_ends(broker, &ended);
    }
}
