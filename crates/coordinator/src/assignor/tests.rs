//! What members are given, by script: `testdata/assignors.txt` holds what Kafka 4.3.1 gives to members and topics in the
//! order of their ids.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;

use model::Uuid;
use scripts::Line;

use super::{Assignor, Partitions, Plan, Subscriber};

#[test]
fn members_are_given_what_kafka_gives_them() {
    scripts::run(env!("CARGO_MANIFEST_DIR"), "assignors", assigned);
}

fn id(topic: &str) -> Uuid {
    let mut id = [0; 16];
    id[15] = topic.parse().unwrap();
    Uuid(id)
}

/// An assignor and the sizes of topics, then for each member its id, its topics, its instance and what it had.
fn assigned(input: &str) -> String {
    let input: Vec<&str> = input.lines().filter(|line| !line.starts_with('#')).collect();
    let line = Line::new(input[0]);
    let assignor = Assignor::named(line.word(0)).unwrap();
    let size = |text: &&str| {
        let (topic, partitions) = text.split_once(':').unwrap();
        (id(topic), partitions.parse().unwrap())
    };
    let topics: BTreeMap<Uuid, i32> = line.words[1..].iter().map(size).collect();
    let members: Vec<Line<'_>> = input[1..].iter().map(|text| Line::new(text)).collect();
    let before: Vec<Partitions> = members.iter().map(|member| had(member.text("had"))).collect();
    let ids: Vec<Arc<str>> = members.iter().map(|member| member.word(0).into()).collect();
    let read = |member: &Line<'_>| -> Arc<[Uuid]> {
        member.word(1).split(',').filter(|topic| *topic != "-").map(id).collect()
    };
    let subscribers = members.iter().zip(&before).zip(&ids).map(|((member, before), id)| Subscriber {
        id,
        instance_id: member.text("instance"),
        topics: read(member),
        before: Some(before),
    });
    let is_uniform = members.windows(2).all(|two| two[0].word(1) == two[1].word(1));
    let plan = Plan { members: subscribers.collect(), topics, is_uniform };
    let mut changed: BTreeMap<Arc<str>, Partitions> = assignor.assign(&plan).into_iter().collect();
    let mut shown = String::new();
    for (member, before) in members.iter().zip(&before) {
        let own = changed.remove(member.word(0));
        // Nobody is told what it has already.
        assert_ne!(own.as_ref(), Some(before));
        let own = own.unwrap_or_else(|| before.clone());
        shown.push_str(member.word(0));
        for (topic, indexes) in own {
            let indexes: Vec<String> = indexes.iter().map(ToString::to_string).collect();
            let _ = write!(shown, " {}:{}", topic.0[15], indexes.join(","));
        }
        shown.push('\n');
    }
    shown
}

fn had(text: Option<&str>) -> Partitions {
    let topics = text.into_iter().flat_map(|text| text.split(','));
    let topic = |text: &str| {
        let (topic, indexes) = text.split_once(':').unwrap();
        (id(topic), indexes.split('+').map(|index| index.parse().unwrap()).collect())
    };
    topics.map(topic).collect()
}
