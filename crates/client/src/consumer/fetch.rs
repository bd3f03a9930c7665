//! Fetches records ahead of the program: who is asked for what, what came back, and what of it is taken.

mod fetched;
mod session;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use model::{ErrorCode, Uuid};
use protocol::VersionRange;
use protocol::messages::FetchRequest;
use protocol::messages::fetch_response::PartitionData;
use records::Scratch;
use tokio::time::Instant;

use super::assignment::{Assignment, Ends, Key, Place, Position};
use super::metadata::Topics;
use super::records::Records;
use super::settings::{ConsumerOptions, OffsetReset};
use crate::cluster::ANY_VERSION;
use crate::error::Error;
use crate::link::Answer;
use fetched::{Fetched, Reading};
use session::{Session, Wanted};

/// Where log lines about fetching come from, as Kafka's consumer names it.
const LOGGER: &str = "org.apache.kafka.clients.consumer.internals.AbstractFetch";
/// Answers of one broker that may wait to be taken: the one being taken and the one after it.
const ANSWERS_AHEAD: usize = 2;
/// The newest version that names topics.
const LAST_WITH_NAMES: i16 = 12;
/// The session epoch that ends a session.
const LAST_EPOCH: i32 = -1;

/// A request to be sent to a broker.
#[derive(Debug)]
pub(crate) struct FetchCall {
    pub(crate) broker: i32,
    pub(crate) request: FetchRequest<'static>,
    pub(crate) versions: VersionRange,
}

/// Fetches for one consumer.
#[derive(Debug)]
pub(crate) struct Fetcher {
    options: Arc<ConsumerOptions>,
    sessions: BTreeMap<i32, Session>,
    in_flight: BTreeSet<i32>,
    /// Records in the order in which they came.
    ready: VecDeque<Fetched>,
    /// Records of partitions that are paused.
    shelved: Vec<Fetched>,
    /// Parts of each answer that wait to be taken.
    waiting: BTreeMap<(i32, u64), usize>,
    answers: u64,
    /// An answer was taken to its end, so that the next one may be asked for.
    has_room: bool,
    scratch: Scratch,
}

/// What an answer asks of the consumer beside taking records.
#[derive(Debug, Default)]
pub(crate) struct Fallout {
    /// Leaders have changed, or topics.
    pub(crate) is_stale: bool,
    /// What the program has to be told.
    pub(crate) error: Option<Error>,
}

impl Fetcher {
    pub(crate) fn new(options: Arc<ConsumerOptions>) -> Fetcher {
        Fetcher {
            options,
            sessions: BTreeMap::new(),
            in_flight: BTreeSet::new(),
            ready: VecDeque::new(),
            shelved: Vec::new(),
            waiting: BTreeMap::new(),
            answers: 0,
            has_room: false,
            scratch: Scratch::new(),
        }
    }

    /// True where an answer was taken to its end since requests were made last.
    pub(crate) fn has_room(&self) -> bool {
        self.has_room
    }

    /// The requests to be sent now; each broker that has one is waited for.
    pub(crate) fn calls(&mut self, assignment: &Assignment, topics: &Topics, now: Instant) -> Vec<FetchCall> {
        self.has_room = false;
        let mut by_broker: BTreeMap<i32, Vec<Wanted>> = BTreeMap::new();
        for (topic, number, partition) in assignment.iter() {
            let is_wanted = partition.position().is_some() && !partition.is_paused && partition.may_ask(now);
            let Some(view) = topics.get(topic).filter(|_| is_wanted) else { continue };
            let near = partition.preferred.filter(|(_, until)| *until > now).map(|(broker, _)| broker);
            let (Some(leader), Some(broker)) = (view.leader_of(number), near.or_else(|| view.leader(number)))
            else {
                continue;
            };
            by_broker.entry(broker).or_default().push(Wanted {
                topic: Arc::clone(topic),
                topic_id: view.id,
                partition: number,
                offset: partition.fetch_offset,
                leader_epoch: leader.epoch,
                bytes_max: self.options.partition_bytes_max,
            });
        }
        by_broker.retain(|broker, _| !self.in_flight.contains(broker) && self.ahead(*broker) < ANSWERS_AHEAD);
        by_broker.into_iter().map(|(broker, wanted)| self.call(broker, wanted)).collect()
    }

    /// Answers of a broker that are not taken to their end.
    fn ahead(&self, broker: i32) -> usize {
        self.waiting.range((broker, 0)..=(broker, u64::MAX)).count()
    }

