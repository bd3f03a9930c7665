//! Commands about groups of the consumer protocol.

use std::fmt::Write;

use coordinator::{GroupFilter, GroupOverrides, MigrationPolicy, Resolution, TopicChanges};
use protocol::messages::consumer_group_describe_response as described;
use protocol::messages::consumer_group_heartbeat_request::TopicPartitions;
use protocol::messages::{ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse};
use scripts::Line;

use super::{World, shown};

impl World {
    /// `topic NAME partitions=N`, or `topic NAME gone`.
    pub(super) fn topic(&mut self, line: &Line<'_>) -> String {
        let name = line.word(1);
        self.version += 1;
        self.topics.racks =
            line.text("racks").map_or_else(Vec::new, |racks| racks.split(',').map(str::to_owned).collect());
        let has_created = match line.has("gone") {
            false => self.topics.put(name, line.number("partitions", 1)),
            true => {
                self.topics.remove(name);
                false
            }
        };
        let changes = TopicChanges { names: &[name], has_created, version: self.version };
        self.shard.topics_changed(&changes);
        String::new()
    }

    pub(super) fn group_config(&mut self, line: &Line<'_>) -> String {
        let number = |key: &str| line.text(key).map(|_| line.number(key, 0));
        let overrides = GroupOverrides {
            session_timeout_ms: number("session"),
            heartbeat_interval_ms: number("heartbeat"),
            assignment_interval_ms: number("assignment"),
        };
        self.shard.follow_group(line.word(1), overrides);
        String::new()
    }

    pub(super) fn set_consumer(&mut self, line: &Line<'_>) {
        let settings = &mut self.settings.consumer;
        settings.size_max = line.number("consumer-size", settings.size_max);
        settings.regex_refresh_interval_ms = line.number("regex-refresh", settings.regex_refresh_interval_ms);
        settings.assignment_interval_ms.default =
            line.number("assignment", settings.assignment_interval_ms.default);
        settings.migration = match line.text("migration") {
            None => settings.migration,
            Some("disabled") => MigrationPolicy::Disabled,
            Some("upgrade") => MigrationPolicy::Upgrade,
            Some("downgrade") => MigrationPolicy::Downgrade,
            Some("bidirectional") => MigrationPolicy::Bidirectional,
            Some(other) => panic!("no policy {other}"),
        };
    }

    /// ConsumerGroupHeartbeat. Lists are `names=a,b` and `owned=t:0+1,u:2`, `-` for an empty one; who joins says all.
    pub(super) fn beat(&mut self, line: &Line<'_>) -> String {
        let mut asker = self.asker(line);
        asker.api_version = line.version(1);
        let member_epoch = line.number("epoch", 0);
        let joins = member_epoch == 0;
        let owned = line.text("owned").or(joins.then_some("-"));
        let request = ConsumerGroupHeartbeatRequest {
            group_id: line.word(1).replace('-', "").into(),
            member_id: self.id(line.text("member")).into(),
            member_epoch,
            instance_id: line.text("instance").map(|name| name.replace('~', " ").into()),
            rack_id: line.text("rack").map(Into::into),
            rebalance_timeout_ms: line.number("rebalance", if joins { 60_000 } else { -1 }),
            subscribed_topic_names: line.text("names").map(|names| list(names).map(Into::into).collect()),
            subscribed_topic_regex: line.text("regex").map(|regex| regex.trim_matches('-').into()),
            server_assignor: line.text("assignor").map(Into::into),
            topic_partitions: owned.filter(|owned| *owned != "null").map(|owned| self.owned(owned)),
        };
        let step = self.shard.consumer_heartbeat(&request, &asker, self.now_ms, &self.topics);
        self.show(step)
    }

    fn owned(&self, text: &str) -> Vec<TopicPartitions> {
        let topic = |text: &str| {
            let (name, indexes) = text.split_once(':').unwrap();
            let partitions = indexes.split('+').map(|index| index.parse().unwrap()).collect();
            TopicPartitions { topic_id: self.topics.id(name), partitions }
        };
        list(text).map(topic).collect()
    }

    pub(super) fn shown_beat(&mut self, beat: &ConsumerGroupHeartbeatResponse<'_>) -> String {
        let Some(member) = &beat.member_id else {
            return format!("beat {} {}", beat.error_code, beat.error_message.as_deref().unwrap_or("-"));
        };
        self.name(member);
        let assignment = beat.assignment.as_ref().map_or_else(
            || "-".to_owned(),
            |assignment| {
                let each = assignment.topic_partitions.iter();
                shown::partitions(each.map(|topic| (topic.topic_id, &topic.partitions[..])), &self.topics)
            },
        );
        let (code, epoch, every) = (beat.error_code, beat.member_epoch, beat.heartbeat_interval_ms);
        format!("beat {code} {member} epoch={epoch} every={every} {assignment}")
    }

    /// The host finds out what it was asked for last, at `took` milliseconds.
    pub(super) fn resolve(&mut self, line: &Line<'_>) -> String {
        let Some(asked) = self.asked.take() else { return "nothing was asked\n".to_owned() };
        let found = asked.regexes.into_iter().map(|regex| {
            let topics = self.topics.matching(&regex);
            (regex, topics)
        });
        let found = found.collect();
        let resolution = Resolution { found, version: self.version, at_ms: self.now_ms };
        let resolution = (!line.has("failed")).then_some(resolution);
        let step = self.shard.regexes_resolved(&asked.group, resolution, self.now_ms, &self.topics);
        self.show(step)
    }

    pub(super) fn describe_consumer(&mut self, line: &Line<'_>) -> String {
        let group = self.shard.describe_consumer(line.word(1), &self.topics);
        if let Some(message) = &group.error_message {
            return format!("{} {message}\n", group.error_code);
        }
        let mut text = format!(
            "{} epoch={} target={} {}\n",
            group.group_state, group.group_epoch, group.assignment_epoch, group.assignor_name
        );
        for member in &group.members {
            let kind = if member.member_type == 0 { " classic" } else { "" };
            let _ = writeln!(
                text,
                "{} epoch={}{kind} {} target={}",
                member.member_id,
                member.member_epoch,
                self.shown_assignment(&member.assignment),
                self.shown_assignment(&member.target_assignment)
            );
        }
        self.with_aliases(text)
    }

    fn shown_assignment(&self, assignment: &described::Assignment<'_>) -> String {
        let each = assignment.topic_partitions.iter();
        shown::partitions(each.map(|topic| (topic.topic_id, &topic.partitions[..])), &self.topics)
    }

    pub(super) fn list(&mut self, line: &Line<'_>) -> String {
        let (states, types): (Vec<&str>, Vec<&str>) =
            (line.text("state").into_iter().collect(), line.text("type").into_iter().collect());
        let mut groups = self.shard.list(GroupFilter { states: &states, types: &types });
        groups.sort_by(|a, b| a.group_id.cmp(&b.group_id));
        let shown = groups.iter().map(|group| {
            let (id, kind) = (&group.group_id, &group.group_type);
            format!("{id} {kind} {} {}\n", group.group_state, group.protocol_type)
        });
        shown.collect()
    }
}

/// What stands between commas; `-` is nothing.
fn list(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').filter(|part| !part.is_empty() && *part != "-")
}
