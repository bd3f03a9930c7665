//! The project's one helper command: `cargo xtask tidy | fix | codegen | test | bench | chaos`.

mod codegen;
mod fix;
mod instructions;
mod settings;
mod steps;
mod test;
mod tidy;
mod tree;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

const USAGE: &str = "\
usage: cargo xtask COMMAND

  tidy              check the rules of the house
  fix               format, and apply what clippy can mend by itself
  codegen [--check] write the generated code of crates/protocol and docs/settings.md, or say whether
                    they are up to date
  test [--full]     everything that must hold: format, clippy, tests, foreign clients
  bench --row N [..] measure against Apache Kafka (see bench/README.md)
  chaos --case NAME [--rounds N] [--seed S]
                    one campaign of faults (see docs/reliability.md); chaos --short runs all of them briefly";

/// The root of the tree.
pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match arguments.as_slice() {
        ["tidy"] => tidy::run(&root()),
        ["codegen"] => codegen::run(&root(), false).and_then(|()| settings::run(&root(), false)),
        ["codegen", "--check"] => codegen::run(&root(), true).and_then(|()| settings::run(&root(), true)),
        ["fix"] => fix::run(&root()),
        ["test", options @ ..] => test::run(&root(), options),
        ["bench", options @ ..] => bench(options),
        ["chaos", options @ ..] => chaos(&root(), options),
        _ => Err(USAGE.to_owned()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

/// Builds what is measured and what measures, then hands over.
fn bench(options: &[&str]) -> Result<(), String> {
    let root = root();
    steps::step(&root, "cargo", &["build", "--release", "--package", "launcher", "--package", "bench"])?;
    let arguments = [&["run", "--release", "--quiet", "--package", "bench", "--"], options].concat();
    steps::step(&root, "cargo", &arguments)
}

/// Builds the server and the campaigns against it, then hands over.
pub fn chaos(root: &Path, options: &[&str]) -> Result<(), String> {
    steps::step(root, "cargo", &["build", "--release", "--package", "launcher", "--package", "chaos"])?;
    let arguments = [&["run", "--release", "--quiet", "--package", "chaos", "--"], options].concat();
    steps::step(root, "cargo", &arguments)
}
