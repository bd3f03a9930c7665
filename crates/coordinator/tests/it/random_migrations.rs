//! Members of one group that speak the classic protocol today and the consumer protocol tomorrow, at random, under a
//! simulated clock: the group follows them from one to the other and back. Whatever they did: no partition is two
//! members' at once, a start finds a consumer group as it was, and once all behave every partition is read.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use coordinator::{Answer, Asker, GroupEvent, GroupSettings, GroupShard, ReplyTo, Step, Stored};
use model::ErrorCode;
use protocol::Reader;
use protocol::messages::consumer_group_heartbeat_request::TopicPartitions;
use protocol::messages::join_group_request::JoinGroupRequestProtocol;
use protocol::messages::leave_group_request::MemberIdentity;
use protocol::messages::sync_group_request::SyncGroupRequestAssignment;
use protocol::messages::{
    ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse, ConsumerProtocolAssignment,
    HeartbeatRequest, JoinGroupRequest, JoinGroupResponse, LeaveGroupRequest, SyncGroupRequest,
};

use crate::script::embedded;
use crate::simulation::{self, Log, Random, Timers};
use crate::topics::Topics;

const GROUP: &str = "g";
const PARTITIONS: i32 = 7;
const CLIENTS: usize = 4;
const ROUNDS: u64 = 100;
const ACTIONS: usize = 300;
const REBALANCE_MS: i32 = 30_000;
const HEARTBEAT_MS: i64 = 3_000;
/// Long enough for every timeout of somebody who never answered, one after the other.
const CALM_MS: i64 = 500_000;

