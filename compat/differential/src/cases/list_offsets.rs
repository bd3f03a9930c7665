//! ListOffsets 1-11: named places, times, and what cannot be looked up.

use protocol::ApiKey;
use protocol::messages::DeleteRecordsRequest;
use protocol::messages::delete_records_request::{DeleteRecordsPartition, DeleteRecordsTopic};
use protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic};

use super::Row;
use records::Compression;

use super::topics::{batch, create, write};
use crate::session::{Session, Stopped, versions};

/// The cases.
pub const CASES: &[Row] = &[
    ("ListOffsets of an empty partition", empty),
    ("ListOffsets of records", filled),
    ("ListOffsets of unknown places", unknown),
    ("ListOffsets with leader epochs", epochs),
    ("ListOffsets of a partition twice", twice),
    ("ListOffsets for replicas", replicas),
    ("ListOffsets of an unknown isolation level", isolation),
    ("ListOffsets by time in compressed batches", compressed),
    ("ListOffsets of a shortened partition", shortened),
];

const SPECIAL: [i64; 8] = [-1, -2, -3, -4, -5, -6, -7, i64::MIN];

fn request<'a>(version: i16, name: &'a str, wanted: &[(i32, i64, i32)]) -> ListOffsetsRequest<'a> {
    let partition = |(partition_index, timestamp, epoch): &(i32, i64, i32)| ListOffsetsPartition {
        partition_index: *partition_index,
        current_leader_epoch: if version >= 4 { *epoch } else { -1 },
        timestamp: *timestamp,
    };
    let topic = ListOffsetsTopic { name: name.into(), partitions: wanted.iter().map(partition).collect() };
    ListOffsetsRequest { replica_id: -1, topics: vec![topic], timeout_ms: 1_000, ..Default::default() }
}

fn sort(response: &mut protocol::messages::ListOffsetsResponse<'static>) {
    response.topics.sort_by(|one, other| one.name.cmp(&other.name));
    for topic in &mut response.topics {
        topic.partitions.sort_by_key(|partition| (partition.partition_index, partition.offset));
    }
}

fn empty(session: &mut Session) -> Result<(), Stopped> {
    create(session, "offsets-empty", 1, &[])?;
    for version in versions(ApiKey::ListOffsets) {
        for timestamp in SPECIAL.into_iter().chain([0, 5]) {
            session.note(format!("{timestamp}"));
            session.ask(version, &request(version, "offsets-empty", &[(0, timestamp, -1)]))?;
        }
    }
    Ok(())
}

fn filled(session: &mut Session) -> Result<(), Stopped> {
    create(session, "offsets", 2, &[])?;
    for first_ms in [1_000, 5_000, 3_000] {
        write(session, "offsets", 1, &batch(10, first_ms))?;
    }
    let times = [0, 1_000, 1_005, 1_009, 1_010, 3_004, 4_000, 5_009, 5_010, i64::MAX];
    for version in versions(ApiKey::ListOffsets) {
        for timestamp in SPECIAL.into_iter().chain(times) {
            session.note(format!("{timestamp}"));
            session.ask(version, &request(version, "offsets", &[(1, timestamp, -1)]))?;
        }
        if version >= 2 {
            session.note("read committed");
            let wanted = request(version, "offsets", &[(1, -1, -1), (0, -1, -1)]);
            session.ask_sorted(version, &ListOffsetsRequest { isolation_level: 1, ..wanted }, sort)?;
        }
    }
    Ok(())
}

fn unknown(session: &mut Session) -> Result<(), Stopped> {
    create(session, "offsets-places", 1, &[])?;
    for version in versions(ApiKey::ListOffsets) {
        for (name, partition) in
            [("offsets-places", 4), ("offsets-places", -1), ("offsets-nowhere", 0), ("a b", 0), ("", 0)]
        {
            session.note(format!("{name}-{partition}"));
            for timestamp in [-1, -2, 7] {
                session.ask(version, &request(version, name, &[(partition, timestamp, -1)]))?;
            }
        }
        session.note("nothing");
        session.ask(version, &request(version, "offsets-places", &[]))?;
    }
    Ok(())
}

