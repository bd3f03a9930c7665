//! Row tools: our command-line tools beside Kafka's, on one broker.

use std::path::PathBuf;

use crate::effort::Effort;
use crate::pairs::{self, Figure, Figures, Step};
use crate::product::{Product, THROUGHPUT, TURNS_OF_GROUPS};
use crate::sides::Sides;
use crate::tool::{Place, Ran, Tool};
use crate::{process, topics};

use super::producer_tool::Totals;
use super::{Cost, Promise, Row, Table, no_generator};

pub const ROW: Row = Row {
    name: "tools",
    about: "our tools beside Kafka's on one broker: perf tests, console tools, a short question",
    cost: Cost { once_s: 60.0, pair_s: 80.0 },
    run,
    calibrate: no_generator,
};

const HEAP: &str = "-Xmx512M";
const PRODUCER_PERF: Tool = Tool {
    name: "kafka-producer-perf-test",
    class: "org.apache.kafka.tools.ProducerPerformance",
    heap: HEAP,
};
const CONSUMER_PERF: Tool = Tool {
    name: "kafka-consumer-perf-test",
    class: "org.apache.kafka.tools.ConsumerPerformance",
    heap: HEAP,
};
const CONSOLE_PRODUCER: Tool =
    Tool { name: "kafka-console-producer", class: "org.apache.kafka.tools.ConsoleProducer", heap: HEAP };
const CONSOLE_CONSUMER: Tool = Tool {
    name: "kafka-console-consumer",
    class: "org.apache.kafka.tools.consumer.ConsoleConsumer",
    heap: HEAP,
};
const TOPICS: Tool =
    Tool { name: "kafka-topics", class: "org.apache.kafka.tools.TopicCommand", heap: "-Xmx256M" };

/// Records of a run of the perf tools at full effort, by the bytes of each: a run is seconds long for the faster side.
const RECORDS: [(usize, usize); 2] = [(100, 5_000_000), (1 << 10, 1_000_000)];
/// Lines of a run of the console tools at full effort.
const LINES: usize = 1_000_000;
/// Digits of each line: with the end of the line it has 100 bytes.
const LINE_DIGITS: usize = 99;
/// Runs of the short question within one run; their mean is told.
const QUESTIONS: usize = 5;
const ANSWER_MS_MAX: f64 = 20.0;

fn run(effort: &Effort) -> Result<(), String> {
    // One broker for both: ours, which waits for neither.
    let broker = Effort { products: vec![Product::Naru], ..effort.clone() };
    let sides = Sides::start_with(&broker, &THROUGHPUT, &TURNS_OF_GROUPS)?;
    let bench = Bench::new(effort, &sides)?;
    for (bytes, records) in RECORDS {
        let records = effort.scaled(records);
        bench.table(&format!("producer-perf-test, records of {bytes} B"), &[], |product, topic| {
            let ran = bench.perf_producer(product, topic, bytes, records)?;
            let rate = Totals::read(&ran.output)?.records_per_s;
            Ok(figures_of(&ran, rate, records))
        })?;
        bench.filled(records, bytes, |topic| {
            bench.table(&format!("consumer-perf-test, records of {bytes} B"), &[], |product, _| {
                bench.warm(topic)?;
                let ran = bench.perf_consumer(product, topic, records)?;
                Ok(figures_of(&ran, consumed_rate(&ran.output, records)?, records))
            })
        })?;
    }
    let lines = effort.scaled(LINES);
    let input = bench.lines(lines)?;
    let title = format!("console producer, {lines} lines of a file");
    bench.table(&title, &[], |product, topic| {
        let words = ["--bootstrap-server", &bench.address, "--topic", topic];
        let ran = CONSOLE_PRODUCER.run(product, &words, Place { input: Some(&input), ..bench.place() })?;
        Ok(console_figures(&ran))
    })?;
    bench.filled(lines, LINE_DIGITS, |topic| {
        let title = format!("console consumer, {lines} lines to a file");
        bench.table(&title, &[], |product, _| {
            bench.warm(topic)?;
            bench.console_consumer(product, topic, lines)
        })
    })?;
    let promise = [Promise::at_most("ms", ANSWER_MS_MAX)];
    bench.table("kafka-topics --list, from the start of the process to its end", &promise, |product, _| {
        bench.question(product)
    })
}

