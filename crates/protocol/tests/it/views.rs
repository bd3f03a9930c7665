//! Views and response writers agree with the generated types at every version.

use std::borrow::Cow;

use allocation_counter::measure;
use model::{ErrorCode, Uuid};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use protocol::messages::{
    FetchRequest, FetchResponse, ProduceRequest, ProduceResponse, fetch_request, fetch_response,
    produce_request, produce_response,
};
use protocol::views::{
    Cut, FetchResponseHead, FetchResponseWriter, FetchView, ProducePart, ProduceResponseWriter, ProduceView,
    TopicKey,
};
use protocol::{EncodeError, Message, Reader, Writer};

use crate::golden;

fn encoded<'a, M: Message<'a>>(message: &M, version: i16) -> Vec<u8> {
    let mut writer = Writer::new();
    message.encode(&mut writer, version).unwrap();
    writer.into_vec()
}

fn text() -> BoxedStrategy<Cow<'static, str>> {
    prop_oneof!["[a-z.é]{0,9}", "[a-z]{120,140}"].prop_map(Cow::Owned).boxed()
}

fn bytes() -> BoxedStrategy<Cow<'static, [u8]>> {
    prop_oneof![vec(any::<u8>(), 0..40), vec(any::<u8>(), 16_380..16_390)].prop_map(Cow::Owned).boxed()
}

fn uuid() -> BoxedStrategy<Uuid> {
    any::<[u8; 16]>().prop_map(Uuid).boxed()
}

fn error_code() -> BoxedStrategy<ErrorCode> {
    any::<i16>().prop_map(ErrorCode).boxed()
}

fn produce_request() -> impl Strategy<Value = ProduceRequest<'static>> {
    let partition = (any::<i32>(), option::of(bytes()))
        .prop_map(|(index, records)| produce_request::PartitionProduceData { index, records });
    let topic = (text(), uuid(), vec(partition, 0..4)).prop_map(|(name, topic_id, partition_data)| {
        produce_request::TopicProduceData { name, topic_id, partition_data }
    });
    (option::of(text()), any::<i16>(), any::<i32>(), vec(topic, 0..4)).prop_map(
        |(transactional_id, acks, timeout_ms, topic_data)| ProduceRequest {
            transactional_id,
            acks,
            timeout_ms,
            topic_data,
        },
    )
}

fn fetch_partition() -> impl Strategy<Value = fetch_request::FetchPartition> {
    (any::<[i32; 4]>(), any::<[i64; 3]>(), uuid()).prop_map(|(ints, longs, replica_directory_id)| {
        fetch_request::FetchPartition {
            partition: ints[0],
            current_leader_epoch: ints[1],
            fetch_offset: longs[0],
            last_fetched_epoch: ints[2],
            log_start_offset: longs[1],
            partition_max_bytes: ints[3],
            replica_directory_id,
            high_watermark: longs[2],
        }
    })
}

fn fetch_request() -> impl Strategy<Value = FetchRequest<'static>> {
    let topic = (text(), uuid(), vec(fetch_partition(), 0..4))
        .prop_map(|(topic, topic_id, partitions)| fetch_request::FetchTopic { topic, topic_id, partitions });
    let forgotten = (text(), uuid(), vec(any::<i32>(), 0..4)).prop_map(|(topic, topic_id, partitions)| {
        fetch_request::ForgottenTopic { topic, topic_id, partitions }
    });
    let lists = (vec(topic, 0..4), vec(forgotten, 0..4));
    (option::of(text()), any::<[i32; 7]>(), any::<i64>(), any::<i8>(), lists, text()).prop_map(
        |(cluster_id, ints, replica_epoch, isolation_level, (topics, forgotten_topics_data), rack_id)| {
            FetchRequest {
                cluster_id,
                replica_id: ints[0],
                replica_state: fetch_request::ReplicaState { replica_id: ints[1], replica_epoch },
                max_wait_ms: ints[2],
                min_bytes: ints[3],
                max_bytes: ints[4],
                isolation_level,
                session_id: ints[5],
                session_epoch: ints[6],
                topics,
                forgotten_topics_data,
                rack_id,
            }
        },
    )
}

