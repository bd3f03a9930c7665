//! Server processes: started, measured, paused, ended or killed, and started again on the same data.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::client::Client;
use crate::encoded::admin;
use crate::product::{Layout, Product};

/// How long a server may take until it answers; a recovery may take long.
const START_MAX: Duration = Duration::from_secs(300);
/// How long a server may take to end after SIGTERM before it is killed; Kafka syncs every partition.
const STOP_MAX: Duration = Duration::from_secs(300);

/// A server that is ready to be started: its directory is laid out and, where the product wants it, formatted.
#[derive(Debug)]
pub struct Prepared {
    product: Product,
    address: SocketAddr,
    folder: PathBuf,
    program: PathBuf,
    arguments: Vec<OsString>,
}

impl Prepared {
    /// Lays out a single broker with its data in `folder`, which is created.
    pub fn in_folder(product: Product, folder: &Path, layout: &Layout<'_>) -> Result<Prepared, String> {
        fs::create_dir_all(folder).map_err(|error| format!("cannot create {}: {error}", folder.display()))?;
        let ports = free_ports()?;
        let (program, arguments) = layout.command(product, folder, ports)?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, ports[0]));
        Ok(Prepared { product, address, folder: folder.to_path_buf(), program, arguments })
    }

    /// The same with its program run by another one, which is given these arguments before it.
    pub fn under(self, program: &str, arguments: Vec<OsString>) -> Prepared {
        let inner = std::iter::once(self.program.into()).chain(self.arguments);
        Prepared { arguments: arguments.into_iter().chain(inner).collect(), program: program.into(), ..self }
    }

    /// Starts the process and returns at its first answer to ApiVersions. May be repeated once a server has ended.
    pub fn start(&self) -> Result<Server, String> {
        let log = self.folder.join("server.log");
        let output = OpenOptions::new().create(true).append(true).open(&log);
        let output = output.map_err(|error| format!("cannot write {}: {error}", log.display()))?;
        let errors = output.try_clone().map_err(|error| error.to_string())?;
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).current_dir(&self.folder).stdin(Stdio::null());
        command.stdout(output).stderr(errors);
        let begin = Instant::now();
        let child = command.spawn().map_err(|error| format!("cannot start {}: {error}", self.product))?;
        let mut server = Server {
            product: self.product,
            address: self.address,
            folder: self.folder.clone(),
            begin,
            start_time: Duration::ZERO,
            child,
        };
        if let Err(error) = server.first_answer(begin + START_MAX) {
            let output = fs::read_to_string(&log).unwrap_or_default();
            let tail: Vec<&str> = output.lines().rev().take(10).collect();
            let tail: Vec<&str> = tail.into_iter().rev().collect();
            return Err(format!("{} does not answer: {error}\n{}", self.product, tail.join("\n")));
        }
        server.start_time = begin.elapsed();
        Ok(server)
    }
}

/// A running server; stopped when dropped.
#[derive(Debug)]
pub struct Server {
    /// Whose it is.
    pub product: Product,
    /// Where it listens.
    pub address: SocketAddr,
    /// Where its data and its log are.
    pub folder: PathBuf,
    /// When its process was started.
    pub begin: Instant,
    /// From the start of the process to its first answer.
    pub start_time: Duration,
    child: Child,
}

impl Server {
    /// A connection to it.
    pub fn connect(&self) -> Result<Client, String> {
        let deadline = Instant::now() + START_MAX;
        Client::connect(self.address, deadline)
            .map_err(|error| format!("cannot reach {}: {error}", self.product))
    }

    /// Number of its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// CPU seconds of all its threads, those that ended included.
    pub fn cpu_s(&self) -> Result<f64, String> {
        cpu_s(self.pid()).map_err(|error| format!("{}: {error}", self.product))
    }

