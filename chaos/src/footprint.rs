//! What a process takes: resident memory, descriptors, threads.

use std::fs;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

const SAMPLE_EVERY: Duration = Duration::from_millis(20);

/// A look at a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Footprint {
    /// Resident memory in bytes.
    pub resident_bytes: u64,
    /// Open descriptors.
    pub descriptors: usize,
    /// Threads.
    pub threads: usize,
}

impl Footprint {
    /// Looks at a process of this machine.
    pub fn of(process_id: u32) -> Result<Footprint, String> {
        let failed = |error: std::io::Error| format!("process {process_id} cannot be looked at: {error}");
        let status = fs::read_to_string(format!("/proc/{process_id}/status")).map_err(failed)?;
        let descriptors = fs::read_dir(format!("/proc/{process_id}/fd")).map_err(failed)?.count();
        let line = |name: &str| number_of(&status, name).ok_or_else(|| format!("no {name} in its status"));
        Ok(Footprint {
            resident_bytes: line("VmRSS:")? * 1024,
            descriptors,
            threads: line("Threads:")? as usize,
        })
    }

    /// Resident memory in MiB.
    pub fn resident_mib(self) -> u64 {
        self.resident_bytes >> 20
    }
}

fn number_of(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find(|line| line.starts_with(name))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

/// Runs `work` while the resident memory of a process is watched, and tells its peak in bytes.
pub fn peak_during<T>(process_id: u32, work: impl FnOnce() -> T) -> (T, u64) {
    let (peak, is_done) = (AtomicU64::new(0), AtomicBool::new(false));
    let done = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_done.load(Ordering::Relaxed) {
                if let Ok(seen) = Footprint::of(process_id) {
                    peak.fetch_max(seen.resident_bytes, Ordering::Relaxed);
                }
                std::thread::sleep(SAMPLE_EVERY);
            }
        });
        let done = work();
        is_done.store(true, Ordering::Relaxed);
        done
    });
    (done, peak.into_inner())
}

/// Time on a core that a process has taken since its start.
pub fn cpu_time(process_id: u32) -> Result<Duration, String> {
    /// What the kernel counts in, everywhere.
    const TICKS_PER_SECOND: u64 = 100;
    let wrong = || format!("the CPU time of process {process_id} is not told");
    let stat = fs::read_to_string(format!("/proc/{process_id}/stat")).map_err(|_| wrong())?;
    // The name before it may hold anything.
    let (_, behind_name) = stat.rsplit_once(')').ok_or_else(wrong)?;
    let field = |nth: usize| behind_name.split_whitespace().nth(nth)?.parse::<u64>().ok();
    let (user, system) = (field(11).ok_or_else(wrong)?, field(12).ok_or_else(wrong)?);
    Ok(Duration::from_millis((user + system) * 1000 / TICKS_PER_SECOND))
}

/// Waits until a process has at most that many descriptors.
pub fn wait_for_descriptors(process_id: u32, at_most: usize, patience: Duration) -> Result<usize, String> {
    let deadline = Instant::now() + patience;
    loop {
        let seen = Footprint::of(process_id)?.descriptors;
        if seen <= at_most {
            return Ok(seen);
        }
        if Instant::now() > deadline {
            return Err(format!("{seen} descriptors are still open, {at_most} at most were expected"));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_descriptors_and_threads_of_a_process_are_told() {
        let own = std::process::id();
        let before = Footprint::of(own).unwrap();
        let files: Vec<_> = (0..50).map(|_| tempfile::tempfile().unwrap()).collect();
        let ((), peak) = peak_during(own, || {
            let taken = vec![1u8; 64 << 20];
            std::thread::sleep(SAMPLE_EVERY * 5);
            assert_eq!(taken.iter().map(|byte| u64::from(*byte)).sum::<u64>(), 64 << 20);
        });
        assert!(peak >= before.resident_bytes + (32 << 20), "{before:?} {peak}");
        assert!(Footprint::of(own).unwrap().descriptors >= 50);
        assert!(cpu_time(own).unwrap() > Duration::ZERO, "64 MiB were filled and summed");
        drop(files);
        assert_eq!(number_of("Name:\tx\nVmRSS:\t  12 kB\nThreads:\t3\n", "VmRSS:"), Some(12));
    }
}
