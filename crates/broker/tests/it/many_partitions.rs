//! Far more partitions than descriptors.

use std::collections::BTreeMap;

use crate::child;
use crate::client::{batch, fetch_of};
use crate::node::{Node, Setup};

const PARTITIONS: i32 = 10_000;
const DESCRIPTORS: usize = 1_024;
/// Bytes that an idle partition may cost, as the architecture promises it.
const IDLE_BYTES_MAX: usize = 2 * 1024;

fn open_descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

/// Files open now in the folders of the partitions of `topic`.
fn open_files_of(topic: &str) -> usize {
    let folder = format!("/{topic}-");
    let opened = std::fs::read_dir("/proc/self/fd").unwrap();
    // One that is closed meanwhile has no target any more.
    let targets = opened.filter_map(|entry| std::fs::read_link(entry.unwrap().path()).ok());
    targets.filter(|target| target.to_string_lossy().contains(&folder)).count()
}

fn limit_descriptors(count: usize) {
    let limit = rustix::process::Rlimit { current: Some(count as u64), maximum: Some(count as u64) };
    rustix::process::setrlimit(rustix::process::Resource::Nofile, limit).unwrap();
}

#[test]
fn a_fetch_of_more_partitions_than_descriptors_is_answered_in_parts_and_harms_nobody() {
    const PARTITIONS: i32 = 1_000;
    const DESCRIPTORS: usize = 256;
    const NAME: &str =
        "many_partitions::a_fetch_of_more_partitions_than_descriptors_is_answered_in_parts_and_harms_nobody";
    if child::ran(NAME) {
        return;
    }
    limit_descriptors(DESCRIPTORS);
    let folder = tempfile::tempdir().unwrap();
    let mut node = Setup { open_files_max: DESCRIPTORS / 2, ..Setup::new(folder.path()) }.start();
    let topic_id = node.create_topic("t", PARTITIONS, &[]);
    let mut client = node.connect();
    // Few records in each, which are copied; then more, which are sent from their files.
    for size in [100, 20_000] {
        for partition in 0..PARTITIONS {
            client.produce("t", partition, &batch(size, 1)).unwrap();
        }
    }
    // Readers that never read hold what their answers need.
    let all: Vec<(i32, i64)> = (0..PARTITIONS).map(|partition| (partition, 0)).collect();
    let mut greedy: Vec<_> = (0..20).map(|_| node.connect()).collect();
    for client in &mut greedy {
        let frames: Vec<u8> = (0..4).flat_map(|_| client.fetch_frame(&fetch_of(topic_id, &all))).collect();
        client.send(&frames);
    }
    // Everybody else gets everything, if in parts.
    let mut wanted: BTreeMap<i32, i64> = all.into_iter().collect();
    let mut answers = 0;
    while !wanted.is_empty() {
        let fetch: Vec<(i32, i64)> = wanted.iter().map(|(partition, offset)| (*partition, *offset)).collect();
        let answer = client.fetch(&fetch_of(topic_id, &fetch));
        assert!(answer.bytes() > 0 && answer.partitions.iter().all(|(_, error, _)| error.is_none()));
        for (partition, _, records) in &answer.partitions {
            let mut records = &records[..];
            while let Ok(Some(batch)) = records::next_batch(records) {
                wanted.insert(*partition, batch.next_offset());
                records = &records[batch.size()..];
            }
        }
        wanted.retain(|_, offset| *offset < 2);
        assert!(open_descriptors() < DESCRIPTORS);
        answers += 1;
    }
    println!("{answers} answers for {PARTITIONS} partitions with {DESCRIPTORS} descriptors");
    client.produce("t", 0, &batch(100, 3)).unwrap();
    assert!(!node.broker.log_dirs.iter().any(|log_dir| log_dir.is_offline()));
}

#[test]
fn ten_thousand_partitions_work_with_a_thousand_descriptors() {
    if child::ran("many_partitions::ten_thousand_partitions_work_with_a_thousand_descriptors") {
        return;
    }
    limit_descriptors(DESCRIPTORS);
    let folder = tempfile::tempdir().unwrap();
    let mut node = Setup { open_files_max: DESCRIPTORS / 2, ..Setup::new(folder.path()) }.start();
    // The first partitions bring what all have in common.
    node.create_topic("first", 100, &[]);
    let resident = child::resident_bytes();
    let topic_id = node.create_topic("t", PARTITIONS, &[]);
    let idle_bytes = (child::resident_bytes() - resident) / PARTITIONS as usize;
    println!("{idle_bytes} bytes of resident memory for an idle partition");
    assert!(idle_bytes <= IDLE_BYTES_MAX, "{idle_bytes} bytes for an idle partition");
    node.make_folders();
    assert_eq!(open_files_of("t"), 0, "a partition without records has no open file");
    let mut client = node.connect();
    for round in 0..2u8 {
        for partition in 0..PARTITIONS {
            assert_eq!(client.produce("t", partition, &batch(100, round)), Ok(i64::from(round)));
        }
        assert!(open_files_of("t") > 0 && open_descriptors() < DESCRIPTORS);
    }
    let size = batch(100, 0).len();
    for first in (0..PARTITIONS).step_by(100) {
        let wanted: Vec<(i32, i64)> = (first..first + 100).map(|partition| (partition, 0)).collect();
        let answer = client.fetch(&fetch_of(topic_id, &wanted));
        assert_eq!(answer.bytes(), 100 * 2 * size);
        assert!(answer.partitions.iter().all(|(_, error, _)| error.is_none()));
    }
    assert!(open_descriptors() < DESCRIPTORS);
    drop::<Node>(node);
}
