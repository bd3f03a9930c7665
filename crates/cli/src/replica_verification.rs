//! `kafka-replica-verification`: reads partitions from all of their replicas at once and compares what they hold.

mod replicas;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use client::admin::{OffsetSpec, TopicDescription, TopicPartition};
use client::{Admin, HostPort, Target};
use protocol::messages::FetchRequest;
use protocol::messages::fetch_request::{FetchPartition, FetchTopic, ReplicaState};

use crate::admin_tool::{self, refused};
use crate::failure::Failure;
use crate::interrupt::interrupted;
use crate::options::{Given, Opt, Options, Refusal};
use crate::topics::include_list;
use crate::{FAILED, Output, READER_GONE};
use replicas::{Held, Replicas};

#[rustfmt::skip]
pub(crate) const OPTIONS: Options = Options {
    about: "Validate that all replicas for a set of topics have the same data.",
    options: &[
        Opt::value("broker-list", "hostname:port,...,hostname:port", "Servers to connect to first, host:port, separated by commas. Required."),
        Opt::value("fetch-size", "bytes", "Bytes of a partition that are read at a time, 1048576 without."),
        Opt::value("max-wait-ms", "ms", "Milliseconds that a server may wait for records, 1000 without."),
        Opt::value("report-interval-ms", "ms", "Milliseconds between two lines, 30000 without."),
        Opt::value("time", "timestamp/-1(latest)/-2(earliest)", "Where to begin: a time in milliseconds since 1970, -2 for the first record, -1, as without, for the end."),
        Opt::value("topics-include", "Java regex (String)", "Topics whose name matches, all without."),
    ],
};

const LOGGER: &str = "org.apache.kafka.tools.ReplicaVerificationTool";
/// What a reader calls itself that may read from any replica.
const DEBUGGING_CONSUMER: i32 = -2;
/// How long a broker is waited for, as the original has it.
const REQUEST_MAX: Duration = Duration::from_secs(30);
/// Time before a broker is asked again that could not be read from.
const PAUSE: Duration = Duration::from_millis(100);

/// What is compared, and how.
struct Plan {
    servers: String,
    topics: String,
    time: i64,
    fetch_bytes: i32,
    wait_ms: i32,
    interval: Duration,
}

/// Runs the tool and gives its exit code.
pub(crate) fn run(arguments: &[String], output: &mut Output<'_>) -> u8 {
    let notice = "This tool is deprecated and may be removed in a future major release.";
    crate::log_lines::warn(LOGGER, notice, output.err);
    let given = match read(arguments, output) {
        Ok(given) => given,
        Err(code) => return code,
    };
    match plan(&given).and_then(|plan| verify(&plan, output)) {
        Ok(code) => code,
        // The original prints the message, then the exception.
        Err(failure) => output.fail(format!("{}\n{failure}", failure.message())),
    }
}

fn read(arguments: &[String], output: &mut Output<'_>) -> Result<Given, u8> {
    let told =
        |failure: Failure, output: &mut Output<'_>| output.fail(format!("{}\n{failure}", failure.message()));
    let given = match OPTIONS.read(arguments) {
        Ok(given) if !arguments.is_empty() => given,
        Ok(_) => return admin_tool::read(&OPTIONS, arguments, output),
        Err(refusal) => return Err(told(refused(refusal), output)),
    };
    if let Some(code) = admin_tool::answered(&OPTIONS, &given, output) {
        return Err(code);
    }
    let checked = given.require(&["broker-list"]).and_then(|()| check_servers(&given));
    match checked {
        Ok(()) => Ok(given),
        Err(refusal @ Refusal::Usage(_)) => Err(admin_tool::refuse(&OPTIONS, &refusal, output)),
        Err(refusal @ Refusal::Parser(..)) => Err(told(refused(refusal), output)),
    }
}

fn check_servers(given: &Given) -> Result<(), Refusal> {
    let servers = given.value("broker-list")?.unwrap_or_default();
    let is_wrong = |server: &str| HostPort::parse_all(&[server.to_owned()], "bootstrap.servers").is_err();
    if servers.split(',').any(is_wrong) {
        let sentence = "Please provide valid host:port like host1:9091,host2:9092\n ";
        return Err(Refusal::Usage(sentence.to_owned()));
    }
    Ok(())
}

