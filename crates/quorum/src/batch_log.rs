//! Batches in segment files of Kafka's layout: append, read, cut the end, drop the beginning.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use records::{BATCH_HEADER_SIZE, LOG_OVERHEAD, next_batch};

use crate::membership::invalid;

/// Largest batch that is read back, in bytes: far above what one decision can make.
const BATCH_BYTES_MAX: usize = 256 * 1024 * 1024;

/// Where one batch lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchPosition {
    /// Offset of its first record.
    pub base_offset: i64,
    /// Offset after its last record.
    pub next_offset: i64,
    /// Its leader epoch, which is the Raft term.
    pub epoch: i32,
    /// True for control records.
    pub is_control: bool,
    /// Base offset of the segment that holds it.
    segment: i64,
    /// Bytes before it in the segment.
    position: u64,
    /// Its size in bytes.
    pub size: usize,
}

/// A folder of segments; what is appended counts as stored after [`BatchLog::sync`].
#[derive(Debug)]
pub struct BatchLog {
    dir: PathBuf,
    segment_bytes: u64,
    segments: BTreeMap<i64, Segment>,
    /// The next append begins a segment, so that the old one can be deleted as a whole.
    rolls_next: bool,
    /// Segments written to since the last sync.
    unsynced: Vec<i64>,
}

#[derive(Debug)]
struct Segment {
    file: File,
    size: u64,
}

impl BatchLog {
    /// Opens the folder and finds every batch in it. A torn or damaged tail of the last segment is cut off;
    /// damage before it is an error that names file and position.
    pub fn open(dir: &Path, segment_bytes: u64) -> io::Result<(BatchLog, Vec<BatchPosition>)> {
        fs::create_dir_all(dir)?;
        let mut bases: Vec<i64> = Vec::new();
        for entry in fs::read_dir(dir)? {
            let name = entry?.file_name();
            let Some(base) = name.to_str().and_then(|name| name.strip_suffix(".log")) else { continue };
            if base.len() == 20 {
                bases.push(base.parse().map_err(invalid)?);
            }
        }
        bases.sort_unstable();
        let mut log = BatchLog {
            dir: dir.to_owned(),
            segment_bytes,
            segments: BTreeMap::new(),
            rolls_next: false,
            unsynced: Vec::new(),
        };
        let mut positions = Vec::new();
        for (index, base) in bases.iter().enumerate() {
            log.open_segment(*base, index + 1 == bases.len(), &mut positions)?;
        }
        Ok((log, positions))
    }

    fn open_segment(
        &mut self,
        base: i64,
        is_last: bool,
        positions: &mut Vec<BatchPosition>,
    ) -> io::Result<()> {
        let path = self.path(base);
        let file = OpenOptions::new().read(true).write(true).open(&path)?;
        let length = file.metadata()?.len();
        let mut reader = BufReader::with_capacity(256 * 1024, &file);
        let mut size = 0;
        loop {
            let expected = positions.last().map(|position| position.next_offset);
            match read_batch(&mut reader, base, size, expected) {
                Ok(Some(position)) => {
                    size += position.size as u64;
                    positions.push(position);
                }
                Ok(None) => break,
                Err(error) if is_last => {
                    tracing::warn!(file = %path.display(), position = size, %error, "cutting off a damaged tail");
                    break;
                }
                Err(error) => {
                    let place = format!("{} at byte {size}: {error}", path.display());
                    return Err(invalid(place));
                }
            }
        }
        if size < length {
            file.set_len(size)?;
            file.sync_all()?;
        }
        self.segments.insert(base, Segment { file, size });
        Ok(())
    }

    /// Writes one batch after the last.
    pub fn append(&mut self, batch: &[u8]) -> io::Result<BatchPosition> {
        let view = next_batch(batch).map_err(invalid)?.ok_or_else(|| invalid("an empty batch"))?;
        let needs_segment = match self.segments.last_key_value() {
            None => true,
            Some((_, last)) => {
                last.size > 0 && (self.rolls_next || last.size + batch.len() as u64 > self.segment_bytes)
            }
        };
        if needs_segment {
            self.create_segment(view.base_offset())?;
        }
        let Some(mut last) = self.segments.last_entry() else { return Err(invalid("no segment")) };
        let base = *last.key();
        let segment = last.get_mut();
        segment.file.write_all_at(batch, segment.size)?;
        let position = BatchPosition {
            base_offset: view.base_offset(),
            next_offset: view.next_offset(),
            epoch: view.leader_epoch(),
            is_control: view.is_control(),
            segment: base,
            position: segment.size,
            size: batch.len(),
        };
        segment.size += batch.len() as u64;
        if self.unsynced.last() != Some(&base) {
            self.unsynced.push(base);
        }
        Ok(position)
    }

