//! Settings of this client, from its profile and `-X`, that contradict each other or those of a broker.

use config::{ClientKind, ClientSettings};

use super::report::Report;
use super::rules::Values;
use crate::failure::Failure;
use crate::session::Session;

const CHECK: &str = "client settings";

/// What was written, read for each kind of client.
pub(super) struct Own {
    producer: ClientSettings,
    consumer: ClientSettings,
    has_any: bool,
}

impl Own {
    /// Reads it without the defaults of these commands.
    pub(super) fn of(session: &Session<'_>) -> Result<Own, Failure> {
        let read = |kind: ClientKind| {
            let known = session.written.iter().filter(|(key, _)| kind.setting(key).is_some());
            ClientSettings::read(kind, known.map(|(key, value)| (key.as_str(), value.as_str())))
                .map_err(|error| Failure::not_run(error.to_string()))
        };
        let has_any = session.written.keys().any(|key| key != "bootstrap.servers");
        Ok(Own { producer: read(ClientKind::Producer)?, consumer: read(ClientKind::Consumer)?, has_any })
    }

    /// `security.protocol`, in capitals.
    pub(super) fn protocol(&self) -> String {
        self.text("security.protocol").to_ascii_uppercase()
    }

    /// A setting that all kinds of clients have.
    pub(super) fn text(&self, key: &str) -> String {
        self.consumer.text(key).unwrap_or_default()
    }
}

/// Looks at what the client has by itself.
pub(super) fn check(own: &Own, report: &mut Report) {
    let before = report.problems();
    check_consumer(&own.consumer, report);
    check_producer(&own.producer, report);
    if own.has_any {
        report.fine_since(before, CHECK, "those of the profile and of -X do not contradict each other");
    }
}

fn check_consumer(consumer: &ClientSettings, report: &mut Report) {
    let number = |key: &str| consumer.integer(key);
    let (session, heartbeat) = (number("session.timeout.ms"), number("heartbeat.interval.ms"));
    let poll = number("max.poll.interval.ms");
    // In the consumer protocol the broker decides about these.
    let is_classic =
        !consumer.text("group.protocol").is_some_and(|name| name.eq_ignore_ascii_case("consumer"));
    if is_classic && heartbeat.saturating_mul(3) > session {
        report.problem(
            CHECK,
            format!("heartbeat.interval.ms={heartbeat} and session.timeout.ms={session}"),
            "a member whose heartbeat is late once is taken for dead, and its group is divided anew",
            "let heartbeat.interval.ms be a third of session.timeout.ms at most",
        );
    }
    if is_classic && poll < session {
        report.problem(
            CHECK,
            format!("max.poll.interval.ms={poll} and session.timeout.ms={session}"),
            "a member that works on what it has read leaves the group before anybody would miss it",
            "let max.poll.interval.ms be longer than the work on max.poll.records records ever takes, and than session.timeout.ms",
        );
    }
    let (wait, request) = (number("fetch.max.wait.ms"), number("request.timeout.ms"));
    if wait >= request {
        report.problem(
            CHECK,
            format!("fetch.max.wait.ms={wait} and request.timeout.ms={request}"),
            "a fetch from a quiet topic is given up before the broker answers it",
            "let fetch.max.wait.ms be well below request.timeout.ms",
        );
    }
    let api = number("default.api.timeout.ms");
    if api < request {
        report.problem(
            CHECK,
            format!("default.api.timeout.ms={api} and request.timeout.ms={request}"),
            "a call is over before the first of its requests may be",
            "let default.api.timeout.ms be request.timeout.ms at least",
        );
    }
}

fn check_producer(producer: &ClientSettings, report: &mut Report) {
    let number = |key: &str| producer.integer(key);
    let (delivery, linger, request) =
        (number("delivery.timeout.ms"), number("linger.ms"), number("request.timeout.ms"));
    if delivery < linger.saturating_add(request) {
        report.problem(
            CHECK,
            format!("delivery.timeout.ms={delivery}, linger.ms={linger} and request.timeout.ms={request}"),
            "a record is given up before its first request is; Kafka's producers refuse to start so",
            "let delivery.timeout.ms be linger.ms and request.timeout.ms together at least",
        );
    }
    if producer.boolean("enable.idempotence") && producer.is_written("enable.idempotence") {
        let acks = producer.text("acks").unwrap_or_default();
        let (retries, in_flight) = (number("retries"), number("max.in.flight.requests.per.connection"));
        let is_all = acks == "all" || acks == "-1";
        if !is_all || retries == 0 || in_flight > 5 {
            report.problem(
                CHECK,
                format!("enable.idempotence=true with acks={acks}, retries={retries} and max.in.flight.requests.per.connection={in_flight}"),
                "records are written once and in order only with acks=all, retries, and five requests in flight at most; Kafka's producers refuse to start so",
                "leave acks, retries and max.in.flight.requests.per.connection at their defaults",
            );
        }
    }
}

