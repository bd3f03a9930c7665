//! A disk in memory that remembers every change made to it, in order.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{self, IoSlice};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use partition_log::{DirEntry, Disk, RealDisk};
use rustix::fs::{MemfdFlags, fstat, memfd_create};

/// A change of the disk. Files are told apart by number, for names come and go.
#[derive(Debug, Clone)]
pub enum Change {
    /// A file was made.
    Create(PathBuf, u64),
    /// A folder was made.
    MakeDir(PathBuf),
    /// Bytes were written at a position.
    Write(u64, u64, Vec<u8>),
    /// A file was cut or extended.
    SetSize(u64, u64),
    /// A file's contents are on stable storage.
    Sync(u64),
    /// A folder's names are on stable storage.
    SyncDir(PathBuf),
    /// Everything is on stable storage.
    SyncAll,
    /// A file or folder has another name.
    Rename(PathBuf, PathBuf),
    /// A file or folder is gone, with all it holds.
    Remove(PathBuf),
}

/// What stands on a disk: the contents of files, and folders.
pub type Tree = BTreeMap<PathBuf, Option<Vec<u8>>>;

/// A disk in memory. Its files are real ones without a name, so that a log can hold them open.
#[derive(Debug, Default)]
pub struct MemoryDisk {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    names: BTreeMap<PathBuf, Option<Arc<File>>>,
    /// The number of a file by that of its inode.
    numbers: HashMap<u64, u64>,
    /// Kept open, so that no inode's number comes back.
    kept: Vec<Arc<File>>,
    changes: Vec<Change>,
}

impl MemoryDisk {
    /// An empty disk.
    pub fn new() -> Arc<MemoryDisk> {
        Arc::default()
    }

    /// A disk on which `tree` stands.
    pub fn holding(tree: &Tree) -> io::Result<Arc<MemoryDisk>> {
        let disk = MemoryDisk::new();
        for (path, content) in tree {
            match content {
                None => disk.create_dir(path)?,
                Some(bytes) => {
                    let file = disk.open(path, true)?;
                    RealDisk.write_at(&file, &mut [IoSlice::new(bytes)], 0)?;
                }
            }
        }
        disk.lock().changes.clear();
        Ok(disk)
    }

    /// How many changes there were.
    pub fn change_count(&self) -> usize {
        self.lock().changes.len()
    }

    /// All changes.
    pub fn changes(&self) -> Vec<Change> {
        self.lock().changes.clone()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn number(&self, file: &File) -> io::Result<u64> {
        let inode = fstat(file)?.st_ino;
        self.numbers.get(&inode).copied().ok_or_else(|| io::Error::other("a file of another disk"))
    }

    fn has_parent(&self, path: &Path) -> bool {
        path.parent().is_none_or(|parent| parent == Path::new("/") || self.names.contains_key(parent))
    }

    fn below(&self, path: &Path) -> Vec<PathBuf> {
        self.names.keys().filter(|name| name.starts_with(path)).cloned().collect()
    }
}

fn not_found() -> io::Error {
    io::ErrorKind::NotFound.into()
}

impl Disk for MemoryDisk {
    fn open(&self, path: &Path, create: bool) -> io::Result<File> {
        let mut state = self.lock();
        match state.names.get(path) {
            Some(Some(file)) => return file.try_clone(),
            Some(None) => return Err(io::ErrorKind::IsADirectory.into()),
            None if !create || !state.has_parent(path) => return Err(not_found()),
            None => {}
        }
        let file = Arc::new(File::from(memfd_create("chaos", MemfdFlags::CLOEXEC)?));
        let number = state.numbers.len() as u64;
        state.numbers.insert(fstat(&file)?.st_ino, number);
        state.kept.push(Arc::clone(&file));
        state.names.insert(path.to_owned(), Some(Arc::clone(&file)));
        state.changes.push(Change::Create(path.to_owned(), number));
        file.try_clone()
    }

    fn write_at(&self, file: &File, parts: &mut [IoSlice<'_>], position: u64) -> io::Result<()> {
        let bytes: Vec<u8> = parts.iter().flat_map(|part| part.iter().copied()).collect();
        let mut state = self.lock();
        let number = state.number(file)?;
        RealDisk.write_at(file, &mut [IoSlice::new(&bytes)], position)?;
        if !bytes.is_empty() {
            state.changes.push(Change::Write(number, position, bytes));
        }
        Ok(())
    }

    fn read_at(&self, file: &File, buffer: &mut [u8], position: u64) -> io::Result<usize> {
        RealDisk.read_at(file, buffer, position)
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        let mut state = self.lock();
        let number = state.number(file)?;
        state.changes.push(Change::Sync(number));
        Ok(())
    }

    fn set_size(&self, file: &File, size: u64) -> io::Result<()> {
        let mut state = self.lock();
        let number = state.number(file)?;
        let before = file.metadata()?.len();
        file.set_len(size)?;
        if size != before {
            state.changes.push(Change::SetSize(number, size));
        }
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.lock();
        let moved = state.below(from);
        if moved.is_empty() {
            return Err(not_found());
        }
        for path in moved {
            let entry = state.names.remove(&path).flatten();
            let rest = path.strip_prefix(from).unwrap_or(Path::new(""));
            let renamed = if rest.as_os_str().is_empty() { to.to_owned() } else { to.join(rest) };
            state.names.insert(renamed, entry);
        }
        state.changes.push(Change::Rename(from.to_owned(), to.to_owned()));
        Ok(())
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        let mut state = self.lock();
        state.names.remove(path).ok_or_else(not_found)?;
        state.changes.push(Change::Remove(path.to_owned()));
        Ok(())
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        let mut state = self.lock();
        let gone = state.below(path);
        if gone.is_empty() {
            return Err(not_found());
        }
        for name in gone {
            state.names.remove(&name);
        }
        state.changes.push(Change::Remove(path.to_owned()));
        Ok(())
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        let mut state = self.lock();
        let mut above: Vec<&Path> = path.ancestors().filter(|path| *path != Path::new("/")).collect();
        above.reverse();
        for folder in above {
            if !state.names.contains_key(folder) {
                state.names.insert(folder.to_owned(), None);
                state.changes.push(Change::MakeDir(folder.to_owned()));
            }
        }
        Ok(())
    }

    fn list(&self, path: &Path) -> io::Result<Vec<DirEntry>> {
        let state = self.lock();
        if !state.names.contains_key(path) {
            return Err(not_found());
        }
        let mut entries = Vec::new();
        for (name, entry) in state.names.iter().filter(|(name, _)| name.parent() == Some(path)) {
            let name = name.file_name().unwrap_or_default().to_string_lossy().into_owned();
            entries.push(DirEntry { name, is_dir: entry.is_none() });
        }
        Ok(entries)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.lock().changes.push(Change::SyncDir(path.to_owned()));
        Ok(())
    }

    fn sync_file_system(&self, _file: &File) -> io::Result<()> {
        self.lock().changes.push(Change::SyncAll);
        Ok(())
    }
}
