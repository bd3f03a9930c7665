//! Runs `testdata/<name>.txt`: a command and its arguments, `----`, what must come out, a blank line.
//!
//! Members are `m1`, `m2` and so on in the order in which their ids were made.

mod consumer;
pub mod embedded;
mod shown;

use std::collections::BTreeMap;
use std::fmt::Write;

use coordinator::{
    Answer, Asker, GroupEvent, GroupSettings, GroupShard, Record, ReplyTo, ResolveRegexes, Step, Stored,
    TimerKey,
};
use model::{ErrorCode, Uuid};
use protocol::messages::join_group_request::JoinGroupRequestProtocol;
use protocol::messages::leave_group_request::MemberIdentity;
use protocol::messages::offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic};
use protocol::messages::offset_delete_request::{OffsetDeleteRequestPartition, OffsetDeleteRequestTopic};
use protocol::messages::offset_fetch_request::{OffsetFetchRequestGroup, OffsetFetchRequestTopics};
use protocol::messages::sync_group_request::SyncGroupRequestAssignment;
use protocol::messages::{
    HeartbeatRequest, JoinGroupRequest, LeaveGroupRequest, OffsetCommitRequest, OffsetDeleteRequest,
    SyncGroupRequest,
};
use scripts::Line;

use crate::topics::Topics;

const BEGIN_MS: i64 = 1_000_000;
/// Characters of the random part of a member id.
const UUID_LENGTH: usize = 36;
/// Characters of a member id that is nothing but random.
const SHORT_ID_LENGTH: usize = 22;

pub fn run(name: &str) {
    let mut world = World::new();
    scripts::run(env!("CARGO_MANIFEST_DIR"), name, |input| world.execute(input));
}

struct World {
    shard: GroupShard,
    settings: GroupSettings,
    now_ms: i64,
    fresh: u8,
    /// Real ids by alias.
    members: BTreeMap<String, String>,
    stored: Option<Stored>,
    topics: Topics,
    /// Of the topics.
    version: i64,
    asked: Option<ResolveRegexes>,
    log: Vec<(Vec<u8>, Option<Vec<u8>>)>,
}

impl World {
    fn new() -> World {
        let settings = GroupSettings::default();
        World {
            shard: GroupShard::new(settings.clone()),
            settings,
            now_ms: BEGIN_MS,
            fresh: 0,
            members: BTreeMap::new(),
            stored: None,
            topics: Topics::default(),
            version: 0,
            asked: None,
            log: Vec::new(),
        }
    }

    fn execute(&mut self, input: &str) -> String {
        let input: Vec<&str> = input.lines().filter(|line| !line.starts_with('#')).collect();
        let line = Line::new(input[0]);
        match line.word(0) {
            "set" => self.set(&line),
            "time" => {
                self.now_ms += line.word(1).parse::<i64>().unwrap();
                String::new()
            }
            "join" => self.join(&line),
            "sync" => self.sync(&line),
            "heartbeat" => self.heartbeat(&line),
            "leave" => self.leave(&line, &input[1..]),
            "expired" => self.expired(&line),
            "stored" => self.store(&line),
            "reload" => self.reload(),
            "commit" => self.commit(&line, &input[1..]),
            "fetch" => self.fetch(&line, &input[1..]),
            "delete-offsets" => self.delete_offsets(&line, &input[1..]),
            "topic-deleted" => {
                let records = self.shard.topic_deleted(line.word(1));
                self.append(&records)
            }
            "expire-offsets" => {
                let records = self.shard.expire(self.now_ms);
                self.append(&records)
            }
            "describe" => self.describe(&line),
            "delete" => self.delete(&line),
            "topic" => self.topic(&line),
            "group-config" => self.group_config(&line),
            "beat" => self.beat(&line),
            "resolve" => self.resolve(&line),
            "describe-consumer" => self.describe_consumer(&line),
            "list" => self.list(&line),
            other => panic!("no command {other}"),
        }
    }

    fn set(&mut self, line: &Line<'_>) -> String {
        self.settings.size_max = line.number("size", self.settings.size_max);
        self.settings.offset_metadata_max = line.number("metadata-max", self.settings.offset_metadata_max);
        self.settings.initial_rebalance_delay_ms =
            line.number("delay", self.settings.initial_rebalance_delay_ms);
        self.set_consumer(line);
        self.shard.follow(self.settings.clone());
        String::new()
    }

    /// The real id of an alias.
    fn id(&self, alias: Option<&str>) -> String {
        let alias = alias.unwrap_or_default();
        self.members.get(alias).cloned().unwrap_or_else(|| alias.to_owned())
    }

