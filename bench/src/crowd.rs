//! Many connections at once: a crowd with some requests each in flight, and connections that do nothing.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use rustix::buffer::spare_capacity;
use rustix::event::epoll;

use crate::client::Client;
use crate::encoded::{Produce, admin};
use crate::latency::Latencies;
use crate::load::{Run, thread_cpu};

/// How long nothing at all may happen before the run is given up.
const QUIET_MAX: rustix::fs::Timespec = rustix::fs::Timespec { tv_sec: 60, tv_nsec: 0 };

/// When a crowd stops sending.
#[derive(Debug, Clone, Copy)]
pub enum Until {
    /// After so many requests of all connections together.
    Answers(usize),
    /// At this time.
    Time(Instant),
}

impl Until {
    /// How many of `wanted` more requests may be sent.
    fn more(self, wanted: usize, sent: usize, now: Instant) -> usize {
        match self {
            Until::Answers(count) => wanted.min(count - sent),
            Until::Time(end) if now < end => wanted,
            Until::Time(_) => 0,
        }
    }
}

/// A request that is sent again and again, and how its answer has to look.
pub trait Exchange {
    /// The whole frame.
    fn frame(&self) -> &[u8];

    /// Tells what is wrong with an answer.
    fn check(&self, answer: &[u8]) -> Result<(), String>;
}

impl Exchange for Produce {
    fn frame(&self) -> &[u8] {
        &self.frame
    }

    fn check(&self, answer: &[u8]) -> Result<(), String> {
        self.base_offset(answer).map(drop)
    }
}

/// Sends requests over all connections at once, `in_flight` of them unanswered on each, and waits for the last answer;
/// connection `n` sends `requests[n % requests.len()]`.
pub fn closed_loops(
    clients: &mut [Client],
    requests: &[impl Exchange],
    in_flight: usize,
    until: Until,
) -> Result<Run, String> {
    let failed = |error: std::io::Error| format!("a connection failed: {error}");
    let ready = epoll::create(epoll::CreateFlags::CLOEXEC).map_err(|error| error.to_string())?;
    for (number, client) in (0..).zip(clients.iter()) {
        epoll::add(&ready, client.stream(), epoll::EventData::new_u64(number), epoll::EventFlags::IN)
            .map_err(|error| error.to_string())?;
    }
    let mut events = Vec::with_capacity(clients.len());
    let mut latencies = Latencies::new();
    let cpu_before = thread_cpu();
    let begin = Instant::now();
    let (mut now, mut sent, mut answered) = (begin, 0, 0);
    let mut sent_at = vec![VecDeque::with_capacity(in_flight); clients.len()];
    for ((client, request), sent_at) in clients.iter_mut().zip(requests.iter().cycle()).zip(&mut sent_at) {
        let more = until.more(in_flight, sent, now);
        client.send_many(request.frame(), more).map_err(failed)?;
        sent_at.extend(std::iter::repeat_n(now, more));
        sent += more;
    }
    while answered < sent {
        events.clear();
        let waited = epoll::wait(&ready, spare_capacity(&mut events), Some(&QUIET_MAX));
        if waited.map_err(|error| error.to_string())? == 0 {
            return Err("no answer for a minute".to_owned());
        }
        for event in &events {
            let number = event.data.u64() as usize;
            let (Some(client), Some(sent_at)) = (clients.get_mut(number), sent_at.get_mut(number)) else {
                continue;
            };
            let Some(request) = requests.get(number % requests.len()) else { continue };
            let Some(answer) = client.receive_now().map_err(failed)? else { continue };
            request.check(answer)?;
            now = Instant::now();
            let mut together = 1;
            // All that one read brought.
            while client.has_answer() {
                request.check(client.receive().map_err(failed)?)?;
                together += 1;
            }
            for sent_at in sent_at.drain(..together.min(sent_at.len())) {
                latencies.record(now - sent_at);
            }
            answered += together;
            let more = until.more(together, sent, now);
            if more > 0 {
                client.send_many(request.frame(), more).map_err(failed)?;
                sent_at.extend(std::iter::repeat_n(now, more));
                sent += more;
            }
        }
    }
    Ok(Run { requests: answered, elapsed: now - begin, latencies, cpu: thread_cpu() - cpu_before })
}

/// Connections that asked for the broker's versions, as any client does, and say nothing more.
pub fn idle_connections(address: SocketAddr, count: usize) -> Result<Vec<TcpStream>, String> {
    let request = admin::api_versions();
    let mut answer = Vec::new();
    let mut connect = || -> std::io::Result<TcpStream> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(Duration::from_secs(60)))?;
        stream.write_all(&request)?;
        let mut size = [0; 4];
        stream.read_exact(&mut size)?;
        answer.resize(u32::from_be_bytes(size) as usize, 0);
        stream.read_exact(&mut answer)?;
        Ok(stream)
    };
    (0..count)
        .map(|_| connect())
        .collect::<Result<_, _>>()
        .map_err(|error| format!("cannot connect: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoded;
    use crate::null_server::{self, Waiting};

    #[test]
    fn all_connections_of_a_crowd_are_served_and_every_request_is_counted_once() {
        let requests = ["a", "b", "c"].map(|topic| Produce::new(topic, 1, &encoded::batch(100, 100)));
        let answer = requests[0].answer();
        let address = null_server::start(&requests[0].frame, &answer, Waiting::Spinning).unwrap();
        let mut clients: Vec<Client> =
            (0..20).map(|_| Client::connect(address, Instant::now()).unwrap()).collect();
        for (count, in_flight) in [(7, 1), (1003, 1), (7, 5), (1003, 5)] {
            let run = closed_loops(&mut clients, &requests, in_flight, Until::Answers(count)).unwrap();
            assert_eq!((run.requests, run.latencies.count() as usize), (count, count));
        }
        let end = Instant::now() + Duration::from_millis(20);
        let run = closed_loops(&mut clients, &requests, 5, Until::Time(end)).unwrap();
        assert!(run.requests >= 100 && run.latencies.count() as usize == run.requests);
        // Nothing is left unanswered.
        assert_eq!(closed_loops(&mut clients, &requests, 5, Until::Answers(9)).unwrap().requests, 9);
    }

    #[test]
    fn idle_connections_stay_open() {
        let request = admin::api_versions();
        let address = null_server::start(&request, &[0, 0, 0, 1, 9], Waiting::Sleeping).unwrap();
        let idle = idle_connections(address, 10).unwrap();
        for stream in &idle {
            stream.set_nonblocking(true).unwrap();
            let nothing_yet = (&*stream).read(&mut [0]).unwrap_err();
            assert_eq!(nothing_yet.kind(), std::io::ErrorKind::WouldBlock);
        }
    }
}
