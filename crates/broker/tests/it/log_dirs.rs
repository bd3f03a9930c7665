//! Several log directories: where partitions lie, what a failed one answers, what a start finds in them.

use std::fs;
use std::path::Path;

use broker::housekeeping;
use model::{ErrorCode, Uuid};
use protocol::messages::{DescribeLogDirsRequest, DescribeLogDirsResponse};
use protocol::{ApiKey, Reader};

use crate::client::{batch, fetch_of};
use crate::node::{BROKER, Node, Setup};

fn start(folder: &Path, more: &[&Path]) -> Node {
    Setup { more_folders: more, ..Setup::new(folder) }.start()
}

fn names(folder: &Path) -> Vec<String> {
    let entries =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = entries.collect();
    names.sort();
    names
}

fn partition_folder(dir: &Path, name: &str, id: Option<Uuid>) {
    fs::create_dir_all(dir.join(name)).unwrap();
    if let Some(id) = id {
        let text = format!("version: 0\ntopic_id: {id}");
        fs::write(dir.join(name).join("partition.metadata"), text).unwrap();
    }
}

#[test]
fn a_failed_directory_answers_storage_errors_and_the_others_go_on() {
    let root = tempfile::tempdir().unwrap();
    let (one, two) = (root.path().join("one"), root.path().join("two"));
    let mut node = start(&one, &[&two]);
    let topic_id = node.create_topic("t", 4, &[]);
    node.make_folders();
    let is_in_two = |index: i32| two.join(format!("t-{index}")).is_dir();
    assert_eq!((0..4).filter(|index| is_in_two(*index)).count(), 2);
    let mut client = node.connect();
    for index in 0..4 {
        assert_eq!(client.produce("t", index, &batch(100, 1)), Ok(0));
    }
    node.broker.log_dirs.iter().nth(1).unwrap().home.take_offline("a test");
    for index in 0..4 {
        let expected = if is_in_two(index) { Err(ErrorCode::KAFKA_STORAGE_ERROR) } else { Ok(1) };
        assert_eq!(client.produce("t", index, &batch(100, 1)), expected, "{index}");
        let fetched = client.fetch(&fetch_of(topic_id, &[(index, 0)]));
        assert_eq!(fetched.partitions[0].1, expected.err().unwrap_or(ErrorCode::NONE), "{index}");
    }
    assert_eq!(node.broker.log_dirs.online_ids(), [Uuid([7; 16])]);
    assert_eq!(node.broker.log_dirs.offline_ids(), [Uuid([8; 16])]);
}

#[test]
fn new_partitions_keep_away_from_directories_cordoned_now() {
    let root = tempfile::tempdir().unwrap();
    let (one, two) = (root.path().join("one"), root.path().join("two"));
    let dirs = format!("{},{}", one.display(), two.display());
    let mut node = Setup {
        settings: &[("log.dirs", &dirs), ("cordoned.log.dirs", one.to_str().unwrap())],
        more_folders: &[&two],
        ..Setup::new(&one)
    }
    .start();
    let places = |topic: &str| -> Vec<bool> {
        (0..4).map(|index| two.join(format!("{topic}-{index}")).is_dir()).collect()
    };
    node.create_topic("t", 4, &[]);
    node.make_folders();
    assert_eq!(places("t"), [true; 4]);
    node.configure(BROKER, "1", "cordoned.log.dirs", Some(two.to_str().unwrap()));
    node.create_topic("u", 4, &[]);
    node.make_folders();
    assert_eq!(places("u"), [false; 4]);
    // What the cluster places here all the same has to lie somewhere.
    node.configure(BROKER, "1", "cordoned.log.dirs", Some("*"));
    node.create_topic("v", 4, &[]);
    node.make_folders();
    assert_eq!(places("v").iter().filter(|is_in_two| **is_in_two).count(), 2);
    assert_eq!(cordoned(&node), [true, true]);
    node.configure(BROKER, "1", "cordoned.log.dirs", Some(""));
    assert_eq!(cordoned(&node), [false, false]);
}

/// What clients are told of the directories.
fn cordoned(node: &Node) -> Vec<bool> {
    let mut client = node.connect();
    let frame = client.frame(ApiKey::DescribeLogDirs, 5, &DescribeLogDirsRequest::default());
    client.send(&frame);
    let answer = client.receive(ApiKey::DescribeLogDirs, 5);
    let response = DescribeLogDirsResponse::decode(&mut Reader::new(&answer.body), 5).unwrap();
    response.results.iter().map(|dir| dir.is_cordoned).collect()
}

#[test]
fn a_partition_that_may_lie_in_a_failed_directory_is_not_made_anew() {
    let root = tempfile::tempdir().unwrap();
    let (one, file) = (root.path().join("one"), root.path().join("file"));
    fs::write(&file, "x").unwrap();
    let mut node = start(&one, &[&file]);
    node.create_topic("t", 1, &[]);
    assert_eq!(node.connect().produce("t", 0, &batch(100, 1)), Err(ErrorCode::KAFKA_STORAGE_ERROR));
    assert!(!one.join("t-0").exists());
}

