//! Many connections at once: a crowd with one request each in flight, and connections that do nothing.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use rustix::buffer::spare_capacity;
use rustix::event::epoll;

use crate::client::Client;
use crate::encoded::{Produce, admin};
use crate::latency::Latencies;
use crate::load::Run;

/// How long nothing at all may happen before the run is given up.
const QUIET_MAX: rustix::fs::Timespec = rustix::fs::Timespec { tv_sec: 60, tv_nsec: 0 };

/// Sends `count` requests over all connections together, one in flight on each; connection `n` sends
/// `requests[n % requests.len()]`.
pub fn closed_loops(clients: &mut [Client], requests: &[Produce], count: usize) -> Result<Run, String> {
    let failed = |error: std::io::Error| format!("a connection failed: {error}");
    let ready = epoll::create(epoll::CreateFlags::CLOEXEC).map_err(|error| error.to_string())?;
    for (number, client) in (0..).zip(clients.iter()) {
        epoll::add(&ready, client.stream(), epoll::EventData::new_u64(number), epoll::EventFlags::IN)
            .map_err(|error| error.to_string())?;
    }
    let mut events = Vec::with_capacity(clients.len());
    let mut latencies = Latencies::new();
    let begin = Instant::now();
    let mut now = begin;
    let mut sent_at = vec![begin; clients.len()];
    let mut sent = clients.len().min(count);
    for (client, produce) in clients.iter_mut().zip(requests.iter().cycle()).take(sent) {
        client.send(&produce.frame).map_err(failed)?;
    }
    let mut answered = 0;
    while answered < count {
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
            let Some(produce) = requests.get(number % requests.len()) else { continue };
            let Some(answer) = client.receive_now().map_err(failed)? else { continue };
            produce.base_offset(answer)?;
            now = Instant::now();
            latencies.record(now - *sent_at);
            answered += 1;
            if sent < count {
                *sent_at = now;
                client.send(&produce.frame).map_err(failed)?;
                sent += 1;
            }
        }
    }
    Ok(Run { requests: answered, elapsed: now - begin, latencies })
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
        for count in [7, 1003] {
            let run = closed_loops(&mut clients, &requests, count).unwrap();
            assert_eq!((run.requests, run.latencies.count() as usize), (count, count));
        }
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
