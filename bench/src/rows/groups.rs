//! Row 8: a group of five hundred members, commits of two hundred groups, and the offsets of ten thousand partitions.

use std::time::{Duration, Instant};

use crate::client::Client;
use crate::crowd::{Exchange, Until, closed_loops};
use crate::effort::Effort;
use crate::encoded::groups;
use crate::latency::Latencies;
use crate::members::{BEAT, Group, Members, Protocol};
use crate::pairs::{Figure, Figures};
use crate::process::Server;
use crate::product::{THROUGHPUT, TURNS_OF_GROUPS};
use crate::sides::Sides;
use crate::topics::{self, Shape};

use super::{Cost, Row, Table, no_generator};

pub const ROW: Row = Row {
    name: "8",
    about: "a group of 500 members and 1,000 partitions; commits of 200 groups; 10,000 offsets",
    cost: Cost { once_s: 240.0, pair_s: 90.0 },
    run,
    calibrate: no_generator,
};

const MEMBERS: usize = 500;
const PARTITIONS: i32 = 1000;
/// Members of a rolling restart: a tenth.
const ROLLED: usize = 50;
/// Groups of each turn.
const GROUPS: usize = 5;
/// What is told where nothing is measurable beyond a heartbeat.
const BEYOND_MIN_S: f64 = 0.001;
/// Groups that commit at once, each on a connection of its own with so many requests in flight.
const COMMITTING: usize = 200;
const IN_FLIGHT: usize = 5;
const COMMITS: usize = 100_000;
/// Offsets that are fetched at once: of so many partitions in each of these topics.
const FETCHED_TOPICS: usize = 10;
const FETCHED_PARTITIONS: i32 = 1000;
const FETCHES: usize = 500;
/// How long servers have for what ten thousand new partitions leave to be done behind the answer.
const SETTLE_S: f64 = 10.0;

fn run(effort: &Effort) -> Result<(), String> {
    let sides = Sides::start_with(effort, &THROUGHPUT, &TURNS_OF_GROUPS)?;
    sides.each(topics::wait_for_coordinator)?;
    for protocol in [Protocol::Classic, Protocol::Consumer] {
        let named = format!("{protocol:?}").to_lowercase();
        // One topic for all: what it costs to make one and to remove it is no part of this.
        let topic = format!("groups-{named}");
        sides.each(|server| warm(server, effort, &topic, protocol))?;
        let mut count = 0;
        let outcome = sides.contest(effort, |effort, server| {
            let groups = (0..effort.scaled(GROUPS)).map(|_| {
                count += 1;
                format!("{topic}-{count}")
            });
            rebalances(server, effort, &topic, groups.collect(), protocol)
        })?;
        let title = format!("a group of {MEMBERS} members and {PARTITIONS} partitions, {named} protocol");
        Table { row: &ROW, title, promises: &[], outcome, alone: None }.finish(effort)?;
    }
    let outcome = sides.contest_on_topics(effort, "commits", Shape::of(1), commits)?;
    let title = format!("commits of {COMMITTING} groups, one each request, {IN_FLIGHT} in flight");
    Table { row: &ROW, title, promises: &[], outcome, alone: None }.finish(effort)?;
    let fetched = fetched_topics();
    sides.each(|server| {
        for topic in &fetched {
            topics::create_with(server, topic, Shape::of(FETCHED_PARTITIONS))?;
            let commit = groups::commit("fetches", topic, FETCHED_PARTITIONS);
            groups::committed(server.connect()?.call(&commit)?)?;
        }
        std::thread::sleep(Duration::from_secs_f64(effort.seconds(SETTLE_S)));
        Ok(())
    })?;
    let outcome = sides.contest(effort, fetches)?;
    let title = format!("OffsetFetch of {} partitions", FETCHED_TOPICS * FETCHED_PARTITIONS as usize);
    Table { row: &ROW, title, promises: &[], outcome, alone: None }.finish(effort)
}

fn fetched_topics() -> Vec<String> {
    (0..FETCHED_TOPICS).map(|number| format!("fetched-{number}")).collect()
}

/// Groups that come and go, until the Java machine has compiled what that takes.
fn warm(server: &Server, effort: &Effort, topic: &str, protocol: Protocol) -> Result<(), String> {
    topics::create_with(server, topic, Shape::of(PARTITIONS))?;
    let time = Duration::from_secs_f64(effort.seconds(30.0));
    let begin = Instant::now();
    let mut number = 0;
    while number == 0 || begin.elapsed() < time {
        number += 1;
        let mut members = members(server, effort, topic, &format!("warm-{topic}-{number}"), protocol)?;
        members.join_all()?;
        members.leave(effort.scaled(MEMBERS))?;
    }
    Ok(())
}

