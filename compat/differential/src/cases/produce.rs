//! Produce 3-13: what is appended, what is refused and in whose words.

use model::Uuid;
use protocol::ApiKey;
use protocol::messages::fetch_request::{FetchPartition, FetchRequest, FetchTopic};
use protocol::messages::incremental_alter_configs_request::{AlterConfigsResource, AlterableConfig};
use protocol::messages::produce_request::{PartitionProduceData, ProduceRequest, TopicProduceData};
use protocol::messages::{IncrementalAlterConfigsRequest, MetadataRequest};
use records::{BatchBuilder, Compression, Scratch, batches, crc32c};

use super::Row;
use super::topics::{batch, create, first_producer_id, produce_request};
use crate::session::{Session, Stopped, versions};

/// The cases.
pub const CASES: &[Row] = &[
    ("Produce appends", appends),
    ("Produce to unknown places", unknown_places),
    ("Produce with acks", acks),
    ("Produce of damaged batches", damaged),
    ("Produce of illegal batches", illegal),
    ("Produce beyond the limits of the topic", limits),
    ("Produce to a compacted topic", compacted),
    ("Produce with log append time", log_append_time),
    ("Produce in sequence", sequences),
    ("Produce to internal topics", internal),
    ("Produce without answer", without_answer),
    ("Produce several partitions", several),
    ("Produce compressed", compressed),
    ("Produce under the topic's compression", recompressed),
    ("Produce of more than a segment", beyond_segment),
    ("Produce in transactions nobody began", transactions),
    ("Produce after settings have changed", changed_settings),
    ("Produce in a row", in_a_row),
];

fn one(session: &mut Session, name: &str, id: Uuid, records: &[u8]) -> Result<(), Stopped> {
    for version in [3, 7, 8, 9, 13] {
        session.ask(version, &produce_request(version, (name, id), 0, -1, Some(records.to_vec())))?;
    }
    Ok(())
}

fn appends(session: &mut Session) -> Result<(), Stopped> {
    let id = create(session, "produce-appends", 2, &[])?;
    for version in versions(ApiKey::Produce) {
        let records = batch(3, 1_000).build();
        session.ask(version, &produce_request(version, ("produce-appends", id), 1, 1, Some(records)))?;
    }
    Ok(())
}

fn unknown_places(session: &mut Session) -> Result<(), Stopped> {
    let id = create(session, "produce-places", 1, &[])?;
    for version in versions(ApiKey::Produce) {
        let records = Some(batch(1, 1_000).build());
        for (what, index) in [("unknown partition", 7), ("negative partition", -1)] {
            session.note(what);
            let request = produce_request(version, ("produce-places", id), index, 1, records.clone());
            session.ask(version, &request)?;
        }
        for (what, name) in [("unknown topic", "produce-nowhere"), ("illegal name", "a b"), ("no name", "")] {
            session.note(what);
            let unknown = Uuid([9; 16]);
            session.ask(version, &produce_request(version, (name, unknown), 0, 1, records.clone()))?;
        }
    }
    session.note("no id");
    session.ask_or_close(13, &produce_request(13, ("", Uuid::ZERO), 0, 1, Some(batch(1, 1).build())))?;
    Ok(())
}

fn acks(session: &mut Session) -> Result<(), Stopped> {
    let id = create(session, "produce-acks", 1, &[])?;
    create(session, "produce-isr", 1, &[("min.insync.replicas", "2")])?;
    for version in [3, 8, 9, 13] {
        for acks in [-1, 1, 2, -2, 7] {
            session.note(format!("acks {acks}"));
            let records = Some(batch(1, 1_000).build());
            session.ask(version, &produce_request(version, ("produce-acks", id), 0, acks, records))?;
        }
    }
    session.note("bad acks and unknown topic");
    session.ask(9, &produce_request(9, ("produce-nowhere", id), 0, 5, Some(batch(1, 1).build())))?;
    for (acks, what) in [(-1, "too few replicas in sync"), (1, "enough for acks 1")] {
        session.note(what);
        session.ask(9, &produce_request(9, ("produce-isr", id), 0, acks, Some(batch(1, 1).build())))?;
    }
    Ok(())
}