fn epochs(session: &mut Session) -> Result<(), Stopped> {
    create(session, "offsets-epochs", 1, &[])?;
    write(session, "offsets-epochs", 0, &batch(3, 10))?;
    for version in [4, 6, 11] {
        for epoch in [-1, 0, 1, 7] {
            session.note(format!("epoch {epoch}"));
            for timestamp in [-1, -2, 11] {
                session.ask(version, &request(version, "offsets-epochs", &[(0, timestamp, epoch)]))?;
            }
        }
    }
    Ok(())
}

fn twice(session: &mut Session) -> Result<(), Stopped> {
    create(session, "offsets-twice", 2, &[])?;
    for version in versions(ApiKey::ListOffsets) {
        let wanted = [(0, -1, -1), (0, -2, -1), (1, -1, -1)];
        session.ask_sorted(version, &request(version, "offsets-twice", &wanted), sort)?;
    }
    Ok(())
}

fn replicas(session: &mut Session) -> Result<(), Stopped> {
    create(session, "offsets-replicas", 1, &[])?;
    write(session, "offsets-replicas", 0, &batch(3, 10))?;
    for replica_id in [-2, 1, 5] {
        session.note(format!("replica {replica_id}"));
        for timestamp in [-1, -2, 11] {
            let wanted = request(6, "offsets-replicas", &[(0, timestamp, -1)]);
            session.ask(6, &ListOffsetsRequest { replica_id, ..wanted })?;
        }
    }
    Ok(())
}

fn isolation(session: &mut Session) -> Result<(), Stopped> {
    create(session, "offsets-isolation", 1, &[])?;
    for version in 2..=11 {
        let wanted = request(version, "offsets-isolation", &[(0, -1, -1)]);
        session.ask_or_close(version, &ListOffsetsRequest { isolation_level: 5, ..wanted })?;
    }
    Ok(())
}

fn compressed(session: &mut Session) -> Result<(), Stopped> {
    for (name, settings) in
        [("offsets-gzip", &[][..]), ("offsets-stamped", &[("message.timestamp.type", "LogAppendTime")])]
    {
        create(session, name, 1, settings)?;
        for (first_ms, codec) in
            [(1_000, Compression::Gzip), (5_000, Compression::Lz4), (3_000, Compression::None)]
        {
            write(session, name, 0, &batch(10, first_ms).compression(codec))?;
            // The next batch gets another append time.
            std::thread::sleep(std::time::Duration::from_millis(3));
        }
        for version in [1, 6, 7, 11] {
            for timestamp in [-3, 0, 1_005, 3_003, 4_000, 5_005, 9_000] {
                if timestamp != -3 || version >= 7 {
                    session.note(format!("{name} {timestamp}"));
                    session.ask(version, &request(version, name, &[(0, timestamp, -1)]))?;
                }
            }
        }
    }
    Ok(())
}

fn shortened(session: &mut Session) -> Result<(), Stopped> {
    create(session, "offsets-shortened", 1, &[])?;
    for first_ms in [9_000, 1_000, 2_000] {
        write(session, "offsets-shortened", 0, &batch(10, first_ms))?;
    }
    for before in [5, 12, 30] {
        let partitions = vec![DeleteRecordsPartition { partition_index: 0, offset: before }];
        let topics = vec![DeleteRecordsTopic { name: "offsets-shortened".into(), partitions }];
        session.note(format!("before {before}"));
        session.ask(2, &DeleteRecordsRequest { topics, timeout_ms: 5_000 })?;
        for timestamp in [-1, -2, -3, -4, -5, -6, 0, 1_000, 1_005, 9_003] {
            session.note(format!("before {before}, {timestamp}"));
            session.ask(11, &request(11, "offsets-shortened", &[(0, timestamp, -1)]))?;
        }
    }
    Ok(())
}
