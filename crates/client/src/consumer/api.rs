//! What a program asks a consumer for beside records: positions, commits, offsets, partitions.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::assignment::Position;
use super::settings::{Isolation, OffsetReset};
use super::{Consumer, Subscription, no_group};
use crate::admin::{FoundOffset, OffsetSpec, TopicPartition};
use crate::cluster::{ANY_VERSION, Deadline, Target};
use crate::error::Error;
use crate::offsets::{CommittedOffset, Offsets, Wanted, commit, committed, not_a_member};

/// How long the end of a consumer may take beyond commits, as Kafka's consumer has it.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(30);

/// A commit on its way. It goes on where nobody waits for it.
#[derive(Debug)]
pub struct Committing {
    task: JoinHandle<Result<(), Error>>,
}

impl Committing {
    /// Waits for the outcome.
    pub async fn done(self) -> Result<(), Error> {
        self.task.await.unwrap_or(Err(Error::Closed))
    }
}

impl Consumer {
    /// The partitions that are read at the moment.
    pub fn assignment(&self) -> Vec<TopicPartition> {
        self.assignment.keys().iter().map(|(topic, number)| (topic.to_string(), *number)).collect()
    }

    /// Reads a partition on from that offset, whatever was committed or fetched before.
    pub fn seek(&mut self, topic: &str, partition: i32, offset: i64) -> Result<(), Error> {
        if offset < 0 {
            return Err(Error::Invalid("seek offset must not be a negative number".to_owned()));
        }
        self.assigned(topic, partition)?.seek(Position { offset, leader_epoch: -1 });
        self.is_dirty = true;
        Ok(())
    }

    /// Reads partitions on from their first record, or from behind their last; all that are assigned where none is named.
    pub fn seek_to(&mut self, partitions: &[(&str, i32)], end: OffsetReset) -> Result<(), Error> {
        for (topic, partition) in partitions {
            self.assigned(topic, *partition)?.reset(end);
        }
        if partitions.is_empty() {
            self.assignment.iter_mut().for_each(|(_, _, partition)| partition.reset(end));
        }
        self.is_dirty = true;
        Ok(())
    }

    /// The next offset that is given out of a partition; waits until it is known.
    pub async fn position(&mut self, topic: &str, partition: i32) -> Result<i64, Error> {
        let until = Instant::now() + self.options.api_timeout;
        loop {
            if let Some(position) = self.assigned(topic, partition)?.position() {
                return Ok(position.offset);
            }
            self.advance()?;
            match tokio::time::timeout_at(until.min(self.wake_at), self.events.recv()).await {
                Ok(Some(event)) => self.take(event)?,
                Ok(None) => return Err(Error::Closed),
                Err(_) if Instant::now() >= until => {
                    let time = self.options.api_timeout.as_millis();
                    return Err(Error::Timeout(format!(
                        "Timeout of {time}ms expired before the position for partition {topic}-{partition} could be determined"
                    )));
                }
                Err(_) => {}
            }
        }
    }

    /// How many records a partition has beyond the position, as far as the last answer told; those of open transactions do not
    /// count where only committed ones are read.
    pub fn lag(&self, topic: &str, partition: i32) -> Option<i64> {
        let partition = self.assignment.get(topic, partition)?;
        let (position, ends) = (partition.position()?, partition.ends?);
        let end = match self.options.isolation {
            Isolation::ReadUncommitted => ends.high_watermark,
            Isolation::ReadCommitted => ends.last_stable,
        };
        Some((end - position.offset).max(0))
    }

    /// Gives out nothing of these partitions until they are resumed; what was fetched is kept.
    pub fn pause(&mut self, partitions: &[(&str, i32)]) -> Result<(), Error> {
        self.set_paused(partitions, true)
    }

    /// Ends what [`Consumer::pause`] began.
    pub fn resume(&mut self, partitions: &[(&str, i32)]) -> Result<(), Error> {
        self.set_paused(partitions, false)
    }

    fn set_paused(&mut self, partitions: &[(&str, i32)], is_paused: bool) -> Result<(), Error> {
        for (topic, partition) in partitions {
            self.assigned(topic, *partition)?.is_paused = is_paused;
        }
        self.fetcher.shelve(&self.assignment);
        self.is_dirty = true;
        Ok(())
    }

    fn assigned(&mut self, topic: &str, partition: i32) -> Result<&mut super::assignment::Partition, Error> {
        let found = self.assignment.get_mut(topic, partition);
        found
            .ok_or_else(|| Error::Invalid(format!("No current assignment for partition {topic}-{partition}")))
    }

