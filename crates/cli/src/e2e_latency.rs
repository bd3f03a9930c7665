//! `kafka-e2e-latency`: sends records one by one and measures how long each takes to come back.

use std::time::{Duration, Instant};

use client::admin::NewTopic;
use client::consumer::OffsetReset;
use client::{Admin, Consumer, Producer, ProducerRecord};
use config::ClientKind;

use crate::Output;
use crate::admin_tool::{self, refused, wrote};
use crate::client_settings::{self, Written};
use crate::failure::Failure;
use crate::options::{Given, Opt, Options, Refusal};

#[rustfmt::skip]
pub(crate) const OPTIONS: Options = Options {
    about: "This tool measures end-to-end latency in Kafka by sending messages and timing their reception.",
    options: &[
        Opt::value("bootstrap-server", "bootstrap-server", "Servers to connect to first, host:port, separated by commas. Required."),
        Opt::value("command-config", "config-file", "A file of settings for the clients."),
        Opt::value("num-headers", "count", "Headers of each record, none without."),
        Opt::value("num-records", "count", "Number of records. Required."),
        Opt::value("producer-acks", "producer-acks", "Who has to have a record before it counts as written: 1 or all. Required."),
        Opt::value("record-header-key-size", "bytes", "Bytes of a header's key."),
        Opt::value("record-header-size", "bytes", "Bytes of a header's value, -1 for none."),
        Opt::value("record-key-size", "bytes", "Bytes of a record's key; no key without."),
        Opt::value("record-size", "bytes", "Bytes of a record's value. Required."),
        Opt::value("topic", "topic-name", "The topic; made where it is not there. Required."),
    ],
};

/// Names of arguments that once stood without names, in their order.
const ONCE_UNNAMED: [&str; 6] =
    ["bootstrap-server", "topic", "num-records", "producer-acks", "record-size", "command-config"];
/// The longest wait for a record.
const POLL: Duration = Duration::from_secs(60);
/// Records between two lines.
const TOLD_EVERY: usize = 1000;

/// What is sent, and how often.
struct Plan {
    topic: String,
    count: usize,
    key_bytes: usize,
    value_bytes: usize,
    headers: usize,
    header_key_bytes: usize,
    header_value_bytes: Option<usize>,
}

/// Runs the tool and gives its exit code.
pub(crate) fn run(arguments: &[String], output: &mut Output<'_>) -> u8 {
    let arguments = match named(arguments, output) {
        Ok(arguments) => arguments,
        Err(sentence) => return output.fail(sentence),
    };
    let given = match admin_tool::read(&OPTIONS, &arguments, output) {
        Ok(given) => given,
        Err(code) => return code,
    };
    let plan = given.require(&ONCE_UNNAMED[..5]).and_then(|()| plan(&given));
    let plan = match plan {
        Ok(plan) => plan,
        Err(refusal) => return admin_tool::refuse(&OPTIONS, &refusal, output),
    };
    match measure(&given, &plan, output) {
        Ok(()) => 0,
        // The original prints the message, then the exception.
        Err(failure) => output.fail(format!("{}\n{failure}", failure.message())),
    }
}

/// Arguments with their names, which they once had not.
fn named(arguments: &[String], output: &mut Output<'_>) -> Result<Vec<String>, String> {
    // Without the name of one that is required, help and version are arguments like others.
    let is_name = |argument: &String| {
        let name = argument.strip_prefix("--").map(|text| text.split('=').next().unwrap_or_default());
        name.is_some_and(|name| ONCE_UNNAMED[..5].contains(&name))
    };
    if arguments.is_empty() || arguments.iter().any(is_name) {
        return Ok(arguments.to_vec());
    }
    if !(5..=6).contains(&arguments.len()) {
        return Err(format!(
            "Invalid number of arguments. Expected 5 or 6 positional arguments, but got {}. Usage: bootstrap-server topic num-records producer-acks record-size [optional] command-config",
            arguments.len()
        ));
    }
    let _ = writeln!(
        output.out,
        "WARNING: Positional argument usage is deprecated and will be removed in Apache Kafka 5.0. Please use named arguments instead: --bootstrap-server, --topic, --num-records, --producer-acks, --record-size, --command-config"
    );
    let pairs = ONCE_UNNAMED.iter().zip(arguments);
    Ok(pairs.flat_map(|(name, value)| [format!("--{name}"), value.clone()]).collect())
}

