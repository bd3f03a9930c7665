//! Telling the controller that this broker is there, and that it still is.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use model::{ErrorCode, Uuid};
use protocol::ApiKey;
use protocol::messages::broker_registration_request::{BrokerRegistrationRequest, Feature, Listener};
use protocol::messages::{BrokerHeartbeatRequest, BrokerHeartbeatResponse, BrokerRegistrationResponse};
use tokio::sync::watch;

use crate::broker::Broker;

/// Version of BrokerRegistration that carries log directories.
const REGISTRATION_VERSION: i16 = 4;
/// Version of BrokerHeartbeat that carries offline and cordoned log directories.
const HEARTBEAT_VERSION: i16 = 2;
/// Wait after a registration that was refused.
const RETRY: Duration = Duration::from_millis(100);

/// Registers the broker and returns its epoch; tries until the controller takes it or the broker stops.
pub async fn register(broker: &Broker, stopping: &watch::Receiver<bool>) -> Option<i64> {
    while !*stopping.borrow() {
        match try_register(broker).await {
            Ok(epoch) => {
                broker.epoch.store(epoch, Ordering::Release);
                return Some(epoch);
            }
            Err(error) => tracing::warn!(error, "the controller did not take the registration; trying again"),
        }
        tokio::time::sleep(RETRY).await;
    }
    None
}

async fn try_register(broker: &Broker) -> Result<i64, String> {
    let listeners = broker.listeners.registered().iter().map(|listener| Listener {
        name: Cow::Borrowed(listener.name.as_str()),
        host: Cow::Borrowed(listener.advertised_host.as_str()),
        port: listener.advertised_port,
        security_protocol: listener.security_protocol.code(),
    });
    let features = metadata::KNOWN_FEATURES.iter().map(|feature| Feature {
        name: Cow::Borrowed(feature.name),
        min_supported_version: feature.min,
        max_supported_version: feature.max,
    });
    let request = BrokerRegistrationRequest {
        broker_id: broker.options.node_id,
        cluster_id: Cow::Borrowed(&broker.options.cluster_id),
        incarnation_id: broker.options.incarnation_id,
        listeners: listeners.collect(),
        features: features.collect(),
        rack: broker.options.config.rack.as_deref().map(Cow::Borrowed),
        log_dirs: broker.log_dirs.online_ids(),
        previous_broker_epoch: broker.log_dirs.previous_broker_epoch(),
        ..BrokerRegistrationRequest::default()
    };
    let answer: BrokerRegistrationResponse =
        broker.controller.ask(ApiKey::BrokerRegistration, REGISTRATION_VERSION, &request).await?;
    if answer.error_code.is_none() { Ok(answer.broker_epoch) } else { Err(answer.error_code.to_string()) }
}

/// Sends heartbeats until the broker stops; the first one asks to be unfenced. A last one says that it goes
/// (`controlled.shutdown.enable`).
///
/// The broker ends where it cannot tell of a failed log directory in time.
pub async fn keep_alive(broker: Arc<Broker>, stopping: watch::Receiver<bool>) {
    let (told, known) = watch::channel(Vec::new());
    tokio::select! {
        () = send_heartbeats(&broker, stopping, told) => {}
        () = end_where_untold(&broker, known) => {}
    }
}

/// Returns once the controller has not learnt for `log.dir.failure.timeout.ms` that a directory has failed; `known`
/// are the failed ones that it knows of.
async fn end_where_untold(broker: &Broker, mut known: watch::Receiver<Vec<Uuid>>) {
    let timeout_ms = broker.options.config.logs.dir_failure_timeout_ms;
    let timeout = Duration::from_millis(u64::try_from(timeout_ms).unwrap_or_default());
    let mut failures = broker.log_dirs.failures();
    loop {
        let failed = broker.log_dirs.offline_ids();
        let untold = failed.into_iter().find(|id| !known.borrow().contains(id));
        let Some(id) = untold else {
            // The sender lives as long as the directories.
            let _ = failures.changed().await;
            continue;
        };
        let is_told = known.wait_for(|known| known.contains(&id));
        if tokio::time::timeout(timeout, is_told).await.is_err() {
            return broker.log_dirs.end(format!(
                "Shutting down because the controller could not be told within log.dir.failure.timeout.ms ({timeout_ms} ms) that log directory {id} has failed"
            ));
        }
    }
}

async fn send_heartbeats(
    broker: &Broker,
    mut stopping: watch::Receiver<bool>,
    told: watch::Sender<Vec<Uuid>>,
) {
    let mut failures = broker.log_dirs.failures();
    let membership = broker.options.config.controller.membership;
    let interval = u64::try_from(membership.heartbeat_interval_ms).unwrap_or(2_000);
    loop {
        let offline = broker.log_dirs.offline_ids();
        match heartbeat(broker, false).await {
            Ok(answer) if answer.error_code == ErrorCode::STALE_BROKER_EPOCH => {
                if register(broker, &stopping).await.is_none() {
                    return;
                }
            }
            Ok(answer) if !answer.error_code.is_none() => {
                tracing::warn!(code = ?answer.error_code, "the controller refused a heartbeat");
            }
            Ok(_) => _ = told.send_replace(offline),
            Err(error) => tracing::warn!(error, "a heartbeat was not answered"),
        }
        tokio::select! {
            () = tokio::time::sleep(Duration::from_millis(interval.max(1))) => {}
            // The controller is told at once.
            Ok(()) = failures.changed() => {}
            _ = stopping.wait_for(|stopping| *stopping) => break,
        }
    }
    if membership.announces_stop
        && let Err(error) = heartbeat(broker, true).await
    {
        tracing::debug!(error, "the controller was not told of the stop");
    }
}

async fn heartbeat(broker: &Broker, want_shut_down: bool) -> Result<BrokerHeartbeatResponse, String> {
    let request = BrokerHeartbeatRequest {
        broker_id: broker.options.node_id,
        broker_epoch: broker.epoch(),
        current_metadata_offset: broker.metadata.image().applied_offset,
        want_fence: false,
        want_shut_down,
        offline_log_dirs: broker.log_dirs.offline_ids(),
        cordoned_log_dirs: Some(broker.log_dirs.cordoned_ids()),
    };
    broker.controller.ask(ApiKey::BrokerHeartbeat, HEARTBEAT_VERSION, &request).await
}