/// What all tables of the row need.
struct Bench<'a> {
    effort: &'a Effort,
    sides: &'a Sides,
    address: String,
    folder: PathBuf,
    output: PathBuf,
}

impl Bench<'_> {
    fn new<'a>(effort: &'a Effort, sides: &'a Sides) -> Result<Bench<'a>, String> {
        let server = sides.active(Product::Naru)?;
        Ok(Bench {
            effort,
            sides,
            address: server.address.to_string(),
            folder: server.folder.clone(),
            output: server.folder.join("tool.out"),
        })
    }

    fn place(&self) -> Place<'_> {
        Place { effort: self.effort, folder: &self.folder, input: None, output: &self.output }
    }

    /// Runs the tools of both in turn, each pair with a topic that is deleted after it.
    fn table(
        &self,
        title: &str,
        promises: &[Promise],
        mut once: impl FnMut(Product, &str) -> Result<Figures, String>,
    ) -> Result<(), String> {
        // The tools have no settings of Kafka's to choose between.
        let products: Vec<Product> =
            self.effort.products.iter().copied().filter(|product| *product != Product::KafkaTuned).collect();
        let topic = |pair: usize, product: Product| {
            let words = title.split(|letter: char| !letter.is_ascii_alphanumeric());
            format!("{}-{pair}-{}", words.collect::<Vec<_>>().join("-"), product.name())
        };
        let server = self.sides.active(Product::Naru)?;
        let outcome = pairs::run(&products, self.effort.pairs, |step| match step {
            Step::Begin(pair) => {
                products.iter().try_for_each(|product| topics::create(server, &topic(pair, *product)))?;
                Ok(Vec::new())
            }
            Step::Run(pair, product) => {
                self.sides.quietly(self.effort, Product::Naru, |_| once(product, &topic(pair, product)))
            }
            Step::End(pair) => {
                products.iter().try_for_each(|product| topics::delete(server, &topic(pair, *product)))?;
                Ok(Vec::new())
            }
        })?;
        std::thread::sleep(topics::FILES_GONE);
        Table { row: &ROW, title: title.to_owned(), promises, outcome, alone: None }.finish(self.effort)
    }

    /// Does something with a topic that holds such records; it is deleted afterwards.
    fn filled(
        &self,
        records: usize,
        bytes: usize,
        act: impl FnOnce(&str) -> Result<(), String>,
    ) -> Result<(), String> {
        let topic = format!("filled-{bytes}");
        let server = self.sides.active(Product::Naru)?;
        topics::create(server, &topic)?;
        self.perf_producer(Product::Naru, &topic, bytes, records)?;
        process::write_back(&self.folder)?;
        let outcome = act(&topic);
        topics::delete(self.sides.active(Product::Naru)?, &topic)?;
        outcome
    }

    /// Brings the records of a topic into the page cache, out of which priming memory has put them: tools are measured, not
    /// the disk.
    fn warm(&self, topic: &str) -> Result<(), String> {
        let failed = |error: std::io::Error| format!("cannot read the log of {topic}: {error}");
        for file in std::fs::read_dir(self.folder.join(format!("data/{topic}-0"))).map_err(failed)? {
            let path = file.map_err(failed)?.path();
            // Others are written and renamed while the broker runs.
            if path.extension().is_some_and(|kind| kind == "log") {
                let mut file = std::fs::File::open(path).map_err(failed)?;
                std::io::copy(&mut file, &mut std::io::sink()).map_err(failed)?;
            }
        }
        Ok(())
    }

    fn perf_producer(
        &self,
        product: Product,
        topic: &str,
        bytes: usize,
        records: usize,
    ) -> Result<Ran, String> {
        let (bytes, records) = (bytes.to_string(), records.to_string());
        let words = ["--bootstrap-server", &self.address, "--topic", topic, "--num-records", &records];
        let more = ["--record-size", &bytes, "--throughput", "-1"];
        PRODUCER_PERF.run(product, &[&words[..], &more].concat(), self.place())
    }

    fn perf_consumer(&self, product: Product, topic: &str, records: usize) -> Result<Ran, String> {
        let records = records.to_string();
        let words = ["--bootstrap-server", &self.address, "--topic", topic, "--num-records", &records];
        CONSUMER_PERF.run(product, &words, self.place())
    }

    fn console_consumer(&self, product: Product, topic: &str, lines: usize) -> Result<Figures, String> {
        let count = lines.to_string();
        let words = ["--bootstrap-server", &self.address, "--topic", topic, "--from-beginning"];
        let ran = CONSOLE_CONSUMER.run(
            product,
            &[&words[..], &["--max-messages", &count]].concat(),
            self.place(),
        )?;
        let found = ran.output.bytes().filter(|byte| *byte == b'\n').count();
        if found != lines {
            return Err(format!("{product}'s console consumer wrote {found} lines"));
        }
        Ok(console_figures(&ran))
    }

    /// Lines of digits in a file.
    fn lines(&self, count: usize) -> Result<PathBuf, String> {
        let path = self.folder.join("lines");
        let mut text = String::with_capacity(count * (LINE_DIGITS + 1));
        for number in 0..count {
            text += &format!("{number:0LINE_DIGITS$}\n");
        }
        std::fs::write(&path, text).map_err(|error| format!("cannot write {}: {error}", path.display()))?;
        Ok(path)
    }

    fn question(&self, product: Product) -> Result<Figures, String> {
        let words = ["--bootstrap-server", &self.address, "--list"];
        let runs = (0..QUESTIONS).map(|_| TOPICS.run(product, &words, self.place()));
        let runs = runs.collect::<Result<Vec<Ran>, String>>()?;
        let mean = |of: fn(&Ran) -> f64| runs.iter().map(of).sum::<f64>() / QUESTIONS as f64;
        Ok(vec![
            Figure::lower("ms", mean(|ran| ran.wall_s) * 1e3),
            Figure::lower("tool CPU ms", mean(|ran| ran.cpu_s) * 1e3),
        ])
    }
}

