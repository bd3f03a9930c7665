//! `naru bench`: how fast records are written and read here, in a minute and without a laboratory.

mod latencies;

use std::collections::VecDeque;
use std::time::Duration;

use clap::{Arg, ArgMatches, Command};
use client::producer::Delivery;
use client::{Consumer, Producer, ProducerRecord};
use config::ClientKind;
use tokio::time::Instant;

use crate::arguments::text;
use crate::document::{Doc, map};
use crate::failure::Failure;
use crate::place::{self, Place};
use crate::session::{Session, block_on};
use crate::terminal::Progress;
use crate::topic;
use latencies::Latencies;

const MIB: f64 = 1024.0 * 1024.0;
/// Records that may be on their way at a time.
const DELIVERIES_MAX: usize = 50_000;
/// Round trips that open connections and fill caches, and do not count.
const WARM_UP: u64 = 10;
/// The longest wait of one poll.
const POLL: Duration = Duration::from_millis(500);

/// Gives the command its words.
pub(crate) fn define(command: Command) -> Command {
    let number = |name: &'static str, default: &'static str, help: &'static str| {
        let parser = clap::value_parser!(u64).range(1..=1_000_000_000);
        Arg::new(name).long(name).value_name("N").default_value(default).value_parser(parser).help(help)
    };
    let records = |default| number("records", default, "How many records");
    let size = |default| {
        let parser = clap::value_parser!(u64).range(0..=100_000_000);
        number("size", default, "Bytes of a value").value_parser(parser)
    };
    command.subcommand_required(true).subcommands([
        Command::new("produce")
            .about("Write records and tell how fast that was; they stay in the topic")
            .arg(crate::arguments::topic())
            .args([records("100000"), size("1024")])
            .arg(
                Arg::new("rate")
                    .long("rate")
                    .value_name("N")
                    .value_parser(clap::value_parser!(u64).range(1..))
                    .help("Records a second at most"),
            ),
        Command::new("consume")
            .about("Read a topic from its beginning and tell how fast that was")
            .arg(crate::arguments::topic())
            .arg(records("1000000")),
        Command::new("latency")
            .about("Write records one by one, and tell how long each takes to a consumer; they stay in the topic")
            .arg(crate::arguments::topic())
            .args([records("1000"), size("100")]),
    ])
}

/// Runs it.
pub(crate) fn run(matches: &ArgMatches, session: &mut Session<'_>) -> Result<u8, Failure> {
    let Some((name, matches)) = matches.subcommand() else { return Ok(0) };
    let wanted = Wanted {
        topic: text(matches, "topic").unwrap_or_default(),
        records: matches.get_one::<u64>("records").copied().unwrap_or(1),
        size: size_of(matches),
        rate: matches.try_get_one::<u64>("rate").ok().flatten().copied(),
    };
    let doc = block_on(async {
        let admin = session.admin().await?;
        let described = topic::described(&admin, &[wanted.topic]).await?;
        let numbers = described.iter().flat_map(|topic| topic.partitions.iter().map(|one| one.partition));
        let partitions: Vec<i32> = numbers.collect();
        match name {
            "produce" => produce(&wanted, session).await,
            "consume" => consume(&wanted, &admin, &partitions, session).await,
            _ => latency(&wanted, &admin, session).await,
        }
    })?;
    session.show(&doc, &[])?;
    Ok(0)
}

fn size_of(matches: &ArgMatches) -> usize {
    let size = matches.try_get_one::<u64>("size").ok().flatten().copied().unwrap_or_default();
    usize::try_from(size).unwrap_or(usize::MAX)
}

/// What is to be measured.
struct Wanted<'w> {
    topic: &'w str,
    records: u64,
    size: usize,
    rate: Option<u64>,
}

async fn produce(wanted: &Wanted<'_>, session: &Session<'_>) -> Result<Doc, Failure> {
    let producer = Producer::new(&session.settings(ClientKind::Producer)?)?;
    let mut value = vec![0; wanted.size];
    let mut chance = 0;
    let mut latencies = Latencies::new(wanted.records);
    let mut on_the_way: VecDeque<(Instant, Delivery)> = VecDeque::new();
    let mut progress = Progress::new("records", Some(wanted.records));
    let begun = Instant::now();
    for number in 0..wanted.records {
        if let Some(rate) = wanted.rate {
            let due = begun + Duration::from_secs_f64(number as f64 / rate as f64);
            if due > Instant::now() {
                tokio::time::sleep_until(due).await;
            }
        }
        cli::fill_with_letters(&mut chance, &mut value);
        let record = ProducerRecord { topic: wanted.topic, value: Some(&value), ..ProducerRecord::default() };
        let sent = Instant::now();
        on_the_way.push_back((sent, producer.send(&record).await?));
        settle(&mut on_the_way, DELIVERIES_MAX, &mut latencies).await?;
        progress.advance(1);
    }
    producer.flush().await;
    settle(&mut on_the_way, 0, &mut latencies).await?;
    drop(progress);
    let mut doc = speed(wanted.topic, wanted.records, wanted.records * wanted.size as u64, begun.elapsed());
    latencies.describe(&mut doc);
    Ok(doc)
}

/// Takes note of what has arrived, and waits as long as more than `left` are on their way.
async fn settle(
    on_the_way: &mut VecDeque<(Instant, Delivery)>,
    left: usize,
    latencies: &mut Latencies,
) -> Result<(), Failure> {
    while let Some((sent, delivery)) = on_the_way.front() {
        if let Some((outcome, arrived)) = delivery.settled() {
            outcome?;
            latencies.add(arrived.saturating_duration_since(sent.into_std()));
            on_the_way.pop_front();
        } else if on_the_way.len() > left {
            let Some((sent, delivery)) = on_the_way.pop_front() else { return Ok(()) };
            delivery.wait().await?;
            latencies.add(sent.elapsed());
        } else {
            return Ok(());
        }
    }
    Ok(())
}

