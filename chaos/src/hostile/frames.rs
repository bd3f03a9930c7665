//! Frames by number: the same seed and number make the same frame.

use protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use protocol::messages::{FetchRequest, ProduceRequest};
use protocol::{ApiKey, Message, Reader, Writer, decode_request_header, encode_request_header, messages};

use super::batches;
use super::mutation::mutate;
use crate::random::Random;

/// What Kafka's own classes make of each request at each version.
const GOLDEN: &str = include_str!("../../../crates/protocol/golden/requests.txt");
/// One frame in this many is a bomb.
const BOMB_EVERY: u64 = 5_000;
/// Bytes of a bare size prefix.
const PREFIX: usize = 4;

/// What is wrong with a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A request of any API and version with changes in its body or header.
    Request,
    /// A request for a topic that is there, with changes.
    Live,
    /// Produce of a batch that lies.
    Batch,
    /// Produce of a batch that unpacks to thousands of times its size.
    Bomb,
    /// The size prefix lies.
    Size,
    /// Random bytes.
    Noise,
    /// Half a frame and no more.
    Half,
}

impl Kind {
    /// All of them, in the order of their numbers.
    pub const ALL: [Kind; 7] =
        [Kind::Request, Kind::Live, Kind::Batch, Kind::Bomb, Kind::Size, Kind::Noise, Kind::Half];
}

/// Makes frames.
#[derive(Debug)]
pub struct Frames {
    random: Random,
    topic: String,
    golden: Vec<(ApiKey, i16, Vec<u8>)>,
    bombs: Vec<Vec<u8>>,
}

impl Frames {
    /// Frames that follow from `random`; `topic` is there and theirs to write to.
    pub fn new(random: &Random, topic: &str) -> Frames {
        let golden = GOLDEN.lines().filter_map(golden).collect();
        Frames { random: random.clone(), topic: topic.to_owned(), golden, bombs: batches::bombs() }
    }

    /// Frame `number` with its size prefix.
    pub fn frame(&self, number: u64) -> (Kind, Vec<u8>) {
        let mut random = self.random.fork(number);
        loop {
            let (kind, frame) = self.draw(number, &mut random);
            // A request that is in order and changes the cluster is an administrator's, not a malformed one.
            if !frame.get(PREFIX..).is_some_and(changes_cluster) {
                return (kind, frame);
            }
        }
    }

    fn draw(&self, number: u64, random: &mut Random) -> (Kind, Vec<u8>) {
        if number % BOMB_EVERY == BOMB_EVERY / 2 {
            let bomb = random.pick(&self.bombs).clone();
            return (Kind::Bomb, framed(self.produce(&bomb, random)));
        }
        match random.below(100) {
            0..50 => {
                let mut frame = self.any_request(random);
                if random.one_in(8) {
                    mutate(&mut frame, random);
                }
                (Kind::Request, framed(frame))
            }
            50..65 => {
                let mut frame = self.live_request(random);
                mutate(&mut frame, random);
                (Kind::Live, framed(frame))
            }
            65..85 => (Kind::Batch, framed(self.produce(&batches::broken(random), random))),
            85..90 => {
                let mut frame = framed(self.any_request(random));
                let size = match random.below(4) {
                    0 => random.next() as i32,
                    1 => frame.len() as i32 + random.below(1 << 20) as i32,
                    2 => random.below(frame.len() as u64) as i32,
                    _ => *random.pick(&[0, -1, i32::MIN, i32::MAX, 104_857_601, 104_857_600]),
                };
                frame[..PREFIX].copy_from_slice(&size.to_be_bytes());
                (Kind::Size, frame)
            }
            90..95 => {
                let len = 1 + random.place(400);
                (Kind::Noise, framed((0..len).map(|_| random.next() as u8).collect()))
            }
            _ => {
                let mut frame = framed(self.live_request(random));
                frame.truncate(1 + random.place(frame.len() - 1));
                (Kind::Half, frame)
            }
        }
    }

    /// Any API at any version, its body changed.
    fn any_request(&self, random: &mut Random) -> Vec<u8> {
        let (api_key, version, body) = random.pick(&self.golden);
        let mut body = body.clone();
        mutate(&mut body, random);
        let mut frame = header(*api_key, *version);
        frame.extend(body);
        frame
    }

    fn live_request(&self, random: &mut Random) -> Vec<u8> {
        if random.one_in(2) {
            return self.produce(&batches::whole(random), random);
        }
        let wanted = FetchPartition { partition_max_bytes: 1 << 16, ..FetchPartition::default() };
        let topic =
            FetchTopic { topic: self.topic.as_str().into(), partitions: vec![wanted], ..Default::default() };
        let request = FetchRequest {
            max_wait_ms: 20,
            min_bytes: 1,
            max_bytes: 1 << 16,
            session_epoch: -1,
            topics: vec![topic],
            ..FetchRequest::default()
        };
        encoded(ApiKey::Fetch, 4 + random.below(9) as i16, &request)
    }

