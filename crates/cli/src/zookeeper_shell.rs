//! `zookeeper-shell` and `zkCli`: reads what stands where ZooKeeper was, by commands on the line or on standard input. It
//! prints what ZooKeeper's own shell prints where there is no JLine, and refuses to write.

mod commands;
mod line;
mod printing;

use std::collections::VecDeque;
use std::io::BufRead;
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::Duration;

use zookeeper::client::{Client, ClientError, Heard, Servers};

use self::commands::Done;
use crate::{FAILED, Output};

pub(crate) const USAGE: &str =
    "USAGE: zookeeper-shell zookeeper_host:port[/path] [-zk-tls-config-file file] [args...]";
/// Lines that `history` and `redo` know.
const HISTORY_MAX: usize = 1_000;

/// What a command line asks for.
#[derive(Debug, PartialEq, Eq)]
struct Opening {
    server: String,
    timeout: Duration,
    may_be_read_only: bool,
    /// The command to run; none to take them from standard input.
    command: Vec<String>,
}

impl Opening {
    /// Reads the words after the name.
    fn parse(arguments: &[String]) -> Result<Opening, String> {
        let mut opening = Opening {
            server: format!("localhost:{}", zookeeper::DEFAULT_PORT),
            timeout: Duration::from_secs(30),
            may_be_read_only: false,
            command: Vec::new(),
        };
        let mut words = arguments.iter();
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or(format!("Error: no argument found for option {word}"));
            match word.as_str() {
                "-server" => opening.server.clone_from(value()?),
                "-timeout" => {
                    let text = value()?;
                    let ms = text
                        .parse()
                        .map_err(|_| format!("-timeout {text}: a number of milliseconds is expected"))?;
                    opening.timeout = Duration::from_millis(ms);
                }
                "-r" => opening.may_be_read_only = true,
                "-waitforconnection" => {}
                "-zk-tls-config-file" | "-client-configuration" => {
                    return Err(format!("{word} {}: TLS is not spoken at the ZooKeeper listener", value()?));
                }
                option if option.starts_with('-') => {}
                command => {
                    opening.command = [command.to_owned()].into_iter().chain(words.cloned()).collect();
                    break;
                }
            }
        }
        Ok(opening)
    }
}

/// `zookeeper-shell HOST:PORT [COMMAND]`.
pub(crate) fn run(arguments: &[String], output: &mut Output<'_>) -> u8 {
    if arguments.is_empty() {
        // As Kafka's script, on standard output.
        let _ = writeln!(output.out, "{USAGE}");
        return FAILED;
    }
    let server = ["-server".to_owned()];
    open(&[&server, arguments].concat(), output)
}

/// `zkCli [-server HOST:PORT] [COMMAND]`.
pub(crate) fn zk_cli(arguments: &[String], output: &mut Output<'_>) -> u8 {
    open(arguments, output)
}

fn open(arguments: &[String], output: &mut Output<'_>) -> u8 {
    let opening = match Opening::parse(arguments) {
        Ok(opening) => opening,
        Err(sentence) => return output.fail(sentence),
    };
    let (say, said) = mpsc::channel();
    let mut shell = Shell {
        server: opening.server.clone(),
        opening,
        link: Link::Lost,
        generation: 0,
        prints_watches: true,
        history: VecDeque::new(),
        next_number: 0,
        code: 0,
        say,
        output,
    };
    match shell.run(&said) {
        Ok(code) => code,
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => 0,
        Err(error) => output.fail(format!("standard output cannot be written: {error}")),
    }
}

/// The connection to the server.
enum Link {
    /// It is there.
    Open(Client),
    /// It has gone, or could not be made; the next command tries again.
    Lost,
    /// It was closed by the user.
    Closed,
}

/// What comes from threads.
enum Said {
    Line(String),
    End,
    /// From the connection of that number.
    Heard(u64, Heard),
}

struct Shell<'a, 'o> {
    server: String,
    opening: Opening,
    link: Link,
    generation: u64,
    prints_watches: bool,
    history: VecDeque<(usize, String)>,
    next_number: usize,
    /// Exit code of the last command.
    code: u8,
    say: Sender<Said>,
    output: &'a mut Output<'o>,
}

