//! `kafka-console-consumer`: prints the records of topics.

mod coordinator_records;
mod deserialize;
mod format;

use std::time::{Duration, Instant};

use client::Consumer;
use client::consumer::{OffsetReset, Records};
use config::ClientKind;

use crate::Output;
use crate::admin_tool;
use crate::client_settings::{self, Written, check_renamed};
use crate::failure::Failure;
use crate::interrupt::interrupted;
use crate::java::{hash_of, in_order_of_grown_map};
use crate::options::{Given, Opt, Options, Refusal};
use format::Formatter;

const LOGGER: &str = "org.apache.kafka.tools.consumer.ConsoleConsumer";
const RENAMED: [(&str, &str); 2] =
    [("consumer-property", "command-property"), ("consumer.config", "command-config")];
const RENAMED_OF_FORMATTER: [(&str, &str); 1] = [("property", "formatter-property")];
/// What the original says to those who read as a member of a classic group.
const PROTOCOL_NOTICE: &str = "The consumer rebalance protocol (KIP-848) is production-ready! Set group.protocol=consumer to try it out. See https://kafka.apache.org/documentation/#consumer_rebalance_protocol";

#[rustfmt::skip]
pub(crate) const OPTIONS: Options = Options {
    about: "This tool helps to read data from Kafka topics and outputs it to standard output.",
    options: &[
        Opt::value("bootstrap-server", "server to connect to", "Servers to connect to first, host:port, separated by commas. Required."),
        Opt::value("command-config", "config file", "A file of settings for the consumer."),
        Opt::value("command-property", "consumer_prop", "A setting of the consumer, key=value; may be repeated."),
        Opt::value("consumer-property", "consumer_prop", "As --command-property; out of use."),
        Opt::value("consumer.config", "config file", "As --command-config; out of use."),
        Opt::flag("enable-systest-events", "Say when the consumer has ended."),
        Opt::value("formatter", "class", "The class that prints records; DefaultMessageFormatter without."),
        Opt::value("formatter-config", "config file", "A file of properties for the formatter."),
        Opt::value("formatter-property", "prop", "A property of the formatter, key=value; may be repeated: print.timestamp, print.key, print.offset, print.epoch, print.partition, print.headers, print.value, key.separator, line.separator, headers.separator, null.literal, key.deserializer, value.deserializer, headers.deserializer."),
        Opt::flag("from-beginning", "Begin at the first record where the group has no offset yet."),
        Opt::value("group", "consumer group id", "Id of the group; a new one without."),
        Opt::value("include", "Java regex (String)", "Read all topics whose name matches."),
        Opt::value("isolation-level", "level", "read_committed for records of committed transactions only."),
        Opt::value("key-deserializer", "deserializer for key", "Class that reads keys."),
        Opt::value("max-messages", "num_messages", "End after that many records."),
        Opt::value("offset", "consume offset", "With --partition: where to begin, a number, earliest or latest."),
        Opt::value("partition", "partition", "Read this partition only."),
        Opt::value("property", "prop", "As --formatter-property; out of use."),
        Opt::flag("skip-message-on-error", "Go on after a record that cannot be printed."),
        Opt::value("timeout-ms", "timeout_ms", "End when no record has come for so long."),
        Opt::value("topic", "topic", "The topic to read."),
        Opt::value("value-deserializer", "deserializer for values", "Class that reads values."),
    ],
};

/// What is read, and how far.
struct Plan {
    what: What,
    most: Option<u64>,
    timeout: Option<Duration>,
    skips_errors: bool,
}

enum What {
    Topic(String),
    Pattern(String),
    Partition { topic: String, partition: i32, from: From },
}

enum From {
    Offset(i64),
    End(OffsetReset),
}

/// Why no more is read.
enum End {
    Enough,
    Interrupted(u8),
    /// Nobody reads what is printed.
    Closed,
    Failed(Failure),
    /// A record cannot be printed.
    Unprintable(Failure),
}