/// The bytes of the request in that version, and the request as that version carries it.
fn carried_fetch(mut request: FetchRequest<'static>, version: i16) -> (Vec<u8>, FetchRequest<'static>) {
    if version < 15 {
        request.replica_state = Default::default();
    } else {
        request.replica_id = -1;
    }
    for topic in &mut request.topics {
        for partition in topic.partitions.iter_mut().filter(|_| version < 12) {
            partition.last_fetched_epoch = -1;
        }
    }
    if version < 7 {
        request.forgotten_topics_data.clear();
    }
    let bytes = encoded(&request, version);
    let carried = FetchRequest::decode(&mut Reader::new(&bytes), version).unwrap().into_owned();
    (bytes, carried)
}

fn topic_key<'a>(name: &'a str, id: Uuid, version: i16) -> TopicKey<'a> {
    if version >= 13 { TopicKey::Id(id) } else { TopicKey::Name(name) }
}

fn assert_produce_view(request: &ProduceRequest<'_>, body: &[u8], version: i16) {
    let mut seen = Vec::new();
    let view = ProduceView::parse(body, version, |part| seen.push(part)).unwrap();
    assert_eq!(view.transactional_id, request.transactional_id.as_deref());
    assert_eq!((view.acks, view.timeout_ms), (request.acks, request.timeout_ms));
    let mut seen = seen.into_iter();
    for topic in &request.topic_data {
        let Some(ProducePart::Topic(begun)) = seen.next() else { panic!("a topic comes first") };
        assert_eq!(begun.key, topic_key(&topic.name, topic.topic_id, version));
        assert_eq!(body[begun.name_at], *if version >= 13 { "" } else { &topic.name }.as_bytes());
        assert_eq!(begun.partition_count, topic.partition_data.len());
        for partition in &topic.partition_data {
            let Some(ProducePart::Partition(found)) = seen.next() else { panic!("its partitions follow") };
            assert_eq!(found.index, partition.index);
            assert_eq!(found.records.map(|place| &body[place]), partition.records.as_deref());
        }
    }
    assert_eq!(seen.next(), None);
}

fn assert_fetch_view(request: &FetchRequest<'_>, body: &[u8], version: i16) {
    let view = FetchView::parse(body, version).unwrap();
    let replica = if version >= 15 {
        request.replica_state.clone()
    } else {
        fetch_request::ReplicaState { replica_id: request.replica_id, replica_epoch: -1 }
    };
    assert_eq!(view.replica, replica);
    assert_eq!(view.cluster_id, request.cluster_id.as_deref());
    assert_eq!((view.max_wait_ms, view.min_bytes), (request.max_wait_ms, request.min_bytes));
    assert_eq!((view.max_bytes, view.isolation_level), (request.max_bytes, request.isolation_level));
    assert_eq!((view.session_id, view.session_epoch), (request.session_id, request.session_epoch));
    assert_eq!(view.rack_id, request.rack_id);
    assert_eq!(view.topics().count(), request.topics.len());
    for (seen, topic) in view.topics().zip(&request.topics) {
        assert_eq!(seen.topic, topic_key(&topic.topic, topic.topic_id, version));
        let partitions: Vec<_> = seen.partitions().map(as_generated).collect();
        assert_eq!(partitions, topic.partitions);
    }
    assert_eq!(view.forgotten_topics().count(), request.forgotten_topics_data.len());
    for (seen, topic) in view.forgotten_topics().zip(&request.forgotten_topics_data) {
        assert_eq!(seen.topic, topic_key(&topic.topic, topic.topic_id, version));
        assert_eq!(seen.partitions().collect::<Vec<_>>(), topic.partitions);
    }
}

fn as_generated(partition: protocol::views::FetchPartition) -> fetch_request::FetchPartition {
    fetch_request::FetchPartition {
        partition: partition.partition,
        current_leader_epoch: partition.current_leader_epoch,
        fetch_offset: partition.fetch_offset,
        last_fetched_epoch: partition.last_fetched_epoch,
        log_start_offset: partition.log_start_offset,
        partition_max_bytes: partition.partition_max_bytes,
        replica_directory_id: partition.replica_directory_id,
        high_watermark: partition.high_watermark,
    }
}

proptest! {
    #[test]
    fn a_produce_view_shows_what_the_generated_type_encoded(request in produce_request(), version in 3i16..=13) {
        let body = encoded(&request, version);
        assert_produce_view(&request, &body, version);
    }

    #[test]
    fn a_fetch_view_shows_what_the_generated_type_encoded(request in fetch_request(), version in 4i16..=18) {
        let (body, carried) = carried_fetch(request, version);
        assert_fetch_view(&carried, &body, version);
    }
}

