//! What a consumer's settings say, read once.

use std::time::Duration;

use config::ClientSettings;

use super::assignors::AssignorKind;
use crate::backoff::Backoff;
use crate::error::Error;

/// The settings that the parts of a consumer need.
#[derive(Debug, Clone)]
pub(crate) struct ConsumerOptions {
    /// `group.id`.
    pub(crate) group: Option<String>,
    /// `group.instance.id`.
    pub(crate) instance: Option<String>,
    /// `group.protocol`.
    pub(crate) protocol: GroupProtocol,
    /// `partition.assignment.strategy`, the preferred one first.
    pub(crate) assignors: Vec<AssignorKind>,
    /// `group.remote.assignor`.
    pub(crate) remote_assignor: Option<String>,
    /// `session.timeout.ms`.
    pub(crate) session_timeout: Duration,
    /// `heartbeat.interval.ms`.
    pub(crate) heartbeat_interval: Duration,
    /// `max.poll.interval.ms`.
    pub(crate) poll_interval_max: Duration,
    /// `max.poll.records`.
    pub(crate) poll_records_max: usize,
    /// `fetch.min.bytes`.
    pub(crate) fetch_bytes_min: i32,
    /// `fetch.max.bytes`.
    pub(crate) fetch_bytes_max: i32,
    /// `fetch.max.wait.ms`.
    pub(crate) fetch_wait_max: Duration,
    /// `max.partition.fetch.bytes`.
    pub(crate) partition_bytes_max: i32,
    /// `auto.commit.interval.ms` where `enable.auto.commit` says so.
    pub(crate) auto_commit: Option<Duration>,
    /// `auto.offset.reset`.
    pub(crate) reset: OffsetReset,
    /// `isolation.level`.
    pub(crate) isolation: Isolation,
    /// `check.crcs`.
    pub(crate) checks_crcs: bool,
    /// `client.rack`.
    pub(crate) rack: String,
    /// `allow.auto.create.topics`.
    pub(crate) may_create_topics: bool,
    /// `exclude.internal.topics`.
    pub(crate) excludes_internal: bool,
    /// `metadata.max.age.ms`.
    pub(crate) metadata_age_max: Duration,
    /// `default.api.timeout.ms`.
    pub(crate) api_timeout: Duration,
    /// `retry.backoff.ms` and `retry.backoff.max.ms`.
    pub(crate) backoff: Backoff,
}

/// How the members of a group agree on who reads what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum GroupProtocol {
    /// One member divides the partitions among all.
    Classic,
    /// The broker divides them (KIP-848).
    Consumer,
}

/// Where a consumer begins that finds no committed offset, or one that is out of range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OffsetReset {
    /// At the first record.
    Earliest,
    /// Behind the last record.
    Latest,
    /// At the first record that is not older than so long ago (KIP-1106).
    ByDuration(Duration),
    /// Nowhere: it is an error.
    None,
}

/// Which records of transactions are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Isolation {
    /// All.
    ReadUncommitted,
    /// Those of committed ones.
    ReadCommitted,
}

impl Isolation {
    /// As requests name it.
    pub(crate) fn id(self) -> i8 {
        match self {
            Isolation::ReadUncommitted => 0,
            Isolation::ReadCommitted => 1,
        }
    }
}

/// Settings that the broker has in the consumer protocol; a consumer that writes them is refused, as Kafka does.
const OF_THE_BROKER: [&str; 3] =
    ["heartbeat.interval.ms", "session.timeout.ms", "partition.assignment.strategy"];

impl ConsumerOptions {
    /// Reads them and refuses combinations that Kafka refuses, in its words.
    pub(crate) fn of(settings: &ClientSettings) -> Result<ConsumerOptions, Error> {
        let text = |key: &str| settings.text(key).filter(|text| !text.is_empty());
        let protocol = match text("group.protocol") {
            Some(name) if name.eq_ignore_ascii_case("consumer") => GroupProtocol::Consumer,
            _ => GroupProtocol::Classic,
        };
        if protocol == GroupProtocol::Consumer
            && let Some(key) = OF_THE_BROKER.iter().find(|key| settings.is_written(key))
        {
            return Err(Error::Invalid(format!("{key} cannot be set when group.protocol=CONSUMER")));
        }
        let remote_assignor = text("group.remote.assignor");
        if protocol == GroupProtocol::Classic && remote_assignor.is_some() {
            let sentence = "group.remote.assignor cannot be set when group.protocol=CLASSIC";
            return Err(Error::Invalid(sentence.to_owned()));
        }
        let group = settings.text("group.id");
        if group.as_ref().is_some_and(|group| group.trim().is_empty()) {
            let sentence = "The configured group.id should not be an empty string or whitespace.";
            return Err(Error::Invalid(sentence.to_owned()));
        }
        if protocol == GroupProtocol::Classic
            && settings.millis("heartbeat.interval.ms") >= settings.millis("session.timeout.ms")
        {
            return Err(Error::Invalid("Heartbeat must be set lower than the session timeout".to_owned()));
        }
        Ok(ConsumerOptions {
            instance: text("group.instance.id"),
            protocol,
            assignors: AssignorKind::parse_all(&settings.list("partition.assignment.strategy"))?,
            remote_assignor,
            session_timeout: settings.millis("session.timeout.ms"),
            heartbeat_interval: settings.millis("heartbeat.interval.ms"),
            poll_interval_max: settings.millis("max.poll.interval.ms"),
            poll_records_max: usize::try_from(settings.integer("max.poll.records")).unwrap_or(usize::MAX),
            fetch_bytes_min: settings.int("fetch.min.bytes"),
            fetch_bytes_max: settings.int("fetch.max.bytes"),
            fetch_wait_max: settings.millis("fetch.max.wait.ms"),
            partition_bytes_max: settings.int("max.partition.fetch.bytes"),
            auto_commit: auto_commit(settings, group.as_deref())?,
            group,
            reset: OffsetReset::parse(&settings.text("auto.offset.reset").unwrap_or_default())?,
            isolation: match text("isolation.level").as_deref() {
                Some("read_committed") => Isolation::ReadCommitted,
                _ => Isolation::ReadUncommitted,
            },
            checks_crcs: settings.boolean("check.crcs"),
            rack: text("client.rack").unwrap_or_default(),
            may_create_topics: settings.boolean("allow.auto.create.topics"),
            excludes_internal: settings.boolean("exclude.internal.topics"),
            metadata_age_max: settings.millis("metadata.max.age.ms"),
            api_timeout: settings.millis("default.api.timeout.ms"),
            backoff: Backoff::new(
                settings.millis("retry.backoff.ms"),
                settings.millis("retry.backoff.max.ms"),
            ),
        })
    }

