//! The servers of a row: up together, primed and warm, one running while the others are stopped.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use testbed::Primed;

use crate::effort::Effort;
use crate::encoded::Produce;
use crate::pairs::{self, Figures, Outcome, Step};
use crate::process::{self, Prepared, Server};
use crate::product::{self, Product, TAKING_TURNS, Tuned};
use crate::topics::Shape;
use crate::{contest, load, profile, topics};

/// Least requests of one kind before the next kind has its turn.
const WARM_UP_BURST: usize = 2000;
/// Bytes of disk that the topics of earlier pairs may hold before they are deleted within a table.
const KEPT_BYTES_MAX: u64 = 8 << 30;
/// Runs of each Kafka in the contest of its settings, where the servers are up and warm.
const CONTEST_ROUNDS: usize = 2;
/// The same where each run has a server of its own.
const CONTEST_ROUNDS_ALONE: usize = 1;

/// Least warm-up of a server at full effort.
#[derive(Debug)]
pub struct WarmUp {
    /// How long.
    pub time: Duration,
    /// How much.
    pub bytes: f64,
}

impl WarmUp {
    /// A virtual machine compiles what it runs for a minute; an executable only has caches and buffers to fill.
    pub fn of(product: Product) -> WarmUp {
        match product {
            Product::Kafka | Product::KafkaTuned => WarmUp { time: Duration::from_secs(60), bytes: 2e9 },
            Product::Previous | Product::Naru => WarmUp { time: Duration::from_secs(10), bytes: 1e9 },
        }
    }
}

/// Topics that have had their pair and are still there.
#[derive(Debug, Default)]
struct Done {
    topics: Vec<(String, Vec<Product>)>,
    free_bytes_before: u64,
}

/// The servers of a row.
#[derive(Debug)]
pub struct Sides {
    // Servers come first: they stop before their folder goes.
    servers: Vec<Server>,
    folder: TempDir,
    tuned: &'static Tuned,
    /// `None` in a trial, which does without.
    primed: Option<Mutex<Primed>>,
}

impl Sides {
    /// Primes memory and starts a server of each product; all but the last are stopped.
    pub fn start(effort: &Effort, tuned: &'static Tuned) -> Result<Sides, String> {
        Sides::start_with(effort, tuned, &TAKING_TURNS)
    }

    /// As [`Sides::start`] with settings of the row, those of servers that take turns among them.
    pub fn start_with(
        effort: &Effort,
        tuned: &'static Tuned,
        settings: &[(&str, &str)],
    ) -> Result<Sides, String> {
        let folder = folder()?;
        let primed = primed(effort, folder.path())?.map(Mutex::new);
        let mut sides = Sides { servers: Vec::new(), folder, tuned, primed };
        for product in &effort.products {
            sides.pause_all()?;
            let folder = sides.folder.path().join(product.name().replace(' ', "-"));
            let prepared = Prepared::in_folder(*product, &folder, &effort.layout(tuned, settings))?;
            sides.servers.push(prepared.start()?);
        }
        Ok(sides)
    }

    /// The server of a product, which runs from now on while the others do not.
    pub fn active(&self, product: Product) -> Result<&Server, String> {
        let server = self.servers.iter().find(|server| server.product == product);
        let server = server.ok_or_else(|| format!("{product} takes no part"))?;
        self.pause_all()?;
        server.resume()?;
        Ok(server)
    }

    /// Does something to each server while it runs alone.
    pub fn each(&self, mut act: impl FnMut(&Server) -> Result<(), String>) -> Result<(), String> {
        self.servers.iter().try_for_each(|server| act(self.active(server.product)?))
    }

    /// Warms each server with such requests, which go to a topic of this name, and deletes the topic afterwards.
    ///
    /// Each comes with the number of it that is in flight.
    pub fn warm_up(&self, effort: &Effort, topic: &str, traffic: &[(Produce, usize)]) -> Result<(), String> {
        self.each(|server| {
            eprintln!("warming {}", server.product);
            topics::create(server, topic)?;
            warm_with(server, effort, traffic)
        })?;
        self.delete(&[(topic.to_owned(), effort.products.clone())])
    }

