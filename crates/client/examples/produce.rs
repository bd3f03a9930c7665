//! Writes the lines of standard input to a topic: `cargo run -p client --example produce -- localhost:9092 TOPIC`.

use std::io::BufRead;
use std::time::Duration;

use client::{Error, Producer, ProducerRecord};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let mut arguments = std::env::args().skip(1);
    let (Some(servers), Some(topic)) = (arguments.next(), arguments.next()) else {
        return Err(Error::Invalid("usage: produce HOST:PORT TOPIC".to_owned()));
    };
    let producer = Producer::connect(&servers)?;
    let mut last = None;
    for line in std::io::stdin().lock().lines() {
        let line = line.map_err(|error| Error::Invalid(error.to_string()))?;
        let record =
            ProducerRecord { topic: &topic, value: Some(line.as_bytes()), ..ProducerRecord::default() };
        last = Some(producer.send(&record).await?);
    }
    // Batches are written in order: what holds of the last line of a partition holds of those before it.
    if let Some(delivery) = last {
        let written = delivery.wait().await?;
        println!("the last line is at {}-{} {:?}", written.topic, written.partition, written.offset);
    }
    producer.close(Duration::from_secs(30)).await;
    Ok(())
}
