//! The executable `naru`: runs the tool that program name or first argument names, or the server.

use std::process::ExitCode;

use cli::Outcome;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    keep_to_small_pages();
    let lossy = |word: std::ffi::OsString| word.to_string_lossy().into_owned();
    let words: Vec<String> = std::env::args_os().map(lossy).collect();
    let variables: Vec<(String, String)> =
        std::env::vars_os().map(|(name, value)| (lossy(name), lossy(value))).collect();
    let own: Vec<(&str, &str)> = commands::verbs::VERBS.iter().map(|verb| (verb.name, verb.about)).collect();
    match cli::run(&words, &variables, &own) {
        Outcome::Done(code) => ExitCode::from(code),
        Outcome::Serve(inputs) => server::run(&inputs),
        Outcome::Own(words) => ExitCode::from(commands::run(&words, &variables)),
    }
}

/// Tells the kernel not to back memory with pages of 2 MiB: the allocator asks for them, and an idle broker would
/// hold 9 MiB more than it uses. Where that is refused nothing is lost but memory.
fn keep_to_small_pages() {
    #[cfg(target_os = "linux")]
    let _ = rustix::thread::disable_transparent_huge_pages(true);
}