fn figures_of(ran: &Ran, rate: f64, records: usize) -> Figures {
    vec![
        Figure::higher("records/s", rate),
        Figure::lower("tool CPU us/record", ran.cpu_s * 1e6 / records as f64),
        Figure::lower("s in all", ran.wall_s),
        Figure::lower("tool peak MiB", ran.peak_mib),
    ]
}

fn console_figures(ran: &Ran) -> Figures {
    vec![
        Figure::lower("s in all", ran.wall_s),
        Figure::lower("tool CPU s", ran.cpu_s),
        Figure::lower("tool peak MiB", ran.peak_mib),
    ]
}

/// The rate in the only line of the consumer's tool, from the time it began to its end, group and all.
fn consumed_rate(output: &str, records: usize) -> Result<f64, String> {
    let line = output.lines().last().unwrap_or_default();
    let cells: Vec<&str> = line.split(", ").collect();
    let [_, _, _, _, count, rate, ..] = cells[..] else {
        return Err(format!("the tool's output has no totals:\n{output}"));
    };
    let count: f64 = count.parse().map_err(|_| format!("no count of records: {line}"))?;
    if count < records as f64 {
        return Err(format!("the tool read {count} of {records} records"));
    }
    rate.parse().map_err(|_| format!("no rate: {line}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_read_from_what_the_tool_prints() {
        let consumed = "start.time, end.time, data.consumed.in.MB, MB.sec, data.consumed.in.nMsg, nMsg.sec, \
                        rebalance.time.ms, fetch.time.ms, fetch.MB.sec, fetch.nMsg.sec\n\
                        2026-01-01 00:00:00:000, 2026-01-01 00:00:01:000, 9.5367, 9.5, 100000, 99000.5, 3, 997, 9.6, 1.0\n";
        assert_eq!(consumed_rate(consumed, 100_000), Ok(99000.5));
        assert!(consumed_rate(consumed, 100_001).is_err());
        assert!(consumed_rate("", 0).is_err());
    }
}
