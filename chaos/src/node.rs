//! A node as a process of its own: started, killed, stopped, looked at.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};

/// How long a node may take to end, or to say that it is ready, before a round fails.
const STEP_MAX: Duration = Duration::from_secs(70);

/// How a node is started, over all its starts.
#[derive(Debug, Clone)]
pub struct NodeHome {
    executable: PathBuf,
    /// Its log directories; the first holds the metadata log.
    pub dirs: Vec<PathBuf>,
    output_folder: PathBuf,
    port: u16,
    more_listeners: String,
    settings: Vec<String>,
}

/// A running node; killed when dropped.
#[derive(Debug)]
pub struct Node {
    /// Where it listens.
    pub address: SocketAddr,
    /// What it writes.
    pub output: PathBuf,
    child: Child,
}

impl NodeHome {
    /// A node that writes its output to `folder` and keeps its data in `dirs`.
    pub fn new(folder: &Path, dirs: &[PathBuf], settings: &[&str]) -> Result<NodeHome, String> {
        let port = free_port()?;
        Ok(NodeHome {
            executable: executable()?,
            dirs: dirs.to_vec(),
            output_folder: folder.to_owned(),
            port,
            more_listeners: String::new(),
            settings: settings.iter().map(|setting| (*setting).to_owned()).collect(),
        })
    }

    /// The same with another listener.
    pub fn with_listener(mut self, name: &str, port: u16) -> NodeHome {
        self.more_listeners += &format!(",{name}://127.0.0.1:{port}");
        self
    }

    /// Starts the process; it may not answer yet.
    pub fn start(&self) -> Result<Node, String> {
        self.start_under(&[])
    }

    /// As [`NodeHome::start`], with that many descriptors at most.
    pub fn start_with_descriptors(&self, count: usize) -> Result<Node, String> {
        let script = format!("ulimit -n {count} && exec \"$@\"");
        self.start_under(&["sh".to_owned(), "-c".to_owned(), script, "sh".to_owned()])
    }

    /// As [`NodeHome::start`], with the command line behind that of another program.
    pub fn start_under(&self, words: &[String]) -> Result<Node, String> {
        let output = self.output_folder.join("node.log");
        // What the starts before have said stays readable for one more start.
        let _ = fs::rename(&output, output.with_extension("before"));
        let failed = |error: std::io::Error| format!("cannot start {}: {error}", self.executable.display());
        let file = File::create(&output).map_err(failed)?;
        let errors = file.try_clone().map_err(failed)?;
        let dirs: Vec<String> = self.dirs.iter().map(|dir| dir.display().to_string()).collect();
        let own = [
            "node.id=1".to_owned(),
            format!("listeners=PLAINTEXT://127.0.0.1:{}{}", self.port, self.more_listeners),
            format!("log.dirs={}", dirs.join(",")),
            "metrics.listener=127.0.0.1:0".to_owned(),
        ];
        let mut command = match words.split_first() {
            None => Command::new(&self.executable),
            Some((program, arguments)) => {
                let mut command = Command::new(program);
                command.args(arguments).arg(&self.executable);
                command
            }
        };
        command.current_dir(&self.output_folder).env_remove("LOG_DIR").arg("server");
        for setting in own.iter().chain(&self.settings) {
            command.arg("--override").arg(setting);
        }
        let child = command.stdin(Stdio::null()).stdout(file).stderr(errors).spawn().map_err(failed)?;
        Ok(Node { address: SocketAddr::from((Ipv4Addr::LOCALHOST, self.port)), output, child })
    }
}

impl Node {
    /// What it has written since its start.
    pub fn said(&self) -> String {
        fs::read_to_string(&self.output).unwrap_or_default()
    }

    /// The end of what it has written, for a report.
    pub fn last_words(&self) -> String {
        let said = self.said();
        let lines: Vec<&str> = said.lines().collect();
        lines.get(lines.len().saturating_sub(12)..).unwrap_or_default().join("\n")
    }

    /// The process.
    pub fn process_id(&self) -> u32 {
        self.child.id()
    }

    /// How it ended, if it has.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// Stops all its threads where they are; from then on it sends nothing.
    pub fn freeze(&self) -> Result<(), String> {
        let pid = Pid::from_child(&self.child);
        let failed = |error: rustix::io::Errno| format!("the node was not frozen: {error}");
        kill_process(pid, Signal::STOP).map_err(failed)?;
        // Comes back once the last thread has returned from the kernel.
        let changed = waitpid(Some(pid), WaitOptions::UNTRACED).map_err(failed)?;
        match changed {
            Some((_, status)) if status.stopped() => Ok(()),
            other => Err(format!("the node was to be frozen and is {other:?}")),
        }
    }

    /// kill -9, and the end of the process.
    pub fn kill(mut self) -> Result<(), String> {
        self.child.kill().and_then(|()| self.child.wait()).map(drop).map_err(|error| error.to_string())
    }

    /// A clean stop; an error where it does not end or does not end well.
    pub fn stop(mut self) -> Result<(), String> {
        kill_process(Pid::from_child(&self.child), Signal::TERM).map_err(|error| error.to_string())?;
        match self.wait_for_end()? {
            status if status.success() => Ok(()),
            status => Err(format!("the stop ended with {status}:\n{}", self.last_words())),
        }
    }

    /// Waits until it ends by itself.
    pub fn wait_for_end(&mut self) -> Result<ExitStatus, String> {
        let deadline = Instant::now() + STEP_MAX;
        loop {
            if let Some(status) = self.ended() {
                return Ok(status);
            }
            if Instant::now() > deadline {
                return Err(format!("the node does not end:\n{}", self.last_words()));
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // One that has ended already fails both, and nothing is left to do.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A port that was free a moment ago.
pub fn free_port() -> Result<u16, String> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(|error| error.to_string())?;
    Ok(listener.local_addr().map_err(|error| error.to_string())?.port())
}

/// `$NARU`, or what was built beside this program.
fn executable() -> Result<PathBuf, String> {
    let beside = || {
        let own = std::env::current_exe().ok()?;
        let folders = own.ancestors().skip(1).map(|folder| folder.join("naru"));
        folders.take(2).find(|path| path.is_file())
    };
    let path = std::env::var_os("NARU").map(PathBuf::from).or_else(beside);
    let path = path.ok_or("no executable 'naru' beside this program: cargo build --release -p launcher")?;
    path.canonicalize().map_err(|error| format!("{}: {error}", path.display()))
}
