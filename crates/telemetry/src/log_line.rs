//! Lines of the log in the layout of Kafka's log4j settings, so that what reads Kafka's logs reads these.

use std::fmt;

/// How the time is written up to the second, as `strftime` has it.
pub const LOG_TIME_FORMAT: &str = "%Y-%m-%d %H:%M:%S";

/// A line: `[2026-01-31 12:00:00,123] INFO message field=value (logger)`.
pub struct LogLine<'a> {
    /// The local time in [`LOG_TIME_FORMAT`].
    pub time: &'a dyn fmt::Display,
    /// Milliseconds within the second.
    pub millis: i16,
    /// How grave it is, as `INFO`.
    pub level: &'a dyn fmt::Display,
    /// What is told.
    pub message: &'a dyn fmt::Display,
    /// Names and values behind the message.
    pub fields: &'a [(&'static str, String)],
    /// Who tells it.
    pub logger: &'a str,
}

impl fmt::Display for LogLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let LogLine { time, millis, level, message, fields, logger } = self;
        write!(f, "[{time},{millis:03}] {level} {message}")?;
        for (name, value) in *fields {
            write!(f, " {name}={value}")?;
        }
        write!(f, " ({logger})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_looks_as_kafkas() {
        let line = LogLine {
            time: &"2026-01-31 12:00:00",
            millis: 7,
            level: &"WARN",
            message: &"late",
            fields: &[("node", "3".to_owned())],
            logger: "clock",
        };
        assert_eq!(line.to_string(), "[2026-01-31 12:00:00,007] WARN late node=3 (clock)");
    }
}