fn plan(given: &Given) -> Result<Plan, Refusal> {
    let says = |sentence: &str| Refusal::Usage(sentence.to_owned());
    let size = |name: &str, sentence: &str| {
        let number = given.number(name)?;
        number.map(|number| usize::try_from(number).map_err(|_| says(sentence))).transpose()
    };
    let sentence = |name: &str| format!("Value for --{name} must be a non-negative integer.");
    let count =
        size("num-records", "Value for --num-records must be a positive integer.")?.unwrap_or_default();
    if count == 0 {
        return Err(says("Value for --num-records must be a positive integer."));
    }
    let value_bytes = size("record-size", &sentence("record-size"))?.unwrap_or_default();
    let key_bytes = size("record-key-size", &sentence("record-key-size"))?.unwrap_or_default();
    let headers = size("num-headers", &sentence("num-headers"))?.unwrap_or_default();
    let header_key_bytes =
        size("record-header-key-size", &sentence("record-header-key-size"))?.unwrap_or_default();
    let header_value_bytes = match given.number("record-header-size")? {
        None => Some(0),
        Some(-1) => None,
        Some(number) => Some(usize::try_from(number).map_err(|_| {
            says("Value for --record-header-size must be a non-negative integer or -1 for null header value.")
        })?),
    };
    if !matches!(given.value("producer-acks")?, Some("1" | "all")) {
        return Err(says(
            "Invalid value for --producer-acks. Latency testing requires synchronous acknowledgement. Please use '1' or 'all'.",
        ));
    }
    let topic = given.value("topic")?.unwrap_or_default().to_owned();
    Ok(Plan { topic, count, key_bytes, value_bytes, headers, header_key_bytes, header_value_bytes })
}

fn settings(given: &Given) -> Result<Written, Failure> {
    let mut written = match given.value("command-config").map_err(refused)? {
        Some(file) if !file.trim().is_empty() => Written::of_file(file)?,
        _ => Written::default(),
    };
    written.set("bootstrap.servers", given.value("bootstrap-server").map_err(refused)?.unwrap_or_default());
    Ok(written)
}

fn measure(given: &Given, plan: &Plan, output: &mut Output<'_>) -> Result<(), Failure> {
    crate::log_lines::to_stderr();
    let mut for_consumer = settings(given)?;
    let since_1970 = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    for_consumer.set("group.id", format!("test-group-{}", since_1970.as_millis()));
    for_consumer.set("enable.auto.commit", "false");
    for_consumer.set("auto.offset.reset", "latest");
    for_consumer.set("fetch.max.wait.ms", "0");
    let mut for_producer = settings(given)?;
    for_producer.set("linger.ms", "0");
    for_producer.set("max.block.ms", i64::MAX.to_string());
    for_producer.set("acks", given.value("producer-acks").map_err(refused)?.unwrap_or_default());
    let for_consumer = for_consumer.settings(ClientKind::Consumer, output)?;
    let for_producer = for_producer.settings(ClientKind::Producer, output)?;
    let for_admin = settings(given)?.settings(ClientKind::Admin, output)?;
    admin_tool::run(async {
        let mut consumer = client_settings::consumer(&for_consumer)?;
        let producer = client_settings::producer(&for_producer)?;
        make_topic(&Admin::new(&for_admin)?, &plan.topic, output).await?;
        let partitions = consumer.partitions(&plan.topic).await?;
        let all: Vec<(&str, i32)> = (0..partitions).map(|number| (plan.topic.as_str(), number)).collect();
        consumer.assign(&all)?;
        consumer.seek_to(&[], OffsetReset::Latest)?;
        for (topic, number) in &all {
            consumer.position(topic, *number).await?;
        }
        let outcome = send_all(&mut consumer, &producer, plan, output).await;
        consumer.commit().await?;
        outcome?;
        consumer.close().await;
        producer.close(POLL).await;
        Ok(())
    })
}

