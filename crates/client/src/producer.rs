//! The producer: records are gathered into batches, and batches are sent.

mod accumulator;
mod delivery;
pub mod partitioner;
mod sender;
mod settings;

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use config::{ClientKind, ClientSettings};
use records::HeaderRef;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::Instant;

pub use delivery::{Delivery, RecordMetadata};
pub use partitioner::Partitioner;

use crate::clock::now_ms;
use crate::cluster::{Cluster, Deadline, LOGGER};
use crate::error::Error;
use crate::topics::named;
use accumulator::{Accumulator, Appended};
use partitioner::RoundRobin;
use sender::Sender;
use settings::ProducerOptions;

/// Counts producers without a `client.id`, to tell them apart in log lines.
static UNNAMED: AtomicU32 = AtomicU32::new(0);

/// A record to be written. It is copied when it is handed over.
#[derive(Debug, Clone, Copy, Default)]
pub struct ProducerRecord<'r> {
    /// Its topic.
    pub topic: &'r str,
    /// Its partition; chosen by the partitioner without.
    pub partition: Option<i32>,
    /// Its timestamp in milliseconds since 1970; now without.
    pub timestamp: Option<i64>,
    /// Its key.
    pub key: Option<&'r [u8]>,
    /// Its value.
    pub value: Option<&'r [u8]>,
    /// Its headers: key, and value where there is one.
    pub headers: &'r [HeaderRef<'r>],
}

/// Writes records. Everything that was handed over is sent before the end of a producer that is dropped, as long as its
/// runtime lives; [`Producer::close`] waits for that.
#[derive(Debug)]
pub struct Producer {
    cluster: Cluster,
    shared: Arc<Shared>,
    sender: Option<JoinHandle<()>>,
}

/// What the producer and its sender have in common.
#[derive(Debug)]
pub(crate) struct Shared {
    /// As log lines name the client.
    name: String,
    options: Arc<ProducerOptions>,
    state: Mutex<Accumulator>,
    /// Tells the sender that there is something to look at.
    news: Notify,
    /// Tells those who wait for room in the buffer, or for everything to be sent.
    room: Notify,
}

impl Producer {
    /// A producer for the cluster behind `bootstrap.servers`, within a tokio runtime.
    pub fn new(settings: &ClientSettings) -> Result<Producer, Error> {
        let partitioner: Option<Arc<dyn Partitioner>> = match settings.text("partitioner.class").as_deref() {
            None => None,
            Some(class) if class.ends_with("RoundRobinPartitioner") => Some(Arc::new(RoundRobin::default())),
            Some(class) => {
                return Err(Error::Invalid(format!(
                    "Invalid value {class} for configuration partitioner.class: there is RoundRobinPartitioner, and Producer::with_partitioner for others"
                )));
            }
        };
        Producer::build(settings, partitioner)
    }

    /// The same with a partitioner of one's own.
    pub fn with_partitioner(
        settings: &ClientSettings,
        partitioner: Arc<dyn Partitioner>,
    ) -> Result<Producer, Error> {
        Producer::build(settings, Some(partitioner))
    }

    /// A producer with `bootstrap.servers` alone.
    pub fn connect(bootstrap_servers: &str) -> Result<Producer, Error> {
        let written = [("bootstrap.servers", bootstrap_servers)];
        let settings = ClientSettings::read(ClientKind::Producer, written)
            .map_err(|error| Error::Invalid(error.to_string()))?;
        Producer::new(&settings)
    }

    fn build(
        settings: &ClientSettings,
        partitioner: Option<Arc<dyn Partitioner>>,
    ) -> Result<Producer, Error> {
        let client_id = settings.text("client.id").filter(|id| !id.is_empty());
        let client_id =
            client_id.unwrap_or_else(|| format!("producer-{}", UNNAMED.fetch_add(1, Ordering::Relaxed) + 1));
        let name = format!("Producer clientId={client_id}");
        let options = Arc::new(ProducerOptions::of(settings)?);
        let cluster = Cluster::new(settings, &client_id, name.clone())?;
        let shared = Arc::new(Shared {
            name,
            options: Arc::clone(&options),
            state: Mutex::new(Accumulator::new(options, partitioner)),
            news: Notify::new(),
            room: Notify::new(),
        });
        let sender = tokio::spawn(Sender::run(cluster.clone(), Arc::clone(&shared)));
        Ok(Producer { cluster, shared, sender: Some(sender) })
    }

    /// Hands a record over. Waits, for `max.block.ms` at most, only where nothing is known of its topic or the buffer is
    /// full; what becomes of the record is told by what is returned.
    pub async fn send(&self, record: &ProducerRecord<'_>) -> Result<Delivery, Error> {
        let timestamp = record.timestamp.unwrap_or_else(now_ms);
        let mut waits_until = None;
        loop {
            let room = self.shared.room.notified();
            let appended = self.shared.state().append(record, timestamp, Instant::now)?;
            // The clock is not looked at for a record that finds its place.
            let mut until =
                || *waits_until.get_or_insert_with(|| Instant::now() + self.shared.options.block_max);
            match appended {
                Appended::Waits { delivery, is_news: false } => return Ok(delivery),
                Appended::Waits { delivery, is_news: true } => {
                    self.shared.news.notify_one();
                    // On a runtime of one thread the sender has to have its turn.
                    tokio::task::yield_now().await;
                    return Ok(delivery);
                }
                Appended::UnknownTopic => self.find_topic(record.topic, until()).await?,
                Appended::NoRoom(bytes) => self.wait_for_room(room, bytes, until()).await?,
            }
        }
    }

