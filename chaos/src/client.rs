//! A blocking client of the few requests that campaigns make; answers may be behind requests.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use model::ErrorCode;
use protocol::messages::create_topics_request::{CreatableTopic, CreatableTopicConfig};
use protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use protocol::messages::incremental_alter_configs_request::{AlterConfigsResource, AlterableConfig};
use protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use protocol::messages::{
    CreateTopicsRequest, CreateTopicsResponse, DeleteTopicsRequest, DeleteTopicsResponse, FetchRequest,
    FetchResponse, IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse, InitProducerIdRequest,
    InitProducerIdResponse, ProduceRequest, ProduceResponse,
};
use protocol::{ApiKey, Message, Reader, Writer, encode_request_header};

/// Versions that name topics by name.
const PRODUCE: i16 = 12;
const FETCH: i16 = 12;
const CREATE_TOPICS: i16 = 7;
const INIT_PRODUCER_ID: i16 = 4;
const ALTER_CONFIGS: i16 = 1;
const DELETE_TOPICS: i16 = 4;
/// How long an answer may take: a node that is alive and does not answer is a finding.
const ANSWER_MAX: Duration = Duration::from_secs(30);
/// Bytes asked for in a fetch.
const FETCH_MAX: i32 = 8 << 20;

/// One connection.
#[derive(Debug)]
pub struct Client {
    stream: TcpStream,
}

/// Why there is no answer.
#[derive(Debug)]
pub enum CallError {
    /// The connection broke, as it does when the node is killed.
    Gone(String),
    /// The node is there and something about it is wrong.
    Wrong(String),
}

impl CallError {
    /// As a sentence.
    pub fn into_text(self) -> String {
        match self {
            CallError::Gone(text) | CallError::Wrong(text) => text,
        }
    }
}

/// What a batch that was sent to a partition came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProduceAnswer {
    /// The partition.
    pub partition: i32,
    /// How it went.
    pub code: ErrorCode,
    /// First offset of the batch.
    pub base_offset: i64,
}

/// What was read of a partition.
#[derive(Debug, Clone)]
pub struct Fetched {
    /// How it went.
    pub code: ErrorCode,
    /// Offset after the last record that may be read.
    pub high_watermark: i64,
    /// Batches, the last one possibly cut.
    pub records: Vec<u8>,
}

impl Client {
    /// Connects once.
    pub fn connect(address: SocketAddr) -> Result<Client, CallError> {
        let stream = TcpStream::connect(address).map_err(gone)?;
        stream.set_nodelay(true).map_err(gone)?;
        stream.set_read_timeout(Some(ANSWER_MAX)).map_err(gone)?;
        Ok(Client { stream })
    }

    /// Connects, trying again until `deadline`.
    pub fn connect_until(address: SocketAddr, deadline: Instant) -> Result<Client, CallError> {
        loop {
            match Client::connect(address) {
                Err(_) if Instant::now() < deadline => std::thread::sleep(Duration::from_millis(1)),
                outcome => return outcome,
            }
        }
    }

    fn send<'m, M: Message<'m>>(
        &mut self,
        api_key: ApiKey,
        version: i16,
        request: &M,
    ) -> Result<(), CallError> {
        let mut writer = Writer::new();
        let place = writer.begin_frame();
        let wrong = |error: &dyn std::fmt::Display| CallError::Wrong(error.to_string());
        encode_request_header(&mut writer, api_key, version, 1, Some("chaos")).map_err(|e| wrong(&e))?;
        request.encode(&mut writer, version).map_err(|e| wrong(&e))?;
        writer.end_frame(place, 0).map_err(|e| wrong(&e))?;
        self.stream.write_all(&writer.into_vec()).map_err(gone)
    }

    /// The body of the next answer; every request here is flexible, so that tags follow the correlation id.
    fn receive(&mut self) -> Result<Vec<u8>, CallError> {
        let mut size = [0; 4];
        self.stream.read_exact(&mut size).map_err(read_failed)?;
        let mut frame = vec![0; u32::from_be_bytes(size) as usize];
        self.stream.read_exact(&mut frame).map_err(read_failed)?;
        frame.drain(..5.min(frame.len()));
        Ok(frame)
    }

    /// Creates a topic; one that is there already is as good.
    pub fn create_topic(
        &mut self,
        name: &str,
        partitions: i32,
        settings: &[(&str, &str)],
    ) -> Result<(), CallError> {
        let configs = settings
            .iter()
            .map(|(key, value)| CreatableTopicConfig { name: (*key).into(), value: Some((*value).into()) });
        let topic = CreatableTopic {
            name: name.into(),
            num_partitions: partitions,
            replication_factor: 1,
            configs: configs.collect(),
            ..CreatableTopic::default()
        };
        let request = CreateTopicsRequest { topics: vec![topic], timeout_ms: 30_000, validate_only: false };
        self.send(ApiKey::CreateTopics, CREATE_TOPICS, &request)?;
        let body = self.receive()?;
        let answer =
            CreateTopicsResponse::decode(&mut Reader::new(&body), CREATE_TOPICS).map_err(undecoded)?;
        match answer.topics.first().map(|topic| topic.error_code) {
            Some(ErrorCode::NONE | ErrorCode::TOPIC_ALREADY_EXISTS) => Ok(()),
            other => Err(CallError::Wrong(format!("{name} was not created: {other:?}"))),
        }
    }