/// Looks at what the client has beside what a broker has.
pub(super) fn check_with_broker(own: &Own, broker: &Values, report: &mut Report) {
    let number = |key: &str| broker.0.get(key).and_then(|text| text.parse::<i64>().ok());
    let session = own.consumer.integer("session.timeout.ms");
    let bounds = number("group.min.session.timeout.ms").zip(number("group.max.session.timeout.ms"));
    if let Some((least, greatest)) = bounds
        && !(least..=greatest).contains(&session)
    {
        report.problem(
            CHECK,
            format!("session.timeout.ms={session}, and brokers take {least} to {greatest}"),
            "members of the classic protocol are refused with INVALID_SESSION_TIMEOUT",
            "choose session.timeout.ms within that range, or change group.min.session.timeout.ms and group.max.session.timeout.ms of the brokers",
        );
    }
    let request = own.producer.integer("max.request.size");
    if let Some(message) = number("message.max.bytes").filter(|message| *message < request)
        && own.producer.is_written("max.request.size")
    {
        report.problem(
            CHECK,
            format!("max.request.size={request}, and brokers take batches of message.max.bytes={message}"),
            "a record that the producer lets pass is refused by the broker with RecordTooLargeException",
            "lower max.request.size, or raise message.max.bytes or max.message.bytes of the topics",
        );
    }
}

#[cfg(test)]
mod tests {
    use super::super::report::Level;
    use super::*;

    fn own(written: &[(&str, &str)]) -> Own {
        let read = |kind: ClientKind| {
            let known = written.iter().filter(|(key, _)| kind.setting(key).is_some());
            ClientSettings::read(kind, known.copied()).unwrap()
        };
        Own { producer: read(ClientKind::Producer), consumer: read(ClientKind::Consumer), has_any: true }
    }

    fn problems(written: &[(&str, &str)]) -> usize {
        let mut report = Report::default();
        check(&own(written), &mut report);
        report.problems()
    }

    #[test]
    fn defaults_are_sound_and_contradictions_are_found() {
        assert_eq!(problems(&[]), 0);
        assert_eq!(problems(&[("heartbeat.interval.ms", "20000")]), 1);
        assert_eq!(problems(&[("heartbeat.interval.ms", "15000")]), 0, "a third is enough");
        assert_eq!(problems(&[("max.poll.interval.ms", "10000")]), 1);
        assert_eq!(problems(&[("group.protocol", "consumer"), ("max.poll.interval.ms", "10000")]), 0);
        assert_eq!(problems(&[("delivery.timeout.ms", "10000")]), 1);
        assert_eq!(problems(&[("fetch.max.wait.ms", "30000")]), 1);
        assert_eq!(problems(&[("default.api.timeout.ms", "1000")]), 1);
        assert_eq!(problems(&[("enable.idempotence", "true"), ("acks", "1")]), 1);
        assert_eq!(problems(&[("acks", "1")]), 0, "nobody asked for idempotence");
    }

    #[test]
    fn brokers_bound_what_clients_may_ask_for() {
        let broker = [
            ("group.min.session.timeout.ms", "6000"),
            ("group.max.session.timeout.ms", "60000"),
            ("message.max.bytes", "1048588"),
        ];
        let broker =
            Values(broker.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect());
        let found = |written: &[(&str, &str)]| {
            let mut report = Report::default();
            check_with_broker(&own(written), &broker, &mut report);
            report.evidences(Level::Problem).len()
        };
        assert_eq!(found(&[]), 0);
        assert_eq!(found(&[("session.timeout.ms", "70000")]), 1);
        assert_eq!(found(&[("max.request.size", "5000000")]), 1);
    }
}
