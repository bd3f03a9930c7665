//! Settings that contradict each other, as a table of rules over what brokers and topics have.

use std::collections::BTreeMap;

use super::report::Report;

/// Bytes of offset and length, which Kafka's own defaults of `message.max.bytes` and `replica.fetch.max.bytes` differ by.
const LOG_OVERHEAD: i64 = 12;
/// From how many brokers on one replica of what matters is too few.
const BROKERS_FOR_COPIES: usize = 3;
/// Topics whose replicas matter most.
const COORDINATED: [&str; 2] = ["__consumer_offsets", "__transaction_state"];

const BROKER: &str = "broker settings";
const TOPIC: &str = "topic settings";

/// Settings by key.
#[derive(Debug, Default, Clone)]
pub(super) struct Values(pub(super) BTreeMap<String, String>);

impl Values {
    fn number(&self, key: &str) -> Option<i64> {
        self.0.get(key)?.trim().parse().ok()
    }

    fn is_true(&self, key: &str) -> bool {
        self.0.get(key).is_some_and(|text| text.eq_ignore_ascii_case("true"))
    }

    fn contains(&self, key: &str, word: &str) -> bool {
        self.0.get(key).is_some_and(|text| text.split(',').any(|part| part.trim() == word))
    }

    /// Two numbers where both are there and the first is the greater.
    fn exceeds(&self, key: &str, other: &str) -> Option<(i64, i64)> {
        let (value, bound) = (self.number(key)?, self.number(other)?);
        (value > bound).then_some((value, bound))
    }
}

/// Looks at the settings of one broker of a cluster of so many.
pub(super) fn check_broker(id: i32, values: &Values, brokers: usize, report: &mut Report) {
    let of_broker = format!("broker {id}: ");
    let mut problem = |evidence: String, cause: &str, remedy: &str| {
        report.problem(BROKER, format!("{of_broker}{evidence}"), cause, remedy);
    };
    for key in [
        "default.replication.factor",
        "offsets.topic.replication.factor",
        "transaction.state.log.replication.factor",
    ] {
        let factor = values.number(key).and_then(|factor| usize::try_from(factor).ok());
        let Some(factor) = factor else { continue };
        if factor > brokers {
            problem(
                format!("{key}={factor} with {}", counted(brokers, "broker")),
                "topics cannot have more replicas than there are brokers, so that they are not created",
                "lower it, or start more brokers",
            );
        } else if factor == 1 && brokers >= BROKERS_FOR_COPIES && key != "default.replication.factor" {
            problem(
                format!("{key}=1 with {}", counted(brokers, "broker")),
                "where the one broker that holds a partition of it is down, groups or transactions stand still",
                "set it to 3 and give the topic that is there more replicas with kafka-reassign-partitions",
            );
        }
    }
    for (insync, factor) in [
        ("min.insync.replicas", "default.replication.factor"),
        ("transaction.state.log.min.isr", "transaction.state.log.replication.factor"),
    ] {
        if let Some((insync_count, replicas)) = values.exceeds(insync, factor) {
            problem(
                format!("{insync}={insync_count} and {factor}={replicas}"),
                "topics that are created so never have as many replicas in sync, so that acks=all is refused",
                "lower the first, or raise the second",
            );
        }
    }
    if let (Some(message), Some(fetch)) =
        (values.number("message.max.bytes"), values.number("replica.fetch.max.bytes"))
        && message.saturating_sub(LOG_OVERHEAD) > fetch
    {
        problem(
            format!("message.max.bytes={message} and replica.fetch.max.bytes={fetch}"),
            "followers fetch the largest batches one at a time, and fall behind",
            "raise replica.fetch.max.bytes at least as far",
        );
    }
    if values.is_true("unclean.leader.election.enable") && brokers > 1 {
        problem(
            "unclean.leader.election.enable=true".to_owned(),
            "a replica that is behind may become leader, and what producers with acks=all were told is written is lost",
            "set it to false, and to true only for topics whose records may be lost",
        );
    }
}

