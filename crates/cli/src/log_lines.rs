//! Lines of the log on standard error, in the layout of Kafka's tools: what is worth a warning in a client, and why a tool
//! failed.

use std::fmt;
use std::io::Write;

use telemetry::{LOG_TIME_FORMAT, LogLine};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context, SubscriberExt};

/// Writes what clients warn of, from now on.
pub(crate) fn to_stderr() {
    let subscriber = tracing_subscriber::registry().with(Warnings);
    // Set already where several tools ran in one process.
    let _ = tracing::subscriber::set_global_default(subscriber);
}

/// Writes a line of level ERROR.
pub(crate) fn error(logger: &str, what: impl fmt::Display, to: &mut dyn Write) {
    // Where standard error is closed, nothing is left to tell anyone.
    let _ = writeln!(to, "{}", line(&Level::ERROR, &what, logger));
}

/// Writes a line of level WARN.
pub(crate) fn warn(logger: &str, what: impl fmt::Display, to: &mut dyn Write) {
    let _ = writeln!(to, "{}", line(&Level::WARN, &what, logger));
}

/// A line of level INFO.
pub(crate) fn info(logger: &str, what: impl fmt::Display) -> String {
    line(&Level::INFO, &what, logger)
}

fn line(level: &Level, what: &dyn fmt::Display, logger: &str) -> String {
    let now = jiff::Zoned::now();
    let (time, millis) = (now.strftime(LOG_TIME_FORMAT), now.millisecond());
    LogLine { time: &time, millis, level, message: what, fields: &[], logger }.to_string()
}

struct Warnings;

impl<S: Subscriber> Layer<S> for Warnings {
    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        let metadata = event.metadata();
        if *metadata.level() <= Level::WARN {
            let mut message = Message::default();
            event.record(&mut message);
            let _ =
                writeln!(std::io::stderr(), "{}", line(metadata.level(), &message.text, metadata.target()));
            if let Some(exception) = message.exception {
                let _ = writeln!(std::io::stderr(), "{exception}");
            }
        }
    }
}

/// What is told, and on a line of its own the exception that Kafka's clients log with it.
#[derive(Default)]
struct Message {
    text: String,
    exception: Option<String>,
}

impl Visit for Message {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "exception" {
            self.exception = Some(value.to_owned());
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            self.text = format!("{value:?}");
        }
    }
}
