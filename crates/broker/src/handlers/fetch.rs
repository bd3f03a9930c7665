//! Fetch 4-18: record bytes out, from the tail cache or straight from the file; waits where there are too few.

mod attempt;
mod response;

use std::borrow::Cow;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use model::ErrorCode;
use parking_lot::Mutex;
use protocol::messages::fetch_response::{FetchResponse, FetchableTopicResponse, PartitionData};
use protocol::views::{FetchView, TopicKey as WireTopic};
use protocol::{ApiKey, VersionRange};
use telemetry::RequestKind;
use transport::{MemoryBudget, MemoryReservation, Outbound};

pub use self::attempt::Attempt;
use self::attempt::{Limits, READ_COMMITTED, Read};
use crate::broker::{Broker, Core};
use crate::connection_loop::Answer;
use crate::delayed::FetchWait;
use crate::dispatch::Api;
use crate::fetch_sessions::{FINAL_EPOCH, FetchSession, FetchTarget, INITIAL_EPOCH, NO_SESSION, TopicKey};
use crate::partitions::Partition;
use crate::quotas::{ClientMeters, Mute};
use crate::request::{Behind, Outcome, Request, ResponseHead, Served, malformed};

/// The handler's row in the table of APIs.
pub const API: Api = Api { key: ApiKey::Fetch, versions: VersionRange::new(4, 18), serve };

/// Requests name topics by id from this version on.
const TOPIC_IDS_SINCE: i16 = 13;
const READ_UNCOMMITTED: i8 = 0;
/// Times records are read ahead for one answer before it takes them however long that takes: where memory is so
/// short that they are gone again at once.
const COLD_ROUNDS_MAX: u32 = 3;
/// Partitions up to which a fetch that waits is not counted against the memory budget: a few KiB.
const UNCOUNTED_MAX: usize = 64;
/// How often a fetch that is counted looks whether others wait for memory.
const MEMORY_LOOK_INTERVAL: Duration = Duration::from_secs(1);
/// Memory that the answer to a fetch that waited begins with, in bytes.
const ANSWER_CAPACITY: usize = 1024;

/// A request as it will be answered, now or later.
pub struct Plan {
    head: ResponseHead,
    limits: Limits,
    targets: Targets,
    /// Whose quota its records count against.
    charged: Option<Charged>,
}

/// The quota of the client, and its connection.
struct Charged {
    meters: Rc<ClientMeters>,
    mute: Mute,
}

/// The partitions of a request and how its answer is kept in mind.
enum Targets {
    /// No session: every partition is answered.
    Once(Vec<FetchTarget>),
    /// A session that begins: every partition is answered.
    Full(Arc<Mutex<FetchSession>>),
    /// A session that goes on: partitions with news are answered.
    Incremental(Arc<Mutex<FetchSession>>),
}

fn serve(request: &mut Request<'_>, body: &mut [u8], out: &mut Outbound) -> Served {
    let head = request.head;
    let view = FetchView::parse(body, head.version).map_err(|error| malformed(head, error))?;
    if view.replica.replica_id >= 0 {
        request.kind = Some(RequestKind::fetch_follower());
    }
    if !matches!(view.isolation_level, READ_UNCOMMITTED | READ_COMMITTED) {
        return request.answer(out, &refusal(&view, head.version));
    }
    let charged = charged(request, &view);
    let broker = request.broker();
    let now_ms = broker.clock.now_ms();
    let mut attempt = request.core.fetch_attempt.take();
    let targets = match targets_of(broker, head.version, &view, now_ms, &mut attempt.spare_targets) {
        Ok(targets) => targets,
        Err(error_code) => return request.answer(out, &FetchResponse { error_code, ..Default::default() }),
    };
    let at_once_max = charged.as_ref().and_then(|charged| charged.meters.fetched_at_once_max());
    let bytes_max = broker.options.fetch_bytes_max().min(at_once_max.unwrap_or(usize::MAX));
    let limits = Limits::of(&view, head.version, bytes_max);
    let plan = Plan { head, limits, targets, charged };
    let wait = Duration::from_millis(u64::try_from(view.max_wait_ms).unwrap_or_default());
    plan.attempt(broker, &mut attempt, false);
    if attempt.is_enough(&plan.limits) || (wait.is_zero() && !attempt.is_cold()) {
        let answered = response::write(broker, &plan, &mut attempt, out);
        if let Targets::Once(targets) = plan.targets {
            attempt.spare_targets = targets;
        }
        attempt.empty();
        request.core.fetch_attempt.replace(attempt);
        return answered.map(|()| Outcome::Answered);
    }
    let answer = wait_and_answer(Rc::clone(request.core), plan, attempt, wait);
    Ok(Outcome::parked(Behind::GoesOn, answer))
}

