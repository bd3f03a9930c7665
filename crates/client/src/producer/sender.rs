//! The task that sends a producer's batches and deals with the answers.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use model::ErrorCode;
use protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use protocol::messages::produce_response::PartitionProduceResponse;
use protocol::messages::{InitProducerIdRequest, ProduceRequest, ProduceResponse};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::Shared;
use super::accumulator::{Batch, Drained, Identity};
use super::delivery::Written;
use crate::cluster::{Cluster, Deadline, Target};
use crate::error::Error;
use crate::link::{Answer, Link, Pending};
use crate::topics::TopicView;

/// Where log lines of the sender come from, as Kafka's producer names it.
const LOGGER: &str = "org.apache.kafka.clients.producer.internals.Sender";
/// How long an answer about topics or a producer id is waited for before it is asked for again.
const ASIDE: Duration = Duration::from_secs(30);

/// What tasks beside the sender found out.
enum Event {
    Connected(i32, Result<Link, Error>),
    Answered(i32, Vec<Batch>, Result<Answer<ProduceRequest<'static>>, Error>),
    Topics(BTreeMap<String, Result<TopicView, Error>>),
    TopicsUnknown,
    Identified(Result<Identity, Error>),
}

/// The state of the task.
pub(crate) struct Sender {
    cluster: Cluster,
    shared: Arc<Shared>,
    is_asking_identity: bool,
    is_asking_topics: bool,
    links: BTreeMap<i32, Link>,
    connecting: BTreeSet<i32>,
    in_flight: BTreeMap<i32, usize>,
    events: mpsc::UnboundedSender<Event>,
}

impl Sender {
    /// Sends until the producer is closed and nothing is left.
    pub(crate) async fn run(cluster: Cluster, shared: Arc<Shared>) {
        let (events, mut told) = mpsc::unbounded_channel();
        let mut sender = Sender {
            cluster,
            shared: Arc::clone(&shared),
            is_asking_identity: false,
            is_asking_topics: false,
            links: BTreeMap::new(),
            connecting: BTreeSet::new(),
            in_flight: BTreeMap::new(),
            events,
        };
        loop {
            let next = sender.send_ready();
            if shared.is_done() {
                return;
            }
            let next = next.unwrap_or_else(|| Instant::now() + ASIDE);
            tokio::select! {
                () = shared.news.notified() => {}
                event = told.recv() => {
                    if let Some(event) = event {
                        sender.take(event);
                    }
                    while let Ok(event) = told.try_recv() {
                        sender.take(event);
                    }
                }
                () = tokio::time::sleep_until(next) => {}
            }
        }
    }

    /// Sends what can be sent; gives the time of the next look.
    fn send_ready(&mut self) -> Option<Instant> {
        if self.shared.options.is_idempotent && self.shared.needs_identity() {
            self.ask_identity();
        }
        // A request takes a batch of each partition. What a connection takes at once costs one wake of the server.
        loop {
            let drained = self.drain();
            if !drained.stale.is_empty() {
                self.ask_topics(&drained.stale);
            }
            if drained.by_broker.is_empty() {
                return drained.next;
            }
            for (broker, batches) in drained.by_broker {
                self.send(broker, batches);
            }
        }
    }

    /// Takes out what can be sent to brokers that are connected; the others are connected to.
    fn drain(&mut self) -> Drained {
        let in_flight_max = self.shared.options.in_flight_max;
        let mut wanted = BTreeSet::new();
        let mut drained = self.shared.state().drain(Instant::now(), |broker| {
            let is_connected = self.links.get(&broker).is_some_and(|link| !link.is_closed());
            if !is_connected {
                wanted.insert(broker);
            }
            is_connected && self.in_flight.get(&broker).is_none_or(|count| *count < in_flight_max)
        });
        for batch in drained.expired.drain(..) {
            self.expire(&batch);
        }
        for broker in wanted {
            self.connect(broker);
        }
        drained
    }

    fn connect(&mut self, broker: i32) {
        if !self.connecting.insert(broker) {
            return;
        }
        self.links.remove(&broker);
        let (cluster, events) = (self.cluster.clone(), self.events.clone());
        tokio::spawn(async move {
            let deadline = Deadline::after("produce", ASIDE);
            let opened =
                tokio::time::timeout_at(deadline.at, cluster.connection(Target::Node(broker), deadline))
                    .await;
            let opened = opened
                .unwrap_or_else(|_| Err(Error::Disconnected("The time to connect is over.".to_owned())));
            // Nobody listens after the end of the sender.
            let _ = events.send(Event::Connected(broker, opened));
        });
    }

