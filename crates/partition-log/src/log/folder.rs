//! What stands in the folder of a log when it is opened: leftovers cleared, swaps finished, segments found.

use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

use model::{Offset, TimestampMs};

use crate::disk::{DirEntry, remove_if_there};
use crate::error::LogError;
use crate::names;
use crate::place::Place;
use crate::scan::{BatchScanner, Step};
use crate::segment::Segment;

/// Removes what an interrupted deletion or replacement left, finishes an interrupted swap, lists what remains.
pub(super) fn clear_leftovers(place: &Place, folder: &Path) -> Result<Vec<DirEntry>, LogError> {
    let disk = place.disk();
    let entries = match disk.list(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            disk.create_dir(folder).map_err(LogError::io("create", folder))?;
            return Ok(Vec::new());
        }
        listed => listed.map_err(LogError::io("list", folder))?,
    };
    let (mut swapped, mut has_leftovers) = (Vec::new(), false);
    for entry in &entries {
        let path = folder.join(&entry.name);
        if [names::DELETED, names::CLEANED, names::TEMPORARY]
            .iter()
            .any(|suffix| entry.name.ends_with(suffix))
        {
            has_leftovers = true;
            remove_if_there(disk, &path).map_err(LogError::io("remove", &path))?;
        } else if let Some(plain) = entry.name.strip_suffix(names::SWAP) {
            swapped.push((path, plain.to_owned()));
        }
    }
    if swapped.is_empty() && !has_leftovers {
        return Ok(entries);
    }
    for (path, plain) in swapped {
        match names::parse_segment_file(&plain) {
            Some((base, names::LOG)) => finish_swap(place, folder, &path, base)?,
            // Indexes are rebuilt from the log file that takes the place.
            _ => remove_if_there(disk, &path).map_err(LogError::io("remove", &path))?,
        }
    }
    disk.list(folder).map_err(LogError::io("list", folder))
}

/// Puts a compacted segment in the place of those whose offsets it covers.
fn finish_swap(place: &Place, folder: &Path, path: &Path, base: Offset) -> Result<(), LogError> {
    let disk = place.disk();
    let size = disk.size(path).map_err(LogError::io("look at", path))?;
    let file = disk.open(path, false).map_err(LogError::io("open", path))?;
    let mut scanner = BatchScanner::new(disk, &file, path, 0, size);
    let mut last = base;
    while let Step::Entry(_, entry) = scanner.step()? {
        last = last.max(entry.last_offset());
    }
    for entry in disk.list(folder).map_err(LogError::io("list", folder))? {
        let Some((offset, ending)) = names::parse_segment_file(&entry.name) else { continue };
        let covered = (base..=last).contains(&offset);
        if covered && [names::LOG, names::OFFSET_INDEX, names::TIME_INDEX].contains(&ending) {
            let covered = folder.join(&entry.name);
            remove_if_there(disk, &covered).map_err(LogError::io("remove", &covered))?;
        }
    }
    disk.rename(path, &place.segment_file(base, names::LOG)).map_err(LogError::io("rename", path))
}

pub(super) fn of_kind(entries: &[DirEntry], kind: &str) -> Vec<Offset> {
    let mut offsets: Vec<Offset> = entries
        .iter()
        .filter(|entry| !entry.is_dir)
        .filter_map(|entry| names::parse_segment_file(&entry.name))
        .filter(|(_, ending)| *ending == kind)
        .map(|(offset, _)| offset)
        .collect();
    offsets.sort_unstable();
    offsets
}

/// The segments there are; index files without a log are removed.
pub(super) fn find_segments(
    place: &Arc<Place>,
    entries: &[DirEntry],
    now_ms: TimestampMs,
) -> Result<Vec<Arc<Segment>>, LogError> {
    let (bases, aborted) = (of_kind(entries, names::LOG), of_kind(entries, names::TXN_INDEX));
    let offset_indexes = of_kind(entries, names::OFFSET_INDEX);
    let time_indexes = of_kind(entries, names::TIME_INDEX);
    let kinds = [names::OFFSET_INDEX, names::TIME_INDEX, names::TXN_INDEX];
    for (kind, offsets) in kinds.into_iter().zip([&offset_indexes, &time_indexes, &aborted]) {
        for offset in offsets.iter().filter(|offset| bases.binary_search(offset).is_err()) {
            let path = place.segment_file(*offset, kind);
            remove_if_there(place.disk(), &path).map_err(LogError::io("remove", &path))?;
        }
    }
    let folder = place.folder();
    let mut segments = Vec::with_capacity(bases.len());
    for entry in entries {
        if let Some((base, names::LOG)) = names::parse_segment_file(&entry.name) {
            let path = folder.join(&entry.name);
            let size = place.disk().size(&path).map_err(LogError::io("look at", &path))?;
            let segment = Segment::existing(place, base, size, now_ms);
            if aborted.binary_search(&base).is_err() {
                segment.has_no_aborted();
            }
            segments.push(segment);
        }
    }
    segments.sort_by_key(|segment| segment.base_offset);
    Ok(segments)
}
