//! The lines of figures.

use std::time::{Duration, Instant};

/// Bytes of what these tools call MB.
const MB: f64 = 1024.0 * 1024.0;

/// What was read.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Report {
    pub(super) records: u64,
    bytes: u64,
}

/// Time since the last line, and what had been read by then.
#[derive(Debug)]
pub(super) struct Interval {
    pub(super) begun: Instant,
    pub(super) before: Report,
}

impl Interval {
    pub(super) fn begin() -> Interval {
        Interval { begun: Instant::now(), before: Report::default() }
    }
}

/// The names above the figures.
pub(super) fn header(is_detailed: bool) -> String {
    let first = if is_detailed { "time, threadId" } else { "start.time, end.time" };
    format!(
        "{first}, data.consumed.in.MB, MB.sec, data.consumed.in.nMsg, nMsg.sec, rebalance.time.ms, fetch.time.ms, fetch.MB.sec, fetch.nMsg.sec"
    )
}

impl Report {
    pub(super) fn add(&mut self, bytes: usize) {
        self.records += 1;
        self.bytes += bytes as u64;
    }

    /// The line at the end.
    pub(super) fn total(&self, times: &[String; 2], took: Duration, joined: Duration) -> String {
        let [begin, end] = times;
        let (seconds, fetching) = (whole_millis(took) / 1000.0, millis(took) - millis(joined));
        let (mb, records) = (self.bytes as f64 / MB, self.records as f64);
        let fetched = fetching as f64 / 1000.0;
        format!(
            "{begin}, {end}, {mb:.4}, {:.4}, {}, {:.4}, {}, {fetching}, {:.4}, {:.4}",
            mb / seconds,
            self.records,
            records / seconds,
            millis(joined),
            mb / fetched,
            records / fetched
        )
    }

    /// The line of an interval.
    pub(super) fn line(&self, time: &str, interval: &Interval, joined: Duration) -> String {
        let took = interval.begun.elapsed();
        let mb = (self.bytes - interval.before.bytes) as f64 / MB;
        let records = (self.records - interval.before.records) as f64;
        let fetching = millis(took) - millis(joined);
        let per_second = |what: f64| if fetching <= 0 { 0.0 } else { 1000.0 * what / fetching as f64 };
        format!(
            "{time}, 0, {:.4}, {:.4}, {}, {:.4}, {}, {fetching}, {:.4}, {:.4}",
            self.bytes as f64 / MB,
            1000.0 * mb / whole_millis(took),
            self.records,
            1000.0 * records / whole_millis(took),
            millis(joined),
            per_second(mb),
            per_second(records)
        )
    }
}

fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

/// Milliseconds as the original counts them, though never none at all.
fn whole_millis(time: Duration) -> f64 {
    millis(time).max(1) as f64
}

/// Times as a pattern of Java's `SimpleDateFormat` shows them, as far as it is made of digits.
#[derive(Debug)]
pub(super) struct DateFormat {
    pattern: String,
}

impl DateFormat {
    pub(super) fn new(pattern: &str) -> DateFormat {
        DateFormat { pattern: pattern.to_owned() }
    }

    pub(super) fn show(&self, time: &jiff::Zoned) -> String {
        let mut shown = String::new();
        let mut rest = self.pattern.chars().peekable();
        while let Some(letter) = rest.next() {
            if letter == '\'' {
                // What stands between quotes stands for itself; two of them for one.
                let quoted: String = rest.by_ref().take_while(|next| *next != '\'').collect();
                shown.push_str(if quoted.is_empty() { "'" } else { &quoted });
                continue;
            }
            let mut width = 1;
            while rest.next_if_eq(&letter).is_some() {
                width += 1;
            }
            let number = match letter {
                'y' if width == 2 => i64::from(time.year()) % 100,
                'y' => i64::from(time.year()),
                'M' => i64::from(time.month()),
                'd' => i64::from(time.day()),
                'H' => i64::from(time.hour()),
                'm' => i64::from(time.minute()),
                's' => i64::from(time.second()),
                'S' => i64::from(time.millisecond()),
                other => {
                    shown.extend(std::iter::repeat_n(other, width));
                    continue;
                }
            };
            shown.push_str(&format!("{number:0width$}"));
        }
        shown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_stand_as_the_original_prints_them() {
        let report = Report { records: 3000, bytes: 300_000 };
        let times = ["2026-11-21 02:32:12:632".to_owned(), "2026-11-21 02:32:13:011".to_owned()];
        assert_eq!(
            report.total(&times, Duration::from_millis(379), Duration::from_millis(307)),
            "2026-11-21 02:32:12:632, 2026-11-21 02:32:13:011, 0.2861, 0.7549, 3000, 7915.5673, 307, 72, 3.9736, 41666.6667"
        );
    }

    #[test]
    fn times_are_shown_by_the_pattern() {
        let time = jiff::civil::datetime(2026, 11, 21, 2, 32, 12, 632_000_000);
        let time = time.to_zoned(jiff::tz::TimeZone::UTC).unwrap();
        let shown = |pattern| DateFormat::new(pattern).show(&time);
        assert_eq!(shown("yyyy-MM-dd HH:mm:ss:SSS"), "2026-11-21 02:32:12:632");
        assert_eq!(shown("d/M/yy 'at' H''"), "21/11/26 at 2'");
    }
}
