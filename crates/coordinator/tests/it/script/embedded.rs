//! What members of the classic protocol say to each other: subscriptions, and assignments as `@t/0+1`.

use protocol::messages::{
    ConsumerProtocolAssignment, ConsumerProtocolSubscription, consumer_protocol_assignment,
    consumer_protocol_subscription,
};
use protocol::{Reader, Writer};

/// A subscription for topics with `+` between them; with what the member has it is of version 1.
pub fn subscription(topics: &str, owned: Option<&str>) -> Vec<u8> {
    let topics = topics.split('+').filter(|topic| !topic.is_empty()).map(|topic| topic.into()).collect();
    let owned_partitions = owned.into_iter().flat_map(|owned| owned.split(',')).filter(|part| *part != "-");
    let owned_partitions = owned_partitions.map(|part| {
        let (topic, partitions) = indexes(part);
        consumer_protocol_subscription::TopicPartition { topic: topic.into(), partitions }
    });
    let value = ConsumerProtocolSubscription {
        topics,
        owned_partitions: owned_partitions.collect(),
        ..ConsumerProtocolSubscription::default()
    };
    let version = i16::from(owned.is_some());
    let mut writer = Writer::new();
    writer.i16(version);
    value.encode(&mut writer, version).unwrap();
    writer.into_vec()
}

/// The bytes of the text, or of the assignment that it stands for.
pub fn assignment(text: &str) -> Vec<u8> {
    let Some(part) = text.strip_prefix('@') else { return text.as_bytes().to_vec() };
    let (topic, partitions) = indexes(part);
    let topic = consumer_protocol_assignment::TopicPartition { topic: topic.into(), partitions };
    let value = ConsumerProtocolAssignment { assigned_partitions: vec![topic], user_data: None };
    let mut writer = Writer::new();
    writer.i16(0);
    value.encode(&mut writer, 0).unwrap();
    writer.into_vec()
}

fn indexes(text: &str) -> (&str, Vec<i32>) {
    let (topic, indexes) = text.split_once(['/', ':']).unwrap();
    (topic, indexes.split('+').map(|index| index.parse().unwrap()).collect())
}

/// An assignment as `@t/0+1` with its version, or the text that it is.
pub fn shown(bytes: &[u8]) -> String {
    if bytes.first() != Some(&0) {
        return format!("{:?}", String::from_utf8_lossy(bytes));
    }
    let mut reader = Reader::new(bytes);
    let version = reader.i16().unwrap();
    let value = ConsumerProtocolAssignment::decode(&mut reader, version).unwrap();
    let topics = value.assigned_partitions.iter().map(|topic| {
        let indexes: Vec<String> = topic.partitions.iter().map(ToString::to_string).collect();
        format!("@{}/{}", topic.topic, indexes.join("+"))
    });
    format!("v{version}[{}]", topics.collect::<Vec<String>>().join(" "))
}
