//! The consumer: what is there is read once and in order, alone and in groups of both protocols.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use client::admin::OffsetSpec;
use client::consumer::{CommittedOffset, OffsetReset, RebalanceListener};
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
    ("consumer: a group goes on where it committed, in each protocol", resumes),
    ("consumer: members share, and take over from one that leaves, with each assignor", shares),
    ("consumer: a pattern finds topics that come later", pattern),
    ("consumer: who asks too seldom loses its partitions and gets them back", too_seldom),
    ("consumer: offsets are committed by the clock and at the end", auto_commit),
    ("consumer: what cannot be done is told", refusals),
];

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

/// Each protocol, and each assignor of the classic one.
const KINDS: [&[(&str, &str)]; 5] = [
    &[("partition.assignment.strategy", "org.apache.kafka.clients.consumer.RangeAssignor")],
    &[("partition.assignment.strategy", "org.apache.kafka.clients.consumer.RoundRobinAssignor")],
    &[("partition.assignment.strategy", "org.apache.kafka.clients.consumer.StickyAssignor")],
    &[("partition.assignment.strategy", "org.apache.kafka.clients.consumer.CooperativeStickyAssignor")],
    &[("group.protocol", "consumer")],
];

fn member(place: &Place, group: &str, kind: &[(&str, &str)]) -> Result<Consumer, String> {
    let quick = [("group.id", group), ("metadata.max.age.ms", "500")];
    let heartbeats: &[(&str, &str)] = if kind[0].0 == "group.protocol" {
        &[]
    } else {
        &[("heartbeat.interval.ms", "200"), ("session.timeout.ms", "6000")]
    };
    let written: Vec<(&str, &str)> =
        quick.iter().chain(&PLAIN).chain(kind).chain(heartbeats).copied().collect();
    consumer(place, &written)
}

fn resumes(place: &Place) -> Result<(), String> {
    block_on(async {
        let admin = filled(place, "suite-resumes", 3, 3000, "zstd").await?;
        for (number, kind) in (0..).zip(KINDS) {
            let group = format!("suite-resumes-{number}");
            let mut read = Read::new();
            let mut first = member(place, &group, kind)?;
            first.subscribe(&["suite-resumes"]).await.map_err(shown)?;
            read_to(&mut first, &mut read, 1000).await.map_err(|error| format!("{kind:?}: {error}"))?;
            first.commit().await.map_err(shown)?;
            let partitions = [("suite-resumes", 0), ("suite-resumes", 1), ("suite-resumes", 2)];
            let committed = first.committed(&partitions).await.map_err(shown)?;
            let sum: i64 = committed.values().map(|committed| committed.offset).sum();
            equal(usize::try_from(sum).unwrap_or_default(), count(&read), "committed records")?;
            // What is read and not committed comes again.
            note(&first.poll(SHORT).await.map_err(shown)?, &mut Read::new())?;
            first.close().await;
            let mut second = member(place, &group, kind)?;
            second.subscribe(&["suite-resumes"]).await.map_err(shown)?;
            read_to(&mut second, &mut read, 3000).await.map_err(|error| format!("{kind:?}: {error}"))?;
            complete(&read, 3, 3000)?;
            let at = [(
                ("suite-resumes".to_owned(), 0),
                CommittedOffset { metadata: "by hand".to_owned(), ..CommittedOffset::at(7) },
            )];
            second.commit_offsets(at.clone()).await.map_err(shown)?;
            equal(
                second.committed(&partitions[..1]).await,
                Ok(at.into_iter().collect()),
                "what was committed by hand",
            )?;
            second.close().await;
        }
        admin.delete_topics(&["suite-resumes"]).await.map_err(shown)
    })
}

/// Commits what was read when partitions go.
struct Commits {
    next: Arc<Mutex<BTreeMap<(String, i32), i64>>>,
}

impl RebalanceListener for Commits {
    fn revoked(&mut self, partitions: &[(String, i32)]) -> Vec<((String, i32), CommittedOffset)> {
        let next = self.next.lock().unwrap();
        partitions
            .iter()
            .filter_map(|key| Some((key.clone(), CommittedOffset::at(*next.get(key)?))))
            .collect()
    }
}

fn shares(place: &Place) -> Result<(), String> {
    block_on(async {
        for (number, kind) in (0..).zip(KINDS) {
            let topic = format!("suite-shares-{number}");
            let admin = filled(place, &topic, 6, 600, "none").await?;
            let mut read = Read::new();
            let mut members = Vec::new();
            for _ in 0..2 {
                let mut member = member(place, &topic, kind)?;
                let next = Arc::default();
                member.listen(Commits { next: Arc::clone(&next) });
                member.subscribe(&[&topic]).await.map_err(shown)?;
                members.push((member, next));
                // The first one has everything before the second comes, which then has half.
                settle(&mut members, &mut read).await?;
            }
            fill(place, &topic, 6, 600..1200, "none").await?;
            let until = Instant::now() + LONG;
            while count(&read) < 1200 && Instant::now() < until {
                poll_all(&mut members, &mut read).await?;
            }
            complete(&read, 6, 1200)?;
            let (first, _) = members.remove(0);
            first.close().await;
            settle(&mut members, &mut read).await?;
            fill(place, &topic, 6, 1200..1800, "none").await?;
            read_to(&mut members[0].0, &mut read, 1800).await?;
            complete(&read, 6, 1800)?;
            let (second, _) = members.remove(0);
            second.close().await;
            admin.delete_topics(&[&topic]).await.map_err(shown)?;
        }
        Ok(())
    })
}

