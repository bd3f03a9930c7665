//! Records on their way from the consumer to standard output.

use std::collections::BTreeMap;
use std::io::{IsTerminal, Write};
use std::time::Duration;

use clap::ArgMatches;
use client::admin::TopicPartition;
use client::consumer::{CommittedOffset, Records};
use client::{Consumer, ConsumerRecord};
use config::ClientKind;
use tokio::time::Instant;

use super::Writer;
use crate::arguments::{partitions, text, texts};
use crate::failure::Failure;
use crate::place::{self, Place};
use crate::session::Session;
use crate::terminal::Progress;
use crate::{record, topic, yaml};

/// The longest wait of one poll.
const POLL: Duration = Duration::from_millis(500);
/// How often what was written out is committed.
const COMMIT_EVERY: Duration = Duration::from_secs(5);

/// A consumer and how far it is to go.
pub(super) struct Reading {
    consumer: Consumer,
    is_member: bool,
    /// Where each partition ends for us, as far as it is not there yet.
    stops: BTreeMap<TopicPartition, i64>,
    /// True where it is to end when all partitions have.
    has_end: bool,
    /// Records that may still be written.
    left: Option<u64>,
    /// What of a member's share was written out and is not committed.
    written: BTreeMap<TopicPartition, i64>,
    commit_at: Instant,
    /// When something last came.
    moved: Instant,
    progress: Option<Progress>,
}

impl Reading {
    /// Finds out where to begin and where to end.
    pub(super) async fn begin(matches: &ArgMatches, session: &Session<'_>) -> Result<Reading, Failure> {
        let names = texts(matches, "topic");
        let group = text(matches, "group");
        let from = matches.get_one::<Place>("from").copied().unwrap_or(Place::Beginning);
        let mut own = vec![("enable.auto.commit", "false".to_owned())];
        if let Some(group) = group {
            own.push(("group.id", group.to_owned()));
            own.push(("auto.offset.reset", reset(from)?.to_owned()));
        }
        let settings = session.settings_with(ClientKind::Consumer, &own)?;
        let admin = session.admin().await?;
        let described = topic::described(&admin, &names).await?;
        let now = Instant::now();
        let mut reading = Reading {
            consumer: Consumer::new(&settings)?,
            is_member: group.is_some(),
            stops: BTreeMap::new(),
            has_end: matches.get_flag("exit") || matches.contains_id("to"),
            left: matches.get_one::<u64>("count").copied(),
            written: BTreeMap::new(),
            commit_at: now + COMMIT_EVERY,
            moved: now,
            progress: None,
        };
        if reading.is_member {
            reading.consumer.subscribe(&names).await?;
            return Ok(reading);
        }
        let only = partitions(matches);
        let all: Vec<TopicPartition> = described
            .iter()
            .flat_map(|topic| {
                topic.partitions.iter().map(|partition| (topic.name.clone(), partition.partition))
            })
            .filter(|(_, number)| only.is_empty() || only.contains(number))
            .collect();
        if let Some(missing) = only.iter().find(|number| !all.iter().any(|(_, there)| there == *number)) {
            return Err(Failure::new(format!("there is no partition {missing}")));
        }
        let at = |place| all.iter().map(|partition| (partition.clone(), place)).collect::<Vec<_>>();
        let starts = place::resolve(&admin, &at(from)).await?;
        if reading.has_end {
            let to = matches.get_one::<Place>("to").copied().unwrap_or(Place::End);
            reading.stops = place::resolve(&admin, &at(to)).await?;
            reading.stops.retain(|partition, stop| starts.get(partition).is_some_and(|start| start < stop));
        }
        let keys: Vec<(&str, i32)> = starts.keys().map(|(topic, number)| (topic.as_str(), *number)).collect();
        reading.consumer.assign(&keys)?;
        for ((topic, number), offset) in &starts {
            reading.consumer.seek(topic, *number, *offset)?;
        }
        let total =
            reading.stops.iter().map(|(partition, stop)| stop - starts.get(partition).unwrap_or(stop));
        let total = u64::try_from(total.sum::<i64>()).ok();
        if reading.has_end && !std::io::stdout().is_terminal() {
            reading.progress = Some(Progress::new("records", total.min(reading.left.or(total))));
        }
        Ok(reading)
    }