#[test]
fn views_show_kafkas_own_requests() {
    let mut seen = 0;
    for golden in golden::all() {
        let mut reader = Reader::new(&golden.bytes);
        match golden.message {
            "ProduceRequest" => {
                let request = ProduceRequest::decode(&mut reader, golden.version).unwrap();
                assert_produce_view(&request, &golden.bytes, golden.version);
            }
            "FetchRequest" => {
                let request = FetchRequest::decode(&mut reader, golden.version).unwrap();
                assert_fetch_view(&request, &golden.bytes, golden.version);
            }
            _ => continue,
        }
        seen += 1;
    }
    assert_eq!(seen, 11 * 3 + 1 + 15 * 3 + 1);
}

/// Writes the response with the writer; records are taken out and returned with their cuts.
fn write_fetch(
    response: &FetchResponse<'_>,
    version: i16,
) -> Result<(Vec<u8>, Vec<Cut>, usize), EncodeError> {
    let (mut writer, mut cuts) = (Writer::from(b"before".to_vec()), Vec::new());
    let head = FetchResponseHead {
        throttle_time_ms: response.throttle_time_ms,
        error_code: response.error_code,
        session_id: response.session_id,
    };
    let mut body =
        FetchResponseWriter::begin(&mut writer, &mut cuts, version, head, response.responses.len())?;
    for topic in &response.responses {
        body.topic(topic_key(&topic.topic, topic.topic_id, version), topic.partitions.len())?;
        for partition in &topic.partitions {
            body.partition(partition, partition.records.as_ref().map(|records| records.len()))?;
        }
    }
    let records_length = body.finish(&response.node_endpoints)?;
    Ok((writer.into_vec(), cuts, records_length))
}

/// Puts the record bytes in at the cuts, as a transport would.
fn interleave(response: &FetchResponse<'_>, buffer: &[u8], cuts: &[Cut]) -> Vec<u8> {
    let partitions = response.responses.iter().flat_map(|topic| &topic.partitions);
    let records =
        partitions.filter_map(|partition| partition.records.as_deref()).filter(|one| !one.is_empty());
    let (mut sent, mut from) = (Vec::new(), 0);
    for (cut, records) in cuts.iter().zip(records) {
        assert_eq!(cut.length, records.len());
        sent.extend_from_slice(&buffer[from..cut.position]);
        sent.extend_from_slice(records);
        from = cut.position;
    }
    sent.extend_from_slice(&buffer[from..]);
    sent
}

fn fetch_response() -> impl Strategy<Value = FetchResponse<'static>> {
    let aborted = (any::<i64>(), any::<i64>()).prop_map(|(producer_id, first_offset)| {
        fetch_response::AbortedTransaction { producer_id, first_offset }
    });
    let epochs =
        (option::of(any::<(i32, i64)>()), option::of(any::<(i32, i32)>()), option::of(any::<(i64, i32)>()));
    let partition = (
        (any::<[i32; 2]>(), error_code(), any::<[i64; 3]>()),
        epochs,
        option::of(vec(aborted, 0..3)),
        option::of(bytes()),
    );
    let partition =
        partition.prop_map(|((ints, error_code, longs), epochs, aborted_transactions, records)| {
            let (diverging, leader, snapshot) = epochs;
            fetch_response::PartitionData {
                partition_index: ints[0],
                error_code,
                high_watermark: longs[0],
                last_stable_offset: longs[1],
                log_start_offset: longs[2],
                diverging_epoch: diverging
                    .map(|(epoch, end_offset)| fetch_response::EpochEndOffset { epoch, end_offset })
                    .unwrap_or_default(),
                current_leader: leader
                    .map(|(leader_id, leader_epoch)| fetch_response::LeaderIdAndEpoch {
                        leader_id,
                        leader_epoch,
                    })
                    .unwrap_or_default(),
                snapshot_id: snapshot
                    .map(|(end_offset, epoch)| fetch_response::SnapshotId { end_offset, epoch })
                    .unwrap_or_default(),
                aborted_transactions,
                preferred_read_replica: ints[1],
                records,
            }
        });
    let topic = (text(), uuid(), vec(partition, 0..3)).prop_map(|(topic, topic_id, partitions)| {
        fetch_response::FetchableTopicResponse { topic, topic_id, partitions }
    });
    let endpoint = (any::<i32>(), text(), any::<i32>(), option::of(text()))
        .prop_map(|(node_id, host, port, rack)| fetch_response::NodeEndpoint { node_id, host, port, rack });
    (any::<(i32, i32)>(), error_code(), vec(topic, 0..3), vec(endpoint, 0..3)).prop_map(
        |((throttle_time_ms, session_id), error_code, responses, node_endpoints)| FetchResponse {
            throttle_time_ms,
            error_code,
            session_id,
            responses,
            node_endpoints,
        },
    )
}

