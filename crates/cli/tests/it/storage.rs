//! `kafka-storage` answers as the transcripts in `testdata/storage`, which `capture.py` there took from
//! Kafka 4.3.1.
//!
//! Java's stack traces and exception classes are no part of what is compared, nor the blanks with which Kafka's
//! parser fills its lines, nor the order in which it formats directories (that of a hash table).

use std::fs;
use std::path::{Path, PathBuf};

use cli::Output;

/// What a tool left behind.
#[derive(Debug, PartialEq, Eq)]
struct Answer {
    code: u8,
    out: String,
    err: String,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/storage")
}

fn run(words: &[String]) -> Answer {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let code = cli::storage::run(words, &mut Output { out: &mut out, err: &mut err });
    Answer { code, out: String::from_utf8(out).unwrap(), err: String::from_utf8(err).unwrap() }
}

/// Commands with Kafka's answers; `None` for what only prepares files.
fn transcript(text: &str) -> Vec<(String, Option<Answer>)> {
    let mut steps: Vec<(String, Option<Answer>)> = Vec::new();
    let mut is_err = false;
    for line in text.lines() {
        if let Some(command) = line.strip_prefix("$ ") {
            steps.push((command.to_owned(), None));
            continue;
        }
        let (_, answer) = steps.last_mut().unwrap();
        if let Some(code) = line.strip_prefix("--- exit ") {
            *answer = Some(Answer { code: code.parse().unwrap(), out: String::new(), err: String::new() });
            continue;
        }
        let answer = answer.as_mut().unwrap();
        match line {
            "--- stdout" => is_err = false,
            "--- stderr" => is_err = true,
            line => {
                let text = if is_err { &mut answer.err } else { &mut answer.out };
                text.push_str(line);
                text.push('\n');
            }
        }
    }
    steps
}

/// Leaves out what is Java's.
fn without_java(text: &str) -> String {
    let is_javas = |line: &&str| {
        let is_trace = ["\tat ", "\t... ", "Caused by: java."].iter().any(|begin| line.starts_with(begin));
        is_trace || line.starts_with("java.lang.RuntimeException: ")
    };
    let plain = |line: &str| match line.strip_prefix("Exception in thread \"main\" ") {
        Some(exception) => exception.split_once(": ").unwrap().1.to_owned(),
        None => line.to_owned(),
    };
    let lines = text.lines().filter(|line| !is_javas(line)).map(|line| plain(line) + "\n");
    lines.collect::<String>().replace("Optional[gFRIVz3OTxeBC4FA3YMFuw]", "gFRIVz3OTxeBC4FA3YMFuw")
}

/// A complaint of the parser as one line with single blanks; lines about formatted directories in order.
fn normal(text: &str) -> String {
    let (text, complaint) = match text.split_once("kafka-storage: error:") {
        Some((usage, complaint)) => (usage, Some(complaint)),
        None => (text, None),
    };
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    if lines.iter().any(|line| line.starts_with("Formatting ")) {
        lines.sort();
    }
    if let Some(complaint) = complaint {
        // Kafka's parser also breaks lines after a dash.
        let words: Vec<&str> = complaint.split_whitespace().collect();
        lines.push(format!("error: {}", words.join(" ").replace("-- ", "--")));
    }
    lines.join("\n")
}

fn mask(text: &str, folder: &str) -> String {
    let text = text.replace(folder, "$D");
    let mut masked = String::new();
    let mut rest = text.as_str();
    while let Some((before, after)) = rest.split_once("directory.id=") {
        masked.push_str(before);
        masked.push_str("directory.id=ID");
        rest = &after[22..];
    }
    masked + rest
}

