//! The consumer protocol (KIP-848): heartbeats say what is wanted and what is had, their answers what is to be had.

use std::collections::BTreeMap;

use model::Uuid;
use protocol::messages::ConsumerGroupHeartbeatRequest;
use protocol::messages::consumer_group_heartbeat_request::TopicPartitions;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Duration, Instant};

use super::{Context, GroupEvent, Interest};
use crate::cluster::{ANY_VERSION, Deadline, Target};
use crate::coordinators::CoordinatorKind;
use crate::error::Error;

/// Where log lines about refused heartbeats come from, as Kafka's consumer names it.
const LOGGER: &str = "org.apache.kafka.clients.consumer.internals.ConsumerHeartbeatRequestManager";
/// Epochs by which a member joins, leaves, and leaves to come back.
const JOINS: i32 = 0;
const LEAVES: i32 = -1;
const LEAVES_FOR_A_WHILE: i32 = -2;

/// A member of a group of the consumer protocol, as its consumer sees it.
#[derive(Debug)]
pub(crate) struct Modern {
    /// Made by this client, the same for its life.
    pub(crate) member_id: String,
    /// The epoch that offsets are committed under.
    pub(crate) epoch: i32,
    /// What the coordinator wants this member to read, until it is read.
    pub(crate) target: Option<Vec<(Uuid, i32)>>,
    interest: Interest,
    orders: mpsc::UnboundedSender<Order>,
    task: JoinHandle<()>,
}

/// What the consumer tells the task that sends heartbeats.
#[derive(Debug)]
enum Order {
    /// That is what is wanted from now on.
    Want(Interest),
    /// That is what is read.
    Own(Vec<(Uuid, i32)>),
}

/// Sends heartbeats, one after the other.
struct Heartbeats {
    context: Context,
    member_id: String,
    epoch: i32,
    interest: Interest,
    /// True once a pattern was sent, which has to be taken back.
    had_pattern: bool,
    owned: Vec<(Uuid, i32)>,
    /// What the next heartbeat has to say beside that the member is there.
    says: Says,
    /// As the coordinator wishes.
    interval: Duration,
    failures: u32,
}

#[derive(Debug, Clone, Copy)]
struct Says {
    interest: bool,
    owned: bool,
}

impl Modern {
    /// A member that joins as soon as it wants something.
    pub(crate) fn new(context: &Context) -> Modern {
        let (orders, taken) = mpsc::unbounded_channel();
        let member_id = random_id().to_string();
        let heartbeats = Heartbeats {
            context: context.clone(),
            member_id: member_id.clone(),
            epoch: JOINS,
            interest: Interest::default(),
            had_pattern: false,
            owned: Vec::new(),
            says: Says { interest: true, owned: true },
            interval: Duration::from_secs(5),
            failures: 0,
        };
        let task = tokio::spawn(heartbeats.run(taken));
        Modern { member_id, epoch: -1, target: None, interest: Interest::default(), orders, task }
    }

    /// Tells the coordinator what is wanted, where that is news.
    pub(crate) fn want(&mut self, interest: &Interest) {
        if self.interest != *interest {
            self.interest = interest.clone();
            // The task ends with this.
            let _ = self.orders.send(Order::Want(interest.clone()));
        }
    }

    /// Tells the coordinator what is read now, as its target asked for.
    pub(crate) fn own(&mut self, owned: Vec<(Uuid, i32)>) {
        let _ = self.orders.send(Order::Own(owned));
    }

    /// Comes back after the membership was lost.
    pub(crate) fn rejoin(&mut self) {
        let _ = self.orders.send(Order::Want(self.interest.clone()));
    }

    /// Ends the heartbeats, and gives what tells the coordinator that the member goes.
    pub(crate) fn leave(&mut self, context: &Context) -> impl Future<Output = ()> + Send + use<> {
        self.task.abort();
        let is_member = self.epoch >= 0;
        self.epoch = -1;
        let (context, member_id) = (context.clone(), self.member_id.clone());
        async move {
            if is_member {
                leave(&context, &member_id).await;
            }
        }
    }
}

impl Drop for Modern {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn random_id() -> Uuid {
    loop {
        let mut bytes = [0; 16];
        if getrandom::fill(&mut bytes).is_err() {
            // Without any randomness of the system it is the moment, which nobody else has either.
            let since =
                std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
            bytes = since.as_nanos().to_be_bytes();
        }
        if let Some(id) = Uuid::from_random(bytes) {
            return id;
        }
    }
}

async fn leave(context: &Context, member_id: &str) {
    let epoch = if context.options.instance.is_some() { LEAVES_FOR_A_WHILE } else { LEAVES };
    let request = ConsumerGroupHeartbeatRequest {
        group_id: context.group.as_str().into(),
        member_id: member_id.into(),
        member_epoch: epoch,
        instance_id: context.options.instance.as_deref().map(Into::into),
        rebalance_timeout_ms: -1,
        ..ConsumerGroupHeartbeatRequest::default()
    };
    let deadline = Deadline::after("consumerGroupHeartbeat", context.options.api_timeout);
    let target = Target::Coordinator(CoordinatorKind::Group, &context.group);
    // Whatever the answer, the member is gone, at the latest when its session is over.
    let _ =
        context.cluster.ask(deadline, target, &request, |answer| Error::check(answer.error_code, None)).await;
}

impl Heartbeats {
    async fn run(mut self, mut orders: mpsc::UnboundedReceiver<Order>) {
        // Nothing is said before something is wanted.
        loop {
            let Some(order) = orders.recv().await else { return };
            self.take(order);
            if self.serve(&mut orders).await.is_none() {
                return;
            }
        }
    }

