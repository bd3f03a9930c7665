//! `kafka-producer-perf-test`: writes records as fast as they are taken and says how fast that was.

mod payload;
mod stats;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

pub use payload::fill_with_letters;

use client::ProducerRecord;
use client::producer::Delivery;
use config::ClientKind;

use crate::Output;
use crate::admin_tool::{self, wrote};
use crate::client_settings::{self, Written};
use crate::failure::Failure;
use crate::subcommands::{Argument, Program, Said, Unsaid};
use payload::Payloads;
use stats::Stats;

#[rustfmt::skip]
pub(crate) static PROGRAM: Program = Program {
    name: "producer-performance",
    about: "This tool is used to verify the producer performance.",
    options: &[
        Argument::value("bootstrap-server", "BOOTSTRAP-SERVER", "Servers to connect to first, host:port, separated by commas."),
        Argument::value("topic", "TOPIC", "The topic to write to.").required(),
        Argument::value("num-records", "NUM-RECORDS", "Number of records to write.").required(),
        Argument::value("payload-delimiter", "PAYLOAD-DELIMITER", "What stands between values in the file, a line end without."),
        Argument::value("throughput", "THROUGHPUT", "Records a second at most, -1 for as many as possible.").required(),
        Argument::values("producer-props", "PROP-NAME=PROP-VALUE", "As --command-property; out of use."),
        Argument::values("command-property", "PROP-NAME=PROP-VALUE", "Settings of the producer."),
        Argument::value("producer.config", "CONFIG-FILE", "As --command-config; out of use."),
        Argument::value("command-config", "CONFIG-FILE", "A file of settings for the producer."),
        Argument::flag("print-metrics", "Print the client's own figures at the end."),
        Argument::value("transactional-id", "TRANSACTIONAL-ID", "Write in transactions under this id."),
        Argument::value("transaction-duration-ms", "TRANSACTION-DURATION", "Commit after that time."),
        Argument::value("warmup-records", "WARMUP-RECORDS", "Records at the beginning that have figures of their own."),
        Argument::value("reporting-interval", "INTERVAL-MS", "Time between two lines, 5000 without."),
        Argument::value("record-size", "RECORD-SIZE", "Bytes of a value.").one_of(),
        Argument::value("payload-file", "PAYLOAD-FILE", "A file of values, one of which is chosen for each record.").one_of(),
        Argument::flag("payload-monotonic", "Values are numbers that go up.").one_of(),
    ],
    commands: &[],
};

/// Records on their way before the first look at which have arrived.
const LOOKED_AT: usize = 1 << 16;

/// What is to be written.
struct Plan {
    topic: String,
    count: u64,
    warmup: u64,
    /// Records a second, `None` for no bound.
    throughput: Option<f64>,
    interval: Duration,
    prints_metrics: bool,
}

/// Runs the tool and gives its exit code.
pub(crate) fn run(arguments: &[String], output: &mut Output<'_>) -> u8 {
    let made = PROGRAM.read_or_help(arguments).and_then(|said| {
        let plan = plan(&said)?;
        Ok((plan, said))
    });
    let (plan, said) = match made {
        Ok(made) => made,
        Err(unsaid) => return unsaid.tell(output),
    };
    match produce(&said, &plan, output) {
        Ok(()) => 0,
        Err(failure) => output.fail(format!("Exception in thread \"main\" {failure}")),
    }
}

