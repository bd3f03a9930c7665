//! Every campaign by its name: what it does, how many rounds, and how it ends.

mod crash_metadata;
mod crash_prefixes;
pub mod damage;
mod disk_errors;
mod greedy_clients;
mod hostile_bytes;
mod kill9;
mod limits;
mod power_cut;
mod soak;

use std::path::PathBuf;

use crate::random::Random;

/// A campaign.
pub struct Case {
    /// What `--case` takes.
    pub name: &'static str,
    /// What it does, in one line.
    pub about: &'static str,
    /// Rounds of the short form, which runs inside the tests.
    pub rounds_short: u32,
    /// Rounds of the long form.
    pub rounds_long: u32,
    /// Runs it.
    pub run: fn(&Plan) -> Result<Verdict, String>,
}

/// What a run is given.
#[derive(Debug)]
pub struct Plan {
    /// How many rounds.
    pub rounds: u32,
    /// From which all faults follow.
    pub seed: u64,
    /// The short form: it shares its machine with other tests, so that no figure of time is judged.
    pub is_short: bool,
    /// An empty folder; it stays where the run fails.
    pub folder: PathBuf,
}

impl Plan {
    /// The draws of one round.
    pub fn random(&self, round: u32) -> Random {
        Random::new(self.seed).fork(u64::from(round) + 1)
    }
}

/// How a run ended that found nothing wrong; what it finds wrong is an error.
#[derive(Debug)]
pub enum Verdict {
    /// All held; figures worth telling.
    Held(Vec<(&'static str, String)>),
    /// This machine lacks what the case needs.
    Skipped(String),
}

/// All of them.
pub const CASES: &[Case] = &[
    Case {
        name: "kill9",
        about: "kill -9 under load: nothing acknowledged is missing, nothing is there twice, ready within a second",
        rounds_short: 3,
        rounds_long: 200,
        run: kill9::run,
    },
    Case {
        name: "crash-prefixes",
        about: "a crash at every change of the disk: a prefix of what was appended is there, and all that was flushed",
        rounds_short: 4,
        rounds_long: 80,
        run: crash_prefixes::run,
    },
    Case {
        name: "crash-metadata",
        about: "the same of the metadata log, whose damage would stop the start",
        rounds_short: 4,
        rounds_long: 40,
        run: crash_metadata::run,
    },
    Case {
        name: "damage",
        about: "files are damaged while a node is down: no corrupt record is served, what stays shut says why",
        rounds_short: 200,
        rounds_long: 2000,
        run: damage::run,
    },
    Case {
        name: "disk-errors",
        about: "EIO and ENOSPC at random calls, and a full disk: only that directory is refused, for as long as it must be",
        rounds_short: 10,
        rounds_long: 300,
        run: disk_errors::run,
    },
    Case {
        name: "power-cut",
        about: "power is cut under load: durable loses nothing acknowledged, kafka at most the documented window",
        rounds_short: 2,
        rounds_long: 100,
        run: power_cut::run,
    },
    Case {
        name: "hostile-bytes",
        about: "malformed frames from many connections: no crash, no wedged connection, memory and neighbours kept",
        rounds_short: 20_000,
        rounds_long: 1_000_000,
        run: hostile_bytes::run,
    },
    Case {
        name: "greedy-clients",
        about: "clients that never read, never end a frame, flood, come and go: memory within the budget, others served",
        rounds_short: 1,
        rounds_long: 5,
        run: greedy_clients::run,
    },
    Case {
        name: "limits",
        about: "limits of connections, requests and descriptors, changed and met under a hammer: they hold, and nothing breaks",
        rounds_short: 1,
        rounds_long: 5,
        run: limits::run,
    },
    Case {
        name: "soak",
        about: "half an hour of load, kills, hostile and greedy clients: memory, descriptors and threads stay level",
        rounds_short: 6,
        rounds_long: 60,
        run: soak::run,
    },
];

/// The case of that name.
pub fn find(name: &str) -> Option<&'static Case> {
    CASES.iter().find(|case| case.name == name)
}