    /// Number of partitions of a topic, which may be created by being asked for.
    pub async fn partitions(&self, topic: &str) -> Result<i32, Error> {
        let until = Instant::now() + self.shared.options.block_max;
        loop {
            if let Some(count) = self.shared.state().partitions(topic) {
                return Ok(count);
            }
            self.find_topic(topic, until).await?;
        }
    }

    /// Sends everything that was handed over, without waiting for more, and waits until it is written or given up.
    pub async fn flush(&self) {
        let _hurry = Hurry::of(&self.shared);
        loop {
            let settled = self.shared.room.notified();
            if self.shared.state().is_empty() {
                return;
            }
            settled.await;
        }
    }

    /// Sends everything that was handed over and ends; what is not written by then is given up.
    pub async fn close(mut self, timeout: Duration) {
        self.shared.end();
        let Some(mut sender) = self.sender.take() else { return };
        if tokio::time::timeout(timeout, &mut sender).await.is_err() {
            sender.abort();
            let mut state = self.shared.state();
            for batch in state.give_up() {
                state.finish(&batch, false, Err(Error::Closed));
            }
        }
    }

    async fn find_topic(&self, topic: &str, until: Instant) -> Result<(), Error> {
        let block_max = self.shared.options.block_max.as_millis();
        let over = || Error::Timeout(format!("Topic {topic} not present in metadata after {block_max} ms."));
        let mut failures = 0;
        while Instant::now() < until {
            let deadline = Deadline { call: "metadata", at: until };
            let told = match self.cluster.topics(&[topic], true, deadline).await {
                Err(Error::Timeout(_)) => return Err(over()),
                told => told?.remove(topic),
            };
            match told {
                Some(Ok(view)) => {
                    self.shared.state().learn(view, Instant::now());
                    return Ok(());
                }
                Some(Err(error)) => {
                    failures += 1;
                    if let Some(code) = error.code() {
                        let name = &self.shared.name;
                        tracing::warn!(target: LOGGER, "[{name}] The metadata response from the cluster reported a recoverable issue with correlation id {failures} : {{{topic}={code}}}");
                    }
                    if !error.is_retriable() {
                        return Err(named(error, topic));
                    }
                }
                None => failures += 1,
            }
            let wait = self.shared.options.backoff.after(failures);
            tokio::time::sleep_until(until.min(Instant::now() + wait)).await;
        }
        Err(over())
    }

    /// Waits until any batch gives its memory back.
    async fn wait_for_room(
        &self,
        room: impl Future<Output = ()>,
        bytes: usize,
        until: Instant,
    ) -> Result<(), Error> {
        let _hurry = Hurry::of(&self.shared);
        let waited = tokio::time::timeout_at(until, room).await;
        waited.map_err(|_| {
            let (time, total) = (self.shared.options.block_max.as_millis(), self.shared.options.buffer_bytes);
            let free = self.shared.state().free_bytes();
            Error::Timeout(format!("Failed to allocate {bytes} bytes within the configured max blocking time {time} ms. Total memory: {total} bytes. Available memory: {free} bytes. Poolable size: {} bytes", self.shared.options.batch_bytes))
        })
    }
}

/// Somebody waits for what is in the batches: they are sent without lingering as long as this lives, also where the wait is
/// given up.
struct Hurry<'s>(&'s Shared);

impl<'s> Hurry<'s> {
    fn of(shared: &'s Shared) -> Hurry<'s> {
        shared.state().hurries += 1;
        shared.news.notify_one();
        Hurry(shared)
    }
}

impl Drop for Hurry<'_> {
    fn drop(&mut self) {
        self.0.state().hurries -= 1;
    }
}

impl Drop for Producer {
    fn drop(&mut self) {
        self.shared.end();
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, Accumulator> {
        // A panic elsewhere must not keep the other records from being sent.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// True where the sender has nothing left to do.
    fn is_done(&self) -> bool {
        let state = self.state();
        state.is_closing && state.is_empty()
    }

    /// True where something waits that cannot be sent before the server has said who writes.
    fn needs_identity(&self) -> bool {
        let state = self.state();
        state.identity().is_none() && !state.is_empty()
    }

    fn tell_room(&self) {
        self.room.notify_waiters();
    }

    fn end(&self) {
        self.state().is_closing = true;
        self.news.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_flush_that_is_given_up_hurries_nobody_any_more() {
        // Nobody listens there, so that nothing is ever written.
        let producer = Producer::connect("127.0.0.1:1").unwrap();
        let view = crate::topics::TopicView {
            name: "t".into(),
            id: model::Uuid::default(),
            is_internal: false,
            leaders: vec![crate::topics::Leader { broker: None, epoch: -1 }],
        };
        producer.shared.state().learn(view, Instant::now());
        let record = ProducerRecord { topic: "t", value: Some(b"x"), ..ProducerRecord::default() };
        producer.send(&record).await.unwrap();
        let given_up = tokio::time::timeout(Duration::from_millis(1), producer.flush()).await;
        assert!(given_up.is_err());
        assert_eq!(producer.shared.state().hurries, 0);
    }
}
