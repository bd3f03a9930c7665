//! What one core knows of the requests it served: how many of each kind, and where their time went.

use std::sync::OnceLock;

use crate::exposition::Exposition;
use crate::histogram::{Histogram, Snapshot};

/// API keys are below this.
const API_KEYS: usize = 96;
/// Fetches of followers are counted beside those of consumers, behind the API keys.
const KINDS: usize = API_KEYS + 1;
/// API key of Fetch.
const FETCH: i16 = 1;

/// Which row a request is counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestKind(usize);

/// How long a request took, in microseconds.
#[derive(Debug, Clone, Copy, Default)]
pub struct RequestTimes {
    /// From the read of its last byte to the first look at it.
    pub queue_us: u64,
    /// In the handler.
    pub local_us: u64,
    /// Parked: waiting for bytes, acknowledgements or the controller.
    pub remote_us: u64,
    /// From the finished answer to its last byte given to the kernel.
    pub send_us: u64,
}

#[derive(Debug, Default)]
struct Row {
    total: Histogram,
    queue: Histogram,
    local: Histogram,
    remote: Histogram,
    send: Histogram,
}

/// The requests of one core.
#[derive(Debug)]
pub struct RequestMetrics {
    rows: [OnceLock<Box<Row>>; KINDS],
}

impl RequestKind {
    /// The row of an API key; unknown keys have none.
    pub fn of_api(api_key: i16) -> Option<RequestKind> {
        usize::try_from(api_key).ok().filter(|key| *key < API_KEYS).map(RequestKind)
    }

    /// The row of fetches by followers.
    pub fn fetch_follower() -> RequestKind {
        RequestKind(API_KEYS)
    }

    /// The `request` label, given the API's name.
    fn label(self, api_name: impl Fn(i16) -> Option<&'static str>) -> Option<&'static str> {
        match self.0 {
            API_KEYS => Some("FetchFollower"),
            key if key == FETCH as usize => Some("FetchConsumer"),
            key => api_name(key as i16),
        }
    }
}

impl Default for RequestMetrics {
    fn default() -> Self {
        RequestMetrics { rows: [const { OnceLock::new() }; KINDS] }
    }
}

impl RequestMetrics {
    /// Counts one answered request.
    pub fn record(&self, kind: RequestKind, times: RequestTimes) {
        let Some(row) = self.rows.get(kind.0) else { return };
        let row = row.get_or_init(Box::default);
        let RequestTimes { queue_us, local_us, remote_us, send_us } = times;
        row.total.record(queue_us + local_us + remote_us + send_us);
        row.queue.record(queue_us);
        row.local.record(local_us);
        row.remote.record(remote_us);
        row.send.record(send_us);
    }

    /// Writes the request metrics of all cores; `api_name` gives the name behind an API key.
    pub fn expose(
        cores: &[&RequestMetrics],
        api_name: impl Fn(i16) -> Option<&'static str>,
        page: &mut Exposition,
    ) {
        let counted: Vec<(&'static str, Vec<&Row>)> = (0..KINDS)
            .filter_map(|kind| {
                let rows: Vec<&Row> =
                    cores.iter().filter_map(|core| core.rows[kind].get().map(Box::as_ref)).collect();
                let label = RequestKind(kind).label(&api_name)?;
                (!rows.is_empty()).then_some((label, rows))
            })
            .collect();
        for (label, rows) in &counted {
            let count = summed(rows, |row| &row.total).count();
            page.counter("kafka_network_requestmetrics_requests_total", &[("request", label)], count);
        }
        type Part = fn(&Row) -> &Histogram;
        let parts: [(&str, Part); 5] = [
            ("totaltimems", |row| &row.total),
            ("requestqueuetimems", |row| &row.queue),
            ("localtimems", |row| &row.local),
            ("remotetimems", |row| &row.remote),
            ("responsesendtimems", |row| &row.send),
        ];
        for (part, histogram) in parts {
            let name = format!("kafka_network_requestmetrics_{part}");
            let snapshots: Vec<_> =
                counted.iter().map(|(label, rows)| (label, summed(rows, histogram))).collect();
            for (label, snapshot) in &snapshots {
                page.counter(&format!("{name}_count"), &[("request", label)], snapshot.count());
            }
            for (label, snapshot) in &snapshots {
                page.quantiles(&name, &[("request", label)], snapshot, 1_000.0);
            }
        }
    }
}

fn summed(rows: &[&Row], part: fn(&Row) -> &Histogram) -> Snapshot {
    let mut snapshot = Snapshot::default();
    rows.iter().for_each(|row| part(row).add_to(&mut snapshot));
    snapshot
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_of_all_cores_are_added_up_under_kafkas_names() {
        let (one, other) = (RequestMetrics::default(), RequestMetrics::default());
        let produce = RequestKind::of_api(0).unwrap();
        one.record(produce, RequestTimes { local_us: 5_000, ..Default::default() });
        other.record(produce, RequestTimes { local_us: 5_000, ..Default::default() });
        other.record(RequestKind::of_api(1).unwrap(), RequestTimes::default());
        other.record(RequestKind::fetch_follower(), RequestTimes::default());
        let mut page = Exposition::default();
        let name = |key: i16| Some(if key == 0 { "Produce" } else { "Fetch" });
        RequestMetrics::expose(&[&one, &other], name, &mut page);
        let text = page.finish();
        assert!(
            text.contains("kafka_network_requestmetrics_requests_total{request=\"Produce\"} 2\n"),
            "{text}"
        );
        assert!(text.contains("requests_total{request=\"FetchConsumer\"} 1\n"), "{text}");
        assert!(text.contains("requests_total{request=\"FetchFollower\"} 1\n"), "{text}");
        assert!(
            text.contains("kafka_network_requestmetrics_localtimems_count{request=\"Produce\"} 2\n"),
            "{text}"
        );
    }

    #[test]
    fn keys_outside_the_table_have_no_row() {
        assert_eq!(RequestKind::of_api(-1), None);
        assert_eq!(RequestKind::of_api(96), None);
    }
}
