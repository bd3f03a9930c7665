//! Where a server's time goes during a run, as a short text.

use std::fmt::Write as _;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::effort::Effort;
use crate::results::Record;

/// Samples a second of each core; no multiple of what timers do.
const FREQUENCY: &str = "1999";
/// Symbols that are listed.
const SYMBOLS_MAX: usize = 40;
/// How long the profiler may take until it samples, and until it has ended.
const PROFILER_MAX: Duration = Duration::from_secs(30);

/// Whose samples are taken: processes that run already, or everything, of which [`around_start`] keeps one process.
enum Whose<'a> {
    Processes(&'a [u32]),
    Everybody,
}

/// Runs `run`, and samples these processes meanwhile where a profile is wanted.
pub fn around<T>(
    effort: &Effort,
    pids: &[u32],
    run: impl FnOnce() -> Result<T, String>,
) -> Result<T, String> {
    let Some(path) = &effort.profile else { return run() };
    let profiler = Profiler::start(path, &Whose::Processes(pids))?;
    let result = run();
    profiler.stop()?;
    let result = result?;
    keep(path, pids)?;
    Ok(result)
}

/// As [`around`] for a process that `run` starts and names.
pub fn around_start<T>(effort: &Effort, run: impl FnOnce() -> Result<(T, u32), String>) -> Result<T, String> {
    let Some(path) = &effort.profile else { return run().map(|(result, _)| result) };
    let profiler = Profiler::start(path, &Whose::Everybody)?;
    let result = run();
    profiler.stop()?;
    let (result, pid) = result?;
    keep(path, &[pid])?;
    Ok(result)
}

/// Appends the samples of the last run to the profile, under the record's title.
pub fn section(effort: &Effort, record: &Record) -> Result<(), String> {
    let Some(path) = &effort.profile else { return Ok(()) };
    let samples = samples_file(path);
    let failed = |error: std::io::Error| format!("cannot write {}: {error}", path.display());
    // A row that is over too soon to be sampled has none.
    let Ok(text) = fs::read_to_string(&samples) else { return Ok(()) };
    let head = format!(
        "{} {}: {} at commit {}, scale {} %\n",
        record.row, record.title, record.date, record.commit, record.scale_percent
    );
    let mut file = OpenOptions::new().create(true).append(true).open(path).map_err(failed)?;
    file.write_all((head + &text + "\n").as_bytes()).map_err(failed)?;
    fs::remove_file(samples).map_err(failed)
}

fn data_file(profile: &Path) -> PathBuf {
    profile.with_extension("data")
}

fn samples_file(profile: &Path) -> PathBuf {
    profile.with_extension("samples")
}

struct Profiler(Child);

impl Profiler {
    fn start(profile: &Path, whose: &Whose<'_>) -> Result<Profiler, String> {
        let data = data_file(profile);
        // What an earlier run may have left must not look like the beginning of this one.
        let _ = fs::remove_file(&data);
        let mut command = Command::new("perf");
        command.args(["record", "--quiet", "-F", FREQUENCY, "-o"]).arg(&data);
        match whose {
            Whose::Processes(pids) => command.args(["-p", &listed(pids)]),
            Whose::Everybody => command.arg("-a"),
        };
        let child = command.stdin(Stdio::null()).spawn();
        let child = child.map_err(|error| format!("cannot run perf (install it for a profile): {error}"))?;
        let mut profiler = Profiler(child);
        let deadline = Instant::now() + PROFILER_MAX;
        let has_begun = || fs::metadata(&data).is_ok_and(|data| data.len() > 0);
        while !has_begun() && Instant::now() < deadline && profiler.is_running() {
            std::thread::sleep(Duration::from_millis(10));
        }
        // The head of the file is written a moment before the first sample is taken.
        std::thread::sleep(Duration::from_millis(300));
        if profiler.is_running() { Ok(profiler) } else { Err("perf cannot sample here".to_owned()) }
    }

    fn is_running(&mut self) -> bool {
        matches!(self.0.try_wait(), Ok(None))
    }

