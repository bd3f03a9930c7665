//! Files in JSON that name partitions: `{"partitions": [{"topic": "foo", "partition": 1}]}`.

use std::collections::{BTreeMap, BTreeSet};

use client::admin::TopicPartition;
use serde_json::Value;

use crate::failure::Failure;

/// The partitions of a list, each with all that is said of it, and the names of those that are there more than once.
pub(crate) struct Named<'j> {
    pub(crate) partitions: BTreeMap<TopicPartition, &'j Value>,
    pub(crate) twice: BTreeSet<String>,
}

/// The failure of a file that cannot be followed.
pub(crate) fn unusable(sentence: impl Into<String>) -> Failure {
    Failure::of_class("org.apache.kafka.tools.AdminOperationException", sentence)
}

/// Takes a list of partitions apart; `needs` says what one has to have.
pub(crate) fn named<'j>(list: &'j [Value], needs: &str) -> Result<Named<'j>, Failure> {
    let mut named = Named { partitions: BTreeMap::new(), twice: BTreeSet::new() };
    for one in list {
        let topic = one.get("topic").and_then(Value::as_str);
        let number =
            one.get("partition").and_then(Value::as_i64).and_then(|number| i32::try_from(number).ok());
        let (Some(topic), Some(number)) = (topic, number) else { return Err(incomplete(one, needs)) };
        if named.partitions.insert((topic.to_owned(), number), one).is_some() {
            named.twice.insert(format!("{topic}-{number}"));
        }
    }
    Ok(named)
}

/// The failure of a partition of which not all is said that is needed.
pub(crate) fn incomplete(one: &Value, needs: &str) -> Failure {
    unusable(format!("A partition needs {needs}, but there is {one}"))
}
