//! The commands of the shell.

use std::io;

use zookeeper::client::{Client, ClientError};
use zookeeper::tree::child_path;
use zookeeper::{Code, path};

use super::{Link, Shell, printing};
use crate::{FAILED, VERSION};

/// Exit code of a command that does not exist.
const NOT_FOUND: u8 = 127;
/// Lines that `history` shows.
const HISTORY_SHOWN: usize = 11;
/// Nodes below a node that are visited by `ls -R`, one below the other.
const DEPTH_MAX: usize = 64;

/// Every command and its usage, as ZooKeeper 3.8 lists them.
#[rustfmt::skip]
const COMMANDS: &[(&str, &str)] = &[
    ("addWatch", "[-m mode] path # optional mode is one of [PERSISTENT, PERSISTENT_RECURSIVE] - default is PERSISTENT_RECURSIVE"),
    ("addauth", "scheme auth"),
    ("close", ""),
    ("config", "[-c] [-w] [-s]"),
    ("connect", "host:port"),
    ("create", "[-s] [-e] [-c] [-t ttl] path [data] [acl]"),
    ("delete", "[-v version] path"),
    ("deleteall", "path [-b batch size]"),
    ("delquota", "[-n|-b|-N|-B] path"),
    ("get", "[-s] [-w] path"),
    ("getAcl", "[-s] path"),
    ("getAllChildrenNumber", "path"),
    ("getEphemerals", "path"),
    ("history", ""),
    ("listquota", "path"),
    ("ls", "[-s] [-w] [-R] path"),
    ("printwatches", "on|off"),
    ("quit", ""),
    ("reconfig", "[-s] [-v version] [[-file path] | [-members serverID=host:port1:port2;port3[,...]*]] | [-add serverId=host:port1:port2;port3[,...]]* [-remove serverId[,...]*]"),
    ("redo", "cmdno"),
    ("removewatches", "path [-c|-d|-a] [-l]"),
    ("set", "[-s] [-v version] path data"),
    ("setAcl", "[-s] [-v version] [-R] path acl"),
    ("setquota", "-n|-b|-N|-B val path"),
    ("stat", "[-w] path"),
    ("sync", "path"),
    ("version", ""),
    ("whoami", ""),
];

/// Commands that change something, their options, and those of the options that take a value.
const WRITES: &[(&str, &str, &str)] = &[
    ("create", "sect", "t"),
    ("delete", "v", "v"),
    ("deleteall", "b", "b"),
    ("delquota", "nbNB", ""),
    ("set", "sv", "v"),
    ("setAcl", "svR", "v"),
    ("setquota", "nbNB", "nbNB"),
];

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Done {
    /// The next one may come.
    Goes,
    /// The shell is to end.
    Quit,
}

/// Why a command was not followed; the text is that of ZooKeeper's shell.
enum Failure {
    Said(u8, String),
    Output(io::Error),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Failure {
        Failure::Output(error)
    }
}

impl Failure {
    fn said(sentence: impl Into<String>) -> Failure {
        Failure::Said(FAILED, sentence.into())
    }
}

/// Options and other words of a command.
struct Given<'a> {
    flags: String,
    words: Vec<&'a str>,
}

impl<'a> Given<'a> {
    /// Reads options of one letter, wherever they stand; those of `with_value` take the next word.
    fn read(words: &'a [String], known: &str, with_value: &str) -> Result<Given<'a>, Failure> {
        let mut given = Given { flags: String::new(), words: Vec::new() };
        let mut words = words.iter().skip(1);
        while let Some(word) = words.next() {
            let Some(option) = word.strip_prefix('-').filter(|option| !option.is_empty()) else {
                given.words.push(word);
                continue;
            };
            if option.chars().count() != 1 || !known.contains(option) {
                return Err(Failure::said(format!(
                    "org.apache.commons.cli.UnrecognizedOptionException: Unrecognized option: {word}"
                )));
            }
            if with_value.contains(option) && words.next().is_none() {
                return Err(Failure::said(format!(
                    "org.apache.commons.cli.MissingArgumentException: Missing argument for option: {option}"
                )));
            }
            given.flags.push_str(option);
        }
        Ok(given)
    }

    fn has(&self, flag: char) -> bool {
        self.flags.contains(flag)
    }

    /// The path, or the usage of the command.
    fn path(&self, name: &str) -> Result<&'a str, Failure> {
        let path = *self.words.first().ok_or_else(|| Failure::said(usage_of(name)))?;
        path::check(path).map_err(Failure::said)?;
        Ok(path)
    }
}

impl Shell<'_, '_> {
    /// Runs a command and keeps its exit code; an error is of standard output.
    pub(super) fn execute(&mut self, words: &[String]) -> io::Result<Done> {
        match self.dispatch(words) {
            Ok(done) => {
                if done == Done::Goes {
                    self.code = 0;
                }
                Ok(done)
            }
            Err(Failure::Said(code, sentence)) => {
                self.output.out.flush()?;
                self.output.fail(sentence);
                self.code = code;
                Ok(Done::Goes)
            }
            Err(Failure::Output(error)) => Err(error),
        }
    }

