//! A log directory on a file system that is filled to the last byte and gets room again.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use model::ErrorCode;

use super::{connect, placed_in};
use crate::client::{CallError, Client};
use crate::load::{self, Producer};
use crate::loop_disk::LoopDisk;
use crate::node::NodeHome;
use crate::random::Random;
use crate::verify;

const DISK_BYTES: u64 = 48 << 20;
const PARTITIONS: i32 = 4;
/// How long a node may take to see that there is room, or that there is none.
const SEEN_MAX: Duration = Duration::from_secs(20);

/// Fills the disk under load, sees produce refused and the other directory go on, makes room, sees service resume.
pub fn round(folder: &Path, random: &mut Random) -> Result<(), String> {
    std::fs::create_dir(folder).map_err(|error| error.to_string())?;
    let disk = LoopDisk::create(folder, "small", DISK_BYTES)?;
    let dirs = [folder.join("a"), disk.root.join("b")];
    let settings = ["log.segment.bytes=1048576", "log.flush.offset.checkpoint.interval.ms=200"];
    let home = NodeHome::new(folder, &dirs, &settings)?;
    let mut node = home.start()?;
    let mut client = connect(&node)?;
    client.create_topic("t", PARTITIONS, &[]).map_err(CallError::into_text)?;
    let [large, small] = placed_in(&dirs);
    let mut producers = vec![
        Producer::new(0, None, PARTITIONS, random.fork(1)).with_acks(-1).writing_to(&large),
        Producer::new(1, None, PARTITIONS, random.fork(2))
            .with_acks(-1)
            .writing_to(&small)
            .expecting_faults(),
    ];
    let filler = disk.root.join("filler");
    let time = Duration::from_millis(100 + random.below(200));
    load::run_for(&mut producers, node.address, "t", time, || fill(&filler))?;
    let small_producer = &mut producers[1];
    for index in &small {
        until(&mut client, small_producer, *index, "a full disk", |code| {
            code == ErrorCode::KAFKA_STORAGE_ERROR
        })?;
    }
    if let Some(status) = node.ended() {
        return Err(format!("the node has ended with {status} on a full disk:\n{}", node.last_words()));
    }
    for index in &large {
        until(&mut client, &mut producers[0], *index, "the other directory", ErrorCode::is_none)?;
    }
    std::fs::remove_file(&filler).map_err(|error| error.to_string())?;
    for index in &small {
        until(&mut client, &mut producers[1], *index, "room again", ErrorCode::is_none)
            .map_err(|text| format!("{text}\n{}", node.last_words()))?;
    }
    load::run_for(&mut producers, node.address, "t", Duration::from_millis(100), || Ok(()))?;
    node.kill()?;
    let node = home.start()?;
    let mut client = connect(&node)?;
    verify::check_topic(&mut client, "t", &producers, None)
        .map_err(|text| format!("after a start: {text}"))?;
    drop(client);
    node.kill()
}

/// Writes until not one byte more fits.
fn fill(path: &Path) -> Result<(), String> {
    let mut file = File::create(path).map_err(|error| error.to_string())?;
    for size in [1 << 20, 4096, 1] {
        let block = vec![7; size];
        while file.write_all(&block).is_ok() {}
    }
    Ok(())
}

/// Sends single records until the answer is as wanted. Reserved blocks let a few through on a full disk.
fn until(
    client: &mut Client,
    producer: &mut Producer,
    partition: i32,
    state: &str,
    wanted: impl Fn(ErrorCode) -> bool,
) -> Result<(), String> {
    let deadline = Instant::now() + SEEN_MAX;
    loop {
        let code = producer.probe(client, "t", partition).map_err(CallError::into_text)?;
        if wanted(code) {
            return Ok(());
        }
        if Instant::now() > deadline {
            return Err(format!("partition {partition} still answers {code} with {state}"));
        }
    }
}
