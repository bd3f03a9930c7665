//! Topic names: which are legal, which collide in metric names, which belong to the broker.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

use crate::limits::TOPIC_NAME_LENGTH_MAX;

/// A legal topic name, cheap to clone.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TopicName(Arc<str>);

/// Why a text is not a topic name. `Display` gives Kafka's sentence, which scripts match on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InvalidTopicName {
    /// No characters at all.
    Empty,
    /// `.` or `..`, which would leave the log directory.
    Dots,
    /// Longer than 249 characters, so that folder names could exceed the file system's limit.
    TooLong(String),
    /// A character outside letters, digits, dot, underscore and hyphen.
    IllegalCharacter(String),
}

impl TopicName {
    /// The topic that holds the cluster's metadata records.
    pub const CLUSTER_METADATA: &'static str = "__cluster_metadata";
    /// The topic that holds committed offsets and group metadata.
    pub const CONSUMER_OFFSETS: &'static str = "__consumer_offsets";
    /// The topic that holds the state of transactions.
    pub const TRANSACTION_STATE: &'static str = "__transaction_state";
    /// The topic that holds the state of share groups.
    pub const SHARE_GROUP_STATE: &'static str = "__share_group_state";

    /// Checks `name` by Kafka's rules.
    pub fn new(name: &str) -> Result<TopicName, InvalidTopicName> {
        if name.is_empty() {
            return Err(InvalidTopicName::Empty);
        }
        if name == "." || name == ".." {
            return Err(InvalidTopicName::Dots);
        }
        if name.len() > TOPIC_NAME_LENGTH_MAX {
            return Err(InvalidTopicName::TooLong(name.to_owned()));
        }
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
        if !name.bytes().all(legal) {
            return Err(InvalidTopicName::IllegalCharacter(name.to_owned()));
        }
        Ok(TopicName(name.into()))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// True for the topics a broker creates for itself and hides from plain listings.
    pub fn is_internal(name: &str) -> bool {
        matches!(name, Self::CONSUMER_OFFSETS | Self::TRANSACTION_STATE | Self::SHARE_GROUP_STATE)
    }

    /// True where `name` could collide with another topic in metric names, in which `.` turns into `_`.
    pub fn has_collision_characters(name: &str) -> bool {
        name.contains(['.', '_'])
    }

    /// True where both names give the same metric name: equal once `.` is read as `_`.
    pub fn collide(one: &str, other: &str) -> bool {
        let folded = |byte: u8| if byte == b'.' { b'_' } else { byte };
        one.bytes().map(folded).eq(other.bytes().map(folded))
    }
}

impl fmt::Display for InvalidTopicName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("Topic name is invalid: the empty string is not allowed"),
            Self::Dots => f.write_str("Topic name is invalid: '.' or '..' is not allowed"),
            Self::TooLong(name) => write!(
                f,
                "Topic name is invalid: the length of '{name}' is longer than the max allowed length {TOPIC_NAME_LENGTH_MAX}"
            ),
            Self::IllegalCharacter(name) => write!(
                f,
                "Topic name is invalid: '{name}' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'"
            ),
        }
    }
}

impl std::error::Error for InvalidTopicName {}

impl fmt::Debug for TopicName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for TopicName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Borrow<str> for TopicName {
    fn borrow(&self) -> &str {
        self.as_str()
    }
}

impl AsRef<str> for TopicName {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn legal_names_are_kafkas() {
        let longest = "a".repeat(249);
        for name in ["a", "A-b_c.9", "...", "__consumer_offsets", &longest] {
            assert_eq!(TopicName::new(name).unwrap().as_str(), name);
        }
    }

    #[test]
    fn illegal_names_say_why() {
        let too_long = "a".repeat(250);
        let cases = [
            ("", "the empty string is not allowed"),
            (".", "'.' or '..' is not allowed"),
            ("..", "'.' or '..' is not allowed"),
            ("a b", "'a b' contains one or more characters other than"),
            ("나루", "'나루' contains one or more characters other than"),
            (&too_long, "is longer than the max allowed length 249"),
        ];
        for (name, reason) in cases {
            let message = TopicName::new(name).unwrap_err().to_string();
            assert!(message.contains(reason), "{name}: {message}");
        }
    }

    #[test]
    fn collisions_ignore_the_kind_of_separator() {
        assert!(TopicName::collide("a.b_c", "a_b.c"));
        assert!(!TopicName::collide("a.b", "a-b"));
        assert!(TopicName::has_collision_characters("a.b"));
        assert!(!TopicName::has_collision_characters("ab"));
    }
}
