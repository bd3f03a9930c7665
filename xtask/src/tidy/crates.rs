//! Rules about crates: which may know which, and that ARCHITECTURE.md lists just those that exist.

use std::collections::BTreeSet;
use std::path::Path;

/// Every crate and the crates of ours it may depend on, lowest layer first.
const ALLOWED: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("scripts", &[]),
    ("config", &["model"]),
    ("telemetry", &["model"]),
    ("records", &["model"]),
    ("protocol", &["model"]),
    ("metadata", &["model", "config", "protocol"]),
    ("coordinator", &["model", "protocol"]),
    ("partition-log", &["model", "records"]),
    ("transport", &["model"]),
    (
        "broker",
        &[
            "model",
            "config",
            "telemetry",
            "records",
            "protocol",
            "metadata",
            "coordinator",
            "partition-log",
            "transport",
        ],
    ),
    ("quorum", &["model", "records", "protocol", "metadata", "partition-log"]),
    ("client", &["model", "config", "records", "protocol", "transport"]),
    ("zookeeper", &["model"]),
    (
        "server",
        &[
            "model",
            "config",
            "telemetry",
            "protocol",
            "metadata",
            "partition-log",
            "transport",
            "broker",
            "quorum",
            "zookeeper",
        ],
    ),
    (
        "cli",
        &[
            "model",
            "config",
            "telemetry",
            "metadata",
            "partition-log",
            "records",
            "protocol",
            "quorum",
            "client",
            "zookeeper",
        ],
    ),
    ("commands", &["model", "config", "records", "client", "cli"]),
    ("launcher", &["cli", "commands", "server"]),
];

/// Crates that must not come in, not even through another one.
const BANNED: &[&str] = &[
    "openssl",
    "openssl-sys",
    "aws-lc-rs",
    "aws-lc-sys",
    "native-tls",
    "rdkafka",
    "rdkafka-sys",
    "rocksdb",
    "datafusion",
    "sqlparser",
];

const XTASK_DEPENDENCIES_MAX: usize = 3;

/// Checks manifests, lock file and the crate table of ARCHITECTURE.md.
pub fn check(root: &Path, findings: &mut Vec<String>) {
    let present = present_crates(root);
    for name in &present {
        check_edges(root, name, &present, findings);
    }
    check_lock_file(root, findings);
    check_architecture(root, &present, findings);
    let of_xtask = dependencies(&root.join("xtask/Cargo.toml"), &["[dependencies]"]);
    if of_xtask.len() > XTASK_DEPENDENCIES_MAX {
        findings.push(format!("xtask: {} dependencies, at most {XTASK_DEPENDENCIES_MAX}", of_xtask.len()));
    }
}

fn present_crates(root: &Path) -> BTreeSet<String> {
    let Ok(folders) = std::fs::read_dir(root.join("crates")) else { return BTreeSet::new() };
    let with_manifest = folders.flatten().filter(|folder| folder.path().join("Cargo.toml").is_file());
    with_manifest.map(|folder| folder.file_name().to_string_lossy().into_owned()).collect()
}

fn check_edges(root: &Path, name: &str, present: &BTreeSet<String>, findings: &mut Vec<String>) {
    let Some((_, allowed)) = ALLOWED.iter().find(|(known, _)| known == &name) else {
        findings.push(format!("crates/{name}: not in the table of allowed edges (xtask/src/tidy/crates.rs)"));
        return;
    };
    let manifest = root.join("crates").join(name).join("Cargo.toml");
    for dependency in dependencies(&manifest, &["[dependencies]", "[build-dependencies]"]) {
        if present.contains(&dependency) && !allowed.contains(&dependency.as_str()) {
            findings.push(format!("crates/{name}: must not know '{dependency}'"));
        }
    }
}

/// Names of the dependencies in the given sections of a manifest.
fn dependencies(manifest: &Path, sections: &[&str]) -> Vec<String> {
    let text = std::fs::read_to_string(manifest).unwrap_or_default();
    let mut inside = false;
    let mut names = Vec::new();
    for line in text.lines().map(str::trim) {
        if line.starts_with('[') {
            inside = sections.contains(&line);
        } else if inside && !line.is_empty() && !line.starts_with('#') {
            let name = line.split(['=', '.', ' ']).next().unwrap_or(line);
            names.push(name.to_owned());
        }
    }
    names
}

fn check_lock_file(root: &Path, findings: &mut Vec<String>) {
    let text = std::fs::read_to_string(root.join("Cargo.lock")).unwrap_or_default();
    for line in text.lines() {
        let Some(name) = line.strip_prefix("name = \"").and_then(|rest| rest.strip_suffix('"')) else {
            continue;
        };
        if BANNED.contains(&name) {
            findings.push(format!(
                "Cargo.lock: the crate '{name}' is banned; `cargo tree -i {name}` says who brings it"
            ));
        }
    }
}

/// The table has a row per crate, starting with the crate's name in code quotes.
fn check_architecture(root: &Path, present: &BTreeSet<String>, findings: &mut Vec<String>) {
    let text = std::fs::read_to_string(root.join("ARCHITECTURE.md")).unwrap_or_default();
    let row_name = |line: &str| Some(line.strip_prefix("| `")?.split_once("` |")?.0.to_owned());
    let listed: BTreeSet<String> = text.lines().filter_map(row_name).collect();
    for name in present.difference(&listed) {
        findings.push(format!("ARCHITECTURE.md: the crate table lacks '{name}'"));
    }
    for name in listed.difference(present) {
        findings.push(format!("ARCHITECTURE.md: the crate table lists '{name}', which does not exist"));
    }
}
