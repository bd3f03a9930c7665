//! One connection: frames in, responses out, in the order of their requests.
//!
//! All complete frames of one read are handled and answered with one write. A request that has to wait is
//! parked; requests behind it go on where that cannot be told apart from serving one after the other.

use std::cell::Cell;
use std::collections::VecDeque;
use std::future::Future;
use std::ops::Range;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use telemetry::{RequestKind, RequestTimes};
use tokio::sync::watch;
use transport::{Connection, Outbound};

use crate::broker::Core;
use crate::dispatch;
use crate::listeners::ListenerInfo;
use crate::request::{Behind, ConnectionFacts, Outcome, Parked};
use crate::seldom::Seldom;
use crate::wakeups::{ParkingWaker, Wakeups};

/// Requests of one connection that may be parked at the same time.
const PARKED_MAX: usize = 64;
/// Frames handled before other connections of the core get their turn.
const FRAMES_PER_TURN: usize = 64;
/// Encoded bytes after which a write comes before the next request.
const OUTPUT_BEFORE_WRITE: usize = 256 * 1024;

/// How long the last answers may take to go out before a connection is closed.
const LAST_FLUSH_MAX: Duration = Duration::from_secs(1);

/// A place in the order of answers.
enum Slot {
    /// Answered, waiting for the requests before it.
    Answered(Outbound),
    /// Parked.
    Waiting(WaitingRequest),
}

struct WaitingRequest {
    answer: Pin<Box<dyn Future<Output = Answer>>>,
    behind: Behind,
    kind: Option<RequestKind>,
    times: RequestTimes,
    parked_at: Instant,
}

/// What a parked request ends with.
pub type Answer = Result<Outbound, CloseConnection>;

/// The connection is to be closed without an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CloseConnection(pub String);

struct ConnectionLoop {
    connection: Connection,
    facts: ConnectionFacts,
    core: Rc<Core>,
    slots: VecDeque<Slot>,
    /// Of the requests in `slots`.
    parking: ParkingWaker,
    /// Memory of answers that wait for requests before them, in bytes.
    slot_bytes: usize,
    /// A complete frame may be waiting in the buffer.
    more_frames: bool,
    /// The connection is to be closed once its answers have gone out.
    closing: Option<CloseConnection>,
}

/// Serves `connection` until the client closes it, breaks the protocol, stays idle too long, or its listener closes.
pub async fn serve(
    connection: Connection,
    listener: Arc<ListenerInfo>,
    core: Rc<Core>,
    mut closing: watch::Receiver<bool>,
) {
    let peer = connection.peer();
    let facts = ConnectionFacts::new(peer, listener);
    let idle_max = core.broker.options.connection_idle_max();
    let last_active = Cell::new(Instant::now());
    let mut state = ConnectionLoop {
        connection,
        facts,
        core,
        slots: VecDeque::new(),
        parking: ParkingWaker::default(),
        slot_bytes: 0,
        more_frames: false,
        closing: None,
    };
    // Asked once for the life of the connection: to ask anew costs every turn an entry in a list that all share.
    let end = std::pin::pin!(async {
        tokio::select! {
            () = idle_for(idle_max, &last_active) => End::Idle,
            _ = closing.wait_for(|closing| *closing) => End::ListenerCloses,
        }
    });
    let mut end = Seldom::new(end);
    loop {
        let turn = tokio::select! {
            biased;
            turn = state.turn() => turn,
            end = &mut end => {
                match end {
                    End::Idle => tracing::debug!(%peer, "closed: idle for connections.max.idle.ms"),
                    End::ListenerCloses => state.drain().await,
                }
                break;
            }
        };
        match turn {
            Ok(true) => last_active.set(Instant::now()),
            Ok(false) => break,
            Err(CloseConnection(reason)) => {
                tracing::debug!(%peer, reason, "closed");
                break;
            }
        }
    }
    state.connection.close().await;
}

/// Why a connection ends that has done nothing for it.
enum End {
    Idle,
    ListenerCloses,
}

/// Ends once nothing has happened for `idle_max`.
async fn idle_for(idle_max: Duration, last_active: &Cell<Instant>) {
    loop {
        let left = idle_max.saturating_sub(last_active.get().elapsed());
        if left.is_zero() {
            return;
        }
        tokio::time::sleep(left).await;
    }
}

impl ConnectionLoop {
    /// One turn: handle what is there, send what is ready, then wait for what comes next. False at the end.
    async fn turn(&mut self) -> Result<bool, CloseConnection> {
        if self.more_frames {
            let _turn = match self.connection.is_newcomer() {
                true => Some(self.connection.turn_of_newcomer().await),
                false => None,
            };
            self.handle_frames()?;
        }
        if let Some(reason) = &self.closing {
            // Answers before it are the client's.
            let reason = reason.clone();
            let _ = tokio::time::timeout(LAST_FLUSH_MAX, self.connection.flush()).await;
            return Err(reason);
        }
        let flushed = self.connection.try_flush().map_err(closed)?;
        if self.slot_bytes > 0 {
            self.connection.count_unsent(self.slot_bytes);
        }
        // Asked first: a time that ends between here and the wait ends the wait.
        let muted_until = self.facts.mute.until();
        if self.more_frames && flushed && self.may_take() {
            tokio::task::yield_now().await;
            return Ok(true);
        }
        let may_read = self.may_take() && !self.more_frames;
        tokio::select! {
            biased;
            answer = front_answer(&mut self.slots, &mut self.parking, &self.core.wakeups), if !self.slots.is_empty() => {
                self.finish_front(answer?);
                Ok(true)
            }
            progress = self.connection.progress(may_read) => match progress.map_err(closed)? {
                Some(0) => Ok(false),
                Some(_) => {
                    self.more_frames = true;
                    Ok(true)
                }
                None => Ok(true),
            },
            () = until(muted_until) => Ok(true),
        }
    }