    fn asker<'l>(&mut self, line: &Line<'l>) -> Asker<'l> {
        self.fresh += 1;
        let reply = line.text("as").map_or(0, |name| u64::from(name.as_bytes()[0]));
        Asker {
            reply: ReplyTo(reply),
            api_version: line.number("v", 9),
            client_id: line.text("client").unwrap_or("c"),
            client_host: "/127.0.0.1",
            fresh_id: Uuid([self.fresh; 16]),
            wall_ms: self.now_ms,
        }
    }

    fn join(&mut self, line: &Line<'_>) -> String {
        let asker = self.asker(line);
        let protocols =
            line.text("protocols").unwrap_or("range:t").split(',').filter(|text| !text.is_empty());
        let protocols = protocols.map(|text| {
            let (name, topics) = text.split_once(':').unwrap_or((text, ""));
            let metadata = embedded::subscription(topics, line.text("owned")).into();
            JoinGroupRequestProtocol { name: name.into(), metadata }
        });
        let request = JoinGroupRequest {
            group_id: line.word(1).into(),
            session_timeout_ms: line.number("session", 10_000),
            rebalance_timeout_ms: line.number("rebalance", 60_000),
            member_id: self.id(line.text("member")).into(),
            group_instance_id: line.text("instance").map(Into::into),
            protocol_type: line.text("type").unwrap_or("consumer").into(),
            protocols: protocols.collect(),
            reason: line.text("reason").map(Into::into),
        };
        let step = self.shard.join(&request, &asker, self.now_ms, &self.topics);
        self.show(step)
    }

    fn sync(&mut self, line: &Line<'_>) -> String {
        let asker = self.asker(line);
        let pairs =
            line.text("assign").unwrap_or_default().split(',').filter_map(|text| text.split_once(':'));
        let assignments = pairs.map(|(member, assignment)| SyncGroupRequestAssignment {
            member_id: self.id(Some(member)).into(),
            assignment: embedded::assignment(assignment).into(),
        });
        let request = SyncGroupRequest {
            group_id: line.word(1).into(),
            generation_id: line.number("gen", 1),
            member_id: self.id(line.text("member")).into(),
            group_instance_id: line.text("instance").map(Into::into),
            protocol_type: line.text("type").map(Into::into),
            protocol_name: line.text("protocol").map(Into::into),
            assignments: assignments.collect(),
        };
        let step = self.shard.sync(&request, &asker, self.now_ms, &self.topics);
        self.show(step)
    }

    fn heartbeat(&mut self, line: &Line<'_>) -> String {
        let asker = self.asker(line);
        let request = HeartbeatRequest {
            group_id: line.word(1).into(),
            generation_id: line.number("gen", 1),
            member_id: self.id(line.text("member")).into(),
            group_instance_id: line.text("instance").map(Into::into),
        };
        let step = self.shard.heartbeat(&request, &asker, self.now_ms, &self.topics);
        self.show(step)
    }

    fn leave(&mut self, line: &Line<'_>, leaving: &[&str]) -> String {
        let asker = self.asker(line);
        let members = leaving.iter().map(|text| {
            let line = Line::new(text);
            MemberIdentity {
                member_id: self.id(line.text("member")).into(),
                group_instance_id: line.text("instance").map(|text| text.to_owned().into()),
                reason: line.text("reason").map(|text| text.to_owned().into()),
            }
        });
        let group_id = line.word(1).into();
        let request =
            LeaveGroupRequest { group_id, members: members.collect(), ..LeaveGroupRequest::default() };
        let step = self.shard.leave(&request, &asker, self.now_ms, &self.topics);
        self.show(step)
    }

    fn expired(&mut self, line: &Line<'_>) -> String {
        let group = line.word(2).into();
        let member = self.id(Some(line.word(3))).into();
        let key = match line.word(1) {
            "session" => TimerKey::Session { group, member },
            "revocation" => TimerKey::Revocation { group, member },
            "member-join" => TimerKey::MemberJoin { group, member },
            "member-sync" => TimerKey::MemberSync { group, member },
            "join" => TimerKey::Join { group },
            "sync" => TimerKey::Sync { group },
            other => panic!("no timer {other}"),
        };
        let step = self.shard.expired(&key, self.now_ms, &self.topics);
        self.show(step)
    }

    fn store(&mut self, line: &Line<'_>) -> String {
        let outcome = match line.word(1) {
            "" => Ok(()),
            "KAFKA_STORAGE_ERROR" => Err(ErrorCode::KAFKA_STORAGE_ERROR),
            other => panic!("no outcome {other}"),
        };
        let Some(stored) = self.stored.take() else { return "nothing to store\n".to_owned() };
        let step = self.shard.stored(stored, outcome, self.now_ms);
        self.show(step)
    }

    /// The shard as it is after a start.
    fn reload(&mut self) -> String {
        self.shard = GroupShard::new(self.settings.clone());
        for (key, value) in &self.log {
            self.shard.load(key, value.as_deref()).unwrap();
        }
        let step = self.shard.loaded(self.now_ms);
        self.show(step)
    }

    fn commit(&mut self, line: &Line<'_>, offsets: &[&str]) -> String {
        let asker = self.asker(line);
        let topics = offsets.iter().map(|text| {
            let line = Line::new(text);
            let partition = OffsetCommitRequestPartition {
                partition_index: line.number("p", 0),
                committed_offset: line.number("offset", 0),
                committed_leader_epoch: line.number("epoch", -1),
                committed_metadata: line.text("metadata").map(|text| text.to_owned().into()),
            };
            let name = line.word(0).to_owned().into();
            let topic_id = self.topics.id(line.word(0));
            OffsetCommitRequestTopic { name, topic_id, partitions: vec![partition] }
        });
        let request = OffsetCommitRequest {
            group_id: line.word(1).into(),
            generation_id_or_member_epoch: line.number("gen", -1),
            member_id: self.id(line.text("member")).into(),
            group_instance_id: line.text("instance").map(Into::into),
            retention_time_ms: line.number("retention", -1),
            topics: topics.collect(),
        };
        let step = self.shard.commit(&request, &asker, self.now_ms);
        self.show(step)
    }

    fn fetch(&mut self, line: &Line<'_>, wanted: &[&str]) -> String {
        let topics = wanted.iter().map(|text| {
            let line = Line::new(text);
            let name = line.word(0).to_owned().into();
            let partition_indexes = vec![line.number("p", 0)];
            OffsetFetchRequestTopics { name, partition_indexes, ..OffsetFetchRequestTopics::default() }
        });
        let topics: Vec<_> = topics.collect();
        let request = OffsetFetchRequestGroup {
            group_id: line.word(1).into(),
            member_id: line.text("member").map(|member| self.id(Some(member)).into()),
            member_epoch: line.number("epoch", -1),
            topics: (!topics.is_empty()).then_some(topics),
        };
        let answer = self.shard.fetch_offsets(&request);
        let mut shown = format!("{}\n", answer.error_code);
        for topic in &answer.topics {
            for partition in &topic.partitions {
                let (name, index, offset) =
                    (&topic.name, partition.partition_index, partition.committed_offset);
                let (epoch, metadata) = (partition.committed_leader_epoch, partition.metadata.as_deref());
                let _ = writeln!(shown, "{name}-{index} {offset} epoch={epoch} {metadata:?}");
            }
        }
        shown
    }

    fn delete_offsets(&mut self, line: &Line<'_>, wanted: &[&str]) -> String {
        let topics = wanted.iter().map(|text| {
            let line = Line::new(text);
            let partitions = vec![OffsetDeleteRequestPartition { partition_index: line.number("p", 0) }];
            OffsetDeleteRequestTopic { name: line.word(0).to_owned().into(), partitions }
        });
        let request = OffsetDeleteRequest { group_id: line.word(1).into(), topics: topics.collect() };
        let (records, answer) = self.shard.delete_offsets(&request);
        let mut shown = format!("{}\n", answer.error_code);
        for topic in &answer.topics {
            for partition in &topic.partitions {
                let _ =
                    writeln!(shown, "{}-{} {}", topic.name, partition.partition_index, partition.error_code);
            }
        }
        shown + &self.append(&records)
    }

    fn describe(&mut self, line: &Line<'_>) -> String {
        let group = self.shard.describe(line.word(1), line.number("v", 6));
        let mut shown = format!("{} {} ", group.error_code, group.group_state);
        let _ = writeln!(shown, "type={} protocol={}", group.protocol_type, group.protocol_data);
        for member in &group.members {
            let assignment = embedded::shown(&member.member_assignment);
            let _ = writeln!(shown, "{} {assignment}", member.member_id);
        }
        self.with_aliases(shown)
    }

    fn delete(&mut self, line: &Line<'_>) -> String {
        let (records, results) = self.shard.delete(&line.words[1..]);
        let shown: String =
            results.iter().map(|result| format!("{} {}\n", result.group_id, result.error_code)).collect();
        shown + &self.append(&records)
    }

    fn append(&mut self, records: &[Record]) -> String {
        let mut shown = String::new();
        for record in records {
            self.log.push(record.encode().unwrap());
            self.shard.appended(record);
            let _ = writeln!(shown, "+ {}", shown::record(record, &self.topics, self.now_ms));
        }
        self.with_aliases(shown)
    }

    fn show(&mut self, step: Step) -> String {
        let mut shown = String::new();
        self.stored = step.stored.or(self.stored.take());
        if let Some(asked) = &step.resolve {
            let (group, member) = (&asked.group, &asked.member);
            let _ = writeln!(shown, "? {group} {member} [{}]", asked.regexes.join(" "));
        }
        self.asked = step.resolve.or(self.asked.take());
        for (reply, answer) in &step.answers {
            let whom = char::from(u8::try_from(reply.0).unwrap());
            let _ = writeln!(shown, "{whom}: {}", self.shown_answer(answer));
        }
        for timer in &step.timers {
            if let TimerKey::Session { member, .. } = &timer.key {
                self.name(member);
            }
            let when = timer.at_ms.map_or("never".to_owned(), |at_ms| format!("+{}", at_ms - self.now_ms));
            let (what, group, member) = match &timer.key {
                TimerKey::Session { group, member } => ("session", group, Some(member)),
                TimerKey::Join { group } => ("join", group, None),
                TimerKey::Sync { group } => ("sync", group, None),
                TimerKey::Revocation { group, member } => ("revocation", group, Some(member)),
                TimerKey::MemberJoin { group, member } => ("member-join", group, Some(member)),
                TimerKey::MemberSync { group, member } => ("member-sync", group, Some(member)),
            };
            let member = member.map_or_else(String::new, |member| format!("{member} "));
            let _ = writeln!(shown, "timer {what} {group} {member}{when}");
        }
        for event in &step.events {
            let _ = match event {
                GroupEvent::RebalanceBegan { group, generation, cause } => {
                    writeln!(shown, "* {group} rebalances after generation {generation}: {cause}")
                }
                GroupEvent::Stable { group, generation, members } => {
                    writeln!(shown, "* {group} is stable in generation {generation} with {members}")
                }
                GroupEvent::MemberRemoved { group, member, cause } => {
                    writeln!(shown, "* {group} has lost {member}: {cause}")
                }
            };
        }
        let appended = self.append(&step.records);
        self.with_aliases(shown) + &appended
    }

    fn shown_answer(&mut self, answer: &Answer) -> String {
        match answer {
            Answer::Join(join) => {
                self.name(&join.member_id);
                let members: Vec<&str> = join.members.iter().map(|member| &*member.member_id).collect();
                let protocol = join.protocol_name.as_deref().unwrap_or("null");
                format!(
                    "join {} member={} gen={} protocol={protocol} leader={} members=[{}]{}",
                    join.error_code,
                    join.member_id,
                    join.generation_id,
                    join.leader,
                    members.join(" "),
                    if join.skip_assignment { " skip" } else { "" },
                )
            }
            Answer::Sync(sync) => {
                format!("sync {} {}", sync.error_code, embedded::shown(&sync.assignment))
            }
            Answer::Heartbeat(heartbeat) => format!("heartbeat {}", heartbeat.error_code),
            Answer::Leave(leave) => {
                let members = leave.members.iter().map(|member| {
                    let instance = member.group_instance_id.as_deref().unwrap_or("null");
                    format!(" {}/{instance}={}", member.member_id, member.error_code)
                });
                format!("leave {}{}", leave.error_code, members.collect::<String>())
            }
            Answer::ConsumerHeartbeat(beat) => self.shown_beat(beat),
            Answer::Commit(commit) => {
                let partitions = commit.topics.iter().flat_map(|topic| {
                    let shown = |partition: &protocol::messages::offset_commit_response::OffsetCommitResponsePartition| {
                        format!(" {}-{}={}", topic.name, partition.partition_index, partition.error_code)
                    };
                    topic.partitions.iter().map(shown)
                });
                format!("commit{}", partitions.collect::<String>())
            }
        }
    }

    /// Gives a member an alias that has got its id just now.
    fn name(&mut self, id: &str) {
        let is_made = id.len() > UUID_LENGTH || id.len() == SHORT_ID_LENGTH;
        if is_made && !self.members.values().any(|known| known == id) {
            self.members.insert(format!("m{}", self.members.len() + 1), id.to_owned());
        }
    }

    fn with_aliases(&self, text: String) -> String {
        self.members.iter().fold(text, |text, (alias, id)| text.replace(id, alias))
    }
}