    fn stop(mut self) -> Result<(), String> {
        kill_process(Pid::from_child(&self.0), Signal::INT).map_err(|error| error.to_string())?;
        self.0.wait().map(drop).map_err(|error| error.to_string())
    }
}

fn listed(pids: &[u32]) -> String {
    pids.iter().map(u32::to_string).collect::<Vec<_>>().join(",")
}

/// Turns what perf wrote into text, which waits for its title.
fn keep(profile: &Path, pids: &[u32]) -> Result<(), String> {
    let data = data_file(profile);
    let output = Command::new("perf")
        .args(["report", "--stdio", "--no-children", "--percentage", "relative", "--sort", "dso,symbol"])
        .args(["--pid", &listed(pids), "-i"])
        .arg(&data)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("cannot run perf: {error}"))?;
    let _ = fs::remove_file(&data);
    let report = String::from_utf8_lossy(&output.stdout);
    let text = summary(&report).ok_or("perf took no samples: once more, or at a larger scale")?;
    let path = samples_file(profile);
    fs::write(&path, text).map_err(|error| format!("cannot write {}: {error}", path.display()))
}

/// Shares of kernel, copy and checksum, and the greatest symbols, from the text of `perf report`; `None` where it has
/// no samples.
fn summary(report: &str) -> Option<String> {
    let lines: Vec<(f64, &str)> = report.lines().filter_map(symbol).collect();
    let share = |belongs: fn(&str) -> bool| -> f64 {
        let shares = lines.iter().filter(|(_, symbol)| belongs(symbol)).map(|(percent, _)| percent);
        shares.fold(0.0, |sum, percent| sum + percent)
    };
    lines.first()?;
    let (kernel, copy, checksum) = (share(is_kernel), share(is_copy), share(is_checksum));
    let mut text = format!(
        "perf record, {FREQUENCY} samples a second of each core\n\
         kernel {kernel:.1} %, copy {copy:.1} %, checksum {checksum:.1} %, together {:.1} %; the rest is the \
         broker's own code\n",
        kernel + copy + checksum
    );
    for (percent, symbol) in lines.iter().take(SYMBOLS_MAX) {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{percent:7.2} %  {symbol}");
    }
    Some(text)
}

/// Share and name of a line such as `12.34%  naru  [.] some::function`.
fn symbol(line: &str) -> Option<(f64, &str)> {
    let (percent, rest) = line.trim().split_once('%')?;
    // Behind the name stand columns of things that were not recorded.
    Some((percent.parse().ok()?, rest.trim_end_matches([' ', '-']).trim()))
}

fn is_kernel(symbol: &str) -> bool {
    symbol.contains("[k]")
}

fn is_copy(symbol: &str) -> bool {
    !is_kernel(symbol) && ["memcpy", "memmove"].iter().any(|name| symbol.contains(name))
}

fn is_checksum(symbol: &str) -> bool {
    !is_kernel(symbol) && !is_copy(symbol) && symbol.contains("crc")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_shared_out_between_kernel_copy_checksum_and_the_rest() {
        let report = "# Overhead  Shared Object  Symbol\n\
                      #\n    60.00%  [kernel.kallsyms]  [k] memcpy_to_page\n    \
                      10.50%  naru  [.] crc_fast::update\n     9.50%  libc.so.6  [.] __memmove_avx\n     \
                      20.00%  naru  [.] broker::dispatch    -      -\n\n# (a tip with 5% in it)\n";
        assert_eq!(summary("# Overhead  Shared Object  Symbol\n"), None);
        let text = summary(report).unwrap();
        assert!(text.contains("kernel 60.0 %, copy 9.5 %, checksum 10.5 %, together 80.0 %"), "{text}");
        assert!(text.contains("  20.00 %  naru  [.] broker::dispatch\n"), "{text}");
        assert_eq!(text.lines().count(), 2 + 4);
    }

    #[test]
    fn without_a_wish_nothing_is_sampled() {
        let effort = Effort::of(&[]).unwrap();
        assert_eq!(around(&effort, &[1], || Ok(5)), Ok(5));
        assert_eq!(around_start(&effort, || Ok((6, 1))), Ok(6));
    }
}