fn plan(given: &Given) -> Result<Plan, Failure> {
    let text = |name: &'static str| given.value(name).map(|value| value.map(str::to_owned)).map_err(refused);
    let interval = given.long("report-interval-ms").map_err(refused)?.unwrap_or(30_000);
    Ok(Plan {
        servers: text("broker-list")?.unwrap_or_default(),
        topics: text("topics-include")?.unwrap_or_else(|| ".*".to_owned()),
        time: given.long("time").map_err(refused)?.unwrap_or(-1),
        fetch_bytes: given.number("fetch-size").map_err(refused)?.unwrap_or(1_048_576),
        wait_ms: given.number("max-wait-ms").map_err(refused)?.unwrap_or(1_000),
        interval: Duration::from_millis(u64::try_from(interval).unwrap_or_default()),
    })
}

/// Compares without an end; gives the exit code of what ended it.
fn verify(plan: &Plan, output: &mut Output<'_>) -> Result<u8, Failure> {
    let admin = admin_tool::connect_to(None, Some(&plan.servers))?;
    admin_tool::run(async {
        let listed = admin.list_topics().await.map_err(Failure::executed)?;
        let names: Vec<&str> = listed.iter().map(|topic| topic.name.as_str()).collect();
        let mut topics = admin.describe_topics(&names).await.map_err(Failure::executed)?;
        let wanted = include_list(&plan.topics).map_err(|_| {
            Failure::of_class("java.lang.RuntimeException", format!("{} is an invalid regex", plan.topics))
        })?;
        topics.retain(|topic| wanted.is_match(&topic.name));
        if topics.is_empty() {
            let what = "No topics found. [topics-include] if specified, is either filtering out all topics or there is no topic.";
            crate::log_lines::error(LOGGER, what, output.err);
            return Ok(FAILED);
        }
        let mut replicas = Replicas::new(first_offsets(&admin, plan, &topics).await?);
        let started = writeln!(output.out, "{}: verification process is started", now());
        if started.and_then(|()| output.out.flush()).is_err() {
            return Ok(READER_GONE);
        }
        let admin = admin.with_timeout(REQUEST_MAX);
        tokio::select! {
            code = interrupted() => Ok(code),
            code = compare(&admin, plan, &topics, &mut replicas, output) => Ok(code),
        }
    })
}

/// The moment, as the original writes it.
fn now() -> String {
    let now = jiff::Zoned::now();
    format!("{},{:03}", now.strftime("%Y-%m-%d %H:%M:%S"), now.millisecond())
}

async fn first_offsets(
    admin: &Admin,
    plan: &Plan,
    topics: &[TopicDescription],
) -> Result<BTreeMap<TopicPartition, i64>, Failure> {
    let spec = match plan.time {
        -1 => OffsetSpec::Latest,
        -2 => OffsetSpec::Earliest,
        time => OffsetSpec::Timestamp(time),
    };
    let asked: Vec<(TopicPartition, OffsetSpec)> = topics
        .iter()
        .flat_map(|topic| topic.partitions.iter().map(|each| (topic.name.clone(), each.partition)))
        .map(|partition| (partition, spec))
        .collect();
    let mut first = BTreeMap::new();
    for (partition, found) in admin.list_offsets(&asked).await? {
        let offset = found?.offset;
        if offset < 0 {
            let sentence = "Cannot invoke \"org.apache.kafka.clients.consumer.OffsetAndTimestamp.offset()\" because the return value of \"java.util.Map$Entry.getValue()\" is null";
            let (topic, number) = partition;
            let hint = format!("{topic}-{number} has no record that is not older than --time");
            return Err(Failure::of_class("java.lang.NullPointerException", sentence).with_hint(hint));
        }
        first.insert(partition, offset);
    }
    Ok(first)
}

