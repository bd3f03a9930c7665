//! The classic protocol: all members join, one of them divides the partitions, all learn their shares.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use model::ErrorCode;
use protocol::messages::join_group_request::JoinGroupRequestProtocol;
use protocol::messages::leave_group_request::MemberIdentity;
use protocol::messages::sync_group_request::SyncGroupRequestAssignment;
use protocol::messages::{JoinGroupRequest, JoinGroupResponse, LeaveGroupRequest, SyncGroupRequest};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::{Context, GroupEvent, Interest, heartbeats};
use crate::cluster::{ANY_VERSION, Deadline, Target};
use crate::consumer::assignment::Key;
use crate::consumer::assignors::{
    AssignorKind, MemberSubscription, Shares, assignment_bytes, is_cooperative, partitions_of,
    subscription_bytes, subscription_of,
};
use crate::coordinators::CoordinatorKind;
use crate::error::Error;

/// What consumers call their protocol.
const PROTOCOL_TYPE: &str = "consumer";
/// How much longer than the group a member waits for the end of a round.
const GRACE: Duration = Duration::from_secs(5);

/// A member of a classic group.
#[derive(Debug)]
pub(crate) struct Classic {
    context: Context,
    /// Given by the coordinator, empty before.
    pub(crate) member_id: String,
    /// -1 outside of a generation.
    pub(crate) generation: i32,
    /// What the round was for that runs, or ran last.
    interest: Interest,
    /// As the leader of the group: the numbers of partitions by which it divided.
    divided: Option<BTreeMap<String, i32>>,
    is_joining: bool,
    needs_round: bool,
    not_before: Option<Instant>,
    failures: u32,
    round: Option<JoinHandle<()>>,
    /// The member id that the coordinator has given in the round that runs.
    given: Arc<OnceLock<String>>,
    heartbeats: Option<JoinHandle<()>>,
}

/// The outcome of a round.
#[derive(Debug)]
pub(crate) struct Round {
    pub(crate) member_id: String,
    pub(crate) generation: i32,
    pub(crate) partitions: Vec<Key>,
    /// As the leader: the numbers of partitions that were divided.
    pub(crate) divided: Option<BTreeMap<String, i32>>,
}

/// A member on its way through a round.
struct Joining {
    context: Context,
    member_id: String,
    interest: Interest,
    owned: Vec<(String, i32)>,
    generation: i32,
    given: Arc<OnceLock<String>>,
}

impl Classic {
    pub(crate) fn new(context: Context) -> Classic {
        Classic {
            context,
            member_id: String::new(),
            generation: -1,
            interest: Interest::default(),
            divided: None,
            is_joining: false,
            needs_round: false,
            not_before: None,
            failures: 0,
            round: None,
            given: Arc::default(),
            heartbeats: None,
        }
    }

    /// True where partitions that stay are read on during a round.
    pub(crate) fn is_cooperative(&self) -> bool {
        is_cooperative(&self.context.options.assignors)
    }

    /// True where a round has to begin: the consumer gives up what it has to, then calls [`Classic::join`].
    pub(crate) fn is_due(&self, interest: &Interest, now: Instant) -> bool {
        let is_wanted = self.needs_round || self.generation < 0 || self.interest != *interest;
        is_wanted && !self.is_joining && self.not_before.is_none_or(|time| time <= now)
    }