/// Overwrites bytes and seals the checksum again.
fn edited(mut batch: Vec<u8>, position: usize, bytes: &[u8]) -> Vec<u8> {
    batch[position..position + bytes.len()].copy_from_slice(bytes);
    let checksum = crc32c(&batch[21..]);
    batch[17..21].copy_from_slice(&checksum.to_be_bytes());
    batch
}

fn damaged(session: &mut Session) -> Result<(), Stopped> {
    let id = create(session, "produce-damaged", 1, &[])?;
    let whole = batch(2, 1_000).build();
    let mut bad_checksum = whole.clone();
    bad_checksum[20] ^= 1;
    let two = [whole.clone(), whole.clone()].concat();
    let trailing = [&whole[..], &[0; 5]].concat();
    let mut old_magic = whole.clone();
    old_magic[16] = 1;
    let mut next_magic = whole.clone();
    next_magic[16] = 3;
    let mut negative_length = whole.clone();
    negative_length[8..12].copy_from_slice(&(-5i32).to_be_bytes());
    let mut long_length = whole.clone();
    long_length[8..12].copy_from_slice(&1000i32.to_be_bytes());
    for (what, records) in [
        ("no records", None),
        ("empty records", Some(Vec::new())),
        ("bad checksum", Some(bad_checksum)),
        ("half a batch", Some(whole[..40].to_vec())),
        ("half a header", Some(whole[..15].to_vec())),
        ("two batches", Some(two)),
        ("bytes behind the batch", Some(trailing)),
        ("magic 1", Some(old_magic)),
        ("magic 3", Some(next_magic)),
        ("negative length", Some(negative_length)),
        ("length beyond the end", Some(long_length)),
    ] {
        session.note(what);
        for version in [3, 8, 9, 13] {
            let request = produce_request(version, ("produce-damaged", id), 0, -1, records.clone());
            if what == "no records" {
                // Silence takes its time, so that the oldest and the newest version have to do.
                if matches!(version, 3 | 13) {
                    session.ask_or_silence(version, &request)?;
                }
            } else {
                session.ask_or_close(version, &request)?;
            }
        }
    }
    Ok(())
}

fn illegal(session: &mut Session) -> Result<(), Stopped> {
    let id = create(session, "produce-illegal", 1, &[])?;
    let whole = batch(2, 1_000).build();
    let count = |value: i32| edited(whole.clone(), 57, &value.to_be_bytes());
    let last_delta = |value: i32| edited(whole.clone(), 23, &value.to_be_bytes());
    let attributes = |value: i16| edited(whole.clone(), 21, &value.to_be_bytes());
    for (what, records) in [
        ("no record", count(0)),
        ("too few records", count(1)),
        ("too many records", count(3)),
        ("negative count", count(-1)),
        ("last delta too large", last_delta(5)),
        ("last delta negative", last_delta(-1)),
        ("control batch", batch(1, 1).control().build()),
        ("unknown codec", attributes(5)),
        ("unused attribute", attributes(1 << 8)),
        ("log append time of a client", attributes(8)),
        ("delete horizon of a client", attributes(1 << 6)),
        ("base offset not zero", batch(2, 1).base_offset(50).build()),
        ("leader epoch of a client", batch(2, 1).leader_epoch(9).build()),
        ("gap between deltas", gap()),
        ("negative timestamp", batch(1, -2).build()),
        ("timestamp -1", batch(1, -1).build()),
        ("far future", batch(2, i64::MAX / 4).build()),
        ("transactional without id", batch(1, 1).producer(77, 0, 0).transactional().build()),
        ("transactional without producer", batch(1, 1).transactional().build()),
        ("sequence without producer", batch(1, 1).producer(-1, -1, 5).build()),
        ("producer without epoch", batch(1, 1).producer(78, -1, 0).build()),
        ("producer without sequence", batch(1, 1).producer(79, 0, -1).build()),
    ] {
        session.note(what);
        one(session, "produce-illegal", id, &records)?;
    }
    Ok(())
}

fn gap() -> Vec<u8> {
    let mut builder = BatchBuilder::new();
    builder.push_at(0, 1, None, Some(b"a"), &[]);
    builder.push_at(4, 1, None, Some(b"b"), &[]);
    builder.build()
}

