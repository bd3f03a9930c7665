//! Where indexes and logs contradict each other, told after all files have been read.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use crate::java;

/// What was found in one file.
#[derive(Default)]
struct OfFile {
    /// Offsets of an index whose batch ends with another one.
    index_mismatches: BTreeMap<i64, i64>,
    timestamp_mismatches: Vec<(i64, i64)>,
    timestamps_out_of_order: Vec<(i64, i64)>,
    offsets_not_found: Vec<(i64, i64)>,
    /// Offsets of a log that do not follow each other.
    gaps: BTreeMap<i64, i64>,
}

/// All findings.
#[derive(Default)]
pub(super) struct Findings {
    /// By the path of the file.
    files: BTreeMap<String, OfFile>,
}

impl Findings {
    pub(super) fn index_mismatch(&mut self, file: &Path, index_offset: i64, log_offset: i64) {
        self.of(file).index_mismatches.insert(index_offset, log_offset);
    }

    pub(super) fn timestamp_mismatch(&mut self, file: &Path, index_timestamp: i64, log_timestamp: i64) {
        self.of(file).timestamp_mismatches.push((index_timestamp, log_timestamp));
    }

    pub(super) fn timestamp_out_of_order(&mut self, file: &Path, timestamp: i64, before: i64) {
        self.of(file).timestamps_out_of_order.push((timestamp, before));
    }

    pub(super) fn offset_not_found(&mut self, file: &Path, index_offset: i64, log_offset: i64) {
        self.of(file).offsets_not_found.push((index_offset, log_offset));
    }

    pub(super) fn gap(&mut self, file: &Path, offset: i64, next: i64) {
        self.of(file).gaps.insert(offset, next);
    }

    fn of(&mut self, file: &Path) -> &mut OfFile {
        let path = super::absolute(file);
        self.files.entry(path.display().to_string()).or_default()
    }

    /// Tells everything on standard error, kind by kind.
    pub(super) fn tell(&self, err: &mut dyn Write) {
        // Where standard error is closed, nothing is left to tell anyone.
        let _ = self.write(err);
    }

    fn write(&self, err: &mut dyn Write) -> std::io::Result<()> {
        for (path, file) in self.those(|file| !file.index_mismatches.is_empty()) {
            writeln!(err, "Mismatches in :{path}")?;
            for (index, log) in file.index_mismatches.iter().rev() {
                writeln!(err, "  Index offset: {index}, log offset: {log}")?;
            }
        }
        for (path, file) in self.those(|file| !file.timestamp_mismatches.is_empty()) {
            writeln!(err, "Found timestamp mismatch in :{path}")?;
            for (index, log) in &file.timestamp_mismatches {
                writeln!(err, "  Index timestamp: {index}, log timestamp: {log}")?;
            }
        }
        for (path, file) in self.those(|file| !file.timestamps_out_of_order.is_empty()) {
            writeln!(err, "Found out of order timestamp in :{path}")?;
            for (timestamp, before) in &file.timestamps_out_of_order {
                writeln!(err, "  Index timestamp: {timestamp}, Previously indexed timestamp: {before}")?;
            }
        }
        for (path, file) in self.those(|file| !file.offsets_not_found.is_empty()) {
            writeln!(err, "The following indexed offsets are not found in :{path}")?;
            for (index, log) in &file.offsets_not_found {
                writeln!(err, "Indexed offset: {index}, found log offset: {log}")?;
            }
        }
        for (path, file) in self.those(|file| !file.gaps.is_empty()) {
            writeln!(err, "Non-consecutive offsets in {path}")?;
            for (offset, next) in &file.gaps {
                writeln!(err, "  {offset} is followed by {next}")?;
            }
        }
        Ok(())
    }

    /// Files in the order in which Java's map, filled with just these, walks them.
    fn those(&self, chosen: impl Fn(&OfFile) -> bool) -> Vec<(&String, &OfFile)> {
        let mut files: Vec<(&String, &OfFile)> = self.files.iter().filter(|(_, file)| chosen(file)).collect();
        java::in_order_of_grown_map(&mut files, |(path, _)| java::hash_of(path));
        files
    }
}
