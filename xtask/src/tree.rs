//! What belongs to the tree: the files git tracks or would track.

use std::path::Path;
use std::process::Command;

/// Paths relative to `root` of every file that is tracked, or new and not ignored.
pub fn tracked_files(root: &Path) -> Vec<String> {
    let arguments = ["ls-files", "--cached", "--others", "--exclude-standard"];
    let output = Command::new("git").args(arguments).current_dir(root).output();
    let Ok(output) = output else { return Vec::new() };
    let listed = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut files: Vec<String> = listed.lines().map(str::to_owned).collect();
    files.sort();
    files.dedup();
    files.retain(|path| root.join(path).is_file());
    files
}