/// `1 broker`, `2 brokers`.
fn counted(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

/// What a topic is, beside its settings.
#[derive(Debug, Clone, Copy)]
pub(super) struct TopicShape<'t> {
    pub(super) name: &'t str,
    pub(super) replicas: usize,
    /// Brokers of the cluster.
    pub(super) brokers: usize,
    /// `replica.fetch.max.bytes` of a broker.
    pub(super) replica_fetch_bytes: Option<i64>,
}

/// Looks at the settings of one topic.
pub(super) fn check_topic(shape: TopicShape<'_>, values: &Values, report: &mut Report) {
    let TopicShape { name, replicas, brokers, replica_fetch_bytes } = shape;
    let of_topic = format!("topic '{name}': ");
    let mut problem = |evidence: String, cause: &str, remedy: &str| {
        report.problem(TOPIC, format!("{of_topic}{evidence}"), cause, remedy);
    };
    let insync =
        values.number("min.insync.replicas").and_then(|count| usize::try_from(count).ok()).unwrap_or(1);
    if insync > replicas {
        problem(
            format!("min.insync.replicas={insync} and {}", counted(replicas, "replica")),
            "there are never as many replicas in sync, so that producers with acks=all are always refused",
            "lower min.insync.replicas, or give the topic more replicas",
        );
    }
    let deletes = values.contains("cleanup.policy", "delete");
    for (kept, segment, what) in
        [("retention.ms", "segment.ms", "old"), ("retention.bytes", "segment.bytes", "large")]
    {
        let bound = values.number(kept).filter(|bound| *bound >= 0 && deletes);
        if let (Some(bound), Some(size)) = (bound, values.number(segment))
            && bound < size
        {
            problem(
                format!("{kept}={bound} and {segment}={size}"),
                &format!(
                    "only whole segments are deleted, and the one that is written to becomes as {what} as {segment} says"
                ),
                &format!("lower {segment} to {kept} or below"),
            );
        }
    }
    if let (Some(message), Some(fetch)) = (values.number("max.message.bytes"), replica_fetch_bytes)
        && replicas > 1
        && message.saturating_sub(LOG_OVERHEAD) > fetch
    {
        problem(
            format!("max.message.bytes={message} and replica.fetch.max.bytes={fetch} of the brokers"),
            "followers fetch the largest batches one at a time, and fall behind",
            "raise replica.fetch.max.bytes of the brokers at least as far",
        );
    }
    if values.is_true("unclean.leader.election.enable") && insync > 1 {
        problem(
            format!("unclean.leader.election.enable=true and min.insync.replicas={insync}"),
            "the one gives up records for the sake of a leader, the other gives up leaders for the sake of records",
            "set unclean.leader.election.enable=false where records matter, else min.insync.replicas=1",
        );
    }
    if replicas == 1 && brokers >= BROKERS_FOR_COPIES && COORDINATED.contains(&name) {
        problem(
            format!("1 replica with {}", counted(brokers, "broker")),
            "where the one broker that holds a partition of it is down, groups or transactions stand still",
            "give it more replicas with kafka-reassign-partitions",
        );
    }
    if insync == replicas && replicas > 1 {
        report.note(
            TOPIC,
            format!("{of_topic}min.insync.replicas={insync} is as much as there are replicas"),
            "producers with acks=all are refused as soon as one of the brokers is down",
            "lower min.insync.replicas by one, or give the topic one replica more",
        );
    }
}

#[cfg(test)]
mod tests {
    use super::super::report::Level;
    use super::*;

    fn values(pairs: &[(&str, &str)]) -> Values {
        Values(pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect())
    }

    fn of_broker(pairs: &[(&str, &str)], brokers: usize) -> Vec<String> {
        let mut report = Report::default();
        check_broker(1, &values(pairs), brokers, &mut report);
        report.evidences(Level::Problem).into_iter().map(str::to_owned).collect()
    }