#[test]
fn what_the_cluster_does_not_place_here_is_put_aside() {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path();
    let mut last_run = start(dir, &[]);
    let first = last_run.create_topic("t", 1, &[]);
    last_run.make_folders();
    drop(last_run);
    partition_folder(dir, "t-7", Some(first));
    partition_folder(dir, "u-0", Some(Uuid([9; 16])));
    partition_folder(dir, "v-0", None);
    fs::write(dir.join("v-0/00000000000000000000.log"), "records").unwrap();
    partition_folder(dir, "w-0.0123456789abcdef0123456789abcdef-delete", None);
    let mut node = Setup { settings: &[("log.segment.delete.delay.ms", "0")], ..Setup::new(dir) }.start();
    node.create_topic("t", 1, &[]);
    let found = names(dir);
    for stray in ["t-7.", "u-0.", "v-0."] {
        let is_aside = |name: &&String| name.starts_with(stray) && name.ends_with("-stray");
        assert_eq!(found.iter().filter(is_aside).count(), 1, "{stray} {found:?}");
    }
    assert!(found.contains(&"t-0".to_owned()) && !found.contains(&"t-7".to_owned()), "{found:?}");
    // Left by an unfinished deletion: it waits its time, then goes.
    assert!(found.iter().any(|name| name.starts_with("w-0.") && name.ends_with("-delete")));
    housekeeping::remove_doomed(&node.broker);
    assert!(!names(dir).iter().any(|name| name.ends_with("-delete")));
}

/// A broker that had topic `t` and stopped cleanly, or flushed and was killed, or was killed; its id of the topic was lost.
fn without_topic_id(dir: &Path, is_clean: bool, is_flushed: bool, left: Option<&str>) -> Node {
    let mut last_run = start(dir, &[]);
    last_run.create_topic("t", 1, &[]);
    last_run.connect().produce("t", 0, &batch(100, 1)).unwrap();
    if is_clean {
        housekeeping::close_logs(&last_run.broker);
    }
    drop(last_run);
    if is_flushed {
        fs::write(dir.join("recovery-point-offset-checkpoint"), "0\n1\nt 0 1\n").unwrap();
    }
    let file = dir.join("t-0/partition.metadata");
    left.map_or_else(|| fs::remove_file(&file), |text| fs::write(&file, text)).unwrap();
    let mut node = start(dir, &[]);
    node.create_topic("t", 1, &[]);
    node
}

#[test]
fn records_whose_topic_cannot_be_told_are_kept_where_they_are() {
    for is_clean in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let node = without_topic_id(folder.path(), is_clean, true, Some("version: 0\ntopic"));
        let refused = Err(ErrorCode::KAFKA_STORAGE_ERROR);
        assert_eq!(node.connect().produce("t", 0, &batch(100, 1)), refused, "{is_clean}");
        assert!(!node.broker.log_dirs.has_offline());
        assert_eq!(names(folder.path()).iter().filter(|name| name.starts_with("t-0")).count(), 1);
        assert!(folder.path().join("t-0/00000000000000000000.log").metadata().unwrap().len() > 0);
    }
}

#[test]
fn a_crash_before_the_first_flush_may_take_the_topic_id_and_no_records() {
    for left in [None, Some(""), Some("version: 0\n")] {
        let folder = tempfile::tempdir().unwrap();
        let node = without_topic_id(folder.path(), false, false, left);
        assert_eq!(node.connect().produce("t", 0, &batch(100, 1)), Ok(1), "{left:?}");
        let text = fs::read_to_string(folder.path().join("t-0/partition.metadata")).unwrap();
        assert!(text.starts_with("version: 0\ntopic_id: "), "{text}");
    }
}

#[test]
fn a_partition_found_in_two_directories_ends_the_broker() {
    let root = tempfile::tempdir().unwrap();
    let (one, two) = (root.path().join("one"), root.path().join("two"));
    let mut last_run = start(&one, &[]);
    let id = last_run.create_topic("t", 1, &[]);
    last_run.make_folders();
    drop(last_run);
    partition_folder(&two, "t-0", Some(id));
    let mut node = start(&one, &[&two]);
    node.create_topic("t", 1, &[]);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let reason = runtime.block_on(node.broker.log_dirs.ended());
    assert!(reason.contains("Duplicate log directories for t-0 are found in both"), "{reason}");
}

#[test]
fn a_clean_stop_leaves_mark_and_checkpoints_and_a_crash_none() {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path();
    let mark = dir.join(".kafka_cleanshutdown");
    {
        let mut node = start(dir, &[]);
        node.create_topic("t", 2, &[]);
        node.connect().produce("t", 1, &batch(100, 1)).unwrap();
        housekeeping::close_logs(&node.broker);
    }
    assert_eq!(fs::read_to_string(&mark).unwrap(), "{\"version\":0,\"brokerEpoch\":-1}");
    let points = fs::read_to_string(dir.join("recovery-point-offset-checkpoint")).unwrap();
    assert_eq!(points, "0\n2\nt 0 0\nt 1 1\n");
    assert_eq!(fs::read_to_string(dir.join("log-start-offset-checkpoint")).unwrap(), "0\n0\n");
    fs::write(&mark, "{\"version\":0,\"brokerEpoch\":41}").unwrap();
    {
        let mut node = start(dir, &[]);
        assert_eq!(node.broker.log_dirs.previous_broker_epoch(), 41);
        node.create_topic("t", 2, &[]);
        assert_eq!(node.connect().produce("t", 1, &batch(100, 1)), Ok(1));
    }
    assert!(!mark.exists());
    let mut node = start(dir, &[]);
    assert_eq!(node.broker.log_dirs.previous_broker_epoch(), -1);
    node.create_topic("t", 2, &[]);
    assert_eq!(node.connect().produce("t", 1, &batch(100, 1)), Ok(2));
}
