//! Both servers, started on empty folders with the same settings and stopped at the end.

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
    ("log.retention.check.interval.ms", "300000"),
    ("socket.request.max.bytes", "8388608"),
];

/// What only Kafka is given, so that a script need not wait for its broker to follow its controller.
const KAFKA_ONLY: &[(&str, &str)] = &[("metadata.max.idle.interval.ms", "20")];

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

/// Starts both at the same time, each in a folder of its own.
pub fn start_both(folder: &Path, kafka_libraries: &Path, naru: &Path) -> Result<(Server, Server), String> {
    let mut kafka = start_kafka(&folder.join("kafka"), kafka_libraries)?;
    let mut naru = start_naru(&folder.join("naru"), naru)?;
    kafka.wait()?;
    naru.wait()?;
    Ok((kafka, naru))
}

fn start_naru(folder: &Path, executable: &Path) -> Result<Server, String> {
    let [port, _] = free_ports()?;
    let executable = executable.canonicalize().map_err(|error| {
        format!("{}: {error} (build it with cargo build -p launcher)", executable.display())
    })?;
    let mut command = Command::new(executable);
    command.arg("server");
    let own = [
        ("listeners", format!("PLAINTEXT://127.0.0.1:{port}")),
        ("log.dirs", folder.join("data").display().to_string()),
        ("metrics.listener", "127.0.0.1:0".to_owned()),
    ];
    let both = BOTH.iter().map(|(key, value)| (*key, (*value).to_owned()));
    for (key, value) in own.into_iter().chain(both) {
        command.arg("--override").arg(format!("{key}={value}"));
    }
    spawn(Side::Naru, folder, port, command)
}

fn start_kafka(folder: &Path, libraries: &Path) -> Result<Server, String> {
    let [port, controller_port] = free_ports()?;
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
    for (key, value) in BOTH.iter().chain(KAFKA_ONLY) {
        text += &format!("{key}={value}\n");
    }
    fs::write(&settings, text).map_err(|error| error.to_string())?;
    fs::write(&logging, LOGGING).map_err(|error| error.to_string())?;
    let java = |main_class: &str| {
        let mut command = Command::new("java");
        command.args(JVM).arg(format!("-Dlog4j2.configurationFile={}", logging.display()));
        command.arg("-cp").arg(libraries.join("*")).arg(main_class);
        command
    };
    let formatted = java("kafka.tools.StorageTool")
        .args(["format", "--standalone", "-t", "AAAAAAAAQACAAAAAAAAAAA", "-c"])
        .arg(&settings)
        .output()
        .map_err(|error| format!("cannot run java: {error}"))?;
    if !formatted.status.success() {
        return Err(format!("formatting failed: {}", String::from_utf8_lossy(&formatted.stderr)));
    }
    let mut command = java("kafka.Kafka");
    command.arg(&settings);
    spawn(Side::Kafka, folder, port, command)
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
