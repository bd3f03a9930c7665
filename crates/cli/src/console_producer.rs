//! `kafka-console-producer`: writes the lines of standard input to a topic.

mod input;
mod lines;

use std::io::IsTerminal;

use client::producer::Delivery;
use client::{Error, HostPort, Producer, ProducerRecord};
use config::ClientKind;

use crate::Output;
use crate::admin_tool;
use crate::client_settings::{self, Written, check_renamed};
use crate::failure::Failure;
use crate::interrupt::interrupted;
use crate::options::{Given, Opt, Options, Refusal};
use input::Input;
use lines::{Line, LineReader};

const LOGGER: &str = "org.apache.kafka.clients.producer.internals.ErrorLoggingCallback";
const READER: &str = "org.apache.kafka.tools.LineMessageReader";
/// The reader's name before.
const OLD_READER: &str = "kafka.tools.ConsoleProducer$LineMessageReader";
const RENAMED: [(&str, &str); 3] = [
    ("producer-property", "command-property"),
    ("producer.config", "command-config"),
    ("property", "reader-property"),
];

#[rustfmt::skip]
pub(crate) const OPTIONS: Options = Options {
    about: "This tool helps to read data from standard input and publish it to Kafka.",
    options: &[
        Opt::value("batch-size", "size", "Bytes of a batch (batch.size), 16384 without."),
        Opt::value("bootstrap-server", "server to connect to", "Servers to connect to first, host:port, separated by commas. Required."),
        Opt::value("command-config", "config file", "A file of settings for the producer."),
        Opt::value("command-property", "producer_prop", "A setting of the producer, key=value; may be repeated."),
        Opt::optional("compression-codec", "compression-codec", "none, gzip, snappy, lz4 or zstd; gzip where no name follows."),
        Opt::value("line-reader", "reader_class", "The class that reads lines; LineMessageReader without."),
        Opt::value("max-block-ms", "max block on send", "How long a record may wait for room (max.block.ms), 60000 without."),
        Opt::value("max-memory-bytes", "total memory in bytes", "Bytes of records that wait (buffer.memory), 33554432 without."),
        Opt::value("max-partition-memory-bytes", "memory in bytes per partition", "As --batch-size; out of use."),
        Opt::value("message-send-max-retries", "retries", "How often a batch is sent again (retries), 3 without."),
        Opt::value("metadata-expiry-ms", "metadata expiration interval", "After that time topics are looked up again (metadata.max.age.ms), 300000 without."),
        Opt::value("producer-property", "producer_prop", "As --command-property; out of use."),
        Opt::value("producer.config", "config file", "As --command-config; out of use."),
        Opt::value("property", "prop", "As --reader-property; out of use."),
        Opt::value("reader-config", "config file", "A file of properties for the reader."),
        Opt::value("reader-property", "prop", "A property of the reader, key=value; may be repeated: parse.key, parse.headers, ignore.error, key.separator, headers.delimiter, headers.separator, headers.key.separator, null.marker."),
        Opt::value("request-required-acks", "request required acks", "Who has to have a record before it counts as written (acks), -1 for all without."),
        Opt::value("request-timeout-ms", "request timeout ms", "How long an answer may take (request.timeout.ms), 1500 without."),
        Opt::value("retry-backoff-ms", "milliseconds", "The wait before a batch is sent again (retry.backoff.ms), 100 without."),
        Opt::value("socket-buffer-size", "size", "Bytes of the socket's buffer (send.buffer.bytes), 102400 without."),
        Opt::flag("sync", "Wait for each record to be written before the next one is sent."),
        Opt::value("timeout", "timeout_ms", "How long a batch waits for more records (linger.ms), 1000 without."),
        Opt::value("topic", "topic", "The topic to write to. Required."),
    ],
};

/// Options that set a setting of the producer: the option, the setting, and the value where neither is given.
const SETTINGS: [(&str, &str, &str); 9] = [
    ("timeout", "linger.ms", "1000"),
    ("request-required-acks", "acks", "-1"),
    ("request-timeout-ms", "request.timeout.ms", "1500"),
    ("message-send-max-retries", "retries", "3"),
    ("retry-backoff-ms", "retry.backoff.ms", "100"),
    ("socket-buffer-size", "send.buffer.bytes", "102400"),
    ("max-memory-bytes", "buffer.memory", "33554432"),
    ("metadata-expiry-ms", "metadata.max.age.ms", "300000"),
    ("max-block-ms", "max.block.ms", "60000"),
];
/// Options that have to be a number of Java's type `int`, and those of its type `long`.
const INTS: [&str; 5] = [
    "batch-size",
    "max-partition-memory-bytes",
    "message-send-max-retries",
    "request-timeout-ms",
    "socket-buffer-size",
];
const LONGS: [&str; 5] =
    ["timeout", "retry-backoff-ms", "max-memory-bytes", "metadata-expiry-ms", "max-block-ms"];

