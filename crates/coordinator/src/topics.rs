//! What groups know of the cluster's topics.

use model::Uuid;

/// A topic as the cluster has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Topic<'a> {
    /// Its id.
    pub id: Uuid,
    /// Its name.
    pub name: &'a str,
    /// How many partitions it has.
    pub partitions: i32,
}

/// The cluster's topics as the host sees them while a decision is made.
pub trait TopicView {
    /// The topic of that name.
    fn by_name(&self, name: &str) -> Option<Topic<'_>>;

    /// The topic of that id.
    fn by_id(&self, id: Uuid) -> Option<Topic<'_>>;

    /// The rack of each replica of a partition that has one, in any order.
    fn racks(&self, id: Uuid, partition: i32) -> Vec<&str>;

    /// Refuses what is no regular expression, with what is wrong about it. Expressions are compiled and matched by the
    /// host: that needs all names of the cluster and what the member may see of them.
    fn check_regex(&self, regex: &str) -> Result<(), String>;
}

/// What has become of topics since the host last told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TopicChanges<'a> {
    /// Names of topics that were created, have other partitions, or are gone.
    pub names: &'a [&'a str],
    /// Some of them were created.
    pub has_created: bool,
    /// How far the metadata has come: it only grows.
    pub version: i64,
}