fn plan(said: &Said) -> Result<Plan, Unsaid> {
    let above_zero = |option: &str, number: i64| {
        let sentence = format!("--{option} should be greater than zero.");
        u64::try_from(number).ok().filter(|number| *number > 0).ok_or_else(|| said.complaint(&sentence))
    };
    let count = said.number::<i64>("num-records", "Long")?.unwrap_or_default();
    let count = above_zero("num-records", count)?;
    let warmup = said.number::<i64>("warmup-records", "Long")?.unwrap_or_default();
    let warmup = u64::try_from(warmup).unwrap_or_default();
    if warmup >= count {
        return Err(said.complaint("The value for --warmup-records must be strictly fewer than the number of records in the test, --num-records."));
    }
    if let Some(size) = said.number::<i32>("record-size", "Integer")? {
        above_zero("record-size", i64::from(size))?;
    }
    let interval =
        above_zero("reporting-interval", said.number("reporting-interval", "Long")?.unwrap_or(5_000))?;
    for (one, other) in [("command-property", "producer-props"), ("command-config", "producer.config")] {
        if said.has(one) && said.has(other) {
            return Err(said.complaint(&format!("--{one} and --{other} cannot be specified together.")));
        }
    }
    let places =
        ["bootstrap-server", "command-property", "producer-props", "producer.config", "command-config"];
    if !places.iter().any(|place| said.has(place)) {
        return Err(said.complaint("At least one of --bootstrap-server, --command-property, --producer-props, --producer.config or --command-config must be specified."));
    }
    if let Some(time) = said.number::<i64>("transaction-duration-ms", "Long")? {
        above_zero("transaction-duration-ms", time)?;
    }
    Ok(Plan {
        topic: said.value("topic").unwrap_or_default().to_owned(),
        count,
        warmup,
        throughput: said.number::<f64>("throughput", "Double")?.filter(|rate| *rate >= 0.0),
        interval: Duration::from_millis(interval),
        prints_metrics: said.has("print-metrics"),
    })
}

fn written(said: &Said, output: &mut Output<'_>) -> Result<Written, Failure> {
    for (old, new) in [("producer-props", "command-property"), ("producer.config", "command-config")] {
        if said.has(old) {
            wrote(writeln!(
                output.out,
                "Option --{old} has been deprecated and will be removed in a future version. Use --{new} instead."
            ))?;
        }
    }
    let mut written =
        Written::of_file_if_any(said.value("command-config").or(said.value("producer.config")))?;
    let words: Vec<&str> = said.values("command-property").chain(said.values("producer-props")).collect();
    if let Some(wrong) = words.iter().find(|word| word.split('=').count() != 2) {
        return Err(Failure::argument(format!("Invalid property: {wrong}")));
    }
    written.extend(Written::of_words(words.into_iter()));
    if let Some(servers) = said.value("bootstrap-server") {
        written.set("bootstrap.servers", servers);
    }
    written.set_default("client.id", "perf-producer-client");
    let is_transactional =
        ["transactional-id", "transaction-duration-ms"].iter().any(|option| said.has(option));
    if is_transactional || written.get("transactional.id").is_some() {
        return Err(Failure::of_class(
            "org.apache.kafka.common.errors.UnsupportedVersionException",
            "Transactions are not there yet.",
        ));
    }
    Ok(written)
}

fn produce(said: &Said, plan: &Plan, output: &mut Output<'_>) -> Result<(), Failure> {
    crate::log_lines::to_stderr();
    let mut payloads = Payloads::of(said, output)?;
    let written = written(said, output)?;
    let settings = written.settings(ClientKind::Producer, output)?;
    let client_id = written.get("client.id").unwrap_or_default();
    admin_tool::run(async {
        let producer = client_settings::producer(&settings)?;
        let mut test = Test::begin(plan);
        for number in 0..plan.count {
            let value = payloads.value(number);
            let record =
                ProducerRecord { topic: &plan.topic, value: Some(value), ..ProducerRecord::default() };
            let sent = Instant::now();
            let delivery = producer.send(&record).await?;
            test.sent(OnTheWay { delivery, sent, bytes: value.len(), number }, output)?;
            test.throttle(number + 1, plan).await;
        }
        producer.flush().await;
        test.take_arrived(output)?;
        if plan.warmup > 0 {
            wrote(writeln!(output.out, "{}", test.all.total("")))?;
            wrote(writeln!(output.out, "{}", test.steady.total(" steady state")))?;
        } else {
            wrote(writeln!(output.out, "{}", test.all.total("")))?;
        }
        if plan.prints_metrics {
            wrote(output.out.write_all(test.all.metrics(client_id, test.failed).as_bytes()))?;
        }
        producer.close(Duration::MAX).await;
        Ok(())
    })
}

/// A record on its way.
struct OnTheWay {
    delivery: Delivery,
    sent: Instant,
    bytes: usize,
    number: u64,
}

/// A run, and what is known of it.
struct Test {
    begun: Instant,
    on_the_way: VecDeque<OnTheWay>,
    /// The memory of the queue before the last look.
    spare: VecDeque<OnTheWay>,
    /// How many on the way make it worth to look which have arrived.
    looked_at: usize,
    all: Stats,
    /// Without the records at the beginning that do not count.
    steady: Stats,
    warmup: u64,
    failed: u64,
}

