//! `kafka-verifiable-producer`: writes numbers that go up and tells of each what became of it.

mod plan;

use std::pin::Pin;
use std::time::Duration;

use client::producer::{Delivery, RecordMetadata};
use client::{Error, Producer, ProducerRecord};
use config::ClientKind;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::client_settings;
use crate::failure::Failure;
use crate::interrupt::interrupted;
use crate::verifiable::{UNCAUGHT, event, print, text_or_null};
use crate::{Output, READER_GONE, admin_tool, now_ms, record_json};
pub(crate) use plan::PROGRAM;
use plan::Plan;

/// Records on their way before the next one waits for one of them.
const ON_THE_WAY_MAX: usize = 1 << 16;
/// How long a record may still take to be handed over when the tool is stopped.
const HANDING_OVER_MAX: Duration = Duration::from_millis(50);

/// Runs the tool and gives its exit code.
pub(crate) fn run(arguments: &[String], output: &mut Output<'_>) -> u8 {
    let said = match PROGRAM.read_or_help(arguments) {
        Ok(said) => said,
        Err(unsaid) => return unsaid.tell(output),
    };
    let plan = match plan::plan(&said, output) {
        Ok(plan) => plan,
        Err(unsaid) => return unsaid.tell(output),
    };
    crate::log_lines::to_stderr();
    let ended = plan.written.settings(ClientKind::Producer, output).and_then(|settings| {
        admin_tool::run(async {
            let producer = client_settings::producer(&settings)?;
            Ok(produce(producer, &plan, output).await)
        })
    });
    match ended {
        Ok(code) => code,
        Err(failure) => output.fail(format!("{UNCAUGHT} {failure}")),
    }
}

/// A record that was handed over, and what became of it.
struct Sent {
    key: Option<String>,
    value: String,
    outcome: Result<RecordMetadata, Error>,
}

/// How far a run has come.
struct Run<'p> {
    plan: &'p Plan,
    sent: u64,
    acked: u64,
    next_key: i32,
    create_time: Option<i64>,
    begun_ms: i64,
    begun: Instant,
    on_the_way: JoinSet<Sent>,
    /// Nobody reads what is printed.
    is_unread: bool,
}

/// Why no more is sent.
enum End {
    Enough,
    Interrupted(u8),
}

async fn produce(producer: Producer, plan: &Plan, output: &mut Output<'_>) -> u8 {
    let mut run = Run {
        plan,
        sent: 0,
        acked: 0,
        next_key: 0,
        create_time: plan.create_time,
        begun_ms: now_ms(),
        begun: Instant::now(),
        on_the_way: JoinSet::new(),
        is_unread: false,
    };
    run.print(&event("startup_complete", &[]), output);
    let end = run.send_all(&producer, output).await;
    run.close(producer, output).await;
    run.print(&event("shutdown_complete", &[]), output);
    let summary = run.summary();
    run.print(&summary, output);
    match end {
        _ if run.is_in_vain() => READER_GONE,
        End::Enough => 0,
        End::Interrupted(code) => code,
    }
}

