//! `kafka-verifiable-consumer`: reads a topic as the member of a group and tells of all that happens.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::time::Duration;

use client::consumer::{CommittedOffset, RebalanceListener, Records};
use client::{Consumer, ConsumerRecord};
use config::ClientKind;
use model::ErrorCode;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::client_settings::{self, Written};
use crate::failure::Failure;
use crate::interrupt::interrupted;
use crate::java::{hash_of_partition, in_order_of_grown_map};
use crate::subcommands::{Argument, Program, Said, Unsaid};
use crate::verifiable::{UNCAUGHT, config_file, event, print, text_or_null};
use crate::{Output, READER_GONE, admin_tool, record_json};

#[rustfmt::skip]
static PROGRAM: Program = Program {
    name: "verifiable-consumer",
    about: "This tool consumes messages from a specific topic and emits consumer events (e.g. group rebalances, received messages, and offsets committed) as JSON objects to STDOUT.",
    options: &[
        Argument::value("topic", "TOPIC", "The topic to read.").required(),
        Argument::value("group-protocol", "GROUP-PROTOCOL", "How the group divides partitions: classic, as without, or consumer."),
        Argument::value("group-remote-assignor", "GROUP-REMOTE-ASSIGNOR", "By the consumer protocol: what the server is to divide them by."),
        Argument::value("group-id", "GROUP-ID", "Id of the group.").required(),
        Argument::value("group-instance-id", "GROUP-INSTANCE-ID", "Id of a member that keeps its partitions when it comes back."),
        Argument::value("max-messages", "MAX-MESSAGES", "Number of records; -1, as without, for as many as come until it is stopped."),
        Argument::value("session-timeout", "TIMEOUT-MS", "By the classic protocol: milliseconds of silence after which a member is out."),
        Argument::flag("verbose", "Tell of each record."),
        Argument::flag("enable-autocommit", "Let the consumer commit by itself."),
        Argument::value("reset-policy", "RESET-POLICY", "Where to begin without a committed offset: earliest, as without, latest or none."),
        Argument::value("assignment-strategy", "ASSIGNMENT-STRATEGY", "By the classic protocol: the class that divides the partitions."),
        Argument::value("consumer.config", "CONFIG-FILE", "As --command-config; out of use."),
        Argument::value("command-config", "CONFIG-FILE", "A file of settings for the consumer; what the options say goes before them."),
        Argument::value("bootstrap-server", "HOST1:PORT1[,HOST2:PORT2[...]]", "Servers to connect to first, host:port, separated by commas.").required_last(),
    ],
    commands: &[],
};

const LOGGER: &str = "org.apache.kafka.tools.VerifiableConsumer";
const RANGE: &str = "org.apache.kafka.clients.consumer.RangeAssignor";
/// The longest wait at a time.
const POLL_MAX: Duration = Duration::from_secs(60);

/// What is read, and how far.
struct Plan {
    topic: String,
    /// `None` for no end.
    count: Option<usize>,
    is_verbose: bool,
    /// The consumer commits by itself.
    commits: bool,
    /// For the consumer.
    written: Written,
}

/// Why a line is not followed.
enum Refused {
    Line(Unsaid),
    Value(Failure),
}

/// Runs the tool and gives its exit code.
pub(crate) fn run(arguments: &[String], output: &mut Output<'_>) -> u8 {
    let said = match PROGRAM.read_or_help(arguments) {
        Ok(said) => said,
        Err(unsaid) => return unsaid.tell(output),
    };
    let uncaught = |failure: &Failure| format!("{UNCAUGHT} {failure}");
    let plan = match plan(&said, output) {
        Ok(plan) => plan,
        Err(Refused::Line(unsaid)) => return unsaid.tell(output),
        Err(Refused::Value(failure)) => return output.fail(uncaught(&failure)),
    };
    crate::log_lines::to_stderr();
    let ended = plan.written.settings(ClientKind::Consumer, output).and_then(|settings| {
        admin_tool::run(async {
            let consumer = client_settings::consumer(&settings)?;
            Ok(consume(consumer, &plan, output).await)
        })
    });
    match ended {
        Ok(code) => code,
        Err(failure) => output.fail(uncaught(&failure)),
    }
}

