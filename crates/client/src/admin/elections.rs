//! Elections of partition leaders.

use std::collections::BTreeMap;

use protocol::messages::ElectLeadersRequest;
use protocol::messages::elect_leaders_request::TopicPartitions;

use super::{Admin, TopicPartition};
use crate::cluster::Target;
use crate::error::Error;

/// Who may be elected; the values are those of the protocol (KIP-460).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i8)]
pub enum ElectionType {
    /// The first replica, where it is in sync.
    Preferred = 0,
    /// Any replica, where nobody leads.
    Unclean = 1,
}

impl Admin {
    /// Elects leaders of some partitions or, without any, of all; of all, those that need none are left out of what is
    /// returned.
    pub async fn elect_leaders(
        &self,
        election: ElectionType,
        partitions: Option<&[TopicPartition]>,
    ) -> Result<BTreeMap<TopicPartition, Result<(), Error>>, Error> {
        let by_topic = partitions.map(|partitions| {
            let mut topics: BTreeMap<&str, Vec<i32>> = BTreeMap::new();
            for (topic, partition) in partitions {
                topics.entry(topic).or_default().push(*partition);
            }
            let named = topics.into_iter();
            named.map(|(topic, partitions)| TopicPartitions { topic: topic.into(), partitions }).collect()
        });
        let request = ElectLeadersRequest {
            election_type: election as i8,
            topic_partitions: by_topic,
            timeout_ms: self.timeout_ms(),
        };
        self.ask("electLeaders", Target::Controller, &request, |answer| {
            Error::check(answer.error_code, None)?;
            let results = answer.replica_election_results.iter().flat_map(|topic| {
                topic.partition_result.iter().map(|result| {
                    let outcome = Error::check(result.error_code, result.error_message.as_deref());
                    ((topic.topic.as_ref().to_owned(), result.partition_id), outcome)
                })
            });
            Ok(results.collect())
        })
        .await
    }
}