fn check(name: &str) {
    let dir = tempfile::tempdir().unwrap();
    let shown = dir.path().to_str().unwrap();
    for entry in fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "properties") {
            let text = fs::read_to_string(&path).unwrap().replace("$D", shown);
            fs::write(dir.path().join(path.file_name().unwrap()), text).unwrap();
        }
    }
    let text = fs::read_to_string(folder().join(name).with_extension("txt")).unwrap();
    let steps = transcript(&text);
    assert!(steps.iter().any(|(_, answer)| answer.is_some()), "{name} compares nothing");
    for (command, expected) in steps {
        let command_here = command.replace("$D", shown);
        let mut words = command_here.split(' ').map(str::to_owned);
        match words.next().unwrap().as_str() {
            "mkdir" => fs::create_dir(words.next().unwrap()).unwrap(),
            "write" => {
                let path = words.next().unwrap();
                let content: Vec<String> = words.collect();
                fs::write(path, content.join(" ").replace("\\n", "\n")).unwrap();
            }
            "kafka-storage" => {
                let expected = expected.unwrap();
                let answer = run(&words.filter(|word| !word.is_empty()).collect::<Vec<_>>());
                let (out, err) = (mask(&answer.out, shown), mask(&answer.err, shown));
                let ours = (answer.code, normal(&out), normal(&err));
                let theirs = (
                    expected.code,
                    normal(&without_java(&expected.out)),
                    normal(&without_java(&expected.err)),
                );
                assert_eq!(ours, theirs, "{name}: {command}");
            }
            other => panic!("{other} is no command of a transcript"),
        }
    }
}

macro_rules! transcripts {
    ($($test:ident = $name:literal;)*) => {
        $(#[test] fn $test() { check($name); })*

        #[test]
        fn every_transcript_is_compared() {
            let mut compared = vec![$($name),*];
            compared.sort_unstable();
            let mut present: Vec<String> = fs::read_dir(folder()).unwrap()
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .filter_map(|name| name.strip_suffix(".txt").map(str::to_owned))
                .collect();
            present.sort_unstable();
            assert_eq!(compared, present);
        }
    };
}

transcripts! {
    complaints_about_the_command_line_are_kafkas = "usage";
    spellings_and_prefixes_are_understood = "spellings";
    versions_and_dependencies_are_kafkas = "versions";
    every_release_maps_to_kafkas_levels = "version-mappings";
    a_standalone_node_is_formatted = "format-standalone";
    a_node_of_named_voters_is_formatted = "format-static";
    a_broker_is_formatted = "format-broker";
    several_directories_are_formatted = "format-two";
    initial_controllers_are_taken = "format-voters";
    an_older_release_is_taken = "format-release";
    feature_levels_are_taken = "format-feature";
    features_that_do_not_fit_are_refused = "format-features";
    what_cannot_be_formatted_is_refused = "format-refused";
    damaged_directories_are_told = "info-damaged";
    half_formatted_directories_are_told = "info-half";
    mismatched_directories_are_told = "info-mismatched";
    a_file_in_place_of_a_directory_is_told = "info-not-a-folder";
}

#[test]
fn a_random_uuid_is_an_id_that_format_takes() {
    let answer = run(&["random-uuid".to_owned()]);
    assert_eq!((answer.code, answer.err.as_str()), (0, ""));
    let id: model::Uuid = answer.out.trim_end().parse().unwrap();
    assert!(!id.is_reserved());
    assert!(!answer.out.starts_with('-'));
}

#[test]
fn settings_that_cannot_be_read_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("server.properties");
    let words = |tool: &str| -> Vec<String> {
        let words = [tool, "-c", file.to_str().unwrap(), "-t", "x", "-s"];
        words[..if tool == "info" { 3 } else { 6 }].iter().map(|word| (*word).to_owned()).collect()
    };
    for tool in ["info", "format"] {
        let answer = run(&words(tool));
        assert_eq!(answer.code, 1);
        assert!(answer.err.contains("server.properties cannot be read"), "{}", answer.err);
    }
    fs::write(&file, "node.id=abc\nnum.partitions=x\n").unwrap();
    for tool in ["info", "format"] {
        let answer = run(&words(tool));
        assert_eq!(answer.code, 1);
        assert!(answer.err.contains("node.id") && answer.err.contains("num.partitions"), "{}", answer.err);
    }
}

#[test]
fn a_file_in_place_of_a_directory_is_not_formatted() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("server.properties");
    fs::write(&file, format!("log.dirs={}/logs\n", dir.path().display())).unwrap();
    fs::write(dir.path().join("logs"), "").unwrap();
    let words = ["format", "-t", "x", "-s", "-c", file.to_str().unwrap()].map(str::to_owned);
    let answer = run(&words);
    assert_eq!(answer.code, 1);
    assert!(answer.err.contains("logs/meta.properties cannot be read"), "{}", answer.err);
    assert!(answer.err.ends_with("No available log directories to format.\n"), "{}", answer.err);
}