fn limits(session: &mut Session) -> Result<(), Stopped> {
    let id = create(session, "produce-small", 1, &[("max.message.bytes", "200")])?;
    let tight = [("message.timestamp.before.max.ms", "60000"), ("message.timestamp.after.max.ms", "60000")];
    let timed = create(session, "produce-timed", 1, &tight)?;
    session.note("too large");
    one(session, "produce-small", id, &batch(20, 1).build())?;
    session.note("just right");
    one(session, "produce-small", id, &batch(1, 1).build())?;
    session.note("large only uncompressed");
    one(session, "produce-small", id, &batch(30, 1).compression(Compression::Gzip).build())?;
    session.note("too old");
    one(session, "produce-timed", timed, &batch(3, 1_000).build())?;
    session.note("too new");
    one(session, "produce-timed", timed, &batch(1, i64::MAX / 8).build())?;
    Ok(())
}

fn compacted(session: &mut Session) -> Result<(), Stopped> {
    let id = create(session, "produce-compacted", 1, &[("cleanup.policy", "compact")])?;
    let mut mixed = batch(2, 1);
    mixed.push(1, None, Some(b"without key"), &[]);
    mixed.push(1, None, None, &[]);
    session.note("without keys");
    one(session, "produce-compacted", id, &mixed.build())?;
    session.note("without keys, compressed");
    one(session, "produce-compacted", id, &mixed.compression(Compression::Lz4).build())?;
    session.note("tombstone");
    one(session, "produce-compacted", id, &BatchBuilder::new().record(1, Some(b"k"), None).build())
}

fn log_append_time(session: &mut Session) -> Result<(), Stopped> {
    let id = create(session, "produce-stamped", 1, &[("message.timestamp.type", "LogAppendTime")])?;
    one(session, "produce-stamped", id, &batch(2, 1).build())?;
    session.note("compressed");
    one(session, "produce-stamped", id, &batch(2, 1).compression(Compression::Zstd).build())
}

fn sequences(session: &mut Session) -> Result<(), Stopped> {
    let id = create(session, "produce-sequence", 1, &[])?;
    let producer = first_producer_id(session)?;
    let send = |session: &mut Session, what: &str, records: &BatchBuilder| {
        session.note(what);
        let request = produce_request(9, ("produce-sequence", id), 0, -1, Some(records.build()));
        session.ask(9, &request).map(|_| ())
    };
    send(session, "first", &batch(2, 1).producer(producer, 0, 0))?;
    send(session, "again", &batch(2, 1).producer(producer, 0, 0))?;
    send(session, "next", &batch(2, 1).producer(producer, 0, 2))?;
    send(session, "first once more", &batch(2, 1).producer(producer, 0, 0))?;
    send(session, "gap", &batch(2, 1).producer(producer, 0, 9))?;
    for at in 2..9 {
        send(session, "many", &batch(2, 1).producer(producer, 0, 2 * at))?;
    }
    send(session, "older than what is remembered", &batch(2, 1).producer(producer, 0, 0))?;
    send(session, "next epoch in the middle", &batch(1, 1).producer(producer, 1, 5))?;
    send(session, "next epoch", &batch(1, 1).producer(producer, 1, 0))?;
    send(session, "old epoch", &batch(1, 1).producer(producer, 0, 18))?;
    send(session, "epoch skips", &batch(1, 1).producer(producer, 7, 0))?;
    send(session, "unknown producer in the middle", &batch(1, 1).producer(123_456, 0, 7))?;
    send(session, "sequence wraps", &batch(3, 1).producer(654_321, 0, i32::MAX - 1))?;
    send(session, "after the wrap", &batch(1, 1).producer(654_321, 0, 1))
}

fn internal(session: &mut Session) -> Result<(), Stopped> {
    let names = ["__consumer_offsets", "__transaction_state", "__share_group_state"];
    for name in names {
        create(session, name, 1, &[]).or_else(|error| match error.contains("ALREADY") {
            true => Ok(Uuid::ZERO),
            false => Err(error),
        })?;
        session.note(name);
        let request = produce_request(9, (name, Uuid::ZERO), 0, 1, Some(batch(1, 1).build()));
        session.ask(9, &request)?;
        session.note(format!("{name}, unknown partition"));
        let request = produce_request(9, (name, Uuid::ZERO), 99, 1, Some(batch(1, 1).build()));
        session.ask(9, &request)?;
    }
    session.client_id("__admin_client");
    session.note("by the admin client");
    let request = produce_request(9, ("__consumer_offsets", Uuid::ZERO), 0, 1, Some(batch(1, 1).build()));
    session.ask(9, &request)?;
    session.client_id("differential");
    session.note("__cluster_metadata");
    let request = produce_request(9, ("__cluster_metadata", Uuid::ZERO), 0, 1, Some(batch(1, 1).build()));
    session.ask(9, &request)?;
    Ok(())
}

