//! The aborted transactions of a segment, in memory once somebody asks, and their file.

use std::io::IoSlice;
use std::sync::atomic::Ordering;

use model::Offset;

use super::{INDEX_SIZE_MAX, Segment};
use crate::disk::{read_whole, remove_if_there};
use crate::error::LogError;
use crate::names;
use crate::txn_index::{self, AbortedTransaction};

const TXN_INDEX_REMEDY: &str =
    "restore it, or remove it and the partition's .snapshot files and recovery point for a full recovery";

impl Segment {
    /// There is no file of aborted transactions, as whoever has listed the folder knows.
    pub(crate) fn has_no_aborted(&self) {
        *self.aborted.write() = Some(Vec::new());
    }

    /// Adds an aborted transaction.
    pub(crate) fn add_aborted(&self, aborted: AbortedTransaction) -> Result<(), LogError> {
        self.load_aborted()?;
        let mut place = self.aborted.write();
        let list = place.get_or_insert_default();
        if list.last().is_some_and(|last| last.last_offset >= aborted.last_offset) {
            return Ok(());
        }
        let home = &self.place.home;
        let path = self.path(names::TXN_INDEX);
        if list.is_empty() {
            self.place.names_changed();
        }
        let position = (list.len() * txn_index::ENTRY_SIZE) as u64;
        home.disk
            .open(&path, true)
            .and_then(|file| home.disk.write_at(&file, &mut [IoSlice::new(&aborted.encode())], position))
            .map_err(|source| self.place.failed("write", &path, source))?;
        list.push(aborted);
        self.txn_index_dirty.store(true, Ordering::Release);
        Ok(())
    }

    /// Visits the aborted transactions of the segment.
    pub(crate) fn with_aborted<R>(
        &self,
        look: impl FnOnce(&[AbortedTransaction]) -> R,
    ) -> Result<R, LogError> {
        self.load_aborted()?;
        Ok(look(self.aborted.read().as_deref().unwrap_or_default()))
    }

    fn load_aborted(&self) -> Result<(), LogError> {
        if self.aborted.read().is_some() {
            return Ok(());
        }
        let path = self.path(names::TXN_INDEX);
        let bytes =
            read_whole(self.place.disk(), &path, INDEX_SIZE_MAX).map_err(LogError::io("read", &path))?;
        let parsed = txn_index::parse(bytes.as_deref().unwrap_or_default(), self.base_offset);
        let list = parsed.ok_or_else(|| LogError::Corrupt {
            path: path.clone(),
            position: 0,
            reason: "it is no index of aborted transactions".to_owned(),
            remedy: TXN_INDEX_REMEDY,
        })?;
        self.aborted.write().get_or_insert(list);
        Ok(())
    }

    /// Forgets aborted transactions that end at or after `offset`, and those behind damage: the file only ever grows, so
    /// that what was on stable storage stands before it.
    pub(crate) fn cut_aborted(&self, offset: Offset) -> Result<(), LogError> {
        if self.aborted.read().as_ref().is_some_and(Vec::is_empty) {
            return Ok(());
        }
        let path = self.path(names::TXN_INDEX);
        let list = match self.load_aborted() {
            Ok(()) => self.aborted.read().clone().unwrap_or_default(),
            Err(LogError::Corrupt { .. }) => {
                let bytes = read_whole(self.place.disk(), &path, INDEX_SIZE_MAX);
                let bytes = bytes.map_err(LogError::io("read", &path))?.unwrap_or_default();
                txn_index::sound_prefix(&bytes, self.base_offset)
            }
            Err(error) => return Err(error),
        };
        let kept: Vec<AbortedTransaction> =
            list.into_iter().filter(|entry| entry.last_offset < offset).collect();
        let home = &self.place.home;
        let size = (kept.len() * txn_index::ENTRY_SIZE) as u64;
        let outcome = if size == 0 {
            remove_if_there(self.place.disk(), &path)
        } else {
            home.disk.open(&path, true).and_then(|file| home.disk.set_size(&file, size))
        };
        outcome.map_err(|source| self.place.failed("cut", &path, source))?;
        self.txn_index_dirty.fetch_or(size > 0, Ordering::AcqRel);
        *self.aborted.write() = Some(kept);
        Ok(())
    }
}
