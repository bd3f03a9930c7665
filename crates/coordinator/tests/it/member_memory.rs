//! What a member that does nothing takes of memory: all that a shard keeps of it, its share of its group included.

use coordinator::{Answer, Asker, GroupSettings, GroupShard, Step};
use protocol::messages::join_group_request::JoinGroupRequestProtocol;
use protocol::messages::sync_group_request::SyncGroupRequestAssignment;
use protocol::messages::{ConsumerGroupHeartbeatRequest, JoinGroupRequest, SyncGroupRequest};

use crate::script::embedded;
use crate::simulation::{self, Timers};
use crate::topics::Topics;

const GROUPS: usize = 10;
const MEMBERS: usize = 100;
/// Of the kibibyte that a member may take, what is left when the host's timer and the allocator have had theirs.
const BYTES_MAX: i64 = 800;

/// A shard whose records go nowhere.
struct Host {
    shard: GroupShard,
    now_ms: i64,
    requests: u64,
    timers: Timers,
    topics: Topics,
}

impl Host {
    fn new() -> Host {
        let mut topics = Topics::default();
        topics.put("read", 100);
        Host {
            shard: GroupShard::new(GroupSettings::default()),
            now_ms: 1_000_000,
            requests: 0,
            timers: Timers::default(),
            topics,
        }
    }

    /// Does what a step says, and returns its first answer.
    fn bring_about(&mut self, step: Step) -> Option<Answer> {
        step.records.iter().for_each(|record| self.shard.appended(record));
        self.timers.set(step.timers);
        let mut answer = step.answers.into_iter().next().map(|(_, answer)| answer);
        if let Some(stored) = step.stored {
            let next = self.shard.stored(stored, Ok(()), self.now_ms);
            answer = self.bring_about(next).or(answer);
        }
        answer
    }

    fn asker(&mut self) -> Asker<'static> {
        self.requests += 1;
        Asker { client_id: "consumer-readers-1", ..simulation::asker(self.requests, self.now_ms) }
    }

    fn join(&mut self, group: &str, member: &str) -> Option<Answer> {
        let asker = self.asker();
        // As the Java client joins, which speaks two.
        let protocols = ["range", "cooperative-sticky"].map(|name| JoinGroupRequestProtocol {
            name: name.into(),
            metadata: embedded::subscription("read", None).into(),
        });
        let request = JoinGroupRequest {
            group_id: group.into(),
            session_timeout_ms: 45_000,
            rebalance_timeout_ms: 300_000,
            member_id: member.into(),
            protocol_type: "consumer".into(),
            protocols: protocols.into(),
            ..JoinGroupRequest::default()
        };
        let step = self.shard.join(&request, &asker, self.now_ms, &self.topics);
        self.bring_about(step)
    }

    fn sync(&mut self, group: &str, member: &str, ids: &[String]) {
        let asker = self.asker();
        let assignments = ids.iter().map(|id| SyncGroupRequestAssignment {
            member_id: id.as_str().into(),
            assignment: embedded::assignment("@read/1").into(),
        });
        let request = SyncGroupRequest {
            group_id: group.into(),
            generation_id: 1,
            member_id: member.into(),
            assignments: assignments.collect(),
            ..SyncGroupRequest::default()
        };
        let step = self.shard.sync(&request, &asker, self.now_ms, &self.topics);
        let Some(Answer::Sync(answer)) = self.bring_about(step) else { return };
        assert!(answer.error_code.is_none() && !answer.assignment.is_empty());
    }

    fn form_classic(&mut self, group: &str) {
        let mut ids = Vec::new();
        for _ in 0..MEMBERS {
            let Some(Answer::Join(told)) = self.join(group, "") else { panic!("no id") };
            ids.push(told.member_id.into_owned());
        }
        ids.iter().for_each(|id| assert!(self.join(group, id).is_none()));
        // The wait of an empty group for more members, and once more because some came.
        for _ in 0..2 {
            let end_ms = self.now_ms + 3_000;
            while let Some(key) = self.timers.next_by(end_ms, &mut self.now_ms) {
                let step = self.shard.expired(&key, self.now_ms, &self.topics);
                self.bring_about(step);
            }
        }
        let leader = ids.iter().min().unwrap().clone();
        self.sync(group, &leader, &ids);
        ids.sort();
        ids.iter().for_each(|id| self.sync(group, id, &ids));
        assert_eq!(self.shard.describe(group, 6).group_state, "Stable");
    }

    fn form_consumer(&mut self, group: &str) {
        let mut epochs = vec![0; MEMBERS];
        // Three rounds: who comes first gives up to who comes last.
        for round in 0..4 {
            for (number, epoch) in epochs.iter_mut().enumerate() {
                let asker = self.asker();
                let member = format!("{group}-{number:030}");
                let joins = *epoch == 0;
                let request = ConsumerGroupHeartbeatRequest {
                    group_id: group.into(),
                    member_id: member.as_str().into(),
                    member_epoch: *epoch,
                    rebalance_timeout_ms: if joins { 300_000 } else { -1 },
                    subscribed_topic_names: joins.then(|| vec!["read".into()]),
                    topic_partitions: Some(Vec::new()),
                    ..ConsumerGroupHeartbeatRequest::default()
                };
                let step = self.shard.consumer_heartbeat(&request, &asker, self.now_ms, &self.topics);
                let Some(Answer::ConsumerHeartbeat(answer)) = self.bring_about(step) else { panic!() };
                assert!(answer.error_code.is_none(), "{round}: {answer:?}");
                *epoch = answer.member_epoch;
            }
            self.now_ms += 2_000;
        }
        assert_eq!(self.shard.describe_consumer(group, &self.topics).group_state, "Stable");
    }
}

/// Bytes that the shard holds for each member once the groups have been formed by `form`.
fn bytes_of_member(form: impl Fn(&mut Host, &str)) -> i64 {
    let mut host = Host::new();
    let made = allocation_counter::measure(|| {
        (0..GROUPS).for_each(|number| form(&mut host, &format!("group-{number}")));
        // What the host keeps of timers is counted where it is kept; their ids are the members' own.
        host.timers = Timers::default();
    });
    made.bytes_current / (GROUPS * MEMBERS) as i64
}

#[test]
fn an_idle_member_takes_less_than_a_kibibyte() {
    for (name, bytes) in
        [("classic", bytes_of_member(Host::form_classic)), ("consumer", bytes_of_member(Host::form_consumer))]
    {
        println!("{name}: {bytes} bytes");
        assert!((100..BYTES_MAX).contains(&bytes), "{name}: {bytes} bytes");
    }
}
