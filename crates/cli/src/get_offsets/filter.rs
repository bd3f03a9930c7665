//! Which partitions a line of `kafka-get-offsets` means.

use regex::Regex;

use crate::admin_tool::refused;
use crate::failure::Failure;
use crate::options::Given;
use crate::topics::include_list;

/// Partitions of which any rule speaks.
#[derive(Debug)]
pub(super) struct Filter {
    rules: Vec<Rule>,
}

#[derive(Debug)]
struct Rule {
    topics: Regex,
    partitions: Partitions,
}

#[derive(Debug)]
enum Partitions {
    All,
    Listed(Vec<i32>),
    /// From the first number up to, but not with, the second one.
    Range(i32, i32),
}

impl Filter {
    /// What `--topic`, `--partitions` and `--topic-partitions` say.
    pub(super) fn of(given: &Given) -> Result<Filter, Failure> {
        if let Some(rules) = given.value("topic-partitions").map_err(refused)? {
            let rules = rules.split(',').map(Rule::parse).collect::<Result<_, _>>()?;
            return Ok(Filter { rules });
        }
        let topics = include_list(given.value("topic").map_err(refused)?.unwrap_or(".*"))?;
        let partitions = match given.value("partitions").map_err(refused)?.filter(|text| !text.is_empty()) {
            None => Partitions::All,
            Some(text) => {
                let numbers = text.split(',').map(str::parse).collect::<Result<_, _>>();
                Partitions::Listed(numbers.map_err(|_| {
                    Failure::argument(format!("--partitions expects a comma separated list of numeric partition ids, but received: {text}"))
                })?)
            }
        };
        Ok(Filter { rules: vec![Rule { topics, partitions }] })
    }

    /// True where a partition of the topic may be meant.
    pub(super) fn has_topic(&self, topic: &str) -> bool {
        self.rules.iter().any(|rule| rule.topics.is_match(topic))
    }

    /// True where the partition is meant.
    pub(super) fn has(&self, topic: &str, partition: i32) -> bool {
        self.rules.iter().any(|rule| rule.topics.is_match(topic) && rule.partitions.has(partition))
    }
}

impl Rule {
    /// Reads `topic`, `topic:1`, `topic:1-3`, `topic:1-`, `topic:-3` or any of them without the topic.
    fn parse(text: &str) -> Result<Rule, Failure> {
        let invalid = || {
            Failure::of_class(
                "java.lang.RuntimeException",
                format!("org.apache.kafka.tools.TerseException: Invalid rule specification: {text}"),
            )
        };
        let (topic, partitions) = match text.split_once(':') {
            Some((topic, partitions)) => (topic, Some(partitions)),
            None => (text, None),
        };
        let number = |text: &str, default: i32| {
            if text.is_empty() { Ok(default) } else { text.parse().map_err(|_| invalid()) }
        };
        let partitions = match partitions.map(|text| (text, text.split_once('-'))) {
            None | Some(("", _)) => Partitions::All,
            Some((_, Some((from, to)))) => Partitions::Range(number(from, 0)?, number(to, i32::MAX)?),
            Some((text, None)) => Partitions::Listed(vec![number(text, 0)?]),
        };
        Ok(Rule { topics: include_list(if topic.is_empty() { ".*" } else { topic })?, partitions })
    }
}

impl Partitions {
    fn has(&self, partition: i32) -> bool {
        match self {
            Partitions::All => true,
            Partitions::Listed(numbers) => numbers.contains(&partition),
            Partitions::Range(from, to) => (*from..*to).contains(&partition),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_name_topics_partitions_and_ranges() {
        let has = |rule: &str, topic: &str, partition| {
            let filter = Filter { rules: vec![Rule::parse(rule).unwrap()] };
            filter.has(topic, partition)
        };
        assert!(has("a", "a", 7) && !has("a", "b", 7) && has(":3", "any", 3) && !has(":3", "any", 4));
        assert!(has("a.*:1-3", "ab", 1) && has("a.*:1-3", "ab", 2) && !has("a.*:1-3", "ab", 3));
        assert!(has("a:2-", "a", 99) && !has("a:2-", "a", 1) && has("a:-2", "a", 1) && !has("a:-2", "a", 2));
        assert!(Rule::parse("a:x").is_err());
    }
}
