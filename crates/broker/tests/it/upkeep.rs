//! What the broker does now and then: at the intervals set, by as many threads as are set.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::{SystemTime, UNIX_EPOCH};

use broker::housekeeping;
use model::ErrorCode;
use protocol::messages::delete_records_request::{
    DeleteRecordsPartition, DeleteRecordsRequest, DeleteRecordsTopic,
};
use protocol::{ApiKey, Reader, messages::DeleteRecordsResponse};
use records::BatchBuilder;
use tokio::sync::watch;

use crate::appends::until;
use crate::client::{Client, batch};
use crate::disk::HeldDisk;
use crate::node::{BROKER, Node, Setup, TOPIC};

const RECOVERY_POINTS: &str = "recovery-point-offset-checkpoint";
const LOG_STARTS: &str = "log-start-offset-checkpoint";
const NEVER: &str = "2000000000";

/// The housekeeping of a node, on a thread of its own.
struct Upkeep {
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

impl Upkeep {
    fn start(node: &Node) -> Upkeep {
        let (stop, stopping) = watch::channel(false);
        let broker = Arc::clone(&node.broker);
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(housekeeping::run(broker, stopping));
        });
        Upkeep { stop, thread: Some(thread) }
    }
}

impl Drop for Upkeep {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        let ended = self.thread.take().map(JoinHandle::join);
        assert!(std::thread::panicking() || ended.is_some_and(|ended| ended.is_ok()));
    }
}

fn node(folder: &Path, settings: &[(&str, &str)]) -> Node {
    Setup { settings, ..Setup::new(folder) }.start()
}

fn delete_records(client: &mut Client, until: i64) {
    let partitions = vec![DeleteRecordsPartition { partition_index: 0, offset: until }];
    let topics = vec![DeleteRecordsTopic { name: "t".into(), partitions }];
    let request = DeleteRecordsRequest { topics, timeout_ms: 10_000 };
    let frame = client.frame(ApiKey::DeleteRecords, 2, &request);
    client.send(&frame);
    let answer = client.receive(ApiKey::DeleteRecords, 2);
    let response = DeleteRecordsResponse::decode(&mut Reader::new(&answer.body), 2).unwrap();
    assert_eq!(response.topics[0].partitions[0].error_code, ErrorCode::NONE);
}

/// The offset that a checkpoint has for the one partition.
fn checkpointed(folder: &Path, file: &str) -> Option<i64> {
    let text = fs::read_to_string(folder.join(file)).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("t 0 "))?;
    line.parse().ok()
}

/// With one interval short and the other long, the first checkpoint follows and the other stays as it was.
fn only_one_follows(short: &str, long: &str, follows: &str, stays: &str) {
    let folder = tempfile::tempdir().unwrap();
    let settings = [
        (short, "50"),
        (long, NEVER),
        ("log.initial.task.delay.ms", "0"),
        ("log.flush.interval.messages", "1"),
    ];
    let mut node = node(folder.path(), &settings);
    node.create_topic("t", 1, &[]);
    let mut client = node.connect();
    let mut grow = |count: i64| {
        (0..count).for_each(|_| _ = client.produce("t", 0, &batch(10, 1)).unwrap());
        let end = client.produce("t", 0, &batch(10, 1)).unwrap() + 1;
        delete_records(&mut client, end - 1);
        if follows == RECOVERY_POINTS { end } else { end - 1 }
    };
    grow(3);
    let _upkeep = Upkeep::start(&node);
    until("both are written at first", || {
        checkpointed(folder.path(), follows).is_some() && checkpointed(folder.path(), stays).is_some()
    });
    let before = checkpointed(folder.path(), stays);
    let next = grow(5);
    until(follows, || checkpointed(folder.path(), follows) == Some(next));
    let next = grow(5);
    until(follows, || checkpointed(folder.path(), follows) == Some(next));
    assert_eq!(checkpointed(folder.path(), stays), before);
}

#[test]
fn each_checkpoint_is_written_at_its_own_interval() {
    let (points, starts) =
        ("log.flush.offset.checkpoint.interval.ms", "log.flush.start.offset.checkpoint.interval.ms");
    only_one_follows(points, starts, RECOVERY_POINTS, LOG_STARTS);
    only_one_follows(starts, points, LOG_STARTS, RECOVERY_POINTS);
}