    /// Sends heartbeats until the membership is lost; `None` where the consumer is gone.
    async fn serve(&mut self, orders: &mut mpsc::UnboundedReceiver<Order>) -> Option<()> {
        loop {
            while let Ok(order) = orders.try_recv() {
                self.take(order);
            }
            let wait = match self.beat().await {
                Ok(()) => {
                    self.failures = 0;
                    self.interval
                }
                Err(error) if super::is_lost(&error) => {
                    self.begin_anew();
                    self.context.tell(GroupEvent::Lost(error));
                    return Some(());
                }
                Err(error) if super::is_fatal(&error) => {
                    if let Some(code) = error.code() {
                        let name = self.context.cluster.name();
                        tracing::error!(target: LOGGER, "[{name}] ConsumerGroupHeartbeatRequest failed due to {code}: {error}");
                    }
                    self.begin_anew();
                    self.context.tell(GroupEvent::Fatal(error));
                    return Some(());
                }
                Err(error) => {
                    self.context.cluster.forget_coordinator(
                        CoordinatorKind::Group,
                        &self.context.group,
                        &error,
                    );
                    self.failures += 1;
                    // Whether the coordinator has heard it is not known.
                    self.says = Says { interest: true, owned: true };
                    self.context.options.backoff.after(self.failures)
                }
            };
            let left = self.context.pulse.left(self.context.options.poll_interval_max);
            if left.is_zero() {
                leave(&self.context, &self.member_id).await;
                self.begin_anew();
                self.context.tell(GroupEvent::TooSeldom);
                return Some(());
            }
            let wake = Instant::now() + wait.min(left);
            match tokio::time::timeout_at(wake, orders.recv()).await {
                Ok(None) => return None,
                Ok(Some(order)) => self.take(order),
                Err(_) => {}
            }
        }
    }

    fn take(&mut self, order: Order) {
        match order {
            Order::Want(interest) => {
                self.had_pattern |= interest.pattern.is_some();
                self.interest = interest;
                self.says.interest = true;
            }
            Order::Own(owned) => {
                self.owned = owned;
                self.says.owned = true;
            }
        }
    }

    fn begin_anew(&mut self) {
        self.epoch = JOINS;
        self.owned.clear();
        self.says = Says { interest: true, owned: true };
    }

    async fn beat(&mut self) -> Result<(), Error> {
        let request = self.request();
        let deadline = Deadline::after("consumerGroupHeartbeat", self.context.options.api_timeout);
        let link = self
            .context
            .cluster
            .connection(Target::Coordinator(CoordinatorKind::Group, &self.context.group), deadline)
            .await?;
        let answer = link.call(&request, ANY_VERSION).await?;
        let told = answer.decode()?;
        Error::check(told.error_code, told.error_message.as_deref())?;
        self.says = Says { interest: false, owned: false };
        self.interval =
            Duration::from_millis(u64::try_from(told.heartbeat_interval_ms).unwrap_or_default().max(1));
        let is_new = self.epoch != told.member_epoch;
        self.epoch = told.member_epoch;
        if let Some(assignment) = told.assignment {
            let partitions = assignment.topic_partitions.into_iter().flat_map(|topic| {
                let id = topic.topic_id;
                topic.partitions.into_iter().map(move |number| (id, number))
            });
            self.context.tell(GroupEvent::Target { epoch: self.epoch, partitions: partitions.collect() });
        } else if is_new {
            self.context.tell(GroupEvent::Epoch(self.epoch));
        }
        Ok(())
    }

    fn request(&self) -> ConsumerGroupHeartbeatRequest<'static> {
        let options = &self.context.options;
        let is_joining = self.epoch == JOINS;
        let says_interest = is_joining || self.says.interest;
        let Interest { topics, pattern } = &self.interest;
        let names = topics.iter().map(|topic| topic.clone().into()).collect();
        ConsumerGroupHeartbeatRequest {
            group_id: self.context.group.clone().into(),
            member_id: self.member_id.clone().into(),
            member_epoch: self.epoch,
            instance_id: options.instance.clone().map(Into::into),
            rack_id: Some(options.rack.clone()).filter(|rack| is_joining && !rack.is_empty()).map(Into::into),
            rebalance_timeout_ms: if is_joining { options.rebalance_timeout_ms() } else { -1 },
            subscribed_topic_names: says_interest.then_some(names),
            // An empty one takes back what was said before; brokers of version 0 know none at all.
            subscribed_topic_regex: pattern
                .clone()
                .or_else(|| self.had_pattern.then(String::new))
                .filter(|_| says_interest)
                .map(Into::into),
            server_assignor: options.remote_assignor.clone().filter(|_| is_joining).map(Into::into),
            topic_partitions: (is_joining || self.says.owned).then(|| by_topic(&self.owned)),
        }
    }
}

fn by_topic(owned: &[(Uuid, i32)]) -> Vec<TopicPartitions> {
    let mut topics: BTreeMap<Uuid, Vec<i32>> = BTreeMap::new();
    for (topic, number) in owned {
        topics.entry(*topic).or_default().push(*number);
    }
    topics.into_iter().map(|(topic_id, partitions)| TopicPartitions { topic_id, partitions }).collect()
}
