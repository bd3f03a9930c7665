//! What a crash leaves of the changes made to a disk: all of them, the last one torn, or what had been synced and any
//! part of the rest.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use crate::memory_disk::{Change, Tree};
use crate::random::Random;

/// Bytes that reach a disk together or not at all.
const SECTOR: usize = 512;

/// How the machine stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Crash {
    /// The process is killed: the system keeps all that was written.
    Killed,
    /// The same in the midst of the last write.
    Torn,
    /// Power is cut: what was not synced is there in part, in any order of the sectors, and names that were not synced
    /// are there up to some point.
    PowerCut,
}

impl Crash {
    /// All of them.
    pub const ALL: [Crash; 3] = [Crash::Killed, Crash::Torn, Crash::PowerCut];
}

/// The state of a disk after some changes, told apart by what would survive.
#[derive(Debug, Clone, Default)]
pub struct Survivors {
    /// Names on stable storage; `None` is a folder.
    names: BTreeMap<PathBuf, Option<u64>>,
    /// Changes of names that are not synced yet, in order.
    pending_names: Vec<Change>,
    files: HashMap<u64, Contents>,
}

#[derive(Debug, Clone, Default)]
struct Contents {
    synced: Vec<u8>,
    pending: Vec<Change>,
}

impl Survivors {
    /// Takes note of the next change.
    pub fn note(&mut self, change: &Change) {
        match change {
            Change::Write(number, ..) | Change::SetSize(number, _) => {
                self.files.entry(*number).or_default().pending.push(change.clone());
            }
            Change::Sync(number) => self.files.entry(*number).or_default().sync(),
            // Names in a folder that is not there itself yet are of no use.
            Change::SyncDir(folder) if folder != Path::new("/") && !self.names.contains_key(folder) => {}
            Change::SyncDir(folder) => {
                let (synced, rest) =
                    self.pending_names.drain(..).partition(|change| folder_of(change) == Some(folder));
                self.pending_names = rest;
                apply_names(&mut self.names, &synced);
            }
            Change::SyncAll => {
                let pending = std::mem::take(&mut self.pending_names);
                apply_names(&mut self.names, &pending);
                self.files.values_mut().for_each(Contents::sync);
            }
            Change::Create(..) | Change::MakeDir(_) | Change::Rename(..) | Change::Remove(_) => {
                self.pending_names.push(change.clone());
            }
        }
    }

    /// What stands on the disk after `crash`.
    pub fn after(&self, crash: Crash, random: &mut Random) -> Tree {
        let mut names = self.names.clone();
        let kept = match crash {
            Crash::Killed | Crash::Torn => self.pending_names.clone(),
            Crash::PowerCut => self.surviving_names(random),
        };
        apply_names(&mut names, &kept);
        let content = |number: &u64, random: &mut Random| {
            let Some(file) = self.files.get(number) else { return Vec::new() };
            match crash {
                Crash::Killed | Crash::Torn => file.after_all(),
                Crash::PowerCut => file.after_power_cut(random),
            }
        };
        names
            .iter()
            .map(|(path, number)| (path.clone(), number.as_ref().map(|number| content(number, random))))
            .collect()
    }

    /// In each folder the changes up to some point.
    fn surviving_names(&self, random: &mut Random) -> Vec<Change> {
        let mut left: BTreeMap<Option<PathBuf>, usize> = BTreeMap::new();
        for change in &self.pending_names {
            *left.entry(folder_of(change).map(Path::to_owned)).or_default() += 1;
        }
        for count in left.values_mut() {
            *count = match random.below(3) {
                0 => 0,
                1 => *count,
                _ => random.place(*count + 1),
            };
        }
        let survives = |change: &&Change| {
            let left = left.get_mut(&folder_of(change).map(Path::to_owned));
            left.is_some_and(|left| left.checked_sub(1).inspect(|less| *left = *less).is_some())
        };
        self.pending_names.iter().filter(survives).cloned().collect()
    }
}

impl Contents {
    fn sync(&mut self) {
        self.synced = self.after_all();
        self.pending.clear();
    }

    fn after_all(&self) -> Vec<u8> {
        let mut bytes = self.synced.clone();
        self.pending.iter().for_each(|change| apply_bytes(&mut bytes, change));
        bytes
    }

