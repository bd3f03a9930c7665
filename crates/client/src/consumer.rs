//! The consumer: reads records of partitions that it was given, or of its share of topics as the member of a group.
//!
//! One value that its program owns and polls; nothing is shared with the tasks that work for it but the events that they
//! send. Every wait of [`Consumer::poll`] is for the next of these, so that a poll that is given up loses nothing.

mod api;
mod assignment;
mod assignors;
mod event;
mod fetch;
mod group;
mod listener;
mod membership;
mod metadata;
mod progress;
mod records;
mod settings;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use config::{ClientKind, ClientSettings};
use regex::Regex;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;

pub use api::Committing;
pub use listener::RebalanceListener;
pub use records::{ConsumerRecord, Records};
pub use settings::OffsetReset;

use crate::admin::Admin;
use crate::cluster::Cluster;
use crate::error::Error;
pub use crate::offsets::CommittedOffset;
use assignment::{Assignment, Key, Place};
use event::Event;
use fetch::Fetcher;
use group::{Context, InPoll, Pulse};
use membership::{Change, Membership};
use metadata::Topics;
use settings::ConsumerOptions;

/// Counts consumers without a `client.id`, to tell them apart in log lines.
static UNNAMED: AtomicU32 = AtomicU32::new(0);
/// The longest wait without a look at what is due.
const WAIT_MAX: Duration = Duration::from_secs(5);

/// Reads records. See the module for how it works.
pub struct Consumer {
    cluster: Cluster,
    admin: Admin,
    options: Arc<ConsumerOptions>,
    subscription: Subscription,
    assignment: Assignment,
    topics: Topics,
    fetcher: Fetcher,
    membership: Option<Membership>,
    /// How many memberships there were.
    memberships: u64,
    /// Partitions on their way out.
    change: Option<Change>,
    /// How many of these there were.
    changes: u64,
    listener: Option<Box<dyn RebalanceListener>>,
    pulse: Arc<Pulse>,
    events: mpsc::UnboundedReceiver<Event>,
    sender: mpsc::UnboundedSender<Event>,
    /// Work that ends with the consumer.
    tasks: JoinSet<()>,
    /// Something has come, or was asked for, since what is due was looked at.
    is_dirty: bool,
    /// Fetches were begun that may not have been sent yet.
    has_begun_fetches: bool,
    /// When something is due of itself.
    wake_at: Instant,
    auto_commit: AutoCommit,
}

/// What is read.
#[derive(Debug, Clone)]
enum Subscription {
    Nothing,
    /// Partitions that the program chose.
    Assigned,
    /// Topics by name, as the member of a group.
    Topics(BTreeSet<String>),
    /// Topics whose whole name matches, as the member of a group.
    Pattern {
        text: String,
        regex: Regex,
    },
}

/// When offsets are committed without being asked.
#[derive(Debug)]
struct AutoCommit {
    next: Instant,
    is_running: bool,
}

impl Consumer {
    /// A consumer of the cluster behind `bootstrap.servers`, within a tokio runtime. Nothing is sent before it is polled.
    pub fn new(settings: &ClientSettings) -> Result<Consumer, Error> {
        let options = Arc::new(ConsumerOptions::of(settings)?);
        let number = UNNAMED.fetch_add(1, Ordering::Relaxed) + 1;
        let client_id = settings.text("client.id").filter(|id| !id.is_empty());
        let client_id = client_id.unwrap_or_else(|| match &options.group {
            Some(group) => format!("consumer-{group}-{number}"),
            None => format!("consumer-null-{number}"),
        });
        let group = options.group.as_deref().unwrap_or("null");
        let name = format!("Consumer clientId={client_id}, groupId={group}");
        let cluster = Cluster::new(settings, &client_id, name)?;
        let (sender, events) = mpsc::unbounded_channel();
        let now = Instant::now();
        Ok(Consumer {
            admin: Admin::within(cluster.clone(), options.api_timeout),
            cluster,
            subscription: Subscription::Nothing,
            assignment: Assignment::default(),
            topics: Topics::new(options.metadata_age_max, options.backoff),
            fetcher: Fetcher::new(Arc::clone(&options)),
            membership: None,
            memberships: 0,
            change: None,
            changes: 0,
            listener: None,
            pulse: Arc::new(Pulse::new()),
            events,
            sender,
            tasks: JoinSet::new(),
            is_dirty: true,
            has_begun_fetches: false,
            wake_at: now,
            auto_commit: AutoCommit {
                next: now + options.auto_commit.unwrap_or_default(),
                is_running: false,
            },
            options,
        })
    }

    /// A consumer with `bootstrap.servers` and `group.id` alone.
    pub fn connect(bootstrap_servers: &str, group: Option<&str>) -> Result<Consumer, Error> {
        let written = [("bootstrap.servers", Some(bootstrap_servers)), ("group.id", group)];
        let written = written.into_iter().filter_map(|(key, text)| Some((key, text?)));
        let settings = ClientSettings::read(ClientKind::Consumer, written)
            .map_err(|error| Error::Invalid(error.to_string()))?;
        Consumer::new(&settings)
    }

    /// Hears of partitions that come and go.
    pub fn listen(&mut self, listener: impl RebalanceListener + 'static) {
        self.listener = Some(Box::new(listener));
    }

