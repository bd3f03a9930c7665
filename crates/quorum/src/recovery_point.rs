//! The file `raft-recovery-point`: up to which offset the metadata log is known to be on stable storage.
//!
//! A start cuts a damaged tail, which was never acknowledged, and must not cut what was: this tells them apart.

use std::io;
use std::path::{Path, PathBuf};

use model::Offset;
use partition_log::{LogHome, replace_file};

/// Longer than any such file.
const SIZE_MAX: usize = 64;

fn path(dir: &Path) -> PathBuf {
    dir.join("raft-recovery-point")
}

/// Replaces the file.
pub fn write(home: &LogHome, dir: &Path, offset: Offset) -> io::Result<()> {
    replace_file(home.disk(), &path(dir), format!("0\n{offset}\n").as_bytes())
}

/// The offset; `None` where it is not known. A file that cannot be read tells nothing.
pub fn read(home: &LogHome, dir: &Path) -> io::Result<Option<Offset>> {
    let mut bytes = [0; SIZE_MAX];
    let read = match home.disk().open(&path(dir), false) {
        Ok(file) => home.disk().read_at(&file, &mut bytes, 0)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let text = String::from_utf8_lossy(bytes.get(..read).unwrap_or_default());
    let offset = text.strip_prefix("0\n").and_then(|rest| rest.trim_end().parse().ok());
    Ok(offset.filter(|offset| *offset >= 0))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::sync::Arc;

    use partition_log::{FileHandles, RealDisk};

    use super::*;

    #[test]
    fn the_offset_reads_back_and_damage_tells_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let home = LogHome::new(Arc::new(RealDisk), Arc::new(FileHandles::new(1)));
        assert_eq!(read(&home, folder.path()).unwrap(), None);
        write(&home, folder.path(), 42).unwrap();
        assert_eq!(read(&home, folder.path()).unwrap(), Some(42));
        for text in ["", "0\n-1\n", "1\n42\n", "0\nx"] {
            fs::write(path(folder.path()), text).unwrap();
            assert_eq!(read(&home, folder.path()).unwrap(), None, "{text:?}");
        }
    }
}
