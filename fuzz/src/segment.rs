//! The input as the one segment of a log that a crash has left: it opens, and what it then serves are whole batches in
//! order, each with a checksum that holds.
#![no_main]

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use partition_log::{FileHandles, LastRun, LogDir, LogOptions, OffsetCheckpoint, RealDisk};
use records::batches;

const READ_MAX: usize = 1 << 20;

fn folder() -> &'static PathBuf {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| PathBuf::from(format!("/dev/shm/fuzz-segment-{}", std::process::id())))
}

fuzz_target!(|input: &[u8]| {
    let folder = folder();
    let _ = std::fs::remove_dir_all(folder);
    let log = folder.join("t-0");
    std::fs::create_dir_all(&log).expect("a folder");
    std::fs::write(log.join("00000000000000000000.log"), input).expect("a file");
    let dir = LogDir::open(folder, Arc::new(RealDisk), Arc::new(FileHandles::new(100))).expect("a directory");
    let last_run = LastRun {
        was_clean: false,
        recovery_points: OffsetCheckpoint::default(),
        log_starts: OffsetCheckpoint::default(),
    };
    let options = Arc::new(LogOptions::default());
    let names = ["t-0".to_owned()];
    let now_ms = 1_700_000_000_000;
    let opened = dir.open_logs(&names, &|_| Arc::clone(&options), &|_, _| Ok(()), &last_run, 1, now_ms);
    for (_, outcome) in opened {
        let Ok(log) = outcome else { continue };
        let end = log.log_end_offset();
        let mut offset = log.log_start_offset();
        while offset < end {
            let slice = log.read(offset, READ_MAX, end, true).expect("what was recovered can be read");
            let bytes = slice.to_vec().expect("what was recovered can be read");
            let before = offset;
            for batch in batches(&bytes) {
                let Ok(batch) = batch else { break };
                batch.verify_checksum().expect("recovery keeps no batch whose checksum is wrong");
                assert!(batch.last_offset() >= offset && batch.last_offset() < end);
                offset = batch.next_offset();
            }
            assert!(offset > before, "nothing is read at {before}, the end is {end}");
        }
    }
});