    fn handle_frames(&mut self) -> Result<(), CloseConnection> {
        for _ in 0..FRAMES_PER_TURN {
            if self.closing.is_some() || !self.more_frames || !self.may_take() || !self.has_output_room() {
                return Ok(());
            }
            match self.connection.next_frame().map_err(closed)? {
                Some(frame) => self.handle_frame(frame),
                None => self.more_frames = false,
            }
        }
        Ok(())
    }

    fn handle_frame(&mut self, frame: Range<usize>) {
        let started = Instant::now();
        let (bytes, outbound) = self.connection.frame(frame);
        let mut behind_others = (!self.slots.is_empty()).then(Outbound::default);
        let out = behind_others.as_mut().unwrap_or(outbound);
        let handled = dispatch::handle(&self.core, &mut self.facts, bytes, out);
        let local_us = started.elapsed().as_micros() as u64;
        let times = RequestTimes { local_us, ..RequestTimes::default() };
        match handled.outcome {
            Outcome::Answered => {
                if let Some(answered) = behind_others {
                    self.slot_bytes += answered.held_bytes();
                    self.slots.push_back(Slot::Answered(answered));
                }
                self.count(handled.kind, times);
            }
            Outcome::NoAnswer => self.count(handled.kind, times),
            Outcome::Parked(Parked { answer, behind }) => {
                let (kind, parked_at) = (handled.kind, Instant::now());
                self.slots.push_back(Slot::Waiting(WaitingRequest {
                    answer,
                    behind,
                    kind,
                    times,
                    parked_at,
                }));
            }
            Outcome::Close(reason) => self.closing = Some(CloseConnection(reason)),
        }
    }

    /// A connection with something under way takes nothing more while memory is short: batches that wait for their
    /// disk are counted too. One whose client has taken more than its quota takes nothing either.
    fn may_take(&self) -> bool {
        if self.facts.mute.until().is_some() {
            return false;
        }
        if self.slots.is_empty() {
            return true;
        }
        let holds_up =
            |slot: &Slot| matches!(slot, Slot::Waiting(waiting) if waiting.behind == Behind::Waits);
        self.slots.len() < PARKED_MAX
            && self.slot_bytes < OUTPUT_BEFORE_WRITE
            && !self.slots.back().is_some_and(holds_up)
            && self.core.broker.budget.has_room()
    }

    fn has_output_room(&mut self) -> bool {
        let has_room = self.core.broker.budget.has_room();
        let outbound = self.connection.outbound();
        let bytes_max = if has_room { OUTPUT_BEFORE_WRITE } else { 1 };
        outbound.buffered_bytes() < bytes_max && outbound.file_bytes() == 0
    }

    /// The request at the front is answered: its answer and those behind it that are ready go out.
    fn finish_front(&mut self, answer: Outbound) {
        if let Some(Slot::Waiting(waiting)) = self.slots.pop_front() {
            let remote_us = waiting.parked_at.elapsed().as_micros() as u64;
            self.count(waiting.kind, RequestTimes { remote_us, ..waiting.times });
        }
        self.connection.outbound().append(answer);
        while matches!(self.slots.front(), Some(Slot::Answered(_))) {
            if let Some(Slot::Answered(answered)) = self.slots.pop_front() {
                self.slot_bytes -= answered.held_bytes();
                self.connection.outbound().append(answered);
            }
        }
    }

    fn count(&self, kind: Option<RequestKind>, times: RequestTimes) {
        if let Some(kind) = kind {
            self.core.counters().requests.record(kind, times);
        }
    }

    /// The broker stops: what is answered already still goes out.
    async fn drain(&mut self) {
        let _ = tokio::time::timeout(LAST_FLUSH_MAX, self.connection.flush()).await;
    }
}

/// Waits for that moment; for ever where there is none.
async fn until(moment: Option<Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment.into()).await,
        None => std::future::pending().await,
    }
}

/// Waits for the answer at the front of the queue; the front is always a waiting one.
async fn front_answer(
    slots: &mut VecDeque<Slot>,
    parking: &mut ParkingWaker,
    wakeups: &Arc<Wakeups>,
) -> Answer {
    std::future::poll_fn(|context: &mut Context<'_>| match slots.front_mut() {
        Some(Slot::Waiting(waiting)) => {
            let waker = parking.of(context.waker(), wakeups);
            waiting.answer.as_mut().poll(&mut Context::from_waker(waker))
        }
        Some(Slot::Answered(answered)) => Poll::Ready(Ok(std::mem::take(answered))),
        None => Poll::Pending,
    })
    .await
}

fn closed(error: impl std::fmt::Display) -> CloseConnection {
    CloseConnection(error.to_string())
}
