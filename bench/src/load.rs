//! The load of one connection: a closed loop with a fixed number of requests in flight.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::client::Client;
use crate::encoded::Produce;
use crate::latency::Latencies;

/// What one run of a closed loop gave.
#[derive(Debug)]
pub struct Run {
    /// Requests answered.
    pub requests: usize,
    /// From the first request sent to the last answer read.
    pub elapsed: Duration,
    /// From each request's send to its answer.
    pub latencies: Latencies,
    /// CPU time that the sending thread took, the kernel's part included.
    pub cpu: Duration,
}

impl Run {
    /// Answers in a second.
    pub fn requests_per_s(&self) -> f64 {
        self.requests as f64 / self.elapsed.as_secs_f64()
    }

    /// The generator's own CPU for each, in microseconds.
    pub fn cpu_us(&self) -> f64 {
        self.cpu.as_secs_f64() * 1e6 / self.requests as f64
    }
}

/// CPU time of the calling thread so far.
pub fn thread_cpu() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// Sends `produce` `count` times with at most `in_flight` of them unanswered; any error answer ends the run.
pub fn closed_loop(
    client: &mut Client,
    produce: &Produce,
    count: usize,
    in_flight: usize,
) -> Result<Run, String> {
    let failed = |error: std::io::Error| format!("the connection failed: {error}");
    let mut sent_at = VecDeque::with_capacity(in_flight);
    let mut latencies = Latencies::new();
    let (mut sent, mut answered) = (0, 0);
    let cpu_before = thread_cpu();
    let begin = Instant::now();
    let mut now = begin;
    while answered < count {
        let burst = (in_flight - sent_at.len()).min(count - sent);
        if burst > 0 {
            sent_at.extend(std::iter::repeat_n(now, burst));
            client.send_many(&produce.frame, burst).map_err(failed)?;
            sent += burst;
        }
        produce.base_offset(client.receive().map_err(failed)?)?;
        // One look at the clock for all that one read brought, and for what is sent next.
        now = Instant::now();
        latencies.record(sent_at.pop_front().map_or(Duration::ZERO, |sent_at| now - sent_at));
        answered += 1;
        while client.has_answer() {
            produce.base_offset(client.receive().map_err(failed)?)?;
            latencies.record(sent_at.pop_front().map_or(Duration::ZERO, |sent_at| now - sent_at));
            answered += 1;
        }
    }
    Ok(Run { requests: answered, elapsed: now - begin, latencies, cpu: thread_cpu() - cpu_before })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoded;
    use crate::null_server::{self, Waiting};

    #[test]
    fn a_closed_loop_gets_as_many_answers_as_it_sent_requests() {
        let produce = Produce::new("t", 1, &encoded::batch(500, 100));
        let address = null_server::start(&produce.frame, &produce.answer(), Waiting::Sleeping).unwrap();
        let mut client = Client::connect(address, Instant::now()).unwrap();
        let run = closed_loop(&mut client, &produce, 103, 5).unwrap();
        assert_eq!((run.requests, run.latencies.count()), (103, 103));
        assert!(run.latencies.us(50.0) <= run.latencies.us(99.0));
        assert!(run.requests_per_s() > 0.0 && run.cpu_us() > 0.0);
    }

    #[test]
    fn an_answer_that_is_no_success_ends_the_run() {
        let produce = Produce::new("t", 1, &encoded::batch(500, 100));
        let answer = [0, 0, 0, 6, 0, 0, 0, 0, 0, 0];
        let address = null_server::start(&produce.frame, &answer, Waiting::Sleeping).unwrap();
        let mut client = Client::connect(address, Instant::now()).unwrap();
        assert!(closed_loop(&mut client, &produce, 5, 5).is_err());
    }
}
