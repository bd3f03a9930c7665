//! `cargo xtask fix`: what can be put in order without thinking.

use std::path::Path;

use crate::steps::step;

/// Applies clippy's own suggestions, then formats.
pub fn run(root: &Path) -> Result<(), String> {
    step(
        root,
        "cargo",
        &["clippy", "--workspace", "--all-targets", "--fix", "--allow-dirty", "--allow-staged"],
    )?;
    step(root, "cargo", &["fmt", "--all"])
}