    /// Commits the positions of all partitions, and waits until that is done.
    pub async fn commit(&mut self) -> Result<(), Error> {
        let positions = self.assignment.positions().into_iter();
        let offsets =
            positions.map(|((topic, number), position)| ((topic.to_string(), number), position.committed()));
        let offsets: Vec<_> = offsets.collect();
        self.commit_offsets(offsets).await
    }

    /// Commits these offsets, and waits until that is done.
    pub async fn commit_offsets(
        &mut self,
        offsets: impl IntoIterator<Item = (TopicPartition, CommittedOffset)>,
    ) -> Result<(), Error> {
        self.begin_commit(offsets)?.done().await
    }

    /// Commits these offsets in the background; what is returned tells the outcome to whoever waits for it.
    pub fn begin_commit(
        &mut self,
        offsets: impl IntoIterator<Item = (TopicPartition, CommittedOffset)>,
    ) -> Result<Committing, Error> {
        if self.options.group.is_none() {
            return Err(no_group());
        }
        let identity = self.identity().ok_or_else(|| not_a_member(model::ErrorCode::UNKNOWN_MEMBER_ID))?;
        let offsets: Offsets = offsets
            .into_iter()
            .map(|((topic, number), offset)| ((topic.as_str().into(), number), offset))
            .collect();
        let cluster = self.cluster.clone();
        let deadline = Deadline::after("offsetCommit", self.options.api_timeout);
        let task = tokio::spawn(async move {
            if offsets.is_empty() { Ok(()) } else { commit(&cluster, &identity, &offsets, deadline).await }
        });
        Ok(Committing { task })
    }

    /// The committed offsets of partitions; those without one are not in the answer.
    pub async fn committed(
        &self,
        partitions: &[(&str, i32)],
    ) -> Result<BTreeMap<TopicPartition, CommittedOffset>, Error> {
        let Some(identity) = self.identity() else { return Ok(BTreeMap::new()) };
        let keys: Vec<_> = partitions.iter().map(|(topic, number)| ((*topic).into(), *number)).collect();
        let deadline = Deadline::after("offsetFetch", self.options.api_timeout);
        let offsets = committed(&self.cluster, &identity, Wanted::Stable(&keys), deadline).await?;
        Ok(offsets
            .into_iter()
            .map(|((topic, number), offset)| ((topic.to_string(), number), offset))
            .collect())
    }

    /// An offset of each partition as `spec` says, or why there is none.
    pub async fn offsets(
        &self,
        partitions: &[(TopicPartition, OffsetSpec)],
    ) -> Result<BTreeMap<TopicPartition, Result<FoundOffset, Error>>, Error> {
        self.admin.list_offsets_as(self.options.isolation.id(), partitions).await
    }

    /// Number of partitions of a topic, which may be created by being asked for.
    pub async fn partitions(&self, topic: &str) -> Result<i32, Error> {
        let deadline = Deadline::after("metadata", self.options.api_timeout);
        let told = self.cluster.topics(&[topic], self.options.may_create_topics, deadline).await?;
        let view = told.into_values().next();
        view.unwrap_or_else(|| Err(Error::server(model::ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)))
            .map(|view| view.partitions())
    }

    /// Id that the member has in its group; `None` for those that are no member.
    pub fn member_id(&self) -> Option<String> {
        Some(self.membership.as_ref()?.identity()?.member_id)
    }

    /// Reads nothing any more and leaves the group.
    pub async fn unsubscribe(&mut self) {
        self.leave_group("the consumer unsubscribed from all topics").await;
        let all = self.assignment.keys();
        self.assignment.remove(&all);
        self.subscription = Subscription::Nothing;
        self.is_dirty = true;
    }

    /// Commits what is committed without being asked, leaves the group and ends.
    pub async fn close(mut self) {
        let _ = tokio::time::timeout(CLOSE_TIMEOUT, self.end()).await;
    }

    async fn end(&mut self) {
        if self.membership.is_none() && self.options.auto_commit.is_some() {
            // One that was given its partitions commits as well.
            let _ = self.commit().await;
        }
        self.leave_group("the consumer is being closed").await;
        let deadline = Deadline::after("fetch", CLOSE_TIMEOUT);
        for (broker, farewell) in self.fetcher.farewells() {
            if let Ok(link) = self.cluster.connection(Target::Node(broker), deadline).await {
                // Nobody waits for the answer.
                let _ = link.begin(&farewell, ANY_VERSION);
            }
        }
    }
}
