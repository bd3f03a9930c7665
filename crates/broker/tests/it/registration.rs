//! What the broker tells the controller, and when; time stands still but for waiting.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use broker::registration;
use metadata::ControllerResponse;
use model::{ErrorCode, Uuid};
use protocol::messages::{BrokerHeartbeatRequest, BrokerHeartbeatResponse};
use protocol::{ApiKey, Reader, Writer};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use crate::node::{Node, Setup};

const HEARTBEAT: i16 = 2;

/// Heartbeats as the controller sees them, each with when it came, until the broker has said what it has to say.
///
/// After `count` of them the broker is told to stop.
fn heartbeats(
    folder: &Path,
    settings: &[(&str, &str)],
    count: usize,
) -> Vec<(Duration, BrokerHeartbeatRequest)> {
    let (controller, mut calls) = mpsc::channel(1);
    let node: Node = Setup { settings, controller: Some(controller), ..Setup::new(folder) }.start();
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let (stop, stopping) = watch::channel(false);
        let mut alive = tokio::spawn(registration::keep_alive(Arc::clone(&node.broker), stopping));
        let begin = Instant::now();
        let mut seen = Vec::new();
        loop {
            let (request, reply) = tokio::select! {
                call = calls.recv() => call.unwrap(),
                ended = &mut alive => {
                    ended.unwrap();
                    return seen;
                }
            };
            assert_eq!(request.api_key, ApiKey::BrokerHeartbeat);
            let asked = BrokerHeartbeatRequest::decode(&mut Reader::new(&request.body), HEARTBEAT).unwrap();
            seen.push((begin.elapsed(), asked));
            if seen.len() == count {
                stop.send_replace(true);
            }
            let mut writer = Writer::new();
            let answer = BrokerHeartbeatResponse { error_code: ErrorCode::NONE, ..Default::default() };
            answer.encode(&mut writer, HEARTBEAT).unwrap();
            reply
                .send(Ok(ControllerResponse { body: writer.into_vec(), ..ControllerResponse::default() }))
                .unwrap();
        }
    })
}

#[test]
fn heartbeats_come_at_the_interval_set() {
    let folder = tempfile::tempdir().unwrap();
    let seen = heartbeats(folder.path(), &[("broker.heartbeat.interval.ms", "77")], 4);
    let times: Vec<u128> = seen.iter().take(4).map(|(at, _)| at.as_millis()).collect();
    let apart: Vec<u128> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    // The clock of the runtime ticks in milliseconds and may round one up.
    assert!(apart.iter().all(|ms| (77..=78).contains(ms)), "{times:?}");
}

#[test]
fn a_broker_that_cannot_tell_of_a_failed_directory_ends_after_the_time_set() {
    let root = tempfile::tempdir().unwrap();
    let (one, two) = (root.path().join("one"), root.path().join("two"));
    let (controller, mut calls) = mpsc::channel(1);
    let node: Node = Setup {
        settings: &[("log.dir.failure.timeout.ms", "1234")],
        more_folders: &[&two],
        controller: Some(controller),
        ..Setup::new(&one)
    }
    .start();
    node.broker.log_dirs.iter().nth(1).unwrap().home.take_offline("a test");
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let (_stop, stopping) = watch::channel(false);
        let begin = Instant::now();
        let alive = tokio::spawn(registration::keep_alive(Arc::clone(&node.broker), stopping));
        let (_, _never_answered) = calls.recv().await.unwrap();
        let reason = node.broker.log_dirs.ended().await;
        assert!(reason.contains("log.dir.failure.timeout.ms (1234 ms)"), "{reason}");
        assert!((1234..=1235).contains(&begin.elapsed().as_millis()), "{:?}", begin.elapsed());
        alive.await.unwrap();
    });
}

#[test]
fn the_controller_is_told_which_directories_are_cordoned() {
    let folder = tempfile::tempdir().unwrap();
    let told = |setting: &str| {
        let seen = heartbeats(folder.path(), &[("cordoned.log.dirs", setting)], 1);
        seen[0].1.cordoned_log_dirs.clone()
    };
    let own = folder.path().to_str().unwrap();
    assert_eq!((told(""), told(own)), (Some(vec![]), Some(vec![Uuid([7; 16])])));
    assert_eq!(told("*"), Some(vec![Uuid([7; 16])]));
}

#[test]
fn a_broker_says_that_it_stops_unless_that_is_off() {
    for (setting, expected) in [("true", [false, true].as_slice()), ("false", [false].as_slice())] {
        let folder = tempfile::tempdir().unwrap();
        let seen = heartbeats(folder.path(), &[("controlled.shutdown.enable", setting)], 1);
        let stops: Vec<bool> = seen.iter().map(|(_, asked)| asked.want_shut_down).collect();
        assert_eq!(stops, expected, "{setting}");
    }
}