/// Runs the tool and gives its exit code.
pub(crate) fn run(arguments: &[String], output: &mut Output<'_>) -> u8 {
    let given = match admin_tool::read(&OPTIONS, arguments, output) {
        Ok(given) => given,
        Err(code) => return code,
    };
    let made = check(&given, output).and_then(|()| plan(&given)).map_err(Problem::Refusal);
    let outcome = made
        .and_then(|plan| Ok((plan, group(&given)?)))
        .and_then(|(plan, (written, group))| consume(&given, plan, written, group.as_deref(), output));
    match outcome {
        Ok(code) | Err(Problem::Told(code)) => code,
        // The original does not expect a value that it cannot read.
        Err(Problem::Refusal(Refusal::Parser(exception, sentence))) => {
            output.fail(format!("Exception in thread \"main\" {exception}: {sentence}"))
        }
        Err(Problem::Refusal(refusal)) => admin_tool::refuse(&OPTIONS, &refusal, output),
        Err(Problem::File(failure)) => output.fail(format!("Exception in thread \"main\" {failure}")),
        Err(Problem::Failure(failure)) => {
            crate::log_lines::error(
                LOGGER,
                format_args!("Unknown error when running consumer: "),
                output.err,
            );
            output.fail(failure)
        }
    }
}

/// What keeps the tool from reading at all.
enum Problem {
    /// The user was told; the exit code.
    Told(u8),
    Refusal(Refusal),
    /// The file of settings cannot be read, which the original does not expect.
    File(Failure),
    Failure(Failure),
}

impl std::convert::From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Problem {
        Problem::Refusal(refusal)
    }
}

impl std::convert::From<Failure> for Problem {
    fn from(failure: Failure) -> Problem {
        Problem::Failure(failure)
    }
}

fn check(given: &Given, output: &mut Output<'_>) -> Result<(), Refusal> {
    check_renamed(given, &RENAMED, "Option", output)?;
    if given.has("topic") == given.has("include") {
        let sentence = "Exactly one of the following arguments is required: [topic], [include]";
        return Err(Refusal::Usage(sentence.to_owned()));
    }
    let says = |sentence: &str| Err(Refusal::Usage(sentence.to_owned()));
    if given.has("partition") {
        if !given.has("topic") {
            return says("The topic is required when partition is specified.");
        }
        if given.has("from-beginning") && given.has("offset") {
            return says("Options from-beginning and offset cannot be specified together.");
        }
    } else if given.has("offset") {
        return says("The partition is required when offset is specified.");
    }
    given.require(&["bootstrap-server"])
}

fn plan(given: &Given) -> Result<Plan, Refusal> {
    let what = match (given.value("topic")?, given.value("include")?, given.number("partition")?) {
        (Some(topic), _, Some(partition)) => {
            What::Partition { topic: topic.to_owned(), partition, from: from(given)? }
        }
        (Some(topic), _, None) => What::Topic(topic.to_owned()),
        (None, pattern, _) => What::Pattern(pattern.unwrap_or_default().to_owned()),
    };
    Ok(Plan {
        what,
        most: None,
        timeout: given.long("timeout-ms")?.and_then(|ms| u64::try_from(ms).ok()).map(Duration::from_millis),
        skips_errors: given.has("skip-message-on-error"),
    })
}

fn from(given: &Given) -> Result<From, Refusal> {
    let Some(text) = given.value("offset")? else {
        let end = if given.has("from-beginning") { OffsetReset::Earliest } else { OffsetReset::Latest };
        return Ok(From::End(end));
    };
    match text.to_lowercase().as_str() {
        "earliest" => Ok(From::End(OffsetReset::Earliest)),
        "latest" => Ok(From::End(OffsetReset::Latest)),
        _ => text.parse().ok().filter(|offset| *offset >= 0).map(From::Offset).ok_or_else(|| {
            Refusal::Usage(format!("The provided offset value '{text}' is incorrect. Valid values are 'earliest', 'latest', or a non-negative long."))
        }),
    }
}

