//! How fast it was.

use std::time::{Duration, Instant};

/// Bytes of what these tools call MB.
const MB: f64 = 1024.0 * 1024.0;
/// Latencies that are kept for percentiles.
const SAMPLES_MAX: u64 = 500_000;

/// Counts records that have arrived, in all and since the last line.
#[derive(Debug)]
pub(super) struct Stats {
    begun: Instant,
    all: Counts,
    window_begun: Instant,
    window: Counts,
    interval: Duration,
    /// Latencies of every so many records, in milliseconds.
    latencies: Vec<u32>,
    every: u64,
}

#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    records: u64,
    bytes: u64,
    latency_ms: u64,
    latency_ms_max: u64,
}

impl Counts {
    fn add(&mut self, latency_ms: u64, bytes: usize) {
        self.records += 1;
        self.bytes += bytes as u64;
        self.latency_ms += latency_ms;
        self.latency_ms_max = self.latency_ms_max.max(latency_ms);
    }

    fn latency_ms_avg(&self) -> f64 {
        self.latency_ms as f64 / self.records as f64
    }
}

impl Stats {
    pub(super) fn new(records: u64, interval: Duration) -> Stats {
        let now = Instant::now();
        Stats {
            begun: now,
            all: Counts::default(),
            window_begun: now,
            window: Counts::default(),
            interval,
            latencies: Vec::new(),
            every: (records / records.clamp(1, SAMPLES_MAX)).max(1),
        }
    }

    /// True where a line is due, as soon as a record has arrived.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.window_begun) >= self.interval
    }

    /// Counts a record that is seen `now` to have arrived; gives a line where one is due.
    pub(super) fn record(&mut self, latency: Duration, bytes: usize, now: Instant) -> Option<String> {
        if self.all.records == 0 && self.interval == Duration::MAX {
            // Those before it do not count, nor does their time.
            self.begun = now;
        }
        let latency_ms = u64::try_from(latency.as_millis()).unwrap_or(u64::MAX);
        if self.all.records.is_multiple_of(self.every) {
            self.latencies.push(u32::try_from(latency_ms).unwrap_or(u32::MAX));
        }
        self.all.add(latency_ms, bytes);
        self.window.add(latency_ms, bytes);
        self.is_due(now).then(|| self.line(now))
    }

    fn line(&mut self, now: Instant) -> String {
        let window = std::mem::take(&mut self.window);
        let seconds = seconds(now.saturating_duration_since(self.window_begun));
        self.window_begun = now;
        format!(
            "{} records sent, {:.1} records/sec ({:.2} MB/sec), {:.1} ms avg latency, {:.1} ms max latency.",
            window.records,
            window.records as f64 / seconds,
            window.bytes as f64 / seconds / MB,
            window.latency_ms_avg(),
            window.latency_ms_max as f64
        )
    }

    /// The line at the end; `state` says of which part it is.
    pub(super) fn total(&mut self, state: &str) -> String {
        let seconds = seconds(self.begun.elapsed());
        self.latencies.sort_unstable();
        let percentile = |part: f64| {
            let place = (part * self.latencies.len() as f64) as usize;
            self.latencies.get(place).copied().unwrap_or_default()
        };
        format!(
            "{}{state} records sent, {:.6} records/sec ({:.2} MB/sec), {:.2} ms avg latency, {:.2} ms max latency, {} ms 50th, {} ms 95th, {} ms 99th, {} ms 99.9th.",
            self.all.records,
            self.all.records as f64 / seconds,
            self.all.bytes as f64 / seconds / MB,
            self.all.latency_ms_avg(),
            self.all.latency_ms_max as f64,
            percentile(0.5),
            percentile(0.95),
            percentile(0.99),
            percentile(0.999)
        )
    }

    /// The table of the client's own figures, as far as they are kept.
    pub(super) fn metrics(&self, client_id: &str, failed: u64) -> String {
        let seconds = seconds(self.begun.elapsed());
        let Counts { records, bytes, .. } = self.all;
        let rows = [
            ("record-error-total", failed as f64),
            ("record-send-rate", records as f64 / seconds),
            ("record-send-total", records as f64),
            ("record-size-avg", bytes as f64 / (records as f64).max(1.0)),
            ("request-latency-avg", self.all.latency_ms_avg()),
            ("request-latency-max", self.all.latency_ms_max as f64),
        ];
        let names = rows.map(|(name, _)| format!("producer-metrics:{name}:{{client-id={client_id}}}"));
        let width = names.iter().map(String::len).max().unwrap_or_default();
        let mut table = format!("\n{:width$}   Value\n", "Metric Name");
        for (name, (_, value)) in names.iter().zip(rows) {
            table.push_str(&format!("{name:width$} : {value:.3}\n"));
        }
        table
    }
}

/// Seconds in whole milliseconds, as the original counts them, though never none at all.
fn seconds(time: Duration) -> f64 {
    time.as_millis().max(1) as f64 / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_has_percentiles() {
        let mut stats = Stats::new(1000, Duration::from_secs(60));
        for latency in 1..=1000 {
            assert_eq!(stats.record(Duration::from_millis(latency), 100, Instant::now()), None);
        }
        let line = stats.total("");
        assert!(line.starts_with("1000 records sent, "), "{line}");
        assert!(
            line.ends_with("500.50 ms avg latency, 1000.00 ms max latency, 501 ms 50th, 951 ms 95th, 991 ms 99th, 1000 ms 99.9th."),
            "{line}"
        );
        assert!(stats.metrics("c", 0).contains("producer-metrics:record-send-total:{client-id=c}"));
    }

    #[test]
    fn a_line_is_due_after_each_interval() {
        let mut stats = Stats::new(10, Duration::ZERO);
        let line = stats.record(Duration::from_millis(3), 1, Instant::now()).unwrap();
        assert!(
            line.starts_with("1 records sent, ") && line.ends_with("3.0 ms avg latency, 3.0 ms max latency.")
        );
    }
}
