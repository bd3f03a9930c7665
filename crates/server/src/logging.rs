//! Log lines: in Kafka's layout, so that existing log pipelines go on reading them, or as JSON.

use std::fmt;
use std::io::IsTerminal;

use telemetry::{LOG_TIME_FORMAT, LogLine};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;

use crate::json::quoted;

/// How log lines look (`log.format`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// `[2026-01-31 12:00:00,123] INFO message field=value (target)`, as Kafka's log4j layout.
    Kafka,
    /// One JSON object a line.
    Json,
}

/// Sends log lines of `level` and above to standard output. The first call counts; later ones change nothing.
pub fn start(format: LogFormat, level: Level) {
    let lines = tracing_subscriber::fmt::layer()
        .event_format(Lines { format })
        .with_ansi(std::io::stdout().is_terminal())
        .with_writer(std::io::stdout);
    // The Raft library tells every step of an election; what matters of it the quorum says itself.
    let filter = Targets::new().with_default(level).with_target("openraft", Level::WARN.min(level));
    let subscriber = tracing_subscriber::registry().with(filter).with(lines);
    // Set already where a test started two servers in one process.
    let _ = tracing::subscriber::set_global_default(subscriber);
}

struct Lines {
    format: LogFormat,
}

impl<S, N> FormatEvent<S, N> for Lines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let metadata = event.metadata();
        let now = jiff::Zoned::now();
        let line = match self.format {
            LogFormat::Kafka => LogLine {
                time: &now.strftime(LOG_TIME_FORMAT),
                millis: now.millisecond(),
                level: metadata.level(),
                message: &fields.message,
                fields: &fields.others,
                logger: metadata.target(),
            }
            .to_string(),
            LogFormat::Json => json_line(&now.timestamp().to_string(), metadata, &fields),
        };
        writeln!(writer, "{line}")
    }
}

fn json_line(time: &str, metadata: &tracing::Metadata<'_>, fields: &Fields) -> String {
    let mut line = format!(
        "{{\"time\":{},\"level\":\"{}\",\"target\":{},\"message\":{}",
        quoted(time),
        metadata.level(),
        quoted(metadata.target()),
        quoted(&fields.message)
    );
    for (name, value) in &fields.others {
        line.push_str(&format!(",{}:{}", quoted(name), quoted(value)));
    }
    line.push('}');
    line
}

#[derive(Default)]
struct Fields {
    message: String,
    others: Vec<(&'static str, String)>,
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            value.clone_into(&mut self.message);
        } else {
            self.others.push((field.name(), value.to_owned()));
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            self.message = format!("{value:?}");
        } else {
            self.others.push((field.name(), format!("{value:?}")));
        }
    }
}