    fn call(&mut self, broker: i32, wanted: Vec<Wanted>) -> FetchCall {
        let is_nameless = wanted.iter().all(|wanted| wanted.topic_id != Uuid::default());
        let versions = if is_nameless { ANY_VERSION } else { VersionRange::new(0, LAST_WITH_NAMES) };
        let asked = self.sessions.entry(broker).or_default().ask(wanted);
        self.in_flight.insert(broker);
        let options = &self.options;
        let request = FetchRequest {
            max_wait_ms: i32::try_from(options.fetch_wait_max.as_millis()).unwrap_or(i32::MAX),
            min_bytes: options.fetch_bytes_min,
            max_bytes: options.fetch_bytes_max,
            isolation_level: options.isolation.id(),
            session_id: asked.session_id,
            session_epoch: asked.session_epoch,
            topics: asked.topics,
            forgotten_topics_data: asked.forgotten,
            rack_id: options.rack.clone().into(),
            ..FetchRequest::default()
        };
        FetchCall { broker, request, versions }
    }

    /// Requests that end the sessions there are.
    pub(crate) fn farewells(&self) -> Vec<(i32, FetchRequest<'static>)> {
        let open = self.sessions.iter().filter_map(|(broker, session)| Some((*broker, session.id()?)));
        open.map(|(broker, session_id)| {
            (broker, FetchRequest { session_id, session_epoch: LAST_EPOCH, ..FetchRequest::default() })
        })
        .collect()
    }

    /// Takes what a broker answered.
    pub(crate) fn answered(
        &mut self,
        broker: i32,
        answer: &Result<Answer<FetchRequest<'static>>, Error>,
        assignment: &mut Assignment,
        now: Instant,
    ) -> Fallout {
        self.in_flight.remove(&broker);
        let mut fallout = Fallout::default();
        if let Err(error) = self.take_answer(broker, answer, assignment, now, &mut fallout) {
            if let Some(session) = self.sessions.get_mut(&broker) {
                session.begin_anew();
            }
            tracing::debug!(target: LOGGER, "Error sending fetch request to node {broker}: {error}");
            fallout.is_stale = true;
            // Brokers that cannot be reached are waited for where connections are opened; an answer that cannot be
            // read would come again.
            if !error.is_retriable() && !matches!(error, Error::Timeout(_)) {
                fallout.error = Some(error);
            }
        }
        fallout
    }

    fn take_answer(
        &mut self,
        broker: i32,
        answer: &Result<Answer<FetchRequest<'static>>, Error>,
        assignment: &mut Assignment,
        now: Instant,
        fallout: &mut Fallout,
    ) -> Result<(), Error> {
        let answer = answer.as_ref().map_err(Clone::clone)?;
        let response = answer.decode()?;
        let Some(session) = self.sessions.get_mut(&broker) else { return Ok(()) };
        session.answered(response.error_code, response.session_id);
        if !response.error_code.is_none() {
            tracing::debug!(target: LOGGER, "Node {broker} was unable to process the fetch request: {}", response.error_code);
            fallout.is_stale = response.error_code == ErrorCode::FETCH_SESSION_TOPIC_ID_ERROR;
            return Ok(());
        }
        self.answers += 1;
        let from = Source { answer, broker, number: self.answers, now };
        for topic in &response.responses {
            let Some(session) = self.sessions.get(&broker) else { continue };
            let Some(name) = session.topic(&topic.topic, topic.topic_id) else { continue };
            for data in &topic.partitions {
                let key = (Arc::clone(&name), data.partition_index);
                self.take_partition(&from, key, data, assignment, fallout);
            }
        }
        Ok(())
    }

