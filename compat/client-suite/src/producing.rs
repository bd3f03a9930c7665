//! The producer: what it was given is there, once and in order.

use client::admin::TopicDescription;
use client::producer::RecordMetadata;
use client::{Admin, Producer, ProducerRecord};
use config::{ClientKind, ClientSettings};
use model::ErrorCode;
use std::time::Duration;

use crate::admin::{described, lasting_topic};
use crate::fetching::{Read, read_all};
use crate::{Case, Place, block_on, equal, shown};

/// The cases.
pub const CASES: &[Case] = &[
    ("producer: records of every codec are there as they were given", every_codec),
    ("producer: records with keys go where their keys say, in order", keys),
    ("producer: records without keys go to all partitions", sticky),
    ("producer: a small buffer holds the sender back and loses nothing", small_buffer),
    ("producer: acks=0 and acks=1 write too", fewer_acks),
    ("producer: what cannot be sent is told", refusals),
    ("producer: a dropped or closed producer has sent everything", closed),
];

const LONG: Duration = Duration::from_secs(60);

fn producer(place: &Place, more: &[(&str, &str)]) -> Result<Producer, String> {
    let servers = [("bootstrap.servers", place.servers.as_str())];
    let written = servers.iter().chain(more).copied();
    let settings = ClientSettings::read(ClientKind::Producer, written).map_err(shown)?;
    Producer::new(&settings).map_err(shown)
}

/// A topic that was made for a case, and what reads it.
struct Topic {
    admin: Admin,
    described: TopicDescription,
}

impl Topic {
    async fn create(place: &Place, name: &str, partitions: i32) -> Result<Topic, String> {
        let admin = Admin::connect(&place.servers).map_err(shown)?;
        admin.create_topic(&lasting_topic(name, partitions), false).await.map_err(shown)?;
        let described = described(&admin, &[name]).await?;
        Ok(Topic { admin, described: described.into_iter().next().ok_or("nothing is described")? })
    }

    async fn read(&self, partition: i32) -> Result<Vec<Read>, String> {
        let found = self.described.partitions.iter().find(|one| one.partition == partition);
        let leader = found.and_then(|one| one.leader).ok_or("nobody leads the partition")?;
        read_all(&self.admin, &self.described.name, self.described.id, partition, leader).await
    }

    async fn delete(self) -> Result<(), String> {
        self.admin.delete_topics(&[&self.described.name]).await.map_err(shown)
    }
}

fn every_codec(place: &Place) -> Result<(), String> {
    block_on(async {
        for codec in ["none", "gzip", "snappy", "lz4", "zstd"] {
            let name = format!("suite-{codec}");
            let topic = Topic::create(place, &name, 1).await?;
            let producer = producer(place, &[("compression.type", codec), ("batch.size", "2000")])?;
            let values: Vec<String> =
                (0..500).map(|number| format!("value {number} {}", "x".repeat(number % 50))).collect();
            let mut deliveries = Vec::new();
            for (number, value) in (0..).zip(&values) {
                let record = ProducerRecord {
                    topic: &name,
                    timestamp: Some(1_000_000 + number),
                    key: (number % 3 > 0).then_some(b"key".as_slice()),
                    value: (number % 7 > 0).then_some(value.as_bytes()),
                    headers: &[(b"first", Some(b"1")), (b"null", None)],
                    ..ProducerRecord::default()
                };
                deliveries.push(producer.send(&record).await.map_err(shown)?);
            }
            for (number, delivery) in (0..).zip(deliveries) {
                let RecordMetadata { offset, timestamp, .. } = delivery.wait().await.map_err(shown)?;
                equal((offset, timestamp), (Some(number), 1_000_000 + number), "offset and timestamp")?;
            }
            let read = topic.read(0).await?;
            equal(read.len(), values.len(), "records")?;
            for (number, (read, value)) in (0..).zip(read.iter().zip(&values)) {
                equal(read.key.is_some(), number % 3 > 0, "key")?;
                equal(read.value.as_deref(), (number % 7 > 0).then_some(value.as_bytes()), "value")?;
                let headers = vec![(b"first".to_vec(), Some(b"1".to_vec())), (b"null".to_vec(), None)];
                equal(&read.headers, &headers, "headers")?;
            }
            topic.delete().await?;
        }
        Ok(())
    })
}

fn keys(place: &Place) -> Result<(), String> {
    block_on(async {
        let topic = Topic::create(place, "suite-keys", 5).await?;
        let producer = producer(place, &[("batch.size", "300"), ("linger.ms", "0")])?;
        let mut deliveries = Vec::new();
        for number in 0..2000 {
            let (key, value) = (format!("key {}", number % 40), number.to_string());
            let record = ProducerRecord {
                topic: "suite-keys",
                key: Some(key.as_bytes()),
                value: Some(value.as_bytes()),
                ..ProducerRecord::default()
            };
            deliveries.push(producer.send(&record).await.map_err(shown)?);
        }
        producer.flush().await;
        for delivery in deliveries {
            delivery.outcome().ok_or("unknown after a flush")?.map_err(shown)?;
        }
        let mut count = 0;
        for partition in 0..5 {
            let mut last = std::collections::BTreeMap::new();
            for read in topic.read(partition).await? {
                let key = read.key.unwrap_or_default();
                equal(client::producer::partitioner::by_key(&key, 5), partition, "partition of a key")?;
                let value: i32 =
                    String::from_utf8_lossy(&read.value.unwrap_or_default()).parse().map_err(shown)?;
                let before = last.insert(key, value);
                equal(before.is_none_or(|before| before < value), true, "order of a key")?;
                count += 1;
            }
        }
        equal(count, 2000, "records")?;
        topic.delete().await
    })
}

