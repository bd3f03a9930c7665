//! The servers of a row: up together, primed and warm, one running while the others are stopped.

use std::fs::File;
use std::io::{Read, Seek};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::effort::Effort;
use crate::encoded::Produce;
use crate::pairs::{self, Figures, Outcome, Step};
use crate::process::{self, Prepared, Server};
use crate::product::{self, Product, Tuned};
use crate::{load, profile, topics};

/// Least warm-up of a server at full effort.
const WARM_UP_TIME: Duration = Duration::from_secs(60);
/// Least warm-up traffic in bytes at full effort.
const WARM_UP_BYTES: f64 = 2e9;
/// Least requests of one kind before the next kind has its turn.
const WARM_UP_BURST: usize = 2000;
/// Memory that priming leaves to servers, generator and system, in bytes.
const UNPRIMED: u64 = 8 << 30;

/// The servers of a row.
#[derive(Debug)]
pub struct Sides {
    // Servers come first: they stop before their folder goes.
    servers: Vec<Server>,
    folder: TempDir,
    _primed: Option<File>,
}

impl Sides {
    /// Primes memory and starts a server of each product; all but the last are stopped.
    pub fn start(effort: &Effort, tuned: &Tuned) -> Result<Sides, String> {
        let folder = folder()?;
        let primed = prime(effort, folder.path())?;
        let mut sides = Sides { servers: Vec::new(), folder, _primed: primed };
        for product in &effort.products {
            sides.pause_all()?;
            let folder = sides.folder.path().join(product.name().replace(' ', "-"));
            let prepared = Prepared::in_folder(*product, &folder, &effort.taking_turns(tuned))?;
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
            warm_with(server, effort, traffic)?;
            topics::delete(server, topic)
        })
    }

    /// Runs `once` on the servers in the order A B B A.
    pub fn contest(
        &self,
        effort: &Effort,
        mut once: impl FnMut(&Server) -> Result<Figures, String>,
    ) -> Result<Outcome, String> {
        pairs::run(&effort.products, effort.pairs, |step| match step {
            Step::Run(_, product) => self.quietly(effort, product, &mut once),
            Step::Begin(_) | Step::End(_) => Ok(Vec::new()),
        })
    }

    /// As [`Sides::contest`], each pair on topics of its own, which go when the pair is over.
    pub fn contest_on_topics(
        &self,
        effort: &Effort,
        name: &str,
        partitions: i32,
        mut once: impl FnMut(&Server, &str) -> Result<Figures, String>,
    ) -> Result<Outcome, String> {
        let topic = |pair: usize| format!("{name}-{pair}");
        pairs::run(&effort.products, effort.pairs, |step| {
            match step {
                Step::Begin(pair) => {
                    self.each(|server| topics::create_with(server, &topic(pair), partitions))?;
                }
                Step::Run(pair, product) => {
                    return self.quietly(effort, product, |server| once(server, &topic(pair)));
                }
                Step::End(pair) => self.each(|server| topics::delete(server, &topic(pair)))?,
            }
            Ok(Vec::new())
        })
    }

    /// One run, after everything earlier has been written to disk.
    fn quietly(
        &self,
        effort: &Effort,
        product: Product,
        mut once: impl FnMut(&Server) -> Result<Figures, String>,
    ) -> Result<Figures, String> {
        process::write_back(self.folder.path())?;
        let server = self.active(product)?;
        profile::around(effort, &[server.pid()], || once(server))
    }

    fn pause_all(&self) -> Result<(), String> {
        self.servers.iter().try_for_each(Server::pause)
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
    let (time, bytes) = (WARM_UP_TIME.mul_f64(share), WARM_UP_BYTES * share);
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

/// Fills free memory with clean page cache by reading a sparse file, so that no run is the first to touch it; a
/// trial does without.
///
/// The pages stay while the file that is returned exists.
pub fn prime(effort: &Effort, folder: &Path) -> Result<Option<File>, String> {
    if !effort.is_full() {
        return Ok(None);
    }
    let meminfo = std::fs::read_to_string("/proc/meminfo").map_err(|error| error.to_string())?;
    let size = free_bytes(&meminfo).unwrap_or(0).saturating_sub(UNPRIMED);
    eprintln!("priming {} MiB of memory", size >> 20);
    let read = || -> std::io::Result<File> {
        let path = folder.join("sparse");
        File::create(&path)?.set_len(size)?;
        let mut file = File::open(&path)?;
        let mut buffer = vec![0; 1 << 20];
        while file.read(&mut buffer)? > 0 {}
        file.rewind()?;
        Ok(file)
    };
    read().map(Some).map_err(|error| format!("cannot prime memory: {error}"))
}

fn free_bytes(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemFree:"))?;
    Some(line.split_whitespace().next()?.parse::<u64>().ok()? * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn free_memory_is_told_from_the_rest() {
        assert_eq!(free_bytes("MemTotal: 9 kB\nMemFree:     7 kB\nMemAvailable: 8 kB\n"), Some(7 * 1024));
        assert_eq!(free_bytes("MemTotal: 9 kB\n"), None);
    }
}
