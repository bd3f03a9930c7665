//! `kafka-transactions find-hanging`: open transactions that no coordinator will end.

use std::collections::BTreeMap;

use client::Admin;
use client::admin::{ActiveProducer, TopicPartition, TransactionFilter};
use model::ErrorCode;

use super::{Numbers, failed};
use crate::columns::tabbed;
use crate::failure::Failure;

const TIMEOUT_MINUTES: i32 = 15;
const MINUTE_MS: i64 = 60_000;
/// Partitions of one request.
const BATCH: usize = 500;

/// A producer with an open transaction, and the partition it is in.
type Open = (TopicPartition, ActiveProducer);

/// The table of them.
pub(super) async fn find(admin: &Admin, topic: Option<&str>, numbers: &Numbers) -> Result<String, Failure> {
    if topic.is_none() && numbers.broker.is_none() {
        return Err(Failure::terse(
            "The `find-hanging` command requires either --topic or --broker-id to limit the scope of the search",
        ));
    }
    if numbers.partition.is_some() && topic.is_none() {
        return Err(Failure::terse("The --partition argument requires --topic to be provided"));
    }
    let partitions = partitions(admin, topic, numbers).await?;
    let open = open(admin, &partitions, numbers).await?;
    let hanging = if open.is_empty() { open } else { without_coordinated(admin, open).await? };
    let now_ms = crate::now_ms();
    let rows: Vec<_> = hanging
        .iter()
        .map(|((topic, partition), producer)| {
            [
                topic.clone(),
                partition.to_string(),
                producer.id.to_string(),
                producer.epoch.to_string(),
                producer.coordinator_epoch.unwrap_or(-1).to_string(),
                producer.transaction_start.unwrap_or(-1).to_string(),
                producer.last_timestamp.to_string(),
                ((now_ms - producer.last_timestamp) / MINUTE_MS).to_string(),
            ]
        })
        .collect();
    let heading = [
        "Topic",
        "Partition",
        "ProducerId",
        "ProducerEpoch",
        "CoordinatorEpoch",
        "StartOffset",
        "LastTimestamp",
        "Duration(min)",
    ];
    Ok(tabbed(heading, &rows))
}

/// Where to look: one partition, a topic's, or all, of the broker that is named.
async fn partitions(
    admin: &Admin,
    topic: Option<&str>,
    numbers: &Numbers,
) -> Result<Vec<TopicPartition>, Failure> {
    if let (Some(topic), Some(partition)) = (topic, numbers.partition) {
        return Ok(vec![(topic.to_owned(), partition)]);
    }
    let topics = match topic {
        Some(topic) => vec![topic.to_owned()],
        None => {
            let listed =
                admin.list_topics().await.map_err(|error| failed("Failed to list topics", &error))?;
            // The original asks for topics as lists show them: without the cluster's own.
            listed.into_iter().filter(|topic| !topic.is_internal).map(|topic| topic.name).collect()
        }
    };
    let names: Vec<&str> = topics.iter().map(String::as_str).collect();
    let described = admin.describe_topics(&names).await;
    let described =
        described.map_err(|error| failed(&format!("Failed to describe {} topics", names.len()), &error))?;
    let all = described.into_iter().flat_map(|topic| {
        let name = topic.name;
        topic.partitions.into_iter().map(move |partition| (name.clone(), partition))
    });
    let is_there = |replicas: &[i32]| numbers.broker.is_none_or(|broker| replicas.contains(&broker));
    let wanted = all.filter(|(_, partition)| is_there(&partition.replicas));
    Ok(wanted.map(|(topic, partition)| (topic, partition.partition)).collect())
}

/// Transactions that have been open for longer than any may be.
async fn open(admin: &Admin, partitions: &[TopicPartition], numbers: &Numbers) -> Result<Vec<Open>, Failure> {
    let timeout_ms = i64::from(numbers.timeout_minutes.unwrap_or(TIMEOUT_MINUTES)) * MINUTE_MS;
    let now_ms = crate::now_ms();
    let mut open = Vec::new();
    for batch in partitions.chunks(BATCH) {
        let whom = numbers.broker.map_or("Optional.empty".to_owned(), |id| format!("Optional[{id}]"));
        let what = format!("Failed to describe producers for {} partitions on broker {whom}", batch.len());
        let described = admin.describe_producers(batch, numbers.broker).await;
        for (partition, outcome) in described.map_err(|error| failed(&what, &error))? {
            let producers = outcome.map_err(|error| failed(&what, &error))?;
            let is_late = |producer: &ActiveProducer| {
                producer.transaction_start.is_some() && now_ms - producer.last_timestamp > timeout_ms
            };
            open.extend(producers.into_iter().filter(is_late).map(|producer| (partition.clone(), producer)));
        }
    }
    Ok(open)
}

/// Takes out those that a coordinator knows of, and so will end.
async fn without_coordinated(admin: &Admin, open: Vec<Open>) -> Result<Vec<Open>, Failure> {
    let mut producers: Vec<i64> = open.iter().map(|(_, producer)| producer.id).collect();
    producers.sort_unstable();
    producers.dedup();
    let what = format!("Failed to list transactions for {} producers", producers.len());
    let filter = TransactionFilter { producer_ids: producers.clone(), duration_ms_min: -1, id_pattern: None };
    let listed = admin.list_transactions(&filter).await.map_err(|error| failed(&what, &error))?;
    let ids: BTreeMap<i64, String> = listed
        .into_values()
        .flatten()
        .filter(|listing| producers.contains(&listing.producer_id))
        .map(|listing| (listing.producer_id, listing.transactional_id))
        .collect();
    let asked: Vec<&str> = ids.values().map(String::as_str).collect();
    let what = format!("Failed to describe {} transactions", asked.len());
    let described = admin.describe_transactions(&asked).await.map_err(|error| failed(&what, &error))?;
    let mut coordinated: BTreeMap<String, Vec<TopicPartition>> = BTreeMap::new();
    for (id, outcome) in described {
        match outcome {
            Ok(description) => _ = coordinated.insert(id, description.partitions),
            Err(error) if error.code() == Some(ErrorCode::TRANSACTIONAL_ID_NOT_FOUND) => {}
            Err(error) => return Err(failed(&what, &error)),
        }
    }
    let is_coordinated = |(partition, producer): &Open| {
        let partitions = ids.get(&producer.id).and_then(|id| coordinated.get(id));
        partitions.is_some_and(|partitions| partitions.contains(partition))
    };
    Ok(open.into_iter().filter(|one| !is_coordinated(one)).collect())
}