fn without_answer(session: &mut Session) -> Result<(), Stopped> {
    let id = create(session, "produce-silent", 1, &[("max.message.bytes", "200")])?;
    let after = MetadataRequest { topics: Some(Vec::new()), ..MetadataRequest::default() };
    for version in [3, 8, 9, 13] {
        for (what, index, count) in [("good", 0, 1), ("unknown partition", 5, 1), ("too large", 0, 50)] {
            session.reconnect();
            session.note(what);
            let records = Some(batch(count, 1).build());
            session.send(version, &produce_request(version, ("produce-silent", id), index, 0, records))?;
            session.ask_or_close(12, &after)?;
        }
    }
    session.reconnect();
    session.note("then with an answer");
    session.ask(9, &produce_request(9, ("produce-silent", id), 0, 1, Some(batch(1, 1).build())))?;
    Ok(())
}

fn several(session: &mut Session) -> Result<(), Stopped> {
    let one = create(session, "produce-several-a", 3, &[])?;
    let other = create(session, "produce-several-b", 1, &[])?;
    for version in versions(ApiKey::Produce) {
        let data = |index: i32| PartitionProduceData { index, records: Some(batch(1, 1).build().into()) };
        let topic = |name: &'static str, topic_id, partitions: &[i32]| TopicProduceData {
            name: if version < 13 { name.into() } else { "".into() },
            topic_id: if version < 13 { Uuid::ZERO } else { topic_id },
            partition_data: partitions.iter().map(|index| data(*index)).collect(),
        };
        let topic_data = vec![
            topic("produce-several-a", one, &[2, 0, 9]),
            topic("produce-nowhere", Uuid([3; 16]), &[0]),
            topic("produce-several-b", other, &[0]),
        ];
        let request = ProduceRequest { transactional_id: None, acks: -1, timeout_ms: 5_000, topic_data };
        session.ask_sorted(version, &request, |response| {
            for topic in &mut response.responses {
                topic.partition_responses.sort_by_key(|partition| partition.index);
            }
            response.responses.sort_by_key(|topic| {
                let first = topic.partition_responses.first().map(|partition| partition.error_code);
                (topic.name.to_string(), first, topic.partition_responses.len())
            });
        })?;
    }
    session.note("nothing");
    let request = ProduceRequest { transactional_id: None, acks: -1, timeout_ms: 1, topic_data: Vec::new() };
    session.ask_or_close(9, &request)?;
    Ok(())
}

fn compressed(session: &mut Session) -> Result<(), Stopped> {
    let id = create(session, "produce-compressed", 1, &[])?;
    let codecs = [Compression::Gzip, Compression::Snappy, Compression::Lz4, Compression::Zstd];
    for codec in codecs {
        session.note(format!("{codec:?}"));
        let records = batch(10, 1).compression(codec).build();
        one(session, "produce-compressed", id, &records)?;
        session.note(format!("{codec:?} damaged"));
        let mut damaged = records;
        let middle = damaged.len() - 20;
        damaged = edited(damaged.clone(), middle, &[0xff; 8]);
        session.ask_or_close(9, &produce_request(9, ("produce-compressed", id), 0, -1, Some(damaged)))?;
    }
    Ok(())
}