/// Takes out what the version cannot carry.
fn carried_fetch_response(mut response: FetchResponse<'static>, version: i16) -> FetchResponse<'static> {
    if version < 7 {
        response.session_id = 0;
    }
    if version < 16 {
        response.node_endpoints.clear();
    }
    for partition in response.responses.iter_mut().flat_map(|topic| &mut topic.partitions) {
        if version < 11 {
            partition.preferred_read_replica = -1;
        }
        if version < 12 {
            partition.diverging_epoch = Default::default();
            partition.current_leader = Default::default();
            partition.snapshot_id = Default::default();
        }
    }
    response
}

proptest! {
    #[test]
    fn the_fetch_writer_and_its_cuts_give_the_generated_bytes(response in fetch_response(), version in 4i16..=18) {
        let response = carried_fetch_response(response, version);
        let (buffer, cuts, records_length) = write_fetch(&response, version).unwrap();
        let expected = [b"before".to_vec(), encoded(&response, version)].concat();
        assert_eq!(interleave(&response, &buffer, &cuts), expected);
        assert_eq!(records_length, cuts.iter().map(|cut| cut.length).sum::<usize>());
        assert_eq!(buffer.len() + records_length, expected.len());
    }

    #[test]
    fn the_fetch_writer_refuses_what_the_generated_type_refuses(response in fetch_response(), version in 4i16..=18) {
        let refused = response.encode(&mut Writer::new(), version).is_err();
        assert_eq!(write_fetch(&response, version).is_err(), refused);
    }

    #[test]
    fn the_produce_writer_gives_the_generated_bytes(response in produce_response(), version in 3i16..=13) {
        let response = carried_produce_response(response, version);
        assert_eq!(write_produce(&response, version).unwrap(), encoded(&response, version));
    }

    #[test]
    fn the_produce_writer_refuses_what_the_generated_type_refuses(response in produce_response(), version in 3i16..=13) {
        let refused = response.encode(&mut Writer::new(), version).is_err();
        assert_eq!(write_produce(&response, version).is_err(), refused);
    }
}

fn write_produce(response: &ProduceResponse<'_>, version: i16) -> Result<Vec<u8>, EncodeError> {
    let mut writer = Writer::new();
    let mut body = ProduceResponseWriter::begin(&mut writer, version, response.responses.len())?;
    for topic in &response.responses {
        body.topic(topic_key(&topic.name, topic.topic_id, version), topic.partition_responses.len())?;
        topic.partition_responses.iter().try_for_each(|partition| body.partition(partition))?;
    }
    body.finish(response.throttle_time_ms, &response.node_endpoints)?;
    Ok(writer.into_vec())
}

fn produce_response() -> impl Strategy<Value = ProduceResponse<'static>> {
    let record_error =
        (any::<i32>(), option::of(text())).prop_map(|(batch_index, batch_index_error_message)| {
            produce_response::BatchIndexAndErrorMessage { batch_index, batch_index_error_message }
        });
    let leader = option::of(any::<(i32, i32)>());
    let partition =
        (any::<i32>(), error_code(), any::<[i64; 3]>(), vec(record_error, 0..3), option::of(text()), leader);
    let partition = partition.prop_map(|(index, error_code, longs, record_errors, error_message, leader)| {
        produce_response::PartitionProduceResponse {
            index,
            error_code,
            base_offset: longs[0],
            log_append_time_ms: longs[1],
            log_start_offset: longs[2],
            record_errors,
            error_message,
            current_leader: leader
                .map(|(leader_id, leader_epoch)| produce_response::LeaderIdAndEpoch {
                    leader_id,
                    leader_epoch,
                })
                .unwrap_or_default(),
        }
    });
    let topic = (text(), uuid(), vec(partition, 0..3)).prop_map(|(name, topic_id, partition_responses)| {
        produce_response::TopicProduceResponse { name, topic_id, partition_responses }
    });
    let endpoint = (any::<i32>(), text(), any::<i32>(), option::of(text()))
        .prop_map(|(node_id, host, port, rack)| produce_response::NodeEndpoint { node_id, host, port, rack });
    (vec(topic, 0..3), any::<i32>(), vec(endpoint, 0..3)).prop_map(
        |(responses, throttle_time_ms, node_endpoints)| ProduceResponse {
            responses,
            throttle_time_ms,
            node_endpoints,
        },
    )
}

