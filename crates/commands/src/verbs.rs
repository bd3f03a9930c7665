//! The commands: what `naru help` lists and what runs.

use clap::{ArgMatches, Command};

use crate::failure::Failure;
use crate::session::Session;
use crate::{bench, cluster, completions, config_entries, consume, doctor, group, log, produce, topic};

/// A command.
pub struct Verb {
    /// The first word behind `naru`.
    pub name: &'static str,
    /// What it is for.
    pub about: &'static str,
    /// Gives it its arguments and further words.
    pub(crate) define: fn(Command) -> Command,
    /// Does its work and gives the exit code.
    pub(crate) run: fn(&ArgMatches, &mut Session<'_>) -> Result<u8, Failure>,
}

/// All of them, in the order of the help.
#[rustfmt::skip]
pub static VERBS: &[Verb] = &[
    Verb { name: "topic", about: "list, describe, create, alter and delete topics, see and cut their offsets", define: topic::define, run: topic::run },
    Verb { name: "produce", about: "write records to a topic", define: produce::define, run: produce::run },
    Verb { name: "consume", about: "read records of topics", define: consume::define, run: consume::run },
    Verb { name: "group", about: "list, describe, reset and delete groups, watch their lag", define: group::define, run: group::run },
    Verb { name: "config", about: "show, set and unset settings of topics, brokers, groups and clients", define: config_entries::define, run: config_entries::run },
    Verb { name: "cluster", about: "show the cluster, its brokers, features and quorum", define: cluster::define, run: cluster::run },
    Verb { name: "log", about: "show the batches and records of log files on disk", define: log::define, run: log::run },
    Verb { name: "bench", about: "measure how fast records are written and read", define: bench::define, run: bench::run },
    Verb { name: "doctor", about: "look for what is wrong with a cluster, seen from here", define: doctor::define, run: doctor::run },
    Verb { name: "completions", about: "print completions for a shell", define: completions::define, run: completions::run },
];
