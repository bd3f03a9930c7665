//! The admin client.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use client::admin::{ConfigOperation, ConfigResource, NewPartitions, NewTopic, OffsetSpec, TopicDescription};
use client::{Admin, Error};
use config::{ClientKind, ClientSettings};
use model::ErrorCode;

use crate::{Case, Place, block_on, equal, shown};

/// The cases.
pub const CASES: &[Case] = &[
    ("admin: topics are created, described, grown and deleted", topics),
    ("admin: settings are described and altered", configs),
    ("admin: an error is the server's, with its words", errors),
    ("admin: a server that is not there is told in time", nobody),
    ("admin: topics of many partitions are described in parts", many_partitions),
];

const LONG: Duration = Duration::from_secs(60);

/// A topic with that many partitions and the cluster's defaults otherwise.
pub fn new_topic(name: &str, partitions: i32) -> NewTopic {
    NewTopic {
        name: name.to_owned(),
        partitions: Some(partitions),
        replication_factor: None,
        assignments: BTreeMap::new(),
        configs: BTreeMap::new(),
    }
}

/// The same for records of 1970, which a server would delete for their age.
pub fn lasting_topic(name: &str, partitions: i32) -> NewTopic {
    let configs = BTreeMap::from([("retention.ms".to_owned(), "-1".to_owned())]);
    NewTopic { configs, ..new_topic(name, partitions) }
}

/// What the brokers know of topics that were just created.
pub async fn described(admin: &Admin, names: &[&str]) -> Result<Vec<TopicDescription>, String> {
    heard(async || admin.describe_topics(names).await, |_| true).await
}

