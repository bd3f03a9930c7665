//! A server of its own process, and a client that says what it is told to.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use protocol::{ApiKey, Message, Reader, Writer, encode_request_header};

/// How long a step of a server may take before a test fails.
const DEADLINE: Duration = Duration::from_secs(30);

/// A running `naru server`; dropping it kills it.
pub struct Node {
    child: Child,
    log: PathBuf,
}

impl Node {
    /// Starts a node with its data in `folder` and ports of the system's choice, unless `settings` say otherwise.
    pub fn spawn(folder: &Path, settings: &[&str]) -> Node {
        Node::run(command(folder, settings), folder)
    }

    /// Starts the command and keeps what it writes.
    pub fn run(mut command: Command, folder: &Path) -> Node {
        let log = folder.join(format!("{}.log", fs::read_dir(folder).unwrap().count()));
        let output = File::create(&log).unwrap();
        command.stdout(output.try_clone().unwrap()).stderr(output).stdin(Stdio::null());
        Node { child: command.spawn().unwrap(), log }
    }

    /// Starts a node and waits until it serves.
    pub fn ready(folder: &Path, settings: &[&str]) -> Node {
        let mut node = Node::spawn(folder, settings);
        node.wait_for(" is ready: ");
        node
    }

    pub fn output(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }

    /// Waits for a line with `fragment` and returns it.
    pub fn wait_for(&mut self, fragment: &str) -> String {
        let begin = Instant::now();
        loop {
            let output = self.output();
            if let Some(line) = output.lines().find(|line| line.contains(fragment)) {
                return line.to_owned();
            }
            let ended = self.child.try_wait().unwrap();
            assert!(
                ended.is_none() && begin.elapsed() < DEADLINE,
                "no '{fragment}' ({ended:?}) in:\n{output}"
            );
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits for the end, which must not be a clean one, and returns what was written.
    pub fn refused(&mut self) -> String {
        let status = self.wait();
        assert!(!status.success(), "{}", self.output());
        self.output()
    }

    pub fn wait(&mut self) -> ExitStatus {
        let begin = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(begin.elapsed() < DEADLINE, "still running:\n{}", self.output());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Address of a listener, from the ready line.
    pub fn address(&mut self, listener: &str) -> SocketAddr {
        let line = self.wait_for(" is ready: ");
        let start = format!("{listener}://");
        let rest = line.split_once(&start).unwrap_or_else(|| panic!("no {listener} in {line}")).1;
        rest.split([',', ' ']).next().unwrap().parse().unwrap()
    }

    pub fn connect(&mut self) -> Client {
        Client::connect(self.address("PLAINTEXT"))
    }

    pub fn process_id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The command of [`Node::spawn`].
pub fn command(folder: &Path, settings: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_naru"));
    command.current_dir(folder).env_remove("LOG_DIR").arg("server");
    let defaults = ["log.dirs=data", "listeners=PLAINTEXT://127.0.0.1:0", "metrics.listener=127.0.0.1:0"];
    for setting in defaults.iter().chain(settings) {
        command.args(["--override", setting]);
    }
    command
}

/// A port that was free a moment ago.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

pub struct Client {
    stream: TcpStream,
}

impl Client {
    pub fn connect(address: SocketAddr) -> Client {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        Client { stream }
    }

    /// Sends a request and hands the body of its answer to `read`.
    pub fn ask<'q, Q: Message<'q>, T>(
        &mut self,
        api_key: ApiKey,
        version: i16,
        request: &Q,
        read: impl FnOnce(&mut Reader<'_>) -> T,
    ) -> T {
        let mut writer = Writer::new();
        let place = writer.begin_frame();
        encode_request_header(&mut writer, api_key, version, 1, Some("test")).unwrap();
        request.encode(&mut writer, version).unwrap();
        writer.end_frame(place, 0).unwrap();
        self.stream.write_all(&writer.into_vec()).unwrap();
        let mut size = [0; 4];
        self.stream.read_exact(&mut size).unwrap();
        let mut frame = vec![0; i32::from_be_bytes(size) as usize];
        self.stream.read_exact(&mut frame).unwrap();
        let header = if api_key.response_header_version(version) >= 1 { 5 } else { 4 };
        read(&mut Reader::new(&frame[header..]))
    }
}

/// The answer to a GET: its first line and its body.
pub fn get(port: u16, path: &str) -> (String, String) {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.lines().next().unwrap().to_owned(), body.to_owned())
}
