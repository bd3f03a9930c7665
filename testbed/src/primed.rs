//! Memory that somebody has touched before, so that no run pays for being the first.
//!
//! The first writer into memory that a virtual machine has never touched is several times slower, and a machine that tells
//! its host of free pages (free page reporting) loses them again within seconds: an append of 16 KiB cost 30 us there, and
//! 8 us in memory that was in use just before. So free memory is filled with clean page cache, which whoever needs memory gets
//! from the system at once, and filled again before each run.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

/// Memory that is left free, in bytes: the system begins to look for more below a part of that.
const LEFT_FREE: u64 = 1 << 30;
/// Less than that is not worth the reading, in bytes.
const WORTH_FILLING: u64 = 1 << 29;

/// A sparse file whose pages fill the memory. They go with it.
#[derive(Debug)]
pub struct Primed {
    file: File,
    /// Bytes of the file that were read.
    read: u64,
}

impl Primed {
    /// A file in `folder`, of which nothing is read yet.
    pub fn new(folder: &Path) -> Result<Primed, String> {
        let file =
            File::options().read(true).write(true).create(true).truncate(true).open(folder.join("sparse"));
        file.map(|file| Primed { file, read: 0 }).map_err(|error| failed(&error))
    }

    /// Fills what is free.
    pub fn fill(&mut self) -> Result<(), String> {
        let meminfo = std::fs::read_to_string("/proc/meminfo").map_err(|error| failed(&error))?;
        let bytes = free_bytes(&meminfo).unwrap_or(0).saturating_sub(LEFT_FREE);
        if bytes < WORTH_FILLING {
            return Ok(());
        }
        self.read_more(bytes).map_err(|error| failed(&error))
    }

    /// Pages that were never read are new ones; the oldest go where memory is short.
    fn read_more(&mut self, bytes: u64) -> io::Result<()> {
        self.file.set_len(self.read + bytes)?;
        self.file.seek(SeekFrom::Start(self.read))?;
        let mut buffer = vec![0; 1 << 20];
        while self.file.read(&mut buffer)? > 0 {}
        self.read += bytes;
        Ok(())
    }
}

fn failed(error: &io::Error) -> String {
    format!("cannot prime memory: {error}")
}

fn free_bytes(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemFree:"))?;
    Some(line.split_whitespace().next()?.parse::<u64>().ok()? * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn free_memory_is_told_from_the_rest() {
        assert_eq!(free_bytes("MemTotal: 9 kB\nMemFree:     7 kB\nMemAvailable: 8 kB\n"), Some(7 * 1024));
        assert_eq!(free_bytes("MemTotal: 9 kB\n"), None);
    }

    #[test]
    fn each_filling_reads_what_was_not_read_before() {
        let folder = tempfile::tempdir().unwrap();
        let mut primed = Primed::new(folder.path()).unwrap();
        primed.read_more(3 << 20).unwrap();
        primed.read_more(100).unwrap();
        assert_eq!(primed.read, (3 << 20) + 100);
        assert_eq!(primed.file.stream_position().unwrap(), primed.read);
    }
}
