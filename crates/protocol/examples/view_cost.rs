//! Nanoseconds to read a Produce request of one topic and partition, and to write its answer:
//! `cargo run --release -p protocol --example view_cost`.

use std::hint::black_box;
use std::time::Instant;

use protocol::messages::ProduceRequest;
use protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use protocol::messages::produce_response::PartitionProduceResponse;
use protocol::views::{ProducePart, ProduceResponseWriter, ProduceView, TopicKey};
use protocol::{ApiKey, EncodeError, Reader, Writer};

const ROUNDS: u32 = 2_000_000;
const RUNS: usize = 5;

fn main() -> Result<(), EncodeError> {
    for version in [8, 12, 13] {
        let frame = frame(version)?;
        let mut output = Writer::from(Vec::with_capacity(4096));
        report(version, "header", || {
            let header = protocol::decode_request_header(&mut Reader::new(black_box(&frame)));
            black_box(header.is_ok());
        });
        report(version, "header and view", || {
            let mut reader = Reader::new(black_box(&frame));
            let header = protocol::decode_request_header(&mut reader);
            let mut batches = 0;
            let count = |part| match part {
                ProducePart::Partition(partition) => batches += usize::from(partition.records.is_some()),
                ProducePart::Topic(_) => {}
            };
            let view = ProduceView::parse(reader.rest(), version, count);
            black_box((header.is_ok(), view.is_ok(), batches));
        });
        report(version, "header and generated type", || {
            let mut reader = Reader::new(black_box(&frame));
            let header = protocol::decode_request_header(&mut reader);
            black_box((header.is_ok(), ProduceRequest::decode(&mut reader, version).is_ok()));
        });
        report(version, "answer", || {
            output.truncate(0);
            black_box(answer(&mut output, version)).expect("counts match");
        });
    }
    Ok(())
}

fn frame(version: i16) -> Result<Vec<u8>, EncodeError> {
    let mut writer = Writer::new();
    protocol::encode_request_header(&mut writer, ApiKey::Produce, version, 7, Some("producer-1"))?;
    let partition = PartitionProduceData { index: 3, records: Some(vec![0; 300].into()) };
    let mut topic = TopicProduceData { partition_data: vec![partition], ..Default::default() };
    if version < 13 {
        topic.name = "flights".into();
    }
    let request =
        ProduceRequest { acks: -1, timeout_ms: 30_000, topic_data: vec![topic], ..Default::default() };
    request.encode(&mut writer, version)?;
    Ok(writer.into_vec())
}

fn answer(output: &mut Writer, version: i16) -> Result<(), EncodeError> {
    let key = if version < 13 { TopicKey::Name("flights") } else { TopicKey::Id(model::Uuid::ZERO) };
    let place = output.begin_frame();
    protocol::encode_response_header(output, ApiKey::Produce, version, 7)?;
    let mut response = ProduceResponseWriter::begin(output, version, 1)?;
    response.topic(key, 1)?;
    response.partition(&PartitionProduceResponse { index: 3, ..Default::default() })?;
    response.finish(0, &[])?;
    output.end_frame(place, 0)
}

/// Prints the best of some runs: what remains after the machine's noise.
fn report(version: i16, what: &str, mut step: impl FnMut()) {
    let mut best = f64::INFINITY;
    for _ in 0..RUNS {
        let begin = Instant::now();
        (0..ROUNDS).for_each(|_| step());
        best = best.min(begin.elapsed().as_secs_f64());
    }
    println!("version {version:2} {what:26} {:6.1} ns", best * 1e9 / f64::from(ROUNDS));
}
