//! Members of a group, each on a connection of its own: they join, do what they are told, and are heard of often.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use model::{ErrorCode, Uuid};
use rustix::buffer::spare_capacity;
use rustix::event::epoll;

use crate::client::Client;
use crate::encoded::groups;

/// How often a member of the classic protocol is heard of: often, because it learns of a rebalance only then.
pub const BEAT: Duration = Duration::from_millis(100);
/// How long a group may take to become stable.
const STABLE_MAX: Duration = Duration::from_secs(120);

/// Which protocol members speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// JoinGroup, SyncGroup, Heartbeat.
    Classic,
    /// ConsumerGroupHeartbeat (KIP-848).
    Consumer,
}

/// What members have in common.
#[derive(Debug, Clone)]
pub struct Group {
    /// The group's id.
    pub id: String,
    /// The topic that they read.
    pub topic: String,
    /// How many partitions it has.
    pub partitions: i32,
    /// How they speak.
    pub protocol: Protocol,
}

/// What a member waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Waits {
    /// The id that JoinGroup gives.
    Id,
    /// The end of the rebalance.
    Join,
    /// Its assignment.
    Sync,
    /// The answer to a heartbeat.
    Beat,
    /// The time of the next one.
    Time,
    /// To be let go.
    Leave,
    /// Nothing: it is not in the group.
    Nothing,
}

#[derive(Debug)]
struct Member {
    client: Client,
    id: String,
    waits: Waits,
    /// Generation, or epoch.
    generation: i32,
    beats_at: Instant,
    interval: Duration,
    /// Of the consumer protocol.
    owned: BTreeSet<(Uuid, i32)>,
}

/// The members of one group.
#[derive(Debug)]
pub struct Members {
    group: Group,
    members: Vec<Member>,
    ready: std::os::fd::OwnedFd,
    /// Numbers of members, also of those that are gone: each has its own id.
    count: usize,
    /// Members that the leader of the last generation has seen.
    last_size: usize,
}

impl Members {
    /// Members of `group`, each on one of `clients`, that have not joined yet.
    pub fn new(group: Group, clients: Vec<Client>) -> Result<Members, String> {
        let ready = epoll::create(epoll::CreateFlags::CLOEXEC).map_err(|error| error.to_string())?;
        for (number, client) in (0..).zip(&clients) {
            epoll::add(&ready, client.stream(), epoll::EventData::new_u64(number), epoll::EventFlags::IN)
                .map_err(|error| error.to_string())?;
        }
        let now = Instant::now();
        let member = |client| Member {
            client,
            id: String::new(),
            waits: Waits::Nothing,
            generation: 0,
            beats_at: now,
            interval: BEAT,
            owned: BTreeSet::new(),
        };
        let members = clients.into_iter().map(member).collect();
        Ok(Members { group, members, ready, count: 0, last_size: 0 })
    }

    /// All that are not in the group join, and the time is told until it is stable.
    pub fn join_all(&mut self) -> Result<Duration, String> {
        let begin = Instant::now();
        for number in 0..self.members.len() {
            if self.members[number].waits == Waits::Nothing {
                self.begin(number)?;
            }
        }
        self.settle(begin)
    }

    /// So many leave at once, and the time is told until the others are stable.
    pub fn leave(&mut self, count: usize) -> Result<Duration, String> {
        let begin = Instant::now();
        let inside = self.members.iter().filter(|member| member.waits != Waits::Nothing).count();
        for _ in 0..count.min(inside) {
            let number = self.rested(begin)?;
            self.let_go(number)?;
        }
        self.settle(begin)
    }

    /// So many, one after the other, leave and come back under another id, as in a rolling restart; the time is told
    /// until the group is stable.
    pub fn roll(&mut self, count: usize) -> Result<Duration, String> {
        let begin = Instant::now();
        for _ in 0..count {
            let now = Instant::now();
            let number = self.rested(now)?;
            self.let_go(number)?;
            while self.members[number].waits != Waits::Nothing {
                self.turn(now)?;
            }
            self.begin(number)?;
        }
        self.settle(begin)
    }

