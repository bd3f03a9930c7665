//! Fetch requests within a session, as a consumer sends them, and their answers.

use protocol::messages::FetchResponse;
use protocol::messages::fetch_request::{FetchPartition, FetchRequest, FetchTopic};
use protocol::messages::fetch_response::{FetchableTopicResponse, PartitionData};
use protocol::{ApiKey, DecodeError, Reader};

use super::{body, framed, framed_answer};

/// Newest version that names topics by name.
const VERSION: i16 = 12;
/// Marks that stand where something else is written before a request is sent.
const SESSION_MARK: i32 = 0x5e55_1011;
const EPOCH_MARK: i32 = 0x5e55_2022;
const OFFSET_MARK: i64 = 0x5e55_3033_4044_5055;

/// Fetches of partition 0 of one topic, each from where the one before ended.
#[derive(Debug, Clone)]
pub struct FetchSession {
    frame: Vec<u8>,
    session_id_at: usize,
    epoch_at: usize,
    offset_at: usize,
    session_id: i32,
    epoch: i32,
}

impl FetchSession {
    /// Opens with the first request; answers come after 500 ms at the latest.
    pub fn new(topic: &str, bytes_max: i32) -> FetchSession {
        let partition = FetchPartition {
            partition: 0,
            fetch_offset: OFFSET_MARK,
            partition_max_bytes: bytes_max,
            ..FetchPartition::default()
        };
        let topic = FetchTopic { topic: topic.into(), partitions: vec![partition], ..FetchTopic::default() };
        let request = FetchRequest {
            max_wait_ms: 500,
            min_bytes: 1,
            max_bytes: 50 << 20,
            session_id: SESSION_MARK,
            session_epoch: EPOCH_MARK,
            topics: vec![topic],
            ..FetchRequest::default()
        };
        let frame = framed(ApiKey::Fetch, VERSION, &request);
        let place = |mark: &[u8]| {
            frame.windows(mark.len()).position(|window| window == mark).expect("a mark of ours is there")
        };
        let (session_id_at, epoch_at) =
            (place(&SESSION_MARK.to_be_bytes()), place(&EPOCH_MARK.to_be_bytes()));
        let offset_at = place(&OFFSET_MARK.to_be_bytes());
        FetchSession { frame, session_id_at, epoch_at, offset_at, session_id: 0, epoch: 0 }
    }

    /// The next request, from `offset`.
    pub fn request_from(&mut self, offset: i64) -> &[u8] {
        let mut write = |at: usize, bytes: &[u8]| {
            if let Some(place) = self.frame.get_mut(at..at + bytes.len()) {
                place.copy_from_slice(bytes);
            }
        };
        write(self.session_id_at, &self.session_id.to_be_bytes());
        write(self.epoch_at, &self.epoch.to_be_bytes());
        write(self.offset_at, &offset.to_be_bytes());
        &self.frame
    }

    /// Takes note of an answer, of which the bytes behind the head may be missing.
    pub fn answered(&mut self, head: &Head) {
        // A broker without room for another session answers 0, and the next request is a first one again.
        self.session_id = head.session_id;
        self.epoch = if head.session_id == 0 { 0 } else { self.epoch % i32::MAX + 1 };
    }
}

/// What stands before the records of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Session to go on with, or 0.
    pub session_id: i32,
    /// Bytes of records; 0 where the answer names no partition.
    pub records_bytes: usize,
    /// Where the records begin, behind the frame's size.
    pub records_at: usize,
}

/// Largest head of an answer with one partition and a short name, and no aborted transactions.
pub const HEAD_BYTES: usize = 256;

/// Reads an answer as far as its records; `answer` may end anywhere behind them.
pub fn head(answer: &[u8]) -> Result<Head, String> {
    let mut reader = body(answer)?;
    match read_head(&mut reader).map_err(|error| error.to_string())? {
        (0, head) => Ok(head),
        (error_code, _) => Err(format!("fetch failed: error code {error_code}")),
    }
}

