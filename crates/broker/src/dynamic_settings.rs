//! The broker's settings as the cluster has them now, and what follows them without a restart.

use std::collections::HashMap;
use std::net::{IpAddr, ToSocketAddrs};
use std::sync::atomic::Ordering;

use config::{BrokerConfig, NetworkConfig};
use metadata::Image;
use transport::{ConnectionBounds, ListenerBounds};

use crate::broker::Broker;

/// Has the running parts follow `image`. Topics follow their own way, with the defaults among these settings.
pub fn apply(broker: &Broker, image: &Image) {
    let layers = image.layers(broker.options.node_id, &broker.options.settings);
    match BrokerConfig::from_layers(&layers) {
        Ok(config) => {
            broker.groups.follow_settings(&layers);
            broker.connection_limits.set(connection_bounds(&config.network));
            broker.listeners.follow(&config);
            broker.log_dirs.cordon(&config.logs.cordoned_dirs);
            let delay_ms = config.topics.defaults.retention.file_delete_delay_ms;
            broker.file_delete_delay_ms.store(delay_ms, Ordering::Relaxed);
        }
        Err(problem) => tracing::error!(
            key = problem.key,
            reason = problem.reason,
            "the dynamic settings of this broker cannot be used together; it goes on with those before"
        ),
    }
}

/// The bounds on connections that the settings give.
pub fn connection_bounds(network: &NetworkConfig) -> ConnectionBounds {
    let count = |value: i32| usize::try_from(value).unwrap_or_default();
    let rate = |value: i32| u32::try_from(value).unwrap_or_default();
    let listeners = network.listener_limits.iter().map(|(name, limits)| {
        let bounds = ListenerBounds {
            total_max: count(limits.connections_max),
            rate_max: rate(limits.connection_rate_max),
        };
        (name.clone(), bounds)
    });
    ConnectionBounds {
        total_max: count(network.connections_max),
        rate_max: rate(network.connection_rate_max),
        per_address_max: count(network.connections_per_ip_max),
        per_address_overrides: addresses(&network.connections_per_ip_overrides),
        listeners: listeners.collect(),
    }
}

/// Limits by address; a host name stands for every address it resolves to now.
fn addresses(overrides: &[(String, i32)]) -> HashMap<IpAddr, usize> {
    let mut limits = HashMap::new();
    for (host, limit) in overrides {
        match (host.as_str(), 0).to_socket_addrs() {
            Ok(found) => {
                let limit = usize::try_from(*limit).unwrap_or_default();
                limits.extend(found.map(|address| (address.ip(), limit)));
            }
            Err(error) => {
                tracing::warn!(host, %error, "max.connections.per.ip.overrides names a host that cannot be resolved");
            }
        }
    }
    limits
}
