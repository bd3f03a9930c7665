//! What all commands share: how results are shown, how the cluster is reached, and how long that may take.

use std::collections::BTreeMap;
use std::future::Future;
use std::io::Write;
use std::time::Duration;

use client::{Admin, HostPort};
use config::{ClientKind, ClientSettings};

use crate::document::Doc;
use crate::failure::Failure;
use crate::profile::Settings;
use crate::table::Column;
use crate::terminal::{Paint, Style};
use crate::{reach, table, yaml};

const KINDS: [ClientKind; 3] = [ClientKind::Admin, ClientKind::Producer, ClientKind::Consumer];
/// Where a server is looked for when nobody says where.
const SERVERS: &str = "localhost:9092";
/// The longest wait for one answer within a call, as Kafka's clients have it.
const REQUEST_MS_MAX: u128 = 30_000;
/// How long a batch waits for more records, as the producer has it.
const LINGER_MS: u128 = 5;

/// How results are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Table,
    Json,
    Yaml,
}

/// One run of a command.
pub(crate) struct Session<'s> {
    pub(crate) out: &'s mut dyn Write,
    pub(crate) err: &'s mut dyn Write,
    pub(crate) format: Format,
    pub(crate) paint: Paint,
    /// How long a call may take.
    pub(crate) timeout: Duration,
    /// What was written of settings: profile, `-X`, then the servers of `-b`.
    pub(crate) written: Settings,
}