    /// Reads a share of these topics, as a member of the group `group.id`; none at all ends that, as
    /// [`Consumer::unsubscribe`].
    pub async fn subscribe(&mut self, topics: &[&str]) -> Result<(), Error> {
        if topics.is_empty() {
            self.unsubscribe().await;
            return Ok(());
        }
        if topics.iter().any(|topic| topic.trim().is_empty()) {
            let sentence = "Topic collection to subscribe to cannot contain null or empty topic";
            return Err(Error::Invalid(sentence.to_owned()));
        }
        self.join_group()?;
        self.subscription = Subscription::Topics(topics.iter().map(|topic| (*topic).to_owned()).collect());
        self.topics.expire();
        self.is_dirty = true;
        Ok(())
    }

    /// Reads a share of all topics whose whole name matches a regular expression, also of those that come later.
    pub async fn subscribe_pattern(&mut self, pattern: &str) -> Result<(), Error> {
        let anchored = format!("^(?:{pattern})$");
        let regex = Regex::new(&anchored).map_err(|error| Error::Invalid(error.to_string()))?;
        self.join_group()?;
        self.subscription = Subscription::Pattern { text: pattern.to_owned(), regex };
        self.topics.expire();
        self.is_dirty = true;
        Ok(())
    }

    fn join_group(&mut self) -> Result<(), Error> {
        if matches!(self.subscription, Subscription::Assigned) {
            return Err(exclusive());
        }
        let Some(group) = self.options.group.clone() else {
            return Err(no_group());
        };
        if self.membership.is_none() {
            self.memberships += 1;
            let context = Context {
                serial: self.memberships,
                cluster: self.cluster.clone(),
                options: Arc::clone(&self.options),
                group,
                events: self.sender.clone(),
                pulse: Arc::clone(&self.pulse),
            };
            self.membership = Some(Membership::new(context));
        }
        Ok(())
    }

    /// Reads exactly these partitions; those that are read already go on where they are.
    pub fn assign(&mut self, partitions: &[(&str, i32)]) -> Result<(), Error> {
        if matches!(self.subscription, Subscription::Topics(_) | Subscription::Pattern { .. }) {
            return Err(exclusive());
        }
        let mut keys: Vec<Key> =
            partitions.iter().map(|(topic, number)| ((*topic).into(), *number)).collect();
        keys.sort();
        keys.dedup();
        let gone = assignment::without(&self.assignment.keys(), &keys);
        self.assignment.remove(&gone);
        self.assignment.add(&keys, Place::Committed);
        self.subscription = if keys.is_empty() { Subscription::Nothing } else { Subscription::Assigned };
        self.topics.expire();
        self.is_dirty = true;
        Ok(())
    }

    /// Gives records out, as soon as there are any, at the latest after `timeout`, then maybe none.
    ///
    /// An error is told once; polling may go on after it, and meets it again where it lasts.
    pub async fn poll(&mut self, timeout: Duration) -> Result<Records, Error> {
        if matches!(self.subscription, Subscription::Nothing) {
            let sentence = "Consumer is not subscribed to any topics or assigned any partitions";
            return Err(Error::Invalid(sentence.to_owned()));
        }
        let _in_poll = InPoll::begin(&self.pulse);
        let until = Instant::now() + timeout;
        loop {
            while let Ok(event) = self.events.try_recv() {
                self.take(event)?;
            }
            if self.is_dirty || Instant::now() >= self.wake_at {
                self.advance()?;
            }
            // What is on its way out is not given out any more.
            if self.change.is_none() {
                if self.fetcher.has_room() {
                    self.fetch_on();
                }
                if std::mem::take(&mut self.has_begun_fetches) {
                    // On a runtime of one thread nothing is sent before others have their turn. Nothing is taken yet that could
                    // be lost where the wait is given up.
                    tokio::task::yield_now().await;
                }
                let records = self.fetcher.take(self.options.poll_records_max, &mut self.assignment)?;
                if !records.is_empty() {
                    // What comes next is on its way while the program works.
                    self.fetch_on();
                    return Ok(records);
                }
                if self.fetcher.has_room() {
                    continue;
                }
            }
            let wake = until.min(self.wake_at).min(Instant::now() + WAIT_MAX);
            match tokio::time::timeout_at(wake, self.events.recv()).await {
                Ok(Some(event)) => self.take(event)?,
                Ok(None) => return Err(Error::Closed),
                Err(_) if Instant::now() >= until => return Ok(Records::default()),
                Err(_) => {}
            }
        }
    }
}

/// What Kafka's consumer says to one that wants a group and has none.
fn no_group() -> Error {
    let sentence = "To use the group management or offset commit APIs, you must provide a valid group.id in the consumer configuration.";
    Error::Invalid(sentence.to_owned())
}

/// Kafka's consumer says it so.
fn exclusive() -> Error {
    Error::Invalid("Subscription to topics, partitions and pattern are mutually exclusive".to_owned())
}

impl std::fmt::Debug for Consumer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Consumer { subscription, assignment, membership, .. } = self;
        f.debug_struct("Consumer")
            .field("subscription", subscription)
            .field("assignment", assignment)
            .field("membership", membership)
            .finish_non_exhaustive()
    }
}
