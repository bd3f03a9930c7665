//! Prints nanoseconds per append at 300 B and 16 KiB, beside the bare write of as many bytes.
//!
//! `cargo run --release -p partition-log --example append_bench [folder]`

use std::fs::File;
use std::io::{self, IoSlice};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use partition_log::{
    DirEntry, Disk, FileHandles, LeaderBatch, LogHome, LogOptions, PartitionLog, RealDisk, RecoveryStart,
};
use records::{BatchBuilder, CheckedBatch, next_batch};

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let root = std::env::args().nth(1).map_or_else(std::env::temp_dir, PathBuf::from);
    let root = root.join(format!("append-bench-{}", std::process::id()));
    std::fs::create_dir_all(&root)?;
    for round in 0..3 {
        for (name, size, count) in [("300 B", 232, 300_000u32), ("16 KiB", 16_300, 30_000)] {
            let bare = bare_write(&root, size + 68, count)?;
            let folder = |kind: &str| root.join(format!("{kind}-{round}-{size}"));
            let append = appends(Arc::new(RealDisk), &folder("one"), size, count, 1)?;
            let own = appends(Arc::new(NoWrites), &folder("own"), size, count, 1)?;
            let grouped = appends(Arc::new(RealDisk), &folder("many"), size, count, 16)?;
            println!(
                "{name:>7}: bare write {bare} ns, append {append} ns, append without the write {own} ns, in groups of 16 {grouped} ns"
            );
        }
    }
    std::fs::remove_dir_all(&root)?;
    Ok(())
}

fn appends(
    disk: Arc<dyn Disk>,
    folder: &Path,
    size: usize,
    count: u32,
    group: usize,
) -> Result<u128, Failure> {
    let home = LogHome::new(disk, Arc::new(FileHandles::new(100)));
    let recovery = RecoveryStart { clean_shutdown: true, ..RecoveryStart::default() };
    let log = PartitionLog::open(&home, folder, Arc::new(LogOptions::default()), recovery, 0)?;
    let bytes = BatchBuilder::new().record(0, None, Some(&vec![7; size])).build();
    let checked = next_batch(&bytes)?.as_ref().map(CheckedBatch::own).ok_or("the batch is empty")?;
    let mut copies = vec![bytes; group];
    let started = Instant::now();
    for _ in 0..count / group as u32 {
        if let [one] = &mut copies[..] {
            log.append_as_leader(one, &checked, 0, 0)?;
            continue;
        }
        let mut items: Vec<LeaderBatch<'_>> =
            copies.iter_mut().map(|bytes| LeaderBatch { bytes, checked }).collect();
        let mut failed = None;
        log.lock_append().append_all(&mut items, 0, 0, |_, outcome| failed = outcome.err());
        if let Some(error) = failed {
            return Err(error.into());
        }
    }
    let each = started.elapsed().as_nanos() / u128::from(count);
    std::fs::remove_dir_all(folder)?;
    Ok(each)
}

/// The real disk without its writes: what is left is the cost of the log itself.
#[derive(Debug)]
struct NoWrites;

impl Disk for NoWrites {
    fn open(&self, path: &Path, create: bool) -> io::Result<File> {
        RealDisk.open(path, create)
    }

    fn write_at(&self, _: &File, _: &mut [IoSlice<'_>], _: u64) -> io::Result<()> {
        Ok(())
    }

    fn read_at(&self, file: &File, buffer: &mut [u8], position: u64) -> io::Result<usize> {
        RealDisk.read_at(file, buffer, position)
    }

    fn sync(&self, _: &File) -> io::Result<()> {
        Ok(())
    }

    fn set_size(&self, _: &File, _: u64) -> io::Result<()> {
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        RealDisk.rename(from, to)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        RealDisk.remove_file(path)
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        RealDisk.remove_dir(path)
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        RealDisk.create_dir(path)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<DirEntry>> {
        RealDisk.list(path)
    }

    fn sync_dir(&self, _: &Path) -> io::Result<()> {
        Ok(())
    }
}

fn bare_write(root: &Path, size: usize, count: u32) -> Result<u128, Failure> {
    let path = root.join("bare");
    let file = RealDisk.open(&path, true)?;
    let bytes = vec![7u8; size];
    let started = Instant::now();
    for n in 0..u64::from(count) {
        RealDisk.write_at(&file, &mut [IoSlice::new(&bytes)], n * size as u64)?;
    }
    let each = started.elapsed().as_nanos() / u128::from(count);
    std::fs::remove_file(&path)?;
    Ok(each)
}
