//! `kafka-verifiable-consumer`: reads a topic as the member of a group and tells of all that happens.

mod plan;

use std::collections::BTreeMap;
use std::pin::Pin;
use std::time::Duration;

use client::consumer::{CommittedOffset, RebalanceListener, Records};
use client::{Consumer, ConsumerRecord};
use config::ClientKind;
use model::ErrorCode;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::client_settings;
use crate::failure::Failure;
use crate::interrupt::interrupted;
use crate::java::{hash_of_partition, in_order_of_grown_map};
use crate::verifiable::{UNCAUGHT, event, print, text_or_null};
use crate::{Output, READER_GONE, admin_tool, record_json};
pub(crate) use plan::PROGRAM;
use plan::{Plan, Refused};

const LOGGER: &str = "org.apache.kafka.tools.VerifiableConsumer";
/// The longest wait at a time.
const POLL_MAX: Duration = Duration::from_secs(60);

/// Runs the tool and gives its exit code.
pub(crate) fn run(arguments: &[String], output: &mut Output<'_>) -> u8 {
    let said = match PROGRAM.read_or_help(arguments) {
        Ok(said) => said,
        Err(unsaid) => return unsaid.tell(output),
    };
    let uncaught = |failure: &Failure| format!("{UNCAUGHT} {failure}");
    let plan = match plan::plan(&said, output) {
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

/// Prints an event. Without a reader it only goes on where it has an end.
fn tell(line: &str, plan: &Plan, output: &mut Output<'_>) -> Result<(), End> {
    match print(line, output) {
        Err(_) if plan.count.is_none() => Err(End::Unread),
        _ => Ok(()),
    }
}

async fn consume(mut consumer: Consumer, plan: &Plan, output: &mut Output<'_>) -> u8 {
    let (sender, mut changes) = unbounded_channel();
    consumer.listen(Tells(sender));
    let mut end = match tell(&event("startup_complete", &[]), plan, output) {
        Ok(()) => read(&mut consumer, plan, &mut changes, output).await,
        Err(end) => end,
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
    if let Err(unread) = lines.iter().try_for_each(|line| tell(line, plan, output)) {
        end = unread;
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
    if let Err(unread) = lines.iter().try_for_each(|line| tell(line, plan, output)) {
        end = unread;
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
                    Some(change) = changes.recv() => tell(&change, plan, output)?,
                    records = &mut polling => break records,
                }
            }
        };
        while let Ok(change) = changes.try_recv() {
            tell(&change, plan, output)?;
        }
        let records = records?;
        if records.is_empty() {
            continue;
        }
        let room = plan.count.map_or(usize::MAX, |count| count - consumed);
        let taken = Taken::of(&records, room);
        consumed += taken.count();
        taken.tell(records.len(), plan, output)?;
        if !plan.commits {
            tell(&commit(consumer, &taken).await?, plan, output)?;
        }
    }
    Ok(())
}

/// Commits what was taken; gives the event that says how that went. A member whose id another one has taken over cannot go on.
async fn commit(consumer: &mut Consumer, taken: &Taken<'_>) -> Result<String, End> {
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
    Ok(event("offsets_committed", &fields))
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
    fn tell(&self, all: usize, plan: &Plan, output: &mut Output<'_>) -> Result<(), End> {
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
            for record in records.iter().filter(|_| plan.is_verbose) {
                tell(&told(record), plan, output)?;
            }
        }
        let fields = [("count", all.to_string()), ("partitions", list(&shown))];
        tell(&event("records_consumed", &fields), plan, output)
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
