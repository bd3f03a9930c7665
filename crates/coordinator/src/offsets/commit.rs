//! OffsetCommit.

use model::ErrorCode;
use protocol::messages::offset_commit_response::{OffsetCommitResponsePartition, OffsetCommitResponseTopic};
use protocol::messages::{OffsetCommitRequest, OffsetCommitResponse};

use super::CommittedOffset;
use crate::group::Group;
use crate::group::classic::{ClassicGroup, State, Turn};
use crate::group::consumer::CommitRule;
use crate::record::Record;
use crate::settings::GroupSettings;
use crate::shard::{Asker, GroupShard, group_or_begin};
use crate::step::{Answer, Step};

/// Who commits to a group that is not there is told so from this version on.
const GROUP_NOT_FOUND_TOLD_SINCE: i16 = 9;
/// Stands for the broker's own retention.
const RETENTION_OF_BROKER: i64 = -1;

impl GroupShard {
    /// OffsetCommit; topics that are unknown or not allowed are the host's to refuse, and it names both name and id of
    /// every topic.
    pub fn commit(&mut self, request: &OffsetCommitRequest<'_>, asker: &Asker<'_>, now_ms: i64) -> Step {
        let mut step = Step::default();
        let id = &*request.group_id;
        let epoch = request.generation_id_or_member_epoch;
        if epoch < 0 && !self.groups.contains_key(id) {
            group_or_begin(&mut self.groups, id, now_ms);
        }
        let rule = match self.groups.get_mut(id) {
            Some(Group::Classic(group)) => {
                let mut turn = self.rules.classic(now_ms, &mut step);
                group.check_commit(request, &mut turn).map(|()| CommitRule::Any)
            }
            Some(Group::Consumer(group)) => group.check_commit(&request.member_id, epoch, asker.api_version),
            None if asker.api_version >= GROUP_NOT_FOUND_TOLD_SINCE => Err(ErrorCode::GROUP_ID_NOT_FOUND),
            None => Err(ErrorCode::ILLEGAL_GENERATION),
        };
        let (records, response) =
            match rule.and_then(|rule| check_partitions(request, &rule, &self.rules.settings)) {
                Ok(()) => committed(request, &self.rules.settings, asker.wall_ms),
                Err(error) => (Vec::new(), answered(request, |_| error)),
            };
        step.records = records;
        step.answer(asker.reply, Answer::Commit(response));
        step
    }
}

/// One partition that the member may not commit for refuses them all; one with too much beside its offset is refused
/// alone, whosever it is.
fn check_partitions(
    request: &OffsetCommitRequest<'_>,
    rule: &CommitRule<'_>,
    settings: &GroupSettings,
) -> Result<(), ErrorCode> {
    for topic in &request.topics {
        let fitting = topic.partitions.iter().filter(|partition| {
            !is_too_long(partition.committed_metadata.as_deref().unwrap_or_default(), settings)
        });
        for partition in fitting {
            rule.check(topic.topic_id, partition.partition_index)?;
        }
    }
    Ok(())
}

fn is_too_long(metadata: &str, settings: &GroupSettings) -> bool {
    metadata.encode_utf16().count() > settings.offset_metadata_max
}

fn committed(
    request: &OffsetCommitRequest<'_>,
    settings: &GroupSettings,
    now_ms: i64,
) -> (Vec<Record>, OffsetCommitResponse<'static>) {
    let mut records = Vec::new();
    for topic in &request.topics {
        for partition in &topic.partitions {
            let metadata = partition.committed_metadata.as_deref().unwrap_or_default();
            if is_too_long(metadata, settings) {
                continue;
            }
            let expires_at_ms = (request.retention_time_ms != RETENTION_OF_BROKER)
                .then(|| now_ms.saturating_add(request.retention_time_ms));
            let committed = CommittedOffset {
                offset: partition.committed_offset,
                leader_epoch: partition.committed_leader_epoch,
                metadata: metadata.to_owned(),
                commit_timestamp_ms: now_ms,
                expires_at_ms,
                topic_id: topic.topic_id,
            };
            let record =
                Record::offset(&request.group_id, &topic.name, partition.partition_index, &committed);
            records.push(record);
        }
    }
    let verdict = |metadata: &str| match is_too_long(metadata, settings) {
        true => ErrorCode::OFFSET_METADATA_TOO_LARGE,
        false => ErrorCode::NONE,
    };
    (records, answered(request, verdict))
}

/// The answer, with an error for each partition by what stands beside its offset.
fn answered(
    request: &OffsetCommitRequest<'_>,
    verdict: impl Fn(&str) -> ErrorCode,
) -> OffsetCommitResponse<'static> {
    let topics = request.topics.iter().map(|topic| {
        let partitions = topic.partitions.iter().map(|partition| OffsetCommitResponsePartition {
            partition_index: partition.partition_index,
            error_code: verdict(partition.committed_metadata.as_deref().unwrap_or_default()),
        });
        OffsetCommitResponseTopic {
            name: topic.name.to_string().into(),
            topic_id: topic.topic_id,
            partitions: partitions.collect(),
        }
    });
    OffsetCommitResponse { topics: topics.collect(), ..OffsetCommitResponse::default() }
}

impl ClassicGroup {
    /// True for whoever may commit: a member of this generation, or anybody where the group has none.
    fn check_commit(
        &mut self,
        request: &OffsetCommitRequest<'_>,
        turn: &mut Turn<'_>,
    ) -> Result<(), ErrorCode> {
        let (member, generation) = (&*request.member_id, request.generation_id_or_member_epoch);
        let instance = request.group_instance_id.as_deref();
        if generation < 0 && self.state == State::Empty {
            return Ok(());
        }
        if generation < 0 && member.is_empty() && instance.is_none() {
            if self.state != State::Empty {
                return Err(ErrorCode::UNKNOWN_MEMBER_ID);
            }
        } else {
            self.check_member(member, instance)?;
            self.check_generation(generation)?;
        }
        match self.state {
            State::CompletingRebalance => return Err(ErrorCode::REBALANCE_IN_PROGRESS),
            // A commit shows that the member lives.
            State::Stable | State::PreparingRebalance { .. } => self.touch_session(member, turn),
            State::Empty => {}
        }
        Ok(())
    }
}