    /// Chooses the settings of Kafka by a contest of `once`, and runs `once` on the chosen in the order A B B A.
    pub fn contest(
        &self,
        effort: &Effort,
        mut once: impl FnMut(&Effort, &Server) -> Result<Figures, String>,
    ) -> Result<Outcome, String> {
        let choice = contest::choose(effort, self.tuned, CONTEST_ROUNDS, |trial, product| {
            self.quietly(trial, product, |server| once(trial, server))
        })?;
        let mut outcome = pairs::run(&choice.products, effort.pairs, |step| match step {
            Step::Run(_, product) => self.quietly(effort, product, |server| once(effort, server)),
            Step::Begin(_) | Step::End(_) => Ok(Vec::new()),
        })?;
        outcome.notes.extend(choice.note);
        Ok(outcome)
    }

    /// As [`Sides::contest`], each pair on topics of its own, which go when the table is done, or earlier where they
    /// fill the disk.
    pub fn contest_on_topics(
        &self,
        effort: &Effort,
        name: &str,
        shape: Shape,
        mut once: impl FnMut(&Effort, &Server, &str) -> Result<Figures, String>,
    ) -> Result<Outcome, String> {
        let mut done = Done { topics: Vec::new(), free_bytes_before: self.free_bytes()? };
        let topic = format!("{name}-contest");
        let mut made = Vec::new();
        let choice = contest::choose(effort, self.tuned, CONTEST_ROUNDS, |trial, product| {
            if !made.contains(&product) {
                made.push(product);
                topics::create_with(self.active(product)?, &topic, shape)?;
            }
            self.quietly(trial, product, |server| once(trial, server, &topic))
        })?;
        done.topics.push((topic, made));
        let topic = |pair: usize| format!("{name}-{pair}");
        let mut outcome = pairs::run(&choice.products, effort.pairs, |step| {
            match step {
                Step::Begin(pair) => choice.products.iter().try_for_each(|product| {
                    topics::create_with(self.active(*product)?, &topic(pair), shape)
                })?,
                Step::Run(pair, product) => {
                    return self.quietly(effort, product, |server| once(effort, server, &topic(pair)));
                }
                Step::End(pair) => {
                    done.topics.push((topic(pair), choice.products.clone()));
                    if done.free_bytes_before.saturating_sub(self.free_bytes()?) > KEPT_BYTES_MAX {
                        self.delete(&std::mem::take(&mut done.topics))?;
                        done.free_bytes_before = self.free_bytes()?;
                    }
                }
            }
            Ok(Vec::new())
        })?;
        self.delete(&done.topics)?;
        outcome.notes.extend(choice.note);
        Ok(outcome)
    }

    /// Deletes topics of products, and waits once until the files of all are gone; all servers run meanwhile.
    pub fn delete(&self, topics: &[(String, Vec<Product>)]) -> Result<(), String> {
        self.servers.iter().try_for_each(Server::resume)?;
        for (topic, products) in topics {
            for server in self.servers.iter().filter(|server| products.contains(&server.product)) {
                topics::delete(server, topic)?;
            }
        }
        if !topics.is_empty() {
            std::thread::sleep(topics::FILES_GONE);
        }
        self.pause_all()
    }

    fn free_bytes(&self) -> Result<u64, String> {
        let stat = rustix::fs::statvfs(self.folder.path()).map_err(|error| error.to_string())?;
        Ok(stat.f_bavail * stat.f_frsize)
    }

    /// One run, after everything earlier has been written to disk.
    pub fn quietly(
        &self,
        effort: &Effort,
        product: Product,
        mut once: impl FnMut(&Server) -> Result<Figures, String>,
    ) -> Result<Figures, String> {
        process::write_back(self.folder.path())?;
        if let Some(primed) = &self.primed {
            primed.lock().unwrap_or_else(PoisonError::into_inner).fill()?;
        }
        let server = self.active(product)?;
        profile::around(effort, &[server.pid()], || once(server))
    }