    /// As requests say how long a change of the group may take.
    pub(crate) fn rebalance_timeout_ms(&self) -> i32 {
        i32::try_from(self.poll_interval_max.as_millis()).unwrap_or(i32::MAX)
    }
}

/// A consumer without a group commits nothing by itself.
fn auto_commit(settings: &ClientSettings, group: Option<&str>) -> Result<Option<Duration>, Error> {
    let is_on = settings.boolean("enable.auto.commit");
    if group.is_none() && is_on && settings.is_written("enable.auto.commit") {
        let sentence = "enable.auto.commit cannot be set to true when default group id (null) is used.";
        return Err(Error::Invalid(sentence.to_owned()));
    }
    Ok((is_on && group.is_some()).then(|| settings.millis("auto.commit.interval.ms")))
}

impl OffsetReset {
    fn parse(text: &str) -> Result<OffsetReset, Error> {
        let lower = text.to_ascii_lowercase();
        match lower.as_str() {
            "earliest" => return Ok(OffsetReset::Earliest),
            "latest" => return Ok(OffsetReset::Latest),
            "none" => return Ok(OffsetReset::None),
            _ => {}
        }
        // Others do not pass the table of settings.
        let duration = lower.strip_prefix("by_duration:").and_then(config::iso_duration);
        duration.map(OffsetReset::ByDuration).ok_or_else(|| {
            Error::Invalid(format!("Invalid value {text} for configuration auto.offset.reset"))
        })
    }
}

#[cfg(test)]
mod tests {
    use config::ClientKind;

    use super::*;

    fn options(written: &[(&str, &str)]) -> Result<ConsumerOptions, Error> {
        ConsumerOptions::of(&ClientSettings::read(ClientKind::Consumer, written.iter().copied()).unwrap())
    }

    #[test]
    fn defaults_are_those_of_kafka() {
        let options = options(&[("group.id", "g")]).unwrap();
        assert_eq!(options.auto_commit, Some(Duration::from_secs(5)));
        assert_eq!((options.reset, options.poll_records_max), (OffsetReset::Latest, 500));
        assert_eq!(options.assignors, [AssignorKind::Range, AssignorKind::CooperativeSticky]);
        assert_eq!(options.protocol, GroupProtocol::Classic);
    }

    #[test]
    fn a_consumer_without_a_group_commits_nothing() {
        assert_eq!(options(&[]).unwrap().auto_commit, None);
        assert!(options(&[("enable.auto.commit", "true")]).is_err());
        assert!(options(&[("enable.auto.commit", "true"), ("group.id", "g")]).is_ok());
    }

    #[test]
    fn what_the_broker_decides_cannot_be_set_here() {
        for key in OF_THE_BROKER {
            let value = if key.ends_with("ms") { "1000" } else { "range" };
            let refused = options(&[("group.protocol", "consumer"), (key, value)]).unwrap_err();
            assert_eq!(refused.to_string(), format!("{key} cannot be set when group.protocol=CONSUMER"));
        }
        assert!(options(&[("group.remote.assignor", "uniform")]).is_err());
    }

    #[test]
    fn a_reset_may_go_back_by_a_duration() {
        let reset = |text| options(&[("auto.offset.reset", text)]).map(|options| options.reset);
        let back = |seconds| Ok(OffsetReset::ByDuration(Duration::from_secs(seconds)));
        assert_eq!(reset("earliest"), Ok(OffsetReset::Earliest));
        assert_eq!(reset("by_duration:PT1H30M"), back(5400));
        assert_eq!(reset("by_duration:P1DT2S"), back(86_402));
    }
}
