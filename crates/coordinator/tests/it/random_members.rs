//! Members that come, go, stop and wake up at random, under a simulated clock, with records that sometimes cannot be
//! stored and with starts of the coordinator in between. Whatever they did: no partition is given to two members of a
//! generation, nobody commits in a generation that is over, what was committed is there after every start, and once all
//! behave the group is stable and a start finds it as it was.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use coordinator::{Answer, Asker, GroupSettings, GroupShard, ReplyTo, Step, Stored};
use model::ErrorCode;
use protocol::messages::join_group_request::JoinGroupRequestProtocol;
use protocol::messages::leave_group_request::MemberIdentity;
use protocol::messages::offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic};
use protocol::messages::offset_fetch_request::OffsetFetchRequestGroup;
use protocol::messages::sync_group_request::SyncGroupRequestAssignment;
use protocol::messages::{
    GroupValue, HeartbeatRequest, JoinGroupRequest, JoinGroupResponse, LeaveGroupRequest,
    OffsetCommitRequest, SyncGroupRequest,
};

use crate::simulation::{self, Log, Random, Timers};
use crate::topics::Topics;

const GROUP: &str = "g";
const PARTITIONS: u8 = 10;
const CLIENTS: usize = 5;
const ROUNDS: u64 = 300;
const ACTIONS: usize = 400;
const SESSION_MS: i32 = 10_000;
const REBALANCE_MS: i32 = 30_000;
const HEARTBEAT_MS: i64 = 3_000;
/// Long enough for every timeout of somebody who never answered, one after the other.
const CALM_MS: i64 = 400_000;

#[test]
fn however_members_behave_the_group_comes_to_rest() {
    for seed in 0..ROUNDS {
        let mut world = World::new(seed);
        for _ in 0..ACTIONS {
            world.act();
        }
        world.come_to_rest();
    }
}

/// What a client is doing.
#[derive(Debug, Clone, PartialEq)]
enum Doing {
    Nothing,
    Joining,
    Syncing { generation: i32 },
    Reading { generation: i32 },
}

#[derive(Debug, Clone)]
struct Client {
    id: String,
    instance: Option<String>,
    doing: Doing,
    /// The request whose answer it waits for.
    awaited: Option<u64>,
    heard_ms: i64,
}

struct World {
    shard: GroupShard,
    seed: u64,
    random: Random,
    now_ms: i64,
    clients: Vec<Client>,
    /// Requests under way, and of which client they are.
    asked: BTreeMap<u64, usize>,
    requests: u64,
    timers: Timers,
    log: Log,
    /// Partitions by generation and who has them.
    given: BTreeMap<(i32, u8), String>,
    generation: i32,
    /// The last that a record was written of.
    stored_generation: i32,
    /// What the last accepted commit said, and how many there were.
    committed: i64,
    /// Stored records whose news is still on its way, with how it went.
    unsettled: VecDeque<(Stored, Result<(), ErrorCode>)>,
}

impl World {
    fn new(seed: u64) -> World {
        let instance = |number: usize| (number % 2 == 1).then(|| format!("i{number}"));
        let client = |number| Client {
            id: String::new(),
            instance: instance(number),
            doing: Doing::Nothing,
            awaited: None,
            heard_ms: 0,
        };
        World {
            shard: GroupShard::new(GroupSettings::default()),
            seed,
            random: Random::new(seed),
            now_ms: 1_000_000,
            clients: (0..CLIENTS).map(client).collect(),
            asked: BTreeMap::new(),
            requests: 0,
            timers: Timers::default(),
            log: Log::default(),
            given: BTreeMap::new(),
            generation: 0,
            stored_generation: 0,
            committed: -1,
            unsettled: VecDeque::new(),
        }
    }

    fn act(&mut self) {
        let client = self.random.below(CLIENTS as u64) as usize;
        match self.random.below(40) {
            0..=21 => self.go_on(client),
            22..=23 => self.leave(client),
            24..=25 => self.restart(client),
            26..=27 => self.commit(client),
            28..=29 => self.settle(),
            30 => self.start_again(),
            31..=36 => self.pass(1_000),
            _ => {
                let long_ms = self.random.below(40_000) as i64;
                self.pass(long_ms);
            }
        }
    }

    fn come_to_rest(&mut self) {
        let end_ms = self.now_ms + CALM_MS;
        while self.now_ms < end_ms {
            for client in 0..CLIENTS {
                self.go_on(client);
            }
            self.settle();
            self.pass(500);
        }
        let seed = self.seed;
        let generation = self.generation;
        for client in &self.clients {
            assert_eq!(client.doing, Doing::Reading { generation }, "seed {seed}: {:?}", self.clients);
        }
        let given = self.given.keys().filter(|(of, _)| *of == generation).map(|(_, partition)| *partition);
        assert_eq!(given.collect::<BTreeSet<u8>>(), (0..PARTITIONS).collect(), "seed {seed}");
        assert_eq!(self.committed(), self.committed, "seed {seed}");
        let found = self.log.started();
        assert_eq!(found.describe(GROUP, 6), self.shard.describe(GROUP, 6), "seed {seed}");
    }

