//! The file `quorum-state`: the vote of this node, in Kafka's JSON.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use model::Uuid;
use partition_log::{RealDisk, replace_file};

use crate::membership::invalid;
use crate::peers::{node_id, raft_id};
use crate::types::{Vote, epoch_of, term_of};

fn path(dir: &Path) -> PathBuf {
    dir.join("quorum-state")
}

/// Replaces the vote. A granted vote names the candidate, a known leader names the leader; a vote for
/// ourselves carries our directory id, as KIP-853 wants it.
pub fn write(dir: &Path, vote: &Vote, own: (u64, Uuid)) -> io::Result<()> {
    let voted_for = vote.leader_id().voted_for();
    let id = voted_for.map_or(-1, node_id);
    let (leader_id, voted_id) = if vote.is_committed() { (id, -1) } else { (-1, id) };
    let directory = if voted_id >= 0 && voted_for == Some(own.0) { own.1 } else { Uuid::ZERO };
    let text = format!(
        "{{\"leaderId\":{leader_id},\"leaderEpoch\":{},\"votedId\":{voted_id},\"votedDirectoryId\":\"{directory}\",\"data_version\":1}}",
        epoch_of(vote.leader_id().get_term())
    );
    replace_file(&RealDisk, &path(dir), text.as_bytes())
}

/// The vote last written; `None` before the first.
pub fn read(dir: &Path) -> io::Result<Option<Vote>> {
    let text = match fs::read_to_string(path(dir)) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let number = |key: &str| {
        field(&text, key).ok_or_else(|| invalid(format!("quorum-state has no number {key}: {text}")))
    };
    let term = term_of(number("leaderEpoch")?);
    let (leader_id, voted_id) = (number("leaderId")?, number("votedId")?);
    let id = if leader_id >= 0 { leader_id } else { voted_id };
    if id < 0 {
        // Kafka has taken part in the term without voting; we may still vote in a later one.
        let leader_id = openraft::LeaderId { term, voted_for: None };
        return Ok((term > 0).then_some(Vote { leader_id, committed: false }));
    }
    let id = raft_id(id);
    Ok(Some(if leader_id >= 0 { Vote::new_committed(term, id) } else { Vote::new(term, id) }))
}

/// The number after `"key":` in a flat JSON object.
fn field(text: &str, key: &str) -> Option<i32> {
    let (_, after) = text.split_once(&format!("\"{key}\""))?;
    let after = after.trim_start().strip_prefix(':')?.trim_start();
    let end = after.find(|c: char| !(c.is_ascii_digit() || c == '-')).unwrap_or(after.len());
    after[..end].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn votes_read_back() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(read(dir.path()).unwrap(), None);
        for vote in [Vote::new(3, 2), Vote::new_committed(4, 1)] {
            write(dir.path(), &vote, (1, Uuid::ONE)).unwrap();
            assert_eq!(read(dir.path()).unwrap(), Some(vote));
        }
    }

    #[test]
    fn kafkas_file_is_understood() {
        let dir = tempfile::tempdir().unwrap();
        let text = "{\"leaderId\":1,\"leaderEpoch\":3,\"votedId\":-1,\"votedDirectoryId\":\"AAAAAAAAAAAAAAAAAAAAAA\",\"data_version\":1}";
        fs::write(dir.path().join("quorum-state"), text).unwrap();
        assert_eq!(read(dir.path()).unwrap(), Some(Vote::new_committed(3, 1)));
        write(dir.path(), &Vote::new_committed(3, 1), (1, Uuid::ONE)).unwrap();
        assert_eq!(fs::read_to_string(dir.path().join("quorum-state")).unwrap(), text);
        fs::write(dir.path().join("quorum-state"), "{}").unwrap();
        assert!(read(dir.path()).is_err());
    }
}