/// The settings that were written, and the group that the places where it may be named agree on.
fn group(given: &Given) -> Result<(Written, Option<String>), Problem> {
    let of_file = given.value("command-config")?.or(given.value("consumer.config")?);
    let from_file = Written::of_file_if_any(of_file).map_err(Problem::File)?;
    let words = given.values("command-property").chain(given.values("consumer-property"));
    let from_words = Written::of_words(words);
    let mut groups: Vec<String> =
        [given.value("group")?, from_file.get("group.id"), from_words.get("group.id")]
            .into_iter()
            .flatten()
            .map(str::to_owned)
            .collect();
    groups.dedup();
    in_order_of_grown_map(&mut groups, |group| hash_of(group));
    if groups.len() > 1 {
        let shown: Vec<String> = groups.iter().map(|group| format!("'{group}'")).collect();
        return Err(Problem::Refusal(Refusal::Usage(format!(
            "The group ids provided in different places (directly using '--group', via '--consumer-property', or via '--consumer.config') do not match. Detected group ids: {}",
            shown.join(", ")
        ))));
    }
    if !groups.is_empty() && given.has("partition") {
        let sentence = "Options group and partition cannot be specified together.";
        return Err(Problem::Refusal(Refusal::Usage(sentence.to_owned())));
    }
    let mut written = from_file;
    written.extend(from_words);
    Ok((written, groups.pop()))
}

/// Completes the settings with what the options say and what the tool wants.
fn complete(
    mut written: Written,
    given: &Given,
    group: Option<&str>,
    output: &mut Output<'_>,
) -> Result<Written, Problem> {
    let from_beginning = given.has("from-beginning");
    match written.get("auto.offset.reset") {
        Some(reset) if from_beginning && reset != "earliest" => {
            return Err(Problem::Told(output.fail(format!("Can't simultaneously specify --from-beginning and 'auto.offset.reset={reset}', please remove one option"))));
        }
        Some(_) => {}
        None => written.set("auto.offset.reset", if from_beginning { "earliest" } else { "latest" }),
    }
    written.set(
        "bootstrap.servers",
        given.value("bootstrap-server").map_err(Problem::Refusal)?.unwrap_or_default(),
    );
    written.set_default("client.id", "console-consumer");
    written
        .merge("isolation.level", given, "isolation-level", "read_uncommitted")
        .map_err(Problem::Refusal)?;
    match group {
        Some(group) => written.set("group.id", group),
        None => {
            written.set("group.id", client_settings::new_group("console-consumer"));
            written.set_default("enable.auto.commit", "false");
        }
    }
    Ok(written)
}

fn consume(
    given: &Given,
    mut plan: Plan,
    written: Written,
    group: Option<&str>,
    output: &mut Output<'_>,
) -> Result<u8, Problem> {
    crate::log_lines::to_stderr();
    let written = complete(written, given, group, output)?;
    check_renamed(given, &RENAMED_OF_FORMATTER, "Option", output).map_err(Problem::Refusal)?;
    let formatter = Formatter::of(given, output).map_err(Problem::Refusal)?;
    let settings = written.settings(ClientKind::Consumer, output)?;
    let is_member = !matches!(plan.what, What::Partition { .. });
    let has_notice = is_member && written.get("group.protocol").is_none();
    let code = admin_tool::run(async {
        let mut consumer = client_settings::consumer(&settings)?;
        if has_notice {
            let _ = writeln!(output.err, "{PROTOCOL_NOTICE}");
        }
        // -1 stands for no bound.
        plan.most = given
            .number("max-messages")
            .map_err(admin_tool::refused)?
            .and_then(|most| u64::try_from(most).ok());
        begin(&mut consumer, &plan.what).await?;
        let mut count = 0;
        let end = read(&mut consumer, &plan, &formatter, &mut count, output).await;
        let code = match end {
            End::Enough => Ok(0),
            End::Interrupted(code) => Ok(code),
            End::Closed => {
                let _ = writeln!(output.err, "Unable to write to standard out, closing consumer.");
                Ok(0)
            }
            End::Failed(failure) => {
                let what = "Error processing message, terminating consumer process: ";
                crate::log_lines::error(LOGGER, what, output.err);
                let _ = writeln!(output.err, "{failure}");
                Ok(0)
            }
            End::Unprintable(failure) => Err(failure),
        };
        consumer.close().await;
        let _ = writeln!(output.err, "Processed a total of {count} messages");
        if given.has("enable-systest-events") {
            let _ = writeln!(output.out, "shutdown_complete");
        }
        code
    });
    Ok(code?)
}

