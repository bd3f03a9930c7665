//! Both servers, started on empty folders with the same settings, started again on what they left, stopped.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::session::Side;

const START_MAX: Duration = Duration::from_secs(90);
const STOP_MAX: Duration = Duration::from_secs(10);

/// What both are given beyond their defaults.
const BOTH: &[(&str, &str)] = &[
    ("offsets.topic.replication.factor", "1"),
    ("transaction.state.log.replication.factor", "1"),
    ("transaction.state.log.min.isr", "1"),
    ("share.coordinator.state.topic.replication.factor", "1"),
    ("share.coordinator.state.topic.min.isr", "1"),
    ("group.initial.rebalance.delay.ms", "0"),
    ("broker.rack", "rack-a"),
    // Records of the scripts are of 1970: nobody is to look for old ones, however long a slow machine takes.
    ("log.initial.task.delay.ms", "3600000"),
    ("log.retention.check.interval.ms", "300000"),
    ("socket.request.max.bytes", "8388608"),
];

/// What both are given in addition when they are started again.
const AGAIN: &[(&str, &str)] = &[
    ("delete.topic.enable", "false"),
    ("auto.create.topics.enable", "false"),
    ("max.incremental.fetch.session.cache.slots", "0"),
];

/// What only Kafka is given, so that a script need not wait for its broker to follow its controller.
const KAFKA_ONLY: &[(&str, &str)] =
    &[("metadata.max.idle.interval.ms", "5"), ("controller.quorum.append.linger.ms", "1")];

/// Options of its virtual machine: a short start counts, throughput does not.
const JVM: &[&str] = &["-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto"];

