//! A hundred thousand members that do nothing: what each of them costs in memory, and how often they wake the server.

use std::thread;
use std::time::{Duration, Instant};

use crate::client::Client;
use crate::effort::Effort;
use crate::members::{Group, Members, Protocol};
use crate::process::{Prepared, Server};
use crate::product::{Product, SMALL};
use crate::{sides, topics};

const GROUPS: usize = 1000;
const MEMBERS_OF_GROUP: usize = 100;
const TOPIC: &str = "read";
/// A partition for each member.
const PARTITIONS: i32 = 100;
/// Groups that form at once, each over its own connections.
const AT_ONCE: usize = 8;
/// What is promised of a member, in bytes.
const PROMISED: f64 = 1024.0;
/// Time without requests before memory counts as that of an idle server, in which threads that waited for more end.
const SETTLE: Duration = Duration::from_secs(15);
/// Over how long wake-ups are counted.
const COUNTED: Duration = Duration::from_secs(20);
/// Members say nothing while they are counted, and may not be lost for it.
const SETTINGS: [(&str, &str); 7] = [
    ("group.initial.rebalance.delay.ms", "100"),
    ("group.consumer.min.heartbeat.interval.ms", "100"),
    ("group.consumer.heartbeat.interval.ms", "100"),
    ("group.consumer.assignment.interval.ms", "0"),
    ("group.consumer.session.timeout.ms", "1800000"),
    ("group.consumer.max.session.timeout.ms", "1800000"),
    ("connections.max.idle.ms", "86400000"),
];

/// Memory and wake-ups of a server.
struct Cost {
    bytes: f64,
    wake_ups_per_s: f64,
}

/// Measures members of either protocol and prints what they cost.
pub fn run(options: &[&str]) -> Result<(), String> {
    let effort = Effort::of(options)?;
    let folder = sides::folder()?;
    for protocol in [Protocol::Classic, Protocol::Consumer] {
        let name = format!("{protocol:?}").to_lowercase();
        let layout = effort.layout(&SMALL, &SETTINGS);
        let server = Prepared::in_folder(Product::Naru, &folder.path().join(&name), &layout)?.start()?;
        topics::create_with(&server, TOPIC, topics::Shape::of(PARTITIONS))?;
        topics::wait_for_coordinator(&server)?;
        println!("{}", measure(&server, &effort, &name, protocol)?);
        server.kill()?;
    }
    Ok(())
}

fn measure(server: &Server, effort: &Effort, name: &str, protocol: Protocol) -> Result<String, String> {
    let count = effort.scaled(GROUPS);
    let mut crowds: Vec<Vec<Client>> = Vec::new();
    for _ in 0..AT_ONCE {
        crowds.push((0..MEMBERS_OF_GROUP).map(|_| server.connect()).collect::<Result<_, _>>()?);
    }
    // Connections and buffers are there before anything is counted.
    crowds = form(crowds, AT_ONCE, "first", protocol)?;
    let before = cost(server)?;
    let begin = Instant::now();
    let crowds = form(crowds, count, "idle", protocol)?;
    let formed_s = begin.elapsed().as_secs_f64();
    let after = cost(server)?;
    drop(crowds);
    let members = count * MEMBERS_OF_GROUP;
    let each = (after.bytes - before.bytes) / members as f64;
    let verdict = if each < PROMISED { "kept" } else { "NOT KEPT" };
    Ok(format!(
        "{name}: {members} members in {count} groups, formed in {formed_s:.0} s: {each:.0} bytes each (promised \
         {PROMISED}: {verdict}), {:.1} MiB in all; {:.1} wake-ups/s, {:.1} without them",
        after.bytes / f64::from(1 << 20),
        after.wake_ups_per_s,
        before.wake_ups_per_s,
    ))
}

fn cost(server: &Server) -> Result<Cost, String> {
    thread::sleep(SETTLE);
    let bytes = server.resident_bytes()? as f64;
    Ok(Cost { bytes, wake_ups_per_s: server.wake_ups_per_s(COUNTED)? })
}

/// Has so many groups form, and returns the connections, whose members stay without a word.
fn form(
    crowds: Vec<Vec<Client>>,
    count: usize,
    name: &str,
    protocol: Protocol,
) -> Result<Vec<Vec<Client>>, String> {
    thread::scope(|scope| {
        let forming: Vec<_> = crowds
            .into_iter()
            .enumerate()
            .map(|(first, clients)| scope.spawn(move || form_some(clients, first, count, name, protocol)))
            .collect();
        forming.into_iter().map(|one| one.join().unwrap_or(Err("members panicked".to_owned()))).collect()
    })
}

fn form_some(
    mut clients: Vec<Client>,
    first: usize,
    count: usize,
    name: &str,
    protocol: Protocol,
) -> Result<Vec<Client>, String> {
    for number in (first..count).step_by(AT_ONCE) {
        let id = format!("{name}-{number:04}");
        let group = Group { id, topic: TOPIC.to_owned(), partitions: PARTITIONS, protocol };
        let mut members = Members::new(group, clients)?;
        members.join_all()?;
        clients = members.part()?;
    }
    Ok(clients)
}
