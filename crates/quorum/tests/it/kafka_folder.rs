//! A metadata log that Apache Kafka 4.3.1 wrote opens and goes on.

use std::fs;
use std::path::{Path, PathBuf};

use metadata::Image;
use model::ErrorCode;

use crate::client::{create_topic, start_lone, wait_for};

fn copy(name: &str, dir: &Path) {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("testdata").join(name);
    let target = dir.join("__cluster_metadata-0");
    fs::create_dir_all(&target).unwrap();
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), target.join(entry.file_name())).unwrap();
    }
}

#[test]
fn its_topics_are_there_and_new_records_follow_its_own() {
    let dir = tempfile::tempdir().unwrap();
    copy("kafka-4.3.1", dir.path());
    let node = start_lone(dir.path());
    wait_for("its image", || {
        node.images().borrow().topics.get("x").is_some_and(|topic| topic.partition_count() == 2)
    });
    let before: Image = (**node.images().borrow()).clone();
    let broker = before.brokers.get(&1).unwrap();
    assert_eq!(before.metadata_version(), 30);
    assert_eq!(before.topics.get("x").unwrap().partition(0).unwrap().replicas, [1]);
    let epoch = broker.epoch;
    let fresh = crate::client::register(&node, 9);
    assert!(fresh > epoch && fresh > before.applied_offset);
    assert_eq!(create_topic(&node, "y"), Ok(ErrorCode::NONE));
    let after: Image = (**node.images().borrow()).clone();
    node.shutdown();
    let node = start_lone(dir.path());
    wait_for("the same image", || **node.images().borrow() == after);
}

/// A folder begun here, in which Kafka then created topics and took snapshots of its own.
#[test]
fn a_folder_that_kafka_went_on_with_comes_back() {
    let dir = tempfile::tempdir().unwrap();
    copy("kafka-went-on", dir.path());
    for round in 0..2 {
        let node = start_lone(dir.path());
        wait_for("its image", || node.images().borrow().topics.len() == 36 + round);
        let image: Image = (**node.images().borrow()).clone();
        assert_eq!(image.topics.get("topic-7").unwrap().partition_count(), 2);
        assert_eq!(image.topics.get("k6").unwrap().partition_count(), 20);
        assert!(image.applied_offset >= 784);
        crate::client::register(&node, 9);
        assert_eq!(create_topic(&node, &format!("round-{round}")), Ok(ErrorCode::NONE));
        node.shutdown();
    }
}