#[test]
fn the_first_checkpoint_comes_after_the_initial_delay() {
    let folder = tempfile::tempdir().unwrap();
    let settings = [
        ("log.flush.offset.checkpoint.interval.ms", NEVER),
        ("log.initial.task.delay.ms", "100"),
        ("log.flush.interval.messages", "1"),
    ];
    let mut node = node(folder.path(), &settings);
    node.create_topic("t", 1, &[]);
    node.connect().produce("t", 0, &batch(10, 1)).unwrap();
    let _upkeep = Upkeep::start(&node);
    until("the recovery point is written", || checkpointed(folder.path(), RECOVERY_POINTS) == Some(1));
}

#[test]
fn idle_producers_are_looked_for_at_the_interval_set() {
    let folder = tempfile::tempdir().unwrap();
    let settings = [("producer.id.expiration.check.interval.ms", "50"), ("producer.id.expiration.ms", "1")];
    let mut node = node(folder.path(), &settings);
    node.create_topic("t", 1, &[]);
    let mut client = node.connect();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64;
    let sent =
        |sequence| BatchBuilder::new().producer(7, 0, sequence).record(now, Some(b"key"), None).build();
    assert_eq!(client.produce("t", 0, &sent(0)), Ok(0));
    assert_eq!(client.produce("t", 0, &sent(5)), Err(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER));
    let _upkeep = Upkeep::start(&node);
    let client = std::cell::RefCell::new(client);
    until("the producer is forgotten", || client.borrow_mut().produce("t", 0, &sent(5)).is_ok());
}

/// How many threads close four partitions at once.
fn closing_threads(at_start: &str, now: &str) -> usize {
    let folder = tempfile::tempdir().unwrap();
    let disk = Arc::new(HeldDisk::default());
    let settings = [("num.recovery.threads.per.data.dir", at_start)];
    let mut node =
        Setup { disk: Arc::clone(&disk) as _, settings: &settings, ..Setup::new(folder.path()) }.start();
    node.create_topic("t", 4, &[]);
    let mut client = node.connect();
    (0..4).for_each(|partition| _ = client.produce("t", partition, &batch(10, 1)).unwrap());
    node.configure(BROKER, "", "num.recovery.threads.per.data.dir", Some(now));
    disk.sync_ms.store(200, Ordering::SeqCst);
    housekeeping::close_logs(&node.broker);
    disk.syncing.lock().unwrap().1
}

#[test]
fn logs_are_closed_by_as_many_threads_as_are_set_now() {
    assert_eq!(closing_threads("4", "1"), 1);
    assert!(closing_threads("1", "4") > 1);
}

#[test]
fn the_interval_of_the_flusher_is_the_time_to_flush_where_no_other_is_set() {
    let folder = tempfile::tempdir().unwrap();
    let mut node = node(folder.path(), &[("log.flush.scheduler.interval.ms", "100")]);
    node.create_topic("t", 1, &[]);
    let mut client = node.connect();
    client.produce("t", 0, &batch(10, 1)).unwrap();
    until("the record is flushed", || node.counts().flushes == 1);
}

#[test]
fn what_waits_for_its_flush_follows_the_time_set_now() {
    let folder = tempfile::tempdir().unwrap();
    let mut node = node(folder.path(), &[]);
    node.create_topic("t", 1, &[]);
    let mut client = node.connect();
    client.produce("t", 0, &batch(10, 1)).unwrap();
    node.configure(BROKER, "", "log.flush.interval.ms", Some("50"));
    until("what was there before is flushed", || node.counts().flushes == 1);
    node.configure(TOPIC, "t", "flush.ms", Some(NEVER));
    client.produce("t", 0, &batch(10, 2)).unwrap();
    node.configure(TOPIC, "t", "flush.ms", Some("50"));
    until("a flush far away comes nearer", || node.counts().flushes == 2);
}

#[test]
fn recovery_points_are_written_soon_after_records_have_been_written_back() {
    let folder = tempfile::tempdir().unwrap();
    let settings = [("log.flush.offset.checkpoint.interval.ms", NEVER), ("log.initial.task.delay.ms", NEVER)];
    let mut node = node(folder.path(), &settings);
    node.create_topic("t", 1, &[]);
    node.connect().produce("t", 0, &batch(10, 1)).unwrap();
    let _upkeep = Upkeep::start(&node);
    until("the recovery point is written", || checkpointed(folder.path(), RECOVERY_POINTS) == Some(1));
}
