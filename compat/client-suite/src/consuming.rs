//! The consumer: what is there is read once and in order.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use client::admin::OffsetSpec;
use client::consumer::OffsetReset;
use client::{Admin, Consumer, Producer, ProducerRecord};
use config::{ClientKind, ClientSettings};

use crate::admin::lasting_topic;
use crate::{Case, Place, block_on, equal, shown};

/// The cases.
pub const CASES: &[Case] = &[
    ("consumer: assigned partitions are read in every codec, from where it seeks", assigned),
    ("consumer: what is paused is kept and comes after it is resumed", paused),
    ("consumer: small answers and few records a poll lose nothing", small_steps),
    ("consumer: without an offset it begins where the reset says", resets),
    ("consumer: what cannot be done is told", refusals),
];

pub mod groups;

const LONG: Duration = Duration::from_secs(60);
const SHORT: Duration = Duration::from_millis(100);
/// One that commits nothing by itself and begins at the beginning.
const PLAIN: [(&str, &str); 2] = [("enable.auto.commit", "false"), ("auto.offset.reset", "earliest")];

fn consumer(place: &Place, more: &[(&str, &str)]) -> Result<Consumer, String> {
    let servers = [("bootstrap.servers", place.servers.as_str())];
    let written = servers.iter().chain(more).copied();
    let settings = ClientSettings::read(ClientKind::Consumer, written).map_err(shown)?;
    Consumer::new(&settings).map_err(shown)
}

/// Makes a topic anew and writes `number` into the partition `number % partitions`, for each number below `count`.
async fn filled(
    place: &Place,
    topic: &str,
    partitions: i32,
    count: i32,
    codec: &str,
) -> Result<Admin, String> {
    let admin = Admin::connect(&place.servers).map_err(shown)?;
    admin.create_topic(&lasting_topic(topic, partitions), false).await.map_err(shown)?;
    fill(place, topic, partitions, 0..count, codec).await?;
    Ok(admin)
}

async fn fill(
    place: &Place,
    topic: &str,
    partitions: i32,
    numbers: std::ops::Range<i32>,
    codec: &str,
) -> Result<(), String> {
    let written =
        [("bootstrap.servers", place.servers.as_str()), ("compression.type", codec), ("batch.size", "1000")];
    let settings = ClientSettings::read(ClientKind::Producer, written).map_err(shown)?;
    let producer = Producer::new(&settings).map_err(shown)?;
    let mut deliveries = Vec::new();
    for number in numbers {
        let value = number.to_string();
        let record = ProducerRecord {
            topic,
            partition: Some(number % partitions),
            timestamp: Some(1_000_000 + i64::from(number)),
            key: (number % 3 > 0).then_some(b"key".as_slice()),
            value: Some(value.as_bytes()),
            headers: &[(b"header", Some(b"1")), (b"null", None)],
        };
        deliveries.push(producer.send(&record).await.map_err(shown)?);
    }
    for delivery in deliveries {
        delivery.wait().await.map_err(shown)?;
    }
    producer.close(LONG).await;
    Ok(())
}

/// Numbers by partition, as they came.
type Read = BTreeMap<i32, Vec<i32>>;

fn note(records: &client::consumer::Records, read: &mut Read) -> Result<(), String> {
    for record in records.iter() {
        let value = std::str::from_utf8(record.value.unwrap_or_default()).map_err(shown)?;
        let number: i32 = value.parse().map_err(shown)?;
        equal(record.timestamp, 1_000_000 + i64::from(number), "timestamp")?;
        equal(record.key.is_some(), number % 3 > 0, "key")?;
        let headers: Vec<_> = record.headers.collect();
        equal(headers, vec![(b"header".as_slice(), Some(b"1".as_slice())), (b"null", None)], "headers")?;
        read.entry(record.partition).or_default().push(number);
    }
    Ok(())
}

fn count(read: &Read) -> usize {
    read.values().map(Vec::len).sum()
}

