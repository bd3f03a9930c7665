//! `zookeeper-server-start`, `zookeeper-server-stop` and `zkServer`: what they start is part of every server. They look
//! whether one answers ZooKeeper clients, and tell what there is to do.

use std::path::{Path, PathBuf};
use std::time::Duration;

use zookeeper::client::{self, Servers};

use crate::files::properties_or_sentence;
use crate::{FAILED, Output, VERSION};

/// How long a server may take to answer.
const ANSWER_MAX: Duration = Duration::from_secs(5);
pub(crate) const USAGE_START: &str = "USAGE: zookeeper-server-start [-daemon] zookeeper.properties";
pub(crate) const USAGE_ZK_SERVER: &str =
    "Usage: zkServer.sh [--config <conf-dir>] {start|start-foreground|stop|version|restart|status|print-cmd}";
/// What nobody has to start, and how ZooKeeper clients are served.
const BUILT_IN: &str =
    "there is no ZooKeeper to start: naru servers keep the cluster's metadata in a quorum of their own";

/// Where a properties file has ZooKeeper's clients connect.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    host: String,
    port: u16,
    is_tls: bool,
}

/// What answers there.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Found {
    /// A naru server; its mode.
    Naru(String),
    /// A ZooKeeper; its mode.
    Other(String),
    /// Nothing.
    Nothing,
}

/// `zookeeper-server-start [-daemon] FILE`: ends well where a server of ours answers already.
pub(crate) fn start(arguments: &[String], output: &mut Output<'_>) -> u8 {
    let mut words = arguments.iter().filter(|word| !matches!(word.as_str(), "-daemon" | "-loggc"));
    let Some(file) = words.next() else { return output.fail(USAGE_START) };
    let place = place_of(Path::new(file), output);
    let (code, sentence) = started(&place);
    if code == 0 {
        told(&sentence, output)
    } else {
        output.fail(format!("zookeeper-server-start: {sentence}"))
    }
}

/// `zookeeper-server-stop`: there never is one of its own to stop.
pub(crate) fn stop(_: &[String], output: &mut Output<'_>) -> u8 {
    // As Kafka's script, on standard output.
    if told("No zookeeper server to stop", output) == 0 {
        output
            .fail("what answers ZooKeeper clients is part of a naru server: 'kafka-server-stop' stops that");
    }
    FAILED
}

/// `zookeeper-security-migration`: refuses.
pub(crate) fn migrate_security(_: &[String], output: &mut Output<'_>) -> u8 {
    output.fail(
        "zookeeper-security-migration: there is no ZooKeeper whose nodes could get access lists: metadata lives in the built-in \
         quorum, which only its servers write; who may do what with the cluster is set with 'kafka-acls'",
    )
}

/// `zkServer COMMAND`, with the lines of ZooKeeper's script.
pub(crate) fn zk_server(arguments: &[String], variables: &[(String, String)], output: &mut Output<'_>) -> u8 {
    let (folder, words) = match arguments {
        [option, folder, words @ ..] if option == "--config" => (folder.clone(), words),
        words => {
            let set = variables.iter().find(|(name, value)| name == "ZOOCFGDIR" && !value.is_empty());
            (set.map_or_else(|| "conf".to_owned(), |(_, folder)| folder.clone()), words)
        }
    };
    let Some((command, rest)) = words.split_first() else { return output.fail(USAGE_ZK_SERVER) };
    let file = match rest.first() {
        Some(file) if file.contains('/') => PathBuf::from(file),
        Some(file) => Path::new(&folder).join(file),
        None => Path::new(&folder).join("zoo.cfg"),
    };
    output.fail(format!("ZooKeeper JMX enabled by default\nUsing config: {}", file.display()));
    match command.as_str() {
        "status" => status(&file, output),
        "start" | "start-foreground" => start_again(&file, output),
        "stop" => stop_again(output),
        "restart" => {
            stop_again(output);
            start_again(&file, output)
        }
        "version" => {
            let version = zookeeper::ZOOKEEPER_VERSION;
            told(&format!("Apache ZooKeeper, version {version}, as naru {VERSION} speaks it"), output)
        }
        "print-cmd" => output.fail(BUILT_IN),
        _ => output.fail(USAGE_ZK_SERVER),
    }
}

fn status(file: &Path, output: &mut Output<'_>) -> u8 {
    let place = place_of(file, output);
    let Place { host, port, is_tls } = &place;
    told(&format!("Client port found: {port}. Client address: {host}. Client SSL: {is_tls}."), output);
    match found(&place) {
        Found::Naru(mode) | Found::Other(mode) => told(&format!("Mode: {mode}"), output),
        Found::Nothing => {
            told("Error contacting service. It is probably not running.", output);
            output.fail(how_to_switch_on(&place))
        }
    }
}