/// Whose quota the records count against; those of other brokers against none.
fn charged(request: &mut Request<'_>, view: &FetchView<'_>) -> Option<Charged> {
    let meters = request.meters().filter(|_| view.replica.replica_id < 0)?;
    Some(Charged { meters, mute: request.facts.mute.clone() })
}

/// The answer to an isolation level that is none: the error for the whole and, where topics have names, for each
/// partition.
fn refusal(view: &FetchView<'_>, version: i16) -> FetchResponse<'static> {
    let error_code = ErrorCode::INVALID_REQUEST;
    let mut response = FetchResponse { error_code, session_id: view.session_id, ..Default::default() };
    for topic in view.topics().filter(|_| version < TOPIC_IDS_SINCE) {
        let WireTopic::Name(name) = topic.topic else { continue };
        let failed = |index| PartitionData {
            partition_index: index,
            error_code,
            high_watermark: -1,
            aborted_transactions: Some(Vec::new()),
            records: Some(Cow::Borrowed(&[])),
            ..PartitionData::default()
        };
        let partitions = topic.partitions().map(|partition| failed(partition.partition)).collect();
        let topic = name.to_owned().into();
        response.responses.push(FetchableTopicResponse { topic, partitions, ..Default::default() });
    }
    response
}

/// Takes what the request says together with what its session remembers. The memory of `spare` may be taken.
fn targets_of(
    broker: &Broker,
    version: i16,
    view: &FetchView<'_>,
    now_ms: i64,
    spare: &mut Vec<FetchTarget>,
) -> Result<Targets, ErrorCode> {
    let uses_topic_ids = version >= TOPIC_IDS_SINCE;
    let (id, epoch) = (view.session_id, view.session_epoch);
    let sessions = &broker.fetch_sessions;
    if epoch == INITIAL_EPOCH || epoch == FINAL_EPOCH {
        if id != NO_SESSION {
            sessions.end(id);
        }
        let mut targets = std::mem::take(spare);
        targets.extend(asked(broker, view));
        if epoch == FINAL_EPOCH {
            return Ok(Targets::Once(targets));
        }
        let draw_id = || broker.clock.random_i32();
        return Ok(match sessions.begin(targets, uses_topic_ids, now_ms, draw_id) {
            Ok(session) => Targets::Full(session),
            Err(targets) => Targets::Once(targets),
        });
    }
    let session = sessions.resume(id, epoch, uses_topic_ids, now_ms)?;
    let mut state = session.lock();
    let forgotten = view.forgotten_topics().map(|topic| (own_key(topic.topic), topic.partitions()));
    let size_before = state.targets.len();
    state.forget(forgotten);
    asked(broker, view).for_each(|target| state.update(target));
    let size = state.targets.len();
    drop(state);
    if size == 0 {
        sessions.end(id);
        return Ok(Targets::Once(Vec::new()));
    }
    if size != size_before {
        sessions.resized(id, size)?;
    }
    Ok(Targets::Incremental(session))
}

fn asked<'v>(broker: &'v Broker, view: &'v FetchView<'_>) -> impl Iterator<Item = FetchTarget> + 'v {
    view.topics().flat_map(move |topic| {
        let key = own_key(topic.topic);
        topic.partitions().map(move |partition| FetchTarget {
            partition: found(broker, &key, partition.partition).ok(),
            topic: key.clone(),
            index: partition.partition,
            offset: partition.fetch_offset,
            bytes_max: usize::try_from(partition.partition_max_bytes).unwrap_or_default(),
            current_leader_epoch: partition.current_leader_epoch,
            last_fetched_epoch: partition.last_fetched_epoch,
            answered_high_watermark: -1,
            answered_log_start: -1,
        })
    })
}

fn own_key(topic: WireTopic<'_>) -> TopicKey {
    match topic {
        WireTopic::Name(name) => TopicKey::Name(name.into()),
        WireTopic::Id(id) => TopicKey::Id(id),
    }
}

fn found(broker: &Broker, topic: &TopicKey, index: i32) -> Result<Arc<Partition>, ErrorCode> {
    match topic {
        TopicKey::Name(name) => broker.partitions.partition(name, index),
        TopicKey::Id(id) => broker.partitions.partition_by_id(*id, index),
    }
}

impl Plan {
    /// Looks what could be answered now.
    fn attempt(&self, broker: &Broker, attempt: &mut Attempt, may_wait: bool) {
        self.with_targets(|targets, begin_at| {
            attempt.read(broker, targets, begin_at, &self.limits, may_wait);
        });
    }

    /// Counts what is about to be sent; for how many milliseconds the client is throttled instead.
    fn throttle(&self, broker: &Broker, bytes: usize) -> i32 {
        let Some(Charged { meters, mute }) = &self.charged else { return 0 };
        let throttle_ms = meters.fetched(bytes, broker.clock.steady_ms());
        mute.extend(throttle_ms);
        throttle_ms
    }

