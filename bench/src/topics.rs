//! Topics of a measurement: created and ready to take records, or deleted with their files.

use std::time::{Duration, Instant};

use model::ErrorCode;

use crate::encoded::{self, Produce, admin, groups};
use crate::process::Server;
use crate::product::Product;

/// How long a server may take to lead a new topic.
const READY_MAX: Duration = Duration::from_secs(60);
/// How long a server may take to tell the ends of all partitions, after a restart too.
const SERVED_MAX: Duration = Duration::from_secs(300);
/// How often a change is asked for.
const ASKED_MAX: usize = 5;
/// How long the files of a deleted topic may stay: the delay in the settings and some slack.
pub const FILES_GONE: Duration = Duration::from_secs(3);

/// Settings of a topic.
pub type Settings = &'static [(&'static str, &'static str)];

/// What a topic is like.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    /// How many partitions it has.
    pub partitions: i32,
    /// Settings of its own, which may be called differently in each product.
    pub settings: fn(Product) -> Settings,
}

impl Shape {
    /// Without settings of its own.
    pub fn of(partitions: i32) -> Shape {
        Shape { partitions, settings: |_| &[] }
    }
}

/// Creates a topic of one partition and waits until it takes records; one that exists already fails.
pub fn create(server: &Server, name: &str) -> Result<(), String> {
    create_with(server, name, Shape::of(1))
}

/// Creates a topic and waits until each partition takes records; one that exists already fails.
pub fn create_with(server: &Server, name: &str, shape: Shape) -> Result<(), String> {
    let request = admin::create_topic(name, shape.partitions, (shape.settings)(server.product));
    let deadline = Instant::now() + READY_MAX;
    let failed = |error: String| format!("{} did not create {name}: {error}", server.product);
    loop {
        // A broker that has only just started may not be known to its controller yet.
        let (error_code, asked) = ask(server, &request, admin::created)?;
        let is_there_already = asked > 1 && error_code == ErrorCode::TOPIC_ALREADY_EXISTS;
        if error_code.is_none() || is_there_already {
            break;
        }
        if Instant::now() > deadline {
            return Err(failed(error_code.to_string()));
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    let mut client = server.connect()?;
    for partition in 0..shape.partitions {
        let probe = Produce::to_partition(name, partition, -1, &encoded::batch(1, 1));
        while let Err(error) = probe.base_offset(client.call(&probe.frame)?) {
            if Instant::now() > deadline {
                return Err(failed(error));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
    Ok(())
}

/// Asks for a change of topics, on another connection where one is closed without an answer; returns how often, too.
///
/// Kafka does close them on a busy machine, when it has just been resumed and is finding its controller again.
fn ask(
    server: &Server,
    request: &[u8],
    answered: fn(&[u8]) -> Result<ErrorCode, String>,
) -> Result<(ErrorCode, usize), String> {
    let mut asked = 1;
    loop {
        match server.connect()?.call(request) {
            Ok(answer) => return Ok((answered(answer)?, asked)),
            Err(error) if asked >= ASKED_MAX => return Err(format!("{}: {error}", server.product)),
            Err(error) => eprintln!("{}: {error}, once more", server.product),
        }
        asked += 1;
        std::thread::sleep(Duration::from_secs(1));
    }
}

/// Deletes a topic; its files go within [`FILES_GONE`].
pub fn delete(server: &Server, name: &str) -> Result<(), String> {
    let (error_code, asked) = ask(server, &admin::delete_topic(name), admin::deleted)?;
    let is_gone_already = asked > 1 && error_code == ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
    if !error_code.is_none() && !is_gone_already {
        return Err(format!("{} did not delete {name}: {error_code}", server.product));
    }
    Ok(())
}

/// Has the internal topic of groups made, and waits until it is there.
pub fn wait_for_coordinator(server: &Server) -> Result<(), String> {
    let mut client = server.connect()?;
    let request = groups::find_coordinator("any");
    let begin = Instant::now();
    loop {
        let error = groups::coordinator_found(client.call(&request)?)?;
        if error.is_none() {
            return Ok(());
        }
        if begin.elapsed() > READY_MAX {
            return Err(format!("{} has no coordinator: {error}", server.product));
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// Waits until every partition of a topic tells its end, and returns the sum of the ends.
pub fn wait_until_served(server: &Server, name: &str, partitions: i32) -> Result<i64, String> {
    let deadline = Instant::now() + SERVED_MAX;
    let request = admin::ends_of(name, partitions);
    let mut client = server.connect()?;
    loop {
        let (sum, failed) = admin::ends(client.call(&request)?)?;
        if failed == 0 {
            return Ok(sum);
        }
        if Instant::now() > deadline {
            return Err(format!("{} does not serve {failed} of {partitions} partitions", server.product));
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// The end of partition 0, learnt by appending one more record.
pub fn end_offset(server: &Server, name: &str) -> Result<i64, String> {
    let produce = Produce::new(name, -1, &encoded::batch(1, 1));
    Ok(produce.base_offset(server.connect()?.call(&produce.frame)?)? + 1)
}