type Member = (Consumer, Arc<Mutex<BTreeMap<(String, i32), i64>>>);

async fn poll_all(members: &mut [Member], read: &mut Read) -> Result<(), String> {
    for (member, next) in members {
        let records = member.poll(Duration::from_millis(30)).await.map_err(shown)?;
        next.lock().unwrap().extend(records.next_offsets());
        note(&records, read)?;
    }
    Ok(())
}

/// Polls until all six partitions are read, by each member as many.
async fn settle(members: &mut [Member], read: &mut Read) -> Result<(), String> {
    let until = Instant::now() + LONG;
    loop {
        poll_all(members, read).await?;
        let shares: Vec<Vec<(String, i32)>> = members.iter().map(|(member, _)| member.assignment()).collect();
        let all: BTreeSet<&(String, i32)> = shares.iter().flatten().collect();
        if all.len() == 6 && shares.iter().all(|share| share.len() == 6 / members.len()) {
            return Ok(());
        }
        if Instant::now() > until {
            return Err(format!("after a minute the shares are {shares:?}"));
        }
    }
}

fn pattern(place: &Place) -> Result<(), String> {
    block_on(async {
        for (number, kind) in (0..).zip([KINDS[0], KINDS[4]]) {
            let topics = [format!("suite-pattern-{number}-a"), format!("suite-pattern-{number}-b")];
            let admin = filled(place, &topics[0], 1, 10, "none").await?;
            let other = format!("other-suite-pattern-{number}-a");
            filled(place, &other, 1, 10, "none").await?;
            let mut consumer = member(place, &format!("suite-pattern-{number}"), kind)?;
            consumer.subscribe_pattern(&format!("suite-pattern-{number}-.*")).await.map_err(shown)?;
            let mut read = Read::new();
            read_to(&mut consumer, &mut read, 10).await?;
            filled(place, &topics[1], 1, 10, "none").await?;
            read_to(&mut consumer, &mut read, 20).await?;
            let assigned: Vec<String> = consumer.assignment().into_iter().map(|(topic, _)| topic).collect();
            equal(&assigned[..], &topics[..], "topics that match")?;
            consumer.close().await;
            admin.delete_topics(&[&topics[0], &topics[1], &other]).await.map_err(shown)?;
        }
        Ok(())
    })
}

fn too_seldom(place: &Place) -> Result<(), String> {
    block_on(async {
        let admin = filled(place, "suite-seldom", 1, 100, "none").await?;
        for (number, kind) in (0..).zip([KINDS[0], KINDS[4]]) {
            let written = [kind, &[("max.poll.interval.ms", "1500"), ("max.poll.records", "10")]].concat();
            let mut consumer = member(place, &format!("suite-seldom-{number}"), &written)?;
            let lost = Arc::new(Mutex::new(0));
            consumer.listen(CountsLost(Arc::clone(&lost)));
            consumer.subscribe(&["suite-seldom"]).await.map_err(shown)?;
            let mut read = Read::new();
            read_to(&mut consumer, &mut read, 10).await?;
            tokio::time::sleep(Duration::from_millis(2500)).await;
            let mut again = Read::new();
            read_to(&mut consumer, &mut again, 100).await?;
            // Nothing was committed.
            complete(&again, 1, 100)?;
            equal(*lost.lock().unwrap(), 1, "partitions that were lost")?;
            consumer.close().await;
        }
        admin.delete_topics(&["suite-seldom"]).await.map_err(shown)
    })
}

struct CountsLost(Arc<Mutex<usize>>);

impl RebalanceListener for CountsLost {
    fn lost(&mut self, partitions: &[(String, i32)]) {
        *self.0.lock().unwrap() += partitions.len();
    }
}

fn auto_commit(place: &Place) -> Result<(), String> {
    block_on(async {
        let admin = filled(place, "suite-auto", 1, 100, "none").await?;
        let written = [
            ("group.id", "suite-auto"),
            ("auto.offset.reset", "earliest"),
            ("auto.commit.interval.ms", "100"),
            ("max.poll.records", "10"),
        ];
        let mut first = consumer(place, &written)?;
        first.subscribe(&["suite-auto"]).await.map_err(shown)?;
        let mut read = Read::new();
        read_to(&mut first, &mut read, 20).await?;
        let until = Instant::now() + LONG;
        loop {
            tokio::time::sleep(SHORT).await;
            // What this poll gives is not committed before the next one.
            note(&first.poll(SHORT).await.map_err(shown)?, &mut read)?;
            let committed = first.committed(&[("suite-auto", 0)]).await.map_err(shown)?;
            if committed.values().any(|committed| committed.offset >= 20) {
                break;
            }
            equal(Instant::now() < until, true, "a commit within a minute")?;
        }
        let position = first.position("suite-auto", 0).await.map_err(shown)?;
        first.close().await;
        let mut second = consumer(place, &written)?;
        second.assign(&[("suite-auto", 0)]).map_err(shown)?;
        equal(second.position("suite-auto", 0).await, Ok(position), "where the next one begins")?;
        second.close().await;
        admin.delete_topics(&["suite-auto"]).await.map_err(shown)
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