impl From<Unsaid> for Refused {
    fn from(unsaid: Unsaid) -> Refused {
        Refused::Line(unsaid)
    }
}

fn plan(said: &Said, output: &mut Output<'_>) -> Result<Plan, Refused> {
    let count = said.number::<i32>("max-messages", "Integer")?.unwrap_or(-1);
    let session_timeout = said.number::<i32>("session-timeout", "Integer")?;
    let mut written = match config_file(said, "consumer.config", output)? {
        Some(file) => Written::of_file(file).map_err(|failure| said.unreadable(&failure))?,
        None => Written::default(),
    };
    let protocol = said.value("group-protocol").unwrap_or("classic");
    match protocol.to_ascii_lowercase().as_str() {
        "consumer" => {
            written.set("group.protocol", protocol);
            if let Some(assignor) = said.value("group-remote-assignor") {
                written.set("group.remote.assignor", assignor);
            }
        }
        "classic" => {
            let strategy = said.value("assignment-strategy").unwrap_or(RANGE);
            written.set("partition.assignment.strategy", strategy);
        }
        _ => {
            let name = protocol.to_ascii_uppercase();
            let sentence = format!("No enum constant org.apache.kafka.clients.consumer.GroupProtocol.{name}");
            return Err(Refused::Value(Failure::argument(sentence)));
        }
    }
    let commits = said.has("enable-autocommit");
    written.set("group.id", said.value("group-id").unwrap_or_default());
    if let Some(instance) = said.value("group-instance-id") {
        written.set("group.instance.id", instance);
    }
    written.set("bootstrap.servers", said.value("bootstrap-server").unwrap_or_default());
    written.set("enable.auto.commit", commits.to_string());
    written.set("auto.offset.reset", said.value("reset-policy").unwrap_or("earliest"));
    if let Some(timeout) = session_timeout {
        written.set("session.timeout.ms", timeout.to_string());
    }
    Ok(Plan {
        topic: said.value("topic").unwrap_or_default().to_owned(),
        count: usize::try_from(count).ok(),
        is_verbose: said.has("verbose"),
        commits,
        written,
    })
}

/// Tells of partitions that come and go, as soon as they do.
struct Tells(UnboundedSender<String>);

impl Tells {
    fn tell(&self, name: &str, partitions: &[(String, i32)]) {
        let shown: Vec<String> =
            partitions.iter().map(|(topic, number)| record_json::object(&place(topic, *number))).collect();
        // Nobody listens once the tool has ended.
        let _ = self.0.send(event(name, &[("partitions", list(&shown))]));
    }
}

impl RebalanceListener for Tells {
    fn revoked(&mut self, partitions: &[(String, i32)]) -> Vec<((String, i32), CommittedOffset)> {
        self.tell("partitions_revoked", partitions);
        Vec::new()
    }

    fn assigned(&mut self, partitions: &[(String, i32)]) {
        self.tell("partitions_assigned", partitions);
    }

    fn lost(&mut self, partitions: &[(String, i32)]) {
        self.tell("partitions_revoked", partitions);
    }
}

