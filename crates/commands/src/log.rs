//! `naru log`: what stands in log files on disk, batch by batch.

use std::path::{Path, PathBuf};

use clap::{Arg, ArgMatches, Command};
use cli::{BatchFile, Head};
use model::limits::DECOMPRESSED_BATCH_SIZE_MAX;
use records::{BatchView, Entry, Record, Scratch, next_entry};

use crate::arguments::{flag, texts};
use crate::document::{Doc, map};
use crate::failure::{FAILED, Failure};
use crate::record::bytes_doc;
use crate::session::{Format, Session};
use crate::table::{self, Column};
use crate::terminal::Style;
use crate::yaml;

const BATCHES: [Column<'_>; 9] = [
    ("POSITION", "position"),
    ("BYTES", "bytes"),
    ("FIRST", "baseOffset"),
    ("LAST", "lastOffset"),
    ("RECORDS", "count"),
    ("NEWEST", "maxTimestamp"),
    ("CODEC", "codec"),
    ("KIND", "kind"),
    ("INTACT", "intact"),
];
const RECORDS: [Column<'_>; 4] =
    [("OFFSET", "offset"), ("TIMESTAMP", "timestamp"), ("KEY", "key"), ("VALUE", "value")];

/// Gives the command its words.
pub(crate) fn define(command: Command) -> Command {
    command
        .arg(Arg::new("path").value_name("PATH").required(true).num_args(1..).help("Log files, or folders of partitions"))
        .arg(flag("records", "Show the records as well").short('r'))
        .after_help("With -o json it is one object a line for each batch. The exit code is 1 where something is damaged.")
}

/// Runs it.
pub(crate) fn run(matches: &ArgMatches, session: &mut Session<'_>) -> Result<u8, Failure> {
    let mut is_damaged = false;
    for path in texts(matches, "path") {
        for file in files_of(Path::new(path))? {
            let mut reader =
                Reader { with_records: matches.get_flag("records"), scratch: Scratch::new(), damage: None };
            reader.show(&file, session)?;
            if let Some(damage) = reader.damage {
                is_damaged = true;
                session.note(&format!("{}: {damage}", file.display()));
            }
        }
    }
    Ok(if is_damaged { FAILED } else { 0 })
}

/// The log files that a path means, in the order of their offsets.
fn files_of(path: &Path) -> Result<Vec<PathBuf>, Failure> {
    let shown = path.display();
    let unreadable = |error: std::io::Error| Failure::new(format!("{shown} cannot be read: {error}"));
    if !std::fs::metadata(path).map_err(unreadable)?.is_dir() {
        let is_log = path.extension().is_some_and(|ending| ending == "log" || ending == "checkpoint");
        if !is_log {
            let failure =
                Failure::new(format!("{shown} is no log file, whose name ends with .log or .checkpoint"));
            return Err(
                failure.hint("'naru kafka-dump-log --files FILE' shows indexes and snapshots of producers")
            );
        }
        return Ok(vec![path.to_owned()]);
    }
    let mut files = Vec::new();
    for entry in std::fs::read_dir(path).map_err(unreadable)? {
        let file = entry.map_err(unreadable)?.path();
        if file.extension().is_some_and(|ending| ending == "log") {
            files.push(file);
        }
    }
    files.sort();
    if files.is_empty() {
        return Err(Failure::new(format!("there are no log files in {shown}"))
            .hint("the folder of a partition is called TOPIC-N and lies in log.dirs"));
    }
    Ok(files)
}

/// Reads one file.
struct Reader {
    with_records: bool,
    scratch: Scratch,
    /// What is wrong with the file, the first of it.
    damage: Option<String>,
}

impl Reader {
    fn show(&mut self, path: &Path, session: &mut Session<'_>) -> Result<(), Failure> {
        let file = BatchFile::open(path).map_err(|failure| Failure::new(failure.message()))?;
        let name = path.display().to_string();
        let mut rows = Vec::new();
        let mut position = 0;
        loop {
            let head = match file.head(position, file.size()) {
                Ok(Some(head)) => head,
                Ok(None) => break,
                Err(failure) => {
                    self.note_damage(failure.message().to_owned());
                    break;
                }
            };
            let bytes = file.bytes(head).map_err(|failure| Failure::new(failure.message()))?;
            let doc = self.batch(&name, head, &bytes);
            match session.format {
                Format::Table => rows.push(doc),
                Format::Json => doc.write_json_line(session.out)?,
                Format::Yaml => {
                    writeln!(session.out, "---")?;
                    yaml::write(&doc, session.out)?;
                }
            }
            position += head.size;
        }
        if position < file.size() && self.damage.is_none() {
            self.note_damage(format!("{} bytes at its end are no whole batch", file.size() - position));
        }
        if session.format == Format::Table {
            self.write_table(&name, &rows, session)?;
        }
        Ok(())
    }

    fn write_table(&self, name: &str, rows: &[Doc], session: &mut Session<'_>) -> Result<(), Failure> {
        writeln!(session.out, "{}", session.paint.apply(Style::Faint, name))?;
        if !self.with_records {
            return Ok(table::write(&BATCHES, rows, session.paint, session.out)?);
        }
        for row in rows {
            table::write(&BATCHES, std::slice::from_ref(row), session.paint, session.out)?;
            if let Some(Doc::List(records)) = row.get("records") {
                table::write(&RECORDS, records, session.paint, session.out)?;
            }
            writeln!(session.out)?;
        }
        Ok(())
    }

    fn note_damage(&mut self, damage: String) {
        self.damage.get_or_insert(damage);
    }

    fn batch(&mut self, name: &str, head: Head, bytes: &[u8]) -> Doc {
        let mut doc =
            map([("file", name.into()), ("position", head.position.into()), ("bytes", head.size.into())]);
        match next_entry(bytes) {
            Ok(Some(Entry::Batch(batch))) => self.modern(&mut doc, head, &batch),
            Ok(Some(Entry::Legacy(message))) => {
                let intact = message.verify_checksum().is_ok();
                doc.push("lastOffset", head.last_offset);
                doc.push("kind", format!("format v{}", head.magic));
                doc.push("intact", intact);
                if !intact {
                    self.note_damage(format!("the checksum at position {} is wrong", head.position));
                }
            }
            Ok(None) => self.unreadable(&mut doc, head, "it is cut short"),
            Err(error) => self.unreadable(&mut doc, head, &error.to_string()),
        }
        doc
    }

    fn unreadable(&mut self, doc: &mut Doc, head: Head, why: &str) {
        self.note_damage(format!("the batch at position {} cannot be read: {why}", head.position));
        doc.push("intact", false);
    }

    fn modern(&mut self, doc: &mut Doc, head: Head, batch: &BatchView<'_>) {
        let intact = batch.verify_checksum().is_ok();
        let kind = match (batch.is_control(), batch.is_transactional()) {
            (true, _) => "control",
            (false, true) => "transactional",
            (false, false) => "data",
        };
        doc.push("baseOffset", batch.base_offset());
        doc.push("lastOffset", head.last_offset);
        doc.push("count", batch.record_count());
        doc.push("baseTimestamp", batch.base_timestamp());
        doc.push("maxTimestamp", batch.max_timestamp());
        doc.push("codec", batch.attributes().compression().map(records::Compression::name));
        doc.push("kind", kind);
        doc.push("leaderEpoch", batch.leader_epoch());
        doc.push("producerId", Some(batch.producer_id()).filter(|_| batch.has_producer_id()));
        doc.push("producerEpoch", Some(batch.producer_epoch()).filter(|_| batch.has_producer_id()));
        doc.push("baseSequence", Some(batch.base_sequence()).filter(|_| batch.has_producer_id()));
        doc.push("intact", intact);
        if !intact {
            self.note_damage(format!("the checksum at position {} is wrong", head.position));
        } else if self.with_records {
            let mut shown = Vec::new();
            let read = match self.scratch.records(batch, DECOMPRESSED_BATCH_SIZE_MAX) {
                Ok(mut records) => {
                    records.try_for_each(|record| record.map(|record| shown.push(record_doc(&record))))
                }
                Err(error) => Err(error),
            };
            if let Err(error) = read {
                self.note_damage(format!("records at position {} cannot be read: {error}", head.position));
            }
            doc.push("records", Doc::List(shown));
        }
    }
}

fn record_doc(record: &Record<'_>) -> Doc {
    let headers = record.headers.map(|(key, value)| {
        map([("key", String::from_utf8_lossy(key).into_owned().into()), ("value", bytes_doc(value))])
    });
    map([
        ("offset", record.offset.into()),
        ("timestamp", record.timestamp.into()),
        ("key", bytes_doc(record.key)),
        ("value", bytes_doc(record.value)),
        ("headers", Doc::List(headers.collect())),
    ])
}
