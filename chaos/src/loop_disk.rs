//! A small ext4 file system in a file: its power can be cut, and it can be filled.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// EXT4_IOC_SHUTDOWN with the flag that keeps the journal from being flushed: what is not on the disk is lost.
const SHUTDOWN: &str = "import fcntl, os, struct, sys
fcntl.ioctl(os.open(sys.argv[1], os.O_RDONLY), 0x8004587d, struct.pack('I', 2))";
/// How long a file system may stay busy after its last user has ended.
const BUSY_MAX: Duration = Duration::from_secs(10);

/// A mounted file system; unmounted when dropped.
#[derive(Debug)]
pub struct LoopDisk {
    image: PathBuf,
    /// Where it is mounted.
    pub root: PathBuf,
    is_mounted: bool,
}

/// Why this machine cannot have one.
pub fn lacking() -> Option<String> {
    if !rustix::process::geteuid().is_root() {
        return Some("mounting needs root".to_owned());
    }
    let is_there = |program: &&str| Command::new(program).arg("--version").output().is_ok();
    let missing = ["mkfs.ext4", "mount", "umount", "python3"].into_iter().find(|program| !is_there(program));
    missing.map(|program| format!("there is no {program}"))
}

impl LoopDisk {
    /// Makes and mounts one of `bytes` below `folder`.
    pub fn create(folder: &Path, name: &str, bytes: u64) -> Result<LoopDisk, String> {
        let (image, root) = (folder.join(format!("{name}.img")), folder.join(name));
        let failed = |error: std::io::Error| format!("{}: {error}", image.display());
        std::fs::File::create(&image).and_then(|file| file.set_len(bytes)).map_err(failed)?;
        std::fs::create_dir(&root).map_err(failed)?;
        run("mkfs.ext4", &["-q", "-F", &image.display().to_string()])?;
        let mut disk = LoopDisk { image, root, is_mounted: false };
        disk.mount()?;
        Ok(disk)
    }

    /// Mounts it, which replays its journal.
    pub fn mount(&mut self) -> Result<(), String> {
        run("mount", &["-o", "loop", &self.image.display().to_string(), &self.root.display().to_string()])?;
        self.is_mounted = true;
        Ok(())
    }

    /// Cuts its power: from now on nothing reaches the disk.
    pub fn cut_power(&self) -> Result<(), String> {
        run("python3", &["-c", SHUTDOWN, &self.root.display().to_string()])
    }

    /// Unmounts it, as soon as nobody uses it any more.
    pub fn unmount(&mut self) -> Result<(), String> {
        let deadline = Instant::now() + BUSY_MAX;
        loop {
            match run("umount", &[&self.root.display().to_string()]) {
                Err(_) if Instant::now() < deadline => std::thread::sleep(Duration::from_millis(20)),
                outcome => {
                    self.is_mounted = outcome.is_err();
                    return outcome;
                }
            }
        }
    }
}

impl Drop for LoopDisk {
    fn drop(&mut self) {
        if self.is_mounted
            && let Err(error) = self.unmount()
        {
            eprintln!("{} stays mounted: {error}", self.root.display());
        }
    }
}

fn run(program: &str, arguments: &[&str]) -> Result<(), String> {
    let output = Command::new(program).args(arguments).output();
    let output = output.map_err(|error| format!("cannot run {program}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr).trim()))
}