    fn of_topic(pairs: &[(&str, &str)], name: &str, replicas: usize) -> Vec<String> {
        let mut report = Report::default();
        let shape = TopicShape { name, replicas, brokers: 3, replica_fetch_bytes: Some(1_048_576) };
        check_topic(shape, &values(pairs), &mut report);
        report.evidences(Level::Problem).into_iter().map(str::to_owned).collect()
    }

    #[test]
    fn kafkas_defaults_contradict_nothing() {
        let defaults = [
            ("default.replication.factor", "1"),
            ("offsets.topic.replication.factor", "3"),
            ("transaction.state.log.replication.factor", "3"),
            ("transaction.state.log.min.isr", "2"),
            ("min.insync.replicas", "1"),
            ("message.max.bytes", "1048588"),
            ("replica.fetch.max.bytes", "1048576"),
            ("unclean.leader.election.enable", "false"),
        ];
        assert_eq!(of_broker(&defaults, 3), [""; 0]);
        let defaults = [
            ("cleanup.policy", "delete"),
            ("retention.ms", "604800000"),
            ("segment.ms", "604800000"),
            ("retention.bytes", "-1"),
            ("segment.bytes", "1073741824"),
            ("max.message.bytes", "1048588"),
        ];
        assert_eq!(of_topic(&defaults, "t", 3), [""; 0]);
    }

    #[test]
    fn each_contradiction_of_a_broker_is_found() {
        for (pairs, brokers, evidence) in [
            (&[("default.replication.factor", "3")][..], 1, "default.replication.factor=3 with 1 broker"),
            (
                &[("offsets.topic.replication.factor", "1")],
                3,
                "offsets.topic.replication.factor=1 with 3 brokers",
            ),
            (
                &[("min.insync.replicas", "2"), ("default.replication.factor", "1")],
                3,
                "min.insync.replicas=2 and default.replication.factor=1",
            ),
            (
                &[("message.max.bytes", "2000000"), ("replica.fetch.max.bytes", "1048576")],
                1,
                "message.max.bytes=2000000 and replica.fetch.max.bytes=1048576",
            ),
            (&[("unclean.leader.election.enable", "true")], 2, "unclean.leader.election.enable=true"),
        ] {
            assert_eq!(of_broker(pairs, brokers), [format!("broker 1: {evidence}")]);
        }
        assert_eq!(
            of_broker(&[("offsets.topic.replication.factor", "1")], 1),
            [""; 0],
            "there is but one broker"
        );
    }

    #[test]
    fn each_contradiction_of_a_topic_is_found() {
        let delete = ("cleanup.policy", "delete");
        for (pairs, evidence) in [
            (&[("min.insync.replicas", "2")][..], "min.insync.replicas=2 and 1 replica"),
            (
                &[delete, ("retention.ms", "1000"), ("segment.ms", "2000")],
                "retention.ms=1000 and segment.ms=2000",
            ),
            (
                &[delete, ("retention.bytes", "0"), ("segment.bytes", "9")],
                "retention.bytes=0 and segment.bytes=9",
            ),
        ] {
            assert_eq!(of_topic(pairs, "t", 1), [format!("topic 't': {evidence}")]);
        }
        let compacted = [("cleanup.policy", "compact"), ("retention.ms", "1000"), ("segment.ms", "2000")];
        assert_eq!(of_topic(&compacted, "t", 1), [""; 0], "retention deletes nothing there");
        assert_eq!(of_topic(&[("max.message.bytes", "5000000")], "t", 3).len(), 1);
        assert_eq!(of_topic(&[("max.message.bytes", "5000000")], "t", 1), [""; 0], "nobody follows");
        assert_eq!(
            of_topic(&[("unclean.leader.election.enable", "true"), ("min.insync.replicas", "2")], "t", 3)
                .len(),
            1
        );
        assert_eq!(of_topic(&[], "__consumer_offsets", 1).len(), 1);
    }
}
