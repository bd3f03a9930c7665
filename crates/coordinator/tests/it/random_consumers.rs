//! Members of a consumer group that come, go, dawdle and wake up at random, under a simulated clock, while topics grow and
//! the coordinator starts again from its log. Whatever they did: no partition is two members' at once, nobody commits for
//! a partition that is not its own, a start finds the group as it was, and once all behave every partition is read.

use std::collections::{BTreeMap, BTreeSet};

use coordinator::{Answer, GroupEvent, GroupSettings, GroupShard, Step, TopicChanges};
use model::{ErrorCode, Uuid};
use protocol::messages::consumer_group_heartbeat_request::TopicPartitions;
use protocol::messages::offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic};
use protocol::messages::{
    ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse, OffsetCommitRequest,
};

use crate::simulation::{self, Log, Random, Timers};
use crate::topics::Topics;

const GROUP: &str = "g";
const CLIENTS: usize = 5;
const ROUNDS: u64 = 100;
const ACTIONS: usize = 400;
const REBALANCE_MS: i32 = 30_000;
const HEARTBEAT_MS: i64 = 5_000;
/// Long enough for every timeout of somebody who never answered, one after the other.
const CALM_MS: i64 = 400_000;
/// Whose second topic not all read.
const SUBSCRIPTIONS: [&[&str]; 3] = [&["t"], &["t", "u"], &["u"]];

type Partition = (Uuid, i32);

#[test]
fn however_members_behave_no_partition_is_twos() {
    for seed in 0..ROUNDS {
        let mut world = World::new(seed);
        for _ in 0..ACTIONS {
            world.act();
        }
        world.come_to_rest();
    }
}

#[derive(Debug, Clone)]
struct Client {
    id: String,
    instance: Option<String>,
    names: Vec<String>,
    /// 0 while it is no member.
    epoch: i32,
    /// What it reads.
    owned: BTreeSet<Partition>,
    /// What it was told last that it may read.
    assigned: BTreeSet<Partition>,
    /// Says all at its next heartbeat.
    is_full: bool,
    beats_at_ms: i64,
}

struct World {
    shard: GroupShard,
    topics: Topics,
    version: i64,
    seed: u64,
    random: Random,
    now_ms: i64,
    clients: Vec<Client>,
    made: u32,
    answer: Option<ConsumerGroupHeartbeatResponse<'static>>,
    timers: Timers,
    log: Log,
}

impl World {
    fn new(seed: u64) -> World {
        let client = |number: usize| Client {
            id: String::new(),
            instance: (number % 2 == 1).then(|| format!("i{number}")),
            names: SUBSCRIPTIONS[number % SUBSCRIPTIONS.len()].iter().map(ToString::to_string).collect(),
            epoch: 0,
            owned: BTreeSet::new(),
            assigned: BTreeSet::new(),
            is_full: true,
            beats_at_ms: 0,
        };
        let mut topics = Topics::default();
        topics.put("t", 7);
        topics.put("u", 3);
        World {
            shard: GroupShard::new(GroupSettings::default()),
            topics,
            version: 0,
            seed,
            random: Random::new(seed),
            now_ms: 1_000_000,
            clients: (0..CLIENTS).map(client).collect(),
            made: 0,
            answer: None,
            timers: Timers::default(),
            log: Log::default(),
        }
    }

    fn act(&mut self) {
        let client = self.random.below(CLIENTS as u64) as usize;
        match self.random.below(40) {
            0..=21 => self.beat(client),
            22..=25 => self.give_up(client),
            26 => self.leave(client),
            27 => self.restart(client),
            28 => self.read_something_else(client),
            29 => self.grow_topic(),
            30..=31 => self.commit(client),
            32 => self.start_again(),
            33..=37 => self.pass(1_000),
            _ => {
                let long_ms = self.random.below(60_000) as i64;
                self.pass(long_ms);
            }
        }
        self.check_owners();
    }