    /// When a round that failed is tried again.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.not_before.filter(|_| !self.is_joining)
    }

    /// Numbers of partitions other than those that were divided call for a new round, which their leader begins.
    pub(crate) fn check_counts(&mut self, counts: &BTreeMap<String, i32>) {
        let Some(divided) = &self.divided else { return };
        let changed =
            |(topic, count): (&String, &i32)| divided.get(topic).is_some_and(|before| before != count);
        // A topic that nobody knew yet may have come since.
        let appeared = |topic: &String| self.interest.topics.contains(topic) && !divided.contains_key(topic);
        if counts.iter().any(changed) || counts.keys().any(appeared) {
            self.needs_round = true;
        }
    }

    /// Begins a round. `owned` is what is read at the moment.
    pub(crate) fn join(&mut self, interest: Interest, owned: &[Key]) {
        self.stop_heartbeats();
        self.interest = interest.clone();
        self.is_joining = true;
        self.needs_round = false;
        self.given = Arc::default();
        let joining = Joining {
            context: self.context.clone(),
            member_id: self.member_id.clone(),
            interest,
            owned: owned.iter().map(|(topic, number)| (topic.to_string(), *number)).collect(),
            generation: self.generation,
            given: Arc::clone(&self.given),
        };
        let context = self.context.clone();
        self.round = Some(tokio::spawn(async move { context.tell(GroupEvent::Round(joining.run().await)) }));
    }

    /// A round is over. The error is one that the program has to be told.
    pub(crate) fn joined(&mut self, outcome: Result<Round, Error>) -> Result<Option<Vec<Key>>, Error> {
        self.is_joining = false;
        self.round = None;
        let round = match outcome {
            Ok(round) => round,
            Err(error) => {
                tracing::info!(target: super::LOGGER, "Join group failed: {error}");
                self.needs_round = true;
                let is_lost = super::is_lost(&error);
                if is_lost {
                    self.forget();
                } else if error.code() != Some(ErrorCode::REBALANCE_IN_PROGRESS) {
                    self.failures += 1;
                    self.not_before =
                        Some(Instant::now() + self.context.options.backoff.after(self.failures));
                }
                return if super::is_fatal(&error) { Err(error) } else { Ok(None) };
            }
        };
        self.failures = 0;
        self.not_before = None;
        self.member_id = round.member_id;
        self.generation = round.generation;
        self.divided = round.divided;
        let beat = heartbeats::Beat { member_id: self.member_id.clone(), generation: self.generation };
        self.heartbeats = Some(heartbeats::spawn(&self.context, beat));
        Ok(Some(round.partitions))
    }

    /// The coordinator asks for a new round.
    pub(crate) fn rejoin(&mut self) {
        self.needs_round = true;
        self.stop_heartbeats();
    }

    /// The member is none any more.
    pub(crate) fn forget(&mut self) {
        self.stop_heartbeats();
        self.generation = -1;
        self.member_id.clear();
        self.divided = None;
        self.needs_round = true;
    }

    fn stop_heartbeats(&mut self) {
        if let Some(task) = self.heartbeats.take() {
            task.abort();
        }
    }

    /// Ends what runs, and gives what tells the coordinator that the member goes. A member with an instance id does not: it
    /// is expected back.
    pub(crate) fn leave(&mut self, reason: &'static str) -> impl Future<Output = ()> + Send + use<> {
        self.stop_heartbeats();
        let round = self.round.take();
        if let Some(round) = &round {
            round.abort();
        }
        self.is_joining = false;
        let mut member_id = std::mem::take(&mut self.member_id);
        if let Some(given) = self.given.get().filter(|_| round.is_some()) {
            member_id.clone_from(given);
        }
        let is_member = !member_id.is_empty() && self.context.options.instance.is_none();
        let context = self.context.clone();
        self.generation = -1;
        async move {
            if !is_member {
                return;
            }
            if round.is_some() {
                leave_from_round(&context, &member_id, reason).await;
            } else {
                leave(&context, &member_id, reason).await;
            }
        }
    }
}

impl Drop for Classic {
    fn drop(&mut self) {
        self.stop_heartbeats();
        if let Some(round) = self.round.take() {
            round.abort();
        }
    }
}

/// Tells the coordinator that a member goes.
pub(super) async fn leave(context: &Context, member_id: &str, reason: &str) {
    leave_by(Target::Coordinator(CoordinatorKind::Group, &context.group), context, member_id, reason).await;
}

/// The same of one that waits for the end of a round: what comes over the connection of that request is not looked at
/// before it is answered.
async fn leave_from_round(context: &Context, member_id: &str, reason: &str) {
    let deadline = Deadline::after("findCoordinator", context.options.api_timeout);
    let coordinator =
        context.cluster.known_coordinator(&context.group, CoordinatorKind::Group, deadline).await;
    if let Ok(coordinator) = coordinator {
        leave_by(Target::Node(coordinator), context, member_id, reason).await;
    }
}

async fn leave_by(target: Target<'_>, context: &Context, member_id: &str, reason: &str) {
    let deadline = Deadline::after("leaveGroup", context.options.api_timeout);
    let Ok(link) = context.cluster.connection(target, deadline).await else { return };
    // Versions before 3 know one member only.
    let several = LeaveGroupRequest {
        group_id: context.group.as_str().into(),
        members: vec![MemberIdentity {
            member_id: member_id.into(),
            group_instance_id: None,
            reason: Some(reason.into()),
        }],
        ..LeaveGroupRequest::default()
    };
    let one = LeaveGroupRequest {
        group_id: context.group.as_str().into(),
        member_id: member_id.into(),
        ..LeaveGroupRequest::default()
    };
    // Whatever the answer, the member is gone, at the latest when its session is over.
    if let Err(Error::Unsupported(_)) = link.call(&several, protocol::VersionRange::new(3, i16::MAX)).await {
        let _ = link.call(&one, protocol::VersionRange::new(0, 2)).await;
    }
}

