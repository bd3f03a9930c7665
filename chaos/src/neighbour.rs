//! A well-behaved client beside hostile ones: it produces and reads back at a steady pace, and times each answer.

use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use records::{BatchBuilder, batches};

use crate::client::{CallError, Client};
use crate::load::now_ms;

const PACE: Duration = Duration::from_millis(4);

/// Its answers' times, apart for when it was left alone and when it was not.
#[derive(Debug, Default)]
pub struct Neighbour {
    disturbed: AtomicBool,
    stopped: AtomicBool,
    times_us: Mutex<[Vec<u64>; 2]>,
}

impl Neighbour {
    /// Says whether others trouble the node from now on.
    pub fn set_disturbed(&self, disturbed: bool) {
        self.disturbed.store(disturbed, Ordering::SeqCst);
    }

    /// Has [`Neighbour::run`] come back.
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::SeqCst);
    }

    /// Produces to partition 0 of a topic that is its alone, and reads each record back, until stopped. An answer that is
    /// wrong or missing is a finding. Returns how many records it wrote.
    pub fn run(&self, address: SocketAddr, topic: &str) -> Result<i64, String> {
        let said = |error: CallError| format!("the neighbour is not served: {}", error.into_text());
        let mut client = Client::connect(address).map_err(said)?;
        let mut number = None;
        while !self.stopped.load(Ordering::SeqCst) {
            let disturbed = self.disturbed.load(Ordering::SeqCst);
            let begin = Instant::now();
            let offset = write_one(&mut client, topic, begin_number(number)).map_err(said)?;
            let expected = number.map_or(offset, |last: i64| last + 1);
            if offset != expected {
                return Err(format!("the neighbour's record stands at {offset}, not at {expected}"));
            }
            read_one(&mut client, topic, offset, begin_number(number)).map_err(said)?;
            number = Some(offset);
            let taken = begin.elapsed();
            // What began in one kind of window and ended in another belongs to neither.
            if disturbed == self.disturbed.load(Ordering::SeqCst)
                && let Ok(mut times) = self.times_us.lock()
            {
                times[usize::from(disturbed)].push(taken.as_micros() as u64);
            }
            std::thread::sleep(PACE.saturating_sub(taken));
        }
        Ok(number.map_or(0, |last| last + 1))
    }

    /// How many were timed, and their p50 and p99 in µs.
    pub fn percentiles(&self, disturbed: bool) -> (usize, u64, u64) {
        let Ok(times) = self.times_us.lock() else { return (0, 0, 0) };
        let mut sorted = times[usize::from(disturbed)].clone();
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