    fn with_targets<R>(&self, look: impl FnOnce(&[FetchTarget], usize) -> R) -> R {
        match &self.targets {
            Targets::Once(targets) => look(targets, 0),
            Targets::Full(session) | Targets::Incremental(session) => {
                let session = session.lock();
                look(&session.targets, session.begin_at)
            }
        }
    }

    /// Counts what a wait keeps, which is not bounded by the size of a request that has been forgotten by then.
    fn reserve(&self, broker: &Broker) -> Option<MemoryReservation> {
        let count = self.with_targets(|targets, _| targets.len());
        // Targets of sessions are bounded with the sessions.
        let own = if matches!(self.targets, Targets::Once(_)) { size_of::<FetchTarget>() } else { 0 };
        let each = own + size_of::<Read>() + size_of::<Arc<Partition>>();
        (count > UNCOUNTED_MAX).then(|| broker.budget.reserve_taken(count * each))
    }

    fn partitions(&self) -> Vec<Arc<Partition>> {
        self.with_targets(|targets, _| targets.iter().filter_map(|target| target.partition.clone()).collect())
    }
}

/// Parked: listed at every partition until enough bytes have come or the time is over.
async fn wait_and_answer(core: Rc<Core>, plan: Plan, mut attempt: Attempt, wait: Duration) -> Answer {
    let counters = core.counters();
    let deadline = tokio::time::Instant::now() + wait;
    read_ahead(&core, &plan, &mut attempt).await;
    let mut is_over = wait.is_zero();
    let memory = plan.reserve(&core.broker);
    if !is_over && !attempt.is_enough(&plan.limits) {
        count(&counters.parked_fetches);
    }
    while !is_over && !attempt.is_enough(&plan.limits) {
        let listed = Listed::new(plan.partitions(), plan.limits.bytes_min as i64 - attempt.bytes() as i64);
        // An append between the first look and the listing has woken nobody.
        plan.attempt(&core.broker, &mut attempt, false);
        if !attempt.is_cold() && !attempt.is_enough(&plan.limits) {
            attempt.let_go();
            let woken = woken(&listed, memory.as_ref().map(|_| &*core.broker.budget));
            is_over = !tokio::time::timeout_at(deadline, woken).await.unwrap_or(false);
            if !is_over {
                count(&counters.fetch_wakes);
            }
            plan.attempt(&core.broker, &mut attempt, false);
        }
        read_ahead(&core, &plan, &mut attempt).await;
    }
    let mut out = Outbound::default();
    out.lend(Vec::with_capacity(ANSWER_CAPACITY));
    let written = response::write(&core.broker, &plan, &mut attempt, &mut out);
    attempt.empty();
    core.fetch_attempt.replace(attempt);
    written.map(|()| out)
}

/// Waits for records; false where others wait for memory in `budget`, of which this one holds some.
async fn woken(listed: &Listed, budget: Option<&MemoryBudget>) -> bool {
    let woken = listed.wait.woken();
    match budget {
        Some(budget) => budget.unless_wanted(MEMORY_LOOK_INTERVAL, woken).await.is_some(),
        None => {
            woken.await;
            true
        }
    }
}

/// Has records that are not in memory brought there by a thread that may wait for the disk, then looks again.
async fn read_ahead(core: &Rc<Core>, plan: &Plan, attempt: &mut Attempt) {
    for round in 1.. {
        if !attempt.is_cold() {
            return;
        }
        count(&core.counters().cold_reads);
        let (cold, bytes_max) = (attempt.take_cold(), plan.limits.bytes_max);
        let reading = move || {
            let mut bytes = 0;
            for read in cold {
                bytes += read.read_ahead();
                if bytes >= bytes_max {
                    break;
                }
            }
        };
        // A thread that panicked has read nothing ahead; the look below then waits for the disk itself.
        let is_done = tokio::task::spawn_blocking(reading).await.is_ok();
        plan.attempt(&core.broker, attempt, !is_done || round >= COLD_ROUNDS_MAX);
    }
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

/// A wait that takes itself off the lists, also when the client goes away.
struct Listed {
    partitions: Vec<Arc<Partition>>,
    wait: Arc<FetchWait>,
}

impl Listed {
    fn new(mut partitions: Vec<Arc<Partition>>, missing_bytes: i64) -> Listed {
        let wait = FetchWait::new(missing_bytes.max(1));
        partitions.retain(|partition| partition.waits.add(&wait));
        Listed { partitions, wait }
    }
}

impl Drop for Listed {
    fn drop(&mut self) {
        self.partitions.iter().for_each(|partition| partition.waits.remove(&self.wait));
    }
}