/// Asks until the brokers have heard of a change: Kafka's do a moment later than the controller answers.
async fn heard<T>(
    mut ask: impl AsyncFnMut() -> Result<T, Error>,
    has_heard: impl Fn(&T) -> bool,
) -> Result<T, String> {
    let begin = Instant::now();
    loop {
        let told = ask().await;
        let is_known = match &told {
            Ok(told) => has_heard(told),
            Err(error) => error.code() != Some(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION),
        };
        if is_known || begin.elapsed() >= LONG {
            return told.map_err(shown);
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn topics(place: &Place) -> Result<(), String> {
    block_on(async {
        let admin = Admin::connect(&place.servers).map_err(shown)?;
        admin.create_topic(&new_topic("suite-topics", 2), false).await.map_err(shown)?;
        admin.create_topic(&new_topic("suite-only-checked", 2), true).await.map_err(shown)?;
        described(&admin, &["suite-topics"]).await?;
        let listed = admin.list_topics().await.map_err(shown)?;
        let found: Vec<&str> = listed
            .iter()
            .map(|topic| topic.name.as_str())
            .filter(|name| name.starts_with("suite-"))
            .collect();
        equal(found.contains(&"suite-topics"), true, "listed")?;
        equal(found.contains(&"suite-only-checked"), false, "a topic that was only checked is listed")?;
        let new = NewPartitions { topic: "suite-topics".to_owned(), count: 5, assignments: None };
        admin.create_partitions(&new, false).await.map_err(shown)?;
        let has_grown =
            |found: &Vec<TopicDescription>| found.first().is_none_or(|topic| topic.partitions.len() >= 5);
        let found = heard(async || admin.describe_topics(&["suite-topics"]).await, has_grown).await?;
        let topic = found.first().ok_or("nothing is described")?;
        equal(
            topic.partitions.iter().map(|partition| partition.partition).collect(),
            vec![0, 1, 2, 3, 4],
            "partitions",
        )?;
        let brokers = admin.brokers().await.map_err(shown)?;
        equal(
            brokers.nodes.iter().any(|node| Some(node.id) == topic.partitions[0].leader),
            true,
            "the leader is a broker",
        )?;
        let partition = ("suite-topics".to_owned(), 4);
        let offsets = admin.list_offsets(&[(partition.clone(), OffsetSpec::Latest)]).await.map_err(shown)?;
        let offset = offsets.get(&partition).ok_or("no offset")?.as_ref().map_err(shown)?.offset;
        equal(offset, 0, "offset of an empty partition")?;
        admin.delete_topics(&["suite-topics"]).await.map_err(shown)?;
        let gone = admin.delete_topics(&["suite-topics"]).await.unwrap_err();
        equal(gone.code(), Some(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION), "deleted twice")
    })
}

fn configs(place: &Place) -> Result<(), String> {
    block_on(async {
        let admin = Admin::connect(&place.servers).map_err(shown)?;
        admin.create_topic(&new_topic("suite-configs", 1), false).await.map_err(shown)?;
        described(&admin, &["suite-configs"]).await?;
        let topic = ConfigResource::topic("suite-configs");
        let changes = [("retention.ms".to_owned(), ConfigOperation::Set("1000".to_owned()))];
        admin.alter_configs(&topic, &changes, false).await.map_err(shown)?;
        let asked = ["retention.ms", "segment.bytes"];
        let entries = heard(
            async || admin.describe_configs(&topic, Some(&asked)).await,
            |entries| entries.iter().any(|entry| entry.value.as_deref() == Some("1000")),
        )
        .await?;
        let values: BTreeMap<&str, Option<&str>> =
            entries.iter().map(|entry| (entry.name.as_str(), entry.value.as_deref())).collect();
        equal(values.get("retention.ms"), Some(&Some("1000")), "a setting that was set")?;
        equal(values.len(), 2, "settings asked for")?;
        let changes = [("retention.ms".to_owned(), ConfigOperation::Set("x".to_owned()))];
        let refused = admin.alter_configs(&topic, &changes, false).await.unwrap_err();
        equal(refused.code(), Some(ErrorCode::INVALID_CONFIG), "a value that is no number")?;
        admin.delete_topics(&["suite-configs"]).await.map_err(shown)
    })
}

fn errors(place: &Place) -> Result<(), String> {
    block_on(async {
        let admin = Admin::connect(&place.servers).map_err(shown)?;
        admin.create_topic(&new_topic("suite-errors", 1), false).await.map_err(shown)?;
        let again = admin.create_topic(&new_topic("suite-errors", 1), false).await.unwrap_err();
        equal(again.to_string(), "Topic 'suite-errors' already exists.".to_owned(), "the sentence")?;
        equal(
            again.exception(),
            "org.apache.kafka.common.errors.TopicExistsException".to_owned(),
            "the exception",
        )?;
        let unknown = admin.describe_topics(&["suite-nowhere"]).await.unwrap_err();
        equal(unknown.code(), Some(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION), "a topic that is not there")?;
        admin.delete_topics(&["suite-errors"]).await.map_err(shown)
    })
}

fn nobody(_: &Place) -> Result<(), String> {
    block_on(async {
        let written = [
            ("bootstrap.servers", "127.0.0.1:1"),
            ("default.api.timeout.ms", "700"),
            ("request.timeout.ms", "500"),
        ];
        let settings = ClientSettings::read(ClientKind::Admin, written).map_err(shown)?;
        let error = Admin::new(&settings).map_err(shown)?.list_topics().await.unwrap_err();
        equal(
            error.to_string(),
            "Timed out waiting for a node assignment. Call: listTopics".to_owned(),
            "the sentence",
        )
    })
}

/// More than one answer of DescribeTopicPartitions holds.
fn many_partitions(place: &Place) -> Result<(), String> {
    block_on(async {
        let admin = Admin::connect(&place.servers).map_err(shown)?;
        for (topic, count) in [("suite-large", 2500), ("suite-small", 3)] {
            admin.create_topic(&new_topic(topic, count), false).await.map_err(shown)?;
        }
        let found = described(&admin, &["suite-small", "suite-large"]).await?;
        let counts: Vec<usize> = found.iter().map(|topic| topic.partitions.len()).collect();
        equal(counts, vec![2500, 3], "partitions")?;
        let numbers = found
            .first()
            .ok_or("nothing is described")?
            .partitions
            .iter()
            .map(|partition| partition.partition);
        equal(numbers.eq(0..2500), true, "numbers in order")?;
        admin.delete_topics(&["suite-large", "suite-small"]).await.map_err(shown)
    })
}
