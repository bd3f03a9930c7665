//! No bytes from a socket make a decoder panic or take more than 1 MiB.

use allocation_counter::measure;
use protocol::messages::{MetadataRecord, RequestHeader};
use protocol::views::{FetchView, ProduceView};
use protocol::{ApiKey, Reader};

use crate::random::Random;
use crate::{catalogue, golden};

const EXTRA_MEMORY_MAX: u64 = 1024 * 1024;

/// Runs every decoder that the message has, within the bound.
fn decode_within_bounds(message: &str, version: i16, bytes: &[u8], what: &str) {
    let entry = catalogue::find(message);
    let usage = measure(|| {
        let _ = (entry.decode)(bytes, version);
    });
    assert!(usage.bytes_max <= EXTRA_MEMORY_MAX, "{message} {version} {what}: {} bytes", usage.bytes_max);
    let usage = measure(|| match message {
        "ProduceRequest" => drop(ProduceView::parse(bytes, version, |_| ())),
        "FetchRequest" => drop(FetchView::parse(bytes, version)),
        _ => (),
    });
    assert_eq!(usage.count_total, 0, "{message} {version} {what}: a view allocates");
}

#[test]
fn mutated_messages_are_decoded_or_refused_within_the_memory_bound() {
    for (seed, golden) in golden::all().enumerate().filter(|(_, golden)| golden.shape != "long") {
        let mut random = Random::new(seed as u64);
        for round in 0..40 {
            let mut bytes = golden.bytes.clone();
            random.mutate(&mut bytes);
            decode_within_bounds(
                golden.message,
                golden.version,
                &bytes,
                &format!("seed {seed} round {round}"),
            );
        }
    }
}

#[test]
fn cut_messages_are_refused() {
    for golden in golden::all().filter(|golden| golden.shape == "filled") {
        let entry = catalogue::find(golden.message);
        for length in 0..golden.bytes.len() {
            let outcome = (entry.decode)(&golden.bytes[..length], golden.version);
            assert!(outcome.is_err(), "{} {} cut to {length}", golden.message, golden.version);
        }
    }
}

#[test]
fn random_bytes_are_decoded_or_refused_within_the_memory_bound() {
    for (place, entry) in catalogue::MESSAGES.iter().enumerate() {
        for version in entry.versions.min..=entry.versions.max {
            let mut random = Random::new((place as u64) << 16 | version as u64);
            for round in 0..30 {
                let length = random.below(2048);
                let bytes = random.bytes(length);
                decode_within_bounds(entry.name, version, &bytes, &format!("round {round}"));
            }
        }
    }
}

#[test]
fn monotonous_bytes_are_decoded_or_refused_within_the_memory_bound() {
    for entry in catalogue::MESSAGES {
        for version in entry.versions.min..=entry.versions.max {
            for byte in [0x00, 0x01, 0x02, 0x03, 0x04, 0x08, 0x10, 0x20, 0x40, 0x7f, 0x80, 0x81, 0xff] {
                let bytes = vec![byte; 4096];
                decode_within_bounds(entry.name, version, &bytes, &format!("bytes {byte:#x}"));
            }
        }
    }
}

#[test]
fn claims_of_huge_arrays_are_refused_before_anything_is_allocated() {
    // Metadata, plain and flexible: an array of 2^31 - 1 topics in a body of a few bytes.
    for (version, body) in
        [(1, &[0x7f, 0xff, 0xff, 0xff][..]), (12, &[0xff, 0xff, 0xff, 0xff, 0x07, 0, 0, 0])]
    {
        let usage = measure(|| {
            assert!((catalogue::find("MetadataRequest").decode)(body, version).is_err());
        });
        assert_eq!(usage.count_total, 0);
    }
}

#[test]
fn nested_arrays_share_one_budget_of_elements() {
    // Topics of 1,000 partition numbers each: 2,001 of them exceed two million elements.
    let partitions = [&1000i32.to_be_bytes()[..], &[0; 4000]].concat();
    let topic = [&[0, 1, b'a'][..], &partitions].concat();
    let body = |topics: usize| {
        let count = i32::try_from(topics).unwrap().to_be_bytes();
        [&[0, 1, b'g'][..], &count, &topic.repeat(topics)].concat()
    };
    let decode = catalogue::find("OffsetFetchRequest").decode;
    assert!(decode(&body(1_900), 1).is_ok());
    assert!(decode(&body(2_001), 1).is_err());
}

#[test]
fn headers_and_framed_records_survive_random_bytes() {
    for seed in 0..20_000 {
        let mut random = Random::new(seed);
        let length = random.below(64);
        let mut bytes = random.bytes(length);
        if let Some(first) = bytes.first_mut() {
            *first = (seed % 2) as u8;
        }
        let usage = measure(|| {
            let _ = protocol::decode_request_header(&mut Reader::new(&bytes));
            let _ = MetadataRecord::decode(&bytes);
        });
        assert!(usage.bytes_max <= EXTRA_MEMORY_MAX, "seed {seed}");
    }
}

#[test]
fn a_header_tells_key_version_correlation_and_client() {
    let mut frame = vec![0, 18, 0, 99, 0, 0, 0, 7, 0, 2, b'm', b'e', 0, 0xab];
    let mut reader = Reader::new(&frame);
    let (api_key, header) = protocol::decode_request_header(&mut reader).unwrap();
    assert_eq!((api_key, header.request_api_version, header.correlation_id), (ApiKey::ApiVersions, 99, 7));
    assert_eq!(header.client_id.as_deref(), Some("me"));
    assert_eq!(reader.rest(), [0xab]);
    frame[1] = 200;
    let error = protocol::decode_request_header(&mut Reader::new(&frame)).unwrap_err();
    assert_eq!(error.to_string(), "api key 200 is unknown at byte 0");
    assert!(RequestHeader::decode(&mut Reader::new(&frame[..7]), 1).is_err());
}