/// Round by round: all replicas are read, then compared. Gives the exit code once there is nothing more to do.
async fn compare(
    admin: &Admin,
    plan: &Plan,
    topics: &[TopicDescription],
    replicas: &mut Replicas,
    output: &mut Output<'_>,
) -> u8 {
    let brokers: BTreeSet<i32> = topics
        .iter()
        .flat_map(|topic| topic.partitions.iter().flat_map(|partition| partition.replicas.iter().copied()))
        .collect();
    let mut told = Instant::now();
    loop {
        let mut asking = tokio::task::JoinSet::new();
        for broker in brokers.iter().copied() {
            let request = request(plan, topics, broker, replicas);
            let (admin, names) = (admin.clone(), names(topics));
            asking.spawn(async move { (broker, ask(&admin, broker, &request, &names).await) });
        }
        while let Some(Ok((broker, held))) = asking.join_next().await {
            replicas.add(broker, held);
        }
        let found = replicas.compare();
        for finding in &found.lines {
            if writeln!(output.out, "{}: {finding}", now()).is_err() {
                return READER_GONE;
            }
        }
        if found.is_fatal {
            return FAILED;
        }
        if told.elapsed() > plan.interval {
            told = Instant::now();
            let line = writeln!(output.out, "{}: {}", now(), found.lag());
            if line.and_then(|()| output.out.flush()).is_err() {
                return READER_GONE;
            }
        }
    }
}

/// Names of topics by the ids that answers name them by.
fn names(topics: &[TopicDescription]) -> BTreeMap<model::Uuid, String> {
    topics.iter().map(|topic| (topic.id, topic.name.clone())).collect()
}

fn request(
    plan: &Plan,
    topics: &[TopicDescription],
    broker: i32,
    replicas: &Replicas,
) -> FetchRequest<'static> {
    let of_topic = |topic: &TopicDescription| {
        let held = topic.partitions.iter().filter(|partition| partition.replicas.contains(&broker));
        let partitions = held.map(|partition| FetchPartition {
            partition: partition.partition,
            fetch_offset: replicas.offset(&topic.name, partition.partition),
            log_start_offset: 0,
            partition_max_bytes: plan.fetch_bytes,
            ..FetchPartition::default()
        });
        FetchTopic { topic: topic.name.clone().into(), topic_id: topic.id, partitions: partitions.collect() }
    };
    FetchRequest {
        replica_state: ReplicaState { replica_id: DEBUGGING_CONSUMER, ..ReplicaState::default() },
        max_wait_ms: plan.wait_ms,
        min_bytes: 1,
        topics: topics.iter().map(of_topic).filter(|topic| !topic.partitions.is_empty()).collect(),
        ..FetchRequest::default()
    }
}

/// What a broker holds; of one that cannot be read from, nothing is known this time.
async fn ask(
    admin: &Admin,
    broker: i32,
    request: &FetchRequest<'static>,
    names: &BTreeMap<model::Uuid, String>,
) -> BTreeMap<TopicPartition, Held> {
    let answered = admin.ask("fetch", Target::Node(broker), request, |answer| {
        let mut held = BTreeMap::new();
        for topic in &answer.responses {
            let Some(name) = names.get(&topic.topic_id) else { continue };
            for partition in &topic.partitions {
                let records = partition.records.as_deref().unwrap_or_default();
                let one = Held::of(records, partition.high_watermark);
                held.insert((name.clone(), partition.partition_index), one);
            }
        }
        Ok(held)
    });
    if let Ok(held) = answered.await {
        return held;
    }
    tokio::time::sleep(PAUSE).await;
    let asked = request.topics.iter().flat_map(|topic| {
        topic
            .partitions
            .iter()
            .map(|each| ((topic.topic.as_ref().to_owned(), each.partition), Held::unknown()))
    });
    asked.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(line: &str) -> (u8, String) {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let code = run(&words, &mut Output { out: &mut out, err: &mut err });
        let err = String::from_utf8(err).unwrap();
        (code, err.lines().nth(1).unwrap_or_default().to_owned())
    }

    #[test]
    fn lines_are_refused_as_by_the_original_behind_its_notice() {
        for (line, first) in [
            ("", OPTIONS.about),
            ("--topics-include x", "Missing required argument \"[broker-list]\""),
            ("--broker-list nonsense", "Please provide valid host:port like host1:9091,host2:9092"),
            ("--nothing", "nothing is not a recognized option"),
            ("--broker-list b:1 --time x", "Cannot parse argument 'x' of option time"),
        ] {
            assert_eq!(answer(line), (1, first.to_owned()), "{line}");
        }
    }
}