    fn come_to_rest(&mut self) {
        let end_ms = self.now_ms + CALM_MS;
        while self.now_ms < end_ms {
            for client in 0..CLIENTS {
                self.give_up(client);
                if self.now_ms >= self.clients[client].beats_at_ms {
                    self.beat(client);
                }
                self.check_owners();
            }
            self.pass(500);
        }
        let group = self.shard.describe_consumer(GROUP, &self.topics);
        assert_eq!(group.group_state, "Stable", "seed {}: {group:?}", self.seed);
        let mut read = BTreeSet::new();
        for client in &self.clients {
            assert_eq!(client.epoch, group.group_epoch, "seed {}: {client:?}", self.seed);
            assert_eq!(client.owned, client.assigned, "seed {}: {client:?}", self.seed);
            read.extend(client.owned.iter().copied());
        }
        let wanted: BTreeSet<&String> = self.clients.iter().flat_map(|client| &client.names).collect();
        let each = |name: &&String| {
            let topic = coordinator::TopicView::by_name(&self.topics, name).unwrap();
            (0..topic.partitions).map(move |index| (topic.id, index)).collect::<Vec<Partition>>()
        };
        let all: BTreeSet<Partition> = wanted.iter().flat_map(each).collect();
        assert_eq!(read, all, "seed {}", self.seed);
        self.check_start();
    }

    /// The next heartbeat of a client, joining where it is no member.
    fn beat(&mut self, number: usize) {
        let client = self.clients[number].clone();
        let joins = client.epoch == 0;
        if joins && client.id.is_empty() {
            self.made += 1;
            self.clients[number].id = format!("c{number}-{}", self.made);
        }
        let is_full = joins || client.is_full || self.random.below(10) == 0;
        let mut owned: BTreeMap<Uuid, Vec<i32>> = BTreeMap::new();
        for (topic, index) in &client.owned {
            owned.entry(*topic).or_default().push(*index);
        }
        let owned = owned.into_iter().map(|(topic_id, partitions)| TopicPartitions { topic_id, partitions });
        let request = ConsumerGroupHeartbeatRequest {
            group_id: GROUP.into(),
            member_id: self.clients[number].id.clone().into(),
            member_epoch: client.epoch,
            instance_id: client.instance.map(Into::into),
            rebalance_timeout_ms: if is_full { REBALANCE_MS } else { -1 },
            subscribed_topic_names: is_full
                .then(|| client.names.iter().map(|name| name.clone().into()).collect()),
            // Clients tell what they have when that has changed; telling it always is the same.
            topic_partitions: Some(owned.collect()),
            ..ConsumerGroupHeartbeatRequest::default()
        };
        self.clients[number].is_full = false;
        self.clients[number].beats_at_ms = self.now_ms + HEARTBEAT_MS;
        let step = self.shard.consumer_heartbeat(
            &request,
            &simulation::asker(1, self.now_ms),
            self.now_ms,
            &self.topics,
        );
        self.bring_about(step);
        // Now and then an answer is lost.
        match self.answer.take() {
            Some(answer) if self.random.below(15) > 0 => self.answered(number, &answer),
            _ => self.clients[number].is_full = true,
        }
    }

    fn answered(&mut self, number: usize, answer: &ConsumerGroupHeartbeatResponse<'_>) {
        let client = &mut self.clients[number];
        match answer.error_code {
            ErrorCode::NONE => {
                client.epoch = answer.member_epoch;
                let Some(assignment) = &answer.assignment else { return };
                let each = assignment.topic_partitions.iter();
                client.assigned = each
                    .flat_map(|topic| topic.partitions.iter().map(|index| (topic.topic_id, *index)))
                    .collect();
                client.owned.extend(&client.assigned);
            }
            ErrorCode::FENCED_MEMBER_EPOCH | ErrorCode::UNKNOWN_MEMBER_ID => {
                client.owned.clear();
                client.assigned.clear();
                client.epoch = 0;
                client.beats_at_ms = 0;
            }
            // Its place is taken until its session is over.
            ErrorCode::UNRELEASED_INSTANCE_ID => {}
            error => panic!("seed {}: {error} for {client:?}: {answer:?}", self.seed),
        }
    }

    /// A client stops reading what it may not read any more, and says so at once.
    fn give_up(&mut self, number: usize) {
        let client = &mut self.clients[number];
        if client.owned != client.assigned {
            client.owned = client.assigned.clone();
            client.beats_at_ms = 0;
        }
    }

    /// Goes and tells so; static members come back.
    fn leave(&mut self, number: usize) {
        let client = self.clients[number].clone();
        if client.epoch == 0 {
            return;
        }
        let epoch = if client.instance.is_some() && self.random.below(2) == 0 { -2 } else { -1 };
        let request = ConsumerGroupHeartbeatRequest {
            group_id: GROUP.into(),
            member_id: client.id.clone().into(),
            member_epoch: epoch,
            instance_id: client.instance.map(Into::into),
            ..ConsumerGroupHeartbeatRequest::default()
        };
        self.restart(number);
        let step = self.shard.consumer_heartbeat(
            &request,
            &simulation::asker(1, self.now_ms),
            self.now_ms,
            &self.topics,
        );
        self.bring_about(step);
        self.answer = None;
    }

