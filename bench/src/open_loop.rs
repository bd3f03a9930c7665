//! Requests sent at a steady rate whatever the server does; latency counts from when each was meant to be sent.

use std::num::NonZeroU64;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, poll};

use crate::client::Client;
use crate::encoded::Produce;
use crate::encoded::fetch::{self, FetchSession};
use crate::latency::Latencies;

/// A request sent later than this behind its time missed the schedule.
const LATE_MAX: Duration = Duration::from_millis(1);
/// Share of requests that may miss the schedule before the run is void.
const MISSED_SHARE_MAX: f64 = 0.01;
/// Requests sent at most before answers are taken: a server that cannot get rid of its answers reads nothing.
const BURST_MAX: u32 = 64;
/// How long answers may take after the last request.
const ANSWERS_MAX: Duration = Duration::from_secs(60);

/// When each request is meant to be sent.
#[derive(Debug, Clone, Copy)]
pub struct Schedule {
    /// Time of the first.
    pub begin: Instant,
    /// From one to the next.
    pub interval: Duration,
    /// How many.
    pub count: u32,
}

impl Schedule {
    /// `rate_per_s` for some seconds, a little from now on.
    pub fn soon(rate_per_s: u32, seconds: f64) -> Schedule {
        Schedule {
            begin: Instant::now() + Duration::from_millis(50),
            interval: Duration::from_secs(1) / rate_per_s,
            count: ((f64::from(rate_per_s) * seconds) as u32).max(1),
        }
    }

    /// When request `number` is meant to be sent.
    pub fn intended(&self, number: u32) -> Instant {
        self.begin + self.interval * number
    }
}

/// What one run gave.
#[derive(Debug)]
pub struct OpenRun {
    /// From each request's intended time to its answer.
    pub latencies: Latencies,
    /// Share of the requests that were sent too late.
    pub missed_share: f64,
    /// Answers in a second, from the first request's time to the last answer.
    pub requests_per_s: f64,
}

impl OpenRun {
    /// True where so many requests were late that the latencies are the generator's own.
    pub fn is_void(&self) -> bool {
        self.missed_share > MISSED_SHARE_MAX
    }
}

/// Sends on schedule until `go_on` says no or the schedule ends, and waits for all answers.
pub fn run(
    client: &mut Client,
    produce: &Produce,
    schedule: Schedule,
    mut go_on: impl FnMut() -> bool,
) -> Result<OpenRun, String> {
    let failed = |error: std::io::Error| format!("the connection failed: {error}");
    let _prompt = Prompt::wake();
    let mut latencies = Latencies::new();
    let (mut count, mut sent, mut answered, mut missed) = (schedule.count, 0, 0, 0);
    while answered < count {
        let now = Instant::now();
        let first = sent;
        while sent < count && sent - first < BURST_MAX && schedule.intended(sent) <= now {
            missed += u32::from(now - schedule.intended(sent) > LATE_MAX);
            sent += 1;
        }
        client.send_many(&produce.frame, (sent - first) as usize).map_err(failed)?;
        while let Some(answer) = client.receive_now().map_err(failed)? {
            produce.base_offset(answer)?;
            latencies.record(Instant::now().saturating_duration_since(schedule.intended(answered)));
            answered += 1;
        }
        if sent < count && !go_on() {
            count = sent;
        }
        let next = if sent < count { schedule.intended(sent) } else { schedule.intended(sent) + ANSWERS_MAX };
        let now = Instant::now();
        if sent == count && now > next {
            return Err(format!("{} requests were never answered", count - answered));
        }
        if answered < count && next > now {
            wait_for_answer(client, next - now)?;
        }
    }
    let requests_per_s = f64::from(answered) / schedule.begin.elapsed().as_secs_f64();
    Ok(OpenRun { latencies, missed_share: f64::from(missed) / f64::from(sent.max(1)), requests_per_s })
}

/// Makes this thread wake in time: a sleep ends when it should, not up to 50 us later, and it goes before the threads
/// of the server. Both end with it, lest servers that are started later inherit them.
///
/// What the kernel refuses to grant shows as lateness of the run.
struct Prompt;

