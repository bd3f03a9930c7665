//! Runs the scripts by which deciders are tested: `testdata/<name>.txt` of a crate, blocks with a blank line between them.
//! Each has a command, its arguments a line each, `----`, and what must come out.
//!
//! With `UPDATE_SCRIPTS=1` what came out is written back, to be read before it is committed.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::str::FromStr;

/// Runs a script of the crate in `folder`; `execute` takes what stands before `----` of each block.
///
/// # Panics
///
/// Where the script cannot be read, or something else comes out.
pub fn run(folder: &str, name: &str, mut execute: impl FnMut(&str) -> String) {
    let path = format!("{folder}/testdata/{name}.txt");
    let text = std::fs::read_to_string(&path).unwrap();
    let mut actual = String::new();
    for block in text.split("\n\n").map(str::trim_end).filter(|block| !block.is_empty()) {
        let (input, _) = block.split_once("\n----").unwrap_or((block, ""));
        let output = execute(input.trim_start_matches('\n'));
        let _ = write!(actual, "{input}\n----\n{output}\n");
    }
    if std::env::var_os("UPDATE_SCRIPTS").is_some() {
        std::fs::write(&path, &actual).unwrap();
    }
    for (expected, actual) in text.lines().zip(actual.lines()) {
        assert_eq!(actual, expected, "in {name}");
    }
    assert_eq!(actual.trim_end(), text.trim_end(), "in {name}");
}

/// One input line: words and `key=value` pairs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line<'a> {
    /// What has no `=`, in order.
    pub words: Vec<&'a str>,
    /// What has one, by key.
    pub pairs: BTreeMap<&'a str, &'a str>,
}

impl<'a> Line<'a> {
    /// Takes a line apart at its blanks.
    pub fn new(text: &'a str) -> Line<'a> {
        let mut line = Line { words: Vec::new(), pairs: BTreeMap::new() };
        for part in text.split_whitespace() {
            match part.split_once('=') {
                Some((key, value)) => _ = line.pairs.insert(key, value),
                None => line.words.push(part),
            }
        }
        line
    }

    /// True where the word stands in it.
    pub fn has(&self, word: &str) -> bool {
        self.words.contains(&word)
    }

    /// The word at a place, empty where there is none.
    pub fn word(&self, at: usize) -> &'a str {
        self.words.get(at).copied().unwrap_or_default()
    }

    /// The value of a key.
    pub fn text(&self, key: &str) -> Option<&'a str> {
        self.pairs.get(key).copied()
    }

    /// The value of a key as a number.
    ///
    /// # Panics
    ///
    /// Where it is none.
    pub fn number<T: FromStr>(&self, key: &str, default: T) -> T {
        self.pairs.get(key).map_or(default, |text| text.parse().ok().unwrap())
    }

    /// The version of the request (`v`).
    pub fn version(&self, default: i16) -> i16 {
        self.number("v", default)
    }

    /// The first word, where `-` stands for an empty name and `~` for a blank inside one.
    pub fn name(&self) -> String {
        self.word(0).trim_start_matches('-').replace('~', " ")
    }
}
