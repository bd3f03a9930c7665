//! Partitions that a line of `kafka-consumer-groups` means, and where their logs begin and end.

use client::Admin;
use client::admin::{OffsetSpec, TopicDescription, TopicPartition};

use crate::failure::Failure;
use crate::java;

/// Reads `topic:0,1`.
pub(super) fn parse(text: &str) -> Result<Vec<TopicPartition>, Failure> {
    // As Java splits: what is empty at the end does not count.
    let parts: Vec<&str> = text.trim_end_matches(':').split(':').collect();
    let [topic, numbers] = parts[..] else {
        let sentence = format!("Invalid topic arg '{text}', expected topic name and partitions");
        return Err(Failure::argument(sentence));
    };
    let numbers = numbers.trim_end_matches(',').split(',').map(|number| {
        let number = number.parse::<i32>().map_err(|_| {
            Failure::argument(format!("Invalid partition '{number}' specified in topic arg '{text}''"))
        });
        Ok((topic.to_owned(), number?))
    });
    numbers.collect()
}

/// The partitions of `--topic`: those that are named, and all of topics without any.
pub(super) async fn wanted<'t>(
    admin: &Admin,
    topics: impl Iterator<Item = &'t str>,
) -> Result<Vec<TopicPartition>, Failure> {
    let (with, without): (Vec<&str>, Vec<&str>) = topics.partition(|topic| topic.contains(':'));
    let mut partitions = Vec::new();
    for text in with {
        partitions.extend(parse(text)?);
    }
    if !without.is_empty() {
        partitions.extend(admin.describe_topics(&without).await?.iter().flat_map(all_of));
    }
    Ok(partitions)
}

/// Every partition of a topic.
pub(super) fn all_of(topic: &TopicDescription) -> impl Iterator<Item = TopicPartition> {
    topic.partitions.iter().map(|partition| (topic.name.clone(), partition.partition))
}

/// Refuses partitions that do not exist, and those that nobody leads.
pub(super) async fn check(admin: &Admin, partitions: &[TopicPartition]) -> Result<(), Failure> {
    let described = topics_of(admin, partitions).await?;
    let existing: Vec<TopicPartition> = described.iter().flat_map(all_of).collect();
    let missing: Vec<&TopicPartition> =
        partitions.iter().filter(|partition| !existing.contains(partition)).collect();
    if !missing.is_empty() {
        return Err(Failure::of_class(
            "org.apache.kafka.common.errors.UnknownTopicOrPartitionException",
            format!("The partitions \"{}\" do not exist", joined(&missing)),
        ));
    }
    let without = without_leader(admin, partitions).await?;
    if without.is_empty() {
        return Ok(());
    }
    let without: Vec<&TopicPartition> = without.iter().collect();
    Err(Failure::of_class(
        "org.apache.kafka.common.errors.LeaderNotAvailableException",
        format!("The partitions \"{}\" have no leader", joined(&without)),
    ))
}

fn joined(partitions: &[&TopicPartition]) -> String {
    let names: Vec<String> =
        partitions.iter().map(|(topic, partition)| format!("{topic}-{partition}")).collect();
    names.join(",")
}

/// Those of the partitions that nobody leads.
pub(super) async fn without_leader(
    admin: &Admin,
    partitions: &[TopicPartition],
) -> Result<Vec<TopicPartition>, Failure> {
    let described = topics_of(admin, partitions).await?;
    let without = described.iter().flat_map(|topic| {
        let leaderless = topic.partitions.iter().filter(|partition| partition.leader.is_none());
        leaderless.map(|partition| (topic.name.clone(), partition.partition))
    });
    Ok(without.filter(|partition| partitions.contains(partition)).collect())
}

async fn topics_of(admin: &Admin, partitions: &[TopicPartition]) -> Result<Vec<TopicDescription>, Failure> {
    let names: Vec<&str> = partitions.iter().map(|(topic, _)| topic.as_str()).collect();
    admin.describe_topics(&names).await.map_err(|error| Failure::executed(error).at_run_time())
}

/// An offset of each partition, in the order in which the original walks them; the first that cannot be found is the failure
/// of all.
pub(super) async fn listed_offsets(
    admin: &Admin,
    partitions: &[TopicPartition],
    spec: OffsetSpec,
) -> Result<Vec<(TopicPartition, i64)>, Failure> {
    let asked: Vec<(TopicPartition, OffsetSpec)> =
        partitions.iter().map(|partition| (partition.clone(), spec)).collect();
    let found = admin.list_offsets(&asked).await;
    let found = found.map_err(|error| Failure::executed(error).at_run_time())?;
    let mut offsets = Vec::new();
    for (partition, outcome) in found {
        let found = outcome.map_err(|error| Failure::executed(error).at_run_time())?;
        offsets.push((partition, found.offset));
    }
    in_order(&mut offsets);
    Ok(offsets)
}

/// Sorts as the original walks a map of partitions.
pub(super) fn in_order<T>(entries: &mut [(TopicPartition, T)]) {
    java::in_order_of_grown_map(entries, |((topic, partition), _)| {
        java::hash_of_partition(topic, *partition)
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_may_have_numbers_of_partitions() {
        let parsed = |text: &str| parse(text).map_err(|failure| failure.message().to_owned());
        assert_eq!(parsed("orders:0,12"), Ok(vec![("orders".to_owned(), 0), ("orders".to_owned(), 12)]));
        for text in ["orders:", "orders:1:2", ":"] {
            let sentence = format!("Invalid topic arg '{text}', expected topic name and partitions");
            assert_eq!(parsed(text), Err(sentence));
        }
        let sentence = "Invalid partition 'x' specified in topic arg 'orders:x''".to_owned();
        assert_eq!(parsed("orders:x"), Err(sentence));
    }
}
