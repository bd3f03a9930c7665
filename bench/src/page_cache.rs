//! Files put out of the page cache, so that reading them is reading the disk.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use rustix::fs::{Advice, fadvise};

/// Drops the pages of every file below `folder`, which must have been written back: dirty pages stay.
pub fn evict(folder: &Path) -> Result<(), String> {
    evict_below(folder).map_err(|error| format!("cannot evict {}: {error}", folder.display()))
}

fn evict_below(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            evict_below(&entry.path())?;
        } else {
            match File::open(entry.path()) {
                Ok(file) => fadvise(file, 0, None, Advice::DontNeed)?,
                // A server may rename or delete a file meanwhile.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    /// Bytes that this thread's reads have brought from the disk.
    fn disk_read_bytes() -> u64 {
        let io = fs::read_to_string("/proc/thread-self/io").unwrap();
        let line = io.lines().find_map(|line| line.strip_prefix("read_bytes: ")).unwrap();
        line.parse().unwrap()
    }

    #[test]
    fn an_evicted_file_is_read_from_the_disk() {
        // A folder of the build, because the system's temporary one may be in memory.
        let target = crate::product::target();
        fs::create_dir_all(&target).unwrap();
        let folder = tempfile::tempdir_in(target).unwrap();
        let below = folder.path().join("below");
        fs::create_dir(&below).unwrap();
        let mut file = File::create(below.join("file")).unwrap();
        file.write_all(&vec![7; 1 << 20]).unwrap();
        file.sync_all().unwrap();
        let before = disk_read_bytes();
        fs::read(below.join("file")).unwrap();
        assert_eq!(disk_read_bytes(), before);
        evict(folder.path()).unwrap();
        assert_eq!(fs::read(below.join("file")).unwrap(), vec![7; 1 << 20]);
        assert!(disk_read_bytes() >= before + (1 << 20));
    }
}