async fn begin(consumer: &mut Consumer, what: &What) -> Result<(), Failure> {
    match what {
        What::Topic(topic) => consumer.subscribe(&[topic]).await?,
        What::Pattern(pattern) => consumer.subscribe_pattern(pattern).await?,
        What::Partition { topic, partition, from } => {
            consumer.assign(&[(topic, *partition)])?;
            match from {
                From::Offset(offset) => consumer.seek(topic, *partition, *offset)?,
                From::End(end) => consumer.seek_to(&[(topic, *partition)], *end)?,
            }
        }
    }
    Ok(())
}

async fn read(
    consumer: &mut Consumer,
    plan: &Plan,
    formatter: &Formatter,
    count: &mut u64,
    output: &mut Output<'_>,
) -> End {
    let mut signal = std::pin::pin!(interrupted());
    let mut last = Instant::now();
    let mut text = Vec::new();
    while plan.most.is_none_or(|most| *count < most) {
        let wait = plan.timeout.map_or(Duration::MAX, |timeout| timeout.saturating_sub(last.elapsed()));
        let records = tokio::select! {
            code = &mut signal => return End::Interrupted(code),
            records = consumer.poll(wait.min(POLL_MAX)) => records,
        };
        let records = match records {
            Ok(records) => records,
            Err(error) => return End::Failed(error.into()),
        };
        if records.is_empty() {
            if plan.timeout.is_some_and(|timeout| last.elapsed() >= timeout) {
                return End::Failed(Failure::without_message(
                    "org.apache.kafka.common.errors.TimeoutException",
                ));
            }
            continue;
        }
        last = Instant::now();
        text.clear();
        let printed = print(&records, plan, formatter, count, &mut text, consumer, output);
        if output.out.write_all(&text).and_then(|()| output.out.flush()).is_err() {
            return End::Closed;
        }
        if let Err(failure) = printed {
            return End::Unprintable(failure);
        }
    }
    End::Enough
}

/// The longest wait at a time.
const POLL_MAX: Duration = Duration::from_secs(60);

/// Prints as many records as are wanted. What is not printed is read by whoever comes next.
fn print(
    records: &Records,
    plan: &Plan,
    formatter: &Formatter,
    count: &mut u64,
    text: &mut Vec<u8>,
    consumer: &mut Consumer,
    output: &mut Output<'_>,
) -> Result<(), Failure> {
    let mut unread = std::collections::BTreeMap::new();
    for record in records.iter() {
        if plan.most.is_some_and(|most| *count >= most) {
            unread.entry((record.topic, record.partition)).or_insert(record.offset);
            continue;
        }
        *count += 1;
        match formatter.write(&record, text, output) {
            Err(failure) if plan.skips_errors => {
                crate::log_lines::error(
                    LOGGER,
                    "Error processing message, skipping this message: ",
                    output.err,
                );
                let _ = writeln!(output.err, "{failure}");
            }
            written => written?,
        }
    }
    for ((topic, partition), offset) in unread {
        consumer.seek(topic, partition, offset)?;
    }
    Ok(())
}
