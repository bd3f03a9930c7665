//! DescribeUserScramCredentials 0 and AlterUserScramCredentials 0.

use protocol::messages::alter_user_scram_credentials_request::{
    ScramCredentialDeletion, ScramCredentialUpsertion,
};
use protocol::messages::describe_user_scram_credentials_request::UserName;
use protocol::messages::{AlterUserScramCredentialsRequest, DescribeUserScramCredentialsRequest};

use super::Row;
use crate::session::{Session, Stopped};

/// The cases.
pub const CASES: &[Row] = &[("AlterUserScramCredentials", alter), ("DescribeUserScramCredentials", describe)];

fn ask(
    session: &mut Session,
    deletions: &[(&str, i8)],
    upsertions: &[(&str, i8, i32)],
) -> Result<(), Stopped> {
    let deletion = |(name, mechanism): &(&str, i8)| ScramCredentialDeletion {
        name: (*name).to_owned().into(),
        mechanism: *mechanism,
    };
    let upsertion = |(name, mechanism, iterations): &(&str, i8, i32)| ScramCredentialUpsertion {
        name: (*name).to_owned().into(),
        mechanism: *mechanism,
        iterations: *iterations,
        salt: b"salted".into(),
        salted_password: [7; 32].as_slice().to_vec().into(),
    };
    session.note(format!("delete {deletions:?}, set {upsertions:?}"));
    let request = AlterUserScramCredentialsRequest {
        deletions: deletions.iter().map(deletion).collect(),
        upsertions: upsertions.iter().map(upsertion).collect(),
    };
    session.ask_sorted(0, &request, |response| {
        response.results.sort_by(|one, other| one.user.cmp(&other.user));
    })?;
    Ok(())
}

/// The credentials of those users, or of all.
pub fn show(session: &mut Session, users: Option<&[&str]>) -> Result<(), Stopped> {
    session.settle()?;
    session.note(format!("of {users:?}"));
    let named = |name: &&str| UserName { name: (*name).to_owned().into() };
    let users = users.map(|users| users.iter().map(named).collect());
    session.ask_sorted(0, &DescribeUserScramCredentialsRequest { users }, |response| {
        response.results.sort_by(|one, other| one.user.cmp(&other.user));
        for result in &mut response.results {
            result.credential_infos.sort_by_key(|info| info.mechanism);
        }
    })?;
    Ok(())
}

fn alter(session: &mut Session) -> Result<(), Stopped> {
    show(session, None)?;
    ask(session, &[], &[])?;
    ask(session, &[("alice", 1)], &[])?;
    ask(session, &[], &[("alice", 1, 4096), ("bob", 2, 16384)])?;
    show(session, None)?;
    ask(session, &[], &[("alice", 1, 8192)])?;
    ask(session, &[], &[("alice", 2, 5000)])?;
    show(session, None)?;
    for (mechanism, iterations) in [(1, 4095), (1, 16385), (2, 0), (2, -1), (0, 4096), (3, 4096), (-1, 4096)]
    {
        ask(session, &[], &[("carol", mechanism, iterations)])?;
    }
    ask(session, &[], &[("", 1, 4096)])?;
    ask(session, &[("", 1), ("nobody", 1), ("alice", 9)], &[("carol", 1, 4096)])?;
    ask(session, &[("alice", 1), ("alice", 2)], &[])?;
    ask(session, &[], &[("dave", 1, 4096), ("dave", 2, 4096), ("dave", 1, 4096)])?;
    ask(session, &[("alice", 1)], &[("alice", 1, 4096), ("erin", 1, 4096)])?;
    ask(session, &[("nobody", 1)], &[("nobody", 1, 4096)])?;
    show(session, None)?;
    session.note("a salted password of no bytes");
    let empty = ScramCredentialUpsertion {
        name: "empty".into(),
        mechanism: 1,
        iterations: 4096,
        ..ScramCredentialUpsertion::default()
    };
    let request = AlterUserScramCredentialsRequest { upsertions: vec![empty], ..Default::default() };
    session.ask(0, &request)?;
    ask(session, &[("alice", 1), ("bob", 1)], &[])?;
    show(session, None)
}

fn describe(session: &mut Session) -> Result<(), Stopped> {
    ask(session, &[], &[("frank", 1, 4096)])?;
    ask(session, &[], &[("frank", 2, 4097), ("grace", 2, 4098)])?;
    for users in [
        &["frank"] as &[&str],
        &["grace", "frank"],
        &["frank", "frank"],
        &["frank", "nobody", "grace", "nobody"],
        &["nobody"],
        &[""],
        &[],
    ] {
        show(session, Some(users))?;
    }
    Ok(())
}