/// The first error code that is none, or 0, and the head.
fn read_head(reader: &mut Reader<'_>) -> Result<(i16, Head), DecodeError> {
    reader.i32()?;
    let error_code = reader.i16()?;
    let session_id = reader.i32()?;
    let mut head = Head { session_id, records_bytes: 0, records_at: 0 };
    if error_code != 0 || reader.unsigned_varint()? < 2 {
        return Ok((error_code, head));
    }
    reader.str(true)?;
    if reader.unsigned_varint()? < 2 {
        return Ok((0, head));
    }
    reader.i32()?;
    let error_code = reader.i16()?;
    // High watermark, last stable offset, log start offset.
    reader.take(3 * 8)?;
    // Nobody aborts transactions here; what followed would not be read right.
    let aborted = reader.unsigned_varint()?;
    if error_code != 0 || aborted > 1 {
        return Ok((error_code, head));
    }
    reader.i32()?;
    head.records_bytes = reader.unsigned_varint()?.saturating_sub(1) as usize;
    head.records_at = reader.position();
    Ok((0, head))
}

/// Offset behind the last whole batch of an answer; `None` where there is none.
pub fn next_offset(answer: &[u8], head: &Head) -> Option<i64> {
    let records = answer.get(head.records_at..head.records_at + head.records_bytes)?;
    let last = records::batches(records).map_while(Result::ok).last();
    last.map(|batch| batch.next_offset())
}

/// As [`next_offset`], with every whole batch's checksum checked.
pub fn checked_next_offset(answer: &[u8], head: &Head) -> Result<Option<i64>, String> {
    let records = answer.get(head.records_at..head.records_at + head.records_bytes).unwrap_or_default();
    for batch in records::batches(records).map_while(Result::ok) {
        let damaged = |error| format!("the batch at {} is damaged: {error}", batch.base_offset());
        batch.verify_checksum().map_err(damaged)?;
    }
    Ok(next_offset(answer, head))
}

/// What a broker answers, for a server that does nothing.
pub fn answer(topic: &str, records: &[u8]) -> Vec<u8> {
    let partition = PartitionData { records: Some(records.into()), ..Default::default() };
    let topic =
        FetchableTopicResponse { topic: topic.into(), partitions: vec![partition], ..Default::default() };
    let response = FetchResponse { responses: vec![topic], ..Default::default() };
    framed_answer(ApiKey::Fetch, VERSION, &response)
}

#[cfg(test)]
mod tests {
    use records::BatchBuilder;

    use super::*;
    use crate::encoded::batch;

    #[test]
    fn an_answer_tells_its_bytes_and_the_offset_behind_its_last_whole_batch() {
        // Ten records.
        let first = batch(1010, 90);
        let mut second = BatchBuilder::new().base_offset(10).record(0, None, Some(b"x")).build();
        for (cut, offset) in [(0, 11), (1, 10)] {
            second.truncate(second.len() - cut);
            let records = [first.as_slice(), &second].concat();
            let whole = answer("t", &records);
            let head = head(&whole[4..]).unwrap();
            assert_eq!(head.records_bytes, records.len());
            assert_eq!(next_offset(&whole[4..], &head), Some(offset));
            // The head alone tells the same bytes.
            assert_eq!(super::head(&whole[4..4 + HEAD_BYTES]).unwrap(), head);
        }
        let empty = answer("t", &[]);
        let head = head(&empty[4..]).unwrap();
        assert_eq!((head.records_bytes, next_offset(&empty[4..], &head)), (0, None));
    }

    #[test]
    fn a_session_goes_on_where_the_answer_names_one() {
        let decoded = |frame: &[u8]| {
            let mut reader = protocol::Reader::new(&frame[4..]);
            // Key, version, id, the client's name, tags.
            reader.take(2 + 2 + 4 + 2 + "bench".len() + 1).unwrap();
            let request = FetchRequest::decode(&mut reader, VERSION).unwrap();
            let partition = &request.topics[0].partitions[0];
            (request.session_id, request.session_epoch, partition.fetch_offset)
        };
        let mut session = FetchSession::new("t", 1);
        assert_eq!(decoded(session.request_from(5)), (0, 0, 5));
        let mut head = Head { session_id: 9, records_bytes: 0, records_at: 0 };
        session.answered(&head);
        assert_eq!(decoded(session.request_from(6)), (9, 1, 6));
        session.answered(&head);
        assert_eq!(decoded(session.request_from(7)), (9, 2, 7));
        head.session_id = 0;
        session.answered(&head);
        assert_eq!(decoded(session.request_from(8)), (0, 0, 8));
    }
}