fn place(topic: &str, partition: i32) -> [(&'static str, String); 2] {
    [("topic", record_json::text(topic)), ("partition", partition.to_string())]
}

fn list(values: &[String]) -> String {
    format!("[{}]", values.join(","))
}

/// Why no more is read.
enum End {
    Enough,
    Interrupted(u8),
    /// Nobody reads what is printed.
    Unread,
    Failed(Failure),
}

impl From<client::Error> for End {
    fn from(error: client::Error) -> End {
        End::Failed(error.into())
    }
}

impl From<std::io::Error> for End {
    fn from(_: std::io::Error) -> End {
        End::Unread
    }
}

async fn consume(mut consumer: Consumer, plan: &Plan, output: &mut Output<'_>) -> u8 {
    let (sender, mut changes) = unbounded_channel();
    consumer.listen(Tells(sender));
    let mut end = match print(&event("startup_complete", &[]), output) {
        Ok(()) => read(&mut consumer, plan, &mut changes, output).await,
        Err(_) => End::Unread,
    };
    let requested = || event("shutdown_requested", &[]);
    let mut lines = Vec::new();
    match &end {
        End::Interrupted(_) => lines.push(requested()),
        End::Failed(failure) => {
            let what = "Error during processing, terminating consumer process: ";
            crate::log_lines::error(LOGGER, what, output.err);
            let _ = writeln!(output.err, "{failure}");
        }
        End::Enough | End::Unread => {}
    }
    if lines.iter().any(|line| print(line, output).is_err()) {
        end = End::Unread;
    }
    // A second signal ends at once what a server that is gone may hold up.
    tokio::select! {
        () = consumer.close() => {}
        code = interrupted() => return code,
    }
    lines.clear();
    lines.extend(std::iter::from_fn(|| changes.try_recv().ok()));
    lines.push(event("shutdown_complete", &[]));
    if !matches!(end, End::Interrupted(_)) {
        lines.push(requested());
    }
    if lines.iter().any(|line| print(line, output).is_err()) {
        end = End::Unread;
    }
    match end {
        End::Enough | End::Failed(_) => 0,
        End::Interrupted(code) => code,
        End::Unread => READER_GONE,
    }
}

async fn read(
    consumer: &mut Consumer,
    plan: &Plan,
    changes: &mut UnboundedReceiver<String>,
    output: &mut Output<'_>,
) -> End {
    let mut signal = std::pin::pin!(interrupted());
    match read_on(consumer, plan, changes, signal.as_mut(), output).await {
        Ok(()) => End::Enough,
        Err(end) => end,
    }
}

async fn read_on(
    consumer: &mut Consumer,
    plan: &Plan,
    changes: &mut UnboundedReceiver<String>,
    mut signal: Pin<&mut impl Future<Output = u8>>,
    output: &mut Output<'_>,
) -> Result<(), End> {
    consumer.subscribe(&[&plan.topic]).await?;
    let mut consumed = 0;
    while plan.count.is_none_or(|count| consumed < count) {
        let records = {
            let mut polling = std::pin::pin!(consumer.poll(POLL_MAX));
            loop {
                tokio::select! {
                    biased;
                    code = &mut signal => return Err(End::Interrupted(code)),
                    Some(change) = changes.recv() => print(&change, output)?,
                    records = &mut polling => break records,
                }
            }
        };
        while let Ok(change) = changes.try_recv() {
            print(&change, output)?;
        }
        let records = records?;
        if records.is_empty() {
            continue;
        }
        let room = plan.count.map_or(usize::MAX, |count| count - consumed);
        let taken = Taken::of(&records, room);
        consumed += taken.count();
        taken.tell(records.len(), plan.is_verbose, output)?;
        if !plan.commits {
            commit(consumer, &taken, output).await?;
        }
    }
    Ok(())
}

/// Commits what was taken, and tells how that went. A member whose id another one has taken over cannot go on.
async fn commit(consumer: &mut Consumer, taken: &Taken<'_>, output: &mut Output<'_>) -> Result<(), End> {
    let mut offsets = taken.next_offsets();
    let committed =
        consumer
            .commit_offsets(offsets.iter().map(|((topic, number), offset)| {
                (((*topic).to_owned(), *number), CommittedOffset::at(*offset))
            }))
            .await;
    let error = match committed {
        Ok(()) => None,
        Err(error) if error.code() == Some(ErrorCode::FENCED_INSTANCE_ID) => return Err(error.into()),
        Err(error) => Some(error),
    };
    in_order_of_grown_map(&mut offsets, |((topic, number), _)| hash_of_partition(topic, *number));
    let shown = offsets.iter().map(|((topic, number), offset)| {
        let [topic, number] = place(topic, *number);
        record_json::object(&[topic, number, ("offset", offset.to_string())])
    });
    let mut fields = vec![("offsets", list(&shown.collect::<Vec<_>>()))];
    fields.extend(error.as_ref().map(|error| ("error", record_json::text(&error.to_string()))));
    fields.push(("success", error.is_none().to_string()));
    print(&event("offsets_committed", &fields), output)?;
    Ok(())
}

/// Records of one poll that count, partition by partition as they came.
struct Taken<'r> {
    partitions: Vec<((&'r str, i32), Vec<ConsumerRecord<'r>>)>,
}

impl<'r> Taken<'r> {
    /// At most so many.
    fn of(records: &'r Records, most: usize) -> Taken<'r> {
        let mut places = BTreeMap::new();
        let mut partitions: Vec<((&str, i32), Vec<ConsumerRecord<'_>>)> = Vec::new();
        for record in records.iter() {
            let key = (record.topic, record.partition);
            let place = *places.entry(key).or_insert_with(|| {
                partitions.push((key, Vec::new()));
                partitions.len() - 1
            });
            if let Some((_, records)) = partitions.get_mut(place) {
                records.push(record);
            }
        }
        let mut room = most;
        for (_, records) in &mut partitions {
            records.truncate(room);
            room -= records.len();
        }
        partitions.retain(|(_, records)| !records.is_empty());
        Taken { partitions }
    }

    fn count(&self) -> usize {
        self.partitions.iter().map(|(_, records)| records.len()).sum()
    }

    fn next_offsets(&self) -> Vec<((&'r str, i32), i64)> {
        let last = |(key, records): &((&'r str, i32), Vec<ConsumerRecord<'r>>)| {
            records.last().map(|record| (*key, record.offset + 1))
        };
        self.partitions.iter().filter_map(last).collect()
    }

    /// Tells of them; `all` counts the records of the poll that are beyond the bound as well.
    fn tell(&self, all: usize, is_verbose: bool, output: &mut Output<'_>) -> Result<(), End> {
        let mut shown = Vec::new();
        for ((topic, partition), records) in &self.partitions {
            let (Some(first), Some(last)) = (records.first(), records.last()) else { continue };
            let [topic, partition] = place(topic, *partition);
            shown.push(record_json::object(&[
                topic,
                partition,
                ("count", records.len().to_string()),
                ("minOffset", first.offset.to_string()),
                ("maxOffset", last.offset.to_string()),
            ]));
            for record in records.iter().filter(|_| is_verbose) {
                print(&told(record), output)?;
            }
        }
        print(
            &event("records_consumed", &[("count", all.to_string()), ("partitions", list(&shown))]),
            output,
        )?;
        Ok(())
    }
}

fn told(record: &ConsumerRecord<'_>) -> String {
    let text = |bytes: Option<&[u8]>| text_or_null(bytes.map(String::from_utf8_lossy).as_deref());
    let [topic, partition] = place(record.topic, record.partition);
    event(
        "record_data",
        &[
            ("key", text(record.key)),
            ("value", text(record.value)),
            topic,
            partition,
            ("offset", record.offset.to_string()),
        ],
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn planned(line: &str) -> Result<Plan, String> {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let output = &mut Output { out: &mut out, err: &mut err };
        let plan = PROGRAM.read_or_help(&words).map_err(Refused::Line).and_then(|said| plan(&said, output));
        plan.map_err(|refused| match refused {
            Refused::Line(Unsaid::Help(_)) => "help".to_owned(),
            Refused::Line(Unsaid::Complaint(complaint)) => complaint.sentence,
            Refused::Value(failure) => failure.to_string(),
        })
    }

    #[test]
    fn lines_are_refused_as_by_the_original() {
        let all = "--bootstrap-server b --topic t --group-id g";
        for (line, complaint) in [
            (String::new(), "help"),
            ("--bootstrap-server b --topic t".to_owned(), "argument --group-id is required"),
            (
                format!("{all} --group-protocol mine"),
                "java.lang.IllegalArgumentException: No enum constant org.apache.kafka.clients.consumer.GroupProtocol.MINE",
            ),
            (format!("{all} more"), "unrecognized arguments: 'more'"),
        ] {
            assert_eq!(planned(&line).map(drop).unwrap_err(), complaint, "{line}");
        }
    }

    #[test]
    fn each_protocol_has_settings_of_its_own() {
        let all = "--bootstrap-server b --topic t --group-id g";
        let classic = planned(&format!("{all} --group-remote-assignor uniform")).unwrap().written;
        assert_eq!(classic.get("partition.assignment.strategy"), Some(RANGE));
        assert_eq!(classic.get("group.remote.assignor"), None);
        assert_eq!(classic.get("session.timeout.ms"), None);
        let line = format!("{all} --group-protocol Consumer --group-remote-assignor uniform");
        let consumer = planned(&line).unwrap().written;
        assert_eq!(consumer.get("partition.assignment.strategy"), None);
        assert_eq!(consumer.get("group.remote.assignor"), Some("uniform"));
    }
}
