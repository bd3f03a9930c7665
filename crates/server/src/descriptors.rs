//! How the descriptors of the process are shared between files, connections and all else.

use config::BrokerConfig;
use model::limits::ZOOKEEPER_CONNECTIONS_MAX;
use rustix::process::{Resource, getrlimit, setrlimit};

/// Descriptors taken into account at most.
const LIMIT_USED_MAX: usize = 100_000;
/// Connections below which a node is of no use.
const CONNECTIONS_MIN: usize = 16;
/// What every node needs: standard streams, signals, the runtime, the metrics endpoint with its clients, and files that are
/// open for a moment.
const FIXED: usize = 48;
/// The runtime of a core.
const PER_CORE: usize = 5;
/// Its lock, and what its flushes and checkpoints have open at a time.
const PER_LOG_DIR: usize = 12;
/// Its socket, and a connection that waits for its place.
const PER_LISTENER: usize = 2;
/// The listener of ZooKeeper clients: its socket, its runtime, and those clients.
const OF_ZOOKEEPER: usize = 8 + ZOOKEEPER_CONNECTIONS_MAX;

/// The shares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Descriptors {
    /// Files that logs may hold open.
    pub files_max: usize,
    /// Connections that may be open.
    pub connections_max: usize,
}

/// Raises the limit as far as the process may, as Java does, and shares it out. An error where it is too low to work.
pub fn share_out(config: &BrokerConfig, cores: usize) -> Result<Descriptors, String> {
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        limit.current = limit.maximum;
        // The limit that holds now is read again, whatever came of it.
        let _ = setrlimit(Resource::Nofile, limit);
        limit = getrlimit(Resource::Nofile);
    }
    let limit = limit.current.map_or(usize::MAX, |current| usize::try_from(current).unwrap_or(usize::MAX));
    shares(limit, reserve(config, cores))
}

/// What is neither for the files of logs nor for connections.
fn reserve(config: &BrokerConfig, cores: usize) -> usize {
    let listeners = config.listeners.bound.len() * PER_LISTENER;
    let zookeeper = config.own.zookeeper_listener.as_ref().map_or(0, |_| OF_ZOOKEEPER);
    FIXED + cores * PER_CORE + config.log_dirs.len() * PER_LOG_DIR + listeners + zookeeper
}

/// Half is for files; connections get what the reserve leaves of the other half.
fn shares(limit: usize, reserve: usize) -> Result<Descriptors, String> {
    let files_max = limit.min(LIMIT_USED_MAX) / 2;
    let connections_max = (limit - files_max).saturating_sub(reserve);
    if connections_max < CONNECTIONS_MIN {
        return Err(format!(
            "only {limit} descriptors may be open, and this node needs at least {}: it would fail with 'Too many open \
             files'; raise the limit (ulimit -n, LimitNOFILE)",
            2 * (reserve + CONNECTIONS_MIN)
        ));
    }
    Ok(Descriptors { files_max, connections_max })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_connections_and_the_reserve_stay_within_the_limit() {
        for limit in [168, 169, 256, 1024, 20_000, 1 << 20] {
            let shared = shares(limit, 68).unwrap();
            assert!(shared.files_max + shared.connections_max + 68 <= limit, "{limit}: {shared:?}");
            assert!(
                shared.connections_max >= CONNECTIONS_MIN
                    && shared.files_max >= limit.min(LIMIT_USED_MAX) / 2
            );
        }
    }

    #[test]
    fn a_limit_too_low_is_refused_with_the_least_that_works() {
        let message = shares(100, 68).unwrap_err();
        assert!(
            message.contains("only 100 descriptors") && message.contains("Too many open files"),
            "{message}"
        );
        assert!(message.contains("at least 168") && message.contains("ulimit -n"), "{message}");
        assert!(shares(166, 68).is_err() && shares(168, 68).is_ok());
    }
}
