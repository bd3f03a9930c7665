//! One client that joins ten thousand times and never goes on: it costs nobody else more than a timeout, and nothing of it
//! stays.

use coordinator::{Answer, GroupSettings, GroupShard, ReplyTo, Step};
use model::ErrorCode;
use protocol::messages::join_group_request::JoinGroupRequestProtocol;
use protocol::messages::{HeartbeatRequest, JoinGroupRequest, SyncGroupRequest};

use crate::simulation::{self, Log, Timers};
use crate::topics::Topics;

const GROUP: &str = "g";
const JOINS: u64 = 10_000;
const SESSION_MS: i32 = 10_000;
const REBALANCE_MS: i32 = 60_000;
/// How long an empty group waits for more members.
const INITIAL_MS: i64 = 3_000;

struct World {
    shard: GroupShard,
    now_ms: i64,
    requests: u64,
    timers: Timers,
    log: Log,
    answers: Vec<(ReplyTo, Answer)>,
}

impl World {
    fn new() -> World {
        World {
            shard: GroupShard::new(GroupSettings::default()),
            now_ms: 1_000_000,
            requests: 0,
            timers: Timers::default(),
            log: Log::default(),
            answers: Vec::new(),
        }
    }

    fn bring_about(&mut self, step: Step) {
        self.log.append(&step.records, &mut self.shard);
        self.timers.set(step.timers);
        self.answers.extend(step.answers);
        if let Some(stored) = step.stored {
            let next = self.shard.stored(stored, Ok(()), self.now_ms);
            self.bring_about(next);
        }
    }

    /// Asks to join; the answer, where it is there at once.
    fn join(&mut self, member: &str, api_version: i16) -> Option<Answer> {
        self.requests += 1;
        let asker = coordinator::Asker { api_version, ..simulation::asker(self.requests, self.now_ms) };
        let metadata = vec![0, 0, 0, 0, 0, 0].into();
        let request = JoinGroupRequest {
            group_id: GROUP.into(),
            session_timeout_ms: SESSION_MS,
            rebalance_timeout_ms: REBALANCE_MS,
            member_id: member.into(),
            protocol_type: "consumer".into(),
            protocols: vec![JoinGroupRequestProtocol { name: "range".into(), metadata }],
            ..JoinGroupRequest::default()
        };
        let step = self.shard.join(&request, &asker, self.now_ms, &Topics::default());
        self.bring_about(step);
        self.take_answer(asker.reply)
    }

    fn take_answer(&mut self, reply: ReplyTo) -> Option<Answer> {
        let place = self.answers.iter().position(|(whose, _)| *whose == reply)?;
        Some(self.answers.swap_remove(place).1)
    }

    fn pass(&mut self, time_ms: i64) {
        let end_ms = self.now_ms + time_ms;
        while let Some(key) = self.timers.next_by(end_ms, &mut self.now_ms) {
            let step = self.shard.expired(&key, self.now_ms, &Topics::default());
            self.bring_about(step);
        }
    }

    /// Somebody who does what it should joins, and has its assignment within that time.
    fn join_well(&mut self, within_ms: i64) {
        let Some(Answer::Join(told)) = self.join("", 9) else { panic!("no id") };
        assert_eq!(told.error_code, ErrorCode::MEMBER_ID_REQUIRED);
        let id = told.member_id.to_string();
        let mut answer = self.join(&id, 9);
        let reply = ReplyTo(self.requests);
        if answer.is_none() {
            self.pass(within_ms);
            answer = self.take_answer(reply);
        }
        let Some(Answer::Join(joined)) = answer else { panic!("still waiting after {within_ms} ms") };
        assert_eq!((joined.error_code, &*joined.leader), (ErrorCode::NONE, &*id));
        self.requests += 1;
        let asker = simulation::asker(self.requests, self.now_ms);
        let request = SyncGroupRequest {
            group_id: GROUP.into(),
            generation_id: joined.generation_id,
            member_id: id.into(),
            ..SyncGroupRequest::default()
        };
        let step = self.shard.sync(&request, &asker, self.now_ms, &Topics::default());
        self.bring_about(step);
        let Some(Answer::Sync(synced)) = self.take_answer(asker.reply) else { panic!("no assignment") };
        assert_eq!(synced.error_code, ErrorCode::NONE);
    }

