//! Server processes: how each product is started, what it has used, and how it is stopped.

use std::fmt;
use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::client::Client;
use crate::encoded;

/// Ticks per second of the times in `/proc/PID/stat`; Linux shows user space 100 on every machine.
const TICKS_PER_S: f64 = 100.0;
/// How long a server may take until it answers.
const START_MAX: Duration = Duration::from_secs(60);
/// How long a server may take to end after SIGTERM before it is killed.
const STOP_MAX: Duration = Duration::from_secs(20);

/// Heap and collector of the distribution's start script.
const KAFKA_JVM: [&str; 7] = [
    "-Xms1G",
    "-Xmx1G",
    "-server",
    "-XX:+UseG1GC",
    "-XX:MaxGCPauseMillis=20",
    "-XX:InitiatingHeapOccupancyPercent=35",
    "-XX:+ExplicitGCInvokesConcurrent",
];

const KAFKA_LOGGING: &str = "\
Configuration:
  Appenders: { Console: { name: STDOUT, PatternLayout: { pattern: \"[%d] %p %m (%c)%n\" } } }
  Loggers: { Root: { level: WARN, AppenderRef: { ref: STDOUT } } }
";

/// What both servers are given beyond their defaults: a server that is stopped while the other runs must not
/// count as lost, and the files of a deleted topic must go before the next measurement.
const BOTH: [(&str, &str); 5] = [
    ("broker.session.timeout.ms", "3600000"),
    ("log.segment.delete.delay.ms", "1000"),
    ("offsets.topic.replication.factor", "1"),
    ("transaction.state.log.replication.factor", "1"),
    ("transaction.state.log.min.isr", "1"),
];

/// Whose server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Product {
    /// Apache Kafka 4.3.1.
    Kafka,
    /// This project.
    Naru,
}

impl fmt::Display for Product {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Product::Kafka => "Kafka",
            Product::Naru => "Naru",
        })
    }
}

/// A server that is ready to be started: its directory is laid out and, where the product wants it, formatted.
#[derive(Debug)]
pub struct Prepared {
    product: Product,
    address: SocketAddr,
    log: PathBuf,
    command: Command,
}

impl Prepared {
    /// Lays out a single broker with its data in `folder`, which is created.
    pub fn in_folder(product: Product, folder: &Path) -> Result<Prepared, String> {
        fs::create_dir_all(folder).map_err(|error| format!("cannot create {}: {error}", folder.display()))?;
        let [port, controller_port] = free_ports()?;
        let mut command = match product {
            Product::Kafka => kafka(folder, port, controller_port)?,
            Product::Naru => naru(folder, port)?,
        };
        let log = folder.join("server.log");
        let output = File::create(&log).map_err(|error| error.to_string())?;
        let errors = output.try_clone().map_err(|error| error.to_string())?;
        command.current_dir(folder).stdin(Stdio::null()).stdout(output).stderr(errors);
        Ok(Prepared { product, address: SocketAddr::from((Ipv4Addr::LOCALHOST, port)), log, command })
    }