    fn produce(&self, batch: &[u8], random: &mut Random) -> Vec<u8> {
        let data = PartitionProduceData { index: random.below(4) as i32, records: Some(batch.into()) };
        let topic = TopicProduceData {
            name: self.topic.as_str().into(),
            partition_data: vec![data],
            ..Default::default()
        };
        let acks = *random.pick(&[-1, 1, 1, 0]);
        let request =
            ProduceRequest { transactional_id: None, acks, timeout_ms: 1_000, topic_data: vec![topic] };
        encoded(ApiKey::Produce, 3 + random.below(10) as i16, &request)
    }
}

/// A line of the golden file: message, version, shape, digits.
fn golden(line: &str) -> Option<(ApiKey, i16, Vec<u8>)> {
    let mut words = line.split(' ');
    let name = words.next()?.strip_suffix("Request")?;
    let api_key = ApiKey::ALL.into_iter().find(|key| key.name() == name)?;
    let version = words.next()?.parse().ok()?;
    let digits = words.nth(1)?;
    // Shapes with very long texts would make most of the bytes of a run.
    let pairs = digits.as_bytes().chunks(2).take(4_096);
    let body = pairs.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok());
    Some((api_key, version, body.collect::<Option<Vec<u8>>>()?))
}

fn header(api_key: ApiKey, version: i16) -> Vec<u8> {
    let mut writer = Writer::new();
    encode_request_header(&mut writer, api_key, version, 7, Some("hostile")).expect("a header of constants");
    writer.into_vec()
}

fn encoded<'m, M: Message<'m>>(api_key: ApiKey, version: i16, request: &M) -> Vec<u8> {
    let mut writer = Writer::new();
    request.encode(&mut writer, version).expect("a request that all these versions can carry");
    let mut frame = header(api_key, version);
    frame.extend(writer.into_vec());
    frame
}

fn framed(frame: Vec<u8>) -> Vec<u8> {
    let mut whole = (frame.len() as i32).to_be_bytes().to_vec();
    whole.extend(frame);
    whole
}

/// True for a request that can be read and alters topics, settings or brokers.
fn changes_cluster(frame: &[u8]) -> bool {
    let mut reader = Reader::new(frame);
    let Ok((api_key, header)) = decode_request_header(&mut reader) else { return false };
    let version = header.request_api_version;
    match api_key {
        ApiKey::CreateTopics => decodes::<messages::CreateTopicsRequest<'_>>(&mut reader, version),
        ApiKey::DeleteTopics => decodes::<messages::DeleteTopicsRequest<'_>>(&mut reader, version),
        ApiKey::DeleteRecords => decodes::<messages::DeleteRecordsRequest<'_>>(&mut reader, version),
        ApiKey::CreatePartitions => decodes::<messages::CreatePartitionsRequest<'_>>(&mut reader, version),
        ApiKey::AlterConfigs => decodes::<messages::AlterConfigsRequest<'_>>(&mut reader, version),
        ApiKey::IncrementalAlterConfigs => {
            decodes::<messages::IncrementalAlterConfigsRequest<'_>>(&mut reader, version)
        }
        ApiKey::UnregisterBroker => decodes::<messages::UnregisterBrokerRequest>(&mut reader, version),
        _ => false,
    }
}

fn decodes<'m, M: Message<'m>>(reader: &mut Reader<'m>, version: i16) -> bool {
    M::VERSIONS.contains(version) && M::decode(reader, version).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames() -> Frames {
        Frames::new(&Random::new(5), "hostile")
    }

    #[test]
    fn a_seed_makes_the_same_frames_and_every_kind_comes_up() {
        let (one, other) = (frames(), frames());
        let mut seen = Vec::new();
        for number in 2_000..3_000 {
            let (kind, bytes) = one.frame(number);
            assert_eq!(other.frame(number), (kind, bytes));
            if !seen.contains(&kind) {
                seen.push(kind);
            }
        }
        assert_eq!(seen.len(), Kind::ALL.len(), "{seen:?}");
    }

    #[test]
    fn a_bomb_unpacks_to_ten_thousand_times_its_size() {
        assert!(frames().bombs[0].len() * 10_000 <= 200 << 20);
    }

    #[test]
    fn every_api_is_among_the_requests_and_one_that_deletes_topics_is_not_sent_whole() {
        let frames = frames();
        for api_key in ApiKey::ALL.into_iter().filter(|key| !key.versions().is_empty()) {
            assert!(frames.golden.iter().any(|(key, ..)| *key == api_key), "{api_key:?}");
        }
        let (api_key, version, body) =
            frames.golden.iter().find(|(key, ..)| *key == ApiKey::DeleteTopics).unwrap();
        let whole = [header(*api_key, *version), body.clone()].concat();
        assert!(changes_cluster(&whole));
        assert!(!changes_cluster(&whole[..whole.len() - 3]));
    }
}