/// Runs the tool and gives its exit code.
pub(crate) fn run(arguments: &[String], output: &mut Output<'_>) -> u8 {
    let given = match admin_tool::read(&OPTIONS, arguments, output) {
        Ok(given) => given,
        Err(code) => return code,
    };
    let file = match check(&given, output).and_then(|()| file(&given)) {
        Ok(file) => file,
        Err(refusal) => return admin_tool::refuse(&OPTIONS, &refusal, output),
    };
    let from_file = match Written::of_file_if_any(file) {
        Ok(from_file) => from_file,
        Err(failure) => return output.fail(failure),
    };
    let written = match written(&given, from_file) {
        Ok(written) => written,
        Err(refusal) => return admin_tool::refuse(&OPTIONS, &refusal, output),
    };
    match produce(&given, &written, output) {
        Ok(code) => code,
        Err(failure) => output.fail(failure),
    }
}

fn check(given: &Given, output: &mut Output<'_>) -> Result<(), Refusal> {
    given.require(&["topic"])?;
    if !given.has("bootstrap-server") {
        return Err(Refusal::Usage("Error while validating the bootstrap address\n".to_owned()));
    }
    let servers = given.value("bootstrap-server")?.unwrap_or_default();
    if servers
        .split(',')
        .any(|server| HostPort::parse_all(&[server.to_owned()], "bootstrap.servers").is_err())
    {
        return Err(Refusal::Usage(
            "Please provide valid host:port like host1:9091,host2:9092\n ".to_owned(),
        ));
    }
    check_renamed(given, &RENAMED, "Warning:", output)?;
    if given.has("max-partition-memory-bytes") {
        let _ = writeln!(
            output.out,
            "Warning: --max-partition-memory-bytes is deprecated and will be removed in Apache Kafka 5.0. Use --batch-size instead."
        );
    }
    Ok(())
}

/// The file of settings.
fn file(given: &Given) -> Result<Option<&str>, Refusal> {
    Ok(given.value("command-config")?.or(given.value("producer.config")?))
}

/// The producer's settings, beginning with those of a file.
fn written(given: &Given, mut written: Written) -> Result<Written, Refusal> {
    for option in INTS {
        given.number(option)?;
    }
    for option in LONGS {
        given.long(option)?;
    }
    let words = given.values("command-property").chain(given.values("producer-property"));
    written.extend(Written::of_words(words));
    written.set("bootstrap.servers", given.value("bootstrap-server")?.unwrap_or_default());
    let codec = match given.value("compression-codec")? {
        Some(codec) if !codec.is_empty() => codec,
        _ if given.has("compression-codec") => "gzip",
        _ => "none",
    };
    written.set("compression.type", codec);
    written.set_default("client.id", "console-producer");
    for (option, key, default) in SETTINGS {
        written.merge(key, given, option, default)?;
    }
    let batch =
        if given.has("max-partition-memory-bytes") { "max-partition-memory-bytes" } else { "batch-size" };
    written.merge("batch.size", given, batch, "16384")?;
    Ok(written)
}

fn reader(given: &Given) -> Result<LineReader, Failure> {
    let class = given.value("line-reader").map_err(admin_tool::refused)?.unwrap_or(READER);
    if class != READER && class != OLD_READER {
        return Err(Failure::of_class("java.lang.ClassNotFoundException", class));
    }
    let mut properties = Written::of_file_if_any(given.value("reader-config").map_err(admin_tool::refused)?)?;
    properties.extend(Written::of_words(given.values("reader-property").chain(given.values("property"))));
    LineReader::of(&properties)
}

fn produce(given: &Given, written: &Written, output: &mut Output<'_>) -> Result<u8, Failure> {
    crate::log_lines::to_stderr();
    let mut reader = reader(given)?;
    let settings = written.settings(ClientKind::Producer, output)?;
    let topic = given.value("topic").map_err(admin_tool::refused)?.unwrap_or_default();
    admin_tool::run(async {
        let producer = client_settings::producer(&settings)?;
        let mut unwritten = Unwritten { topic, sent: Vec::new() };
        let end = send_all(&producer, &mut unwritten, &mut reader, given.has("sync"), output).await;
        // What was read before the end, or before a line that cannot be read, is written.
        tokio::select! {
            () = producer.flush() => {}
            // The second one: the server may be gone.
            code = interrupted() => return Ok(code),
        }
        unwritten.tell(true, output);
        producer.close(std::time::Duration::MAX).await;
        end
    })
}

