//! A client that says exactly what it is told to: frames out, frames in.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use model::{ErrorCode, Offset, Uuid};
use protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use protocol::messages::{FetchRequest, FetchResponse, ProduceRequest, ProduceResponse};
use protocol::{ApiKey, Message, Reader, Writer, encode_request_header};
use records::BatchBuilder;

/// Versions of Produce and Fetch that the tests speak: topic ids in Fetch, names in Produce.
pub const PRODUCE: i16 = 9;
pub const FETCH: i16 = 16;
/// How long an answer may take before a test fails.
const ANSWER_MAX: Duration = Duration::from_secs(20);

pub struct Client {
    pub stream: TcpStream,
    /// What it calls itself.
    client_id: &'static str,
    next_id: i32,
}

/// An answer: its correlation id and what follows the header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub id: i32,
    pub body: Vec<u8>,
}

impl Client {
    pub fn connect(address: SocketAddr) -> Client {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(ANSWER_MAX)).unwrap();
        Client { stream, client_id: "test", next_id: 0 }
    }

    /// The same, under another name.
    pub fn named(self, client_id: &'static str) -> Client {
        Client { client_id, ..self }
    }

    /// A whole frame; ids count up from 1.
    pub fn frame<'q, Q: Message<'q>>(&mut self, api_key: ApiKey, version: i16, request: &Q) -> Vec<u8> {
        self.next_id += 1;
        let mut writer = Writer::new();
        let place = writer.begin_frame();
        encode_request_header(&mut writer, api_key, version, self.next_id, Some(self.client_id)).unwrap();
        request.encode(&mut writer, version).unwrap();
        writer.end_frame(place, 0).unwrap();
        writer.into_vec()
    }

    pub fn produce_frame(&mut self, topic: &str, partition: i32, acks: i16, batch: &[u8]) -> Vec<u8> {
        let partition_data = vec![PartitionProduceData { index: partition, records: Some(batch.into()) }];
        let topic = TopicProduceData { name: topic.into(), partition_data, ..Default::default() };
        let request =
            ProduceRequest { acks, timeout_ms: 10_000, topic_data: vec![topic], ..Default::default() };
        self.frame(ApiKey::Produce, PRODUCE, &request)
    }

    pub fn fetch_frame(&mut self, request: &FetchRequest<'_>) -> Vec<u8> {
        self.frame(ApiKey::Fetch, FETCH, request)
    }

    pub fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
    }

    /// The next answer; panics where none comes in time.
    pub fn receive(&mut self, api_key: ApiKey, version: i16) -> Answer {
        let mut size = [0; 4];
        self.stream.read_exact(&mut size).unwrap();
        let mut frame = vec![0; i32::from_be_bytes(size) as usize];
        self.stream.read_exact(&mut frame).unwrap();
        let header = if api_key.response_header_version(version) >= 1 { 5 } else { 4 };
        Answer { id: i32::from_be_bytes(frame[..4].try_into().unwrap()), body: frame[header..].to_vec() }
    }

    /// True where nothing comes within `time`.
    pub fn is_silent_for(&self, time: Duration) -> bool {
        self.stream.set_read_timeout(Some(time)).unwrap();
        let seen = self.stream.peek(&mut [0]);
        self.stream.set_read_timeout(Some(ANSWER_MAX)).unwrap();
        seen.is_err()
    }

    pub fn produce(&mut self, topic: &str, partition: i32, batch: &[u8]) -> Result<Offset, ErrorCode> {
        let frame = self.produce_frame(topic, partition, -1, batch);
        self.send(&frame);
        produced(&self.receive(ApiKey::Produce, PRODUCE))
    }

    pub fn fetch(&mut self, request: &FetchRequest<'_>) -> Fetched {
        let frame = self.fetch_frame(request);
        self.send(&frame);
        fetched(&self.receive(ApiKey::Fetch, FETCH))
    }
}

/// First offset of the one partition answered, or its error.
pub fn produced(answer: &Answer) -> Result<Offset, ErrorCode> {
    let response = ProduceResponse::decode(&mut Reader::new(&answer.body), PRODUCE).unwrap();
    let partition = &response.responses[0].partition_responses[0];
    if partition.error_code.is_none() { Ok(partition.base_offset) } else { Err(partition.error_code) }
}

/// What a fetch was answered with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    pub error_code: ErrorCode,
    pub session_id: i32,
    pub partitions: Vec<(i32, ErrorCode, Vec<u8>)>,
}

impl Fetched {
    /// Bytes of records in all.
    pub fn bytes(&self) -> usize {
        self.partitions.iter().map(|(_, _, records)| records.len()).sum()
    }
}

pub fn fetched(answer: &Answer) -> Fetched {
    let response = FetchResponse::decode(&mut Reader::new(&answer.body), FETCH).unwrap();
    let partitions = response.responses.iter().flat_map(|topic| {
        topic.partitions.iter().map(|one| {
            let records = one.records.as_deref().unwrap_or_default().to_vec();
            (one.partition_index, one.error_code, records)
        })
    });
    Fetched {
        error_code: response.error_code,
        session_id: response.session_id,
        partitions: partitions.collect(),
    }
}

/// A fetch of partitions of one topic, each from the offset given.
pub fn fetch_of(topic_id: Uuid, from: &[(i32, Offset)]) -> FetchRequest<'static> {
    let partitions = from.iter().map(|(partition, fetch_offset)| FetchPartition {
        partition: *partition,
        fetch_offset: *fetch_offset,
        partition_max_bytes: 64 << 20,
        ..Default::default()
    });
    let topic = FetchTopic { topic_id, partitions: partitions.collect(), ..Default::default() };
    FetchRequest { min_bytes: 1, topics: vec![topic], ..Default::default() }
}

/// A batch of one record whose value has `size` bytes that say `fill`.
pub fn batch(size: usize, fill: u8) -> Vec<u8> {
    BatchBuilder::new().record(1_000_000, None, Some(&vec![fill; size])).build()
}