impl Run<'_> {
    async fn send_all(&mut self, producer: &Producer, output: &mut Output<'_>) -> End {
        let mut signal = std::pin::pin!(interrupted());
        let mut number: u64 = 0;
        while self.plan.count.is_none_or(|count| number < count) && !self.is_in_vain() {
            let (key, value) = (self.key(), self.value(number));
            let (handed, stopped) =
                self.hand_over(producer, key.as_deref(), &value, signal.as_mut(), output).await;
            match handed {
                Some(Ok(delivery)) => drop(
                    self.on_the_way.spawn(async move { Sent { key, value, outcome: delivery.wait().await } }),
                ),
                Some(Err(error)) => self.tell(Some(Sent { key, value, outcome: Err(error) }), output),
                None => {
                    let exception = "org.apache.kafka.common.KafkaException";
                    let failure = Failure::of_class(exception, "Producer closed while send in progress");
                    let line = self.refused(key.as_deref(), &value, &failure);
                    self.print(&line, output);
                }
            }
            if let Some(code) = stopped {
                return End::Interrupted(code);
            }
            if let Err(code) = self.wait(number, signal.as_mut(), output).await {
                return End::Interrupted(code);
            }
            number += 1;
        }
        End::Enough
    }

    /// Hands a record over, and tells what arrives meanwhile. `None` where a signal, whose code is beside it, came before the
    /// record was taken.
    async fn hand_over(
        &mut self,
        producer: &Producer,
        key: Option<&str>,
        value: &str,
        mut signal: Pin<&mut impl Future<Output = u8>>,
        output: &mut Output<'_>,
    ) -> (Option<Result<Delivery, Error>>, Option<u8>) {
        let timestamp = self.time();
        self.sent += 1;
        let topic = self.plan.topic.as_str();
        let (key, value) = (key.map(str::as_bytes), Some(value.as_bytes()));
        let record = ProducerRecord { topic, timestamp, key, value, ..ProducerRecord::default() };
        let mut sending = std::pin::pin!(producer.send(&record));
        loop {
            tokio::select! {
                biased;
                handed = &mut sending => return (Some(handed), None),
                code = &mut signal => {
                    // It may have been taken already.
                    let last = tokio::time::timeout(HANDING_OVER_MAX, &mut sending).await;
                    return (last.ok(), Some(code));
                }
                Some(sent) = self.on_the_way.join_next() => self.tell(sent.ok(), output),
            }
        }
    }

    /// Waits while more was sent than the rate allows, or too much is on its way; tells what arrives meanwhile. The error
    /// is the code of a signal.
    async fn wait(
        &mut self,
        number: u64,
        mut signal: Pin<&mut impl Future<Output = u8>>,
        output: &mut Output<'_>,
    ) -> Result<(), u8> {
        // The original looks at how many were sent before this one.
        let due = match self.plan.throughput {
            ..0 => Some(self.begun),
            0 => (number == 0).then_some(self.begun),
            rate => Some(self.begun + Duration::from_secs_f64(number as f64 / f64::from(rate))),
        };
        loop {
            let is_early = due.is_none_or(|due| due > Instant::now());
            if (!is_early && self.on_the_way.len() < ON_THE_WAY_MAX) || self.is_in_vain() {
                // On a runtime of one thread the signal has to be looked at.
                return tokio::select! { biased; code = &mut signal => Err(code), () = std::future::ready(()) => Ok(()) };
            }
            let until = async {
                match due.filter(|_| is_early) {
                    Some(due) => tokio::time::sleep_until(due).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                code = &mut signal => return Err(code),
                Some(sent) = self.on_the_way.join_next() => self.tell(sent.ok(), output),
                () = until => {}
            }
        }
    }

    /// Writes what was handed over and tells of it; a second signal ends that.
    async fn close(&mut self, producer: Producer, output: &mut Output<'_>) {
        let mut signal = std::pin::pin!(interrupted());
        let mut closing = std::pin::pin!(producer.close(Duration::MAX));
        let mut is_closed = false;
        while !is_closed || !self.on_the_way.is_empty() {
            tokio::select! {
                biased;
                Some(sent) = self.on_the_way.join_next() => self.tell(sent.ok(), output),
                () = &mut closing, if !is_closed => is_closed = true,
                _ = &mut signal => return,
            }
        }
    }

    /// True where nothing but a reader that is gone would end it.
    fn is_in_vain(&self) -> bool {
        self.is_unread && self.plan.count.is_none()
    }

    fn key(&mut self) -> Option<String> {
        let end = self.plan.repeating_keys?;
        let key = self.next_key;
        self.next_key = key.wrapping_add(1);
        if self.next_key == end {
            self.next_key = 0;
        }
        Some(key.to_string())
    }

    fn value(&self, number: u64) -> String {
        self.plan.prefix.map_or_else(|| number.to_string(), |prefix| format!("{prefix}.{number}"))
    }

    /// The timestamp of the next record: each is later than the one before by as long as the tool has run.
    fn time(&mut self) -> Option<i64> {
        let time = self.create_time?;
        self.create_time = Some(time.saturating_add(now_ms() - self.begun_ms));
        Some(time)
    }

    /// Tells what became of a record.
    fn tell(&mut self, sent: Option<Sent>, output: &mut Output<'_>) {
        // A task that panicked has nothing to tell.
        let Some(Sent { key, value, outcome }) = sent else { return };
        let line = match outcome {
            Ok(metadata) => {
                self.acked += 1;
                event(
                    "producer_send_success",
                    &[
                        ("key", text_or_null(key.as_deref())),
                        ("value", record_json::text(&value)),
                        ("offset", metadata.offset.unwrap_or(-1).to_string()),
                        ("topic", record_json::text(&metadata.topic)),
                        ("partition", metadata.partition.to_string()),
                    ],
                )
            }
            Err(error) => self.refused(key.as_deref(), &value, &Failure::from(error)),
        };
        self.print(&line, output);
    }

    fn refused(&self, key: Option<&str>, value: &str, failure: &Failure) -> String {
        event(
            "producer_send_error",
            &[
                ("topic", record_json::text(&self.plan.topic)),
                ("key", text_or_null(key)),
                ("value", record_json::text(value)),
                ("exception", record_json::text(&format!("class {}", failure.exception()))),
                ("message", record_json::text(failure.message())),
            ],
        )
    }

    fn summary(&self) -> String {
        let rate = 1000.0 * (self.acked as f64 / (now_ms() - self.begun_ms) as f64);
        event(
            "tool_data",
            &[
                ("sent", self.sent.to_string()),
                ("acked", self.acked.to_string()),
                ("target_throughput", self.plan.throughput.to_string()),
                // JSON has no word for what comes of no time at all.
                (
                    "avg_throughput",
                    if rate.is_finite() { crate::java::floating(rate) } else { "\"NaN\"".to_owned() },
                ),
            ],
        )
    }

    fn print(&mut self, line: &str, output: &mut Output<'_>) {
        self.is_unread |= print(line, output).is_err();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client_settings::Written;

    #[test]
    fn keys_begin_anew_and_values_have_their_prefix() {
        let plan = Plan {
            topic: "t".to_owned(),
            count: None,
            throughput: -1,
            prefix: Some(-3),
            repeating_keys: Some(2),
            create_time: None,
            written: Written::default(),
        };
        let mut run = Run {
            plan: &plan,
            sent: 0,
            acked: 0,
            next_key: 0,
            create_time: None,
            begun_ms: now_ms(),
            begun: Instant::now(),
            on_the_way: JoinSet::new(),
            is_unread: false,
        };
        let keys: Vec<Option<String>> = (0..3).map(|_| run.key()).collect();
        assert_eq!(keys, ["0", "1", "0"].map(|key| Some(key.to_owned())));
        assert_eq!(run.value(7), "-3.7");
    }
}