impl Test {
    fn begin(plan: &Plan) -> Test {
        Test {
            begun: Instant::now(),
            on_the_way: VecDeque::with_capacity(LOOKED_AT),
            spare: VecDeque::new(),
            looked_at: LOOKED_AT,
            all: Stats::new(plan.count, plan.interval),
            steady: Stats::new(plan.count - plan.warmup, Duration::MAX),
            warmup: plan.warmup,
            failed: 0,
        }
    }

    fn sent(&mut self, record: OnTheWay, output: &mut Output<'_>) -> Result<(), Failure> {
        let now = record.sent;
        self.on_the_way.push_back(record);
        if self.on_the_way.len() < self.looked_at && !self.all.is_due(now) {
            return Ok(());
        }
        self.take_arrived(output)
    }

    /// Counts what has arrived. When that was is known of each, however late it is looked at.
    fn take_arrived(&mut self, output: &mut Output<'_>) -> Result<(), Failure> {
        let now = Instant::now();
        std::mem::swap(&mut self.on_the_way, &mut self.spare);
        for record in self.spare.drain(..) {
            match record.delivery.settled() {
                None => self.on_the_way.push_back(record),
                Some((Ok(_), at)) => {
                    let latency = at.saturating_duration_since(record.sent);
                    if let Some(line) = self.all.record(latency, record.bytes, now) {
                        wrote(writeln!(output.out, "{line}"))?;
                        wrote(output.out.flush())?;
                    }
                    if record.number >= self.warmup {
                        self.steady.record(latency, record.bytes, now);
                    }
                }
                Some((Err(error), _)) => {
                    self.failed += 1;
                    let _ = writeln!(output.err, "{}", Failure::from(error));
                }
            }
        }
        // However many a slow server leaves on the way, each look is paid for by as many records.
        self.looked_at = LOOKED_AT.max(2 * self.on_the_way.len());
        Ok(())
    }

    /// Waits while more was sent than the rate allows.
    async fn throttle(&self, sent: u64, plan: &Plan) {
        let Some(rate) = plan.throughput.filter(|rate| *rate > 0.0) else { return };
        let due = Duration::try_from_secs_f64(sent as f64 / rate).unwrap_or(Duration::MAX);
        let ahead = due.saturating_sub(self.begun.elapsed());
        // Waits that are shorter than a timer's step are made up for later.
        if ahead >= Duration::from_millis(1) {
            tokio::time::sleep(ahead).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaint(line: &str) -> String {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        let unsaid = PROGRAM.read(&words).and_then(|said| plan(&said).map(drop)).unwrap_err();
        match unsaid {
            Unsaid::Help(_) => "help".to_owned(),
            Unsaid::Complaint(complaint) => complaint.sentence,
        }
    }

    #[test]
    fn lines_are_refused_as_by_the_original() {
        assert_eq!(
            complaint("--topic t --throughput -1 --record-size 1"),
            "argument --num-records is required"
        );
        let rest = "--topic t --throughput -1 --bootstrap-server b:1";
        assert_eq!(
            complaint(&format!("{rest} --num-records 0 --record-size 1")),
            "--num-records should be greater than zero."
        );
        assert_eq!(
            complaint(&format!("{rest} --num-records 5")),
            "one of the arguments --record-size --payload-file --payload-monotonic is required"
        );
        let both = complaint(&format!(
            "{rest} --num-records 5 --record-size 1 --producer-props a=b --command-property a=b"
        ));
        assert_eq!(both, "--command-property and --producer-props cannot be specified together.");
        assert!(
            complaint("--topic t --throughput -1 --num-records 5 --record-size 1")
                .starts_with("At least one of --bootstrap-server")
        );
    }

    #[test]
    fn several_settings_may_follow_one_option_and_its_name_may_be_cut() {
        let line = "--topic t --num-records 1 --throughput -1 --record-size 1 --producer-props a=1 b=2 --print-metric";
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        let said = PROGRAM.read(&words).map_err(|_| ()).unwrap();
        assert_eq!(said.values("producer-props").collect::<Vec<_>>(), ["a=1", "b=2"]);
        assert!(said.has("print-metrics"));
    }
}