    /// Per cent of one core that it uses within `time` from now.
    pub fn cpu_percent(&self, time: Duration) -> Result<f64, String> {
        let (begin, before) = (Instant::now(), self.cpu_s()?);
        std::thread::sleep(time);
        Ok((self.cpu_s()? - before) / begin.elapsed().as_secs_f64() * 100.0)
    }

    /// Bytes of memory it holds at the moment.
    pub fn resident_bytes(&self) -> Result<u64, String> {
        counter(&self.proc_file("status")?, "VmRSS:")
            .map(|kib| kib * 1024)
            .ok_or_else(|| format!("{} has no resident memory", self.product))
    }

    /// Mebibytes of memory it holds at the moment.
    pub fn resident_mib(&self) -> Result<f64, String> {
        Ok(self.resident_bytes()? as f64 / f64::from(1 << 20))
    }

    /// How often in a second its threads are woken, over `time` from now; of those that end meanwhile nobody knows.
    pub fn wake_ups_per_s(&self, time: Duration) -> Result<f64, String> {
        let (begin, before) = (Instant::now(), self.sleeps()?);
        std::thread::sleep(time);
        let woken = self.sleeps()?.into_iter().map(|(thread, count)| {
            let earlier = before.get(&thread).copied().unwrap_or(0);
            count.saturating_sub(earlier)
        });
        Ok(woken.sum::<u64>() as f64 / begin.elapsed().as_secs_f64())
    }

    /// How often each of its threads has gone to sleep so far.
    fn sleeps(&self) -> Result<BTreeMap<OsString, u64>, String> {
        let path = format!("/proc/{}/task", self.child.id());
        let failed = |error: std::io::Error| format!("cannot read {path}: {error}");
        let mut sleeps = BTreeMap::new();
        for thread in fs::read_dir(&path).map_err(failed)? {
            let thread = thread.map_err(failed)?;
            // It may have ended in between.
            let status = fs::read_to_string(thread.path().join("status")).unwrap_or_default();
            sleeps.insert(thread.file_name(), counter(&status, "voluntary_ctxt_switches:").unwrap_or(0));
        }
        Ok(sleeps)
    }

    /// Bytes that its reads have brought from the disk so far.
    pub fn disk_read_bytes(&self) -> Result<u64, String> {
        counter(&self.proc_file("io")?, "read_bytes:")
            .ok_or_else(|| format!("{} has no input counters", self.product))
    }

    /// Stops its threads until [`Server::resume`].
    pub fn pause(&self) -> Result<(), String> {
        self.signal(Signal::STOP)
    }

    /// Lets its threads go on.
    pub fn resume(&self) -> Result<(), String> {
        self.signal(Signal::CONT)
    }

