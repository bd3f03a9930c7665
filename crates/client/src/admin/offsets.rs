//! Offsets of partitions: asked for by time, and records deleted below them.

use std::collections::BTreeMap;

use model::ErrorCode;
use protocol::messages::delete_records_request::{DeleteRecordsPartition, DeleteRecordsTopic};
use protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use protocol::messages::metadata_request::MetadataRequestTopic;
use protocol::messages::{DeleteRecordsRequest, ListOffsetsRequest, MetadataRequest};

use super::Admin;
use crate::cluster::Target;
use crate::error::Error;

/// Where Kafka's admin client logs refused deletions of records that it has no words for.
const LOGGER: &str = "org.apache.kafka.clients.admin.internals.DeleteRecordsHandler";
/// Where it logs topics that it asks for in vain.
const LEADER_LOGGER: &str = "org.apache.kafka.clients.admin.internals.PartitionLeaderStrategy";
/// Refusals of deletions that it has words for.
const EXPECTED: [ErrorCode; 3] = [
    ErrorCode::TOPIC_AUTHORIZATION_FAILED,
    ErrorCode::INVALID_TOPIC_EXCEPTION,
    ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
];

/// A partition of a topic.
pub type TopicPartition = (String, i32);

/// Which offset of a partition is asked for; each stands for a timestamp of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OffsetSpec {
    /// Behind the last record.
    Latest,
    /// Of the first record.
    Earliest,
    /// Of the record with the greatest timestamp (KIP-734).
    MaxTimestamp,
    /// Of the first record on local storage (KIP-405).
    EarliestLocal,
    /// Of the last record on remote storage (KIP-1005).
    LatestTiered,
    /// Of the first record that is still to be copied to remote storage (KIP-1023).
    EarliestPendingUpload,
    /// Of the first record that is not older than that, in milliseconds since 1970.
    Timestamp(i64),
}

/// An offset that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FoundOffset {
    /// The offset; -1 where no record is as asked for.
    pub offset: i64,
    /// Timestamp of its record in milliseconds since 1970; -1 where that says nothing.
    pub timestamp: i64,
    /// Epoch of the leader at its record; -1 where that is not known.
    pub leader_epoch: i32,
}

/// Who leads each partition, and the topics that nothing is told of.
type Leaders = (BTreeMap<TopicPartition, Result<i32, Error>>, BTreeMap<String, ErrorCode>);

/// What is wanted of each broker, by topic.
pub(super) type ByLeader<'p, W> = BTreeMap<i32, BTreeMap<&'p str, Vec<W>>>;

impl OffsetSpec {
    fn timestamp(self) -> i64 {
        match self {
            OffsetSpec::Latest => -1,
            OffsetSpec::Earliest => -2,
            OffsetSpec::MaxTimestamp => -3,
            OffsetSpec::EarliestLocal => -4,
            OffsetSpec::LatestTiered => -5,
            OffsetSpec::EarliestPendingUpload => -6,
            OffsetSpec::Timestamp(time) => time,
        }
    }
}

impl Admin {
    /// An offset of each partition, or why there is none.
    pub async fn list_offsets(
        &self,
        partitions: &[(TopicPartition, OffsetSpec)],
    ) -> Result<BTreeMap<TopicPartition, Result<FoundOffset, Error>>, Error> {
        self.list_offsets_as(0, partitions).await
    }

    /// The same for a reader of that isolation level (`IsolationLevel`): 1 sees no open transactions.
    pub(crate) async fn list_offsets_as(
        &self,
        isolation_level: i8,
        partitions: &[(TopicPartition, OffsetSpec)],
    ) -> Result<BTreeMap<TopicPartition, Result<FoundOffset, Error>>, Error> {
        let asked = partitions.iter().map(|(partition, spec)| {
            let asked = ListOffsetsPartition {
                partition_index: partition.1,
                timestamp: spec.timestamp(),
                ..ListOffsetsPartition::default()
            };
            (partition, asked)
        });
        let (by_leader, mut found) = self.by_leader(asked).await?;
        for (leader, topics) in by_leader {
            let topics = topics
                .into_iter()
                .map(|(name, partitions)| ListOffsetsTopic { name: name.into(), partitions })
                .collect();
            let request =
                ListOffsetsRequest { replica_id: -1, isolation_level, topics, timeout_ms: self.timeout_ms() };
            let answered = self.ask("listOffsets", Target::Node(leader), &request, |answer| {
                let partitions = answer.topics.iter().flat_map(|topic| {
                    topic.partitions.iter().map(|partition| {
                        let outcome = Error::check(partition.error_code, None).map(|()| FoundOffset {
                            offset: partition.offset,
                            timestamp: partition.timestamp,
                            leader_epoch: partition.leader_epoch,
                        });
                        ((topic.name.as_ref().to_owned(), partition.partition_index), outcome)
                    })
                });
                Ok(partitions.collect::<Vec<_>>())
            });
            found.extend(answered.await?);
        }
        Ok(found)
    }

