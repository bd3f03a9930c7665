//! Fetch 4-18: whole batches, limits, waiting, isolation, sessions, topic ids.

use std::time::Instant;

use model::Uuid;
use protocol::ApiKey;
use protocol::messages::fetch_request::{
    FetchPartition, FetchRequest, FetchTopic, ForgottenTopic, ReplicaState,
};

use protocol::messages::delete_records_request::{DeleteRecordsPartition, DeleteRecordsTopic};
use protocol::messages::fetch_response::{FetchResponse, FetchableTopicResponse};
use protocol::messages::{DeleteRecordsRequest, DeleteTopicsRequest};

use super::Row;
use super::topics::{batch, create, write};
use crate::session::{Session, Stopped, versions};

/// The cases.
pub const CASES: &[Row] = &[
    ("Fetch of records", records),
    ("Fetch from the middle of a batch", middle),
    ("Fetch of an empty partition", empty),
    ("Fetch of unknown places", unknown),
    ("Fetch out of range", out_of_range),
    ("Fetch with leader epochs", epochs),
    ("Fetch within limits of size", limits),
    ("Fetch waits", waits),
    ("Fetch read committed", committed),
    ("Fetch in sessions", sessions),
    ("Fetch in sessions with errors", session_errors),
    ("Fetch in sessions by name", sessions_by_name),
    ("Fetch as a replica", replica),
    ("Fetch woken by a produce", woken),
    ("Fetch in sessions of deleted topics", deleted),
    ("Fetch of shortened partitions", shortened),
    ("Fetch of a topic by several names", several_topics),
];

type Place<'a> = (&'a str, Uuid);

fn partition(partition: i32, fetch_offset: i64) -> FetchPartition {
    FetchPartition { partition, fetch_offset, partition_max_bytes: 1 << 20, ..FetchPartition::default() }
}

fn topic<'a>(version: i16, (name, id): Place<'a>, partitions: Vec<FetchPartition>) -> FetchTopic<'a> {
    FetchTopic {
        topic: if version < 13 { name.into() } else { "".into() },
        topic_id: if version < 13 { Uuid::ZERO } else { id },
        partitions,
    }
}

fn request(topics: Vec<FetchTopic<'_>>) -> FetchRequest<'_> {
    FetchRequest {
        max_wait_ms: 0,
        min_bytes: 1,
        max_bytes: 1 << 20,
        session_epoch: -1,
        topics,
        ..FetchRequest::default()
    }
}

fn single<'a>(version: i16, place: Place<'a>, index: i32, offset: i64) -> FetchRequest<'a> {
    request(vec![topic(version, place, vec![partition(index, offset)])])
}

fn records(session: &mut Session) -> Result<(), Stopped> {
    let place = ("fetch-records", create(session, "fetch-records", 2, &[])?);
    for (count, first_ms) in [(3, 1_000), (2, 500), (4, 2_000)] {
        write(session, place.0, 1, &batch(count, first_ms))?;
    }
    for version in versions(ApiKey::Fetch) {
        for offset in [0, 3, 8] {
            session.note(format!("from {offset}"));
            session.ask(version, &single(version, place, 1, offset))?;
        }
        session.note("nothing");
        session.ask(version, &request(Vec::new()))?;
        if version >= 11 {
            session.note("with a rack");
            let wanted = FetchRequest { rack_id: "rack-a".into(), ..single(version, place, 1, 5) };
            session.ask(version, &wanted)?;
            let wanted = FetchRequest { rack_id: "rack-b".into(), ..single(version, place, 1, 5) };
            session.ask(version, &wanted)?;
        }
    }
    Ok(())
}

fn middle(session: &mut Session) -> Result<(), Stopped> {
    let place = ("fetch-middle", create(session, "fetch-middle", 1, &[])?);
    write(session, place.0, 0, &batch(10, 1))?;
    for version in versions(ApiKey::Fetch) {
        session.ask(version, &single(version, place, 0, 6))?;
    }
    Ok(())
}

