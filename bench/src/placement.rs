//! On which cores the generator, the server that does nothing and a broker run.
//!
//! Waking a thread costs several times more where it sleeps on another core, and left alone the system decides by chance
//! who meets where: rows that measure single requests say it themselves.

use std::fs;
use std::io;

use rustix::thread::{CpuSet, Pid, sched_getaffinity, sched_setaffinity};

/// Who runs where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placement {
    /// The generator on the last core, the server that does nothing on the first, a broker wherever the system puts it: mostly
    /// every request and every answer wakes a thread on another core.
    Apart,
    /// Everybody on the first core: what is left of a round trip is what the server does.
    Together,
}

impl Placement {
    /// As a table's title says it.
    pub fn name(self) -> &'static str {
        match self {
            Placement::Apart => "generator on a core of its own",
            Placement::Together => "both on one core",
        }
    }

    /// Runs `start` so that threads that it begins are where the server that does nothing belongs.
    pub fn start_null<R>(self, start: impl FnOnce() -> Result<R, String>) -> Result<R, String> {
        let _placed = Placed::of_thread(first(&all()?))?;
        start()
    }

    /// Puts the calling thread and the process `pid` where they belong, until what is returned is dropped.
    pub fn take(self, pid: u32) -> Result<(Placed, Placed), String> {
        let all = all()?;
        let (broker, generator) = match self {
            Placement::Apart => (all, last(&all)),
            Placement::Together => (first(&all), first(&all)),
        };
        Ok((Placed::of_process(pid, broker)?, Placed::of_thread(generator)?))
    }
}

/// Threads on the cores they were put on; they may run where the caller did before once this is dropped.
#[derive(Debug)]
pub struct Placed {
    process: Option<u32>,
    before: CpuSet,
}

impl Placed {
    fn of_thread(cores: CpuSet) -> Result<Placed, String> {
        let before = all()?;
        sched_setaffinity(None, &cores).map_err(|error| failed(&error.into()))?;
        Ok(Placed { process: None, before })
    }

    fn of_process(pid: u32, cores: CpuSet) -> Result<Placed, String> {
        let before = all()?;
        place_threads(pid, &cores).map_err(|error| failed(&error))?;
        Ok(Placed { process: Some(pid), before })
    }
}

impl Drop for Placed {
    fn drop(&mut self) {
        // A process that has ended needs no core.
        let _ = match self.process {
            Some(pid) => place_threads(pid, &self.before),
            None => sched_setaffinity(None, &self.before).map_err(io::Error::from),
        };
    }
}

/// Threads that begin meanwhile are where the one is that begins them.
fn place_threads(pid: u32, cores: &CpuSet) -> io::Result<()> {
    for entry in fs::read_dir(format!("/proc/{pid}/task"))? {
        let thread = entry?.file_name().to_str().and_then(|name| name.parse().ok()).and_then(Pid::from_raw);
        match sched_setaffinity(thread, cores) {
            // It has ended.
            Err(rustix::io::Errno::SRCH) => {}
            outcome => outcome?,
        }
    }
    Ok(())
}

/// The cores that the calling thread may run on.
fn all() -> Result<CpuSet, String> {
    sched_getaffinity(None).map_err(|error| failed(&error.into()))
}

fn first(cores: &CpuSet) -> CpuSet {
    one((0..CpuSet::MAX_CPU).find(|core| cores.is_set(*core)))
}

fn last(cores: &CpuSet) -> CpuSet {
    one((0..CpuSet::MAX_CPU).rfind(|core| cores.is_set(*core)))
}

fn one(core: Option<usize>) -> CpuSet {
    let mut set = CpuSet::new();
    set.set(core.unwrap_or_default());
    set
}

fn failed(error: &io::Error) -> String {
    format!("cannot choose cores: {error}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_are_where_they_were_put_and_come_back() {
        let before = all().unwrap();
        let null = || Ok(std::thread::spawn(|| all().unwrap()).join().unwrap());
        assert_eq!(Placement::Together.start_null(null), Ok(first(&before)));
        let mut other = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let taken = Placement::Apart.take(other.id()).unwrap();
        assert_eq!(all(), Ok(last(&before)));
        drop(taken);
        assert_eq!(all(), Ok(before));
        other.kill().unwrap();
        other.wait().unwrap();
    }
}