impl Prompt {
    const NICENESS: i32 = -15;

    fn wake() -> Prompt {
        let _ = rustix::thread::set_current_timer_slack(NonZeroU64::new(1));
        let _ = rustix::process::setpriority_process(None, Prompt::NICENESS);
        Prompt
    }
}

impl Drop for Prompt {
    fn drop(&mut self) {
        let _ = rustix::thread::set_current_timer_slack(None);
        let _ = rustix::process::setpriority_process(None, 0);
    }
}

/// Waits until something arrives, not a moment longer than `at_most`. (The other calls of this kind count in
/// milliseconds, which is several requests.)
fn wait_for_answer(client: &Client, at_most: Duration) -> Result<(), String> {
    let timeout =
        rustix::fs::Timespec { tv_sec: at_most.as_secs() as i64, tv_nsec: i64::from(at_most.subsec_nanos()) };
    match poll(&mut [PollFd::new(client.stream(), PollFlags::IN)], Some(&timeout)) {
        Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
        Err(error) => Err(error.to_string()),
    }
}

/// Reads the records of a schedule as they come, one record a request from `first_offset` on, and tells for each how
/// long after its intended time it was there.
pub fn tail(
    client: &mut Client,
    topic: &str,
    first_offset: i64,
    schedule: Schedule,
) -> Result<Latencies, String> {
    let mut session = FetchSession::new(topic, 1 << 20);
    let mut latencies = Latencies::new();
    let end_offset = first_offset + i64::from(schedule.count);
    let give_up = schedule.intended(schedule.count) + ANSWERS_MAX;
    let mut offset = first_offset;
    while offset < end_offset {
        let answer = client.call(session.request_from(offset))?;
        let now = Instant::now();
        let head = fetch::head(answer)?;
        let next_offset = fetch::next_offset(answer, &head).unwrap_or(offset);
        session.answered(&head);
        for arrived in offset..next_offset {
            let number = u32::try_from(arrived - first_offset).map_err(|error| error.to_string())?;
            latencies.record(now.saturating_duration_since(schedule.intended(number)));
        }
        offset = next_offset;
        if now > give_up {
            return Err(format!("records from {offset} on never came"));
        }
    }
    Ok(latencies)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoded;
    use crate::null_server::{self, Waiting};

    #[test]
    fn every_request_of_the_schedule_is_sent_and_answered() {
        let produce = Produce::new("t", 1, &encoded::batch(100, 100));
        let address = null_server::start(&produce.frame, &produce.answer(), Waiting::Sleeping).unwrap();
        let mut client = Client::connect(address, Instant::now()).unwrap();
        let schedule = Schedule::soon(1000, 0.2);
        let run = run(&mut client, &produce, schedule, || true).unwrap();
        assert_eq!(run.latencies.count(), 200);
        assert!(Instant::now() >= schedule.intended(199), "nothing is sent before its time");
    }

    #[test]
    fn a_generator_that_starts_late_is_void_and_its_latencies_say_so() {
        let produce = Produce::new("t", 1, &encoded::batch(100, 100));
        let address = null_server::start(&produce.frame, &produce.answer(), Waiting::Sleeping).unwrap();
        let mut client = Client::connect(address, Instant::now()).unwrap();
        let late = Duration::from_millis(500);
        let begin = Instant::now().checked_sub(late).unwrap();
        let schedule = Schedule { begin, interval: Duration::from_millis(1), count: 100 };
        let run = run(&mut client, &produce, schedule, || true).unwrap();
        assert!(run.is_void());
        assert!(run.latencies.us(1.0) > 300_000.0, "counted from the intended time");
    }

    #[test]
    fn a_run_ends_when_it_is_told_to() {
        let produce = Produce::new("t", 1, &encoded::batch(100, 100));
        let address = null_server::start(&produce.frame, &produce.answer(), Waiting::Sleeping).unwrap();
        let mut client = Client::connect(address, Instant::now()).unwrap();
        let mut looks = 0;
        let run = run(&mut client, &produce, Schedule::soon(2000, 3600.0), || {
            looks += 1;
            looks < 20
        });
        assert!((1..=100).contains(&run.unwrap().latencies.count()));
    }
}