    /// Ends it as an operator would, and waits until it is gone.
    pub fn stop(mut self) -> Result<(), String> {
        self.signal(Signal::TERM)?;
        let deadline = Instant::now() + STOP_MAX;
        while matches!(self.child.try_wait(), Ok(None)) {
            if Instant::now() > deadline {
                return Err(format!("{} does not end", self.product));
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }

    /// Kills it without any chance to write, and waits until it is gone.
    pub fn kill(mut self) -> Result<(), String> {
        let killed = self.child.kill().and_then(|()| self.child.wait());
        killed.map(drop).map_err(|error| format!("cannot kill {}: {error}", self.product))
    }

    fn first_answer(&mut self, deadline: Instant) -> Result<(), String> {
        let request = admin::api_versions();
        while Instant::now() < deadline {
            if let Ok(Some(status)) = self.child.try_wait() {
                return Err(format!("the process ended with {status}"));
            }
            let soon = Instant::now() + Duration::from_millis(20);
            if let Ok(mut client) = Client::connect(self.address, soon) {
                return admin::api_versions_answered(client.call(&request)?);
            }
        }
        Err("the time is over".to_owned())
    }

    fn signal(&self, signal: Signal) -> Result<(), String> {
        kill_process(Pid::from_child(&self.child), signal)
            .map_err(|error| format!("cannot signal {}: {error}", self.product))
    }

    fn proc_file(&self, name: &str) -> Result<String, String> {
        let path = format!("/proc/{}/{name}", self.child.id());
        fs::read_to_string(&path).map_err(|error| format!("cannot read {path}: {error}"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if !matches!(self.child.try_wait(), Ok(None)) {
            return;
        }
        // A process that ends in between fails this, and then there is nothing left to stop.
        let _ = self.signal(Signal::TERM).and_then(|()| self.resume());
        let deadline = Instant::now() + STOP_MAX;
        while matches!(self.child.try_wait(), Ok(None)) {
            if Instant::now() > deadline {
                let _ = self.child.kill();
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

/// CPU seconds of all threads of a process, those that ended included.
pub fn cpu_s(pid: u32) -> Result<f64, String> {
    let failed = |error| format!("process {pid} has no CPU clock: {error}");
    let id = i32::try_from(pid).map_err(|error| error.to_string())?;
    let clock = nix::time::clock_getcpuclockid(nix::unistd::Pid::from_raw(id)).map_err(failed)?;
    Ok(Duration::from(clock.now().map_err(failed)?).as_secs_f64())
}

/// Most mebibytes of memory that a process has held so far; `None` where it has ended.
pub fn peak_resident_mib(pid: u32) -> Option<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    counter(&status, "VmHWM:").map(|kib| kib as f64 / 1024.0)
}

/// Writes all dirty pages of the file system that holds `folder`, so that a run begins without the debts of the one
/// before.
pub fn write_back(folder: &Path) -> Result<(), String> {
    let synced = File::open(folder).and_then(|file| Ok(rustix::fs::syncfs(file)?));
    synced.map_err(|error| format!("cannot write back {}: {error}", folder.display()))
}

fn free_ports() -> Result<[u16; 2], String> {
    let bind = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(|error| error.to_string());
    // Both are held at the same time, so that they differ.
    let listeners = [bind()?, bind()?];
    let mut ports = [0; 2];
    for (port, listener) in ports.iter_mut().zip(&listeners) {
        *port = listener.local_addr().map_err(|error| error.to_string())?.port();
    }
    Ok(ports)
}

/// The number behind `name` at the beginning of a line.
fn counter(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_told_from_others_with_similar_names() {
        assert_eq!(counter("VmHWM:\t 900 kB\nVmRSS:\t 512 kB\nRssAnon:\t 1 kB\n", "VmRSS:"), Some(512));
        assert_eq!(counter("read_bytes: 4096\n", "read_bytes:"), Some(4096));
        assert_eq!(counter("Name:\tx\n", "VmRSS:"), None);
    }

    fn sleeper() -> Server {
        Server {
            product: Product::Naru,
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, 1)),
            folder: PathBuf::new(),
            begin: Instant::now(),
            start_time: Duration::ZERO,
            child: Command::new("sleep").arg("600").spawn().unwrap(),
        }
    }

    fn is_there(pid: u32) -> bool {
        Path::new(&format!("/proc/{pid}")).exists()
    }

    #[test]
    fn a_dropped_server_is_stopped_even_while_paused() {
        let server = sleeper();
        let pid = server.pid();
        assert!(server.resident_mib().unwrap() > 0.0);
        // On a busy machine a new process waits for its first turn.
        let began = Instant::now();
        while server.cpu_s().unwrap() == 0.0 && began.elapsed() < Duration::from_secs(60) {
            std::thread::sleep(Duration::from_millis(1));
        }
        // The clock is its own, not that of who asks.
        assert!((f64::MIN_POSITIVE..1.0).contains(&server.cpu_s().unwrap()));
        server.pause().unwrap();
        drop(server);
        assert!(!is_there(pid));
    }

    #[test]
    fn a_server_that_was_stopped_or_killed_is_gone() {
        for end in [Server::stop, Server::kill] {
            let server = sleeper();
            let pid = server.pid();
            end(server).unwrap();
            assert!(!is_there(pid));
        }
    }
}
