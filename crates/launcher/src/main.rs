//! The executable `naru`: runs the tool that program name or first argument names, or the server.

use std::process::ExitCode;

use cli::Outcome;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let lossy = |word: std::ffi::OsString| word.to_string_lossy().into_owned();
    let words: Vec<String> = std::env::args_os().map(lossy).collect();
    let variables: Vec<(String, String)> =
        std::env::vars_os().map(|(name, value)| (lossy(name), lossy(value))).collect();
    match cli::run(&words, &variables) {
        Outcome::Done(code) => ExitCode::from(code),
        Outcome::Serve(inputs) => server::run(&inputs),
    }
}