    /// Deletes the records below an offset of each partition, -1 for all; gives the first offset that is left.
    pub async fn delete_records(
        &self,
        partitions: &[(TopicPartition, i64)],
    ) -> Result<BTreeMap<TopicPartition, Result<i64, Error>>, Error> {
        let wanted = partitions.iter().map(|(partition, offset)| {
            (partition, DeleteRecordsPartition { partition_index: partition.1, offset: *offset })
        });
        let (by_leader, mut deleted) = self.by_leader(wanted).await?;
        for (leader, topics) in by_leader {
            let topics = topics
                .into_iter()
                .map(|(name, partitions)| DeleteRecordsTopic { name: name.into(), partitions })
                .collect();
            let request = DeleteRecordsRequest { topics, timeout_ms: self.timeout_ms() };
            let answered = self.ask("deleteRecords", Target::Node(leader), &request, |answer| {
                let partitions = answer.topics.iter().flat_map(|topic| {
                    topic.partitions.iter().map(|partition| {
                        let code = partition.error_code;
                        if !code.is_none() && !EXPECTED.contains(&code) {
                            let (client, topic, number) = (self.cluster.name(), &topic.name, partition.partition_index);
                            tracing::error!(target: LOGGER, "[{client}] DeleteRecords request for topic partition {topic}-{number} failed due to an unexpected error {code}");
                        }
                        let outcome = Error::check(code, None).map(|()| partition.low_watermark);
                        ((topic.name.as_ref().to_owned(), partition.partition_index), outcome)
                    })
                });
                Ok(partitions.collect::<Vec<_>>())
            });
            deleted.extend(answered.await?);
        }
        Ok(deleted)
    }

    /// Divides what is wanted of partitions among the brokers that lead them; apart from that those that nobody leads.
    pub(super) async fn by_leader<'p, W, T>(
        &self,
        wanted: impl Iterator<Item = (&'p TopicPartition, W)>,
    ) -> Result<(ByLeader<'p, W>, BTreeMap<TopicPartition, Result<T, Error>>), Error> {
        let wanted: Vec<(&TopicPartition, W)> = wanted.collect();
        let (leaders, refused) = self.leaders(wanted.iter().map(|((topic, _), _)| topic.as_str())).await?;
        let (mut led, mut missing) = (ByLeader::new(), BTreeMap::new());
        for (partition, what) in wanted {
            match leaders.get(partition) {
                Some(Ok(leader)) => {
                    let topics: &mut BTreeMap<&str, Vec<W>> = led.entry(*leader).or_default();
                    topics.entry(&partition.0).or_default().push(what);
                }
                Some(Err(error)) => {
                    missing.insert(partition.clone(), Err(error.clone()));
                }
                None => {
                    let error = match refused.get(&partition.0) {
                        Some(code) => no_metadata(partition, *code),
                        None => Error::server(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION),
                    };
                    missing.insert(partition.clone(), Err(error));
                }
            }
        }
        Ok((led, missing))
    }

    /// The leader of every partition of some topics, or why there is none, and the topics that nothing is told of.
    async fn leaders<'n>(&self, topics: impl Iterator<Item = &'n str>) -> Result<Leaders, Error> {
        let mut names: Vec<&str> = topics.collect();
        names.sort_unstable();
        names.dedup();
        let named = names.iter().map(|name| MetadataRequestTopic {
            name: Some((*name).into()),
            ..MetadataRequestTopic::default()
        });
        let request = MetadataRequest {
            topics: Some(named.collect()),
            allow_auto_topic_creation: false,
            ..MetadataRequest::default()
        };
        self.ask("metadata", Target::Any, &request, |metadata| {
            self.cluster.learn(&metadata)?;
            let (mut leaders, mut refused) = Leaders::default();
            for topic in &metadata.topics {
                let Some(name) = topic.name.as_deref() else { continue };
                if !topic.error_code.is_none() {
                    self.tell_refused(name, topic.error_code);
                    refused.insert(name.to_owned(), topic.error_code);
                }
                for partition in &topic.partitions {
                    let leader = match Error::of(partition.error_code, None) {
                        Some(error) if partition.leader_id < 0 => Err(error),
                        _ => Ok(partition.leader_id),
                    };
                    leaders.insert((name.to_owned(), partition.partition_index), leader);
                }
            }
            Ok((leaders, refused))
        })
        .await
    }

    /// Logs a topic that nothing is told of, as Kafka's admin client logs it.
    fn tell_refused(&self, topic: &str, code: ErrorCode) {
        let told = match code {
            ErrorCode::UNKNOWN_TOPIC_OR_PARTITION => {
                format!("Received unknown topic error for topic {topic}")
            }
            ErrorCode::INVALID_TOPIC_EXCEPTION => {
                format!("Received invalid topic error for topic {topic} in `Metadata` response")
            }
            _ => format!("Received {code} for topic {topic} in `Metadata` response"),
        };
        let error = Error::server(code);
        let exception = format!("{}: {error}", error.exception());
        tracing::error!(target: LEADER_LOGGER, exception, "[{}] {told}", self.cluster.name());
    }
}

/// The error of a partition whose topic nothing is told of.
fn no_metadata((topic, partition): &TopicPartition, code: ErrorCode) -> Error {
    let why = match code {
        ErrorCode::UNKNOWN_TOPIC_OR_PARTITION => {
            format!("because metadata for topic `{topic}` could not be found")
        }
        ErrorCode::INVALID_TOPIC_EXCEPTION => format!("due to invalid topic `{topic}`"),
        _ => return Error::server(code),
    };
    Error::Server {
        code,
        message: format!("Failed to fetch metadata for partition {topic}-{partition} {why}"),
    }
}
