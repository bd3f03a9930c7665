//! What each setting does here today, for docs/settings.md.

/// What a setting does in this version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// It has its effect, shown by the test named.
    Effective(&'static str),
    /// It is accepted and has nothing to act on, for the reason given.
    Meaningless(&'static str),
    /// It is accepted and checked; its effect comes with the part of the server it belongs to.
    Later,
}

const CLASS: &str = "names a Java class; there is no Java virtual machine to load it into";
const THREADS: &str = "work runs on one event loop per core and a small side pool, not on pools of threads";
const KERBEROS: &str = "belongs to the Java Kerberos login, which is not part of this server";
const PURGATORY: &str = "parked requests leave their list when they are answered; nothing needs purging";
const JAVA_TLS: &str = "names a Java security provider or algorithm; TLS is rustls";
const METRICS: &str = "metrics are counters read when scraped, without sampling windows or reporters";

/// Settings without meaning here and why, in groups of one reason.
#[rustfmt::skip]
pub const MEANINGLESS: &[(&str, &str)] = &[
    ("alter.config.policy.class.name", CLASS),
    ("client.quota.callback.class", CLASS),
    ("config.providers", CLASS),
    ("create.topic.policy.class.name", CLASS),
    ("kafka.metrics.reporters", CLASS),
    ("metric.reporters", CLASS),
    ("principal.builder.class", CLASS),
    ("replica.selector.class", CLASS),
    ("sasl.client.callback.handler.class", CLASS),
    ("sasl.login.callback.handler.class", CLASS),
    ("sasl.login.class", CLASS),
    ("sasl.server.callback.handler.class", CLASS),
    ("sasl.oauthbearer.jwt.retriever.class", CLASS),
    ("sasl.oauthbearer.jwt.validator.class", CLASS),
    ("security.providers", CLASS),
    ("ssl.engine.factory.class", CLASS),
    ("group.share.persister.class.name", CLASS),
    ("background.threads", THREADS),
    ("group.coordinator.background.threads", THREADS),
    ("group.coordinator.threads", THREADS),
    ("num.io.threads", THREADS),
    ("num.network.threads", THREADS),
    ("num.replica.alter.log.dirs.threads", THREADS),
    ("share.coordinator.threads", THREADS),
    ("queued.max.requests", "requests are answered where they were read; there is no request queue"),
    ("sasl.kerberos.kinit.cmd", KERBEROS),
    ("sasl.kerberos.min.time.before.relogin", KERBEROS),
    ("sasl.kerberos.principal.to.local.rules", KERBEROS),
    ("sasl.kerberos.service.name", KERBEROS),
    ("sasl.kerberos.ticket.renew.jitter", KERBEROS),
    ("sasl.kerberos.ticket.renew.window.factor", KERBEROS),
    ("delete.records.purgatory.purge.interval.requests", PURGATORY),
    ("fetch.purgatory.purge.interval.requests", PURGATORY),
    ("producer.purgatory.purge.interval.requests", PURGATORY),
    ("share.fetch.purgatory.purge.interval.requests", PURGATORY),
    ("ssl.keymanager.algorithm", JAVA_TLS),
    ("ssl.provider", JAVA_TLS),
    ("ssl.secure.random.implementation", JAVA_TLS),
    ("ssl.trustmanager.algorithm", JAVA_TLS),
    ("kafka.metrics.polling.interval.secs", METRICS),
    ("metrics.num.samples", METRICS),
    ("metrics.recording.level", METRICS),
    ("metrics.sample.window.ms", METRICS),
];

/// Settings with effect and the test that shows it; crates add a line with the test they add.
#[rustfmt::skip]
pub const EFFECTIVE: &[(&str, &str)] = &[
    ("advertised.listeners", "config: advertised_listeners_default_to_the_bound_ones"),
    ("listener.security.protocol.map", "config: controller_listeners_are_kept_apart"),
];

/// The status of a key in the table it stands in.
pub fn status(key: &str) -> Status {
    let in_table =
        |table: &[(&str, &'static str)]| table.iter().find(|(known, _)| *known == key).map(|(_, text)| *text);
    if let Some(test) = in_table(EFFECTIVE) {
        return Status::Effective(test);
    }
    in_table(MEANINGLESS).map_or(Status::Later, Status::Meaningless)
}