impl Session<'_> {
    /// The settings of a client.
    pub(crate) fn settings(&self, kind: ClientKind) -> Result<ClientSettings, Failure> {
        self.settings_with(kind, &[])
    }

    /// The same with what the command itself wants, which is stronger.
    pub(crate) fn settings_with(
        &self,
        kind: ClientKind,
        own: &[(&str, String)],
    ) -> Result<ClientSettings, Failure> {
        let mut all: BTreeMap<&str, String> = BTreeMap::new();
        all.insert("bootstrap.servers", SERVERS.to_owned());
        let timeout_ms = self.timeout.as_millis();
        let written = |key: &str| self.written.get(key).and_then(|text| text.parse::<u128>().ok());
        let request_ms = written("request.timeout.ms").unwrap_or(timeout_ms.clamp(1, REQUEST_MS_MAX));
        all.insert("request.timeout.ms", request_ms.to_string());
        if kind == ClientKind::Producer {
            all.insert("max.block.ms", timeout_ms.to_string());
            // A producer refuses less than the two together.
            let least_ms = request_ms.saturating_add(written("linger.ms").unwrap_or(LINGER_MS));
            all.insert("delivery.timeout.ms", timeout_ms.max(least_ms).to_string());
        } else {
            all.insert("default.api.timeout.ms", timeout_ms.max(request_ms).to_string());
        }
        all.extend(self.written.iter().map(|(key, value)| (key.as_str(), value.clone())));
        all.extend(own.iter().map(|(key, value)| (*key, value.clone())));
        let known = all.iter().filter(|(key, _)| kind.setting(key).is_some());
        ClientSettings::read(kind, known.map(|(key, value)| (*key, value.as_str())))
            .map_err(|error| Failure::not_run(error.to_string()))
    }

    /// Warns of settings that no client has.
    pub(crate) fn warn_of_unknown(&mut self) {
        for key in self.written.keys() {
            if KINDS.iter().any(|kind| kind.setting(key).is_some()) {
                continue;
            }
            let known = KINDS.iter().flat_map(|kind| kind.settings()).map(|setting| setting.key);
            let meant = config::nearest(key, known).map(|near| format!("; did you mean {near}?"));
            let meant = meant.unwrap_or_default();
            let _ = writeln!(self.err, "naru: {key} is no setting of a client and has no effect{meant}");
        }
    }

    /// The servers to connect to first.
    pub(crate) fn servers(&self) -> Result<Vec<HostPort>, Failure> {
        let servers = self.settings(ClientKind::Admin)?.list("bootstrap.servers");
        let servers = HostPort::parse_all(&servers, "bootstrap.servers");
        servers.map_err(|error| Failure::not_run(error.to_string()))
    }

    /// An admin client, once one of the servers takes connections.
    pub(crate) async fn admin(&self) -> Result<Admin, Failure> {
        let settings = self.settings(ClientKind::Admin)?;
        self.reach().await?;
        Ok(Admin::new(&settings)?)
    }

    /// Fails where no server takes connections.
    pub(crate) async fn reach(&self) -> Result<(), Failure> {
        reach::require_one(&self.servers()?, self.timeout).await
    }

    /// Writes rows: as a table with these columns, or all they hold.
    pub(crate) fn show_rows(&mut self, columns: &[Column<'_>], rows: Vec<Doc>) -> Result<(), Failure> {
        match self.format {
            Format::Table if rows.is_empty() => self.note("there is nothing to show"),
            Format::Table => table::write(columns, &rows, self.paint, self.out)?,
            _ => self.write(&Doc::List(rows))?,
        }
        Ok(())
    }

    /// Writes a document: as lines of its fields and a table of each list of documents in it, or all it holds.
    pub(crate) fn show(&mut self, doc: &Doc, parts: &[(&str, &[Column<'_>])]) -> Result<(), Failure> {
        if self.format != Format::Table {
            return self.write(doc);
        }
        table::write_fields(doc, self.paint, self.out)?;
        for (name, columns) in parts {
            if let Some(Doc::List(rows)) = doc.get(name)
                && !rows.is_empty()
            {
                writeln!(self.out)?;
                table::write(columns, rows, self.paint, self.out)?;
            }
        }
        Ok(())
    }

    /// Writes a document in a form for programs.
    pub(crate) fn write(&mut self, doc: &Doc) -> Result<(), Failure> {
        match self.format {
            Format::Yaml => yaml::write(doc, self.out)?,
            _ => doc.write_json(self.out)?,
        }
        Ok(())
    }

    /// Tells what was done: a line for people, a document for programs.
    pub(crate) fn tell(&mut self, sentence: &str, doc: &Doc) -> Result<(), Failure> {
        match self.format {
            Format::Table => writeln!(self.out, "{}", self.paint.apply(Style::Good, sentence))?,
            _ => self.write(doc)?,
        }
        Ok(())
    }

    /// A remark beside the result.
    pub(crate) fn note(&mut self, sentence: &str) {
        // Where standard error is closed, nothing is left to tell anyone.
        let _ = writeln!(self.err, "naru: {sentence}");
    }
}

/// Runs the work of a command to its end; commands need one thread.
pub(crate) fn block_on<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::new(format!("no runtime can be made: {error}")))?;
    let outcome = runtime.block_on(work);
    // A name that is still being looked up must not hold the command up.
    runtime.shutdown_background();
    outcome
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(kind: ClientKind, timeout_ms: u64, written: &[(&str, &str)]) -> ClientSettings {
        let written = written.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let session = Session {
            out: &mut out,
            err: &mut err,
            format: Format::Table,
            paint: Paint::plain(),
            timeout: Duration::from_millis(timeout_ms),
            written,
        };
        session.settings(kind).unwrap()
    }

    #[test]
    fn deadlines_of_clients_follow_the_timeout_and_what_was_written() {
        let millis = |settings: &ClientSettings, key: &str| settings.integer(key);
        let admin = settings(ClientKind::Admin, 60_000, &[]);
        assert_eq!(
            (millis(&admin, "default.api.timeout.ms"), millis(&admin, "request.timeout.ms")),
            (60_000, 30_000)
        );
        let hurried = settings(ClientKind::Consumer, 500, &[]);
        assert_eq!(
            (millis(&hurried, "default.api.timeout.ms"), millis(&hurried, "request.timeout.ms")),
            (500, 500)
        );
        let producer = settings(ClientKind::Producer, 30_000, &[("linger.ms", "100")]);
        assert_eq!(millis(&producer, "delivery.timeout.ms"), 30_100);
        let patient = settings(ClientKind::Producer, 30_000, &[("request.timeout.ms", "40000")]);
        assert_eq!(
            (millis(&patient, "delivery.timeout.ms"), millis(&patient, "max.block.ms")),
            (40_005, 30_000)
        );
        let own = settings(ClientKind::Producer, 30_000, &[("delivery.timeout.ms", "70000")]);
        assert_eq!(millis(&own, "delivery.timeout.ms"), 70_000, "what was written is stronger");
    }
}
