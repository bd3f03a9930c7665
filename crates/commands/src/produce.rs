//! `naru produce`: writes records from standard input or a file.

mod input;

use std::collections::{BTreeMap, VecDeque};
use std::io::{IsTerminal, stderr, stdin};
use std::time::Instant;

use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgAction, ArgMatches, Command};
use client::producer::Delivery;
use client::{Error, Producer, ProducerRecord};
use config::ClientKind;
use records::HeaderRef;

use crate::arguments::{flag, text, texts};
use crate::document::{Doc, map};
use crate::failure::Failure;
use crate::format::bytes_of;
use crate::record::{self, OwnedHeaders, OwnedRecord};
use crate::session::{Format, Session, block_on};
use crate::terminal::Progress;
use crate::topic;
use input::{Input, Source};

/// Records that may be on their way at a time.
const DELIVERIES_MAX: usize = 50_000;

/// Gives the command its words.
pub(crate) fn define(command: Command) -> Command {
    let option = |name: &'static str, short: char, value: &'static str, help: &'static str| {
        Arg::new(name).short(short).long(name).value_name(value).help(help)
    };
    command
        .arg(crate::arguments::topic())
        .arg(option("key", 'k', "KEY", "The key of all records"))
        .arg(
            option("key-separator", 'K', "TEXT", "What stands between key and value in each record")
                .conflicts_with("key"),
        )
        .arg(option("delimiter", 'D', "TEXT", "What stands between records [default: \\n]"))
        .arg(
            option("partition", 'p', "N", "The partition; chosen by the key without")
                .value_parser(clap::value_parser!(i32).range(0..)),
        )
        .arg(option("header", 'H', "KEY=VALUE", "A header of all records").action(ArgAction::Append))
        .arg(option("file", 'l', "FILE", "Read records from this file and not from standard input"))
        .arg(
            Arg::new("value")
                .long("value")
                .value_name("VALUE")
                .action(ArgAction::Append)
                .conflicts_with("file")
                .help("Write this record, and read nothing"),
        )
        .arg(
            option("compression", 'z', "CODEC", "Compress with this codec")
                .value_parser(PossibleValuesParser::new(["none", "gzip", "snappy", "lz4", "zstd"])),
        )
        .arg(flag("null", "An empty key or value is none at all").short('Z'))
        .arg(
            Arg::new("input")
                .long("input")
                .value_name("FORM")
                .value_parser(PossibleValuesParser::new(["text", "json"]))
                .default_value("text")
                .help("What is read: text, or a JSON object a line as 'consume -o json' writes it"),
        )
        .arg(flag("create", "Let the cluster create the topic where it is not there"))
}

/// What all records have in common.
struct Shape {
    key: Option<Vec<u8>>,
    separator: Option<Vec<u8>>,
    partition: Option<i32>,
    headers: OwnedHeaders,
    empty_is_null: bool,
    is_json: bool,
}

/// Runs it.
pub(crate) fn run(matches: &ArgMatches, session: &mut Session<'_>) -> Result<u8, Failure> {
    let shape = Shape::of(matches)?;
    let delimiter = bytes_of(text(matches, "delimiter").unwrap_or("\\n")).map_err(Failure::not_run)?;
    if delimiter.is_empty() {
        return Err(Failure::not_run("the delimiter is empty"));
    }
    let values = texts(matches, "value");
    let source = match text(matches, "file") {
        Some(path) => Source::file(path)?,
        None if !values.is_empty() => {
            Source::Values(values.into_iter().map(|value| value.as_bytes().to_vec()).collect())
        }
        None => Source::Stdin,
    };
    let name = text(matches, "topic").unwrap_or_default();
    let mut own = Vec::new();
    if let Some(codec) = text(matches, "compression") {
        own.push(("compression.type", codec.to_owned()));
    }
    let settings = session.settings_with(ClientKind::Producer, &own)?;
    block_on(async {
        let admin = session.admin().await?;
        if !matches.get_flag("create") {
            let described = topic::described(&admin, &[name]).await;
            let described =
                described.map_err(|failure| failure.hint("--create lets the cluster create it"))?;
            check_partition(
                name,
                shape.partition,
                described.first().map_or(0, |topic| topic.partitions.len()),
            )?;
        }
        let mut writing = Writing {
            producer: Producer::new(&settings)?,
            topic: name,
            shape,
            on_the_way: VecDeque::new(),
            count: 0,
            bytes: 0,
            last: BTreeMap::new(),
        };
        if matches!(source, Source::Stdin) && stdin().is_terminal() {
            session.note("type one record a line; Ctrl-D ends");
        }
        let begun = Instant::now();
        let mut progress = Progress::new("bytes", source.size());
        let is_quiet = !matches!(source, Source::File(..));
        let mut input = Input::open(source, delimiter);
        while let Some(chunk) = input.next().await {
            let chunk = chunk?;
            for line in &chunk.records {
                writing.write(line).await?;
            }
            if !is_quiet {
                progress.advance(chunk.bytes);
            }
        }
        writing.producer.flush().await;
        writing.settle(0).await?;
        drop(progress);
        writing.tell(begun, session)
    })?;
    Ok(0)
}