fn start_again(file: &Path, output: &mut Output<'_>) -> u8 {
    let (code, sentence) = started(&place_of(file, output));
    let outcome = if code == 0 { "STARTED" } else { "FAILED TO START" };
    told(&format!("Starting zookeeper ... {outcome}"), output);
    output.fail(sentence);
    code
}

fn stop_again(output: &mut Output<'_>) -> u8 {
    told("Stopping zookeeper ... no zookeeper to stop", output);
    output.fail("what answers ZooKeeper clients is part of a naru server: 'kafka-server-stop' stops that");
    0
}

/// The exit code of a start, and what there is to say.
fn started(place: &Place) -> (u8, String) {
    let Place { host, port, .. } = place;
    match found(place) {
        Found::Naru(mode) => {
            (0, format!("{BUILT_IN}; the one at {host}:{port} answers ZooKeeper clients ({mode})"))
        }
        Found::Other(_) => (
            FAILED,
            format!("{BUILT_IN}; what answers at {host}:{port} is another ZooKeeper, which they do not need"),
        ),
        Found::Nothing => (FAILED, how_to_switch_on(place)),
    }
}

fn how_to_switch_on(place: &Place) -> String {
    let Place { host, port, .. } = place;
    format!(
        "{BUILT_IN}, so start 'kafka-server-start FILE' alone. For clients that read ZooKeeper, set \
         zookeeper.shim.listener={host}:{port} (or compat.profile=3.x) in that FILE"
    )
}

/// Asks who is there.
fn found(place: &Place) -> Found {
    let Place { host, port, .. } = place;
    let host = if host.contains(':') { format!("[{host}]") } else { host.clone() };
    let answer = Servers::parse(&format!("{host}:{port}"))
        .ok()
        .and_then(|servers| client::word(&servers, "srvr", ANSWER_MAX).ok())
        .unwrap_or_default();
    let Some(mode) = answer.lines().find_map(|line| line.strip_prefix("Mode: ")) else {
        return Found::Nothing;
    };
    let is_ours = answer.lines().next().is_some_and(|version| version.contains("-naru-"));
    if is_ours { Found::Naru(mode.to_owned()) } else { Found::Other(mode.to_owned()) }
}

/// Reads where clients connect; a file that cannot be read says nothing, which is told.
fn place_of(file: &Path, output: &mut Output<'_>) -> Place {
    let mut place = Place { host: "localhost".to_owned(), port: zookeeper::DEFAULT_PORT, is_tls: false };
    let properties = match properties_or_sentence(file) {
        Ok(properties) => properties,
        Err(sentence) => {
            output.fail(format!("{sentence}; looking at {}:{}", place.host, place.port));
            return place;
        }
    };
    let value = |wanted: &str| {
        let pairs = properties.iter().filter(|(key, _)| *key == wanted);
        pairs.last().map(|(_, value)| value.trim().to_owned()).filter(|value| !value.is_empty())
    };
    let port = |key: &str| value(key).and_then(|text| text.parse::<u16>().ok()).filter(|port| *port > 0);
    let (plain, secure) = (port("clientPort"), port("secureClientPort"));
    place.is_tls = plain.is_none() && secure.is_some();
    place.port = plain.or(secure).unwrap_or(place.port);
    let address = if place.is_tls { "secureClientPortAddress" } else { "clientPortAddress" };
    // What listens everywhere is asked here.
    place.host = value(address).filter(|host| host != "0.0.0.0").unwrap_or(place.host);
    place
}

