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
const STABLE: &str = "only stable versions are spoken; there are no others to enable";
const REMOVAL: &str = "removing records by compaction or by age";

/// What of an effective setting is still to come.
pub const REMAINS: &[(&str, &str)] = &[("cleanup.policy", REMOVAL), ("log.cleanup.policy", REMOVAL)];

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
    ("group.coordinator.cached.buffer.max.bytes", "each batch is made in a buffer of its own"),
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
    ("compression.lz4.level", "the lz4 library packs at one level"),
    ("controller.quorum.append.linger.ms", "each decision is written by itself and at once; none waits for others"),
    ("metadata.max.idle.interval.ms", "voters hear of the controller without records written for that"),
    ("unstable.api.versions.enable", STABLE),
    ("unstable.feature.versions.enable", STABLE),
];

/// Settings with effect and the test that shows it, `crate: test`; a topic setting and its broker-wide default are
/// one. Ascending.
#[rustfmt::skip]
pub const EFFECTIVE: &[(&str, &str)] = &[
    ("advertised.listeners", "launcher: each_listener_tells_its_own_advertised_address"),
    ("auto.create.topics.enable", "launcher: topics_come_by_themselves_with_the_partitions_set_unless_that_is_off"),
    ("broker.heartbeat.interval.ms", "broker: heartbeats_come_at_the_interval_set"),
    ("broker.id", "config: the_old_name_of_the_node_id_on_the_command_line_wins_too"),
    ("broker.rack", "launcher: the_rack_is_told_to_clients"),
    ("broker.session.timeout.ms", "metadata: settings_decide_on_replicas_sessions_and_who_may_lead"),
    ("cleanup.policy", "broker: a_compacted_topic_takes_no_record_without_key"),
    ("compression.gzip.level", "broker: batches_are_packed_at_the_level_set_now"),
    ("compression.type", "broker: batches_are_stored_under_the_topics_codec"),
    ("compression.zstd.level", "broker: batches_are_packed_at_the_level_set_now"),
    ("connections.max.idle.ms", "broker: silent_connections_are_closed_after_the_idle_time"),
    ("controlled.shutdown.enable", "broker: a_broker_says_that_it_stops_unless_that_is_off"),
    ("controller.listener.names", "config: controller_listeners_are_kept_apart"),
    ("controller.quota.window.num", "broker: topics_beyond_the_quota_of_mutations_are_refused_or_only_waited_for"),
    ("controller.quota.window.size.seconds", "broker: topics_beyond_the_quota_of_mutations_are_refused_or_only_waited_for"),
    ("cordoned.log.dirs", "broker: new_partitions_keep_away_from_directories_cordoned_now"),
    ("default.replication.factor", "metadata: settings_decide_on_replicas_sessions_and_who_may_lead"),
    ("delete.topic.enable", "launcher: topics_come_by_themselves_with_the_partitions_set_unless_that_is_off"),
    ("fetch.max.bytes", "broker: a_fetch_gets_no_more_than_the_broker_allows"),
    ("flush.messages", "broker: flush_messages_makes_the_record_that_reaches_it_wait_for_a_sync"),
    ("flush.ms", "broker: what_waits_for_its_flush_follows_the_time_set_now"),
    ("flush.policy", "broker: a_change_of_the_policy_hides_nothing_that_was_shown"),
    ("group.consumer.assignment.interval.ms", "broker: an_assignment_stands_for_the_time_set_now_within_its_bounds"),
    ("group.consumer.assignors", "broker: members_of_consumer_groups_choose_among_the_assignors_set_and_the_first_is_the_default"),
    ("group.consumer.heartbeat.interval.ms", "broker: members_of_consumer_groups_are_told_the_heartbeat_interval_set_within_its_bounds"),
    ("group.consumer.max.assignment.interval.ms", "broker: an_assignment_stands_for_the_time_set_now_within_its_bounds"),
    ("group.consumer.max.heartbeat.interval.ms", "broker: members_of_consumer_groups_are_told_the_heartbeat_interval_set_within_its_bounds"),
    ("group.consumer.max.session.timeout.ms", "broker: silent_members_of_consumer_groups_are_gone_after_the_session_timeout_set_within_its_bounds"),
    ("group.consumer.max.size", "broker: consumer_groups_take_no_more_members_than_are_set"),
    ("group.consumer.migration.policy", "broker: groups_change_their_protocol_only_the_ways_that_are_set"),
    ("group.consumer.min.assignment.interval.ms", "broker: an_assignment_stands_for_the_time_set_now_within_its_bounds"),
    ("group.consumer.min.heartbeat.interval.ms", "broker: members_of_consumer_groups_are_told_the_heartbeat_interval_set_within_its_bounds"),
    ("group.consumer.min.session.timeout.ms", "broker: no_consumer_group_has_a_shorter_session_timeout_than_the_least_one_set"),
    ("group.consumer.regex.refresh.interval.ms", "coordinator: the_topics_of_regular_expressions_are_looked_for_again_after_the_time_set"),
    ("group.consumer.session.timeout.ms", "broker: silent_members_of_consumer_groups_are_gone_after_the_session_timeout_set_within_its_bounds"),
    ("group.coordinator.append.linger.ms", "broker: commits_are_appended_one_by_one_where_none_shall_wait"),
    ("group.coordinator.rebalance.protocols", "broker: the_consumer_protocol_is_not_served_where_it_is_not_set"),
    ("group.initial.rebalance.delay.ms", "broker: the_first_rebalance_waits_for_more_members"),
    ("group.max.session.timeout.ms", "broker: groups_keep_to_their_limits"),
    ("group.max.size", "broker: groups_keep_to_their_limits"),
    ("group.min.session.timeout.ms", "broker: groups_keep_to_their_limits"),
    ("index.interval.bytes", "broker: index_entries_come_as_often_as_is_set_now"),
    ("initial.broker.registration.timeout.ms", "launcher: a_start_without_a_quorum_ends_in_the_time_set"),
    ("internal.metadata.log.segment.bytes", "launcher: segments_of_the_metadata_log_have_the_size_set"),
    ("internal.segment.bytes", "broker: the_internal_segment_size_rolls_below_the_public_minimum"),
    ("io.cores", "launcher: as_many_cores_serve_as_are_set"),
    ("listener.security.protocol.map", "broker: a_listener_speaks_what_the_map_gives_its_name_now"),
    ("listeners", "broker: listeners_open_and_close_with_their_connections_as_the_setting_changes"),
    ("log.cleanup.policy", "broker: a_compacted_topic_takes_no_record_without_key"),
    ("log.dir", "launcher: the_one_log_directory_counts_where_several_are_not_named"),
    ("log.dir.failure.timeout.ms", "broker: a_broker_that_cannot_tell_of_a_failed_directory_ends_after_the_time_set"),
    ("log.dirs", "launcher: environment_variables_of_both_images_start_a_node"),
    ("log.flush.interval.messages", "broker: flush_messages_makes_the_record_that_reaches_it_wait_for_a_sync"),
    ("log.flush.interval.ms", "broker: what_waits_for_its_flush_follows_the_time_set_now"),
    ("log.flush.offset.checkpoint.interval.ms", "broker: each_checkpoint_is_written_at_its_own_interval"),
    ("log.flush.scheduler.interval.ms", "broker: the_interval_of_the_flusher_is_the_time_to_flush_where_no_other_is_set"),
    ("log.flush.start.offset.checkpoint.interval.ms", "broker: each_checkpoint_is_written_at_its_own_interval"),
    ("log.format", "launcher: log_lines_are_json_where_that_is_asked_for"),
    ("log.index.interval.bytes", "broker: index_entries_come_as_often_as_is_set_now"),
    ("log.index.size.max.bytes", "broker: a_full_index_closes_its_segment_at_the_size_set_now"),
    ("log.initial.task.delay.ms", "broker: the_first_checkpoint_comes_after_the_initial_delay"),
    ("log.message.timestamp.after.max.ms", "broker: timestamps_are_the_brokers_or_within_the_bounds"),
    ("log.message.timestamp.before.max.ms", "broker: timestamps_are_the_brokers_or_within_the_bounds"),
    ("log.message.timestamp.type", "broker: timestamps_are_the_brokers_or_within_the_bounds"),
    ("log.preallocate", "broker: the_files_of_segments_are_preallocated_where_that_is_set_until_they_are_closed"),
    ("log.roll.hours", "broker: segments_roll_at_the_age_set_now"),
    ("log.roll.jitter.hours", "broker: the_jitter_set_now_spreads_when_segments_of_partitions_roll"),
    ("log.roll.jitter.ms", "broker: the_jitter_set_now_spreads_when_segments_of_partitions_roll"),
    ("log.roll.ms", "broker: segments_roll_at_the_age_set_now"),
    ("log.segment.bytes", "broker: segments_roll_at_the_size_set_for_the_topic_or_for_all"),
    ("log.segment.delete.delay.ms", "broker: folders_of_deleted_topics_wait_as_long_as_is_set_now"),
    ("max.connection.creation.rate", "broker: connections_beyond_the_rate_set_now_wait_their_turn"),
    ("max.connections", "broker: a_connection_beyond_the_limit_of_all_waits_until_there_is_room"),
    ("max.connections.per.ip", "broker: limits_on_connections_of_one_address_follow_dynamic_settings"),
    ("max.connections.per.ip.overrides", "broker: limits_on_connections_of_one_address_follow_dynamic_settings"),
    ("max.incremental.fetch.session.cache.slots", "broker: sessions_beyond_the_slots_are_refused_and_their_fetches_answered_whole"),
    ("max.message.bytes", "broker: the_most_specific_limit_on_batches_holds_at_once"),
    ("max.request.partition.size.limit", "broker: topics_are_described_by_as_many_partitions_at_a_time_as_are_set"),
    ("memory.budget.bytes", "broker: unread_fetches_stay_within_the_memory_budget"),
    ("message.max.bytes", "broker: the_most_specific_limit_on_batches_holds_at_once"),
    ("message.timestamp.after.max.ms", "broker: timestamps_are_the_brokers_or_within_the_bounds"),
    ("message.timestamp.before.max.ms", "broker: timestamps_are_the_brokers_or_within_the_bounds"),
    ("message.timestamp.type", "broker: timestamps_are_the_brokers_or_within_the_bounds"),
    ("metadata.log.dir", "launcher: the_metadata_log_has_its_own_directory_where_one_is_set"),
    ("metadata.log.max.record.bytes.between.snapshots", "launcher: snapshots_of_the_metadata_come_after_the_bytes_or_the_time_set"),
    ("metadata.log.max.snapshot.interval.ms", "launcher: snapshots_of_the_metadata_come_after_the_bytes_or_the_time_set"),
    ("metadata.log.segment.bytes", "launcher: segments_of_the_metadata_log_have_the_size_set"),
    ("metadata.log.segment.ms", "launcher: segments_of_the_metadata_log_are_closed_at_the_age_set"),
    ("metrics.group.lag", "launcher: the_internal_topic_and_the_metrics_of_groups_are_as_set"),
    ("metrics.listener", "launcher: metrics_and_health_are_served_where_it_was_set"),
    ("min.insync.replicas", "broker: acks_all_wants_as_many_replicas_in_sync_as_are_set_now_but_never_more_than_there_are"),
    ("node.id", "launcher: a_daemon_runs_until_it_is_stopped_by_its_node_id"),
    ("num.partitions", "launcher: topics_come_by_themselves_with_the_partitions_set_unless_that_is_off"),
    ("num.recovery.threads.per.data.dir", "broker: logs_are_closed_by_as_many_threads_as_are_set_now"),
    ("offset.metadata.max.bytes", "broker: groups_keep_to_their_limits"),
    ("offsets.load.buffer.size", "broker: no_more_is_read_at_once_to_load_groups_than_is_set_and_nothing_is_lost_at_the_seams"),
    ("offsets.retention.check.interval.ms", "launcher: offsets_go_once_their_time_is_over"),
    ("offsets.retention.minutes", "broker: offsets_outlive_their_group_for_the_time_set"),
    ("offsets.topic.compression.codec", "broker: records_of_groups_are_packed_as_set"),
    ("offsets.topic.num.partitions", "launcher: the_internal_topic_and_the_metrics_of_groups_are_as_set"),
    ("offsets.topic.replication.factor", "launcher: the_internal_topic_and_the_metrics_of_groups_are_as_set"),
    ("offsets.topic.segment.bytes", "launcher: the_internal_topic_and_the_metrics_of_groups_are_as_set"),
    ("preallocate", "broker: the_files_of_segments_are_preallocated_where_that_is_set_until_they_are_closed"),
    ("producer.id.expiration.check.interval.ms", "broker: idle_producers_are_looked_for_at_the_interval_set"),
    ("producer.id.expiration.ms", "broker: idle_producers_are_forgotten_after_the_time_set_now"),
    ("queued.max.request.bytes", "broker: queued_max_request_bytes_bounds_the_requests_being_read"),
    ("quota.window.num", "broker: a_producer_above_its_quota_is_told_so_and_not_read_from"),
    ("quota.window.size.seconds", "broker: a_producer_above_its_quota_is_told_so_and_not_read_from"),
    ("record.validation", "broker: header_validation_takes_what_full_validation_refuses"),
    ("segment.bytes", "broker: segments_roll_at_the_size_set_for_the_topic_or_for_all"),
    ("segment.index.bytes", "broker: a_full_index_closes_its_segment_at_the_size_set_now"),
    ("segment.jitter.ms", "broker: the_jitter_set_now_spreads_when_segments_of_partitions_roll"),
    ("segment.ms", "broker: segments_roll_at_the_age_set_now"),
    ("server.max.startup.time.ms", "launcher: a_start_without_a_quorum_ends_in_the_time_set"),
    ("socket.listen.backlog.size", "transport: as_many_connections_wait_to_be_accepted_as_were_asked_for"),
    ("socket.receive.buffer.bytes", "transport: accepted_sockets_have_the_buffers_asked_for"),
    ("socket.request.max.bytes", "broker: a_request_above_the_socket_limit_closes_the_connection"),
    ("socket.send.buffer.bytes", "transport: accepted_sockets_have_the_buffers_asked_for"),
    ("unclean.leader.election.enable", "metadata: settings_decide_on_replicas_sessions_and_who_may_lead"),
    ("unclean.leader.election.interval.ms", "quorum: partitions_whose_topic_lets_any_replica_lead_get_a_leader_at_the_interval_set"),
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
