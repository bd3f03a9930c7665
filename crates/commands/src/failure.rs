//! What went wrong in a command: a sentence, and hints what to do about it.

use std::io::{self, Write};

use client::Error;

/// Exit code of what was tried and did not succeed.
pub(crate) const FAILED: u8 = 1;
/// Exit code of what could not even be tried: a command line or a profile that cannot be read.
pub(crate) const NOT_RUN: u8 = 2;

/// Why a command ends before its work is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    message: String,
    hints: Vec<String>,
    code: u8,
    /// True where the cluster did not answer, so that its addresses are worth naming.
    is_silence: bool,
}

impl Failure {
    /// A failure of the work itself.
    pub(crate) fn new(message: impl Into<String>) -> Failure {
        Failure { message: message.into(), hints: Vec::new(), code: FAILED, is_silence: false }
    }

    /// Something that keeps the work from being tried.
    pub(crate) fn not_run(message: impl Into<String>) -> Failure {
        Failure { code: NOT_RUN, ..Failure::new(message) }
    }

    /// The same with a line of advice.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Failure {
        self.hints.push(hint.into());
        self
    }

    /// The same with the known name nearest to one that is unknown, where there is a near one.
    pub(crate) fn did_you_mean<'k>(self, typed: &str, known: impl Iterator<Item = &'k str>) -> Failure {
        match config::nearest(typed, known) {
            Some(near) => self.hint(format!("did you mean '{near}'?")),
            None => self,
        }
    }

    /// The same with what it happened to in front.
    pub(crate) fn about(mut self, what: &str) -> Failure {
        self.message = format!("{what}: {}", self.message);
        self
    }

    pub(crate) fn is_silence(&self) -> bool {
        self.is_silence
    }

    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    pub(crate) fn code(&self) -> u8 {
        self.code
    }

    /// Writes it, one line for the sentence and one for each hint.
    pub(crate) fn tell(&self, err: &mut dyn Write) {
        if self.code == 0 {
            return;
        }
        // Where standard error is closed, nothing is left to tell anyone.
        let _ = writeln!(err, "naru: {}", printable(&self.message));
        for hint in &self.hints {
            let _ = writeln!(err, "  hint: {}", printable(hint));
        }
    }
}

/// Text without what a terminal would obey, whatever a server sends.
fn printable(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect()
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        let is_silence = matches!(error, Error::Timeout(_) | Error::Disconnected(_));
        // Answers of servers may have several lines.
        let message = error.to_string().lines().map(str::trim).collect::<Vec<_>>().join(" ");
        Failure { is_silence, ..Failure::new(message) }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Failure {
        if error.kind() == io::ErrorKind::BrokenPipe {
            // The reader has seen enough: nothing is wrong.
            return Failure { code: 0, ..Failure::new("") };
        }
        Failure::new(format!("standard output cannot be written: {error}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(failure: &Failure) -> String {
        let mut text = Vec::new();
        failure.tell(&mut text);
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn a_failure_is_one_line_and_its_hints_follow() {
        let failure = Failure::new("topic 'orderz' does not exist");
        let failure = failure.did_you_mean("orderz", ["payments", "orders"].into_iter());
        assert_eq!(told(&failure), "naru: topic 'orderz' does not exist\n  hint: did you mean 'orders'?\n");
        assert_eq!(told(&Failure::new("a\u{1b}[2Jb")), "naru: a [2Jb\n");
        let several = Failure::from(Error::Invalid("one\n two".to_owned())).about("x");
        assert_eq!(told(&several), "naru: x: one two\n");
    }

    #[test]
    fn only_what_was_not_answered_is_silence() {
        assert!(Failure::from(Error::Timeout("late".to_owned())).is_silence());
        assert!(!Failure::from(Error::Invalid("wrong".to_owned())).is_silence());
    }
}