    /// Deletes a topic.
    pub fn delete_topic(&mut self, name: &str) -> Result<(), CallError> {
        let request = DeleteTopicsRequest {
            topic_names: vec![name.into()],
            timeout_ms: 30_000,
            ..DeleteTopicsRequest::default()
        };
        self.send(ApiKey::DeleteTopics, DELETE_TOPICS, &request)?;
        let body = self.receive()?;
        let answer =
            DeleteTopicsResponse::decode(&mut Reader::new(&body), DELETE_TOPICS).map_err(undecoded)?;
        match answer.responses.first() {
            Some(response) if response.error_code.is_none() => Ok(()),
            other => Err(CallError::Wrong(format!("{name} was not deleted: {other:?}"))),
        }
    }

    /// Sets a setting of the node while it runs.
    pub fn set_dynamically(&mut self, name: &str, value: &str) -> Result<(), CallError> {
        const BROKER: i8 = 4;
        let config =
            AlterableConfig { name: name.into(), value: Some(value.into()), ..AlterableConfig::default() };
        let resource =
            AlterConfigsResource { resource_type: BROKER, resource_name: "1".into(), configs: vec![config] };
        let request = IncrementalAlterConfigsRequest { resources: vec![resource], validate_only: false };
        self.send(ApiKey::IncrementalAlterConfigs, ALTER_CONFIGS, &request)?;
        let body = self.receive()?;
        let answer = IncrementalAlterConfigsResponse::decode(&mut Reader::new(&body), ALTER_CONFIGS)
            .map_err(undecoded)?;
        match answer.responses.first() {
            Some(response) if response.error_code.is_none() => Ok(()),
            other => Err(CallError::Wrong(format!("{name}={value} was not taken: {other:?}"))),
        }
    }

    /// A producer id and its epoch.
    pub fn init_producer_id(&mut self) -> Result<(i64, i16), CallError> {
        let request = InitProducerIdRequest {
            transactional_id: None,
            transaction_timeout_ms: 60_000,
            ..InitProducerIdRequest::default()
        };
        self.send(ApiKey::InitProducerId, INIT_PRODUCER_ID, &request)?;
        let body = self.receive()?;
        let answer =
            InitProducerIdResponse::decode(&mut Reader::new(&body), INIT_PRODUCER_ID).map_err(undecoded)?;
        if answer.error_code.is_none() {
            Ok((answer.producer_id, answer.producer_epoch))
        } else {
            Err(CallError::Wrong(format!("no producer id: {}", answer.error_code)))
        }
    }

    /// Sends one batch for each of several partitions; [`Client::produced`] reads what came of it.
    pub fn send_produce(
        &mut self,
        topic: &str,
        acks: i16,
        batches: &[(i32, &[u8])],
    ) -> Result<(), CallError> {
        let data = batches
            .iter()
            .map(|(index, batch)| PartitionProduceData { index: *index, records: Some((*batch).into()) });
        let topic =
            TopicProduceData { name: topic.into(), partition_data: data.collect(), ..Default::default() };
        let request =
            ProduceRequest { transactional_id: None, acks, timeout_ms: 30_000, topic_data: vec![topic] };
        self.send(ApiKey::Produce, PRODUCE, &request)
    }

    /// The answer to the oldest produce that is not answered.
    pub fn produced(&mut self) -> Result<Vec<ProduceAnswer>, CallError> {
        let body = self.receive()?;
        let answer = ProduceResponse::decode(&mut Reader::new(&body), PRODUCE).map_err(undecoded)?;
        let answers = answer.responses.iter().flat_map(|topic| {
            topic.partition_responses.iter().map(|one| ProduceAnswer {
                partition: one.index,
                code: one.error_code,
                base_offset: one.base_offset,
            })
        });
        Ok(answers.collect())
    }

    /// Reads a partition from `offset` on, without waiting for more.
    pub fn fetch(&mut self, topic: &str, partition: i32, offset: i64) -> Result<Fetched, CallError> {
        let wanted = FetchPartition {
            partition,
            fetch_offset: offset,
            partition_max_bytes: FETCH_MAX,
            ..FetchPartition::default()
        };
        let topic = FetchTopic { topic: topic.into(), partitions: vec![wanted], ..FetchTopic::default() };
        let request = FetchRequest {
            max_bytes: FETCH_MAX,
            session_epoch: -1,
            topics: vec![topic],
            ..FetchRequest::default()
        };
        self.send(ApiKey::Fetch, FETCH, &request)?;
        let body = self.receive()?;
        let answer = FetchResponse::decode(&mut Reader::new(&body), FETCH).map_err(undecoded)?;
        let partition = answer.responses.first().and_then(|topic| topic.partitions.first());
        let partition = partition.ok_or_else(|| CallError::Wrong("an empty answer to Fetch".to_owned()))?;
        Ok(Fetched {
            code: partition.error_code,
            high_watermark: partition.high_watermark,
            records: partition.records.as_deref().unwrap_or_default().to_vec(),
        })
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it stands in map_err")]
fn gone(error: std::io::Error) -> CallError {
    CallError::Gone(error.to_string())
}

fn read_failed(error: std::io::Error) -> CallError {
    match error.kind() {
        std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut => {
            CallError::Wrong(format!("no answer within {ANSWER_MAX:?}"))
        }
        _ => gone(error),
    }
}

fn undecoded(error: protocol::DecodeError) -> CallError {
    CallError::Wrong(format!("an answer cannot be read: {error}"))
}