    fn ask_topics(&mut self, stale: &[Arc<str>]) {
        if std::mem::replace(&mut self.is_asking_topics, true) {
            return;
        }
        let names: Vec<Arc<str>> = stale.to_vec();
        let (cluster, events, pause) =
            (self.cluster.clone(), self.events.clone(), self.shared.options.backoff.after(1));
        tokio::spawn(async move {
            // What is not known yet is not asked for without a pause.
            tokio::time::sleep(pause).await;
            let names: Vec<&str> = names.iter().map(|name| &**name).collect();
            let told = cluster.topics(&names, true, Deadline::after("metadata", ASIDE)).await;
            let _ = events.send(told.map_or(Event::TopicsUnknown, Event::Topics));
        });
    }

    fn ask_identity(&mut self) {
        if std::mem::replace(&mut self.is_asking_identity, true) {
            return;
        }
        let former = self.shared.state().former();
        let (cluster, events) = (self.cluster.clone(), self.events.clone());
        tokio::spawn(async move {
            let request = InitProducerIdRequest {
                transactional_id: None,
                transaction_timeout_ms: i32::MAX,
                producer_id: former.map_or(-1, |former| former.id),
                producer_epoch: former.map_or(-1, |former| former.epoch),
                ..InitProducerIdRequest::default()
            };
            let deadline = Deadline::after("initProducerId", ASIDE);
            let told = cluster.ask(deadline, Target::Any, &request, |answer| {
                Error::check(answer.error_code, None)?;
                Ok(Identity { id: answer.producer_id, epoch: answer.producer_epoch })
            });
            let _ = events.send(Event::Identified(told.await));
        });
    }

    fn send(&mut self, broker: i32, mut batches: Vec<Batch>) {
        let Some(link) = self.links.get(&broker) else { return };
        let options = &self.shared.options;
        let request = ProduceRequest {
            transactional_id: None,
            acks: options.acks,
            timeout_ms: i32::try_from(options.request_timeout.as_millis()).unwrap_or(i32::MAX),
            topic_data: topic_data(&mut batches),
        };
        if options.acks == 0 {
            let sent = link.send(&request, crate::cluster::ANY_VERSION);
            drop(request);
            let outcome = sent.map(|()| Written { base_offset: -1, append_time: -1 });
            for batch in batches {
                self.finish(&batch, outcome.clone());
            }
            return;
        }
        *self.in_flight.entry(broker).or_default() += 1;
        let events = self.events.clone();
        let begun = link.begin(&request, crate::cluster::ANY_VERSION).map(Pending::detached);
        drop(request);
        match begun {
            Ok(pending) => {
                tokio::spawn(async move {
                    let answer = pending.answer().await;
                    let _ = events.send(Event::Answered(broker, batches, answer));
                });
            }
            Err(error) => {
                let _ = events.send(Event::Answered(broker, batches, Err(error)));
            }
        }
    }

    fn take(&mut self, event: Event) {
        match event {
            Event::Connected(broker, opened) => {
                self.connecting.remove(&broker);
                match opened {
                    Ok(link) => {
                        self.links.insert(broker, link);
                    }
                    // Its topics may have found another leader.
                    Err(_) => self.shared.state().forget_leader(broker),
                }
            }
            Event::Answered(broker, batches, answer) => {
                if let Some(count) = self.in_flight.get_mut(&broker) {
                    *count = count.saturating_sub(1);
                }
                self.answered(batches, &answer);
            }
            Event::Topics(topics) => {
                self.is_asking_topics = false;
                let now = Instant::now();
                let mut state = self.shared.state();
                for view in topics.into_values().flatten() {
                    state.learn(view, now);
                }
            }
            Event::TopicsUnknown => self.is_asking_topics = false,
            Event::Identified(told) => {
                self.is_asking_identity = false;
                match told {
                    Ok(identity) => self.shared.state().identified(identity),
                    // Not allowed, or not known to the server: nothing can be written this way.
                    Err(error) if !matches!(error, Error::Timeout(_) | Error::Disconnected(_)) => {
                        self.give_up(&error);
                    }
                    Err(_) => {}
                }
            }
        }
    }

    fn answered(&mut self, batches: Vec<Batch>, answer: &Result<Answer<ProduceRequest<'static>>, Error>) {
        let decoded = answer.as_ref().map_err(Clone::clone).and_then(Answer::decode);
        match decoded {
            Err(error) => {
                for batch in batches {
                    self.settle(batch, Err(error.clone()));
                }
            }
            Ok(response) => {
                for batch in batches {
                    let outcome = match find(&response, &batch) {
                        Some(answer) => outcome(answer),
                        None => {
                            Err(Error::Malformed("The server's answer says nothing of a batch.".to_owned()))
                        }
                    };
                    self.settle(batch, outcome);
                }
            }
        }
    }

