//! What is counted of a topic's traffic.

use model::ErrorCode;

use crate::client::{batch, fetch_of};
use crate::node::Setup;

#[test]
fn requests_records_bytes_and_failures_are_counted_by_topic() {
    let folder = tempfile::tempdir().unwrap();
    let settings = [("message.max.bytes", "1000")];
    let mut node = Setup { settings: &settings, ..Setup::new(folder.path()) }.start();
    let topic_id = node.create_topic("t", 2, &[]);
    let mut client = node.connect();
    let (fits, too_large) = (batch(500, 1), batch(2_000, 1));
    client.produce("t", 0, &fits).unwrap();
    client.produce("t", 1, &fits).unwrap();
    assert_eq!(client.produce("t", 0, &too_large), Err(ErrorCode::MESSAGE_TOO_LARGE));
    assert_eq!(client.fetch(&fetch_of(topic_id, &[(0, 0), (1, 0)])).bytes(), 2 * fits.len());
    assert_eq!(client.fetch(&fetch_of(topic_id, &[(0, 5)])).partitions[0].1, ErrorCode::OFFSET_OUT_OF_RANGE);
    let traffic = node.broker.traffic().remove(0);
    assert_eq!((traffic.messages_in, traffic.bytes_in), (2, 2 * fits.len() as u64));
    assert_eq!((traffic.produce_requests, traffic.failed_produce_requests), (3, 1));
    assert_eq!(traffic.bytes_rejected, too_large.len() as u64);
    assert_eq!((traffic.fetch_requests, traffic.failed_fetch_requests), (3, 1));
    assert_eq!(traffic.bytes_out, 2 * fits.len() as u64);
}