#[test]
fn whatever_protocol_members_speak_no_partition_is_twos() {
    for seed in 0..ROUNDS {
        let mut world = World::new(seed);
        for _ in 0..ACTIONS {
            world.act();
        }
        world.come_to_rest();
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Doing {
    /// It is no member, or has to join again.
    Nothing,
    Joining,
    Syncing,
    Reading,
}

#[derive(Debug, Clone)]
struct Client {
    id: String,
    is_static: bool,
    is_classic: bool,
    doing: Doing,
    /// Or its generation.
    epoch: i32,
    /// What it reads.
    owned: BTreeSet<i32>,
    /// What it was told last that it may read.
    assigned: BTreeSet<i32>,
    /// The group has become a classic one, and it has not joined again since. As in Kafka the group has forgotten then
    /// what it has beyond its target.
    is_behind: bool,
    /// The request whose answer it waits for.
    awaited: Option<u64>,
    beats_at_ms: i64,
}

struct World {
    shard: GroupShard,
    topics: Topics,
    seed: u64,
    random: Random,
    now_ms: i64,
    clients: Vec<Client>,
    /// Requests under way, and of which client they are.
    asked: BTreeMap<u64, usize>,
    requests: u64,
    timers: Timers,
    has_consumers: bool,
    log: Log,
    /// Stored records whose news is still on its way.
    unsettled: VecDeque<Stored>,
}

impl World {
    fn new(seed: u64) -> World {
        let client = |number: usize| Client {
            id: String::new(),
            is_static: number % 2 == 1,
            is_classic: !number.is_multiple_of(3),
            doing: Doing::Nothing,
            epoch: 0,
            owned: BTreeSet::new(),
            assigned: BTreeSet::new(),
            is_behind: false,
            awaited: None,
            beats_at_ms: 0,
        };
        let mut topics = Topics::default();
        topics.put("t", PARTITIONS);
        World {
            shard: GroupShard::new(GroupSettings::default()),
            topics,
            seed,
            random: Random::new(seed),
            now_ms: 1_000_000,
            clients: (0..CLIENTS).map(client).collect(),
            asked: BTreeMap::new(),
            requests: 0,
            timers: Timers::default(),
            has_consumers: false,
            log: Log::default(),
            unsettled: VecDeque::new(),
        }
    }

    fn act(&mut self) {
        let client = self.random.below(CLIENTS as u64) as usize;
        match self.random.below(40) {
            0..=22 => self.go_on(client),
            23 => self.leave(client),
            24 => self.restart(client),
            25..=26 => {
                self.leave(client);
                self.clients[client].is_classic = !self.clients[client].is_classic;
            }
            27 if !self.is_behind() => self.start_again(),
            28..=29 => self.settle(),
            30..=37 => self.pass(1_000),
            _ => {
                let long_ms = self.random.below(40_000) as i64;
                self.pass(long_ms);
            }
        }
        self.check_owners();
    }

    fn come_to_rest(&mut self) {
        let end_ms = self.now_ms + CALM_MS;
        while self.now_ms < end_ms {
            for client in 0..CLIENTS {
                self.go_on(client);
                self.check_owners();
            }
            self.settle();
            self.pass(500);
        }
        let mut read = BTreeSet::new();
        for client in &self.clients {
            assert_eq!(client.doing, Doing::Reading, "seed {}: {:?}", self.seed, self.clients);
            assert_eq!(client.owned, client.assigned, "seed {}: {client:?}", self.seed);
            read.extend(&client.owned);
        }
        assert_eq!(read, (0..PARTITIONS).collect(), "seed {}: {:?}", self.seed, self.clients);
        let found = self.log.started();
        assert_eq!(found.describe(GROUP, 6), self.shard.describe(GROUP, 6), "seed {}", self.seed);
        self.check_start();
    }

    /// What a well-behaved client does next.
    fn go_on(&mut self, number: usize) {
        let is_behind = self.is_behind();
        let client = &mut self.clients[number];
        if client.awaited.is_some() {
            return;
        }
        if !client.is_classic && client.owned != client.assigned {
            // It says at once that it reads something no more.
            client.owned = client.assigned.clone();
            client.beats_at_ms = 0;
        }
        let is_due = self.now_ms >= client.beats_at_ms;
        match client.doing {
            // Nobody who would be given at once what others have joins in such a moment.
            Doing::Nothing if !client.is_classic && is_behind => {}
            _ if !client.is_classic && is_due => self.beat(number),
            Doing::Nothing if client.is_classic => self.join(number),
            Doing::Reading if client.is_classic && is_due => self.heartbeat(number),
            _ => {}
        }
    }

    fn is_behind(&self) -> bool {
        self.clients.iter().any(|client| client.is_behind)
    }

    fn instance(&self, number: usize) -> Option<String> {
        let client = &self.clients[number];
        // Who speaks another protocol is another instance: it takes no one's place without a rebalance.
        client.is_static.then(|| format!("i{number}-{}", client.is_classic))
    }

    fn asker(&mut self, number: usize) -> Asker<'static> {
        self.requests += 1;
        self.asked.insert(self.requests, number);
        self.clients[number].awaited = Some(self.requests);
        self.clients[number].beats_at_ms = self.now_ms + HEARTBEAT_MS;
        simulation::asker(self.requests, self.now_ms)
    }

    fn beat(&mut self, number: usize) {
        let asker = self.asker(number);
        let instance_id = self.instance(number).map(Into::into);
        let client = &mut self.clients[number];
        if client.id.is_empty() {
            client.id = format!("m{}", asker.reply.0);
        }
        let partitions: Vec<i32> = client.owned.iter().copied().collect();
        let owned = TopicPartitions { topic_id: self.topics.id("t"), partitions };
        let request = ConsumerGroupHeartbeatRequest {
            group_id: GROUP.into(),
            member_id: client.id.clone().into(),
            member_epoch: client.epoch,
            instance_id,
            rebalance_timeout_ms: REBALANCE_MS,
            subscribed_topic_names: Some(vec!["t".into()]),
            topic_partitions: Some(if client.owned.is_empty() { Vec::new() } else { vec![owned] }),
            ..ConsumerGroupHeartbeatRequest::default()
        };
        let step = self.shard.consumer_heartbeat(&request, &asker, self.now_ms, &self.topics);
        self.bring_about(step);
    }

    fn heartbeat(&mut self, number: usize) {
        let asker = self.asker(number);
        let client = &self.clients[number];
        let request = HeartbeatRequest {
            group_id: GROUP.into(),
            generation_id: client.epoch,
            member_id: client.id.clone().into(),
            group_instance_id: self.instance(number).map(Into::into),
        };
        let step = self.shard.heartbeat(&request, &asker, self.now_ms, &self.topics);
        self.bring_about(step);
    }

    /// It gives up all that it has before.
    fn join(&mut self, number: usize) {
        let asker = self.asker(number);
        let group_instance_id = self.instance(number).map(Into::into);
        let client = &mut self.clients[number];
        client.doing = Doing::Joining;
        client.owned.clear();
        client.is_behind = false;
        let metadata = embedded::subscription("t", Some("-")).into();
        let request = JoinGroupRequest {
            group_id: GROUP.into(),
            session_timeout_ms: 10_000,
            rebalance_timeout_ms: REBALANCE_MS,
            member_id: client.id.clone().into(),
            group_instance_id,
            protocol_type: "consumer".into(),
            protocols: vec![JoinGroupRequestProtocol { name: "range".into(), metadata }],
            reason: None,
        };
        let step = self.shard.join(&request, &asker, self.now_ms, &self.topics);
        self.bring_about(step);
    }

    fn sync(&mut self, number: usize, joined: &JoinGroupResponse<'_>) {
        let asker = self.asker(number);
        let client = &mut self.clients[number];
        (client.doing, client.epoch) = (Doing::Syncing, joined.generation_id);
        let members = if joined.skip_assignment { &[][..] } else { &joined.members };
        let assignments = members.iter().enumerate().map(|(place, member)| {
            let own = (0..PARTITIONS).filter(|index| *index as usize % members.len() == place);
            let own: Vec<String> = own.map(|index| index.to_string()).collect();
            let assignment = embedded::assignment(&format!("@t/{}", own.join("+"))).into();
            SyncGroupRequestAssignment { member_id: member.member_id.to_string().into(), assignment }
        });
        let request = SyncGroupRequest {
            group_id: GROUP.into(),
            generation_id: joined.generation_id,
            member_id: joined.member_id.to_string().into(),
            group_instance_id: self.instance(number).map(Into::into),
            assignments: assignments.collect(),
            ..SyncGroupRequest::default()
        };
        let step = self.shard.sync(&request, &asker, self.now_ms, &self.topics);
        self.bring_about(step);
    }

    /// Goes and tells so.
    fn leave(&mut self, number: usize) {
        let instance = self.instance(number);
        let client = self.clients[number].clone();
        self.restart(number);
        if client.id.is_empty() {
            return;
        }
        let asker = Asker { reply: ReplyTo(0), ..self.asker(number) };
        self.restart(number);
        let step = if client.is_classic {
            let identity = MemberIdentity {
                member_id: client.id.into(),
                group_instance_id: instance.map(Into::into),
                reason: None,
            };
            let members = vec![identity];
            let request =
                LeaveGroupRequest { group_id: GROUP.into(), members, ..LeaveGroupRequest::default() };
            self.shard.leave(&request, &asker, self.now_ms, &self.topics)
        } else {
            let request = ConsumerGroupHeartbeatRequest {
                group_id: GROUP.into(),
                member_id: client.id.into(),
                member_epoch: -1,
                instance_id: instance.map(Into::into),
                ..ConsumerGroupHeartbeatRequest::default()
            };
            self.shard.consumer_heartbeat(&request, &asker, self.now_ms, &self.topics)
        };
        self.bring_about(step);
    }

    /// Goes without a word and comes back knowing nothing; answers to what it asked before reach nobody.
    fn restart(&mut self, number: usize) {
        let client = &mut self.clients[number];
        client.id.clear();
        client.epoch = 0;
        client.doing = Doing::Nothing;
        client.is_behind = false;
        client.owned.clear();
        client.assigned.clear();
        client.awaited = None;
        client.beats_at_ms = 0;
        self.asked.retain(|_, asker| *asker != number);
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
                    client.is_behind = false;
                }
            }
        }
        let had_consumers = self.has_consumers;
        self.has_consumers = self.shard.describe_consumer(GROUP, &self.topics).error_code == ErrorCode::NONE;
        if had_consumers && !self.has_consumers {
            for client in &mut self.clients {
                client.is_behind = !client.owned.is_empty();
            }
        }
        for (ReplyTo(reply), answer) in step.answers {
            if let Some(number) = self.asked.remove(&reply) {
                self.clients[number].awaited = None;
                self.answered(number, answer);
            }
        }
        if let Some(stored) = step.stored {
            self.unsettled.push_back(stored);
            if self.random.below(3) > 0 {
                self.settle();
            }
        }
    }

    /// The news of what was stored arrives, in the order of the log.
    fn settle(&mut self) {
        while let Some(stored) = self.unsettled.pop_front() {
            let next = self.shard.stored(stored, Ok(()), self.now_ms);
            self.bring_about(next);
        }
    }

    fn answered(&mut self, number: usize, answer: Answer) {
        let error = match &answer {
            Answer::Join(join) => join.error_code,
            Answer::Sync(sync) => sync.error_code,
            Answer::Heartbeat(heartbeat) => heartbeat.error_code,
            Answer::ConsumerHeartbeat(beat) => beat.error_code,
            Answer::Leave(_) | Answer::Commit(_) => return,
        };
        let client = &mut self.clients[number];
        match (error, answer) {
            (ErrorCode::NONE, Answer::Join(join)) => {
                client.id = join.member_id.to_string();
                self.sync(number, &join);
            }
            (ErrorCode::NONE, Answer::Sync(sync)) => {
                client.doing = Doing::Reading;
                client.assigned = read(&sync.assignment);
                client.owned = client.assigned.clone();
            }
            (ErrorCode::NONE, Answer::ConsumerHeartbeat(beat)) => self.told(number, &beat),
            (ErrorCode::NONE, _) => {}
            (ErrorCode::MEMBER_ID_REQUIRED, Answer::Join(join)) => {
                client.id = join.member_id.to_string();
                client.doing = Doing::Nothing;
            }
            (ErrorCode::REBALANCE_IN_PROGRESS | ErrorCode::ILLEGAL_GENERATION, _) => {
                client.doing = Doing::Nothing;
            }
            // Its place is taken until its session is over.
            (ErrorCode::UNRELEASED_INSTANCE_ID, _) => {}
            (
                ErrorCode::UNKNOWN_MEMBER_ID
                | ErrorCode::FENCED_INSTANCE_ID
                | ErrorCode::FENCED_MEMBER_EPOCH
                // The group has become a classic one without it.
                | ErrorCode::GROUP_ID_NOT_FOUND,
                _,
            ) => self.restart(number),
            (error, answer) => panic!("seed {}: {error} for {client:?}: {answer:?}", self.seed),
        }
    }

    fn told(&mut self, number: usize, beat: &ConsumerGroupHeartbeatResponse<'_>) {
        let client = &mut self.clients[number];
        (client.doing, client.epoch) = (Doing::Reading, beat.member_epoch);
        let Some(assignment) = &beat.assignment else { return };
        client.assigned =
            assignment.topic_partitions.iter().flat_map(|topic| topic.partitions.clone()).collect();
        client.owned.extend(&client.assigned);
    }

    /// The coordinator starts again from its log; what was under way is lost.
    fn start_again(&mut self) {
        self.check_start();
        self.shard = self.log.started();
        self.timers.clear();
        self.unsettled.clear();
        self.asked.clear();
        for client in &mut self.clients {
            let was_asking = client.awaited.take().is_some();
            if was_asking && client.is_classic && client.doing != Doing::Reading {
                client.doing = Doing::Nothing;
            }
        }
        let step = self.shard.loaded(self.now_ms);
        self.bring_about(step);
    }

    fn check_start(&self) {
        assert_eq!(
            self.log.started().describe_consumer(GROUP, &self.topics),
            self.shard.describe_consumer(GROUP, &self.topics),
            "seed {}",
            self.seed
        );
    }

    fn check_owners(&self) {
        let mut owners: BTreeMap<i32, &Client> = BTreeMap::new();
        for client in &self.clients {
            for index in &client.owned {
                let other = owners.insert(*index, client);
                assert!(other.is_none(), "seed {}: {index} of {client:?} and {other:?}", self.seed);
            }
        }
    }
}

fn read(assignment: &[u8]) -> BTreeSet<i32> {
    let mut reader = Reader::new(assignment);
    let version = reader.i16().unwrap();
    let value = ConsumerProtocolAssignment::decode(&mut reader, version).unwrap();
    value.assigned_partitions.iter().flat_map(|topic| topic.partitions.clone()).collect()
}
