//! DescribeTopicPartitions 0: pages of partitions.

use protocol::messages::DescribeTopicPartitionsRequest;
use protocol::messages::describe_topic_partitions_request::{Cursor, TopicRequest};

use super::Row;
use super::topics::create;
use crate::session::{Session, Stopped};

/// The cases.
pub const CASES: &[Row] = &[
    ("DescribeTopicPartitions by name", by_name),
    ("DescribeTopicPartitions in pages", pages),
    ("DescribeTopicPartitions of illegal requests", illegal),
    ("DescribeTopicPartitions of all topics", everything),
];

fn request<'a>(names: &[&'a str], limit: i32) -> DescribeTopicPartitionsRequest<'a> {
    let topic = |name: &&'a str| TopicRequest { name: (*name).into() };
    DescribeTopicPartitionsRequest {
        topics: names.iter().map(topic).collect(),
        response_partition_limit: limit,
        cursor: None,
    }
}

fn from<'a>(
    request: DescribeTopicPartitionsRequest<'a>,
    topic: &'a str,
    index: i32,
) -> DescribeTopicPartitionsRequest<'a> {
    let cursor = Cursor { topic_name: topic.into(), partition_index: index };
    DescribeTopicPartitionsRequest { cursor: Some(cursor), ..request }
}

fn by_name(session: &mut Session) -> Result<(), Stopped> {
    create(session, "pages-b", 2, &[])?;
    create(session, "pages-a", 3, &[])?;
    for names in [
        &["pages-b", "pages-a"][..],
        &["pages-a", "pages-a"],
        &["pages-unknown", "pages-a"],
        &["a b"],
        &[""],
        &["."],
        &["__consumer_offsets_"],
    ] {
        session.note(format!("{names:?}"));
        session.ask(0, &request(names, 2_000))?;
    }
    Ok(())
}

fn pages(session: &mut Session) -> Result<(), Stopped> {
    create(session, "pages-one", 3, &[])?;
    create(session, "pages-two", 3, &[])?;
    let names = ["pages-one", "pages-two", "pages-unknown"];
    for limit in [1, 2, 3, 4, 6, 7, 0, -1] {
        session.note(format!("limit {limit}"));
        session.ask_or_close(0, &request(&names, limit))?;
    }
    for (topic, index) in [
        ("pages-one", 2),
        ("pages-one", 3),
        ("pages-one", 9),
        ("pages-two", 0),
        ("pages-oneone", 5),
        ("zzz", 0),
        ("", 0),
    ] {
        session.note(format!("from {topic} {index}"));
        session.ask_or_close(0, &from(request(&names, 2), topic, index))?;
    }
    Ok(())
}

fn illegal(session: &mut Session) -> Result<(), Stopped> {
    create(session, "pages-illegal", 1, &[])?;
    session.note("negative partition");
    session.ask_or_close(0, &from(request(&["pages-illegal"], 5), "pages-illegal", -1))?;
    session.note("cursor of a topic that is not asked for");
    session.ask_or_close(0, &from(request(&["pages-illegal"], 5), "other", 3))
}

/// Both servers have the same topics, by the cases before.
fn everything(session: &mut Session) -> Result<(), Stopped> {
    session.note("the first");
    session.ask(0, &request(&[], 5))?;
    for topic in ["pages-", "pages-one", "zzz"] {
        session.note(format!("from {topic}"));
        session.ask_or_close(0, &from(request(&[], 4), topic, 0))?;
    }
    Ok(())
}