fn empty(session: &mut Session) -> Result<(), Stopped> {
    let place = ("fetch-empty", create(session, "fetch-empty", 1, &[])?);
    for version in versions(ApiKey::Fetch) {
        session.ask(version, &single(version, place, 0, 0))?;
        session.note("read committed");
        session.ask(version, &FetchRequest { isolation_level: 1, ..single(version, place, 0, 0) })?;
        session.note("");
    }
    Ok(())
}

fn unknown(session: &mut Session) -> Result<(), Stopped> {
    let known = ("fetch-places", create(session, "fetch-places", 1, &[])?);
    let other = create(session, "fetch-other", 1, &[])?;
    for version in versions(ApiKey::Fetch) {
        let nowhere = Uuid([5; 16]);
        for (what, place, index) in [
            ("unknown partition", known, 3),
            ("negative partition", known, -1),
            ("unknown topic", ("fetch-nowhere", nowhere), 0),
            ("illegal topic", ("a b", nowhere), 0),
            ("no topic", ("", Uuid::ZERO), 0),
        ] {
            session.note(what);
            session.ask(version, &single(version, place, index, 0))?;
        }
        session.note("known and unknown");
        let topics = vec![
            topic(version, ("fetch-nowhere", nowhere), vec![partition(0, 0)]),
            topic(version, known, vec![partition(0, 0), partition(8, 0)]),
            topic(version, ("fetch-other", other), vec![partition(0, 0)]),
        ];
        session.ask_sorted(version, &request(topics), sort)?;
    }
    Ok(())
}

fn out_of_range(session: &mut Session) -> Result<(), Stopped> {
    let place = ("fetch-range", create(session, "fetch-range", 1, &[])?);
    write(session, place.0, 0, &batch(4, 1))?;
    for version in versions(ApiKey::Fetch) {
        for offset in [4, 5, 1_000, -1, -5, i64::MAX, i64::MIN] {
            session.note(format!("from {offset}"));
            session.ask(version, &single(version, place, 0, offset))?;
        }
    }
    Ok(())
}

fn epochs(session: &mut Session) -> Result<(), Stopped> {
    let place = ("fetch-epochs", create(session, "fetch-epochs", 1, &[])?);
    write(session, place.0, 0, &batch(4, 1))?;
    for version in [9, 11, 12, 13, 18] {
        for epoch in [0, 1, 5] {
            session.note(format!("leader epoch {epoch}"));
            let wanted = FetchPartition { current_leader_epoch: epoch, ..partition(0, 2) };
            session.ask(version, &request(vec![topic(version, place, vec![wanted])]))?;
        }
        if version < 12 {
            continue;
        }
        for (epoch, offset) in [(0, 2), (0, 4), (0, 9), (3, 2), (-1, 9)] {
            session.note(format!("fetched epoch {epoch} from {offset}"));
            let wanted = FetchPartition { last_fetched_epoch: epoch, ..partition(0, offset) };
            session.ask(version, &request(vec![topic(version, place, vec![wanted])]))?;
        }
    }
    Ok(())
}

fn limits(session: &mut Session) -> Result<(), Stopped> {
    let place = ("fetch-limits", create(session, "fetch-limits", 3, &[])?);
    for index in 0..3 {
        for _ in 0..3 {
            write(session, place.0, index, &batch(5, 1))?;
        }
    }
    for version in versions(ApiKey::Fetch) {
        for bytes in [0, 1, 200, 350, 700, -1] {
            session.note(format!("partition limit {bytes}"));
            let limited = |index| FetchPartition { partition_max_bytes: bytes, ..partition(index, 0) };
            let wanted = request(vec![topic(version, place, vec![limited(0), limited(1)])]);
            session.ask_sorted(version, &wanted, sort)?;
            session.note(format!("limit {bytes}"));
            let all = (0..3).map(|index| partition(index, 0)).collect();
            let wanted = FetchRequest { max_bytes: bytes, ..request(vec![topic(version, place, all)]) };
            session.ask_sorted(version, &wanted, sort)?;
        }
        session.note("more at least than at most");
        let wanted = FetchRequest { min_bytes: 1 << 30, max_bytes: 10, ..single(version, place, 0, 0) };
        session.ask(version, &wanted)?;
    }
    Ok(())
}

