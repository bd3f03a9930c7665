//! OffsetForLeaderEpoch 2-4, DeleteRecords 0-2, InitProducerId 0-5, DescribeProducers 0.

use std::time::{SystemTime, UNIX_EPOCH};

use protocol::ApiKey;
use protocol::messages::delete_records_request::{DeleteRecordsPartition, DeleteRecordsTopic};
use protocol::messages::describe_producers_request::TopicRequest;
use protocol::messages::offset_for_leader_epoch_request::{OffsetForLeaderPartition, OffsetForLeaderTopic};
use protocol::messages::{
    DeleteRecordsRequest, DescribeProducersRequest, InitProducerIdRequest, OffsetForLeaderEpochRequest,
};

use super::Row;
use super::topics::{batch, create, first_producer_id, write};
use crate::session::{Session, Stopped, versions};

/// The cases.
pub const CASES: &[Row] = &[
    ("OffsetForLeaderEpoch", epochs),
    ("DeleteRecords", delete_records),
    ("DeleteRecords where it is not allowed", delete_refused),
    ("InitProducerId", producer_ids),
    ("InitProducerId of illegal requests", illegal_ids),
    ("DescribeProducers", producers),
];

fn epochs(session: &mut Session) -> Result<(), Stopped> {
    create(session, "epochs", 2, &[])?;
    write(session, "epochs", 0, &batch(5, 1))?;
    for version in versions(ApiKey::OffsetForLeaderEpoch) {
        for (name, partition, current, wanted) in [
            ("epochs", 0, -1, 0),
            ("epochs", 0, 0, 0),
            ("epochs", 1, -1, 0),
            ("epochs", 0, -1, 1),
            ("epochs", 0, -1, 9),
            ("epochs", 0, -1, -1),
            ("epochs", 0, -1, -5),
            ("epochs", 0, 1, 0),
            ("epochs", 7, -1, 0),
            ("nowhere", 0, -1, 0),
            ("a b", 0, -1, 0),
        ] {
            session.note(format!("{name}-{partition} current {current} epoch {wanted}"));
            let partition =
                OffsetForLeaderPartition { partition, current_leader_epoch: current, leader_epoch: wanted };
            let topic = OffsetForLeaderTopic { topic: name.into(), partitions: vec![partition] };
            let replica_id = if version >= 3 { -1 } else { -2 };
            session.ask(version, &OffsetForLeaderEpochRequest { replica_id, topics: vec![topic] })?;
        }
    }
    Ok(())
}

fn deletion<'a>(name: &'a str, wanted: &[(i32, i64)]) -> DeleteRecordsRequest<'a> {
    let partition =
        |(index, offset): &(i32, i64)| DeleteRecordsPartition { partition_index: *index, offset: *offset };
    let topic = DeleteRecordsTopic { name: name.into(), partitions: wanted.iter().map(partition).collect() };
    DeleteRecordsRequest { topics: vec![topic], timeout_ms: 5_000 }
}

fn delete_records(session: &mut Session) -> Result<(), Stopped> {
    for version in versions(ApiKey::DeleteRecords) {
        let name = format!("shortened-{version}");
        create(session, &name, 2, &[])?;
        for _ in 0..3 {
            write(session, &name, 0, &batch(10, 1))?;
        }
        for offset in [0, 5, 10, 3, 31, -2, -1] {
            session.note(format!("before {offset}"));
            session.ask(version, &deletion(&name, &[(0, offset)]))?;
        }
        session.note("unknown partition");
        session.ask_sorted(version, &deletion(&name, &[(9, 0), (1, 0)]), |response| {
            for topic in &mut response.topics {
                topic.partitions.sort_by_key(|partition| partition.partition_index);
            }
        })?;
        session.note("unknown topic");
        session.ask(version, &deletion("nowhere", &[(0, 0)]))?;
        session.note("illegal topic");
        session.ask(version, &deletion("a b", &[(0, 0)]))?;
        session.note("nothing");
        session.ask(version, &DeleteRecordsRequest { topics: Vec::new(), timeout_ms: 10 })?;
    }
    Ok(())
}

