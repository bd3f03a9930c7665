//! Settings of Kafka 2.x and 3.x that 4.x no longer has: files of that era still start the server.

/// What becomes of a setting that Kafka 4.x no longer has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// Read as another setting.
    Renamed(&'static str),
    /// Accepted without effect, for the reason given.
    NoMeaning(&'static str),
    /// Host or port of the one listener of old, read into `listeners` or `advertised.listeners`.
    PartOfListener,
}

use Fate::{NoMeaning, PartOfListener, Renamed};

const ZOOKEEPER: Fate = NoMeaning("metadata lives in the built-in quorum; there is no ZooKeeper");
const FORMAT: Fate = NoMeaning("the record format is always version 2");
const PROTOCOL: Fate = NoMeaning("brokers agree on versions through the finalized metadata.version");
const ENCODER: Fate = NoMeaning("passwords in dynamic settings are not encoded with a shared secret");
const CLIENT_QUOTA: Fate = NoMeaning("default client quotas are set with kafka-configs --entity-default");

/// Retired settings, ascending.
#[rustfmt::skip]
pub const RETIRED: &[(&str, Fate)] = &[
    ("advertised.host.name", PartOfListener),
    ("advertised.port", PartOfListener),
    ("broker.id.generation.enable", NoMeaning("a node without an id takes 1")),
    ("control.plane.listener.name", NoMeaning("controller traffic uses controller.listener.names")),
    ("controlled.shutdown.max.retries", NoMeaning("controlled shutdown goes through heartbeats")),
    ("controlled.shutdown.retry.backoff.ms", NoMeaning("controlled shutdown goes through heartbeats")),
    ("delegation.token.master.key", Renamed("delegation.token.secret.key")),
    ("enable.zookeeper.acl", ZOOKEEPER),
    ("group.coordinator.new.enable", NoMeaning("there is one group coordinator")),
    ("host.name", PartOfListener),
    ("inter.broker.protocol.version", PROTOCOL),
    ("leader.imbalance.per.broker.percentage", NoMeaning("leadership is balanced whenever a preferred leader is not leading")),
    ("log.message.downconversion.enable", FORMAT),
    ("log.message.format.version", FORMAT),
    ("log.message.timestamp.difference.max.ms", Renamed("log.message.timestamp.before.max.ms")),
    ("max.connection.creation.rate.per.ip", NoMeaning("rates per address are set with kafka-configs --entity-type ips")),
    ("offsets.commit.required.acks", NoMeaning("offset commits always wait for the in-sync replicas")),
    ("password.encoder.cipher.algorithm", ENCODER),
    ("password.encoder.iterations", ENCODER),
    ("password.encoder.key.length", ENCODER),
    ("password.encoder.keyfactory.algorithm", ENCODER),
    ("password.encoder.old.secret", ENCODER),
    ("password.encoder.secret", ENCODER),
    ("port", PartOfListener),
    ("quota.consumer.default", CLIENT_QUOTA),
    ("quota.producer.default", CLIENT_QUOTA),
    ("replica.high.watermark.checkpoint.interval", Renamed("replica.high.watermark.checkpoint.interval.ms")),
    ("reserved.broker.max.id", NoMeaning("every id from 0 up may be used")),
    ("zookeeper.clientCnxnSocket", ZOOKEEPER),
    ("zookeeper.connect", ZOOKEEPER),
    ("zookeeper.connection.timeout.ms", ZOOKEEPER),
    ("zookeeper.max.in.flight.requests", ZOOKEEPER),
    ("zookeeper.metadata.migration.enable", ZOOKEEPER),
    ("zookeeper.session.timeout.ms", ZOOKEEPER),
    ("zookeeper.set.acl", ZOOKEEPER),
    ("zookeeper.ssl.client.enable", ZOOKEEPER),
    ("zookeeper.sync.time.ms", ZOOKEEPER),
];

/// The fate of a retired key; everything that begins with `zookeeper.` is retired, but for what is our own.
pub fn fate(key: &str) -> Option<Fate> {
    let listed = RETIRED.iter().find(|(known, _)| *known == key).map(|(_, fate)| *fate);
    let of_zookeeper = key.starts_with("zookeeper.") && !key.starts_with("zookeeper.shim.");
    listed.or_else(|| of_zookeeper.then_some(ZOOKEEPER))
}
