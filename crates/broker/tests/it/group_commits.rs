//! Many commits of groups at once: appended together, seen by whoever asks behind them, and answered from stable
//! storage where that is asked for.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use model::ErrorCode;
use protocol::messages::ConsumerProtocolAssignment;
use protocol::messages::consumer_protocol_assignment::TopicPartition;
use protocol::{ApiKey, Writer};
use records::{Scratch, next_batch};

use crate::client::Client;
use crate::disk::HeldDisk;
use crate::groups::{
    COMMIT, FETCH_OFFSETS, LONG_MS, commit, commit_answer, commit_of, committed, fetched_offset, join,
    joined, member, node_with, offset_fetch_of, send, sync, synced,
};
use crate::node::Setup;

const COMMITS: i64 = 40;

/// Sends commits of the group `g` for the offsets 0 to 39, all at once, and then what `behind` says.
fn send_commits(client: &mut Client, behind: &[u8]) {
    let mut frames = Vec::new();
    for offset in 0..COMMITS {
        frames.extend(client.frame(ApiKey::OffsetCommit, COMMIT, &commit_of("g", "t", 0, offset)));
    }
    frames.extend(behind);
    client.send(&frames);
}

/// The offsets of each batch with commits, in the order of the log.
fn batches(folder: &Path) -> Vec<Vec<i64>> {
    let mut found = Vec::new();
    for index in 0..3 {
        let log = folder.join(format!("__consumer_offsets-{index}/{:020}.log", 0));
        let bytes = std::fs::read(log).unwrap_or_default();
        let mut rest = bytes.as_slice();
        while let Some(batch) = next_batch(rest).unwrap() {
            let mut scratch = Scratch::new();
            let records = scratch.records(&batch, 1 << 20).unwrap();
            // The offset comes behind the version of the value.
            let offset = |value: &[u8]| i64::from_be_bytes(value[2..10].try_into().unwrap());
            let offsets = records.map(|record| offset(record.unwrap().value.unwrap()));
            found.push(offsets.collect());
            rest = &rest[batch.size()..];
        }
    }
    found
}

#[test]
fn commits_that_come_together_are_appended_together_in_their_order() {
    let folder = tempfile::tempdir().unwrap();
    let (node, _) = node_with(folder.path(), &[]);
    let mut client = node.connect();
    send_commits(&mut client, &[]);
    (0..COMMITS).for_each(|_| assert_eq!(commit_answer(&mut client), ErrorCode::NONE));
    let batches = batches(folder.path());
    assert!(batches.len() < COMMITS as usize / 2, "{} batches", batches.len());
    assert_eq!(batches.concat(), (0..COMMITS).collect::<Vec<_>>());
}

#[test]
fn commits_are_appended_one_by_one_where_none_shall_wait() {
    let folder = tempfile::tempdir().unwrap();
    let (node, _) = node_with(folder.path(), &[("group.coordinator.append.linger.ms", "0")]);
    let mut client = node.connect();
    send_commits(&mut client, &[]);
    (0..COMMITS).for_each(|_| assert_eq!(commit_answer(&mut client), ErrorCode::NONE));
    let expected: Vec<_> = (0..COMMITS).map(|offset| vec![offset]).collect();
    assert_eq!(batches(folder.path()), expected);
}

#[test]
fn commits_of_several_connections_are_one_batch_while_they_linger() {
    let folder = tempfile::tempdir().unwrap();
    let (node, _) = node_with(folder.path(), &[("group.coordinator.append.linger.ms", "300")]);
    let mut clients = [node.connect(), node.connect(), node.connect()];
    for (client, offset) in clients.iter_mut().zip(0..) {
        send(client, ApiKey::OffsetCommit, COMMIT, &commit_of("g", "t", 0, offset));
    }
    clients.iter_mut().for_each(|client| assert_eq!(commit_answer(client), ErrorCode::NONE));
    let batches = batches(folder.path());
    assert!(batches.len() < clients.len(), "{batches:?}");
}