fn delete_refused(session: &mut Session) -> Result<(), Stopped> {
    create(session, "shortened-compacted", 1, &[("cleanup.policy", "compact")])?;
    create(session, "shortened-both", 1, &[("cleanup.policy", "compact,delete")])?;
    for name in ["shortened-compacted", "shortened-both"] {
        write(session, name, 0, &batch(3, 1))?;
        session.note(name);
        session.ask(2, &deletion(name, &[(0, 1)]))?;
    }
    for name in ["__consumer_offsets", "__transaction_state"] {
        session.note(name);
        session.ask(2, &deletion(name, &[(0, 0)]))?;
    }
    Ok(())
}

fn producer_ids(session: &mut Session) -> Result<(), Stopped> {
    first_producer_id(session)?;
    for version in versions(ApiKey::InitProducerId) {
        let request = InitProducerIdRequest {
            transactional_id: None,
            transaction_timeout_ms: 60_000,
            producer_id: -1,
            producer_epoch: -1,
            ..InitProducerIdRequest::default()
        };
        let first = session.ask(version, &request)?.producer_id;
        session.note("again");
        let second = session.ask(version, &request)?.producer_id;
        session.tell("another one", first != second);
        session.note("");
    }
    Ok(())
}

fn illegal_ids(session: &mut Session) -> Result<(), Stopped> {
    first_producer_id(session)?;
    for version in versions(ApiKey::InitProducerId) {
        for (id, producer_id, producer_epoch, timeout) in [
            (None, 5, -1, 60_000),
            (None, -1, 5, 60_000),
            (None, 5, 5, 60_000),
            (None, -2, -2, 60_000),
            (None, -1, -1, -1),
            (None, -1, -1, i32::MAX),
            (Some(""), -1, -1, 60_000),
        ] {
            if version < 3 && (producer_id, producer_epoch) != (-1, -1) {
                continue;
            }
            session
                .note(format!("id {id:?} producer {producer_id} epoch {producer_epoch} timeout {timeout}"));
            let request = InitProducerIdRequest {
                transactional_id: id.map(Into::into),
                transaction_timeout_ms: timeout,
                producer_id,
                producer_epoch,
                ..InitProducerIdRequest::default()
            };
            session.ask(version, &request)?;
        }
    }
    Ok(())
}

fn producers(session: &mut Session) -> Result<(), Stopped> {
    create(session, "producers", 2, &[])?;
    // Producers of long ago are forgotten.
    let since = SystemTime::now().duration_since(UNIX_EPOCH).map_err(|error| error.to_string())?;
    let now_ms = i64::try_from(since.as_millis()).map_err(|error| error.to_string())?;
    write(session, "producers", 0, &batch(2, now_ms))?;
    write(session, "producers", 0, &batch(2, now_ms).producer(501, 3, 0))?;
    write(session, "producers", 0, &batch(2, now_ms).producer(500, 0, 0))?;
    write(session, "producers", 0, &batch(2, now_ms).producer(501, 3, 2))?;
    for (name, indexes) in [
        ("producers", &[0, 1][..]),
        ("producers", &[5]),
        ("producers", &[-1]),
        ("nowhere", &[0]),
        ("a b", &[0]),
        ("", &[0]),
        ("producers", &[]),
    ] {
        session.note(format!("{name} {indexes:?}"));
        let topic = TopicRequest { name: name.into(), partition_indexes: indexes.to_vec() };
        session.ask_sorted(0, &DescribeProducersRequest { topics: vec![topic] }, |response| {
            for topic in &mut response.topics {
                topic.partitions.sort_by_key(|partition| partition.partition_index);
                for partition in &mut topic.partitions {
                    partition.active_producers.sort_by_key(|producer| producer.producer_id);
                }
            }
        })?;
    }
    Ok(())
}