    /// Starts the process and returns at its first answer to ApiVersions.
    pub fn start(mut self) -> Result<Server, String> {
        let begin = Instant::now();
        let child =
            self.command.spawn().map_err(|error| format!("cannot start {}: {error}", self.product))?;
        let mut server =
            Server { product: self.product, address: self.address, child, start_time: Duration::ZERO };
        if let Err(error) = server.first_answer(begin + START_MAX) {
            let output = fs::read_to_string(&self.log).unwrap_or_default();
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

    /// CPU seconds of all its threads, those that ended included, in steps of 10 ms.
    pub fn cpu_s(&self) -> Result<f64, String> {
        cpu_ticks(&self.proc_file("stat")?)
            .map(|ticks| ticks as f64 / TICKS_PER_S)
            .ok_or_else(|| format!("{} has no CPU times", self.product))
    }

    /// Bytes of memory it holds at the moment.
    pub fn resident_bytes(&self) -> Result<u64, String> {
        resident_kib(&self.proc_file("status")?)
            .map(|kib| kib * 1024)
            .ok_or_else(|| format!("{} has no resident memory", self.product))
    }

    /// Stops its threads until [`Server::resume`].
    pub fn pause(&self) -> Result<(), String> {
        self.signal(Signal::STOP)
    }

    /// Lets its threads go on.
    pub fn resume(&self) -> Result<(), String> {
        self.signal(Signal::CONT)
    }

    fn first_answer(&mut self, deadline: Instant) -> Result<(), String> {
        let request = encoded::api_versions();
        while Instant::now() < deadline {
            if let Ok(Some(status)) = self.child.try_wait() {
                return Err(format!("the process ended with {status}"));
            }
            let soon = Instant::now() + Duration::from_millis(20);
            if let Ok(mut client) = Client::connect(self.address, soon) {
                return encoded::api_versions_answered(client.call(&request)?);
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
        // A process that is gone already fails all of this, and then there is nothing left to stop.
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

/// The folder of the sources.
fn root() -> &'static Path {
    let bench = Path::new(env!("CARGO_MANIFEST_DIR"));
    bench.parent().unwrap_or(bench)
}

/// The folder of what was built.
pub fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

fn naru(folder: &Path, port: u16) -> Result<Command, String> {
    let executable = std::env::var_os("NARU").map_or_else(|| target().join("release/naru"), PathBuf::from);
    // The command runs in another folder, where a relative path would be wrong.
    let executable = executable
        .canonicalize()
        .map_err(|error| format!("{}: {error} (cargo build --release)", executable.display()))?;
    let mut command = Command::new(executable);
    command.arg("server");
    let own = [
        ("listeners", format!("PLAINTEXT://127.0.0.1:{port}")),
        ("log.dirs", folder.join("data").display().to_string()),
        ("metrics.listener", "127.0.0.1:0".to_owned()),
    ];
    let both = BOTH.map(|(key, value)| (key, value.to_owned()));
    for (key, value) in own.into_iter().chain(both) {
        command.arg("--override").arg(format!("{key}={value}"));
    }
    Ok(command)
}

fn kafka(folder: &Path, port: u16, controller_port: u16) -> Result<Command, String> {
    let libraries = kafka_libraries()?;
    let settings = folder.join("server.properties");
    let logging = folder.join("log4j2.yaml");
    let write = |path: &Path, text: &str| {
        fs::write(path, text).map_err(|error| format!("cannot write {}: {error}", path.display()))
    };
    write(&settings, &kafka_settings(folder, port, controller_port))?;
    write(&logging, KAFKA_LOGGING)?;
    let java = |main_class: &str, options: &[&str]| {
        let mut command = Command::new("java");
        command.args(options).arg(format!("-Dlog4j2.configurationFile={}", logging.display()));
        command.arg("-cp").arg(libraries.join("*")).arg(main_class);
        command
    };
    let format = java("kafka.tools.StorageTool", &["-Xmx256m"])
        .args(["format", "--standalone", "-t", "AAAAAAAAQACAAAAAAAAAAA", "-c"])
        .arg(&settings)
        .output()
        .map_err(|error| format!("cannot run java: {error}"))?;
    if !format.status.success() {
        return Err(format!("formatting failed: {}", String::from_utf8_lossy(&format.stderr)));
    }
    let mut command = java("kafka.Kafka", &KAFKA_JVM);
    command.arg(&settings);
    Ok(command)
}

/// The properties of one combined broker and controller.
fn kafka_settings(folder: &Path, port: u16, controller_port: u16) -> String {
    let listeners = format!("PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}");
    let mut text = format!(
        "process.roles=broker,controller\nnode.id=1\n\
         controller.quorum.bootstrap.servers=127.0.0.1:{controller_port}\n\
         listeners={listeners}\nadvertised.listeners={listeners}\n\
         controller.listener.names=CONTROLLER\n\
         listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT\n\
         share.coordinator.state.topic.replication.factor=1\nshare.coordinator.state.topic.min.isr=1\n\
         log.dirs={}\n",
        folder.join("data").display()
    );
    for (key, value) in BOTH {
        text += &format!("{key}={value}\n");
    }
    text
}

/// Kafka's jars, installed by the checks of `compat` where they are not there yet.
fn kafka_libraries() -> Result<PathBuf, String> {
    let libraries = root().join("target/compat/kafka/libs");
    if !libraries.join("kafka_2.13-4.3.1.jar").exists() {
        let mut install = Command::new("python3");
        install.args(["-c", "import install; install.kafka_tools()"]).current_dir(root().join("compat"));
        install.status().map_err(|error| format!("cannot run python3: {error}"))?;
    }
    if libraries.join("kafka_2.13-4.3.1.jar").exists() {
        Ok(libraries)
    } else {
        Err("Apache Kafka is missing: its installation needs Java 17, Maven and Python 3".to_owned())
    }
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

/// User and system time of a `/proc/PID/stat` line; the name in parentheses may hold anything.
fn cpu_ticks(stat: &str) -> Option<u64> {
    let (_, behind_name) = stat.rsplit_once(')')?;
    let mut times = behind_name.split_whitespace().skip(11);
    Some(times.next()?.parse::<u64>().ok()? + times.next()?.parse::<u64>().ok()?)
}

fn resident_kib(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_time_is_read_behind_a_name_with_spaces_and_parentheses() {
        let stat = "7 (a) (b c) S 1 7 7 0 -1 4194560 10 0 0 0 250 50 3 4 20 0 9 0 100 200 300";
        assert_eq!(cpu_ticks(stat), Some(300));
        assert_eq!(cpu_ticks("7 (a) S 1"), None);
    }

    #[test]
    fn resident_memory_is_told_from_the_other_sizes() {
        assert_eq!(resident_kib("VmHWM:\t 900 kB\nVmRSS:\t 512 kB\nRssAnon:\t 1 kB\n"), Some(512));
        assert_eq!(resident_kib("Name:\tx\n"), None);
    }

    #[test]
    fn a_dropped_server_is_stopped_even_while_paused() {
        let child = Command::new("sleep").arg("600").spawn().unwrap();
        let pid = child.id();
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 1));
        let server = Server { product: Product::Naru, address, start_time: Duration::ZERO, child };
        assert!(server.resident_bytes().unwrap() > 0);
        assert!(server.cpu_s().unwrap() < 1.0);
        server.pause().unwrap();
        drop(server);
        assert!(!Path::new(&format!("/proc/{pid}")).exists());
    }
}
