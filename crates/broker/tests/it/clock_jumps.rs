//! The wall clock jumps by days, as a time server or a hand makes it: nothing goes that its rule does not take.

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use broker::housekeeping;
use model::ErrorCode;
use records::BatchBuilder;

use crate::client::Client;
use crate::node::{BROKER, Node, Setup};

const DAYS_MS: i64 = 10 * 24 * 60 * 60 * 1000;
/// A broker whose clock is behind takes records for ones of the future, and refuses them unless told otherwise.
const ANY_TIME: (&str, &str) = ("message.timestamp.after.max.ms", "9223372036854775807");

fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64
}

fn numbered(sequence: i32) -> Vec<u8> {
    BatchBuilder::new().producer(7, 0, sequence).record(now_ms(), None, Some(b"value")).build()
}

fn plain() -> Vec<u8> {
    BatchBuilder::new().record(now_ms(), None, Some(b"value")).build()
}

fn upkeep(node: &Node) {
    housekeeping::expire_producers(&node.broker);
    housekeeping::remove_doomed(&node.broker);
    housekeeping::start_write_back(&node.broker);
}

fn segments(folder: &Path, partition: &str) -> usize {
    let files = std::fs::read_dir(folder.join(partition)).unwrap();
    files.filter(|file| file.as_ref().unwrap().path().extension().is_some_and(|name| name == "log")).count()
}

#[test]
fn a_jump_of_days_rolls_deletes_and_forgets_nothing_that_hangs_on_the_time_of_records() {
    let folder = tempfile::tempdir().unwrap();
    for jump_ms in [DAYS_MS, -DAYS_MS] {
        let settings = [("producer.id.expiration.ms", "2000000000")];
        let mut node = Setup { settings: &settings, ..Setup::new(folder.path()) }.start();
        let topic = if jump_ms > 0 { "ahead" } else { "back" };
        node.create_topic(topic, 1, &[("segment.ms", "3600000"), ANY_TIME]);
        let mut client: Client = node.connect();
        let first = numbered(0);
        assert_eq!(client.produce(topic, 0, &first), Ok(0));
        assert_eq!(client.produce(topic, 0, &plain()), Ok(1));
        node.broker.clock.jump(jump_ms);
        upkeep(&node);
        assert_eq!(client.produce(topic, 0, &first), Ok(0), "its sequence is still known");
        assert_eq!(client.produce(topic, 0, &numbered(1)), Ok(2));
        assert_eq!(client.produce(topic, 0, &numbered(5)), Err(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER));
        assert_eq!(segments(folder.path(), &format!("{topic}-0")), 1, "records of one time stay together");
        node.broker.clock.jump(-jump_ms);
        upkeep(&node);
        assert_eq!(client.produce(topic, 0, &numbered(2)), Ok(3));
    }
}

#[test]
fn producers_are_forgotten_once_the_clock_says_that_their_time_is_over_and_not_when_it_falls_back() {
    let folder = tempfile::tempdir().unwrap();
    let mut node = Node::start(folder.path());
    node.create_topic("t", 1, &[ANY_TIME]);
    let mut client = node.connect();
    assert_eq!(client.produce("t", 0, &numbered(0)), Ok(0));
    node.broker.clock.jump(-DAYS_MS);
    upkeep(&node);
    assert_eq!(client.produce("t", 0, &numbered(5)), Err(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER));
    // producer.id.expiration.ms is a day, and it goes by the time of the record, as in Kafka.
    node.broker.clock.jump(2 * DAYS_MS);
    upkeep(&node);
    assert_eq!(client.produce("t", 0, &numbered(5)), Ok(1));
}

#[test]
fn the_folder_of_a_deleted_topic_stays_its_time_whatever_the_wall_clock_says() {
    let folder = tempfile::tempdir().unwrap();
    let mut node = Node::start(folder.path());
    let doomed = || {
        let names = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
        names.filter(|name| name.to_string_lossy().ends_with("-delete")).count()
    };
    let topic_id = node.create_topic("t", 1, &[]);
    node.make_folders();
    node.delete_topic(topic_id);
    node.broker.clock.jump(DAYS_MS);
    upkeep(&node);
    assert_eq!(doomed(), 1, "a minute, not ten days of the wall clock, must pass");
    node.broker.clock.jump(-2 * DAYS_MS);
    node.configure(BROKER, "", "log.segment.delete.delay.ms", Some("0"));
    upkeep(&node);
    assert_eq!(doomed(), 0);
}
