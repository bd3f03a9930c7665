//! Rules about single files: length, first line, names, words that have no place here.

use std::path::Path;

use crate::tree::tracked_files;

const FILE_LINES_MAX: usize = 600;
const ARCHITECTURE_LINES_MAX: usize = 300;

/// File names that say nothing about what is inside.
const EMPTY_NAMES: &[&str] =
    &["util", "utils", "common", "helper", "helpers", "misc", "impl", "manager", "new", "ng"];

/// Text that must not be committed, put together here so that this file does not match itself.
fn forbidden_words() -> Vec<String> {
    let halves = [
        ("TO", "DO:"),
        ("FIX", "ME"),
        ("XX", "X:"),
        ("dbg", "!("),
        ("todo", "!("),
        ("unimpl", "emented!("),
        ("arti", "factory"),
        ("index.", "crates.io"),
        ("repo.maven.", "apache.org"),
        ("registry.", "npmjs.org"),
        ("pypi", ".org"),
        ("deb.", "debian.org"),
        ("proxy.", "golang.org"),
        ("/work", "/main"),
        ("/work", "/shared"),
        (".lib", "rary/"),
    ];
    halves.iter().map(|(one, other)| format!("{one}{other}")).collect()
}

/// Checks every tracked text file.
pub fn check(root: &Path, findings: &mut Vec<String>) {
    let forbidden = forbidden_words();
    for path in tracked_files(root) {
        check_name(&path, findings);
        let Ok(text) = std::fs::read_to_string(root.join(&path)) else { continue };
        if !path.ends_with(".lock") && !path.ends_with("package-lock.json") {
            check_words(&path, &text, &forbidden, findings);
        }
        if path.ends_with(".rs") {
            check_rust(&path, &text, findings);
        }
        if path == "ARCHITECTURE.md" && text.lines().count() > ARCHITECTURE_LINES_MAX {
            findings.push(format!("{path}: more than {ARCHITECTURE_LINES_MAX} lines"));
        }
    }
}

fn check_name(path: &str, findings: &mut Vec<String>) {
    let parts = path.split('/').map(|part| part.split('.').next().unwrap_or(part));
    for part in parts {
        if EMPTY_NAMES.contains(&part) {
            findings.push(format!("{path}: the name '{part}' says nothing about what is inside"));
        }
    }
}

fn check_words(path: &str, text: &str, forbidden: &[String], findings: &mut Vec<String>) {
    for (number, line) in text.lines().enumerate() {
        for word in forbidden.iter().filter(|word| line.contains(word.as_str())) {
            findings.push(format!("{path}:{}: '{word}' must not be committed", number + 1));
        }
    }
}

fn check_rust(path: &str, text: &str, findings: &mut Vec<String>) {
    let declared = path.split('/').any(|part| part == "generated" || part == "tables");
    if !text.starts_with("//!") {
        findings.push(format!("{path}:1: the first line says what the file is for (//!)"));
    }
    let lines = text.lines().count();
    if lines > FILE_LINES_MAX && !declared {
        findings.push(format!("{path}: {lines} lines, at most {FILE_LINES_MAX}: split it by responsibility"));
    }
    let allowance = format!("allow({}", "unsafe_code");
    if text.contains(&allowance) {
        findings.push(format!("{path}: unsafe code needs a place in xtask's list and in ARCHITECTURE.md"));
    }
}