    fn dispatch(&mut self, words: &[String]) -> Result<Done, Failure> {
        let Some(name) = words.first().map(String::as_str) else {
            return Err(self.usage(FAILED, "No command entered"));
        };
        if !COMMANDS.iter().any(|(known, _)| *known == name) {
            return Err(self.usage(NOT_FOUND, &format!("Command not found: Command not found {name}")));
        }
        match name {
            "quit" => return Ok(Done::Quit),
            "redo" if words.len() > 1 => return self.redo(words),
            "history" => self.show_history()?,
            "printwatches" => match words.get(1) {
                Some(word) => self.prints_watches = word == "on",
                None => {
                    let state = if self.prints_watches { "on" } else { "off" };
                    writeln!(self.output.out, "printwatches is {state}")?;
                }
            },
            "connect" => {
                self.close();
                if let Some(server) = words.get(1) {
                    self.server.clone_from(server);
                }
                self.connect()?;
            }
            "version" => {
                let version = zookeeper::ZOOKEEPER_VERSION;
                writeln!(self.output.out, "ZooKeeper CLI version: {version}-naru-{VERSION}")?;
            }
            "close" => self.close(),
            _ => self.ask(name, words)?,
        }
        Ok(Done::Goes)
    }

    /// Runs a command that takes a server.
    fn ask(&mut self, name: &str, words: &[String]) -> Result<(), Failure> {
        if matches!(self.link, Link::Closed) {
            writeln!(self.output.out, "Not connected")?;
            return Ok(());
        }
        if let Some((_, options, with_value)) = WRITES.iter().find(|(write, _, _)| *write == name) {
            let given = Given::read(words, options, with_value)?;
            let path = given.path(name)?;
            // The one that deletes many nodes does not say why it could not.
            return Err(match name {
                "deleteall" => Failure::said("Failed to delete some node(s) in the subtree!"),
                _ => Failure::said(format!("Not a read-only call: {path}")),
            });
        }
        match name {
            "ls" => {
                let given = Given::read(words, "swR", "")?;
                let path = given.path(name)?;
                if given.has('R') {
                    return self.list_all(path, given.has('w'));
                }
                let (names, stat) = self.answer(path, |client| client.children(path, given.has('w')))?;
                printing::names(names, self.output.out)?;
                self.show_stat(given.has('s'), &stat)
            }
            "get" => {
                let given = Given::read(words, "sw", "")?;
                let path = given.path(name)?;
                let (data, stat) = self.answer(path, |client| client.data(path, given.has('w')))?;
                printing::data(data.as_deref(), self.output.out)?;
                self.show_stat(given.has('s'), &stat)
            }
            "stat" => {
                let given = Given::read(words, "w", "")?;
                let path = given.path(name)?;
                let stat = self.answer(path, |client| client.exists(path, given.has('w')))?;
                self.show_stat(true, &stat)
            }
            "getAcl" => {
                let given = Given::read(words, "s", "")?;
                let path = given.path(name)?;
                let (entries, stat) = self.answer(path, |client| client.acl(path))?;
                printing::acl(&entries, self.output.out)?;
                self.show_stat(given.has('s'), &stat)
            }
            "config" => {
                let given = Given::read(words, "cws", "")?;
                let path = "/zookeeper/config";
                let (data, stat) = self.answer(path, |client| client.data(path, given.has('w')))?;
                printing::data(data.as_deref(), self.output.out)?;
                self.show_stat(given.has('s'), &stat)
            }
            "reconfig" => Err(Failure::said("Not a read-only call: /zookeeper/config")),
            other => self.ask_rarely(other, words),
        }
    }

    fn ask_rarely(&mut self, name: &str, words: &[String]) -> Result<(), Failure> {
        match name {
            "whoami" => {
                let identities = self.answer("/", Client::identities)?;
                writeln!(self.output.out, "Auth scheme: User")?;
                for (scheme, user) in identities {
                    writeln!(self.output.out, "{scheme}: {user}")?;
                }
            }
            "addauth" => {
                let scheme = words.get(1).ok_or_else(|| Failure::said(usage_of(name)))?;
                self.answer("/", |client| client.authenticate(scheme))?;
            }
            "addWatch" => {
                let mode = words.iter().skip_while(|word| *word != "-m").nth(1);
                let given = Given::read(words, "m", "m")?;
                let path = given.path(name)?;
                let mode = i32::from(mode.is_none_or(|mode| mode != "PERSISTENT"));
                self.answer(path, |client| client.add_watch(path, mode))?;
            }
            "removewatches" => {
                let given = Given::read(words, "cdal", "")?;
                let path = given.path(name)?;
                let kind = if given.has('c') {
                    1
                } else if given.has('d') {
                    2
                } else {
                    3
                };
                self.answer(path, |client| client.remove_watches(path, kind))?;
            }
            _ => {
                let given = Given::read(words, "", "")?;
                let path = given.path(name)?;
                self.ask_of_path(name, path)?;
            }
        }
        Ok(())
    }

