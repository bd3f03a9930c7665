//! The regression gate that counts instructions: run where valgrind is, skipped by name where it is not.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::steps::step;

/// Counts the instructions of the release build's data path against their ceilings.
pub fn run(root: &Path) -> Result<(), String> {
    let can_install = has("apt-get") && is_root();
    let is_ci = std::env::var("CI").is_ok_and(|value| value == "true");
    if !has("valgrind") && is_ci && can_install {
        step(root, "apt-get", &["-qq", "update"])?;
        step(root, "apt-get", &["-qq", "install", "-y", "valgrind"])?;
    }
    if !has("valgrind") {
        println!("SKIP instructions per request: valgrind is not installed");
        return Ok(());
    }
    step(root, "cargo", &["run", "--release", "--quiet", "--package", "bench", "--", "--instructions"])
}

/// Whether a program can be run.
fn has(program: &str) -> bool {
    let answer = Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    answer.is_ok_and(|status| status.success())
}

fn is_root() -> bool {
    let output = Command::new("id").arg("-u").output();
    output.is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}
