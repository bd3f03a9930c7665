//! Who may commit and fetch offsets.

use std::cmp::Ordering;

use model::{ErrorCode, Uuid};

use super::ConsumerGroup;
use super::member::{Current, Member};

/// Members of the consumer protocol commit by this version or a later one.
const COMMIT_SINCE: i16 = 9;

/// Which partitions a commit may be for.
#[derive(Debug)]
pub enum CommitRule<'a> {
    /// All.
    Any,
    /// Those that the member has had since the epoch it commits in, at least.
    HeldSince {
        epoch: i32,
        current: &'a Current,
        /// What a commit for another partition is refused with.
        refusal: ErrorCode,
    },
}

impl CommitRule<'_> {
    /// Refuses a commit for a partition that may have been somebody else's since (KIP-1251).
    pub fn check(&self, topic: Uuid, partition: i32) -> Result<(), ErrorCode> {
        match self {
            CommitRule::Any => Ok(()),
            CommitRule::HeldSince { epoch, current, refusal } => {
                let assigned_in = current.assigned_in(topic, partition);
                if assigned_in.is_some_and(|assigned_in| assigned_in <= *epoch) {
                    Ok(())
                } else {
                    Err(*refusal)
                }
            }
        }
    }
}

impl ConsumerGroup {
    /// Whoever commits is a member, or nobody is in the group.
    pub fn check_commit(
        &self,
        member: &str,
        epoch: i32,
        api_version: i16,
    ) -> Result<CommitRule<'_>, ErrorCode> {
        if epoch < 0 && self.members.is_empty() {
            return Ok(CommitRule::Any);
        }
        let member = self.members.get(member).ok_or(ErrorCode::UNKNOWN_MEMBER_ID)?;
        if !member.is_classic() && api_version < COMMIT_SINCE {
            return Err(ErrorCode::UNSUPPORTED_VERSION);
        }
        let refusal = refusal(member);
        match epoch.cmp(&member.current.epoch) {
            Ordering::Equal => Ok(CommitRule::Any),
            Ordering::Greater => Err(refusal),
            Ordering::Less => Ok(CommitRule::HeldSince { epoch, current: &member.current, refusal }),
        }
    }

    /// Whoever fetches says nothing of itself, or is a member in its epoch.
    pub fn check_fetch(&self, member: Option<&str>, epoch: i32) -> Result<(), ErrorCode> {
        let Some(id) = member.or_else(|| (epoch >= 0).then_some("")) else { return Ok(()) };
        let member = self.members.get(id).ok_or(ErrorCode::UNKNOWN_MEMBER_ID)?;
        if member.current.epoch == epoch { Ok(()) } else { Err(refusal(member)) }
    }
}

/// What a member in another epoch is told, in its own protocol.
fn refusal(member: &Member) -> ErrorCode {
    if member.is_classic() { ErrorCode::ILLEGAL_GENERATION } else { ErrorCode::STALE_MEMBER_EPOCH }
}
