//! What most scripts begin with: a topic that is ready on the broker, and records in it.

use model::Uuid;
use protocol::messages::create_topics_request::{CreatableTopic, CreatableTopicConfig, CreateTopicsRequest};
use protocol::messages::produce_request::{PartitionProduceData, ProduceRequest, TopicProduceData};
use protocol::messages::{InitProducerIdRequest, ListOffsetsRequest, list_offsets_request};
use records::BatchBuilder;

use crate::session::{Session, Stopped};

/// Creates a topic and waits until every partition is served. Returns its id.
pub fn create(
    session: &mut Session,
    name: &str,
    partitions: i32,
    configs: &[(&str, &str)],
) -> Result<Uuid, Stopped> {
    let config = |(name, value): &(&str, &str)| CreatableTopicConfig {
        name: (*name).to_owned().into(),
        value: Some((*value).to_owned().into()),
    };
    let topic = CreatableTopic {
        name: name.to_owned().into(),
        num_partitions: partitions,
        replication_factor: 1,
        configs: configs.iter().map(config).collect(),
        ..CreatableTopic::default()
    };
    let request = CreateTopicsRequest { topics: vec![topic], timeout_ms: 10_000, validate_only: false };
    let answer = session.ask_quietly(7, &request)?;
    let created = answer.topics.first().ok_or("no answer for the topic")?;
    if !created.error_code.is_none() {
        return Err(format!("{name} was not created: {:?} {:?}", created.error_code, created.error_message));
    }
    session.settle()?;
    wait_until_served(session, name, partitions)?;
    Ok(created.topic_id)
}

/// Waits until the broker leads partitions 0 to `partitions` - 1.
pub fn wait_until_served(session: &mut Session, name: &str, partitions: i32) -> Result<(), Stopped> {
    session.until("the topic is served", |session| {
        let partition = |partition_index| list_offsets_request::ListOffsetsPartition {
            partition_index,
            current_leader_epoch: -1,
            timestamp: -2,
        };
        let topic = list_offsets_request::ListOffsetsTopic {
            name: name.to_owned().into(),
            partitions: (0..partitions).map(partition).collect(),
        };
        let request = ListOffsetsRequest { replica_id: -1, topics: vec![topic], ..Default::default() };
        let answer = session.ask_quietly(6, &request)?;
        let mut served = answer.topics.iter().flat_map(|topic| &topic.partitions);
        Ok(served.all(|partition| partition.error_code.is_none()))
    })
}

/// A produce request for one partition.
pub fn produce_request<'a>(
    version: i16,
    (name, id): (&'a str, Uuid),
    index: i32,
    acks: i16,
    records: Option<Vec<u8>>,
) -> ProduceRequest<'a> {
    let partition = PartitionProduceData { index, records: records.map(Into::into) };
    let topic = TopicProduceData {
        name: if version < 13 { name.into() } else { "".into() },
        topic_id: if version < 13 { Uuid::ZERO } else { id },
        partition_data: vec![partition],
    };
    ProduceRequest { transactional_id: None, acks, timeout_ms: 5_000, topic_data: vec![topic] }
}

/// Records `key-n`, `value-n` with timestamps from `first_ms` on, as one batch.
pub fn batch(count: i64, first_ms: i64) -> BatchBuilder {
    let mut builder = BatchBuilder::new();
    for at in 0..count {
        let (key, value) = (format!("key-{at}"), format!("value-{at}"));
        builder.push(first_ms + at, Some(key.as_bytes()), Some(value.as_bytes()), &[(b"h", Some(b"1"))]);
    }
    builder
}

/// Writes a batch without comparing the answer, which must be a success.
pub fn write(session: &mut Session, name: &str, index: i32, batch: &BatchBuilder) -> Result<(), Stopped> {
    let request = produce_request(9, (name, Uuid::ZERO), index, -1, Some(batch.build()));
    let answer = session.ask_quietly(9, &request)?;
    let failed = answer.responses.iter().flat_map(|topic| &topic.partition_responses);
    match failed.into_iter().find(|partition| !partition.error_code.is_none()) {
        Some(partition) => Err(format!("{name} could not be written: {partition:?}")),
        None => Ok(()),
    }
}

/// A producer id nobody else has. Kafka's broker refuses until it has got its first block of ids, Naru's waits.
pub fn first_producer_id(session: &mut Session) -> Result<i64, Stopped> {
    let request = InitProducerIdRequest {
        transactional_id: None,
        producer_id: -1,
        producer_epoch: -1,
        ..InitProducerIdRequest::default()
    };
    let mut producer_id = -1;
    session.until("there are producer ids", |session| {
        producer_id = session.ask_quietly(4, &request)?.producer_id;
        Ok(producer_id >= 0)
    })?;
    Ok(producer_id)
}