    /// What a well-behaved client does next.
    fn go_on(&mut self, number: usize) {
        let client = self.clients[number].clone();
        if client.awaited.is_some() {
            return;
        }
        match client.doing {
            Doing::Nothing => self.join(number),
            Doing::Reading { generation } if self.now_ms - client.heard_ms >= HEARTBEAT_MS => {
                let asker = self.asker(number);
                let request = HeartbeatRequest {
                    group_id: GROUP.into(),
                    generation_id: generation,
                    member_id: client.id.into(),
                    group_instance_id: client.instance.map(Into::into),
                };
                let step = self.shard.heartbeat(&request, &asker, self.now_ms, &Topics::default());
                self.clients[number].heard_ms = self.now_ms;
                self.bring_about(step);
            }
            Doing::Joining | Doing::Syncing { .. } | Doing::Reading { .. } => {}
        }
    }

    fn asker(&mut self, number: usize) -> Asker<'static> {
        self.requests += 1;
        self.asked.insert(self.requests, number);
        self.clients[number].awaited = Some(self.requests);
        simulation::asker(self.requests, self.now_ms)
    }

    fn join(&mut self, number: usize) {
        let asker = self.asker(number);
        let client = &mut self.clients[number];
        client.doing = Doing::Joining;
        let protocol =
            JoinGroupRequestProtocol { name: "range".into(), metadata: vec![0, 0, 0, 0, 0, 0].into() };
        let request = JoinGroupRequest {
            group_id: GROUP.into(),
            session_timeout_ms: SESSION_MS,
            rebalance_timeout_ms: REBALANCE_MS,
            member_id: client.id.clone().into(),
            group_instance_id: client.instance.clone().map(Into::into),
            protocol_type: "consumer".into(),
            protocols: vec![protocol],
            reason: None,
        };
        let step = self.shard.join(&request, &asker, self.now_ms, &Topics::default());
        self.bring_about(step);
    }

    fn sync(&mut self, number: usize, joined: &JoinGroupResponse<'_>) {
        let asker = self.asker(number);
        let generation = joined.generation_id;
        let client = &mut self.clients[number];
        client.doing = Doing::Syncing { generation };
        let members = if joined.skip_assignment { &[][..] } else { &joined.members };
        let assignments = members.iter().enumerate().map(|(place, member)| {
            let own = (0..PARTITIONS).filter(|partition| usize::from(*partition) % members.len() == place);
            let assignment = own.collect::<Vec<u8>>().into();
            SyncGroupRequestAssignment { member_id: member.member_id.to_string().into(), assignment }
        });
        let request = SyncGroupRequest {
            group_id: GROUP.into(),
            generation_id: generation,
            member_id: client.id.clone().into(),
            group_instance_id: client.instance.clone().map(Into::into),
            assignments: assignments.collect(),
            ..SyncGroupRequest::default()
        };
        let step = self.shard.sync(&request, &asker, self.now_ms, &Topics::default());
        self.bring_about(step);
    }

    /// Goes and tells so.
    fn leave(&mut self, number: usize) {
        let client = self.clients[number].clone();
        let identity = MemberIdentity { member_id: client.id.into(), ..MemberIdentity::default() };
        self.restart(number);
        let asker = self.asker(number);
        let request = LeaveGroupRequest {
            group_id: GROUP.into(),
            members: vec![identity],
            ..LeaveGroupRequest::default()
        };
        let step = self.shard.leave(&request, &asker, self.now_ms, &Topics::default());
        self.bring_about(step);
    }

    /// Goes without a word and comes back knowing nothing; answers to what it asked before reach nobody.
    fn restart(&mut self, number: usize) {
        let client = &mut self.clients[number];
        client.id.clear();
        client.doing = Doing::Nothing;
        client.awaited = None;
        self.asked.retain(|_, asker| *asker != number);
    }

    /// In its generation or an earlier one.
    fn commit(&mut self, number: usize) {
        let client = self.clients[number].clone();
        let Doing::Reading { generation } = client.doing else { return };
        // Sometimes for a generation that it has been in before.
        let generation = generation - i32::from(self.random.below(3) == 0);
        if client.awaited.is_some() {
            return;
        }
        let committed_offset = self.committed + 1;
        let partitions = vec![OffsetCommitRequestPartition {
            committed_offset,
            ..OffsetCommitRequestPartition::default()
        }];
        let topic =
            OffsetCommitRequestTopic { name: "t".into(), partitions, ..OffsetCommitRequestTopic::default() };
        let request = OffsetCommitRequest {
            group_id: GROUP.into(),
            generation_id_or_member_epoch: generation,
            member_id: client.id.into(),
            group_instance_id: client.instance.map(Into::into),
            topics: vec![topic],
            ..OffsetCommitRequest::default()
        };
        let asker = self.asker(number);
        let step = self.shard.commit(&request, &asker, self.now_ms);
        if !step.records.is_empty() {
            assert_eq!(
                generation, self.generation,
                "seed {}: a commit in a generation that is over",
                self.seed
            );
            self.committed = committed_offset;
        }
        self.bring_about(step);
    }

    /// The coordinator is killed and has its records again; who waited for an answer asks once more.
    fn start_again(&mut self) {
        self.shard = self.log.started();
        self.timers.clear();
        self.unsettled.clear();
        self.asked.clear();
        for client in &mut self.clients {
            let was_waiting = client.awaited.take().is_some();
            if was_waiting && !matches!(client.doing, Doing::Reading { .. }) {
                client.doing = Doing::Nothing;
            }
        }
        let step = self.shard.loaded(self.now_ms);
        self.bring_about(step);
        // A generation whose assignments were not stored has never been.
        self.generation = self.stored_generation;
        assert_eq!(self.committed(), self.committed, "seed {}: a commit is lost", self.seed);
    }

    fn committed(&self) -> i64 {
        let asked = OffsetFetchRequestGroup {
            group_id: GROUP.into(),
            topics: None,
            ..OffsetFetchRequestGroup::default()
        };
        let told = self.shard.fetch_offsets(&asked);
        told.topics.first().map_or(-1, |topic| topic.partitions[0].committed_offset)
    }

    fn pass(&mut self, time_ms: i64) {
        let end_ms = self.now_ms + time_ms;
        while let Some(key) = self.timers.next_by(end_ms, &mut self.now_ms) {
            let step = self.shard.expired(&key, self.now_ms, &Topics::default());
            self.bring_about(step);
        }
    }

    fn bring_about(&mut self, step: Step) {
        let fails = matches!(step.stored, Some(Stored::Assignments { .. })) && self.random.below(10) == 0;
        if !fails {
            self.log.append(&step.records, &mut self.shard);
            for record in &step.records {
                if let Some((GroupValue::GroupMetadata(group), _)) = &record.value {
                    self.stored_generation = group.generation;
                }
            }
        }
        self.timers.set(step.timers);
        for (ReplyTo(reply), answer) in step.answers {
            if let Answer::Join(join) = &answer {
                self.generation = self.generation.max(join.generation_id);
            }
            if let Some(number) = self.asked.remove(&reply) {
                self.clients[number].awaited = None;
                self.answered(number, answer);
            }
        }
        if let Some(stored) = step.stored {
            let outcome = if fails { Err(ErrorCode::KAFKA_STORAGE_ERROR) } else { Ok(()) };
            self.unsettled.push_back((stored, outcome));
            if self.random.below(3) > 0 {
                self.settle();
            }
        }
    }

    /// The news of what was stored arrives, in the order of the log.
    fn settle(&mut self) {
        while let Some((stored, outcome)) = self.unsettled.pop_front() {
            let next = self.shard.stored(stored, outcome, self.now_ms);
            self.bring_about(next);
        }
    }

    fn answered(&mut self, number: usize, answer: Answer) {
        let error = match &answer {
            Answer::Join(join) => join.error_code,
            Answer::Sync(sync) => sync.error_code,
            Answer::Heartbeat(heartbeat) => heartbeat.error_code,
            // It knows nothing that the answer could change.
            Answer::Leave(_) | Answer::Commit(_) | Answer::ConsumerHeartbeat(_) => return,
        };
        self.clients[number].heard_ms = self.now_ms;
        match (error, answer, self.clients[number].doing.clone()) {
            (ErrorCode::NONE, Answer::Join(join), _) => {
                self.clients[number].id = join.member_id.to_string();
                self.sync(number, &join);
            }
            (ErrorCode::NONE, Answer::Sync(sync), Doing::Syncing { generation }) => {
                self.clients[number].doing = Doing::Reading { generation };
                for partition in &*sync.assignment {
                    self.give(generation, *partition, number);
                }
            }
            (ErrorCode::NONE, _, _) => {}
            (ErrorCode::MEMBER_ID_REQUIRED, Answer::Join(join), _) => {
                self.clients[number].id = join.member_id.to_string();
                self.clients[number].doing = Doing::Nothing;
            }
            (ErrorCode::REBALANCE_IN_PROGRESS | ErrorCode::NOT_COORDINATOR, _, _) => {
                self.clients[number].doing = Doing::Nothing;
            }
            (
                ErrorCode::UNKNOWN_MEMBER_ID | ErrorCode::ILLEGAL_GENERATION | ErrorCode::FENCED_INSTANCE_ID,
                _,
                _,
            ) => {
                self.restart(number);
            }
            (error, answer, doing) => panic!("seed {}: {error} while {doing:?}: {answer:?}", self.seed),
        }
    }

    /// A partition is one member's for the length of a generation; a static member may come back under another id.
    fn give(&mut self, generation: i32, partition: u8, number: usize) {
        let client = &self.clients[number];
        let who = client.instance.clone().unwrap_or_else(|| client.id.clone());
        let before = self.given.insert((generation, partition), who.clone());
        let is_alone = before.is_none_or(|before| before == who);
        assert!(is_alone, "seed {}: partition {partition} of generation {generation} twice", self.seed);
    }
}
