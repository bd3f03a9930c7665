//! The seam to the disk: what a log needs of a file system, so that tests can make it fail.

use std::fmt::Debug;
use std::fs::{self, File, OpenOptions};
use std::io::{self, IoSlice, IoSliceMut};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;

use rustix::fs::FallocateFlags;
use rustix::io::{Errno, ReadWriteFlags};

/// Unit of a file's blocks, whatever the file system's own are.
const BLOCK: u64 = 512;
/// A reservation takes at most that part of the free space: others want to write too.
const RESERVED_SHARE: u64 = 16;

/// What stands in a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirEntry {
    /// Name within the folder; entries whose name is not UTF-8 are left out.
    pub name: String,
    /// True for a folder.
    pub is_dir: bool,
}

/// A file system. Files are real ones, so that they can be sent to sockets.
pub trait Disk: Send + Sync + Debug {
    /// Opens a file for reading and writing; `create` makes it where it is missing.
    fn open(&self, path: &Path, create: bool) -> io::Result<File>;
    /// Writes all of `parts`, one after the other, at `position`.
    fn write_at(&self, file: &File, parts: &mut [IoSlice<'_>], position: u64) -> io::Result<()>;
    /// Reads up to `buffer.len()` bytes at `position`; less only at the end of the file.
    fn read_at(&self, file: &File, buffer: &mut [u8], position: u64) -> io::Result<usize>;
    /// As [`Disk::read_at`] from what is in memory already, possibly less of it; `WouldBlock` where the first byte is not.
    fn read_at_now(&self, file: &File, buffer: &mut [u8], position: u64) -> io::Result<usize> {
        self.read_at(file, buffer, position)
    }
    /// Puts the contents of the file on stable storage.
    fn sync(&self, file: &File) -> io::Result<()>;
    /// Cuts or extends the file to `size` bytes.
    fn set_size(&self, file: &File, size: u64) -> io::Result<()>;
    /// Finds a place for `bytes` at `position`, which may lie behind the end of the file; its size stays as it is. Only a
    /// service: who cannot do so leaves it.
    fn reserve(&self, _file: &File, _position: u64, _bytes: u64) -> io::Result<()> {
        Ok(())
    }
    /// Bytes that have their place, filled or not.
    fn allocated(&self, file: &File) -> io::Result<u64> {
        Ok(file.metadata()?.blocks().saturating_mul(BLOCK))
    }
    /// Renames a file or folder, replacing a file of that name.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file.
    fn remove_file(&self, path: &Path) -> io::Result<()>;
    /// Removes a folder with all it holds.
    fn remove_dir(&self, path: &Path) -> io::Result<()>;
    /// Makes a folder and those above it.
    fn create_dir(&self, path: &Path) -> io::Result<()>;
    /// Lists a folder.
    fn list(&self, path: &Path) -> io::Result<Vec<DirEntry>>;
    /// Bytes of a file.
    fn size(&self, path: &Path) -> io::Result<u64> {
        Ok(self.open(path, false)?.metadata()?.len())
    }
    /// Puts the names in a folder on stable storage.
    fn sync_dir(&self, path: &Path) -> io::Result<()>;
    /// Puts everything on the file system that holds the open file on stable storage; an error may be of any of its
    /// files, and of any time since this one was opened.
    fn sync_file_system(&self, file: &File) -> io::Result<()> {
        Ok(rustix::fs::syncfs(file)?)
    }
}

/// The file system of this machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct RealDisk;

impl Disk for RealDisk {
    fn open(&self, path: &Path, create: bool) -> io::Result<File> {
        OpenOptions::new().read(true).write(true).create(create).truncate(false).open(path)
    }

    fn write_at(&self, file: &File, mut parts: &mut [IoSlice<'_>], mut position: u64) -> io::Result<()> {
        if let [only] = parts {
            return file.write_all_at(only, position);
        }
        // Leading empty parts would read as a write that makes no progress.
        IoSlice::advance_slices(&mut parts, 0);
        while !parts.is_empty() {
            match rustix::io::pwritev(file, parts, position) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => {
                    position += written as u64;
                    IoSlice::advance_slices(&mut parts, written);
                }
                Err(Errno::INTR) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
        Ok(())
    }

    fn read_at(&self, file: &File, buffer: &mut [u8], position: u64) -> io::Result<usize> {
        let mut filled = 0;
        while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match file.read_at(rest, position + filled as u64) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(filled)
    }

    fn read_at_now(&self, file: &File, buffer: &mut [u8], position: u64) -> io::Result<usize> {
        let mut parts = [IoSliceMut::new(buffer)];
        match rustix::io::preadv2(file, &mut parts, position, ReadWriteFlags::NOWAIT) {
            Ok(read) => Ok(read),
            Err(Errno::AGAIN | Errno::INTR) => Err(io::ErrorKind::WouldBlock.into()),
            // A file system that cannot tell: it is asked the ordinary way.
            Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL) => self.read_at(file, buffer, position),
            Err(errno) => Err(errno.into()),
        }
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        file.sync_data()
    }

    fn set_size(&self, file: &File, size: u64) -> io::Result<()> {
        file.set_len(size)
    }

    fn reserve(&self, file: &File, position: u64, bytes: u64) -> io::Result<()> {
        let room = rustix::fs::fstatvfs(file)?;
        if room.f_bavail.saturating_mul(room.f_frsize) / RESERVED_SHARE < bytes {
            return Err(io::ErrorKind::StorageFull.into());
        }
        Ok(rustix::fs::fallocate(file, FallocateFlags::KEEP_SIZE, position, bytes)?)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        fs::remove_dir_all(path)
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        fs::create_dir_all(path)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<DirEntry>> {
        let mut entries = Vec::new();
        for entry in fs::read_dir(path)? {
            let entry = entry?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            let is_dir = match entry.file_type() {
                Ok(kind) => kind.is_dir(),
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            };
            entries.push(DirEntry { name, is_dir });
        }
        Ok(entries)
    }

    fn size(&self, path: &Path) -> io::Result<u64> {
        Ok(fs::metadata(path)?.len())
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        File::open(path)?.sync_all()
    }
}

/// Reads a whole file; `None` where it does not exist. Refuses files above `size_max` bytes.
pub(crate) fn read_whole(disk: &dyn Disk, path: &Path, size_max: usize) -> io::Result<Option<Vec<u8>>> {
    let file = match disk.open(path, false) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let size = usize::try_from(file.metadata()?.len()).unwrap_or(usize::MAX);
    if size > size_max {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            format!("{size} bytes are more than such a file can have"),
        ));
    }
    let mut bytes = vec![0; size];
    let read = disk.read_at(&file, &mut bytes, 0)?;
    bytes.truncate(read);
    Ok(Some(bytes))
}

/// Replaces a file: write beside it, sync, rename over it, sync the folder.
pub fn replace_file(disk: &dyn Disk, path: &Path, content: &[u8]) -> io::Result<()> {
    write_beside(disk, path, content, true)?;
    match path.parent() {
        Some(folder) => disk.sync_dir(folder),
        None => Ok(()),
    }
}

/// As [`replace_file`] without the syncs, for files that can be rebuilt.
pub(crate) fn replace_file_unsynced(disk: &dyn Disk, path: &Path, content: &[u8]) -> io::Result<()> {
    write_beside(disk, path, content, false)
}

fn write_beside(disk: &dyn Disk, path: &Path, content: &[u8], sync: bool) -> io::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".tmp");
    let beside = Path::new(&beside);
    let file = disk.open(beside, true)?;
    disk.write_at(&file, &mut [IoSlice::new(content)], 0)?;
    end_at(disk, &file, content.len() as u64)?;
    if sync {
        disk.sync(&file)?;
    }
    disk.rename(beside, path)
}

/// Writes a whole file in its place, for one whose checksum tells whether it is whole.
pub(crate) fn write_checked_file(disk: &dyn Disk, path: &Path, content: &[u8]) -> io::Result<()> {
    let file = disk.open(path, true)?;
    disk.write_at(&file, &mut [IoSlice::new(content)], 0)?;
    end_at(disk, &file, content.len() as u64)
}

/// Cuts the file at `size` where it is longer: to ask costs less than to cut what needs no cut.
pub(crate) fn end_at(disk: &dyn Disk, file: &File, size: u64) -> io::Result<()> {
    if file.metadata()?.len() == size { Ok(()) } else { disk.set_size(file, size) }
}

/// Removes a file that may be gone already.
pub(crate) fn remove_if_there(disk: &dyn Disk, path: &Path) -> io::Result<()> {
    match disk.remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