fn sticky(place: &Place) -> Result<(), String> {
    block_on(async {
        let topic = Topic::create(place, "suite-sticky", 3).await?;
        let producer = producer(place, &[("batch.size", "500")])?;
        for _ in 0..1000 {
            let record =
                ProducerRecord { topic: "suite-sticky", value: Some(&[7; 100]), ..ProducerRecord::default() };
            producer.send(&record).await.map_err(shown)?;
        }
        producer.flush().await;
        let mut counts = Vec::new();
        for partition in 0..3 {
            counts.push(topic.read(partition).await?.len());
        }
        equal(counts.iter().sum::<usize>(), 1000, "records")?;
        equal(
            counts.iter().all(|count| *count > 100),
            true,
            &format!("spread over the partitions as {counts:?}"),
        )?;
        topic.delete().await
    })
}

fn small_buffer(place: &Place) -> Result<(), String> {
    block_on(async {
        let topic = Topic::create(place, "suite-buffer", 4).await?;
        let producer =
            producer(place, &[("buffer.memory", "40000"), ("batch.size", "5000"), ("linger.ms", "1000")])?;
        for number in 0..3000 {
            let record = ProducerRecord {
                topic: "suite-buffer",
                partition: Some(number % 4),
                value: Some(&[1; 500]),
                ..ProducerRecord::default()
            };
            producer.send(&record).await.map_err(shown)?;
        }
        producer.flush().await;
        for partition in 0..4 {
            equal(topic.read(partition).await?.len(), 750, "records of a partition")?;
        }
        topic.delete().await
    })
}

fn fewer_acks(place: &Place) -> Result<(), String> {
    block_on(async {
        let topic = Topic::create(place, "suite-acks", 2).await?;
        for (partition, acks) in [(0, "0"), (1, "1")] {
            let producer = producer(place, &[("acks", acks)])?;
            let record = ProducerRecord {
                topic: "suite-acks",
                partition: Some(partition),
                value: Some(b"x"),
                ..ProducerRecord::default()
            };
            let delivery = producer.send(&record).await.map_err(shown)?;
            let offset = delivery.wait().await.map_err(shown)?.offset;
            equal(offset, (partition == 1).then_some(0), "offset that is told")?;
            let begin = std::time::Instant::now();
            while topic.read(partition).await?.is_empty() && begin.elapsed() < LONG {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            equal(topic.read(partition).await?.len(), 1, "records")?;
        }
        topic.delete().await
    })
}

fn refusals(place: &Place) -> Result<(), String> {
    block_on(async {
        let topic = Topic::create(place, "suite-refused", 1).await?;
        let producer = producer(place, &[("max.request.size", "10000"), ("max.block.ms", "1000")])?;
        let of = |name, partition, value| ProducerRecord {
            topic: name,
            partition,
            value: Some(value),
            ..ProducerRecord::default()
        };
        let large = vec![0; 20_000];
        let error = producer.send(&of("suite-refused", None, &large)).await.unwrap_err();
        equal(error.code(), Some(ErrorCode::MESSAGE_TOO_LARGE), "a record above max.request.size")?;
        let error = producer.send(&of("suite-refused", Some(1), b"x")).await.unwrap_err();
        equal(
            error.to_string().contains("not present in metadata"),
            true,
            &format!("a partition that is not there: {error}"),
        )?;
        let error = producer.send(&of("bad name", None, b"x")).await.unwrap_err();
        equal(error.code(), Some(ErrorCode::INVALID_TOPIC_EXCEPTION), "a name that is none")?;
        topic.delete().await
    })
}

fn closed(place: &Place) -> Result<(), String> {
    block_on(async {
        let topic = Topic::create(place, "suite-closed", 1).await?;
        for closes in [true, false] {
            let producer = producer(place, &[("linger.ms", "100000"), ("delivery.timeout.ms", "200000")])?;
            let record =
                ProducerRecord { topic: "suite-closed", value: Some(b"x"), ..ProducerRecord::default() };
            let delivery = producer.send(&record).await.map_err(shown)?;
            if closes {
                producer.close(LONG).await;
                equal(delivery.outcome().is_some(), true, "known after the close")?;
            } else {
                drop(producer);
                tokio::time::timeout(LONG, delivery.wait()).await.map_err(shown)?.map_err(shown)?;
            }
        }
        equal(topic.read(0).await?.len(), 2, "records")?;
        topic.delete().await
    })
}

/// Writes records one after the other for some seconds and reads them back. Tells when it has begun, so that somebody can kill
/// the server from then on.
pub fn steadily(place: &Place, count: usize) -> Result<(), String> {
    block_on(async {
        let topic = Topic::create(place, "suite-steadily", 1).await?;
        let producer = producer(place, &[("batch.size", "500"), ("linger.ms", "1")])?;
        let mut deliveries = Vec::new();
        for number in 0..count {
            let value = number.to_string();
            let record = ProducerRecord {
                topic: "suite-steadily",
                value: Some(value.as_bytes()),
                ..ProducerRecord::default()
            };
            deliveries.push(producer.send(&record).await.map_err(shown)?);
            if number % 10 == 0 {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            if number == count / 10 {
                println!("begun");
            }
        }
        for delivery in deliveries {
            delivery.wait().await.map_err(shown)?;
        }
        let read = topic.read(0).await?;
        let values =
            read.iter().map(|read| String::from_utf8_lossy(read.value.as_deref().unwrap_or_default()));
        let numbers: Vec<usize> = values.filter_map(|value| value.parse().ok()).collect();
        equal(numbers.len(), count, "records")?;
        equal(numbers.iter().copied().eq(0..count), true, "each once, in order")
    })
}
