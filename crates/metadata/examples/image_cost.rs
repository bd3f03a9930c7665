//! Prints what one more topic costs an image that already has many: `cargo run --release -p metadata --example image_cost`.

use std::time::Instant;

use metadata::Image;
use model::Uuid;
use protocol::messages::{MetadataRecord, PartitionRecord, TopicRecord};

fn add_topic(image: &mut Image, number: u64) {
    let mut id = [7; 16];
    id[..8].copy_from_slice(&number.to_be_bytes());
    let topic = TopicRecord { name: format!("topic-{number}").into(), topic_id: Uuid(id) };
    let offset = i64::try_from(number).unwrap_or(i64::MAX);
    image.apply(&MetadataRecord::Topic(topic), offset).expect("a topic can always be added");
    let partition = PartitionRecord {
        partition_id: 0,
        topic_id: Uuid(id),
        replicas: vec![1],
        isr: vec![1],
        leader: 1,
        leader_epoch: 0,
        partition_epoch: 0,
        directories: vec![Uuid::ONE],
        ..PartitionRecord::default()
    };
    image.apply(&MetadataRecord::Partition(partition), offset).expect("its topic exists");
}

fn main() {
    let mut image = Image::new();
    for number in 0..10_000 {
        add_topic(&mut image, number);
    }
    let mut kept = vec![image.clone()];
    let begin = Instant::now();
    for number in 10_000..11_000 {
        add_topic(&mut image, number);
        kept.push(image.clone());
    }
    let each = begin.elapsed() / 1_000;
    println!("one topic with one partition on {} topics: {each:?} an image", kept[0].topics.len());
}