    /// Reads and writes out what is there; true at the end.
    pub(super) async fn step(&mut self, session: &mut Session<'_>, writer: &Writer) -> Result<bool, Failure> {
        if self.has_end && !self.is_member && self.stops.is_empty() {
            return Ok(true);
        }
        let records = self.consumer.poll(POLL).await?;
        if self.write(&records, session, writer)? {
            return Ok(true);
        }
        session.out.flush()?;
        if self.is_member && Instant::now() >= self.commit_at {
            self.commit_at = Instant::now() + COMMIT_EVERY;
            self.commit().await?;
        }
        if !self.has_end {
            return Ok(false);
        }
        if records.is_empty() && self.moved.elapsed() > session.timeout {
            let waited = session.timeout.as_millis();
            return Err(client::Error::Timeout(format!(
                "nothing has come for {waited} ms, and the end is not reached"
            ))
            .into());
        }
        if self.is_member { Ok(records.is_empty() && self.has_all()) } else { self.find_ends().await }
    }

    /// True where the last record that is wanted was among them.
    fn write(
        &mut self,
        records: &Records,
        session: &mut Session<'_>,
        writer: &Writer,
    ) -> Result<bool, Failure> {
        if !records.is_empty() {
            self.moved = Instant::now();
        }
        for record in records.iter() {
            let key = (record.topic.to_owned(), record.partition);
            let is_beyond = match self.stops.get(&key) {
                Some(stop) => record.offset >= *stop,
                None => self.has_end && !self.is_member,
            };
            if is_beyond {
                continue;
            }
            write_one(&record, writer, session.out)?;
            if let Some(progress) = &mut self.progress {
                progress.advance(1);
            }
            if self.is_member {
                self.written.insert(key, record.offset + 1);
            }
            if let Some(left) = &mut self.left {
                *left -= 1;
                if *left == 0 {
                    session.out.flush()?;
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// True where a member is behind in none of the partitions that it has.
    fn has_all(&self) -> bool {
        let assigned = self.consumer.assignment();
        !assigned.is_empty()
            && assigned.iter().all(|(topic, number)| self.consumer.lag(topic, *number) == Some(0))
    }

    /// Takes note of partitions that have come to their end. Positions count and not records: a batch of control records has an
    /// offset and no record.
    async fn find_ends(&mut self) -> Result<bool, Failure> {
        let mut ended = Vec::new();
        for (partition, stop) in &self.stops {
            if self.consumer.position(&partition.0, partition.1).await? >= *stop {
                ended.push(partition.clone());
            }
        }
        for partition in ended {
            self.consumer.pause(&[(&partition.0, partition.1)])?;
            self.stops.remove(&partition);
        }
        Ok(self.stops.is_empty())
    }

    async fn commit(&mut self) -> Result<(), Failure> {
        let written = std::mem::take(&mut self.written);
        if written.is_empty() {
            return Ok(());
        }
        let offsets = written.into_iter().map(|(partition, offset)| (partition, CommittedOffset::at(offset)));
        Ok(self.consumer.commit_offsets(offsets).await?)
    }

    /// Commits what was written out, and ends.
    pub(super) async fn end(mut self) -> Result<(), Failure> {
        let committed = if self.is_member { self.commit().await } else { Ok(()) };
        self.consumer.close().await;
        committed
    }
}

/// Where a member begins that finds nothing committed.
fn reset(from: Place) -> Result<&'static str, Failure> {
    match from {
        Place::Beginning => Ok("earliest"),
        Place::End => Ok("latest"),
        _ => Err(Failure::not_run("with --group, --from is beginning or end")
            .hint("'naru group reset GROUP --to PLACE' sets where a group reads on")),
    }
}

fn write_one(record: &ConsumerRecord<'_>, writer: &Writer, out: &mut dyn Write) -> Result<(), Failure> {
    match writer {
        Writer::Format(format) => format.write(record, out)?,
        Writer::Json => record::doc(record).write_json_line(out)?,
        Writer::Yaml => {
            writeln!(out, "---")?;
            yaml::write(&record::doc(record), out)?;
        }
    }
    Ok(())
}