async fn consume(
    wanted: &Wanted<'_>,
    admin: &client::Admin,
    partitions: &[i32],
    session: &Session<'_>,
) -> Result<Doc, Failure> {
    let at = |place| {
        partitions.iter().map(|number| ((wanted.topic.to_owned(), *number), place)).collect::<Vec<_>>()
    };
    let starts = place::resolve(admin, &at(Place::Beginning)).await?;
    let stops = place::resolve(admin, &at(Place::End)).await?;
    let mut consumer = consumer_at(
        session,
        starts.iter().map(|((topic, number), offset)| (topic.as_str(), *number, *offset)).collect(),
    )?;
    let there: i64 = stops.iter().map(|(partition, stop)| stop - starts.get(partition).unwrap_or(stop)).sum();
    let mut progress = Progress::new("records", Some(wanted.records.min(u64::try_from(there).unwrap_or(0))));
    let (mut count, mut bytes) = (0, 0);
    let mut left: Vec<_> = stops
        .iter()
        .filter(|(partition, stop)| starts.get(*partition).is_some_and(|start| start < *stop))
        .collect();
    let begun = Instant::now();
    let mut moved = begun;
    while !left.is_empty() && count < wanted.records {
        let records = consumer.poll(POLL).await?;
        for record in records.iter() {
            count += 1;
            bytes += (record.key.map_or(0, <[u8]>::len) + record.value.map_or(0, <[u8]>::len)) as u64;
        }
        progress.advance(records.len() as u64);
        let mut still = Vec::with_capacity(left.len());
        for (partition, stop) in left {
            if consumer.position(&partition.0, partition.1).await? < *stop {
                still.push((partition, stop));
            }
        }
        left = still;
        moved = if records.is_empty() { moved } else { Instant::now() };
        if moved.elapsed() > session.timeout {
            return Err(silent(session.timeout));
        }
    }
    let elapsed = begun.elapsed();
    drop(progress);
    consumer.close().await;
    Ok(speed(wanted.topic, count, bytes, elapsed))
}

fn silent(timeout: Duration) -> Failure {
    client::Error::Timeout(format!("nothing has come for {} ms", timeout.as_millis())).into()
}

/// A consumer that reads these partitions from these offsets.
fn consumer_at(session: &Session<'_>, starts: Vec<(&str, i32, i64)>) -> Result<Consumer, Failure> {
    let own = [("enable.auto.commit", "false".to_owned())];
    let mut consumer = Consumer::new(&session.settings_with(ClientKind::Consumer, &own)?)?;
    let keys: Vec<(&str, i32)> = starts.iter().map(|(topic, number, _)| (*topic, *number)).collect();
    consumer.assign(&keys)?;
    for (topic, number, offset) in starts {
        consumer.seek(topic, number, offset)?;
    }
    Ok(consumer)
}

async fn latency(wanted: &Wanted<'_>, admin: &client::Admin, session: &Session<'_>) -> Result<Doc, Failure> {
    let partition = (wanted.topic.to_owned(), 0);
    let end = place::resolve(admin, &[(partition.clone(), Place::End)]).await?;
    let end = end.get(&partition).copied().unwrap_or_default();
    let mut consumer = consumer_at(session, vec![(wanted.topic, 0, end)])?;
    let own = [("linger.ms", "0".to_owned())];
    let producer = Producer::new(&session.settings_with(ClientKind::Producer, &own)?)?;
    let mut value = vec![0; wanted.size];
    let mut chance = 0;
    let mut latencies = Latencies::new(wanted.records);
    let mut progress = Progress::new("records", Some(wanted.records));
    let mut begun = Instant::now();
    for number in 0..wanted.records + WARM_UP {
        if number == WARM_UP {
            begun = Instant::now();
        }
        cli::fill_with_letters(&mut chance, &mut value);
        let record = ProducerRecord {
            topic: wanted.topic,
            partition: Some(0),
            value: Some(&value),
            ..ProducerRecord::default()
        };
        let sent = Instant::now();
        let delivery = producer.send(&record).await?;
        let hurried = producer.flush();
        let offset = tokio::join!(hurried, delivery.wait()).1?.offset;
        loop {
            let records = consumer.poll(POLL).await?;
            // Others may write to the topic as well.
            if records.iter().any(|record| offset.is_none_or(|offset| record.offset >= offset)) {
                break;
            }
            if sent.elapsed() > session.timeout {
                return Err(silent(session.timeout));
            }
        }
        if number >= WARM_UP {
            latencies.add(sent.elapsed());
            progress.advance(1);
        }
    }
    drop(progress);
    let mut doc = speed(wanted.topic, wanted.records, wanted.records * wanted.size as u64, begun.elapsed());
    latencies.describe(&mut doc);
    consumer.close().await;
    Ok(doc)
}

fn speed(topic: &str, records: u64, bytes: u64, elapsed: Duration) -> Doc {
    let seconds = elapsed.as_secs_f64().max(f64::MIN_POSITIVE);
    map([
        ("topic", topic.into()),
        ("records", records.into()),
        ("bytes", bytes.into()),
        ("seconds", seconds.into()),
        ("recordsPerSecond", (records as f64 / seconds).into()),
        ("mebibytesPerSecond", (bytes as f64 / MIB / seconds).into()),
    ])
}
