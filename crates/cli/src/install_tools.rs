//! `naru install-tools DIR`: every tool under its own name, with and without `.sh`, as links to this executable.

use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use crate::{Output, names, written};

/// Makes the links and gives the exit code. Nothing is made where something else has one of the names.
pub(crate) fn run(arguments: &[String], output: &mut Output<'_>) -> u8 {
    let [folder] = arguments else {
        return output.fail("usage: naru install-tools DIR\nputs every tool into DIR under its own name, with and without .sh");
    };
    let installed = std::env::current_exe().map_err(|error| error.to_string());
    match installed.and_then(|executable| install(&executable, Path::new(folder))) {
        Ok(count) => {
            let line = format!("{count} links to this executable are in {folder}; put it into PATH\n");
            written(output.out.write_all(line.as_bytes()), output)
        }
        Err(sentence) => output.fail(sentence),
    }
}

fn install(executable: &Path, folder: &Path) -> Result<usize, String> {
    let failed = |path: &Path, error: &io::Error| format!("{} cannot be made: {error}", path.display());
    fs::create_dir_all(folder).map_err(|error| failed(folder, &error))?;
    let links: Vec<PathBuf> =
        names::all().flat_map(|name| [folder.join(name), folder.join(format!("{name}.sh"))]).collect();
    for link in &links {
        // Of links only: what else has the name is not ours to remove.
        let taken = fs::symlink_metadata(link).is_ok_and(|there| !there.file_type().is_symlink());
        if taken {
            return Err(format!("{} is there already and is no link; nothing was changed", link.display()));
        }
    }
    for link in &links {
        match fs::remove_file(link) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(link, &error)),
            _ => symlink(executable, link).map_err(|error| failed(link, &error))?,
        }
    }
    Ok(links.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the source tree has for those who build it themselves.
    #[test]
    fn the_folder_bin_has_every_tool_in_both_spellings() {
        let bin = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../bin");
        let mut there: Vec<String> = fs::read_dir(&bin)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        there.sort();
        let mut names: Vec<String> =
            names::all().flat_map(|name| [name.to_owned(), format!("{name}.sh")]).collect();
        names.push("naru-tool".to_owned());
        names.sort();
        assert_eq!(there, names);
        for name in there.iter().filter(|name| *name != "naru-tool") {
            assert_eq!(fs::read_link(bin.join(name)).unwrap(), Path::new("naru-tool"), "{name}");
        }
    }

    #[test]
    fn links_are_made_and_made_again_and_other_files_stay() {
        let folder = tempfile::tempdir().unwrap();
        let bin = folder.path().join("new").join("bin");
        let (one, other) = (Path::new("/opt/naru/1/naru"), Path::new("/opt/naru/2/naru"));
        let count = install(one, &bin).unwrap();
        assert_eq!(count, fs::read_dir(&bin).unwrap().count());
        assert_eq!(install(other, &bin), Ok(count));
        for name in ["kafka-topics", "kafka-topics.sh", "connect-standalone.sh", "zkServer.sh"] {
            assert_eq!(fs::read_link(bin.join(name)).unwrap(), other, "{name}");
        }
        fs::remove_file(bin.join("trogdor.sh")).unwrap();
        fs::write(bin.join("trogdor.sh"), "mine").unwrap();
        let refused = install(one, &bin).unwrap_err();
        assert!(
            refused.ends_with("trogdor.sh is there already and is no link; nothing was changed"),
            "{refused}"
        );
        assert_eq!(fs::read_link(bin.join("kafka-topics")).unwrap(), other);
    }
}
