//! Record bytes on their way out: straight from the file, read ahead where the file is cold.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use protocol::ApiKey;
use protocol::messages::ApiVersionsRequest;

use crate::appends::until;
use crate::child;
use crate::client::{FETCH, batch, fetch_of, fetched};
use crate::disk::HeldDisk;
use crate::node::{Node, Setup};

/// A topic of 2 MiB in batches of 16 KiB.
fn filled(node: &mut Node) -> (model::Uuid, Vec<u8>) {
    let topic_id = node.create_topic("t", 1, &[]);
    let mut client = node.connect();
    let mut values = Vec::new();
    for n in 0..128 {
        let sent = batch(16_000, n);
        client.produce("t", 0, &sent).unwrap();
        values.extend_from_slice(&sent[21..]);
    }
    (topic_id, values)
}

/// The bytes of a run of batches without what the broker stamps at the start of each.
fn unstamped(mut records: &[u8]) -> Vec<u8> {
    let mut rest = Vec::new();
    while let Ok(Some(batch)) = records::next_batch(records) {
        rest.extend_from_slice(&batch.bytes()[21..]);
        records = &records[batch.size()..];
    }
    rest
}

#[test]
fn old_records_go_from_the_file_to_the_socket() {
    let folder = tempfile::tempdir().unwrap();
    let mut node = Node::start(folder.path());
    let (topic_id, values) = filled(&mut node);
    let mut client = node.connect();
    let answer = client.fetch(&fetch_of(topic_id, &[(0, 0)]));
    assert_eq!(unstamped(&answer.partitions[0].2), values);
    until("the file's bytes are counted", || node.counts().sockets.file_bytes == answer.bytes() as u64);
    let counts = node.counts();
    assert!(counts.sockets.file_sends > 0);
    assert!(counts.sockets.sent_bytes < 128 * 100, "only answers' heads went through memory");
}

#[test]
fn the_kernel_is_seen_to_send_files() {
    const NAME: &str = "sending::the_kernel_is_seen_to_send_files";
    if child::strace().is_none() {
        println!("SKIP {NAME}: strace is not installed");
        return;
    }
    let trace = std::env::temp_dir().join(format!("sendfile-{}.trace", std::process::id()));
    let shown = trace.to_str().unwrap().to_owned();
    if child::ran_under(&["strace", "-f", "-qq", "-e", "trace=sendfile", "-o", &shown], NAME) {
        let calls = std::fs::read_to_string(&trace).unwrap();
        std::fs::remove_file(&trace).unwrap();
        // "PID sendfile(SOCKET, FILE, [POSITION] => [POSITION], COUNT) = SENT"; interrupted ones take two lines.
        let sent = calls.lines().filter_map(|line| line.rsplit_once(" = ")?.1.trim().parse::<usize>().ok());
        assert!(sent.sum::<usize>() > 128 * 16_000, "{calls}");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut node = Node::start(folder.path());
    let (topic_id, _) = filled(&mut node);
    let mut client = node.connect();
    assert!(client.fetch(&fetch_of(topic_id, &[(0, 0)])).bytes() > 128 * 16_000);
}

#[test]
fn records_that_left_the_page_cache_are_recognised_on_a_real_disk() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let mut node = Node::start(folder.path());
    let (topic_id, values) = filled(&mut node);
    let file = std::fs::File::open(folder.path().join("t-0/00000000000000000000.log")).unwrap();
    file.sync_all().unwrap();
    rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed).unwrap();
    let mut byte = [0];
    let mut parts = [std::io::IoSliceMut::new(&mut byte)];
    let flags = rustix::io::ReadWriteFlags::NOWAIT;
    if rustix::io::preadv2(&file, &mut parts, 0, flags) != Err(rustix::io::Errno::AGAIN) {
        println!("SKIP records_that_left_the_page_cache: this file system does not tell");
        return;
    }
    let mut client = node.connect();
    let answer = client.fetch(&fetch_of(topic_id, &[(0, 0)]));
    assert_eq!(unstamped(&answer.partitions[0].2), values);
    assert!(node.counts().cold_reads >= 1);
}

#[test]
fn a_removed_file_stays_open_until_its_last_send_ends() {
    let folder = tempfile::tempdir().unwrap();
    let mut node = Node::start(folder.path());
    let (topic_id, values) = filled(&mut node);
    let mut client = node.connect();
    // Larger than what sockets hold, so that a part of it is still to be sent from the file.
    let fetch = fetch_of(topic_id, &[(0, 0)]);
    let frames: Vec<u8> = (0..8).flat_map(|_| client.fetch_frame(&fetch)).collect();
    client.send(&frames);
    until("sending has begun", || node.counts().sockets.file_bytes > 0);
    node.delete_topic(topic_id);
    std::fs::remove_dir_all(
        std::fs::read_dir(folder.path())
            .unwrap()
            .flatten()
            .map(|entry| entry.path())
            .find(|path| path.to_string_lossy().ends_with("-delete"))
            .unwrap(),
    )
    .unwrap();
    let first = fetched(&client.receive(ApiKey::Fetch, FETCH));
    assert_eq!(unstamped(&first.partitions[0].2), values);
}

#[test]
fn a_cold_fetch_is_read_ahead_aside_while_the_core_serves_others() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Arc::new(HeldDisk::default());
    let mut node = Setup { cores: 1, disk: Arc::clone(&disk) as _, ..Setup::new(folder.path()) }.start();
    let (topic_id, values) = filled(&mut node);
    let (mut reader, mut other) = (node.connect(), node.connect());
    disk.read_ms.store(1_000, Ordering::SeqCst);
    disk.is_cold.store(true, Ordering::SeqCst);
    let frame = reader.fetch_frame(&fetch_of(topic_id, &[(0, 0)]));
    reader.send(&frame);
    until("the fetch is handed to a side thread", || node.counts().cold_reads == 1);
    for id in 1..=100 {
        let frame = other.frame(ApiKey::ApiVersions, 0, &ApiVersionsRequest::default());
        other.send(&frame);
        assert_eq!(other.receive(ApiKey::ApiVersions, 0).id, id);
    }
    assert!(
        disk.is_cold.load(Ordering::SeqCst),
        "a hundred requests were served during one read of the disk"
    );
    disk.read_ms.store(1, Ordering::SeqCst);
    let answer = fetched(&reader.receive(ApiKey::Fetch, FETCH));
    assert_eq!(unstamped(&answer.partitions[0].2), values);
    let cold_reads = node.counts().cold_reads;
    let again = reader.fetch(&fetch_of(topic_id, &[(0, 0)]));
    assert_eq!(again.bytes(), answer.bytes());
    assert_eq!(node.counts().cold_reads, cold_reads, "what is in memory is sent at once");
}