fn check_partition(topic: &str, partition: Option<i32>, count: usize) -> Result<(), Failure> {
    match partition {
        Some(number) if usize::try_from(number).is_ok_and(|number| number >= count) => {
            Err(Failure::new(format!("topic '{topic}' has {count} partitions, and no partition {number}")))
        }
        _ => Ok(()),
    }
}

impl Shape {
    fn of(matches: &ArgMatches) -> Result<Shape, Failure> {
        let separator = text(matches, "key-separator").map(bytes_of).transpose().map_err(Failure::not_run)?;
        if separator.as_ref().is_some_and(Vec::is_empty) {
            return Err(Failure::not_run("the separator between key and value is empty"));
        }
        let headers = texts(matches, "header").into_iter().map(|header| match header.split_once('=') {
            Some((key, value)) => (key.as_bytes().to_vec(), Some(value.as_bytes().to_vec())),
            None => (header.as_bytes().to_vec(), None),
        });
        Ok(Shape {
            key: text(matches, "key").map(|key| key.as_bytes().to_vec()),
            separator,
            partition: matches.get_one::<i32>("partition").copied(),
            headers: headers.collect(),
            empty_is_null: matches.get_flag("null"),
            is_json: text(matches, "input") == Some("json"),
        })
    }

    /// The record that a line stands for.
    fn record(&self, line: &[u8]) -> Result<OwnedRecord, String> {
        let mut record = if self.is_json { record::parse(line)? } else { self.of_text(line) };
        record.partition = self.partition.or(record.partition);
        if let Some(key) = &self.key {
            record.key = Some(key.clone());
        }
        record.headers.extend(self.headers.iter().cloned());
        if self.empty_is_null {
            record.key = record.key.filter(|key| !key.is_empty());
            record.value = record.value.filter(|value| !value.is_empty());
        }
        Ok(record)
    }

    fn of_text(&self, line: &[u8]) -> OwnedRecord {
        let Some(separator) = &self.separator else {
            return OwnedRecord { value: Some(line.to_vec()), ..OwnedRecord::default() };
        };
        match line.windows(separator.len()).position(|window| window == separator.as_slice()) {
            Some(place) => {
                let (key, rest) = line.split_at(place);
                let value = rest.get(separator.len()..).unwrap_or_default();
                OwnedRecord { key: Some(key.to_vec()), value: Some(value.to_vec()), ..OwnedRecord::default() }
            }
            // As kcat has it: without a separator all of it is the value.
            None => OwnedRecord { value: Some(line.to_vec()), ..OwnedRecord::default() },
        }
    }
}

/// Records on their way, and what is known of those that have arrived.
struct Writing<'w> {
    producer: Producer,
    topic: &'w str,
    shape: Shape,
    on_the_way: VecDeque<(u64, Delivery)>,
    count: u64,
    bytes: u64,
    /// The last offset of each partition.
    last: BTreeMap<i32, i64>,
}

