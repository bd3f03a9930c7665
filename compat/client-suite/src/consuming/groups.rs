//! Groups of both protocols: what is shared, handed over and committed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use client::Consumer;
use client::consumer::{CommittedOffset, RebalanceListener};

use super::{LONG, PLAIN, Read, SHORT, complete, consumer, count, fill, filled, note, read_to};
use crate::{Case, Place, block_on, equal, shown};

/// The cases.
pub const CASES: &[Case] = &[
    ("consumer: a group goes on where it committed, in each protocol", resumes),
    ("consumer: members share, and take over from one that leaves, with each assignor", shares),
    ("consumer: a pattern finds topics that come later", pattern),
    ("consumer: who asks too seldom loses its partitions and gets them back", too_seldom),
    ("consumer: offsets are committed by the clock and at the end", auto_commit),
    ("consumer: a commit does not wait behind a fetch", aside),
    ("consumer: who closes while it waits to be let in leaves nothing behind", waits_in_vain),
];

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

/// A server answers a connection in order: what goes to the coordinator has a connection of its own.
fn aside(place: &Place) -> Result<(), String> {
    block_on(async {
        let admin = filled(place, "suite-aside", 1, 10, "none").await?;
        let written =
            [("group.id", "suite-aside"), ("fetch.max.wait.ms", "20000"), ("default.api.timeout.ms", "5000")];
        let mut consumer = consumer(place, &[&written[..], &PLAIN].concat())?;
        consumer.assign(&[("suite-aside", 0)]).map_err(shown)?;
        let mut read = Read::new();
        read_to(&mut consumer, &mut read, 10).await?;
        // The fetch that this poll leaves behind is not answered before a record comes.
        note(&consumer.poll(SHORT).await.map_err(shown)?, &mut read)?;
        consumer.commit().await.map_err(shown)?;
        consumer.close().await;
        admin.delete_topics(&["suite-aside"]).await.map_err(shown)
    })
}

/// The first member is asked for no records, so that it does not come to the round that the second one waits for.
fn waits_in_vain(place: &Place) -> Result<(), String> {
    block_on(async {
        let admin = filled(place, "suite-waits", 2, 100, "none").await?;
        // Far longer than anybody waits here.
        let session = [("session.timeout.ms", "300000"), ("max.poll.interval.ms", "300000")];
        let written = [("group.id", "suite-waits"), ("heartbeat.interval.ms", "200")];
        let written = [&written[..], &session, &PLAIN].concat();
        let mut first = consumer(place, &written)?;
        first.subscribe(&["suite-waits"]).await.map_err(shown)?;
        let mut read = Read::new();
        read_to(&mut first, &mut read, 100).await?;
        first.commit().await.map_err(shown)?;
        let mut second = consumer(place, &written)?;
        second.subscribe(&["suite-waits"]).await.map_err(shown)?;
        note(&second.poll(Duration::from_secs(1)).await.map_err(shown)?, &mut read)?;
        second.close().await;
        fill(place, "suite-waits", 2, 100..200, "none").await?;
        read_to(&mut first, &mut read, 200).await?;
        complete(&read, 2, 200)?;
        first.close().await;
        admin.delete_topics(&["suite-waits"]).await.map_err(shown)
    })
}
