//! The regression gate: instructions of the server for each request, counted by callgrind in the steady state.
//!
//! Counted are those of the whole process in user mode, while a client outside of it keeps one request in flight: every
//! request is one wake-up, one read and one write. What a busy machine adds (timers that come due, appends that wait for a
//! slow disk) only ever makes a count larger, so the least of several counts is taken, and that one hardly moves.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::effort::Effort;
use crate::encoded::{Produce, batch};
use crate::load::closed_loop;
use crate::process::{Prepared, Server};
use crate::product::{Product, SMALL};
use crate::reader::Filled;
use crate::{sides, topics};

/// What is counted, and how much it may be.
struct Case {
    name: &'static str,
    /// Instructions of one, about 15 % above what was counted last.
    ceiling: f64,
    /// How many requests, or times that the topic is read, one count is of.
    repeats: usize,
    work: Work,
}

/// What the client has the server do.
enum Work {
    /// Produce requests with a batch of so many bytes, in records of so many.
    Produce { batch_bytes: usize, record_bytes: usize },
    /// Fetches of at most so many bytes from a topic of batches of 16 KiB; what is counted are the batches.
    Fetch { bytes_max: i32 },
}

/// The table of ceilings. What lowers a count lowers its ceiling; what raises one has to say for what in its commit.
const CASES: [Case; 4] = [
    Case {
        name: "produce, a batch of 300 B",
        ceiling: 10_350.0,
        repeats: 500,
        work: Work::Produce { batch_bytes: 300, record_bytes: 239 },
    },
    Case {
        name: "produce, a batch of 16 KiB",
        ceiling: 19_550.0,
        repeats: 500,
        work: Work::Produce { batch_bytes: 16 << 10, record_bytes: 1 << 10 },
    },
    Case {
        name: "fetch, a batch of 16 KiB in each",
        ceiling: 19_710.0,
        repeats: 1,
        work: Work::Fetch { bytes_max: 16 << 10 },
    },
    Case {
        // No more than a socket takes at once: how often a larger answer has to wait for room is chance.
        name: "fetch, 2 batches of 16 KiB in each",
        ceiling: 9_960.0,
        repeats: 2,
        work: Work::Fetch { bytes_max: 32 << 10 },
    },
];

/// Requests before the counted ones, so that buffers, caches and indexes are there.
const WARM_UP: usize = 2000;
/// Counts of which the least is taken.
const COUNTS: usize = 10;
/// Batches of a topic that is read.
const TOPIC_BATCHES: usize = 500;
const BATCH_BYTES: usize = 16 << 10;
const RECORD_BYTES: usize = 1 << 10;

/// Counts every case and prints it; an error names those above their ceilings.
pub fn run() -> Result<(), String> {
    let effort = Effort::of(&[])?;
    let folder = sides::folder()?;
    let prepared =
        Prepared::in_folder(Product::Naru, &folder.path().join("naru"), &effort.layout(&SMALL, &[]))?;
    let counts = folder.path().join("counts");
    let to = format!("--callgrind-out-file={}", counts.display());
    let server = prepared.under("valgrind", vec!["--tool=callgrind".into(), to.into()]).start()?;
    let mut counter = Counter { pid: server.pid(), counts, dumps: 0 };
    let mut above = Vec::new();
    for (number, case) in CASES.iter().enumerate() {
        let made = case.measure(&server, &mut counter, &format!("counted-{number}"))?;
        let verdict = if made <= case.ceiling { "" } else { ", TOO MANY" };
        println!("{:<40}{made:>10.0} instructions, at most {:.0}{verdict}", case.name, case.ceiling);
        if made > case.ceiling {
            above.push(case.name);
        }
    }
    // Its data are of no use, and an orderly end takes long under valgrind.
    server.kill()?;
    if above.is_empty() {
        Ok(())
    } else {
        Err(format!("instructions above the ceiling: {}", above.join("; ")))
    }
}

impl Case {
    /// Instructions of one.
    fn measure(&self, server: &Server, counter: &mut Counter, topic: &str) -> Result<f64, String> {
        let mut client = server.connect()?;
        match self.work {
            Work::Produce { batch_bytes, record_bytes } => {
                topics::create(server, topic)?;
                let produce = Produce::new(topic, 1, &batch(batch_bytes, record_bytes));
                closed_loop(&mut client, &produce, WARM_UP, 1)?;
                let least =
                    counter.least(|| closed_loop(&mut client, &produce, self.repeats, 1).map(drop))?;
                Ok(least / self.repeats as f64)
            }
            Work::Fetch { bytes_max } => {
                let bytes = TOPIC_BATCHES * BATCH_BYTES;
                let filled = Filled::create(server, topic, bytes, BATCH_BYTES, RECORD_BYTES)?;
                filled.verify(&mut client, bytes_max)?;
                let read =
                    || (0..self.repeats).try_for_each(|_| filled.read(&mut client, bytes_max).map(drop));
                Ok(counter.least(read)? / (self.repeats * TOPIC_BATCHES) as f64)
            }
        }
    }
}

/// The counts of a process under callgrind.
struct Counter {
    pid: u32,
    /// Where callgrind writes; it appends the number of the dump.
    counts: PathBuf,
    dumps: usize,
}

impl Counter {
    /// The least of several counts of the same work.
    fn least(&mut self, mut work: impl FnMut() -> Result<(), String>) -> Result<f64, String> {
        let mut least = f64::INFINITY;
        for _ in 0..COUNTS {
            self.zero()?;
            work()?;
            least = least.min(self.read()?);
        }
        Ok(least)
    }

    /// Counts from now on.
    fn zero(&self) -> Result<(), String> {
        self.control("--zero")
    }

    /// Instructions since [`Counter::zero`].
    fn read(&mut self) -> Result<f64, String> {
        self.control("--dump")?;
        self.dumps += 1;
        let path = self.counts.with_extension(self.dumps.to_string());
        let dump =
            fs::read_to_string(&path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
        total(&dump).ok_or_else(|| format!("{} has no total", path.display()))
    }

    fn control(&self, what: &str) -> Result<(), String> {
        let mut command = Command::new("callgrind_control");
        command.args([what, &self.pid.to_string()]).stdin(Stdio::null());
        let output = command.output().map_err(|error| format!("cannot run callgrind_control: {error}"))?;
        if output.status.success() {
            Ok(())
        } else {
            Err(String::from_utf8_lossy(&output.stderr).into_owned())
        }
    }
}

/// The sum over all functions at the end of a dump.
fn total(dump: &str) -> Option<f64> {
    dump.lines().find_map(|line| line.strip_prefix("totals:"))?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_total_of_a_dump_is_found() {
        assert_eq!(total("events: Ir\nsummary: 9\n\nfn=(1)\n1 7\n\ntotals: 123456\n"), Some(123_456.0));
        assert_eq!(total("events: Ir\n"), None);
    }

    #[test]
    fn every_case_has_a_name_of_its_own_and_a_ceiling() {
        for case in &CASES {
            assert!(case.ceiling > 0.0 && case.repeats > 0, "{}", case.name);
            assert_eq!(CASES.iter().filter(|other| other.name == case.name).count(), 1);
        }
    }
}
