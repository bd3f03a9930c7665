//! A well-behaved client beside hostile ones: it produces and reads back at a steady pace, and times each answer.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use records::{BatchBuilder, batches};

use crate::client::{CallError, Client};
use crate::load::now_ms;

const PACE: Duration = Duration::from_millis(4);
/// Size of what a control says, in bytes: about that of the neighbour's requests.
const CONTROL_BYTES: usize = 200;
/// An answer that takes that long is kept though another window has begun.
const STILL: Duration = Duration::from_millis(100);

/// Kinds of windows whose times are kept apart at most.
const WINDOWS: usize = 8;
/// When it is left alone.
pub const QUIET: usize = 0;

/// Its answers' times, apart for when it was left alone and for each kind of trouble.
#[derive(Debug, Default)]
pub struct Neighbour {
    window: AtomicUsize,
    stopped: AtomicBool,
    times_us: Mutex<[Vec<u64>; WINDOWS]>,
}

impl Neighbour {
    /// Says what others do to the node from now on: [`QUIET`], or the number of a trouble.
    pub fn set_window(&self, number: usize) {
        self.window.store(number.min(WINDOWS - 1), Ordering::SeqCst);
    }

    /// Has [`Neighbour::run`] come back.
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::SeqCst);
    }

    /// Produces to partition 0 of a topic that is its alone, and reads each record back, until stopped. An answer that is
    /// wrong or missing is a finding. Times count from when a turn was due: one that stands still costs those behind it
    /// too. Returns how many records it wrote.
    pub fn run(&self, address: SocketAddr, topic: &str) -> Result<i64, String> {
        let said = |error: CallError| format!("the neighbour is not served: {}", error.into_text());
        let mut client = Client::connect(address).map_err(said)?;
        let mut number = None;
        self.keep_pace(|| {
            let offset = write_one(&mut client, topic, begin_number(number)).map_err(said)?;
            let expected = number.map_or(offset, |last: i64| last + 1);
            if offset != expected {
                return Err(format!("the neighbour's record stands at {offset}, not at {expected}"));
            }
            read_one(&mut client, topic, offset, begin_number(number)).map_err(said)?;
            number = Some(offset);
            Ok(())
        })?;
        Ok(number.map_or(0, |last| last + 1))
    }

    /// Has a thread of this process say back what another one says, at the same pace, until stopped: its times are those
    /// that the machine alone makes somebody wait, whatever the node does.
    pub fn run_control(&self) -> Result<(), String> {
        let failed = |error: io::Error| format!("the control is not served: {error}");
        let listener = TcpListener::bind("127.0.0.1:0").map_err(failed)?;
        let mut asking = TcpStream::connect(listener.local_addr().map_err(failed)?).map_err(failed)?;
        let (mut answering, _) = listener.accept().map_err(failed)?;
        asking.set_nodelay(true).and_then(|()| answering.set_nodelay(true)).map_err(failed)?;
        std::thread::scope(|scope| {
            scope.spawn(move || {
                let mut message = [0; CONTROL_BYTES];
                while answering.read_exact(&mut message).is_ok() && answering.write_all(&message).is_ok() {}
            });
            let outcome = self.keep_pace(|| {
                let mut message = [7; CONTROL_BYTES];
                // As often as the neighbour waits for an answer.
                for _ in 0..2 {
                    asking
                        .write_all(&message)
                        .and_then(|()| asking.read_exact(&mut message))
                        .map_err(failed)?;
                }
                Ok(())
            });
            drop(asking);
            outcome
        })
    }

    /// Takes turns at the pace until stopped, and keeps their times.
    fn keep_pace(&self, mut turn: impl FnMut() -> Result<(), String>) -> Result<(), String> {
        let (mut due, mut window) = (Instant::now(), QUIET);
        while !self.stopped.load(Ordering::SeqCst) {
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            // A turn that is late belongs to what the one before it stood still in.
            let is_late = due.elapsed() > PACE;
            if !is_late {
                window = self.window.load(Ordering::SeqCst);
            }
            turn()?;
            // What began in one kind of window and ended in another belongs to neither, unless it stood still there.
            let taken = due.elapsed();
            let is_whole = window == self.window.load(Ordering::SeqCst) || is_late || taken > STILL;
            if is_whole && let Ok(mut times) = self.times_us.lock() {
                times[window].push(taken.as_micros() as u64);
            }
            due += PACE;
        }
        Ok(())
    }

    /// How many were timed, and their p50 and p99 in µs.
    pub fn percentiles(&self, window: usize) -> (usize, u64, u64) {
        let Ok(times) = self.times_us.lock() else { return (0, 0, 0) };
        let mut sorted = times.get(window).cloned().unwrap_or_default();
        sorted.sort_unstable();
        let at = |share: usize| sorted.get(sorted.len() * share / 100).copied().unwrap_or(0);
        (sorted.len(), at(50), at(99))
    }
}

fn begin_number(last: Option<i64>) -> i64 {
    last.map_or(0, |last| last + 1)
}

fn write_one(client: &mut Client, topic: &str, number: i64) -> Result<i64, CallError> {
    let batch = BatchBuilder::new().record(now_ms(), None, Some(&number.to_be_bytes())).build();
    client.send_produce(topic, -1, &[(0, &batch)])?;
    let answers = client.produced()?;
    match answers.first() {
        Some(answer) if answer.code.is_none() => Ok(answer.base_offset),
        other => Err(CallError::Wrong(format!("Produce was answered by {other:?}"))),
    }
}

fn read_one(client: &mut Client, topic: &str, offset: i64, number: i64) -> Result<(), CallError> {
    let wrong = |text: String| CallError::Wrong(text);
    let fetched = client.fetch(topic, 0, offset)?;
    if !fetched.code.is_none() {
        return Err(wrong(format!("Fetch at {offset} was answered by {}", fetched.code)));
    }
    let batch = batches(&fetched.records).next().and_then(Result::ok);
    let batch = batch.ok_or_else(|| wrong(format!("no record at {offset}")))?;
    let value = number.to_be_bytes();
    let is_ours = batch.records_bytes().windows(value.len()).any(|window| window == value);
    if batch.base_offset() == offset && is_ours {
        Ok(())
    } else {
        Err(wrong(format!("a foreign record at {offset}")))
    }
}
