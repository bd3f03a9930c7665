//! Copies a topic into another one with its values in capitals: each offset is committed once what came of its record is
//! written. `cargo run -p client --example transform -- localhost:9092 FROM TO`.

use std::time::Duration;

use client::consumer::CommittedOffset;
use client::{Consumer, Error, Producer, ProducerRecord};
use config::{ClientKind, ClientSettings};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let mut arguments = std::env::args().skip(1);
    let (Some(servers), Some(from), Some(to)) = (arguments.next(), arguments.next(), arguments.next()) else {
        return Err(Error::Invalid("usage: transform HOST:PORT FROM TO".to_owned()));
    };
    let written = [
        ("bootstrap.servers", servers.as_str()),
        ("group.id", "transform"),
        ("enable.auto.commit", "false"),
        ("auto.offset.reset", "earliest"),
    ];
    let settings = ClientSettings::read(ClientKind::Consumer, written)
        .map_err(|error| Error::Invalid(error.to_string()))?;
    let mut consumer = Consumer::new(&settings)?;
    let producer = Producer::connect(&servers)?;
    consumer.subscribe(&[&from]).await?;
    let mut idle = 0;
    while idle < 10 {
        let records = consumer.poll(Duration::from_secs(1)).await?;
        idle = if records.is_empty() { idle + 1 } else { 0 };
        let mut deliveries = Vec::with_capacity(records.len());
        for record in records.iter() {
            let value = record.value.map(<[u8]>::to_ascii_uppercase);
            let copy = ProducerRecord {
                topic: &to,
                key: record.key,
                value: value.as_deref(),
                ..ProducerRecord::default()
            };
            deliveries.push(producer.send(&copy).await?);
        }
        for delivery in deliveries {
            delivery.wait().await?;
        }
        let offsets = records.next_offsets().into_iter();
        consumer
            .commit_offsets(offsets.map(|(partition, offset)| (partition, CommittedOffset::at(offset))))
            .await?;
    }
    consumer.close().await;
    producer.close(Duration::from_secs(30)).await;
    Ok(())
}
