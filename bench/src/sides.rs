//! Both servers of a row: up together, primed and warm, one running while the other is stopped.

use std::fs::File;
use std::io::{Read, Seek};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::load;
use crate::pairs::{self, Figure, Outcome};
use crate::process::{self, Prepared, Product, Server};
use crate::{Effort, topics};

/// Least warm-up of a server at full effort.
const WARM_UP_TIME: Duration = Duration::from_secs(60);
/// Least warm-up traffic in bytes at full effort.
const WARM_UP_BYTES: f64 = 2e9;
/// Requests of one kind before the next kind has its turn.
const WARM_UP_BURST: usize = 2000;
/// Memory that priming leaves to servers, generator and system, in bytes.
const UNPRIMED: u64 = 6 << 30;

/// A produce request to warm up with, and how many of it are in flight.
pub type Traffic<'a> = (&'a [u8], usize);

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
    pub fn start(effort: &Effort) -> Result<Sides, String> {
        let folder = folder()?;
        let primed = if effort.is_full() { Some(prime(&folder)?) } else { None };
        let mut sides = Sides { servers: Vec::new(), folder, _primed: primed };
        for product in &effort.products {
            sides.pause_all()?;
            let folder = sides.folder.path().join(product.to_string());
            sides.servers.push(Prepared::in_folder(*product, &folder)?.start()?);
        }
        Ok(sides)
    }

    /// The server of a product, which runs from now on while the other does not.
    pub fn active(&self, product: Product) -> Result<&Server, String> {
        self.pause_all()?;
        let server = self.servers.iter().find(|server| server.product == product);
        let server = server.ok_or_else(|| format!("{product} takes no part"))?;
        server.resume()?;
        Ok(server)
    }

    /// Does something to each server while it runs alone.
    pub fn each(&self, mut act: impl FnMut(&Server) -> Result<(), String>) -> Result<(), String> {
        self.servers.iter().try_for_each(|server| act(self.active(server.product)?))
    }

    /// Warms each server with traffic to a topic of that name, which is deleted afterwards.
    pub fn warm_up(&self, effort: &Effort, topic: &str, traffic: &[Traffic<'_>]) -> Result<(), String> {
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
        mut once: impl FnMut(&Server) -> Result<Vec<Figure>, String>,
    ) -> Result<Outcome, String> {
        pairs::run(&effort.products, effort.pairs, |product| once(self.active(product)?))
    }

    fn pause_all(&self) -> Result<(), String> {
        self.servers.iter().try_for_each(Server::pause)
    }
}

/// A folder for data, removed when dropped: in `$BENCH_FOLDER`, or beside the build's other files.
pub fn folder() -> Result<TempDir, String> {
    let parent =
        std::env::var_os("BENCH_FOLDER").map_or_else(|| process::target().join("bench"), PathBuf::from);
    let create = || {
        std::fs::create_dir_all(&parent)?;
        // Servers are started with another working directory.
        tempfile::Builder::new().prefix("row-").tempdir_in(parent.canonicalize()?)
    };
    create().map_err(|error| format!("cannot create a folder in {}: {error}", parent.display()))
}

/// Bursts of each traffic in turn until both time and bytes are enough, at a pace that ends both together at the
/// earliest, so that the warm-up of a fast server does not fill the disk.
fn warm_with(server: &Server, effort: &Effort, traffic: &[Traffic<'_>]) -> Result<(), String> {
    let share = effort.share().min(1.0);
    let (time, bytes) = (WARM_UP_TIME.mul_f64(share), WARM_UP_BYTES * share);
    let mut client = server.connect()?;
    let begin = Instant::now();
    let mut sent = 0.0;
    while begin.elapsed() < time || sent < bytes {
        for (produce, in_flight) in traffic {
            load::closed_loop(&mut client, produce, WARM_UP_BURST, *in_flight)?;
            sent += (produce.len() * WARM_UP_BURST) as f64;
        }
        // Twice the bytes are let through, lest the pauses are most of the time.
        let earliest = time.mul_f64((sent / (2.0 * bytes)).min(1.0));
        std::thread::sleep(earliest.saturating_sub(begin.elapsed()));
    }
    Ok(())
}

/// Fills free memory with clean page cache by reading a sparse file, so that no run is the first to touch it.
fn prime(folder: &TempDir) -> Result<File, String> {
    let meminfo = std::fs::read_to_string("/proc/meminfo").map_err(|error| error.to_string())?;
    let size = free_bytes(&meminfo).unwrap_or(0).saturating_sub(UNPRIMED);
    eprintln!("priming {} MiB of memory", size >> 20);
    let read = || -> std::io::Result<File> {
        let path = folder.path().join("sparse");
        File::create(&path)?.set_len(size)?;
        let mut file = File::open(&path)?;
        let mut buffer = vec![0; 1 << 20];
        while file.read(&mut buffer)? > 0 {}
        file.rewind()?;
        Ok(file)
    };
    read().map_err(|error| format!("cannot prime memory: {error}"))
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
