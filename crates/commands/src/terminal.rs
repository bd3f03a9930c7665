//! Colours and progress: only where somebody looks at a terminal.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

/// How often a bar is drawn anew at most.
const REDRAW: Duration = Duration::from_millis(100);
/// Characters of a bar.
const BAR_WIDTH: usize = 24;

/// When colours are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ColourChoice {
    Auto,
    Always,
    Never,
}

/// What a piece of text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    Heading,
    Good,
    Bad,
    Faint,
}

/// Colours text, or leaves it as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Paint {
    is_on: bool,
}

impl Paint {
    /// Leaves all text as it is.
    #[cfg(test)]
    pub(crate) fn plain() -> Paint {
        Paint { is_on: false }
    }

    /// What holds for a standard output that is a terminal or is not. `NO_COLOR` of any text but the empty one turns colours
    /// off (no-color.org), and so does a terminal that calls itself dumb.
    pub(crate) fn choose(choice: ColourChoice, is_terminal: bool, variables: &[(String, String)]) -> Paint {
        let variable =
            |name| variables.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
        let is_on = match choice {
            ColourChoice::Always => true,
            ColourChoice::Never => false,
            ColourChoice::Auto => {
                is_terminal
                    && variable("NO_COLOR").is_none_or(str::is_empty)
                    && variable("TERM") != Some("dumb")
            }
        };
        Paint { is_on }
    }

    /// The text with the codes of its style around it.
    pub(crate) fn apply(self, style: Style, text: &str) -> String {
        let code = match style {
            Style::Heading => "1",
            Style::Good => "32",
            Style::Bad => "31",
            Style::Faint => "2",
        };
        if self.is_on { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// A bar on standard error for work that takes a while.
#[derive(Debug)]
pub(crate) struct Progress {
    what: &'static str,
    /// How much there is, where that is known.
    total: Option<u64>,
    done: u64,
    begun: Instant,
    drawn: Option<Instant>,
    is_on: bool,
}

impl Progress {
    /// A bar for so much of `what`, which is drawn only where standard error is a terminal.
    pub(crate) fn new(what: &'static str, total: Option<u64>) -> Progress {
        let is_on = io::stderr().is_terminal();
        Progress { what, total, done: 0, begun: Instant::now(), drawn: None, is_on }
    }

    /// So much more is done.
    pub(crate) fn advance(&mut self, more: u64) {
        self.done += more;
        if self.is_on && self.drawn.is_none_or(|drawn| drawn.elapsed() >= REDRAW) {
            self.drawn = Some(Instant::now());
            // Where standard error is closed, nobody looks.
            let _ = write!(io::stderr(), "\r{}\x1b[K", self.line(self.begun.elapsed()));
        }
    }

    fn line(&self, elapsed: Duration) -> String {
        let rate = self.done as f64 / elapsed.as_secs_f64().max(0.001);
        let Progress { what, done, .. } = self;
        match self.total.filter(|total| *total > 0) {
            Some(total) => {
                let part = (*done as f64 / total as f64).min(1.0);
                let full = (part * BAR_WIDTH as f64) as usize;
                let bar = format!("{}{}", "#".repeat(full), ".".repeat(BAR_WIDTH - full));
                format!("[{bar}] {:3.0} % of {total} {what}, {rate:.0} a second", part * 100.0)
            }
            None => format!("{done} {what}, {rate:.0} a second"),
        }
    }

    /// Takes the bar away.
    fn clear(&self) {
        if self.drawn.is_some() {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_for_terminals_and_no_color_turns_them_off() {
        let variable = |name: &str, value: &str| [(name.to_owned(), value.to_owned())];
        let is_on = |choice, is_terminal, variables: &[(String, String)]| {
            Paint::choose(choice, is_terminal, variables).is_on
        };
        assert!(is_on(ColourChoice::Auto, true, &[]));
        assert!(!is_on(ColourChoice::Auto, false, &[]));
        assert!(!is_on(ColourChoice::Auto, true, &variable("NO_COLOR", "1")));
        assert!(is_on(ColourChoice::Auto, true, &variable("NO_COLOR", "")));
        assert!(!is_on(ColourChoice::Auto, true, &variable("TERM", "dumb")));
        assert!(is_on(ColourChoice::Always, false, &variable("NO_COLOR", "1")));
        assert_eq!(Paint::plain().apply(Style::Bad, "x"), "x");
    }

    #[test]
    fn a_bar_says_how_far_it_is() {
        let mut progress = Progress {
            what: "records",
            total: Some(200),
            done: 0,
            begun: Instant::now(),
            drawn: None,
            is_on: false,
        };
        progress.advance(50);
        let line = progress.line(Duration::from_secs(1));
        assert_eq!(line, "[######..................]  25 % of 200 records, 50 a second");
        progress.total = None;
        assert_eq!(progress.line(Duration::from_secs(2)), "50 records, 25 a second");
    }
}