impl Joining {
    async fn run(mut self) -> Result<Round, Error> {
        let deadline = Deadline::after("joinGroup", self.context.options.api_timeout);
        let link = self
            .context
            .cluster
            .connection(Target::Coordinator(CoordinatorKind::Group, &self.context.group), deadline)
            .await;
        let link = link.inspect_err(|error| {
            self.context.cluster.forget_coordinator(CoordinatorKind::Group, &self.context.group, error);
        })?;
        let wait = self.context.options.poll_interval_max + GRACE;
        let joined = loop {
            let request = self.join_request();
            let answer = link.begin_within(&request, ANY_VERSION, wait)?.answer().await;
            let answer = answer.inspect_err(|error| self.lost(error))?;
            let joined = answer.decode()?;
            if joined.error_code == ErrorCode::MEMBER_ID_REQUIRED {
                self.member_id = joined.member_id.into_owned();
                // Asked for once in a round.
                let _ = self.given.set(self.member_id.clone());
                continue;
            }
            Error::check(joined.error_code, None).inspect_err(|error| self.lost(error))?;
            break joined.into_owned();
        };
        let (shares, divided) = if joined.leader == joined.member_id && !joined.skip_assignment {
            self.divide(&joined).await?
        } else {
            Default::default()
        };
        let sync = sync_request(&self, &joined, &shares);
        let answer = link.begin_within(&sync, ANY_VERSION, wait)?.answer().await;
        let answer = answer.inspect_err(|error| self.lost(error))?;
        let synced = answer.decode()?;
        Error::check(synced.error_code, None).inspect_err(|error| self.lost(error))?;
        let partitions = partitions_of(&synced.assignment)?.into_iter();
        let mut partitions: Vec<Key> =
            partitions.map(|(topic, number)| (topic.as_str().into(), number)).collect();
        partitions.sort();
        Ok(Round {
            member_id: joined.member_id.into_owned(),
            generation: joined.generation_id,
            partitions,
            divided,
        })
    }

    fn lost(&self, error: &Error) {
        self.context.cluster.forget_coordinator(CoordinatorKind::Group, &self.context.group, error);
    }

    fn join_request(&self) -> JoinGroupRequest<'_> {
        let options = &self.context.options;
        let protocols = options.assignors.iter().map(|kind| JoinGroupRequestProtocol {
            name: kind.name().into(),
            metadata: self.metadata(*kind).into(),
        });
        JoinGroupRequest {
            group_id: self.context.group.as_str().into(),
            session_timeout_ms: i32::try_from(options.session_timeout.as_millis()).unwrap_or(i32::MAX),
            rebalance_timeout_ms: options.rebalance_timeout_ms(),
            member_id: self.member_id.as_str().into(),
            group_instance_id: options.instance.as_deref().map(Into::into),
            protocol_type: PROTOCOL_TYPE.into(),
            protocols: protocols.collect(),
            reason: None,
        }
    }

    fn metadata(&self, kind: AssignorKind) -> Vec<u8> {
        subscription_bytes(
            kind,
            &self.interest.topics,
            &self.owned,
            self.generation,
            &self.context.options.rack,
        )
    }

    /// As the leader: divides the partitions of all topics that anybody reads.
    async fn divide(
        &self,
        joined: &JoinGroupResponse<'_>,
    ) -> Result<(Shares, Option<BTreeMap<String, i32>>), Error> {
        let members: Result<Vec<MemberSubscription>, Error> = joined
            .members
            .iter()
            .map(|member| {
                subscription_of(&member.member_id, member.group_instance_id.as_deref(), &member.metadata)
            })
            .collect();
        let members = members?;
        let mut names: Vec<&str> =
            members.iter().flat_map(|member| member.topics.iter().map(String::as_str)).collect();
        names.sort_unstable();
        names.dedup();
        let deadline = Deadline::after("metadata", self.context.options.api_timeout);
        let may_create = self.context.options.may_create_topics;
        let views = self.context.cluster.topics(&names, may_create, deadline).await?;
        let counts: BTreeMap<String, i32> =
            views.into_iter().filter_map(|(name, view)| Some((name, view.ok()?.partitions()))).collect();
        let chosen = joined.protocol_name.as_deref().unwrap_or_default();
        let kind =
            self.context.options.assignors.iter().find(|kind| kind.name() == chosen).ok_or_else(|| {
                Error::Malformed(format!("Coordinator selected invalid assignment protocol: {chosen}"))
            })?;
        let shares = kind.assign(&members, &counts);
        Ok((shares, Some(counts)))
    }
}

fn sync_request<'s>(
    joining: &'s Joining,
    joined: &'s JoinGroupResponse<'_>,
    shares: &Shares,
) -> SyncGroupRequest<'s> {
    let assignments = shares.iter().map(|(member, share)| SyncGroupRequestAssignment {
        member_id: member.clone().into(),
        assignment: assignment_bytes(share).into(),
    });
    SyncGroupRequest {
        group_id: joining.context.group.as_str().into(),
        generation_id: joined.generation_id,
        member_id: joined.member_id.as_ref().into(),
        group_instance_id: joining.context.options.instance.as_deref().map(Into::into),
        protocol_type: Some(PROTOCOL_TYPE.into()),
        protocol_name: joined.protocol_name.as_deref().map(Into::into),
        assignments: assignments.collect(),
    }
}
