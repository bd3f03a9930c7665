//! Files that say which topics are to be moved, or where partitions are to be.

use std::collections::{BTreeMap, BTreeSet};

use client::admin::TopicPartition;
use serde_json::{Value, json};

use super::{LogDirs, Replicas, all_shown, joined, shown};
use crate::failure::Failure;
use crate::partitions_file::unusable;

/// A log directory that is not chosen.
const ANY: &str = "any";

/// Where partitions are to be.
pub(super) struct Plan {
    /// In the order of the file, which may name a partition twice.
    pub(super) partitions: Vec<(TopicPartition, Vec<i32>)>,
    /// The log directories that are chosen, by broker and partition.
    pub(super) log_dirs: BTreeMap<(i32, TopicPartition), String>,
}

impl Plan {
    /// Reads a file.
    pub(super) fn parse(text: &str) -> Result<Plan, Failure> {
        let json: Value = serde_json::from_str(text).map_err(|error| unusable(error.to_string()))?;
        check_version(&json)?;
        let mut plan = Plan { partitions: Vec::new(), log_dirs: BTreeMap::new() };
        for one in json.get("partitions").and_then(Value::as_array).into_iter().flatten() {
            let (partition, replicas, log_dirs) = entry(one)?;
            if replicas.len() != log_dirs.len() {
                let (replicas, dirs) = (joined(&replicas).replace(',', ", "), log_dirs.join(", "));
                let partition = shown(&partition);
                return Err(Failure::command_failed(format!(
                    "Size of replicas list [{replicas}] is different from size of log dirs list [{dirs}] for partition {partition}"
                )));
            }
            for (broker, log_dir) in replicas.iter().zip(log_dirs) {
                if log_dir != ANY {
                    plan.log_dirs.insert((*broker, partition.clone()), log_dir);
                }
            }
            plan.partitions.push((partition, replicas));
        }
        Ok(plan)
    }

    /// Refuses plans that cannot be followed.
    pub(super) fn check(&self) -> Result<Replicas, Failure> {
        if self.partitions.is_empty() {
            return Err(Failure::command_failed("Partition reassignment list cannot be empty"));
        }
        if self.partitions.iter().any(|(_, replicas)| replicas.is_empty()) {
            return Err(Failure::command_failed("Partition replica list cannot be empty"));
        }
        let twice = duplicates(self.partitions.iter().map(|(partition, _)| partition.clone()));
        if !twice.is_empty() {
            return Err(Failure::command_failed(format!(
                "Partition reassignment contains duplicate topic partitions: {}",
                all_shown(twice.iter())
            )));
        }
        let repeated: Vec<String> = self
            .partitions
            .iter()
            .map(|(partition, replicas)| (partition, duplicates(replicas.iter().copied())))
            .filter(|(_, twice)| !twice.is_empty())
            .map(|(partition, twice)| {
                let ids: Vec<i32> = twice.into_iter().collect();
                format!("{} contains multiple entries for {}", shown(partition), joined(&ids))
            })
            .collect();
        if repeated.is_empty() {
            return Ok(self.partitions.iter().cloned().collect());
        }
        let repeated = repeated.join(". ");
        Err(Failure::command_failed(format!(
            "Partition replica lists may not contain duplicate entries: {repeated}"
        )))
    }
}

fn entry(one: &Value) -> Result<(TopicPartition, Vec<i32>, Vec<String>), Failure> {
    let number = |value: &Value| value.as_i64().and_then(|number| i32::try_from(number).ok());
    let list = |value: &Value| value.as_array().and_then(|all| all.iter().map(number).collect::<Option<_>>());
    let texts = |value: &Value| {
        let all = value.as_array()?.iter().map(|one| one.as_str().map(str::to_owned));
        all.collect::<Option<Vec<String>>>()
    };
    let topic = one.get("topic").and_then(Value::as_str);
    let partition = one.get("partition").and_then(number);
    let replicas: Option<Vec<i32>> = one.get("replicas").and_then(list);
    let (Some(topic), Some(partition), Some(replicas)) = (topic, partition, replicas) else {
        return Err(crate::partitions_file::incomplete(one, "topic, partition and replicas"));
    };
    let log_dirs = match one.get("log_dirs") {
        None => vec![ANY.to_owned(); replicas.len()],
        Some(value) => texts(value).ok_or_else(|| unusable(format!("{value} is no list of directories")))?,
    };
    Ok(((topic.to_owned(), partition), replicas, log_dirs))
}

