//! What clients are told where the records of a decision could not be stored.

use coordinator::Answer;
use model::ErrorCode;
use protocol::messages::{
    ConsumerGroupHeartbeatResponse, HeartbeatResponse, JoinGroupResponse, LeaveGroupResponse,
    OffsetCommitResponse, SyncGroupResponse,
};

/// The answer in place of `answer`.
pub fn instead_of(answer: Answer, code: ErrorCode) -> Answer {
    let error_code = of_group(code);
    match answer {
        Answer::Join(join) => Answer::Join(JoinGroupResponse {
            error_code,
            member_id: join.member_id,
            ..JoinGroupResponse::default()
        }),
        Answer::Sync(_) => Answer::Sync(SyncGroupResponse { error_code, ..SyncGroupResponse::default() }),
        Answer::Heartbeat(_) => {
            Answer::Heartbeat(HeartbeatResponse { error_code, ..HeartbeatResponse::default() })
        }
        Answer::Leave(_) => Answer::Leave(LeaveGroupResponse { error_code, ..LeaveGroupResponse::default() }),
        Answer::ConsumerHeartbeat(_) => Answer::ConsumerHeartbeat(ConsumerGroupHeartbeatResponse {
            error_code,
            ..ConsumerGroupHeartbeatResponse::default()
        }),
        Answer::Commit(commit) => Answer::Commit(commit_refused(commit, of_commit(code))),
    }
}

fn commit_refused(
    mut commit: OffsetCommitResponse<'static>,
    code: ErrorCode,
) -> OffsetCommitResponse<'static> {
    for partition in commit.topics.iter_mut().flat_map(|topic| &mut topic.partitions) {
        // Whatever was wrong with it before still is.
        if partition.error_code.is_none() {
            partition.error_code = code;
        }
    }
    commit
}

/// As members of a group are told.
pub fn of_group(code: ErrorCode) -> ErrorCode {
    match code {
        ErrorCode::MESSAGE_TOO_LARGE => ErrorCode::UNKNOWN_SERVER_ERROR,
        other => other,
    }
}

/// As those are told who commit offsets.
fn of_commit(code: ErrorCode) -> ErrorCode {
    match code {
        ErrorCode::MESSAGE_TOO_LARGE => ErrorCode::INVALID_COMMIT_OFFSET_SIZE,
        other => other,
    }
}