    /// Sizes change in order and up to some point; of the writes within, any sectors are there.
    fn after_power_cut(&self, random: &mut Random) -> Vec<u8> {
        let reached = match random.below(3) {
            0 => self.pending.len(),
            _ => random.place(self.pending.len() + 1),
        };
        let mut bytes = self.synced.clone();
        for change in self.pending.iter().take(reached) {
            let Change::Write(number, position, written) = change else {
                apply_bytes(&mut bytes, change);
                continue;
            };
            let manner = random.below(4);
            if manner == 0 {
                continue;
            }
            let end = *position as usize + written.len();
            let grown = bytes.len().max(end);
            bytes.resize(grown, 0);
            let mut at = *position as usize;
            while at < end {
                let next = end.min((at / SECTOR + 1) * SECTOR);
                if manner > 1 || random.one_in(2) {
                    let sector = written[at - *position as usize..next - *position as usize].to_vec();
                    apply_bytes(&mut bytes, &Change::Write(*number, at as u64, sector));
                }
                at = next;
            }
        }
        bytes
    }
}

/// The last change of a prefix, cut in its midst; `None` where it is no write.
pub fn torn(change: &Change, random: &mut Random) -> Option<Change> {
    let Change::Write(number, position, bytes) = change else { return None };
    Some(Change::Write(*number, *position, bytes[..random.place(bytes.len())].to_vec()))
}

fn apply_bytes(bytes: &mut Vec<u8>, change: &Change) {
    match change {
        Change::Write(_, position, written) => {
            let position = *position as usize;
            let end = position + written.len();
            if bytes.len() < end {
                bytes.resize(end, 0);
            }
            bytes[position..end].copy_from_slice(written);
        }
        Change::SetSize(_, size) => bytes.resize(*size as usize, 0),
        _ => {}
    }
}

/// The folder whose names a change concerns.
fn folder_of(change: &Change) -> Option<&Path> {
    match change {
        Change::Create(path, _) | Change::MakeDir(path) | Change::Remove(path) => path.parent(),
        Change::Rename(_, to) => to.parent(),
        _ => None,
    }
}

/// Changes of names; one in a folder that is not there is lost with it.
fn apply_names(names: &mut BTreeMap<PathBuf, Option<u64>>, changes: &[Change]) {
    for change in changes {
        let target = match change {
            Change::Create(path, _) | Change::MakeDir(path) => path,
            Change::Rename(_, to) => to,
            _ => Path::new("/"),
        };
        let parent = target.parent().unwrap_or(Path::new("/"));
        if parent != Path::new("/") && !names.contains_key(parent) {
            continue;
        }
        match change {
            Change::Create(path, number) => _ = names.insert(path.clone(), Some(*number)),
            Change::MakeDir(path) => _ = names.insert(path.clone(), None),
            Change::Remove(path) => names.retain(|name, _| !name.starts_with(path)),
            Change::Rename(from, to) => {
                let moved: Vec<PathBuf> =
                    names.keys().filter(|name| name.starts_with(from)).cloned().collect();
                for name in moved {
                    let Some(entry) = names.remove(&name) else { continue };
                    let rest = name.strip_prefix(from).unwrap_or(Path::new(""));
                    let renamed = if rest.as_os_str().is_empty() { to.clone() } else { to.join(rest) };
                    names.insert(renamed, entry);
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(changes: &[Change], crash: Crash) -> Vec<Tree> {
        let mut survivors = Survivors::default();
        changes.iter().for_each(|change| survivors.note(change));
        (0..200).map(|seed| survivors.after(crash, &mut Random::new(seed))).collect()
    }

    #[test]
    fn a_power_cut_keeps_what_was_synced_and_may_lose_and_mix_the_rest() {
        let (folder, path) = (PathBuf::from("/d"), PathBuf::from("/d/f"));
        let changes = [
            Change::MakeDir(folder.clone()),
            Change::SyncDir("/".into()),
            Change::Create(path.clone(), 0),
            Change::Write(0, 0, vec![1; 600]),
            Change::Sync(0),
            Change::SyncDir(folder),
            Change::Write(0, 600, vec![2; 1000]),
        ];
        assert!(after(&changes[..4], Crash::PowerCut).iter().any(|tree| !tree.contains_key(&path)));
        let cut = after(&changes, Crash::PowerCut);
        let contents: Vec<&Vec<u8>> = cut.iter().map(|tree| tree[&path].as_ref().unwrap()).collect();
        assert!(contents.iter().all(|bytes| bytes[..600] == [1; 600]));
        assert!(
            contents.iter().any(|bytes| bytes.len() == 600)
                && contents.iter().any(|bytes| bytes[1599..] == [2])
        );
        assert!(contents.iter().any(|bytes| bytes.len() == 1600 && bytes[600..1024] == [0; 424]));
        assert!(after(&changes, Crash::Killed).iter().all(|tree| tree[&path].as_ref().unwrap()[1599] == 2));
    }
}
