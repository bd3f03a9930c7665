//! Topics as producers and consumers need them: how many partitions there are and who leads them.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::{ErrorCode, Uuid};
use protocol::messages::metadata_request::MetadataRequestTopic;
use protocol::messages::metadata_response::MetadataResponseTopic;
use protocol::messages::{MetadataRequest, MetadataResponse};

use crate::cluster::{Cluster, Deadline, Target};
use crate::error::Error;

/// A topic's partitions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TopicView {
    pub(crate) name: Arc<str>,
    pub(crate) id: Uuid,
    /// True for topics that the cluster keeps for itself.
    pub(crate) is_internal: bool,
    /// The leader of each partition, by number.
    pub(crate) leaders: Vec<Leader>,
}

/// Who leads a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Leader {
    /// `None` where nobody does at the moment.
    pub(crate) broker: Option<i32>,
    pub(crate) epoch: i32,
}

/// Topics by name, each with its error where it has one.
pub(crate) type TopicViews = BTreeMap<String, Result<TopicView, Error>>;

impl Cluster {
    /// What the cluster says of some topics now, each with its error where it has one.
    pub(crate) async fn topics(
        &self,
        names: &[&str],
        may_create: bool,
        deadline: Deadline,
    ) -> Result<TopicViews, Error> {
        let named = names
            .iter()
            .map(|name| MetadataRequestTopic { name: Some((*name).into()), ..Default::default() });
        self.views(Some(named.collect()), may_create, deadline).await
    }

    /// What the cluster says of all its topics now.
    pub(crate) async fn all_topics(&self, deadline: Deadline) -> Result<TopicViews, Error> {
        self.views(None, false, deadline).await
    }

    async fn views(
        &self,
        topics: Option<Vec<MetadataRequestTopic<'_>>>,
        may_create: bool,
        deadline: Deadline,
    ) -> Result<TopicViews, Error> {
        let request =
            MetadataRequest { topics, allow_auto_topic_creation: may_create, ..MetadataRequest::default() };
        let read = |metadata: MetadataResponse<'_>| {
            self.learn(&metadata)?;
            let views = metadata.topics.iter().filter_map(|topic| {
                let name = topic.name.as_deref()?.to_owned();
                Some((name, TopicView::of(topic)))
            });
            Ok(views.collect())
        };
        self.ask(deadline, Target::Any, &request, read).await
    }
}

impl TopicView {
    fn of(topic: &MetadataResponseTopic<'_>) -> Result<TopicView, Error> {
        Error::check(topic.error_code, None)?;
        let mut leaders = vec![Leader { broker: None, epoch: -1 }; topic.partitions.len()];
        for partition in &topic.partitions {
            let place = usize::try_from(partition.partition_index).ok();
            // Numbers without gaps are all that a cluster can have.
            let Some(leader) = place.and_then(|place| leaders.get_mut(place)) else {
                return Err(Error::Malformed("The server left out partitions of a topic.".to_owned()));
            };
            *leader = Leader {
                broker: Some(partition.leader_id).filter(|id| *id >= 0),
                epoch: partition.leader_epoch,
            };
        }
        if leaders.is_empty() {
            return Err(Error::server(ErrorCode::LEADER_NOT_AVAILABLE));
        }
        Ok(TopicView {
            name: topic.name.as_deref().unwrap_or_default().into(),
            id: topic.topic_id,
            is_internal: topic.is_internal,
            leaders,
        })
    }

    /// Number of partitions.
    pub(crate) fn partitions(&self) -> i32 {
        i32::try_from(self.leaders.len()).unwrap_or(i32::MAX)
    }

    /// Who leads a partition, as far as it is there.
    pub(crate) fn leader_of(&self, partition: i32) -> Option<Leader> {
        self.leaders.get(usize::try_from(partition).ok()?).copied()
    }

    /// The broker that leads a partition.
    pub(crate) fn leader(&self, partition: i32) -> Option<i32> {
        self.leader_of(partition)?.broker
    }
}

/// The error with the topic's name, as Kafka's clients word it.
pub(crate) fn named(error: Error, topic: &str) -> Error {
    let message = match error.code() {
        Some(ErrorCode::TOPIC_AUTHORIZATION_FAILED) => format!("Not authorized to access topics: [{topic}]"),
        Some(ErrorCode::INVALID_TOPIC_EXCEPTION) => format!("Invalid topics: [{topic}]"),
        _ => return error,
    };
    error.code().map_or(error, |code| Error::Server { code, message })
}