/// Polls until so many were read in all.
async fn read_to(consumer: &mut Consumer, read: &mut Read, until: usize) -> Result<(), String> {
    let begin = Instant::now();
    while count(read) < until {
        note(&consumer.poll(SHORT).await.map_err(shown)?, read)?;
        if begin.elapsed() > LONG {
            return Err(format!("only {} of {until} records in a minute", count(read)));
        }
    }
    Ok(())
}

/// Each number below `count` once, in order within its partition.
fn complete(read: &Read, partitions: i32, count: i32) -> Result<(), String> {
    for partition in 0..partitions {
        let expected: Vec<i32> = (0..count).filter(|number| number % partitions == partition).collect();
        let found = read.get(&partition).cloned().unwrap_or_default();
        equal(found, expected, "numbers of a partition")?;
    }
    Ok(())
}

fn assigned(place: &Place) -> Result<(), String> {
    block_on(async {
        for codec in ["none", "gzip", "snappy", "lz4", "zstd"] {
            let topic = format!("suite-read-{codec}");
            let admin = filled(place, &topic, 2, 1000, codec).await?;
            let mut consumer = consumer(place, &PLAIN[1..])?;
            consumer.assign(&[(&topic, 0), (&topic, 1)]).map_err(shown)?;
            let mut read = Read::new();
            read_to(&mut consumer, &mut read, 1000).await?;
            complete(&read, 2, 1000)?;
            equal(consumer.poll(SHORT).await.map_err(shown)?.len(), 0, "records beyond the end")?;
            equal(consumer.position(&topic, 1).await, Ok(500), "position")?;
            equal(consumer.lag(&topic, 1), Some(0), "lag")?;
            consumer.seek(&topic, 1, 490).map_err(shown)?;
            let mut again = Read::new();
            read_to(&mut consumer, &mut again, 10).await?;
            equal(
                again,
                BTreeMap::from([(1, (490..500).map(|offset| 2 * offset + 1).collect())]),
                "after a seek",
            )?;
            consumer.assign(&[(&topic, 1)]).map_err(shown)?;
            consumer.seek_to(&[], OffsetReset::Earliest).map_err(shown)?;
            equal(consumer.position(&topic, 1).await, Ok(0), "position at the beginning")?;
            consumer.close().await;
            admin.delete_topics(&[&topic]).await.map_err(shown)?;
        }
        Ok(())
    })
}

fn paused(place: &Place) -> Result<(), String> {
    block_on(async {
        let admin = filled(place, "suite-paused", 2, 2000, "none").await?;
        let mut consumer = consumer(place, &[PLAIN[1], ("max.poll.records", "10")])?;
        consumer.assign(&[("suite-paused", 0), ("suite-paused", 1)]).map_err(shown)?;
        let mut read = Read::new();
        read_to(&mut consumer, &mut read, 10).await?;
        consumer.pause(&[("suite-paused", 0)]).map_err(shown)?;
        let before = read.get(&0).map_or(0, Vec::len);
        let rest = 1000 + before;
        read_to(&mut consumer, &mut read, rest).await?;
        equal(consumer.poll(SHORT).await.map_err(shown)?.len(), 0, "records of a paused partition")?;
        equal(read.get(&0).map_or(0, Vec::len), before, "what was read of it")?;
        consumer.resume(&[("suite-paused", 0)]).map_err(shown)?;
        read_to(&mut consumer, &mut read, 2000).await?;
        complete(&read, 2, 2000)?;
        consumer.close().await;
        admin.delete_topics(&["suite-paused"]).await.map_err(shown)
    })
}

fn small_steps(place: &Place) -> Result<(), String> {
    block_on(async {
        let admin = filled(place, "suite-steps", 3, 3000, "lz4").await?;
        let small = [
            ("max.partition.fetch.bytes", "100"),
            ("max.poll.records", "7"),
            ("fetch.max.bytes", "500"),
            PLAIN[1],
        ];
        let mut consumer = consumer(place, &small)?;
        let partitions: Vec<(&str, i32)> = (0..3).map(|number| ("suite-steps", number)).collect();
        consumer.assign(&partitions).map_err(shown)?;
        let mut read = Read::new();
        while count(&read) < 3000 {
            let records = consumer.poll(LONG).await.map_err(shown)?;
            equal(records.len() <= 7 && !records.is_empty(), true, "as many records as a poll may give")?;
            note(&records, &mut read)?;
        }
        complete(&read, 3, 3000)?;
        consumer.close().await;
        admin.delete_topics(&["suite-steps"]).await.map_err(shown)
    })
}

