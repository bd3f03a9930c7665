//! What a small request costs a server that has no broker in it: the least that any broker on the same sockets and the
//! same file system can cost.
//!
//! The server is a process of its own, this program once more, so that its CPU is counted as a broker's is. A thread for
//! each core waits for requests with `epoll`, and does nothing but receive, append where that is wanted, and send.

use std::fs::File;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Instant;

use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::net::{AddressFamily, SocketType, sockopt};

use crate::client::Client;
use crate::crowd::{Until, closed_loops};
use crate::effort::Effort;
use crate::encoded::{Produce, batch};
use crate::placement::Placement;
use crate::{pairs, process, sides};

/// The option by which this program is started as the server.
pub const SERVE: &str = "--serve-floor";

const RECORD_BYTES: usize = 100;
/// Requests of one run at full effort, of a crowd and of a single connection.
const REQUESTS: [usize; 2] = [500_000, 50_000];
const CONNECTIONS: usize = 200;
/// Requests of each connection before anything is counted.
const WARM_UP: usize = 20;
const RUNS: usize = 5;
/// A request and a bit more; nobody sends a second one before it has the answer to the first.
const RECEIVE_BYTES: usize = 4 << 10;

/// Who sends requests, one at a time over each connection.
const SENDERS: [(&str, usize, Option<Placement>); 3] = [
    ("200 connections", CONNECTIONS, None),
    ("one connection, generator on a core of its own", 1, Some(Placement::Apart)),
    ("one connection, both on one core", 1, Some(Placement::Together)),
];

/// Measures, and prints CPU for each request.
pub fn run(options: &[&str]) -> Result<(), String> {
    let effort = Effort::of(options)?;
    let folder = sides::folder()?;
    println!("CPU us/request of a server that does nothing else (median of {RUNS} runs, least and greatest)");
    let mut folders = (0..).map(|number: usize| folder.path().join(number.to_string()));
    for (appends, work) in [(false, "receives and sends"), (true, "receives, appends and sends")] {
        for (sender, connections, placement) in SENDERS {
            let mut costs = Vec::new();
            for _ in 0..RUNS {
                let folder = folders.next().filter(|_| appends);
                costs.push(once(&effort, folder.as_deref(), connections, placement)?);
            }
            println!("  {work:<29}{sender:<48}{}", pairs::summary(costs));
        }
    }
    Ok(())
}

fn once(
    effort: &Effort,
    folder: Option<&Path>,
    connections: usize,
    placement: Option<Placement>,
) -> Result<f64, String> {
    if let Some(folder) = folder {
        std::fs::create_dir(folder)
            .map_err(|error| format!("cannot create {}: {error}", folder.display()))?;
    }
    let floor = Floor::start(folder)?;
    let requests = [request()];
    let connect = || Client::connect(floor.address, Instant::now()).map_err(|error| error.to_string());
    let mut clients = (0..connections).map(|_| connect()).collect::<Result<Vec<_>, _>>()?;
    let pid = floor.process.id();
    let _placed = placement.map(|placement| placement.take(pid)).transpose()?;
    closed_loops(&mut clients, &requests, 1, Until::Answers(WARM_UP * connections))?;
    let count = effort.scaled(REQUESTS[usize::from(connections == 1)]);
    let before = process::cpu_s(pid)?;
    let run = closed_loops(&mut clients, &requests, 1, Until::Answers(count))?;
    Ok((process::cpu_s(pid)? - before) * 1e6 / run.requests as f64)
}

fn request() -> Produce {
    Produce::new("floor", 1, &batch(RECORD_BYTES, RECORD_BYTES))
}

/// The server's process, as seen by who started it.
struct Floor {
    address: SocketAddr,
    process: Child,
}

