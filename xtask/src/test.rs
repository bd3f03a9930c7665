//! `cargo xtask test`: everything that must hold before a change lands.

use std::path::Path;

use crate::steps::step;

/// Runs the quick form, or with `--full` the whole matrix of clients and codecs.
pub fn run(root: &Path, options: &[&str]) -> Result<(), String> {
    let full = match options {
        [] => false,
        ["--full"] => true,
        _ => return Err(format!("test: unknown options {options:?}; only --full is known")),
    };
    step(root, "cargo", &["fmt", "--all", "--check"])?;
    step(root, "cargo", &["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"])?;
    step(root, "cargo", &["build", "--release", "--package", "launcher"])?;
    crate::instructions::run(root)?;
    let form = if full { "--full" } else { "--quick" };
    if root.join("compat/run.py").is_file() {
        step(root, "python3", &["compat/run.py", form])?;
    }
    step(root, "cargo", &["test", "--workspace"])?;
    crate::chaos(root, &["--short"])
}
