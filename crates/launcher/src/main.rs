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
    match cli::run(&words, &variables) {
        Outcome::Done(code) => ExitCode::from(code),
        Outcome::Serve(inputs) => server::run(&inputs),
    }
}

/// Tells the kernel not to back memory with pages of 2 MiB: the allocator asks for them, and an idle broker would
/// hold 9 MiB more than it uses. Where that is refused nothing is lost but memory.
fn keep_to_small_pages() {
    #[cfg(target_os = "linux")]
    let _ = rustix::thread::disable_transparent_huge_pages(true);
}
