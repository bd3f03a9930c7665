//! The gate: rules that keep the tree readable, run inside the tests and by `cargo xtask tidy`.
//!
//! Each rule returns what it found; nothing is rewritten here (`cargo xtask fix` does that).

mod crates;
mod sources;

use std::path::Path;

/// Runs every rule on the tree at `root`; an empty list means it is tidy.
pub fn findings(root: &Path) -> Vec<String> {
    let mut findings = Vec::new();
    sources::check(root, &mut findings);
    crates::check(root, &mut findings);
    findings
}

/// Runs every rule and prints what it found.
pub fn run(root: &Path) -> Result<(), String> {
    let findings = findings(root);
    for finding in &findings {
        eprintln!("{finding}");
    }
    if findings.is_empty() { Ok(()) } else { Err(format!("tidy: {} findings", findings.len())) }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_tree_is_tidy() {
        let findings = super::findings(&crate::root());
        assert!(findings.is_empty(), "\n{}", findings.join("\n"));
    }
}
