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

/// Settings with effect and the test that shows it, `crate: test`; a topic setting and its broker-wide default are
/// one. Ascending.
#[rustfmt::skip]
pub const EFFECTIVE: &[(&str, &str)] = &[
    ("advertised.listeners", "launcher: each_listener_tells_its_own_advertised_address"),
    ("auto.create.topics.enable", "launcher: topics_come_by_themselves_with_the_partitions_set_unless_that_is_off"),
    ("broker.id", "config: the_old_name_of_the_node_id_on_the_command_line_wins_too"),
    ("compression.type", "broker: batches_are_stored_under_the_topics_codec"),
    ("connections.max.idle.ms", "broker: silent_connections_are_closed_after_the_idle_time"),
    ("controller.listener.names", "config: controller_listeners_are_kept_apart"),
    ("delete.topic.enable", "launcher: topics_come_by_themselves_with_the_partitions_set_unless_that_is_off"),
    ("fetch.max.bytes", "broker: a_fetch_gets_no_more_than_the_broker_allows"),
    ("flush.messages", "broker: flush_messages_makes_the_record_that_reaches_it_wait_for_a_sync"),
    ("flush.ms", "broker: flush_ms_puts_records_on_stable_storage_in_that_time_and_leaves_idle_partitions_alone"),
    ("flush.policy", "broker: a_durable_policy_answers_acks_all_after_a_sync_that_many_requests_share"),
    ("io.cores", "launcher: as_many_cores_serve_as_are_set"),
    ("listener.security.protocol.map", "launcher: each_listener_tells_its_own_advertised_address"),
    ("listeners", "broker: listeners_open_and_close_with_their_connections_as_the_setting_changes"),
    ("log.dirs", "launcher: environment_variables_of_both_images_start_a_node"),
    ("log.flush.interval.messages", "broker: flush_messages_makes_the_record_that_reaches_it_wait_for_a_sync"),
    ("log.flush.interval.ms", "broker: flush_ms_puts_records_on_stable_storage_in_that_time_and_leaves_idle_partitions_alone"),
    ("log.format", "launcher: log_lines_are_json_where_that_is_asked_for"),
    ("log.message.timestamp.after.max.ms", "broker: timestamps_are_the_brokers_or_within_the_bounds"),
    ("log.message.timestamp.before.max.ms", "broker: timestamps_are_the_brokers_or_within_the_bounds"),
    ("log.message.timestamp.type", "broker: timestamps_are_the_brokers_or_within_the_bounds"),
    ("log.roll.hours", "partition-log: segments_roll_by_time_of_records"),
    ("log.roll.ms", "partition-log: segments_roll_by_time_of_records"),
    ("log.segment.bytes", "broker: segments_roll_at_the_size_set_for_the_topic_or_for_all"),
    ("log.segment.delete.delay.ms", "broker: folders_of_deleted_topics_wait_as_long_as_is_set_now"),
    ("max.connection.creation.rate", "transport: connections_beyond_the_rate_wait_their_turn"),
    ("max.connections", "broker: a_connection_beyond_the_limit_of_all_waits_until_there_is_room"),
    ("max.connections.per.ip", "broker: limits_on_connections_of_one_address_follow_dynamic_settings"),
    ("max.connections.per.ip.overrides", "broker: limits_on_connections_of_one_address_follow_dynamic_settings"),
    ("max.incremental.fetch.session.cache.slots", "broker: sessions_beyond_the_slots_are_refused_and_their_fetches_answered_whole"),
    ("max.message.bytes", "broker: the_most_specific_limit_on_batches_holds_at_once"),
    ("memory.budget.bytes", "broker: unread_fetches_stay_within_the_memory_budget"),
    ("message.max.bytes", "broker: the_most_specific_limit_on_batches_holds_at_once"),
    ("message.timestamp.after.max.ms", "broker: timestamps_are_the_brokers_or_within_the_bounds"),
    ("message.timestamp.before.max.ms", "broker: timestamps_are_the_brokers_or_within_the_bounds"),
    ("message.timestamp.type", "broker: timestamps_are_the_brokers_or_within_the_bounds"),
    ("metrics.listener", "launcher: metrics_and_health_are_served_where_it_was_set"),
    ("node.id", "launcher: a_daemon_runs_until_it_is_stopped_by_its_node_id"),
    ("num.partitions", "launcher: topics_come_by_themselves_with_the_partitions_set_unless_that_is_off"),
    ("num.recovery.threads.per.data.dir", "partition-log: many_partitions_share_few_open_files_and_reopen_by_threads"),
    ("producer.id.expiration.ms", "broker: idle_producers_are_forgotten_after_the_time_set_now"),
    ("queued.max.request.bytes", "broker: queued_max_request_bytes_bounds_the_requests_being_read"),
    ("record.validation", "broker: header_validation_takes_what_full_validation_refuses"),
    ("segment.bytes", "broker: segments_roll_at_the_size_set_for_the_topic_or_for_all"),
    ("segment.ms", "partition-log: segments_roll_by_time_of_records"),
    ("socket.receive.buffer.bytes", "transport: accepted_sockets_have_the_buffers_asked_for"),
    ("socket.request.max.bytes", "broker: a_request_above_the_socket_limit_closes_the_connection"),
    ("socket.send.buffer.bytes", "transport: accepted_sockets_have_the_buffers_asked_for"),
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
