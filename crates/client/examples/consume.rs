//! Prints the values of a topic as the member of a group: `cargo run -p client --example consume -- localhost:9092 TOPIC GROUP`.

use std::time::Duration;

use client::{Consumer, Error};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let mut arguments = std::env::args().skip(1);
    let (Some(servers), Some(topic), Some(group)) = (arguments.next(), arguments.next(), arguments.next())
    else {
        return Err(Error::Invalid("usage: consume HOST:PORT TOPIC GROUP".to_owned()));
    };
    let mut consumer = Consumer::connect(&servers, Some(&group))?;
    consumer.subscribe(&[&topic]).await?;
    // Offsets are committed while it polls and at the end, as enable.auto.commit says.
    let mut idle = 0;
    while idle < 10 {
        let records = consumer.poll(Duration::from_secs(1)).await?;
        idle = if records.is_empty() { idle + 1 } else { 0 };
        for record in records.iter() {
            println!(
                "{}-{} {}: {:?}",
                record.topic,
                record.partition,
                record.offset,
                record.value.map(String::from_utf8_lossy)
            );
        }
    }
    consumer.close().await;
    Ok(())
}