fn carried_produce_response(
    mut response: ProduceResponse<'static>,
    version: i16,
) -> ProduceResponse<'static> {
    if version < 10 {
        response.node_endpoints.clear();
        let topics = response.responses.iter_mut();
        for partition in topics.flat_map(|topic| &mut topic.partition_responses) {
            partition.current_leader = Default::default();
        }
    }
    response
}

#[test]
fn a_writer_does_not_end_short_of_its_counts_nor_go_beyond_them() {
    let (mut writer, mut cuts) = (Writer::new(), Vec::new());
    let head = FetchResponseHead::default();
    let mut begin = |topics| FetchResponseWriter::begin(&mut writer, &mut cuts, 12, head, topics).map(drop);
    assert_eq!(begin(1), Ok(()));
    let body = FetchResponseWriter::begin(&mut writer, &mut cuts, 12, head, 1).unwrap();
    assert_eq!(body.finish(&[]), Err(EncodeError::CountMismatch { what: "topics", left: 1 }));
    let mut body = FetchResponseWriter::begin(&mut writer, &mut cuts, 12, head, 2).unwrap();
    body.topic(TopicKey::Name("t"), 1).unwrap();
    let early = body.topic(TopicKey::Name("u"), 1);
    assert_eq!(early, Err(EncodeError::CountMismatch { what: "partitions", left: 1 }));
    let partition = fetch_response::PartitionData::default();
    body.partition(&partition, Some(0)).unwrap();
    let beyond = body.partition(&partition, Some(0));
    assert_eq!(beyond, Err(EncodeError::CountMismatch { what: "partitions", left: 0 }));
    assert!(body.topic(TopicKey::Id(Uuid::ONE), 0).is_err(), "version 12 names topics");
}

#[test]
fn the_size_of_a_frame_counts_the_records_that_are_sent_between() {
    let (mut writer, mut cuts) = (Writer::from(vec![9; 3]), Vec::new());
    let place = writer.begin_frame();
    let mut body =
        FetchResponseWriter::begin(&mut writer, &mut cuts, 4, FetchResponseHead::default(), 1).unwrap();
    body.topic(TopicKey::Name("t"), 1).unwrap();
    body.partition(&fetch_response::PartitionData::default(), Some(1000)).unwrap();
    let records_length = body.finish(&[]).unwrap();
    writer.end_frame(place, records_length).unwrap();
    let written = writer.into_vec();
    let size = i32::from_be_bytes(written[3..7].try_into().unwrap());
    assert_eq!(size as usize, written.len() - 7 + 1000);
    assert_eq!(cuts, [Cut { position: written.len(), length: 1000 }]);
}

#[test]
fn the_hot_path_does_not_allocate() {
    let topic = produce_request::TopicProduceData {
        name: "flights".into(),
        partition_data: vec![produce_request::PartitionProduceData {
            index: 3,
            records: Some(vec![1; 300].into()),
        }],
        ..Default::default()
    };
    let request = ProduceRequest { acks: -1, topic_data: vec![topic], ..Default::default() };
    let body = encoded(&request, 12);
    let mut writer = Writer::from(Vec::with_capacity(4096));
    let usage = measure(|| {
        let mut response = ProduceResponseWriter::begin(&mut writer, 12, 1).unwrap();
        ProduceView::parse(&body, 12, |part| match part {
            ProducePart::Topic(topic) => response.topic(topic.key, topic.partition_count).unwrap(),
            ProducePart::Partition(partition) => {
                let answer = produce_response::PartitionProduceResponse {
                    index: partition.index,
                    ..Default::default()
                };
                response.partition(&answer).unwrap();
            }
        })
        .unwrap();
        response.finish(0, &[]).unwrap();
    });
    assert_eq!(usage.count_total, 0);
    assert!(!writer.is_empty());
}