fn waits(session: &mut Session) -> Result<(), Stopped> {
    let place = ("fetch-waits", create(session, "fetch-waits", 1, &[])?);
    write(session, place.0, 0, &batch(1, 1))?;
    for version in [4, 12, 18] {
        for (what, offset, min_bytes, index) in [
            ("for the first byte", 1, 1, 0),
            ("for many bytes", 0, 100_000, 0),
            ("for no byte", 1, 0, 0),
            ("in vain: an error", 1, 1, 7),
            ("in vain: out of range", 9, 1, 0),
            ("not: there is enough", 0, 1, 0),
        ] {
            session.note(what);
            let wanted =
                FetchRequest { max_wait_ms: 150, min_bytes, ..single(version, place, index, offset) };
            let started = Instant::now();
            session.ask(version, &wanted)?;
            session.tell("waited", started.elapsed().as_millis() >= 150);
        }
    }
    Ok(())
}

fn committed(session: &mut Session) -> Result<(), Stopped> {
    let place = ("fetch-committed", create(session, "fetch-committed", 1, &[])?);
    write(session, place.0, 0, &batch(4, 1))?;
    for version in versions(ApiKey::Fetch) {
        for offset in [0, 4, 5] {
            session.note(format!("from {offset}"));
            session
                .ask(version, &FetchRequest { isolation_level: 1, ..single(version, place, 0, offset) })?;
        }
        session.note("unknown level");
        session
            .ask_or_close(version, &FetchRequest { isolation_level: 7, ..single(version, place, 0, 0) })?;
    }
    Ok(())
}

fn sessions(session: &mut Session) -> Result<(), Stopped> {
    let place = ("fetch-session", create(session, "fetch-session", 3, &[])?);
    write(session, place.0, 0, &batch(2, 1))?;
    walk_session(session, 18, place)?;
    walk_session(session, 13, place)
}

fn sessions_by_name(session: &mut Session) -> Result<(), Stopped> {
    let place = ("fetch-session-names", create(session, "fetch-session-names", 3, &[])?);
    write(session, place.0, 0, &batch(2, 1))?;
    for version in [7, 11, 12] {
        walk_session(session, version, place)?;
    }
    Ok(())
}

/// Begins a session, goes on in it, changes and forgets partitions, ends it.
fn walk_session(session: &mut Session, version: i16, place: Place<'_>) -> Result<(), Stopped> {
    session.note("begins");
    let all = (0..3).map(|index| partition(index, 0)).collect();
    let begin = FetchRequest { session_epoch: 0, ..request(vec![topic(version, place, all)]) };
    let session_id = session.ask_sorted(version, &begin, sort)?.session_id;
    let mut epoch = 0;
    let mut go_on = |session: &mut Session, note: &str, wanted: FetchRequest<'_>| {
        epoch += 1;
        session.note(note);
        let wanted = FetchRequest { session_id, session_epoch: epoch, ..wanted };
        session.ask_sorted(version, &wanted, sort).map(|_| ())
    };
    go_on(session, "no news but unread records", request(Vec::new()))?;
    let moved = vec![topic(version, place, vec![partition(0, 2)])];
    go_on(session, "reads on", request(moved))?;
    go_on(session, "no news", request(Vec::new()))?;
    write(session, place.0, 1, &batch(1, 1))?;
    go_on(session, "news in another partition", request(Vec::new()))?;
    let unknown = vec![topic(version, place, vec![partition(9, 0)])];
    go_on(session, "an unknown partition", request(unknown))?;
    go_on(session, "the unknown partition again", request(Vec::new()))?;
    let forgotten = ForgottenTopic {
        topic: if version < 13 { place.0.to_owned().into() } else { "".into() },
        topic_id: if version < 13 { Uuid::ZERO } else { place.1 },
        partitions: vec![9, 1],
    };
    let forgets = FetchRequest { forgotten_topics_data: vec![forgotten], ..request(Vec::new()) };
    go_on(session, "forgets", forgets)?;
    go_on(session, "has forgotten", request(Vec::new()))?;
    session.note("wrong epoch");
    let wrong = FetchRequest { session_id, session_epoch: 77, ..request(Vec::new()) };
    session.ask(version, &wrong)?;
    session.note("ends");
    let end = vec![topic(version, place, vec![partition(0, 0)])];
    session.ask(version, &FetchRequest { session_id, session_epoch: -1, ..request(end) })?;
    session.note("has ended");
    session.ask(version, &FetchRequest { session_id, session_epoch: epoch + 1, ..request(Vec::new()) })?;
    Ok(())
}