impl Writing<'_> {
    async fn write(&mut self, line: &[u8]) -> Result<(), Failure> {
        self.count += 1;
        let number = self.count;
        let record =
            self.shape.record(line).map_err(|why| Failure::new(format!("record {number}: {why}")))?;
        let headers: Vec<HeaderRef<'_>> =
            record.headers.iter().map(|(key, value)| (key.as_slice(), value.as_deref())).collect();
        let sent = ProducerRecord {
            topic: self.topic,
            partition: record.partition,
            timestamp: record.timestamp,
            key: record.key.as_deref(),
            value: record.value.as_deref(),
            headers: &headers,
        };
        self.bytes += record.key.as_ref().map_or(0, Vec::len) as u64;
        self.bytes += record.value.as_ref().map_or(0, Vec::len) as u64;
        let delivery = self.producer.send(&sent).await.map_err(|error| refused(number, error))?;
        self.on_the_way.push_back((number, delivery));
        self.settle(DELIVERIES_MAX).await
    }

    /// Takes note of what has arrived, and waits as long as more than `left` are on their way.
    async fn settle(&mut self, left: usize) -> Result<(), Failure> {
        while let Some((_, delivery)) = self.on_the_way.front() {
            if delivery.outcome().is_none() && self.on_the_way.len() <= left {
                return Ok(());
            }
            let Some((number, delivery)) = self.on_the_way.pop_front() else { return Ok(()) };
            let written = delivery.wait().await.map_err(|error| refused(number, error))?;
            if let Some(offset) = written.offset {
                self.last.insert(written.partition, offset);
            }
        }
        Ok(())
    }

    fn tell(&self, begun: Instant, session: &mut Session<'_>) -> Result<(), Failure> {
        let seconds = begun.elapsed().as_secs_f64();
        let Writing { topic, count, bytes, .. } = self;
        if session.format == Format::Table {
            if stderr().is_terminal() {
                session.note(&format!("{count} records written to '{topic}' in {seconds:.2} s"));
            }
            return Ok(());
        }
        let last = self.last.iter().map(|(partition, offset)| {
            map([("partition", (*partition).into()), ("lastOffset", (*offset).into())])
        });
        session.write(&map([
            ("topic", (*topic).into()),
            ("records", (*count).into()),
            ("bytes", (*bytes).into()),
            ("seconds", seconds.into()),
            ("partitions", Doc::List(last.collect())),
        ]))
    }
}

fn refused(number: u64, error: Error) -> Failure {
    Failure::from(error).about(&format!("record {number} was not written"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(words: &[&str]) -> Shape {
        let command = define(Command::new("produce"));
        let words = ["produce", "topic"].into_iter().chain(words.iter().copied());
        Shape::of(&command.try_get_matches_from(words).unwrap()).unwrap()
    }

    fn key_and_value(shape: &Shape, line: &str) -> (Option<String>, Option<String>) {
        let record = shape.record(line.as_bytes()).unwrap();
        let text = |bytes: Option<Vec<u8>>| bytes.map(|bytes| String::from_utf8(bytes).unwrap());
        (text(record.key), text(record.value))
    }

    #[test]
    fn a_separator_stands_between_key_and_value() {
        let some = |text: &str| Some(text.to_owned());
        let split = shape(&["-K", "::"]);
        assert_eq!(key_and_value(&split, "a::b::c"), (some("a"), some("b::c")));
        assert_eq!(key_and_value(&split, "no key"), (None, some("no key")));
        assert_eq!(key_and_value(&split, "::v"), (some(""), some("v")));
        assert_eq!(key_and_value(&shape(&["-K", ":", "-Z"]), ":"), (None, None));
        assert_eq!(key_and_value(&shape(&["-k", "key"]), "a:b"), (some("key"), some("a:b")));
        assert_eq!(key_and_value(&shape(&["-K", "\\t"]), "a\tb"), (some("a"), some("b")));
    }

    #[test]
    fn headers_of_the_line_and_of_the_options_come_together() {
        let shape = shape(&["--input", "json", "-H", "a=b=c", "-H", "none", "-p", "2"]);
        let record = shape
            .record(b"{\"value\":\"v\",\"partition\":1,\"headers\":[{\"key\":\"own\",\"value\":\"1\"}]}")
            .unwrap();
        let keys: Vec<_> =
            record.headers.iter().map(|(key, _)| String::from_utf8_lossy(key).into_owned()).collect();
        assert_eq!((keys.join(" ").as_str(), record.partition), ("own a none", Some(2)));
        assert_eq!(record.headers.last(), Some(&(b"none".to_vec(), None)));
    }
}