impl Floor {
    fn start(folder: Option<&Path>) -> Result<Floor, String> {
        let failed = |error: io::Error| format!("cannot start a server: {error}");
        let mut command = Command::new(std::env::current_exe().map_err(failed)?);
        command.arg(SERVE).args(folder).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().map_err(failed)?;
        let mut port = [0; 2];
        let told = process.stdout.as_mut().map(|output| output.read_exact(&mut port));
        let floor =
            Floor { address: SocketAddr::from((Ipv4Addr::LOCALHOST, u16::from_be_bytes(port))), process };
        told.unwrap_or(Ok(())).map_err(failed)?;
        Ok(floor)
    }
}

impl Drop for Floor {
    fn drop(&mut self) {
        // One that has ended already needs no end.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Is the server: tells its port on standard output, and serves until standard input ends. It appends to a file for each core
/// in `folder`.
pub fn serve(folder: Option<&Path>) -> Result<(), String> {
    let failed = |error: io::Error| format!("cannot serve: {error}");
    let mut port = 0;
    for number in 0..thread::available_parallelism().map_err(failed)?.get() {
        let listener = listen(port).map_err(failed)?;
        port = listener.local_addr().map_err(failed)?.port();
        let file = folder.map(|folder| File::create(folder.join(number.to_string()))).transpose();
        let file = file.map_err(failed)?;
        thread::spawn(move || serve_core(&listener, file.as_ref()));
    }
    io::stdout().write_all(&port.to_be_bytes()).and_then(|()| io::stdout().flush()).map_err(failed)?;
    let mut nothing = [0];
    io::stdin().read(&mut nothing).map(drop).map_err(failed)
}

/// One of several listeners of the same port, among which the system divides the connections.
fn listen(port: u16) -> io::Result<TcpListener> {
    let socket = rustix::net::socket(AddressFamily::INET, SocketType::STREAM, None)?;
    sockopt::set_socket_reuseport(&socket, true)?;
    rustix::net::bind(&socket, &SocketAddr::from((Ipv4Addr::LOCALHOST, port)))?;
    rustix::net::listen(&socket, CONNECTIONS as i32)?;
    Ok(socket.into())
}

fn serve_core(listener: &TcpListener, file: Option<&File>) -> io::Result<()> {
    let answer = request().answer();
    let appended = batch(RECORD_BYTES, RECORD_BYTES);
    let mut append_at = 0;
    let mut received = vec![0; RECEIVE_BYTES];
    let ready = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    epoll::add(&ready, listener, EventData::new_u64(u64::MAX), EventFlags::IN)?;
    let mut streams: Vec<TcpStream> = Vec::new();
    let mut events = Vec::with_capacity(CONNECTIONS);
    loop {
        events.clear();
        epoll::wait(&ready, rustix::buffer::spare_capacity(&mut events), None)?;
        for event in &events {
            let Some(mut stream) = streams.get(event.data.u64() as usize) else {
                let (stream, _) = listener.accept()?;
                stream.set_nodelay(true)?;
                stream.set_nonblocking(true)?;
                let data = EventData::new_u64(streams.len() as u64);
                epoll::add(&ready, &stream, data, EventFlags::IN | EventFlags::ET)?;
                streams.push(stream);
                continue;
            };
            // A connection that ends is not heard of again.
            if !matches!(stream.read(&mut received), Ok(1..)) {
                continue;
            }
            if let Some(file) = file {
                file.write_all_at(&appended, append_at)?;
                append_at += appended.len() as u64;
            }
            stream.write_all(&answer)?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_request_is_answered_and_its_batch_is_in_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let listener = listen(0).unwrap();
        let address = listener.local_addr().unwrap();
        let path = folder.path().join("0");
        let file = File::create(&path).unwrap();
        thread::spawn(move || serve_core(&listener, Some(&file)));
        let mut clients = [(); 3].map(|()| Client::connect(address, Instant::now()).unwrap());
        let run = closed_loops(&mut clients, &[request()], 1, Until::Answers(100)).unwrap();
        assert_eq!(run.requests, 100);
        let written = std::fs::read(path).unwrap();
        let batch_bytes = batch(RECORD_BYTES, RECORD_BYTES).len();
        assert_eq!(written.len(), 100 * batch_bytes);
        assert!(written.chunks(batch_bytes).all(|batch| *batch == written[..batch_bytes]));
    }
}