fn session_errors(session: &mut Session) -> Result<(), Stopped> {
    let place = ("fetch-session-errors", create(session, "fetch-session-errors", 2, &[])?);
    let nowhere = ("fetch-nowhere", Uuid([5; 16]));
    for version in [7, 12, 13, 18] {
        session.note("unknown session");
        let unknown = FetchRequest { session_id: 123, session_epoch: 4, ..request(Vec::new()) };
        session.ask(version, &unknown)?;
        session.note("begins with an unknown topic");
        let topics = vec![
            topic(version, place, vec![partition(0, 0)]),
            topic(version, nowhere, vec![partition(0, 0)]),
        ];
        let begin = FetchRequest { session_epoch: 0, ..request(topics) };
        let session_id = session.ask_sorted(version, &begin, sort)?.session_id;
        session.note("goes on with it");
        let on = FetchRequest { session_id, session_epoch: 1, ..request(Vec::new()) };
        session.ask_sorted(version, &on, sort)?;
        session.note("by the other kind of name");
        let other = if version < 13 { 13 } else { 12 };
        session.ask(other, &FetchRequest { session_id, session_epoch: 2, ..request(Vec::new()) })?;
        session.note("begins with nothing");
        session.ask(version, &FetchRequest { session_epoch: 0, ..request(Vec::new()) })?;
        session.note("ends an unknown session");
        session.ask(version, &FetchRequest { session_id: 123, ..request(Vec::new()) })?;
    }
    Ok(())
}

fn replica(session: &mut Session) -> Result<(), Stopped> {
    let place = ("fetch-replica", create(session, "fetch-replica", 1, &[])?);
    write(session, place.0, 0, &batch(2, 1))?;
    for version in versions(ApiKey::Fetch) {
        for replica_id in [1, 5, -2] {
            session.note(format!("replica {replica_id}"));
            let mut wanted = single(version, place, 0, 0);
            if version < 15 {
                wanted.replica_id = replica_id;
            } else {
                wanted.replica_state = ReplicaState { replica_id, replica_epoch: 3 };
            }
            session.ask_or_close(version, &wanted)?;
        }
    }
    Ok(())
}

fn woken(session: &mut Session) -> Result<(), Stopped> {
    let place = ("fetch-woken", create(session, "fetch-woken", 2, &[])?);
    let mut writer = Session::new(session.side, session.address);
    for (at, version) in [4, 7, 12, 13, 18].into_iter().enumerate() {
        let offset = i64::try_from(at).unwrap_or_default() * 3;
        let both = vec![partition(0, 0), partition(1, offset)];
        let wanted = FetchRequest { max_wait_ms: 10_000, ..request(vec![topic(version, place, both)]) };
        let started = Instant::now();
        session.send(version, &wanted)?;
        // Behind it on the same connection, and answered after it.
        let behind = single(version, place, 0, 0);
        session.send(version, &behind)?;
        write(&mut writer, place.0, 1, &batch(3, 1))?;
        session.note("woken");
        session.answer(version, &wanted)?;
        session.note("behind it");
        session.answer(version, &behind)?;
        session.tell("in time", started.elapsed().as_millis() < 8_000);
    }
    Ok(())
}