    fn ask_of_path(&mut self, name: &str, path: &str) -> Result<(), Failure> {
        match name {
            "getAllChildrenNumber" => {
                let count = self.answer(path, |client| client.descendants(path))?;
                writeln!(self.output.out, "{count}")?;
            }
            "getEphemerals" => {
                let paths = self.answer(path, |client| client.ephemerals(path))?;
                printing::names(paths, self.output.out)?;
            }
            "sync" => {
                self.answer(path, |client| client.sync(path))?;
                writeln!(self.output.out, "Sync is OK")?;
            }
            "listquota" => {
                writeln!(self.output.out, "absolute path is /zookeeper/quota{path}/zookeeper_limits")?;
                return Err(Failure::said(format!("quota for {path} does not exist.")));
            }
            _ => return Err(Failure::said(usage_of(name))),
        }
        Ok(())
    }

    /// Asks, where the connection has gone after connecting again.
    fn answer<T>(
        &mut self,
        path: &str,
        ask: impl FnOnce(&mut Client) -> Result<T, ClientError>,
    ) -> Result<T, Failure> {
        if matches!(self.link, Link::Lost) {
            self.connect()?;
        }
        let Link::Open(client) = &mut self.link else {
            return Err(Failure::said(format!("KeeperErrorCode = {} for {path}", Code::CONNECTION_LOSS)));
        };
        ask(client).map_err(|error| match error {
            ClientError::Refused(Code::NO_NODE) => Failure::said(format!("Node does not exist: {path}")),
            ClientError::Refused(Code::NOT_READ_ONLY) => {
                Failure::said(format!("Not a read-only call: {path}"))
            }
            error => Failure::said(format!("{error} for {path}")),
        })
    }

    /// A node, then the nodes below it: those of one level before any of the next.
    fn list_all(&mut self, path: &str, watch: bool) -> Result<(), Failure> {
        self.answer(path, |client| client.exists(path, false))?;
        writeln!(self.output.out, "{path}")?;
        self.list_below(path, watch, 0)
    }

    fn list_below(&mut self, path: &str, watch: bool, depth: usize) -> Result<(), Failure> {
        if depth == DEPTH_MAX {
            return Ok(());
        }
        let (mut names, _) = self.answer(path, |client| client.children(path, watch))?;
        names.sort();
        let children: Vec<String> = names.iter().map(|name| child_path(path, name)).collect();
        for child in &children {
            writeln!(self.output.out, "{child}")?;
        }
        for child in &children {
            match self.list_below(child, watch, depth + 1) {
                // It may have gone meanwhile.
                Err(Failure::Said(_, sentence)) if sentence.starts_with("Node does not exist") => {}
                other => other?,
            }
        }
        Ok(())
    }

    fn show_stat(&mut self, wanted: bool, stat: &zookeeper::Stat) -> Result<(), Failure> {
        if wanted {
            printing::stat(stat, self.output.out)?;
        }
        Ok(())
    }

    fn show_history(&mut self) -> io::Result<()> {
        let skipped = self.history.len().saturating_sub(HISTORY_SHOWN);
        for (number, line) in self.history.iter().skip(skipped) {
            writeln!(self.output.out, "{number} - {line}")?;
        }
        Ok(())
    }

    /// Runs an earlier line again.
    fn redo(&mut self, words: &[String]) -> Result<Done, Failure> {
        let wanted = words.get(1).and_then(|word| word.parse::<usize>().ok());
        let out_of_range = || Failure::said("Command index out of range");
        let wanted = wanted.filter(|number| *number < self.next_number).ok_or_else(out_of_range)?;
        let line = self.history.iter().find(|(number, _)| *number == wanted).ok_or_else(out_of_range)?;
        let words = super::line::words(&line.1);
        if words.first().is_some_and(|name| name == "redo") {
            return Err(Failure::said("No redoing redos"));
        }
        self.dispatch(&words)
    }

    /// Lists the commands on standard error.
    fn usage(&mut self, code: u8, sentence: &str) -> Failure {
        let lines = COMMANDS.iter().map(|(name, usage)| format!("\t{name} {usage}\n"));
        let lines: String = lines.collect();
        Failure::Said(
            code,
            format!("ZooKeeper -server host:port [-zk-tls-config-file <file>] cmd args\n{lines}{sentence}"),
        )
    }
}

fn usage_of(name: &str) -> String {
    let usage = COMMANDS.iter().find(|(known, _)| *known == name).map_or("", |(_, usage)| usage);
    format!("{name} {usage}")
}