async fn make_topic(admin: &Admin, topic: &str, output: &mut Output<'_>) -> Result<(), Failure> {
    if admin.list_topics().await?.iter().any(|known| known.name == topic) {
        return Ok(());
    }
    wrote(writeln!(
        output.out,
        "Topic \"{topic}\" does not exist. Will create topic with 1 partition(s) and replication factor = 1"
    ))?;
    let new = NewTopic {
        name: topic.to_owned(),
        partitions: Some(1),
        replication_factor: Some(1),
        assignments: std::collections::BTreeMap::new(),
        configs: std::collections::BTreeMap::new(),
    };
    let created = admin.create_topic(&new, false).await;
    if created.is_err() {
        wrote(writeln!(output.out, "Creation of topic {topic} failed"))?;
    }
    created.map_err(|error| Failure::executed(error).at_run_time())
}

async fn send_all(
    consumer: &mut Consumer,
    producer: &Producer,
    plan: &Plan,
    output: &mut Output<'_>,
) -> Result<(), Failure> {
    let mut latencies = Vec::new();
    let mut total = Duration::ZERO;
    for number in 0..plan.count {
        let sent = Sent::new(plan, number);
        let headers: Vec<(&[u8], Option<&[u8]>)> =
            sent.headers.iter().map(|(key, value)| (&key[..], value.as_deref())).collect();
        let record = ProducerRecord {
            topic: &plan.topic,
            key: sent.key.as_deref(),
            value: Some(&sent.value),
            headers: &headers,
            ..ProducerRecord::default()
        };
        let begun = Instant::now();
        producer.send(&record).await?.wait().await?;
        let records = consumer.poll(POLL).await?;
        let latency = begun.elapsed();
        sent.check(&records)?;
        if number.is_multiple_of(TOLD_EVERY) {
            let millis = latency.as_nanos() as f64 / 1000.0 / 1000.0;
            let shown = crate::java::floating(millis);
            wrote(writeln!(output.out, "{number}\t{shown}").and_then(|()| output.out.flush()))?;
        }
        total += latency;
        latencies.push(latency.as_millis());
    }
    latencies.sort_unstable();
    let at = |part: f64| latencies.get((latencies.len() as f64 * part) as usize).copied().unwrap_or_default();
    let average = total.as_nanos() as f64 / plan.count as f64 / 1000.0 / 1000.0;
    wrote(writeln!(output.out, "Avg latency: {average:.4} ms"))?;
    wrote(writeln!(
        output.out,
        "Percentiles: 50th = {}, 99th = {}, 99.9th = {}",
        at(0.5),
        at(0.99),
        at(0.999)
    ))
}

/// A record as it was sent.
struct Sent {
    key: Option<Vec<u8>>,
    value: Vec<u8>,
    headers: Vec<(Vec<u8>, Option<Vec<u8>>)>,
}

impl Sent {
    /// Each record is of other letters than the one before.
    fn new(plan: &Plan, number: usize) -> Sent {
        let letters = |length: usize, shift: usize| vec![b'A' + ((number + shift) % 26) as u8; length];
        let header = |place| {
            let value = plan.header_value_bytes.map(|length| letters(length, place + 3));
            (letters(plan.header_key_bytes, place + 2), value)
        };
        Sent {
            key: (plan.key_bytes > 0).then(|| letters(plan.key_bytes, 1)),
            value: letters(plan.value_bytes, 0),
            headers: (0..plan.headers).map(header).collect(),
        }
    }

    /// Refuses what is not just this record.
    fn check(&self, records: &client::consumer::Records) -> Result<(), Failure> {
        let failed = |sentence: String| Err(Failure::of_class("java.lang.RuntimeException", sentence));
        let Some(read) = records.iter().next() else {
            return failed(format!(
                "poll() timed out before finding a result (timeout:[{}ms])",
                POLL.as_millis()
            ));
        };
        let shown = |bytes: Option<&[u8]>| bytes.map_or("null".into(), String::from_utf8_lossy).into_owned();
        let parts = [("key", read.key, self.key.as_deref()), ("value", read.value, Some(&self.value[..]))];
        if let Some((part, read, sent)) = parts.into_iter().find(|(_, read, sent)| read != sent) {
            let (read, sent) = (shown(read), shown(sent));
            return failed(format!(
                "The message {part} read [{read}] did not match the message {part} sent [{sent}]"
            ));
        }
        let headers = read.headers.map(|(key, value)| (key.to_vec(), value.map(<[u8]>::to_vec)));
        if headers.collect::<Vec<_>>() != self.headers {
            return failed("Header count mismatch between sent and received messages".to_owned());
        }
        match records.len() {
            1 => Ok(()),
            count => failed(format!("Only one result was expected during this test. We found [{count}]")),
        }
    }
}
