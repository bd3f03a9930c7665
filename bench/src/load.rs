//! The load of the produce rows: a closed loop with a fixed number of requests in flight.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::client::Client;
use crate::encoded;

/// What one run of a closed loop gave.
#[derive(Debug)]
pub struct Run {
    /// Requests answered.
    pub requests: usize,
    /// From the first request sent to the last answer read.
    pub elapsed: Duration,
    /// From each request's send to its answer, in ascending order.
    latencies: Vec<Duration>,
}

impl Run {
    /// The latency that `percent` of the requests stay within.
    pub fn latency(&self, percent: f64) -> Duration {
        let last = self.latencies.len().saturating_sub(1);
        let at = (last as f64 * percent / 100.0).round() as usize;
        self.latencies.get(at).copied().unwrap_or_default()
    }

    /// Answers in a second.
    pub fn requests_per_s(&self) -> f64 {
        self.requests as f64 / self.elapsed.as_secs_f64()
    }
}

/// Sends `produce` `count` times with at most `in_flight` of them unanswered; any error answer ends the run.
pub fn closed_loop(
    client: &mut Client,
    produce: &[u8],
    count: usize,
    in_flight: usize,
) -> Result<Run, String> {
    let failed = |error: std::io::Error| format!("the connection failed: {error}");
    let begin = Instant::now();
    let mut sent_at = VecDeque::with_capacity(in_flight);
    let mut latencies = Vec::with_capacity(count);
    let mut sent = 0;
    while latencies.len() < count {
        let burst = (in_flight - sent_at.len()).min(count - sent);
        if burst > 0 {
            sent_at.extend(std::iter::repeat_n(Instant::now(), burst));
            client.send_many(produce, burst).map_err(failed)?;
            sent += burst;
        }
        loop {
            encoded::produced_offset(client.receive().map_err(failed)?)?;
            latencies.extend(sent_at.pop_front().map(|sent_at| sent_at.elapsed()));
            if !client.has_answer() {
                break;
            }
        }
    }
    let elapsed = begin.elapsed();
    latencies.sort_unstable();
    Ok(Run { requests: latencies.len(), elapsed, latencies })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::null_server;

    #[test]
    fn a_closed_loop_gets_as_many_answers_as_it_sent_requests() {
        let address = null_server::start(encoded::produce_answer("t")).unwrap();
        let mut client = Client::connect(address, Instant::now()).unwrap();
        let produce = encoded::produce("t", 1, &encoded::batch(500, 100));
        let run = closed_loop(&mut client, &produce, 103, 5).unwrap();
        assert_eq!((run.requests, run.latencies.len()), (103, 103));
        assert!(run.latency(50.0) <= run.latency(99.0) && run.latency(99.0) <= run.elapsed);
    }

    #[test]
    fn an_answer_that_is_no_success_ends_the_run() {
        let address = null_server::start(vec![0, 0, 0, 6, 0, 0, 0, 0, 0, 0]).unwrap();
        let mut client = Client::connect(address, Instant::now()).unwrap();
        let produce = encoded::produce("t", 1, &encoded::batch(500, 100));
        assert!(closed_loop(&mut client, &produce, 5, 5).is_err());
    }
}
