//! `kafka-consumer-perf-test`: reads records as fast as they come and says how fast that was.

mod report;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use client::Consumer;
use client::consumer::RebalanceListener;
use config::ClientKind;

use crate::Output;
use crate::admin_tool::{self, refused, wrote};
use crate::client_settings::{self, Written};
use crate::failure::Failure;
use crate::interrupt::interrupted;
use crate::options::{Given, Opt, Options, Refusal};
use report::{DateFormat, Interval, Report};

/// The wait for records at a time.
const POLL: Duration = Duration::from_millis(100);

#[rustfmt::skip]
pub(crate) const OPTIONS: Options = Options {
    about: "This tool is used to verify the consumer performance.",
    options: &[
        Opt::value("bootstrap-server", "server to connect to", "Servers to connect to first, host:port, separated by commas. Required."),
        Opt::value("command-config", "config file", "A file of settings for the consumer."),
        Opt::value("command-property", "prop1=val1", "A setting of the consumer, key=value; may be repeated."),
        Opt::value("consumer.config", "config file", "As --command-config; out of use."),
        Opt::value("date-format", "date format", "How times are printed, as Java's SimpleDateFormat has it; yyyy-MM-dd HH:mm:ss:SSS without."),
        Opt::value("fetch-size", "size", "Bytes of one partition in one answer, 1048576 without."),
        Opt::flag("from-latest", "Begin behind the last record where the group has no offset yet."),
        Opt::value("group", "gid", "Id of the group; a new one without."),
        Opt::flag("hide-header", "No line of names above the figures."),
        Opt::value("include", "Java regex (String)", "Read all topics whose name matches."),
        Opt::value("messages", "count", "As --num-records; out of use."),
        Opt::value("num-records", "count", "Number of records to read. Required."),
        Opt::flag("print-metrics", "Print the client's own figures at the end."),
        Opt::value("reporting-interval", "interval_ms", "With --show-detailed-stats: time between two lines, 5000 without."),
        Opt::flag("show-detailed-stats", "A line of figures for each interval instead of one at the end."),
        Opt::value("socket-buffer-size", "size", "Bytes of the socket's buffer, 2097152 without."),
        Opt::optional("timeout", "milliseconds", "Longest time without a record, 10000 without."),
        Opt::value("topic", "topic", "The topic to read."),
    ],
};

/// What is to be read, and how it is told.
struct Plan {
    topic: Option<String>,
    pattern: Option<String>,
    count: u64,
    timeout: Duration,
    interval: Duration,
    is_detailed: bool,
    has_header: bool,
    dates: DateFormat,
}

/// Runs the tool and gives its exit code.
pub(crate) fn run(arguments: &[String], output: &mut Output<'_>) -> u8 {
    let given = match admin_tool::read(&OPTIONS, arguments, output) {
        Ok(given) => given,
        Err(code) => return code,
    };
    if let Err(refusal) = check(&given, output) {
        return admin_tool::refuse(&OPTIONS, &refusal, output);
    }
    match consume(&given, output) {
        Ok(code) => code,
        // The original prints the message, then the exception.
        Err(failure) => output.fail(format!("{}\n{failure}", failure.message())),
    }
}

fn check(given: &Given, output: &mut Output<'_>) -> Result<(), Refusal> {
    for (one, other) in [("topic", "include"), ("messages", "num-records")] {
        if given.has(one) == given.has(other) {
            return Err(Refusal::Usage(format!(
                "Exactly one of the following arguments is required: [{one}], [{other}]"
            )));
        }
    }
    given.require(&["bootstrap-server"])?;
    if given.has("messages") {
        let _ = writeln!(output.out, "Warning: --messages is deprecated. Use --num-records instead.");
    }
    if given.has("consumer.config") {
        let _ =
            writeln!(output.out, "Warning: --consumer.config is deprecated. Use --command-config instead.");
    }
    Ok(())
}

fn plan(given: &Given) -> Result<Plan, Failure> {
    let text = |name: &'static str| given.value(name).map(|value| value.map(str::to_owned)).map_err(refused);
    let long = |name: &'static str| given.long(name).map_err(refused);
    let millis = |number: i64| Duration::from_millis(u64::try_from(number).unwrap_or_default());
    let interval = long("reporting-interval")?.unwrap_or(5_000);
    let count = long("num-records")?.or(long("messages")?).unwrap_or_default();
    Ok(Plan {
        topic: text("topic")?,
        pattern: text("include")?,
        count: u64::try_from(count).unwrap_or_default(),
        timeout: millis(long("timeout")?.unwrap_or(10_000)),
        interval: millis(interval),
        is_detailed: given.has("show-detailed-stats"),
        has_header: !given.has("hide-header"),
        dates: DateFormat::new(text("date-format")?.as_deref().unwrap_or("yyyy-MM-dd HH:mm:ss:SSS")),
    })
}