fn resets(place: &Place) -> Result<(), String> {
    block_on(async {
        let admin = filled(place, "suite-resets", 1, 100, "none").await?;
        let begin = |reset: &'static str| {
            let mut consumer = consumer(place, &[("auto.offset.reset", reset)])?;
            consumer.assign(&[("suite-resets", 0)]).map_err(shown)?;
            Ok::<_, String>(consumer)
        };
        equal(begin("earliest")?.position("suite-resets", 0).await, Ok(0), "earliest")?;
        equal(begin("latest")?.position("suite-resets", 0).await, Ok(100), "latest")?;
        // All records are of 1970.
        equal(begin("by_duration:PT1H")?.position("suite-resets", 0).await, Ok(100), "by duration")?;
        let error = begin("none")?.poll(LONG).await.map(|records| records.len()).unwrap_err().to_string();
        equal(
            error.as_str(),
            "Undefined offset with no reset policy for partitions: [suite-resets-0]",
            "none",
        )?;
        for (reset, first) in [("earliest", 0), ("latest", 100)] {
            let mut consumer = begin(reset)?;
            consumer.seek("suite-resets", 0, 1000).map_err(shown)?;
            let until = Instant::now() + LONG;
            while consumer.position("suite-resets", 0).await == Ok(1000) && Instant::now() < until {
                consumer.poll(SHORT).await.map_err(shown)?;
            }
            let position = consumer.position("suite-resets", 0).await.map_err(shown)?;
            equal(position == first || position == 100, true, "position after one that is out of range")?;
        }
        let mut consumer = begin("none")?;
        consumer.seek("suite-resets", 0, 1000).map_err(shown)?;
        let error = consumer.poll(LONG).await.map(|records| records.len()).unwrap_err().to_string();
        equal(error.contains("is out of range for partition suite-resets-0"), true, &error)?;
        let times = [(("suite-resets".to_owned(), 0), OffsetSpec::Timestamp(1_000_050))];
        let found = consumer.offsets(&times).await.map_err(shown)?;
        equal(
            found.into_values().next().and_then(Result::ok).map(|found| found.offset),
            Some(50),
            "offset of a time",
        )?;
        admin.delete_topics(&["suite-resets"]).await.map_err(shown)
    })
}

fn refusals(place: &Place) -> Result<(), String> {
    block_on(async {
        let mut consumer = consumer(place, &[("allow.auto.create.topics", "false")])?;
        let error = |outcome: Result<(), client::Error>| outcome.unwrap_err().to_string();
        equal(error(consumer.subscribe(&["t"]).await).contains("valid group.id"), true, "without a group")?;
        equal(error(consumer.seek("t", 0, 5)).as_str(), "No current assignment for partition t-0", "seek")?;
        equal(error(consumer.commit().await).contains("valid group.id"), true, "commit without a group")?;
        let polled = consumer.poll(SHORT).await.map(drop);
        equal(error(polled).starts_with("Consumer is not subscribed"), true, "poll of nothing")?;
        consumer.assign(&[("suite topic", 0)]).map_err(shown)?;
        let polled = consumer.poll(LONG).await.map(drop);
        equal(error(polled).as_str(), "Invalid topics: [suite topic]", "a name that is none")?;
        equal(error(consumer.subscribe(&["t"]).await).contains("mutually exclusive"), true, "both")?;
        // A topic that is not there is waited for.
        consumer.assign(&[("suite-missing", 0)]).map_err(shown)?;
        equal(
            consumer.poll(SHORT).await.map(|records| records.len()),
            Ok(0),
            "records of a topic that is not there",
        )
    })
}