    /// The connections, once nothing is awaited on any of them; the members stay in the group without a word.
    pub fn part(mut self) -> Result<Vec<Client>, String> {
        let begin = Instant::now();
        while self.members.iter().any(|member| !matches!(member.waits, Waits::Time | Waits::Nothing)) {
            self.turn(begin)?;
        }
        Ok(self.members.into_iter().map(|member| member.client).collect())
    }

    /// A member that waits for no answer, the last of them.
    fn rested(&mut self, begin: Instant) -> Result<usize, String> {
        loop {
            if let Some(number) = self.members.iter().rposition(|member| member.waits == Waits::Time) {
                return Ok(number);
            }
            self.turn(begin)?;
        }
    }

    fn settle(&mut self, begin: Instant) -> Result<Duration, String> {
        while !self.is_stable() {
            self.turn(begin)?;
        }
        Ok(begin.elapsed())
    }

    /// All that are in the group have what they shall have, in the same generation.
    fn is_stable(&self) -> bool {
        let mut inside = self.members.iter().filter(|member| member.waits != Waits::Nothing);
        let Some(first) = inside.next() else { return true };
        let is_settled = |member: &Member| {
            matches!(member.waits, Waits::Beat | Waits::Time) && member.generation == first.generation
        };
        if !is_settled(first) || !inside.all(is_settled) {
            return false;
        }
        let count = self.members.iter().filter(|member| member.waits != Waits::Nothing).count();
        match self.group.protocol {
            Protocol::Classic => self.last_size == count,
            Protocol::Consumer => {
                let owned: usize = self.members.iter().map(|member| member.owned.len()).sum();
                owned == usize::try_from(self.group.partitions).unwrap_or_default()
            }
        }
    }

    /// Waits for the next answer or the next heartbeat that is due, and goes on from there.
    fn turn(&mut self, begin: Instant) -> Result<(), String> {
        if begin.elapsed() > STABLE_MAX {
            return Err(format!("the group {} does not become stable", self.group.id));
        }
        let now = Instant::now();
        let mut next = now + BEAT;
        for number in 0..self.members.len() {
            let member = &self.members[number];
            if member.waits != Waits::Time {
                continue;
            }
            if member.beats_at <= now {
                self.beat(number)?;
            } else {
                next = next.min(member.beats_at);
            }
        }
        let left = next.saturating_duration_since(now);
        let timeout =
            rustix::fs::Timespec { tv_sec: 0, tv_nsec: i64::from(left.subsec_nanos().min(999_999_999)) };
        let mut events = Vec::with_capacity(self.members.len());
        epoll::wait(&self.ready, spare_capacity(&mut events), Some(&timeout))
            .map_err(|error| error.to_string())?;
        for event in &events {
            let number = event.data.u64() as usize;
            while let Some(answer) =
                self.members[number].client.receive_now().map_err(|error| error.to_string())?
            {
                let answer = answer.to_vec();
                self.answered(number, &answer)?;
            }
        }
        Ok(())
    }

    fn send(&mut self, number: usize, frame: &[u8], waits: Waits) -> Result<(), String> {
        let member = &mut self.members[number];
        member.waits = waits;
        member.client.send(frame).map_err(|error| format!("a member cannot send: {error}"))
    }

    fn begin(&mut self, number: usize) -> Result<(), String> {
        self.count += 1;
        let group = self.group.clone();
        match group.protocol {
            Protocol::Classic => self.send(number, &groups::join(&group.id, "", &group.topic), Waits::Id),
            Protocol::Consumer => {
                let id = format!("member-{:018}", self.count);
                let frame = groups::consumer_heartbeat(&group.id, &id, 0, &group.topic, None);
                let member = &mut self.members[number];
                member.id = id;
                member.owned.clear();
                self.send(number, &frame, Waits::Beat)
            }
        }
    }

    fn let_go(&mut self, number: usize) -> Result<(), String> {
        let id = &self.members[number].id;
        let frame = match self.group.protocol {
            Protocol::Classic => groups::leave(&self.group.id, id),
            Protocol::Consumer => groups::consumer_heartbeat(&self.group.id, id, -1, "", None),
        };
        self.send(number, &frame, Waits::Leave)
    }