fn told(line: &str, output: &mut Output<'_>) -> u8 {
    crate::written(writeln!(output.out, "{line}"), output)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::{Read, Write};
    use std::net::TcpListener;

    use super::*;

    fn call(run: impl FnOnce(&mut Output<'_>) -> u8) -> (u8, String, String) {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let code = run(&mut Output { out: &mut out, err: &mut err });
        (code, String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
    }

    fn words(line: &str) -> Vec<String> {
        line.split_whitespace().map(str::to_owned).collect()
    }

    /// A port at which nobody listens, held so that nobody does.
    fn silent_file(folder: &Path) -> (String, TcpListener, u16) {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = taken.local_addr().unwrap().port();
        let file = folder.join("zookeeper.properties");
        fs::write(&file, format!("clientPort={port}\nclientPortAddress=127.0.0.1\n")).unwrap();
        (file.to_str().unwrap().to_owned(), taken, port)
    }

    #[test]
    fn where_nothing_answers_it_is_told_how_to_switch_that_on() {
        let dir = tempfile::tempdir().unwrap();
        let (file, taken, port) = silent_file(dir.path());
        drop(taken);
        let (code, out, err) = call(|output| start(&words(&format!("-daemon {file}")), output));
        assert_eq!((code, out.as_str()), (1, ""));
        assert!(err.contains(&format!("zookeeper.shim.listener=127.0.0.1:{port}")), "{err}");
        let (code, out, err) = call(|output| zk_server(&words(&format!("status {file}")), &[], output));
        let expected = format!(
            "Client port found: {port}. Client address: 127.0.0.1. Client SSL: false.\nError contacting service. It is probably not running.\n"
        );
        assert_eq!((code, out), (1, expected));
        assert!(
            err.starts_with(&format!("ZooKeeper JMX enabled by default\nUsing config: {file}\n")),
            "{err}"
        );
        let (code, out, _) = call(|output| zk_server(&words(&format!("start {file}")), &[], output));
        assert_eq!((code, out.as_str()), (1, "Starting zookeeper ... FAILED TO START\n"));
    }

    #[test]
    fn a_server_of_ours_is_told_from_another_zookeeper() {
        let dir = tempfile::tempdir().unwrap();
        for (version, code, mode, fragment) in [
            ("3.8.4-naru-0.1.0", 0, "leader", "answers ZooKeeper clients (leader)"),
            ("3.8.4-9316c2a, built on 2024-02-12", 1, "follower", "is another ZooKeeper"),
        ] {
            let (file, listener, _) = silent_file(dir.path());
            let answer =
                format!("Zookeeper version: {version}\nLatency min/avg/max: 0/0.0/0\nMode: {mode}\n");
            let serving = std::thread::spawn(move || {
                for _ in 0..2 {
                    let (mut stream, _) = listener.accept().unwrap();
                    stream.read_exact(&mut [0; 4]).unwrap();
                    stream.write_all(answer.as_bytes()).unwrap();
                }
            });
            let (status, out, _) = call(|output| zk_server(&words(&format!("status {file}")), &[], output));
            assert_eq!(status, 0);
            assert!(out.ends_with(&format!("\nMode: {mode}\n")), "{out}");
            let (started, out, err) = call(|output| start(&words(&file), output));
            assert_eq!(started, code);
            assert!(format!("{out}{err}").contains(fragment), "{out}{err}");
            serving.join().unwrap();
        }
    }

    #[test]
    fn what_a_file_says_of_ports_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("zoo.cfg");
        let place = |text: &str| {
            fs::write(&file, text).unwrap();
            let (mut out, mut err) = (Vec::new(), Vec::new());
            place_of(&file, &mut Output { out: &mut out, err: &mut err })
        };
        let at = |host: &str, port, is_tls| Place { host: host.to_owned(), port, is_tls };
        assert_eq!(place(""), at("localhost", 2181, false));
        assert_eq!(place("clientPort=5\nclientPortAddress=0.0.0.0\n"), at("localhost", 5, false));
        assert_eq!(place("secureClientPort=6\nsecureClientPortAddress=::1\n"), at("::1", 6, true));
        assert_eq!(place("clientPort=x\n"), at("localhost", 2181, false));
    }

    #[test]
    fn a_missing_file_is_told_and_the_usual_port_looked_at() {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let place = place_of(Path::new("no.properites"), &mut Output { out: &mut out, err: &mut err });
        assert_eq!(place.port, 2181);
        assert!(String::from_utf8(err).unwrap().contains("no.properites cannot be read"));
    }

    #[test]
    fn the_other_commands_say_what_there_is_to_do() {
        let (code, out, err) = call(|output| stop(&[], output));
        assert_eq!((code, out.as_str()), (1, "No zookeeper server to stop\n"));
        assert!(err.contains("kafka-server-stop"), "{err}");
        let (code, _, err) = call(|output| migrate_security(&[], output));
        assert!(code == 1 && err.contains("kafka-acls"), "{err}");
        assert_eq!(call(|output| start(&[], output)).2, format!("{USAGE_START}\n"));
        for (line, code) in
            [("", 1), ("frobnicate", 1), ("version", 0), ("stop", 0), ("--config /etc version", 0)]
        {
            assert_eq!(call(|output| zk_server(&words(line), &[], output)).0, code, "{line}");
        }
        let set = [("ZOOCFGDIR".to_owned(), "/etc/zk".to_owned())];
        let (_, _, err) = call(|output| zk_server(&words("version"), &set, output));
        assert!(err.ends_with("Using config: /etc/zk/zoo.cfg\n"), "{err}");
    }
}