    /// A batch was answered: it is done, given up or sent again.
    fn settle(&mut self, batch: Batch, outcome: Result<Written, Error>) {
        let Err(error) = outcome else { return self.finish(&batch, outcome) };
        let code = error.code();
        if code == Some(ErrorCode::DUPLICATE_SEQUENCE_NUMBER) {
            // It had been written before; only the answer was lost.
            return self.finish(&batch, Ok(Written { base_offset: -1, append_time: -1 }));
        }
        if !self.may_retry(&batch, &error) {
            return self.finish(&batch, Err(error));
        }
        let topic = Arc::clone(&batch.topic);
        let (partition, attempts) = (batch.partition, batch.attempts);
        tracing::warn!(target: LOGGER, "[{}] Got error produce response on topic-partition {topic}-{partition}, retrying ({attempts} attempts so far). Error: {error}", self.shared.name);
        let wait = self.shared.options.backoff.after(attempts);
        let mut state = self.shared.state();
        if needs_leader(&error) {
            state.forget_leader_of(&topic, partition);
        }
        state.retry(batch, Instant::now() + wait);
    }

    /// True where the batch can be sent again; a lost sequence begins anew.
    fn may_retry(&mut self, batch: &Batch, error: &Error) -> bool {
        let options = &self.shared.options;
        let is_late = Instant::now() >= batch.created() + options.delivery_timeout;
        if is_late || batch.attempts > options.retries {
            return false;
        }
        let code = error.code();
        let lost = [
            ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER,
            ErrorCode::UNKNOWN_PRODUCER_ID,
            ErrorCode::INVALID_PRODUCER_EPOCH,
        ];
        let Some((identity, _)) = batch.sequence.filter(|_| code.is_some_and(|code| lost.contains(&code)))
        else {
            return error.is_retriable();
        };
        let is_first =
            code != Some(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER) || self.shared.state().is_due(batch);
        if is_first {
            self.shared.state().lose(identity);
        }
        true
    }

    fn expire(&mut self, batch: &Batch) {
        let (records, topic, partition) = (batch.records(), &batch.topic, batch.partition);
        let waited = self.shared.options.delivery_timeout.as_millis();
        let sentence = format!(
            "Expiring {records} record(s) for {topic}-{partition}:{waited} ms has passed since batch creation"
        );
        let mut state = self.shared.state();
        if let Some((identity, _)) = batch.sequence {
            // Whether it was written nobody knows: what follows needs sequences of its own.
            state.lose(identity);
        }
        state.finish(batch, false, Err(Error::Timeout(sentence)));
        drop(state);
        self.shared.tell_room();
    }

    /// Nothing that waits can be sent.
    fn give_up(&self, error: &Error) {
        let mut state = self.shared.state();
        for batch in state.give_up() {
            state.finish(&batch, false, Err(error.clone()));
        }
        drop(state);
        self.shared.tell_room();
    }

    fn finish(&mut self, batch: &Batch, outcome: Result<Written, Error>) {
        self.shared.state().finish(batch, true, outcome);
        self.shared.tell_room();
    }
}

/// The batches of a request, by topic.
fn topic_data(batches: &mut [Batch]) -> Vec<TopicProduceData<'_>> {
    let mut topics: Vec<TopicProduceData<'_>> = Vec::new();
    for batch in batches {
        let (topic, topic_id, index) = (Arc::clone(&batch.topic), batch.topic_id, batch.partition);
        let data = PartitionProduceData { index, records: Some(batch.sealed()) };
        match topics.iter_mut().find(|known| *known.name == *topic) {
            Some(known) => known.partition_data.push(data),
            None => topics.push(TopicProduceData {
                name: topic.to_string().into(),
                topic_id,
                partition_data: vec![data],
            }),
        }
    }
    topics
}

/// The part of an answer that is about a batch; newer versions name topics by id, older ones by name.
fn find<'r>(response: &'r ProduceResponse<'_>, batch: &Batch) -> Option<&'r PartitionProduceResponse<'r>> {
    let topic = response.responses.iter().find(|topic| {
        if topic.name.is_empty() { topic.topic_id == batch.topic_id } else { *topic.name == *batch.topic }
    })?;
    topic.partition_responses.iter().find(|partition| partition.index == batch.partition)
}

fn outcome(answer: &PartitionProduceResponse<'_>) -> Result<Written, Error> {
    Error::check(answer.error_code, answer.error_message.as_deref())?;
    Ok(Written { base_offset: answer.base_offset, append_time: answer.log_append_time_ms })
}

/// True where another broker leads the partition by now.
fn needs_leader(error: &Error) -> bool {
    let codes = [
        ErrorCode::NOT_LEADER_OR_FOLLOWER,
        ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
        ErrorCode::UNKNOWN_TOPIC_ID,
        ErrorCode::LEADER_NOT_AVAILABLE,
        ErrorCode::FENCED_LEADER_EPOCH,
        ErrorCode::KAFKA_STORAGE_ERROR,
    ];
    matches!(error, Error::Disconnected(_)) || error.code().is_some_and(|code| codes.contains(&code))
}
