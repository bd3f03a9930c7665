//! Groups after a start: their records are read aside, and what asks for them meanwhile is told to come again.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use model::ErrorCode;
use records::{Scratch, next_batch};

use crate::appends::until;
use crate::client::{Client, batch};
use crate::disk::HeldDisk;
use crate::groups::{LONG_MS, commit, committed, heartbeat, join, joined};
use crate::node::{Node, Setup};

const GROUPS: i64 = 40;
/// Commits of each group before the start.
const COMMITS: i64 = 10;

fn start(folder: &Path, disk: &Arc<HeldDisk>, settings: &[(&str, &str)]) -> Node {
    let mut node = Setup { settings, disk: Arc::clone(disk) as _, ..Setup::new(folder) }.start();
    node.create_topic("__consumer_offsets", 3, &[]);
    node.create_topic("t", 1, &[]);
    node
}

fn group(number: i64) -> String {
    format!("group-{number}")
}

/// Has each group commit several times; each ends with an offset of its own.
fn fill(folder: &Path) {
    let node = start(folder, &Arc::default(), &[]);
    let mut client = node.connect();
    for number in 0..GROUPS {
        for behind in (0..COMMITS).rev() {
            let offset = 1000 * number + 500 - behind;
            assert_eq!(commit(&mut client, &group(number), "t", 0, offset), ErrorCode::NONE);
        }
    }
}

fn wait_until_loaded(client: &mut Client) {
    for number in 0..GROUPS {
        let mut found = Err(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS);
        until("the groups are loaded", || {
            found = committed(client, &group(number));
            found != Err(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS)
        });
        assert_eq!(found, Ok(1000 * number + 500));
    }
}

#[test]
fn who_asks_for_a_group_that_is_being_loaded_is_told_so_and_all_others_are_served() {
    let folder = tempfile::tempdir().unwrap();
    fill(folder.path());
    let disk = Arc::new(HeldDisk::default());
    disk.holds_loading.store(true, Ordering::SeqCst);
    disk.close_gate();
    let node = start(folder.path(), &disk, &[]);
    let mut client = node.connect();
    let loading = ErrorCode::COORDINATOR_LOAD_IN_PROGRESS;
    for number in 0..GROUPS {
        assert_eq!(committed(&mut client, &group(number)), Err(loading));
        assert_eq!(commit(&mut client, &group(number), "t", 0, 1), loading);
    }
    join(&mut client, "", LONG_MS);
    assert_eq!(joined(&mut client).error_code, loading);
    // A member has nothing to do about it.
    assert_eq!(heartbeat(&mut client, "somebody", 1), ErrorCode::NONE);
    assert_eq!(client.produce("t", 0, &batch(10, 1)), Ok(0));
    disk.open_gate();
    wait_until_loaded(&mut client);
    // What was refused has left nothing behind, and what comes now counts.
    assert_eq!(commit(&mut client, &group(1), "t", 0, 9_999), ErrorCode::NONE);
    assert_eq!(committed(&mut client, &group(1)), Ok(9_999));
}

/// How often the disk was asked until all groups were there.
fn reads_with(folder: &Path, load_bytes: &str) -> usize {
    let disk = Arc::new(HeldDisk::default());
    let node = start(folder, &disk, &[("offsets.load.buffer.size", load_bytes)]);
    wait_until_loaded(&mut node.connect());
    disk.reads.load(Ordering::SeqCst)
}

#[test]
fn no_more_is_read_at_once_to_load_groups_than_is_set_and_nothing_is_lost_at_the_seams() {
    let folder = tempfile::tempdir().unwrap();
    fill(folder.path());
    let batches = usize::try_from(GROUPS * COMMITS).unwrap();
    let at_once = reads_with(folder.path(), "10000000");
    // Between two and three batches: the last of each piece is cut.
    let in_pieces = reads_with(folder.path(), "400");
    let one_by_one = reads_with(folder.path(), "1");
    assert!(
        at_once + batches / 4 < in_pieces && in_pieces < one_by_one,
        "{at_once} {in_pieces} {one_by_one}"
    );
    assert!(at_once + batches - 3 <= one_by_one, "{at_once} {one_by_one}");
}

/// CRC-32 as messages before batches have it.
fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32, byte: &u8| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xEDB8_8320 * (crc & 1)))
    };
    !bytes.iter().fold(!0, step)
}

fn message(offset: i64, key: &[u8], value: &[u8]) -> Vec<u8> {
    // Magic 1, no attributes, and a timestamp that does not matter.
    let mut body = vec![1, 0, 0, 0, 0, 0, 0, 0, 0, 1];
    for field in [key, value] {
        body.extend((field.len() as i32).to_be_bytes());
        body.extend(field);
    }
    let size = (body.len() + 4) as i32;
    [&offset.to_be_bytes()[..], &size.to_be_bytes(), &crc32(&body).to_be_bytes(), &body].concat()
}

/// Has the records of a log file in the format of messages.
fn as_messages(batches: &[u8]) -> Vec<u8> {
    let (mut messages, mut scratch, mut rest) = (Vec::new(), Scratch::new(), batches);
    while let Some(batch) = next_batch(rest).unwrap() {
        for record in scratch.records(&batch, 1 << 20).unwrap() {
            let record = record.unwrap();
            messages.extend(message(record.offset, record.key.unwrap(), record.value.unwrap()));
        }
        rest = &rest[batch.size()..];
    }
    messages
}

#[test]
fn groups_that_a_broker_before_batches_has_left_are_loaded() {
    let folder = tempfile::tempdir().unwrap();
    fill(folder.path());
    for index in 0..3 {
        let file =
            |ending: &str| folder.path().join(format!("__consumer_offsets-{index}/{:020}.{ending}", 0));
        let messages = as_messages(&std::fs::read(file("log")).unwrap());
        std::fs::write(file("log"), messages).unwrap();
        // One that is there would be of the batches.
        ["index", "timeindex"].iter().for_each(|ending| _ = std::fs::remove_file(file(ending)));
    }
    let node = start(folder.path(), &Arc::default(), &[]);
    wait_until_loaded(&mut node.connect());
}