fn written(given: &Given) -> Result<Written, Failure> {
    let value = |name: &'static str| given.value(name).map_err(refused);
    let mut written = Written::of_file_if_any(value("command-config")?.or(value("consumer.config")?))?;
    written.extend(Written::of_words(given.values("command-property")));
    written.set("bootstrap.servers", value("bootstrap-server")?.unwrap_or_default());
    let group = value("group")?.map(str::to_owned);
    written.set("group.id", group.unwrap_or_else(|| client_settings::new_group("perf-consumer")));
    written.set("receive.buffer.bytes", value("socket-buffer-size")?.unwrap_or("2097152"));
    written.set("max.partition.fetch.bytes", value("fetch-size")?.unwrap_or("1048576"));
    written.set("auto.offset.reset", if given.has("from-latest") { "latest" } else { "earliest" });
    written.set("check.crcs", "false");
    written.set_default("client.id", "perf-consumer-client");
    Ok(written)
}

/// How long it took to get partitions.
#[derive(Debug)]
struct Joining {
    since: Instant,
    all: Duration,
    /// In the interval that is told next.
    of_interval: Duration,
}

struct TimesJoining(Arc<Mutex<Joining>>);

impl RebalanceListener for TimesJoining {
    fn revoked(&mut self, _: &[(String, i32)]) -> Vec<((String, i32), client::consumer::CommittedOffset)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).since = Instant::now();
        Vec::new()
    }

    fn assigned(&mut self, _: &[(String, i32)]) {
        let mut joining = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let took = joining.since.elapsed();
        joining.all += took;
        joining.of_interval += took;
    }
}

fn consume(given: &Given, output: &mut Output<'_>) -> Result<u8, Failure> {
    crate::log_lines::to_stderr();
    let plan = plan(given)?;
    if plan.has_header {
        wrote(writeln!(output.out, "{}", report::header(plan.is_detailed)))?;
    }
    let settings = written(given)?.settings(ClientKind::Consumer, output)?;
    if plan.interval.is_zero() {
        return Err(Failure::argument("Reporting interval must be greater than 0."));
    }
    admin_tool::run(async {
        let mut consumer = client_settings::consumer(&settings)?;
        let begin = (jiff::Zoned::now(), Instant::now());
        let joining = Joining { since: begin.1, all: Duration::ZERO, of_interval: Duration::ZERO };
        let joining = Arc::new(Mutex::new(joining));
        consumer.listen(TimesJoining(Arc::clone(&joining)));
        match (&plan.topic, &plan.pattern) {
            (Some(topic), _) => consumer.subscribe(&[topic]).await?,
            (None, pattern) => consumer.subscribe_pattern(pattern.as_deref().unwrap_or_default()).await?,
        }
        let read = tokio::select! {
            biased;
            code = interrupted() => Err(code),
            report = read(&mut consumer, &plan, &joining, output) => Ok(report?),
        };
        let report = match read {
            Ok(report) => report,
            Err(code) => {
                // Its partitions are for others at once.
                consumer.close().await;
                return Ok(code);
            }
        };
        let took = begin.1.elapsed();
        let joined = joining.lock().unwrap_or_else(PoisonError::into_inner).all;
        if !plan.is_detailed {
            let times = [plan.dates.show(&begin.0), plan.dates.show(&jiff::Zoned::now())];
            wrote(writeln!(output.out, "{}", report.total(&times, took, joined)))?;
        }
        consumer.close().await;
        Ok(0)
    })
}

async fn read(
    consumer: &mut Consumer,
    plan: &Plan,
    joining: &Mutex<Joining>,
    output: &mut Output<'_>,
) -> Result<Report, Failure> {
    let mut report = Report::default();
    let mut interval = Interval::begin();
    let mut last = Instant::now();
    while report.records < plan.count && last.elapsed() <= plan.timeout {
        let records = consumer.poll(POLL).await?;
        if records.is_empty() {
            continue;
        }
        last = Instant::now();
        for record in records.iter() {
            report.add(record.key.map_or(0, <[u8]>::len) + record.value.map_or(0, <[u8]>::len));
        }
        if interval.begun.elapsed() >= plan.interval {
            let joined = {
                let mut joining = joining.lock().unwrap_or_else(PoisonError::into_inner);
                std::mem::take(&mut joining.of_interval)
            };
            if plan.is_detailed {
                let time = plan.dates.show(&jiff::Zoned::now());
                wrote(writeln!(output.out, "{}", report.line(&time, &interval, joined)))?;
            }
            interval = Interval { begun: Instant::now(), before: report };
        }
    }
    if report.records < plan.count {
        wrote(writeln!(
            output.out,
            "WARNING: Exiting before consuming the expected number of records: timeout ({} ms) exceeded. You can use the --timeout option to increase the timeout.",
            plan.timeout.as_millis()
        ))?;
    }
    Ok(report)
}
