//! Running other programs, one step after the other, each announced.

use std::path::Path;
use std::process::Command;
use std::time::Instant;

/// Runs `program` in `root`; an error names the command that failed.
pub fn step(root: &Path, program: &str, arguments: &[&str]) -> Result<(), String> {
    let shown = format!("{program} {}", arguments.join(" "));
    println!("==> {shown}");
    let started = Instant::now();
    let status = Command::new(program).args(arguments).current_dir(root).status();
    match status {
        Ok(status) if status.success() => {
            println!("    done in {:.1} s", started.elapsed().as_secs_f64());
            Ok(())
        }
        Ok(status) => Err(format!("failed ({status}): {shown}")),
        Err(error) => Err(format!("cannot run {program}: {error}")),
    }
}