#[test]
fn who_asks_behind_commits_on_its_connection_sees_the_last_of_them() {
    let folder = tempfile::tempdir().unwrap();
    let (node, _) = node_with(folder.path(), &[("group.coordinator.append.linger.ms", "60000")]);
    let mut client = node.connect();
    let behind = client.frame(ApiKey::OffsetFetch, FETCH_OFFSETS, &offset_fetch_of("g"));
    send_commits(&mut client, &behind);
    (0..COMMITS).for_each(|_| assert_eq!(commit_answer(&mut client), ErrorCode::NONE));
    assert_eq!(fetched_offset(&mut client), Ok(COMMITS - 1));
}

#[test]
fn with_a_durable_policy_an_offset_is_told_once_it_is_on_stable_storage() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Arc::new(HeldDisk::default());
    let settings = [("flush.policy", "durable")];
    let mut node =
        Setup { disk: Arc::clone(&disk) as _, settings: &settings, ..Setup::new(folder.path()) }.start();
    node.create_topic("__consumer_offsets", 3, &[("cleanup.policy", "compact")]);
    node.create_topic("t", 2, &[]);
    let (mut writer, mut reader) = (node.connect(), node.connect());
    assert_eq!(commit(&mut writer, "g", "t", 0, 1), ErrorCode::NONE);
    assert_eq!(committed(&mut reader, "g"), Ok(1));
    disk.holds_syncs.store(true, Ordering::SeqCst);
    disk.close_gate();
    send(&mut writer, ApiKey::OffsetCommit, COMMIT, &commit_of("g", "t", 0, 2));
    disk.wait_for(1);
    send(&mut reader, ApiKey::OffsetFetch, FETCH_OFFSETS, &offset_fetch_of("g"));
    assert!(reader.is_silent_for(Duration::from_millis(200)));
    disk.open_gate();
    assert_eq!(commit_answer(&mut writer), ErrorCode::NONE);
    assert_eq!(fetched_offset(&mut reader), Ok(2));
}

fn assignment(partitions: &[i32]) -> Vec<u8> {
    let given = TopicPartition { topic: "t".into(), partitions: partitions.to_vec() };
    let value = ConsumerProtocolAssignment { assigned_partitions: vec![given], user_data: None };
    let mut writer = Writer::new();
    writer.i16(0);
    value.encode(&mut writer, 0).unwrap();
    writer.into_vec()
}

#[test]
fn a_rebalance_tells_how_many_partitions_went_from_one_member_to_another() {
    let folder = tempfile::tempdir().unwrap();
    let (node, _) = node_with(folder.path(), &[("group.initial.rebalance.delay.ms", "0")]);
    let (mut one, mut two) = (node.connect(), node.connect());
    let first = member(&mut one, LONG_MS);
    join(&mut one, &first, LONG_MS);
    let generation = joined(&mut one).generation_id;
    sync(&mut one, &first, generation, &[(&first, &assignment(&[0, 1]))]);
    assert_eq!(synced(&mut one).0, ErrorCode::NONE);
    let second = member(&mut two, LONG_MS);
    join(&mut two, &second, LONG_MS);
    join(&mut one, &first, LONG_MS);
    let generation = joined(&mut one).generation_id;
    assert_eq!(joined(&mut two).generation_id, generation);
    let assignments = [(&*first, &*assignment(&[0])), (&*second, &*assignment(&[1]))];
    sync(&mut one, &first, generation, &assignments);
    sync(&mut two, &second, generation, &[]);
    assert_eq!((synced(&mut one).0, synced(&mut two).0), (ErrorCode::NONE, ErrorCode::NONE));
    let rebalances = node.broker.rebalances("g");
    let moved: Vec<_> = rebalances.iter().map(|one| (one.members, one.moved)).collect();
    assert_eq!(moved, [(1, 0), (2, 1)]);
}
