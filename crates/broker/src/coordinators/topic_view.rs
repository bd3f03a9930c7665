//! The cluster's topics as groups see them.

use std::sync::Arc;

use coordinator::{Resolution, ResolveRegexes, Topic, TopicView};
use metadata::Image;
use metadata::image::Topic as AgreedTopic;
use model::Uuid;
use regex::{Regex, RegexBuilder};

/// Most bytes that a compiled regular expression may take.
const REGEX_SIZE_MAX: usize = 1 << 20;

/// The topics of an image.
#[derive(Debug, Clone)]
pub struct ImageTopics(pub Arc<Image>);

impl TopicView for ImageTopics {
    fn by_name(&self, name: &str) -> Option<Topic<'_>> {
        self.0.topics.get(name).map(|topic| shown(topic))
    }

    fn by_id(&self, id: Uuid) -> Option<Topic<'_>> {
        self.0.topics.get_by_id(id).map(|topic| shown(topic))
    }

    fn racks(&self, id: Uuid, partition: i32) -> Vec<&str> {
        let partition = self.0.topics.get_by_id(id).and_then(|topic| topic.partition(partition));
        let replicas = partition.map(|partition| partition.replicas.as_slice()).unwrap_or_default();
        replicas.iter().filter_map(|id| self.0.brokers.get(id)?.rack.as_deref()).collect()
    }

    fn check_regex(&self, regex: &str) -> Result<(), String> {
        compiled(regex).map(drop)
    }
}

impl ImageTopics {
    /// The topics that each of the expressions matches as a whole; `None` where one is none.
    pub fn resolve(&self, asked: &ResolveRegexes, now_ms: i64) -> Option<Resolution> {
        let mut found = Vec::with_capacity(asked.regexes.len());
        for regex in &asked.regexes {
            let compiled = compiled(regex).ok()?;
            let names = self.0.topics.iter().filter(|topic| compiled.is_match(&topic.name));
            found.push((regex.clone(), names.map(|topic| topic.name.to_string()).collect()));
        }
        Some(Resolution { found, version: self.0.applied_offset, at_ms: now_ms })
    }
}

/// Kafka's expressions are those of RE2, whose syntax is almost that of `regex`: neither looks back or ahead.
fn compiled(regex: &str) -> Result<Regex, String> {
    let build = |regex: &str| RegexBuilder::new(regex).size_limit(REGEX_SIZE_MAX).build();
    // Alone first, so that no parenthesis of its own closes ours.
    let built = build(regex).and_then(|_| build(&format!("^(?:{regex})$")));
    // The lines before the last draw a picture of the place.
    let told = |text: &str| text.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
    built.map_err(|error| told(&error.to_string()))
}

fn shown(topic: &AgreedTopic) -> Topic<'_> {
    Topic { id: topic.id, name: &topic.name, partitions: topic.partition_count() }
}
