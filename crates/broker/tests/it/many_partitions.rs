//! Far more partitions than descriptors.

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

#[test]
fn ten_thousand_partitions_work_with_a_thousand_descriptors() {
    if child::ran("many_partitions::ten_thousand_partitions_work_with_a_thousand_descriptors") {
        return;
    }
    let limit =
        rustix::process::Rlimit { current: Some(DESCRIPTORS as u64), maximum: Some(DESCRIPTORS as u64) };
    rustix::process::setrlimit(rustix::process::Resource::Nofile, limit).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut node = Setup { open_files_max: DESCRIPTORS / 2, ..Setup::new(folder.path()) }.start();
    // The first partitions bring what all have in common.
    node.create_topic("first", 100, &[]);
    let (resident, descriptors) = (child::resident_bytes(), open_descriptors());
    let topic_id = node.create_topic("t", PARTITIONS, &[]);
    let idle_bytes = (child::resident_bytes() - resident) / PARTITIONS as usize;
    println!("{idle_bytes} bytes of resident memory for an idle partition");
    assert!(idle_bytes <= IDLE_BYTES_MAX, "{idle_bytes} bytes for an idle partition");
    assert_eq!(open_descriptors(), descriptors, "a partition without records has no open file");
    let mut client = node.connect();
    for round in 0..2u8 {
        for partition in 0..PARTITIONS {
            assert_eq!(client.produce("t", partition, &batch(100, round)), Ok(i64::from(round)));
        }
        assert!(open_descriptors() < DESCRIPTORS);
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