/// What consumers read of a topic whose compression is not the producer's.
fn recompressed(session: &mut Session) -> Result<(), Stopped> {
    for codec in ["gzip", "snappy", "lz4", "zstd", "uncompressed", "producer"] {
        let name = format!("produce-to-{codec}");
        let id = create(session, &name, 1, &[("compression.type", codec)])?;
        for sent in [Compression::None, Compression::Gzip, Compression::Zstd] {
            session.note(format!("{sent:?} to {codec}"));
            let records = batch(20, 1).compression(sent).build();
            session.ask(9, &produce_request(9, (&name, id), 0, -1, Some(records)))?;
        }
        let partition = FetchPartition { partition_max_bytes: 1 << 20, ..FetchPartition::default() };
        let topic =
            FetchTopic { topic: name.clone().into(), partitions: vec![partition], ..Default::default() };
        let fetch =
            FetchRequest { max_bytes: 1 << 20, session_epoch: -1, topics: vec![topic], ..Default::default() };
        let answer = session.ask_quietly(11, &fetch)?;
        let partitions = answer.responses.iter().flat_map(|topic| &topic.partitions);
        for bytes in partitions.filter_map(|partition| partition.records.as_deref()) {
            // Compressors differ in the bytes they make, not in what comes out.
            for batch in batches(bytes) {
                let batch = batch.map_err(|error| error.to_string())?;
                let head =
                    (batch.base_offset(), batch.attributes(), batch.record_count(), batch.max_timestamp());
                session.tell("batch", head);
                let mut scratch = Scratch::default();
                let records = scratch.records(&batch, 1 << 20).map_err(|error| error.to_string())?;
                let texts: Vec<String> = records.map(|record| format!("{record:?}")).collect();
                session.tell("records", texts);
            }
        }
    }
    Ok(())
}

fn beyond_segment(session: &mut Session) -> Result<(), Stopped> {
    let settings = [("segment.bytes", "1048576"), ("max.message.bytes", "3000000")];
    let id = create(session, "produce-segment", 1, &settings)?;
    let value = vec![7; 1_200_000];
    let large = BatchBuilder::new().record(1, None, Some(&value)).build();
    one(session, "produce-segment", id, &large)?;
    session.note("small again");
    one(session, "produce-segment", id, &batch(1, 1).build())
}

fn transactions(session: &mut Session) -> Result<(), Stopped> {
    let id = create(session, "produce-transaction", 1, &[])?;
    for version in [3, 8, 9] {
        session.note("a plain batch with a transactional id");
        let plain = produce_request(version, ("produce-transaction", id), 0, -1, Some(batch(1, 1).build()));
        session.ask(version, &ProduceRequest { transactional_id: Some("t".into()), ..plain })?;
        session.note("a transactional batch without one, beside a plain one");
        let records = batch(1, 1).producer(9_001, 0, 0).transactional().build();
        let mut both = produce_request(version, ("produce-transaction", id), 0, -1, Some(records));
        let plain = PartitionProduceData { index: 7, records: Some(batch(1, 1).build().into()) };
        both.topic_data[0].partition_data.push(plain);
        session.ask_sorted(version, &both, |response| {
            for topic in &mut response.responses {
                topic.partition_responses.sort_by_key(|partition| partition.index);
            }
        })?;
    }
    Ok(())
}

fn changed_settings(session: &mut Session) -> Result<(), Stopped> {
    let id = create(session, "produce-changed", 1, &[])?;
    for (key, value) in [
        ("max.message.bytes", "100"),
        ("max.message.bytes", "1000"),
        ("message.timestamp.type", "LogAppendTime"),
        ("message.timestamp.type", "CreateTime"),
        ("message.timestamp.before.max.ms", "1000"),
        ("message.timestamp.before.max.ms", "9223372036854775807"),
        ("cleanup.policy", "compact"),
    ] {
        session.note(format!("{key}={value}"));
        let config = AlterableConfig { name: key.into(), config_operation: 0, value: Some(value.into()) };
        let resource = AlterConfigsResource {
            resource_type: 2,
            resource_name: "produce-changed".into(),
            configs: vec![config],
        };
        let request = IncrementalAlterConfigsRequest { resources: vec![resource], validate_only: false };
        session.ask(1, &request)?;
        session.settle()?;
        let records = BatchBuilder::new().record(1, None, Some(&[1; 100])).build();
        session.ask(9, &produce_request(9, ("produce-changed", id), 0, -1, Some(records)))?;
    }
    Ok(())
}

/// Several requests before the first answer is read.
fn in_a_row(session: &mut Session) -> Result<(), Stopped> {
    let id = create(session, "produce-row", 1, &[("max.message.bytes", "300")])?;
    let sent: Vec<_> = [1, 2, 30, 3, 1]
        .into_iter()
        .map(|count| produce_request(9, ("produce-row", id), 0, -1, Some(batch(count, 1).build())))
        .collect();
    for request in &sent {
        session.send(9, request)?;
    }
    for (at, request) in sent.iter().enumerate() {
        session.note(format!("request {at}"));
        session.answer(9, request)?;
    }
    Ok(())
}