const LOGGING: &str = "Configuration:
  Appenders: { Console: { name: STDOUT, PatternLayout: { pattern: \"[%d] %p %m (%c)%n\" } } }
  Loggers: { Root: { level: WARN, AppenderRef: { ref: STDOUT } } }
";

/// A running server; stopped when dropped.
pub struct Server {
    /// Where it listens.
    pub address: SocketAddr,
    side: Side,
    log: PathBuf,
    child: Child,
}

/// Where both servers keep their data and listen, over a restart too.
pub struct Homes<'a> {
    /// Folder of both.
    pub folder: &'a Path,
    /// Folder of Kafka's jars.
    pub kafka_libraries: &'a Path,
    /// Naru's executable.
    pub naru: &'a Path,
    ports: [u16; 3],
}

impl<'a> Homes<'a> {
    /// Empty folders below `folder`.
    pub fn new(folder: &'a Path, kafka_libraries: &'a Path, naru: &'a Path) -> Result<Homes<'a>, String> {
        Ok(Homes { folder, kafka_libraries, naru, ports: free_ports()? })
    }

    /// Starts both at the same time, for the first time or again.
    pub fn start(&self) -> Result<(Server, Server), String> {
        let folder = self.folder.join("one");
        let is_again = folder.join("data/meta.properties").exists();
        let more = if is_again { AGAIN } else { &[] };
        let mut kafka = self.start_kafka(&folder, is_again, more)?;
        let mut naru = self.start_naru(&self.folder.join("two"), more)?;
        kafka.wait()?;
        naru.wait()?;
        Ok((kafka, naru))
    }

    fn start_naru(&self, folder: &Path, more: &[(&str, &str)]) -> Result<Server, String> {
        let port = self.ports[0];
        let executable = self.naru.canonicalize().map_err(|error| {
            format!("{}: {error} (build it with cargo build -p launcher)", self.naru.display())
        })?;
        let mut command = Command::new(executable);
        command.arg("server");
        let own = [
            ("listeners", format!("PLAINTEXT://127.0.0.1:{port}")),
            ("log.dirs", folder.join("data").display().to_string()),
            ("metrics.listener", "127.0.0.1:0".to_owned()),
        ];
        let both = BOTH.iter().chain(more).map(|(key, value)| (*key, (*value).to_owned()));
        for (key, value) in own.into_iter().chain(both) {
            command.arg("--override").arg(format!("{key}={value}"));
        }
        spawn(Side::Naru, folder, port, command)
    }

    fn start_kafka(&self, folder: &Path, is_again: bool, more: &[(&str, &str)]) -> Result<Server, String> {
        let [_, port, controller_port] = self.ports;
        fs::create_dir_all(folder).map_err(|error| error.to_string())?;
        let settings = folder.join("server.properties");
        let logging = folder.join("log4j2.yaml");
        let listeners = format!("PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}");
        let mut text = format!(
            "process.roles=broker,controller\nnode.id=1\n\
             controller.quorum.bootstrap.servers=127.0.0.1:{controller_port}\n\
             listeners={listeners}\nadvertised.listeners={listeners}\n\
             controller.listener.names=CONTROLLER\n\
             listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT\n\
             log.dirs={}\n",
            folder.join("data").display()
        );
        for (key, value) in BOTH.iter().chain(more).chain(KAFKA_ONLY) {
            text += &format!("{key}={value}\n");
        }
        fs::write(&settings, text).map_err(|error| error.to_string())?;
        fs::write(&logging, LOGGING).map_err(|error| error.to_string())?;
        let java = |main_class: &str| {
            let mut command = Command::new("java");
            command.args(JVM).arg(format!("-Dlog4j2.configurationFile={}", logging.display()));
            command.arg("-cp").arg(self.kafka_libraries.join("*")).arg(main_class);
            command
        };
        if !is_again {
            let formatted = java("kafka.tools.StorageTool")
                .args(["format", "--standalone", "-t", "AAAAAAAAQACAAAAAAAAAAA", "-c"])
                .arg(&settings)
                .output()
                .map_err(|error| format!("cannot run java: {error}"))?;
            if !formatted.status.success() {
                return Err(format!("formatting failed: {}", String::from_utf8_lossy(&formatted.stderr)));
            }
        }
        let mut command = java("kafka.Kafka");
        command.arg(&settings);
        spawn(Side::Kafka, folder, port, command)
    }
}

fn spawn(side: Side, folder: &Path, port: u16, mut command: Command) -> Result<Server, String> {
    fs::create_dir_all(folder).map_err(|error| error.to_string())?;
    let log = folder.join("server.log");
    let output = File::create(&log).map_err(|error| error.to_string())?;
    let errors = output.try_clone().map_err(|error| error.to_string())?;
    command.current_dir(folder).stdin(Stdio::null()).stdout(output).stderr(errors);
    let child = command.spawn().map_err(|error| format!("cannot start {side:?}: {error}"))?;
    Ok(Server { address: SocketAddr::from((Ipv4Addr::LOCALHOST, port)), side, log, child })
}

impl Server {
    fn wait(&mut self) -> Result<(), String> {
        let deadline = Instant::now() + START_MAX;
        while TcpStream::connect(self.address).is_err() {
            let ended = self.child.try_wait().ok().flatten();
            if ended.is_some() || Instant::now() > deadline {
                return Err(format!("{:?} does not start:\n{}", self.side, self.log_text()));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// What it has logged.
    pub fn log_text(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // A process that is gone already fails this, and then there is nothing left to stop.
        let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
        let deadline = Instant::now() + STOP_MAX;
        while matches!(self.child.try_wait(), Ok(None)) {
            if Instant::now() > deadline {
                let _ = self.child.kill();
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

fn free_ports() -> Result<[u16; 3], String> {
    let bind = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(|error| error.to_string());
    // All are held at the same time, so that they differ.
    let listeners = [bind()?, bind()?, bind()?];
    let mut ports = [0; 3];
    for (port, listener) in ports.iter_mut().zip(&listeners) {
        *port = listener.local_addr().map_err(|error| error.to_string())?.port();
    }
    Ok(ports)
}