/// A record on its way.
struct Waiting {
    /// What became of it, where it was taken at all.
    delivery: Result<Delivery, Error>,
    key_bytes: Option<usize>,
    value_bytes: Option<usize>,
}

impl Waiting {
    /// `None` as long as it is not known.
    fn outcome(&self) -> Option<Result<(), Error>> {
        match &self.delivery {
            Ok(delivery) => delivery.outcome().map(|outcome| outcome.map(drop)),
            Err(error) => Some(Err(error.clone())),
        }
    }

    async fn wait(self) -> Result<(), Error> {
        self.delivery?.wait().await.map(drop)
    }
}

/// Records of a topic that are not known to be written yet.
struct Unwritten<'t> {
    topic: &'t str,
    sent: Vec<Waiting>,
}

/// Records on their way before those that have arrived are looked at.
const WAITING_MAX: usize = 10_000;

impl Unwritten<'_> {
    /// Tells which records were refused, and forgets those of which it is known.
    fn tell(&mut self, at_end: bool, output: &mut Output<'_>) {
        if !at_end && self.sent.len() < WAITING_MAX {
            return;
        }
        let topic = self.topic;
        self.sent.retain(|waiting| match waiting.outcome() {
            None => true,
            Some(Ok(_)) => false,
            Some(Err(error)) => {
                let bytes =
                    |bytes: Option<usize>| bytes.map_or("null".to_owned(), |bytes| format!("{bytes} bytes"));
                let (key, value) = (bytes(waiting.key_bytes), bytes(waiting.value_bytes));
                let what = format!(
                    "Error when sending message to topic {topic} with key: {key}, value: {value} with error:"
                );
                crate::log_lines::error(LOGGER, what, output.err);
                let _ = writeln!(output.err, "{}", Failure::from(error));
                false
            }
        });
    }
}

async fn send_all(
    producer: &Producer,
    unwritten: &mut Unwritten<'_>,
    reader: &mut LineReader,
    is_sync: bool,
    output: &mut Output<'_>,
) -> Result<u8, Failure> {
    let mut signal = std::pin::pin!(interrupted());
    let mut input = Input::of_stdin();
    let has_prompt = std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
    loop {
        if has_prompt {
            let _ = write!(output.out, ">");
            let _ = output.out.flush();
        }
        let line = tokio::select! {
            code = &mut signal => return Ok(code),
            line = input.line() => line,
        };
        let text = match line {
            Ok(Some(text)) => text,
            Ok(None) => return Ok(0),
            Err(error) => return Err(Failure::of_class("java.io.IOException", error.to_string())),
        };
        let line = match reader.read(&text) {
            Ok(line) => line,
            Err(failure) => return Err(failure),
        };
        let handed = tokio::select! {
            biased;
            handed = send(producer, unwritten.topic, &line) => handed,
            // The server that it waits for may never come.
            code = &mut signal => return Ok(code),
        };
        match handed {
            Ok(waiting) if is_sync => {
                let outcome = tokio::select! {
                    outcome = waiting.wait() => outcome,
                    code = &mut signal => return Ok(code),
                };
                outcome.map_err(Failure::executed)?;
            }
            Ok(waiting) => unwritten.sent.push(waiting),
            Err(error) => return Err(error.into()),
        }
        unwritten.tell(false, output);
    }
}

async fn send(producer: &Producer, topic: &str, line: &Line<'_>) -> Result<Waiting, Error> {
    let headers: Vec<(&[u8], Option<&[u8]>)> =
        line.headers.iter().map(|(key, value)| (key.as_bytes(), value.map(str::as_bytes))).collect();
    let record = ProducerRecord {
        topic,
        key: line.key.map(str::as_bytes),
        value: line.value.map(str::as_bytes),
        headers: &headers,
        ..ProducerRecord::default()
    };
    // What the cluster refuses is told like a delivery that failed; other errors end the tool.
    let delivery = match producer.send(&record).await {
        Err(error) if error.code().is_none() && !matches!(error, Error::Timeout(_)) => return Err(error),
        delivery => delivery,
    };
    Ok(Waiting { delivery, key_bytes: line.key.map(str::len), value_bytes: line.value.map(str::len) })
}
