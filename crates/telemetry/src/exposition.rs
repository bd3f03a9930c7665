//! The Prometheus text format (version 0.0.4).

use std::collections::BTreeSet;
use std::fmt::Write;

use crate::histogram::Snapshot;

/// Quantiles that Kafka's histograms are published with.
const QUANTILES: [f64; 6] = [0.5, 0.75, 0.95, 0.98, 0.99, 0.999];

/// What a metric is, for its TYPE line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricKind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
}

/// A page of metrics under construction.
#[derive(Debug, Default)]
pub struct Exposition {
    text: String,
    described: BTreeSet<String>,
}

impl Exposition {
    /// Adds one sample; the first one of a name brings its TYPE line. Samples of a name must be neighbours.
    pub fn sample(&mut self, name: &str, kind: MetricKind, labels: &[(&str, &str)], value: f64) {
        if !self.described.contains(name) {
            self.described.insert(name.to_owned());
            let kind = if kind == MetricKind::Counter { "counter" } else { "gauge" };
            let _ = writeln!(self.text, "# TYPE {name} {kind}");
        }
        self.text.push_str(name);
        for (at, (label, value)) in labels.iter().enumerate() {
            self.text.push(if at == 0 { '{' } else { ',' });
            let _ = write!(self.text, "{label}=\"");
            self.push_escaped(value);
            self.text.push('"');
        }
        self.text.push_str(if labels.is_empty() { " " } else { "} " });
        let _ = writeln!(self.text, "{value}");
    }

    /// Adds a counter.
    pub fn counter(&mut self, name: &str, labels: &[(&str, &str)], value: u64) {
        self.sample(name, MetricKind::Counter, labels, value as f64);
    }

    /// Adds a gauge.
    pub fn gauge(&mut self, name: &str, labels: &[(&str, &str)], value: f64) {
        self.sample(name, MetricKind::Gauge, labels, value);
    }

    /// Adds the quantiles of a histogram as gauges, each value divided by `unit`.
    pub fn quantiles(&mut self, name: &str, labels: &[(&str, &str)], snapshot: &Snapshot, unit: f64) {
        for quantile in QUANTILES {
            let shown = if quantile == 0.5 { "0.50".to_owned() } else { quantile.to_string() };
            let labels = [labels, &[("quantile", shown.as_str())]].concat();
            self.gauge(name, &labels, snapshot.quantile(quantile) as f64 / unit);
        }
    }

    /// The finished page.
    pub fn finish(self) -> String {
        self.text
    }

    fn push_escaped(&mut self, value: &str) {
        for character in value.chars() {
            match character {
                '\\' => self.text.push_str("\\\\"),
                '"' => self.text.push_str("\\\""),
                '\n' => self.text.push_str("\\n"),
                other => self.text.push(other),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Histogram;

    #[test]
    fn samples_are_described_once_and_labels_escaped() {
        let mut page = Exposition::default();
        page.counter("a_total", &[("topic", "x\"\\\n")], 3);
        page.counter("a_total", &[], 4);
        page.gauge("b", &[("p", "1"), ("q", "2")], 0.5);
        let expected = "# TYPE a_total counter\na_total{topic=\"x\\\"\\\\\\n\"} 3\na_total 4\n# TYPE b gauge\nb{p=\"1\",q=\"2\"} 0.5\n";
        assert_eq!(page.finish(), expected);
    }

    #[test]
    fn quantiles_have_kafkas_labels() {
        let histogram = Histogram::default();
        histogram.record(4);
        let mut snapshot = Snapshot::default();
        histogram.add_to(&mut snapshot);
        let mut page = Exposition::default();
        page.quantiles("t", &[("request", "Produce")], &snapshot, 2.0);
        let text = page.finish();
        assert!(text.contains("t{request=\"Produce\",quantile=\"0.50\"} 2\n"), "{text}");
        assert!(text.contains("quantile=\"0.999\"} 2\n"), "{text}");
    }
}