    fn create_segment(&mut self, base: i64) -> io::Result<()> {
        let options =
            OpenOptions::new().read(true).write(true).create(true).truncate(true).open(self.path(base))?;
        self.sync_dir()?;
        self.segments.insert(base, Segment { file: options, size: 0 });
        self.rolls_next = false;
        Ok(())
    }

    /// Puts everything appended so far on stable storage.
    pub fn sync(&mut self) -> io::Result<()> {
        for base in self.unsynced.drain(..) {
            if let Some(segment) = self.segments.get(&base) {
                segment.file.sync_data()?;
            }
        }
        Ok(())
    }

    /// The bytes of a batch.
    pub fn read(&self, position: &BatchPosition) -> io::Result<Vec<u8>> {
        let segment = self.segments.get(&position.segment).ok_or_else(|| invalid("the segment is gone"))?;
        let mut bytes = vec![0; position.size];
        segment.file.read_exact_at(&mut bytes, position.position)?;
        Ok(bytes)
    }

    /// Cuts off a batch and everything after it.
    pub fn truncate(&mut self, first: &BatchPosition) -> io::Result<()> {
        let after: Vec<i64> = self.segments.range(first.segment + 1..).map(|(base, _)| *base).collect();
        for base in after {
            self.delete(base)?;
        }
        if let Some(segment) = self.segments.get_mut(&first.segment) {
            segment.file.set_len(first.position)?;
            segment.file.sync_all()?;
            segment.size = first.position;
        }
        // An empty file named after an offset that may never be written would mislead a reader.
        if first.position == 0 {
            self.delete(first.segment)?;
        }
        Ok(())
    }

    /// Deletes segments that hold nothing from `first_kept` on; the last one is closed so that the next call
    /// can delete it.
    pub fn drop_below(&mut self, first_kept: Option<&BatchPosition>) -> io::Result<()> {
        let bases: Vec<i64> = self.segments.keys().copied().collect();
        for base in bases {
            if first_kept.is_none_or(|kept| base < kept.segment) {
                self.delete(base)?;
            }
        }
        self.rolls_next = true;
        Ok(())
    }

    fn delete(&mut self, base: i64) -> io::Result<()> {
        self.segments.remove(&base);
        self.unsynced.retain(|unsynced| *unsynced != base);
        for extension in ["log", "index", "timeindex"] {
            match fs::remove_file(self.path(base).with_extension(extension)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        self.sync_dir()
    }

    fn sync_dir(&self) -> io::Result<()> {
        File::open(&self.dir)?.sync_all()
    }

    fn path(&self, base: i64) -> PathBuf {
        self.dir.join(format!("{base:020}.log"))
    }
}

/// Reads the next batch of a segment and checks it; `None` at the end.
fn read_batch(
    reader: &mut impl Read,
    segment: i64,
    position: u64,
    expected: Option<i64>,
) -> io::Result<Option<BatchPosition>> {
    let mut bytes = vec![0; LOG_OVERHEAD];
    match reader.read(&mut bytes[..1])? {
        0 => return Ok(None),
        _ => reader.read_exact(&mut bytes[1..])?,
    }
    let length = bytes.get(8..12).and_then(|length| <[u8; 4]>::try_from(length).ok()).map(u32::from_be_bytes);
    let size = length.map_or(0, |length| length as usize + LOG_OVERHEAD);
    if !(BATCH_HEADER_SIZE..=BATCH_BYTES_MAX).contains(&size) {
        return Err(invalid(format!("a batch of {size} bytes")));
    }
    bytes.resize(size, 0);
    reader.read_exact(&mut bytes[LOG_OVERHEAD..])?;
    let view = next_batch(&bytes).map_err(invalid)?.ok_or_else(|| invalid("an empty batch"))?;
    view.verify_checksum().map_err(invalid)?;
    if expected.is_some_and(|expected| expected != view.base_offset()) {
        return Err(invalid(format!("base offset {} does not follow the batch before", view.base_offset())));
    }
    Ok(Some(BatchPosition {
        base_offset: view.base_offset(),
        next_offset: view.next_offset(),
        epoch: view.leader_epoch(),
        is_control: view.is_control(),
        segment,
        position,
        size,
    }))
}

/// Replaces a small file as a whole: write beside it, sync, rename, sync the folder.
pub fn replace_file(path: &Path, content: &[u8]) -> io::Result<()> {
    let beside = path.with_extension("tmp");
    {
        let file = File::create(&beside)?;
        file.write_all_at(content, 0)?;
        file.sync_all()?;
    }
    fs::rename(&beside, path)?;
    match path.parent() {
        Some(dir) => File::open(dir)?.sync_all(),
        None => Ok(()),
    }
}