    fn pause_all(&self) -> Result<(), String> {
        self.servers.iter().try_for_each(Server::pause)
    }
}

/// Servers that follow each other, each on data of its own, in memory that was primed once.
#[derive(Debug)]
pub struct OneByOne {
    folder: TempDir,
    primed: Option<Primed>,
    runs: usize,
}

impl OneByOne {
    /// Primes memory.
    pub fn start(effort: &Effort) -> Result<OneByOne, String> {
        let folder = folder()?;
        let primed = primed(effort, folder.path())?;
        Ok(OneByOne { folder, primed, runs: 0 })
    }

    /// Chooses the settings of Kafka by a contest of `once`, and runs `once` for the chosen in the order A B B A; it is
    /// given a folder that is not there yet and is removed afterwards.
    pub fn contest(
        &mut self,
        effort: &Effort,
        tuned: &Tuned,
        mut once: impl FnMut(&Effort, Product, &Path) -> Result<Figures, String>,
    ) -> Result<Outcome, String> {
        let mut run = |effort: &Effort, product| {
            self.runs += 1;
            self.primed.as_mut().map_or(Ok(()), Primed::fill)?;
            let folder = self.folder.path().join(self.runs.to_string());
            let figures = once(effort, product, &folder)?;
            std::fs::remove_dir_all(&folder).map_err(|error| error.to_string())?;
            process::write_back(self.folder.path())?;
            Ok(figures)
        };
        let choice = contest::choose(effort, tuned, CONTEST_ROUNDS_ALONE, &mut run)?;
        let mut outcome = pairs::run(&choice.products, effort.pairs, |step| match step {
            Step::Run(_, product) => run(effort, product),
            Step::Begin(_) | Step::End(_) => Ok(Vec::new()),
        })?;
        outcome.notes.extend(choice.note);
        Ok(outcome)
    }
}

/// A folder for data, removed when dropped: in `$BENCH_FOLDER`, or beside the build's other files.
pub fn folder() -> Result<TempDir, String> {
    let parent =
        std::env::var_os("BENCH_FOLDER").map_or_else(|| product::target().join("bench"), PathBuf::from);
    let create = || {
        std::fs::create_dir_all(&parent)?;
        // Servers are started with another working directory.
        tempfile::Builder::new().prefix("row-").tempdir_in(parent.canonicalize()?)
    };
    create().map_err(|error| format!("cannot create a folder in {}: {error}", parent.display()))
}

/// Bursts of each traffic in turn until both time and bytes are enough, at a pace that ends both together at the
/// earliest, so that the warm-up of a fast server does not fill the disk.
fn warm_with(server: &Server, effort: &Effort, traffic: &[(Produce, usize)]) -> Result<(), String> {
    let share = effort.share().min(1.0);
    let full = WarmUp::of(server.product);
    let (time, bytes) = (full.time.mul_f64(share), full.bytes * share);
    let mut client = server.connect()?;
    let begin = Instant::now();
    let mut sent = 0.0;
    while begin.elapsed() < time || sent < bytes {
        for (produce, in_flight) in traffic {
            // Large requests take their turns in fewer of them.
            let burst = WARM_UP_BURST.min((64 << 20) / produce.frame.len()).max(*in_flight);
            load::closed_loop(&mut client, produce, burst, *in_flight)?;
            sent += (produce.frame.len() * burst) as f64;
        }
        // Twice the bytes are let through, lest the pauses are most of the time.
        let earliest = time.mul_f64((sent / (2.0 * bytes)).min(1.0));
        std::thread::sleep(earliest.saturating_sub(begin.elapsed()));
    }
    Ok(())
}

/// Primes memory; a trial does without.
fn primed(effort: &Effort, folder: &Path) -> Result<Option<Primed>, String> {
    if !effort.is_full() {
        return Ok(None);
    }
    eprintln!("priming memory");
    let mut primed = Primed::new(folder)?;
    primed.fill()?;
    Ok(Some(primed))
}