    fn heartbeat(&mut self, member: &str) -> ErrorCode {
        self.requests += 1;
        let asker = simulation::asker(self.requests, self.now_ms);
        let request = HeartbeatRequest {
            group_id: GROUP.into(),
            generation_id: 1,
            member_id: member.into(),
            ..HeartbeatRequest::default()
        };
        let step = self.shard.heartbeat(&request, &asker, self.now_ms, &Topics::default());
        self.bring_about(step);
        match self.take_answer(asker.reply) {
            Some(Answer::Heartbeat(answer)) => answer.error_code,
            other => panic!("{other:?}"),
        }
    }

    fn state(&self) -> String {
        self.shard.describe(GROUP, 6).group_state.to_string()
    }
}

#[test]
fn ids_that_are_never_joined_with_are_forgotten_after_their_session() {
    let mut world = World::new();
    for _ in 0..JOINS {
        let Some(Answer::Join(told)) = world.join("", 9) else { panic!("an id is given at once") };
        assert_eq!(told.error_code, ErrorCode::MEMBER_ID_REQUIRED);
    }
    world.pass(i64::from(SESSION_MS));
    assert_eq!((world.timers.len(), world.state()), (0, "Empty".to_owned()));
    // The wait of an empty group for more members, and nothing else.
    world.join_well(INITIAL_MS);
}

#[test]
fn members_that_never_ask_for_their_assignments_are_gone_after_their_session() {
    // Old clients become members without being asked for their id again.
    for api_version in [3, 9] {
        let mut world = World::new();
        for _ in 0..JOINS {
            let id = match world.join("", api_version) {
                Some(Answer::Join(told)) => told.member_id.to_string(),
                Some(other) => panic!("{other:?}"),
                None => continue,
            };
            assert_eq!(world.join(&id, api_version), None);
        }
        // The first rebalance waits once more where somebody has come.
        world.pass(2 * INITIAL_MS);
        assert_eq!(world.state(), "CompletingRebalance");
        let joined = |(_, answer): &&(ReplyTo, Answer)| match answer {
            Answer::Join(join) => join.error_code.is_none() && join.generation_id == 1,
            _ => false,
        };
        assert_eq!(world.answers.iter().filter(joined).count() as u64, JOINS);
        world.pass(i64::from(SESSION_MS));
        assert_eq!((world.timers.len(), world.state()), (0, "Empty".to_owned()), "version {api_version}");
        world.join_well(INITIAL_MS);
    }
}

#[test]
fn members_that_live_and_never_ask_for_their_assignments_are_gone_after_the_rebalance_timeout() {
    const MEMBERS: usize = 100;
    let mut world = World::new();
    let mut ids = Vec::new();
    for _ in 0..MEMBERS {
        let Some(Answer::Join(told)) = world.join("", 9) else { panic!("an id is given at once") };
        ids.push(told.member_id.to_string());
        assert_eq!(world.join(&told.member_id, 9), None);
    }
    world.pass(2 * INITIAL_MS);
    let mut passed_ms = 0;
    while passed_ms < i64::from(REBALANCE_MS) {
        assert_eq!(world.state(), "CompletingRebalance");
        for id in &ids {
            assert_eq!(world.heartbeat(id), ErrorCode::NONE);
        }
        world.pass(i64::from(SESSION_MS) / 2);
        passed_ms += i64::from(SESSION_MS) / 2;
    }
    assert_eq!(world.state(), "Empty");
    assert_eq!(world.heartbeat(&ids[0]), ErrorCode::UNKNOWN_MEMBER_ID);
    assert_eq!(world.timers.len(), 0);
    world.join_well(INITIAL_MS);
}