fn members(
    server: &Server,
    effort: &Effort,
    topic: &str,
    id: &str,
    protocol: Protocol,
) -> Result<Members, String> {
    let clients = (0..effort.scaled(MEMBERS)).map(|_| accepted(server)).collect::<Result<Vec<_>, _>>()?;
    let group = Group { id: id.to_owned(), topic: topic.to_owned(), partitions: PARTITIONS, protocol };
    Members::new(group, clients)
}

/// A connection that the server has taken up, so that this is no part of what is measured.
fn accepted(server: &Server) -> Result<Client, String> {
    let mut client = server.connect()?;
    groups::coordinator_found(client.call(&groups::find_coordinator("any"))?)?;
    Ok(client)
}

/// What the rebalances of one group after the other took, each on average.
fn rebalances(
    server: &Server,
    effort: &Effort,
    topic: &str,
    groups: Vec<String>,
    protocol: Protocol,
) -> Result<Figures, String> {
    let mut taken = [Taken::default(); 3];
    let count = groups.len() as f64;
    for group in groups {
        let mut members = members(server, effort, topic, &group, protocol)?;
        let [form, leave, roll] = &mut taken;
        form.measure(server, || members.join_all())?;
        leave.measure(server, || members.leave(1))?;
        roll.measure(server, || members.roll(effort.scaled(ROLLED)))?;
        members.leave(effort.scaled(MEMBERS) - 1)?;
    }
    let mut figures = Figures::new();
    // Those who stay are told by the answers to their heartbeats, the last of them after that long.
    let kinds = [("form", false), ("one leaves", true), ("rolling 10 %", true)];
    for ((what, waits_for_heartbeats), taken) in kinds.into_iter().zip(taken) {
        let seconds = taken.time.as_secs_f64() / count;
        figures.push(Figure::lower(&format!("{what}, s"), seconds));
        if waits_for_heartbeats {
            let beyond = (seconds - BEAT.as_secs_f64()).max(BEYOND_MIN_S);
            figures.push(Figure::lower(&format!("{what}, s beyond a heartbeat"), beyond));
        }
        figures.push(Figure::lower(&format!("{what}, CPU s"), taken.cpu_s / count));
    }
    Ok(figures)
}

/// What rebalances of one kind took together.
#[derive(Debug, Clone, Copy, Default)]
struct Taken {
    time: Duration,
    cpu_s: f64,
}

impl Taken {
    fn measure(
        &mut self,
        server: &Server,
        act: impl FnOnce() -> Result<Duration, String>,
    ) -> Result<(), String> {
        let cpu_s_before = server.cpu_s()?;
        self.time += act()?;
        self.cpu_s += server.cpu_s()? - cpu_s_before;
        Ok(())
    }
}

/// A commit of one partition, by a group without members.
struct Commit(Vec<u8>);

impl Exchange for Commit {
    fn frame(&self) -> &[u8] {
        &self.0
    }

    fn check(&self, answer: &[u8]) -> Result<(), String> {
        groups::committed(answer)
    }
}

fn commits(effort: &Effort, server: &Server, topic: &str) -> Result<Figures, String> {
    let requests: Vec<Commit> = (0..COMMITTING)
        .map(|number| Commit(groups::commit(&format!("commits-{number}"), topic, 1)))
        .collect();
    let mut clients = (0..COMMITTING).map(|_| server.connect()).collect::<Result<Vec<Client>, _>>()?;
    closed_loops(&mut clients, &requests, IN_FLIGHT, Until::Answers(5 * COMMITTING))?;
    let cpu_s_before = server.cpu_s()?;
    let run = closed_loops(&mut clients, &requests, IN_FLIGHT, Until::Answers(effort.scaled(COMMITS)))?;
    let cpu_s = server.cpu_s()? - cpu_s_before;
    Ok(vec![
        Figure::higher("commits/s", run.requests_per_s()),
        Figure::lower("p50 us", run.latencies.us(50.0)),
        Figure::lower("p99 us", run.latencies.us(99.0)),
        Figure::lower("broker CPU us/commit", cpu_s * 1e6 / run.requests as f64),
    ])
}

fn fetches(effort: &Effort, server: &Server) -> Result<Figures, String> {
    let topics = fetched_topics();
    let mut client = server.connect()?;
    let request = groups::fetch_offsets("fetches", &topics, FETCHED_PARTITIONS);
    let mut latencies = Latencies::new();
    let cpu_s_before = server.cpu_s()?;
    let count = effort.scaled(FETCHES);
    for _ in 0..count {
        let begin = Instant::now();
        let found = groups::offsets_fetched(client.call(&request)?)?;
        latencies.record(begin.elapsed());
        if found != FETCHED_TOPICS * FETCHED_PARTITIONS as usize {
            return Err(format!("{} knows {found} offsets", server.product));
        }
    }
    let cpu_s = server.cpu_s()? - cpu_s_before;
    Ok(vec![
        Figure::lower("p50 us", latencies.us(50.0)),
        Figure::lower("p99 us", latencies.us(99.0)),
        Figure::lower("broker CPU us/request", cpu_s * 1e6 / count as f64),
    ])
}