    fn take_partition(
        &mut self,
        from: &Source<'_>,
        key: Key,
        data: &PartitionData<'_>,
        assignment: &mut Assignment,
        fallout: &mut Fallout,
    ) {
        let session = self.sessions.get(&from.broker);
        let Some(asked) =
            session.and_then(|session| session.wanted(&key.0, key.1)).map(|wanted| wanted.offset)
        else {
            return;
        };
        let Some(partition) = assignment.get_mut(&key.0, key.1) else { return };
        // After a seek the answer to what was asked before is of no use.
        if partition.position().is_none() || partition.fetch_offset != asked {
            return;
        }
        match data.error_code {
            ErrorCode::NONE => {}
            ErrorCode::OFFSET_OUT_OF_RANGE if partition.preferred.take().is_some() => return,
            ErrorCode::OFFSET_OUT_OF_RANGE => {
                let taken_to_the_end = partition.position().is_some_and(|position| position.offset == asked);
                if !taken_to_the_end {
                    // What was fetched before is given out first; then it is asked for again.
                    partition.not_before = Some(from.now + self.options.backoff.after(1));
                } else if self.options.reset == OffsetReset::None {
                    partition.not_before = Some(from.now + self.options.backoff.after(1));
                    let sentence = format!(
                        "Fetch position {asked} is out of range for partition {}-{}, raising error to the application since no reset policy is configured",
                        key.0, key.1
                    );
                    fallout.error = Some(Error::Server { code: data.error_code, message: sentence });
                } else {
                    tracing::info!(target: LOGGER, "Fetch position {asked} is out of range for partition {}-{}, resetting offset", key.0, key.1);
                    partition.reset(self.options.reset);
                }
                return;
            }
            code => {
                partition.not_before = Some(from.now + self.options.backoff.after(1));
                partition.preferred = None;
                if code.is_retriable() || code == ErrorCode::UNKNOWN_SERVER_ERROR {
                    fallout.is_stale = true;
                } else {
                    fallout.error = Error::of(code, None);
                }
                return;
            }
        }
        partition.ends = Some(Ends {
            high_watermark: data.high_watermark,
            last_stable: data.last_stable_offset,
            log_start: data.log_start_offset,
        });
        if data.preferred_read_replica >= 0 {
            let until = from.now + self.options.metadata_age_max;
            partition.preferred = Some((data.preferred_read_replica, until));
        }
        let Some(bytes) = data.records.as_deref().filter(|bytes| !bytes.is_empty()) else { return };
        let aborted = data.aborted_transactions.clone().unwrap_or_default();
        let reading = Reading { isolation: self.options.isolation, checks_crcs: self.options.checks_crcs };
        let number = (from.broker, from.number);
        let fetched = Fetched::new(key, number, from.answer.share(bytes), asked, aborted, reading);
        partition.fetch_offset = fetched.end_offset();
        if partition.is_paused {
            self.shelved.push(fetched);
        } else {
            *self.waiting.entry(number).or_default() += 1;
            self.ready.push_back(fetched);
        }
    }

    /// Takes up to `most` records out of what has come, and moves the positions behind them.
    pub(crate) fn take(&mut self, most: usize, assignment: &mut Assignment) -> Result<Records, Error> {
        let mut taken = Records::default();
        while taken.len() < most
            && let Some(mut fetched) = self.ready.pop_front()
        {
            let partition = assignment.get_mut(&fetched.topic, fetched.partition);
            let position = partition.as_ref().and_then(|partition| partition.position());
            let Some(partition) =
                partition.filter(|_| position.is_some_and(|at| at.offset == fetched.next_offset()))
            else {
                self.done(fetched.answer);
                continue;
            };
            let room = most - taken.len();
            let outcome = fetched.take(room, &mut self.scratch, &mut taken);
            let leader_epoch = match fetched.leader_epoch() {
                -1 => position.map_or(-1, |before| before.leader_epoch),
                epoch => epoch,
            };
            partition.place = Place::At(Position { offset: fetched.next_offset(), leader_epoch });
            match outcome {
                Ok(true) => self.ready.push_front(fetched),
                Ok(false) => self.done(fetched.answer),
                Err(error) => {
                    // It is fetched anew, and met again, after what was taken before it.
                    partition.fetch_offset = fetched.next_offset();
                    self.done(fetched.answer);
                    return if taken.is_empty() { Err(error) } else { Ok(taken) };
                }
            }
        }
        Ok(taken)
    }

    fn done(&mut self, answer: (i32, u64)) {
        if let Some(parts) = self.waiting.get_mut(&answer) {
            *parts -= 1;
            if *parts == 0 {
                self.waiting.remove(&answer);
                self.has_room = true;
            }
        }
    }

    /// Puts aside what has come of paused partitions, so that it keeps nobody else waiting.
    pub(crate) fn shelve(&mut self, assignment: &Assignment) {
        let is_paused = |fetched: &Fetched| {
            assignment.get(&fetched.topic, fetched.partition).is_some_and(|partition| partition.is_paused)
        };
        let (paused, ready): (Vec<Fetched>, Vec<Fetched>) =
            std::mem::take(&mut self.ready).into_iter().partition(is_paused);
        self.ready = ready.into();
        for fetched in paused {
            self.done(fetched.answer);
            self.shelved.push(fetched);
        }
        let (still, resumed): (Vec<Fetched>, Vec<Fetched>) =
            std::mem::take(&mut self.shelved).into_iter().partition(is_paused);
        self.shelved = still;
        for fetched in resumed {
            *self.waiting.entry(fetched.answer).or_default() += 1;
            self.ready.push_back(fetched);
        }
    }
}

/// Whence the parts of an answer come.
struct Source<'a> {
    answer: &'a Answer<FetchRequest<'static>>,
    broker: i32,
    number: u64,
    now: Instant,
}
