//! Tests that need a process of their own: this executable again, with one test.

use std::process::Command;

const MARK: &str = "BROKER_TEST_CHILD";

/// Runs the test of that name in a process of its own and returns true; in that process it returns false.
pub fn ran(name: &str) -> bool {
    ran_under(&[], name)
}

/// As [`ran`] with a command in front, such as a tracer.
pub fn ran_under(prefix: &[&str], name: &str) -> bool {
    if std::env::var_os(MARK).is_some() {
        return false;
    }
    let own = std::env::current_exe().unwrap();
    let own = own.to_str().unwrap();
    let words: Vec<&str> = prefix.iter().copied().chain([own, name, "--exact", "--nocapture"]).collect();
    let status = Command::new(words[0]).args(&words[1..]).env(MARK, "1").status().unwrap();
    assert!(status.success(), "{name} failed in its own process: {status}");
    true
}

/// The system call tracer; where it is missing, continuous integration installs it and anybody else is told.
pub fn strace() -> Option<()> {
    let is_there = || Command::new("strace").arg("--version").output().is_ok_and(|run| run.status.success());
    let in_ci = std::env::var("CI").is_ok_and(|value| value == "true");
    if !is_there() && in_ci {
        for words in [&["update"][..], &["install", "-y", "strace"]] {
            let _ = Command::new("apt-get").arg("-qq").args(words).status();
        }
        assert!(is_there(), "strace is missing and could not be installed");
    }
    is_there().then_some(())
}

/// Resident memory of this process.
pub fn resident_bytes() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
}