    fn beat(&mut self, number: usize) -> Result<(), String> {
        let member = &self.members[number];
        let frame = match self.group.protocol {
            Protocol::Classic => groups::heartbeat(&self.group.id, &member.id, member.generation),
            Protocol::Consumer => {
                let (id, epoch) = (&member.id, member.generation);
                groups::consumer_heartbeat(&self.group.id, id, epoch, "", Some(&member.owned))
            }
        };
        self.send(number, &frame, Waits::Beat)
    }

    fn rests(&mut self, number: usize) {
        let member = &mut self.members[number];
        member.waits = Waits::Time;
        member.beats_at = Instant::now() + member.interval;
    }

    fn answered(&mut self, number: usize, answer: &[u8]) -> Result<(), String> {
        match (self.members[number].waits, self.group.protocol) {
            (Waits::Leave, _) => {
                self.members[number].waits = Waits::Nothing;
                self.members[number].owned.clear();
                Ok(())
            }
            (Waits::Beat, Protocol::Consumer) => self.consumer_answered(number, answer),
            (Waits::Id | Waits::Join, _) => self.joined(number, answer),
            (Waits::Sync, _) => match groups::synced(answer)? {
                ErrorCode::NONE => {
                    self.rests(number);
                    Ok(())
                }
                ErrorCode::REBALANCE_IN_PROGRESS => self.join_again(number),
                error => Err(format!("SyncGroup was refused: {error}")),
            },
            (Waits::Beat, _) => match groups::heartbeat_answered(answer)? {
                ErrorCode::NONE => {
                    self.rests(number);
                    Ok(())
                }
                ErrorCode::REBALANCE_IN_PROGRESS => self.join_again(number),
                error => Err(format!("Heartbeat was refused: {error}")),
            },
            (Waits::Time | Waits::Nothing, _) => Err("an answer to nothing".to_owned()),
        }
    }

    fn join_again(&mut self, number: usize) -> Result<(), String> {
        let frame = groups::join(&self.group.id, &self.members[number].id, &self.group.topic);
        self.send(number, &frame, Waits::Join)
    }

    fn joined(&mut self, number: usize, answer: &[u8]) -> Result<(), String> {
        let joined = groups::joined(answer)?;
        match joined.error_code {
            ErrorCode::MEMBER_ID_REQUIRED => {
                self.members[number].id = joined.member_id;
                return self.join_again(number);
            }
            ErrorCode::NONE => {}
            error => return Err(format!("JoinGroup was refused: {error}")),
        }
        let member = &mut self.members[number];
        (member.id, member.generation) = (joined.member_id, joined.generation);
        let id = member.id.clone();
        let assignments = if joined.members.is_empty() { Vec::new() } else { self.assign(joined.members) };
        let frame = groups::sync(&self.group.id, &id, joined.generation, &assignments);
        self.send(number, &frame, Waits::Sync)
    }

    /// Partitions in turn.
    fn assign(&mut self, members: Vec<String>) -> Vec<(String, Vec<u8>)> {
        self.last_size = members.len();
        let count = members.len().max(1);
        let partitions: Vec<i32> = (0..self.group.partitions).collect();
        let of = |place: usize| partitions.iter().copied().skip(place).step_by(count).collect::<Vec<i32>>();
        let topic = self.group.topic.clone();
        let assigned = members.into_iter().enumerate();
        assigned.map(|(place, id)| (id, groups::assignment(&topic, &of(place)))).collect()
    }

    fn consumer_answered(&mut self, number: usize, answer: &[u8]) -> Result<(), String> {
        let answer = groups::consumer_heartbeat_answered(answer)?;
        if !answer.error_code.is_none() {
            return Err(format!("ConsumerGroupHeartbeat was refused: {}", answer.error_code));
        }
        let member = &mut self.members[number];
        member.generation = answer.epoch;
        member.interval = Duration::from_millis(u64::try_from(answer.interval_ms).unwrap_or_default());
        let has_changed = answer.assigned.is_some_and(|assigned| {
            let has_changed = assigned != member.owned;
            member.owned = assigned;
            has_changed
        });
        self.rests(number);
        if has_changed {
            // What it gives up it tells at once.
            self.members[number].beats_at = Instant::now();
        }
        Ok(())
    }
}