fn deleted(session: &mut Session) -> Result<(), Stopped> {
    for version in [7, 12, 13, 18] {
        let name = format!("fetch-deleted-{version}");
        let place = (&*name, create(session, &name, 1, &[])?);
        write(session, &name, 0, &batch(2, 1))?;
        session.note("begins");
        let begin = request(vec![topic(version, place, vec![partition(0, 0)])]);
        let session_id = session.ask(version, &FetchRequest { session_epoch: 0, ..begin })?.session_id;
        let names = vec![place.0.to_owned().into()];
        let request_deletion =
            DeleteTopicsRequest { topic_names: names, timeout_ms: 5_000, ..Default::default() };
        session.ask_quietly(5, &request_deletion)?;
        session.settle()?;
        session.note("deleted");
        let go_on = |session_epoch| FetchRequest { session_id, session_epoch, ..request(Vec::new()) };
        session.ask(version, &go_on(1))?;
        create(session, &name, 1, &[])?;
        write(session, &name, 0, &batch(1, 5))?;
        session.note("created again");
        session.ask(version, &go_on(2))?;
        session.ask(version, &go_on(3))?;
        session.note("by its old id or its name");
        session.ask(version, &single(version, place, 0, 0))?;
    }
    Ok(())
}

fn shortened(session: &mut Session) -> Result<(), Stopped> {
    let place = ("fetch-shortened", create(session, "fetch-shortened", 1, &[])?);
    for _ in 0..3 {
        write(session, place.0, 0, &batch(5, 1))?;
    }
    let partitions = vec![DeleteRecordsPartition { partition_index: 0, offset: 7 }];
    let topics = vec![DeleteRecordsTopic { name: place.0.into(), partitions }];
    session.ask(2, &DeleteRecordsRequest { topics, timeout_ms: 5_000 })?;
    for version in [4, 5, 12, 18] {
        for offset in [0, 6, 7, 9, 10, 15] {
            session.note(format!("from {offset}"));
            session.ask(version, &single(version, place, 0, offset))?;
        }
    }
    Ok(())
}

fn several_topics(session: &mut Session) -> Result<(), Stopped> {
    let one = ("fetch-one", create(session, "fetch-one", 2, &[])?);
    let other = ("fetch-two", create(session, "fetch-two", 1, &[])?);
    write(session, one.0, 1, &batch(2, 1))?;
    write(session, other.0, 0, &batch(3, 1))?;
    for version in versions(ApiKey::Fetch) {
        session.note("a topic in two pieces");
        let topics = vec![
            topic(version, one, vec![partition(1, 0)]),
            topic(version, other, vec![partition(0, 0)]),
            topic(version, one, vec![partition(0, 0)]),
        ];
        session.ask_sorted(version, &request(topics), sort)?;
        session.note("a partition twice");
        let topics = vec![topic(version, one, vec![partition(1, 0), partition(1, 1)])];
        session.ask_sorted(version, &request(topics), sort)?;
        session.note("no partitions");
        session.ask_sorted(version, &request(vec![topic(version, one, Vec::new())]), sort)?;
    }
    Ok(())
}

/// Topics are answered in any order and in any number of pieces: brings them into the order of the request.
fn sort(response: &mut FetchResponse<'static>) {
    let mut pieces: Vec<FetchableTopicResponse<'static>> = Vec::new();
    for topic in response.responses.drain(..) {
        let same = |known: &&mut FetchableTopicResponse<'static>| {
            (&known.topic, known.topic_id) == (&topic.topic, topic.topic_id)
        };
        match pieces.iter_mut().find(same) {
            Some(known) => known.partitions.extend(topic.partitions),
            None => pieces.push(topic),
        }
    }
    for topic in &mut pieces {
        topic.partitions.sort_by_key(|partition| partition.partition_index);
    }
    pieces.sort_by_key(|topic| {
        let codes: Vec<i16> = topic.partitions.iter().map(|partition| partition.error_code.0).collect();
        (topic.topic.to_string(), codes)
    });
    response.responses = pieces;
}