impl Shell<'_, '_> {
    fn run(&mut self, said: &Receiver<Said>) -> std::io::Result<u8> {
        writeln!(self.output.out, "Connecting to {}", self.server)?;
        if !self.opening.command.is_empty() {
            self.connect()?;
            let command = self.opening.command.clone();
            self.execute(&command)?;
            self.close();
            return Ok(self.code);
        }
        writeln!(self.output.out, "Welcome to ZooKeeper!\nJLine support is disabled")?;
        self.output.out.flush()?;
        self.connect()?;
        let lines = self.say.clone();
        std::thread::spawn(move || read_lines(&lines));
        while let Ok(said) = said.recv() {
            match said {
                Said::Line(line) if line.is_empty() => {}
                Said::Line(line) => {
                    let words = line::words(&line);
                    if self.history.len() == HISTORY_MAX {
                        self.history.pop_front();
                    }
                    self.history.push_back((self.next_number, line));
                    if self.execute(&words)? == Done::Quit {
                        break;
                    }
                    self.next_number += 1;
                }
                Said::End => break,
                Said::Heard(generation, heard) if generation == self.generation => self.hear(heard)?,
                Said::Heard(..) => {}
            }
            self.output.out.flush()?;
        }
        self.close();
        Ok(self.code)
    }

    /// Connects, and says so; why it cannot is what the next command tells.
    fn connect(&mut self) -> std::io::Result<()> {
        self.generation += 1;
        let (say, generation) = (self.say.clone(), self.generation);
        // Nobody listens where the shell has ended.
        let hear = move |heard| drop(say.send(Said::Heard(generation, heard)));
        let servers = Servers::parse(&self.server)
            .map_err(|sentence| ClientError::Lost(std::io::Error::other(sentence)));
        let opened = servers.and_then(|servers| {
            Client::connect(&servers, self.opening.timeout, self.opening.may_be_read_only, hear)
        });
        match opened {
            Ok(client) => {
                let state = if client.is_read_only() { "ConnectedReadOnly" } else { "SyncConnected" };
                self.link = Link::Open(client);
                self.print_event(state, "None", "null")
            }
            Err(_) => {
                self.link = Link::Lost;
                Ok(())
            }
        }
    }

    fn hear(&mut self, heard: Heard) -> std::io::Result<()> {
        match heard {
            Heard::Event(event) => self.print_event("SyncConnected", event.kind.name(), &event.path),
            Heard::Disconnected => {
                self.link = Link::Lost;
                self.print_event("Disconnected", "None", "null")
            }
        }
    }

    fn print_event(&mut self, state: &str, kind: &str, path: &str) -> std::io::Result<()> {
        if !self.prints_watches {
            return Ok(());
        }
        writeln!(self.output.out, "\nWATCHER::\n\nWatchedEvent state:{state} type:{kind} path:{path}")?;
        self.output.out.flush()
    }

    /// Ends the session; where it has ended already, nothing is left to do.
    fn close(&mut self) {
        self.generation += 1;
        if let Link::Open(client) = std::mem::replace(&mut self.link, Link::Closed) {
            let _ = client.close();
        }
    }
}

fn read_lines(say: &Sender<Said>) {
    for line in std::io::stdin().lock().lines() {
        let Ok(line) = line else { break };
        if say.send(Said::Line(line)).is_err() {
            return;
        }
    }
    // Nobody listens where the shell has ended.
    let _ = say.send(Said::End);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opening(line: &str) -> Result<Opening, String> {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        Opening::parse(&words)
    }

    #[test]
    fn options_come_before_the_command() {
        let found = opening("-server a:1/b -r -timeout 500 ls -s /").unwrap();
        assert_eq!((found.server.as_str(), found.timeout), ("a:1/b", Duration::from_millis(500)));
        assert!(found.may_be_read_only);
        assert_eq!(found.command, ["ls", "-s", "/"]);
        assert_eq!(opening("").unwrap().server, "localhost:2181");
        assert_eq!(opening("-server").unwrap_err(), "Error: no argument found for option -server");
        assert!(opening("-timeout soon").is_err());
        assert!(opening("-zk-tls-config-file f ls /").unwrap_err().contains("TLS"));
    }

    #[test]
    fn without_a_server_a_command_tells_that_it_is_not_there() {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let server = format!("127.0.0.1:{port}");
        let call = |words: &[&str]| {
            let (mut out, mut err) = (Vec::new(), Vec::new());
            let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
            let code = run(&words, &mut Output { out: &mut out, err: &mut err });
            (code, String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
        };
        let expected = (
            1,
            format!("Connecting to {server}\n"),
            "KeeperErrorCode = ConnectionLoss for /brokers/ids\n".to_owned(),
        );
        assert_eq!(call(&[&server, "ls", "/brokers/ids"]), expected);
        let (code, _, err) = call(&[&server, "frob"]);
        assert!(code == 127 && err.ends_with("\nCommand not found: Command not found frob\n"), "{err}");
        assert_eq!(call(&[]).1, format!("{USAGE}\n"));
    }
}
