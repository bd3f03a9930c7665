//! Topics for tests. A topic's id tells in which order it was made; regular expressions are names that may end in `.*`,
//! with `|` between them.

use std::collections::BTreeMap;

use coordinator::{Topic, TopicView};
use model::Uuid;

#[derive(Debug, Default)]
pub struct Topics {
    by_name: BTreeMap<String, (Uuid, i32)>,
    made: u8,
    /// Of every partition.
    pub racks: Vec<String>,
}

impl Topics {
    /// True where the topic is new.
    pub fn put(&mut self, name: &str, partitions: i32) -> bool {
        if let Some(known) = self.by_name.get_mut(name) {
            known.1 = partitions;
            return false;
        }
        self.made += 1;
        let mut id = [0; 16];
        id[15] = self.made;
        self.by_name.insert(name.to_owned(), (Uuid(id), partitions));
        true
    }

    pub fn remove(&mut self, name: &str) {
        self.by_name.remove(name);
    }

    pub fn id(&self, name: &str) -> Uuid {
        self.by_name.get(name).map_or(Uuid::ZERO, |(id, _)| *id)
    }

    /// The name of a topic, or its id where it is gone.
    pub fn name(&self, id: Uuid) -> String {
        let known = self.by_name.iter().find(|(_, (known, _))| *known == id);
        known.map_or_else(|| id.to_string(), |(name, _)| name.clone())
    }

    pub fn matching(&self, regex: &str) -> Vec<String> {
        let matches = |name: &str| {
            regex.split('|').any(|part| match part.strip_suffix(".*") {
                Some(begin) => name.starts_with(begin),
                None => name == part,
            })
        };
        self.by_name.keys().filter(|name| matches(name)).cloned().collect()
    }
}

impl TopicView for Topics {
    fn by_name(&self, name: &str) -> Option<Topic<'_>> {
        let (name, (id, partitions)) = self.by_name.get_key_value(name)?;
        Some(Topic { id: *id, name, partitions: *partitions })
    }

    fn by_id(&self, id: Uuid) -> Option<Topic<'_>> {
        let (name, (id, partitions)) = self.by_name.iter().find(|(_, (known, _))| *known == id)?;
        Some(Topic { id: *id, name, partitions: *partitions })
    }

    fn racks(&self, _: Uuid, _: i32) -> Vec<&str> {
        self.racks.iter().map(String::as_str).collect()
    }

    fn check_regex(&self, regex: &str) -> Result<(), String> {
        if regex.contains('[') { Err("missing closing ]".to_owned()) } else { Ok(()) }
    }
}