/// The topics that a file names.
pub(super) fn topics(text: &str) -> Result<Vec<String>, Failure> {
    let json: Value =
        serde_json::from_str(text).map_err(|_| unusable("The input string is not a valid JSON"))?;
    check_version(&json)?;
    let topics = json.get("topics").and_then(Value::as_array).into_iter().flatten();
    let names = topics.map(|one| {
        let name = one.get("topic").and_then(Value::as_str);
        name.map(str::to_owned).ok_or_else(|| unusable(format!("A topic needs topic, but there is {one}")))
    });
    let names = names.collect::<Result<Vec<String>, Failure>>()?;
    let twice: Vec<String> = duplicates(names.iter().cloned()).into_iter().collect();
    if twice.is_empty() {
        return Ok(names);
    }
    let twice = twice.join(", ");
    Err(Failure::command_failed(format!("List of topics to reassign contains duplicate entries: [{twice}]")))
}

/// The brokers of a list with commas between.
pub(super) fn brokers(text: &str) -> Result<BTreeSet<i32>, Failure> {
    let ids = text.split(',').map(|id| id.parse::<i32>().map_err(|_| Failure::not_a_number(id)));
    let ids = ids.collect::<Result<Vec<i32>, Failure>>()?;
    let twice: Vec<i32> = duplicates(ids.iter().copied()).into_iter().collect();
    if twice.is_empty() {
        return Ok(ids.into_iter().collect());
    }
    let twice = joined(&twice).replace(',', ", ");
    Err(Failure::command_failed(format!("Broker list contains duplicate entries: [{twice}]")))
}

fn check_version(json: &Value) -> Result<(), Failure> {
    match json.get("version").filter(|version| **version != 1) {
        Some(version) => Err(unusable(format!("Not supported version field value {version}"))),
        None => Ok(()),
    }
}

fn duplicates<T: Ord + Clone>(all: impl Iterator<Item = T>) -> BTreeSet<T> {
    let mut seen = BTreeSet::new();
    all.filter(|one| !seen.insert(one.clone())).collect()
}

/// A file that says where partitions are, with the log directories where they are known.
pub(super) fn written(replicas: &Replicas, log_dirs: &LogDirs) -> String {
    let partitions = replicas.iter().map(|(partition, brokers)| {
        let dirs = brokers.iter().map(|broker| {
            let known = log_dirs.get(&(*broker, partition.clone())).and_then(|(current, _)| current.clone());
            json!(known.unwrap_or_else(|| ANY.to_owned())).to_string()
        });
        let dirs = dirs.collect::<Vec<_>>().join(",");
        let (topic, number) = partition;
        let (topic, brokers) = (json!(topic), joined(brokers));
        format!("{{\"topic\":{topic},\"partition\":{number},\"replicas\":[{brokers}],\"log_dirs\":[{dirs}]}}")
    });
    let partitions = partitions.collect::<Vec<_>>().join(",");
    format!("{{\"version\":1,\"partitions\":[{partitions}]}}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_is_read_as_it_is_written() {
        let replicas = Replicas::from([(("a".to_owned(), 0), vec![1, 2]), (("b".to_owned(), 3), vec![2])]);
        let mut log_dirs = LogDirs::new();
        log_dirs.insert((2, ("a".to_owned(), 0)), (Some("/data".to_owned()), None));
        let text = written(&replicas, &log_dirs);
        let plan = Plan::parse(&text).unwrap();
        assert_eq!(plan.check(), Ok(replicas));
        assert_eq!(plan.log_dirs, BTreeMap::from([((2, ("a".to_owned(), 0)), "/data".to_owned())]));
    }

    #[test]
    fn plans_that_cannot_be_followed_are_told() {
        let checked = |partitions: &str| {
            let plan = Plan::parse(&format!("{{\"partitions\":[{partitions}]}}"));
            plan.and_then(|plan| plan.check()).unwrap_err().message().to_owned()
        };
        let one = r#"{"topic":"a","partition":0,"replicas":[1]}"#;
        assert_eq!(checked(""), "Partition reassignment list cannot be empty");
        assert_eq!(
            checked(r#"{"topic":"a","partition":0,"replicas":[]}"#),
            "Partition replica list cannot be empty"
        );
        assert_eq!(
            checked(&format!("{one},{one}")),
            "Partition reassignment contains duplicate topic partitions: a-0"
        );
        let twice = r#"{"topic":"a","partition":0,"replicas":[1,1]}"#;
        assert!(checked(twice).ends_with("duplicate entries: a-0 contains multiple entries for 1"));
        assert!(brokers("1,1").unwrap_err().message().ends_with("entries: [1]"));
        assert!(
            topics(r#"{"topics":[{"topic":"a"},{"topic":"a"}]}"#)
                .unwrap_err()
                .message()
                .ends_with("entries: [a]")
        );
    }
}