    /// Goes without a word and comes back knowing nothing.
    fn restart(&mut self, number: usize) {
        let client = &mut self.clients[number];
        client.id.clear();
        client.epoch = 0;
        client.owned.clear();
        client.assigned.clear();
        client.beats_at_ms = 0;
    }

    fn read_something_else(&mut self, number: usize) {
        let names = SUBSCRIPTIONS[self.random.below(SUBSCRIPTIONS.len() as u64) as usize];
        self.clients[number].names = names.iter().map(ToString::to_string).collect();
        self.clients[number].is_full = true;
    }

    fn grow_topic(&mut self) {
        self.version += 1;
        let partitions = 3 + (self.version as i32) % 9;
        self.topics.put("u", partitions.max(self.partitions_of("u")));
        let changes = TopicChanges { names: &["u"], has_created: false, version: self.version };
        self.shard.topics_changed(&changes);
    }

    fn partitions_of(&self, name: &str) -> i32 {
        coordinator::TopicView::by_name(&self.topics, name).map_or(0, |topic| topic.partitions)
    }

    /// For a partition that it reads or has read, in its epoch or an earlier one.
    fn commit(&mut self, number: usize) {
        let client = self.clients[number].clone();
        let epoch = client.epoch - self.random.below(3) as i32;
        let partition_index = self.random.below(7) as i32;
        let topic_id = self.topics.id("t");
        if client.epoch == 0 || epoch <= 0 {
            return;
        }
        let partition = OffsetCommitRequestPartition { partition_index, ..Default::default() };
        let topic = OffsetCommitRequestTopic { name: "t".into(), topic_id, partitions: vec![partition] };
        let request = OffsetCommitRequest {
            group_id: GROUP.into(),
            generation_id_or_member_epoch: epoch,
            member_id: client.id.into(),
            topics: vec![topic],
            ..OffsetCommitRequest::default()
        };
        let step = self.shard.commit(&request, &simulation::asker(1, self.now_ms), self.now_ms);
        let mut others = self.clients.iter().enumerate().filter(|(other, _)| *other != number);
        let is_others = others.any(|(_, other)| other.owned.contains(&(topic_id, partition_index)));
        if is_others && epoch < client.epoch {
            assert!(step.records.is_empty(), "seed {}: a commit for what another reads", self.seed);
        }
        self.bring_about(step);
    }

    fn pass(&mut self, time_ms: i64) {
        let end_ms = self.now_ms + time_ms;
        while let Some(key) = self.timers.next_by(end_ms, &mut self.now_ms) {
            let step = self.shard.expired(&key, self.now_ms, &self.topics);
            self.bring_about(step);
        }
    }

    fn bring_about(&mut self, step: Step) {
        self.log.append(&step.records, &mut self.shard);
        self.timers.set(step.timers);
        for event in step.events {
            // A client that is not heard of for as long stops reading by itself.
            if let GroupEvent::MemberRemoved { member, .. } = event {
                for client in self.clients.iter_mut().filter(|client| client.id == *member) {
                    client.owned.clear();
                    client.assigned.clear();
                }
            }
        }
        for (_, answer) in step.answers {
            if let Answer::ConsumerHeartbeat(beat) = answer {
                self.answer = Some(beat);
            }
        }
    }

    /// The coordinator starts again from its log.
    fn start_again(&mut self) {
        self.check_start();
        self.shard = self.log.started();
        self.timers.clear();
        let step = self.shard.loaded(self.now_ms);
        self.bring_about(step);
    }

    fn check_start(&self) {
        let (found, known) = (self.log.started(), &self.shard);
        assert_eq!(
            found.describe_consumer(GROUP, &self.topics),
            known.describe_consumer(GROUP, &self.topics),
            "seed {}",
            self.seed
        );
    }

    fn check_owners(&self) {
        let mut owners: BTreeMap<Partition, &str> = BTreeMap::new();
        for client in &self.clients {
            for partition in &client.owned {
                let other = owners.insert(*partition, &client.id);
                assert_eq!(other, None, "seed {}: {partition:?} of {}", self.seed, client.id);
            }
        }
    }
}
