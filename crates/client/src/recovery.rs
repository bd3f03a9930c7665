//! When a client that no known broker answers begins anew with the servers of `bootstrap.servers` (KIP-899, KIP-1102).

use std::time::Duration;

use config::ClientSettings;
use tokio::time::Instant;

/// `metadata.recovery.strategy`, and what belongs to it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Recovery {
    rebootstraps: bool,
    /// `metadata.recovery.rebootstrap.trigger.ms`.
    trigger: Duration,
}

/// How long nobody has told of the brokers although somebody was asked.
#[derive(Debug, Default)]
pub(crate) struct Silence(Option<Instant>);

impl Recovery {
    pub(crate) fn of(settings: &ClientSettings) -> Recovery {
        let strategy = settings.text("metadata.recovery.strategy").unwrap_or_default();
        Recovery {
            rebootstraps: strategy.eq_ignore_ascii_case("rebootstrap"),
            trigger: settings.millis("metadata.recovery.rebootstrap.trigger.ms"),
        }
    }

    /// True where the servers of `bootstrap.servers` may be asked although brokers are known.
    pub(crate) fn may_rebootstrap(self) -> bool {
        self.rebootstraps
    }

    /// True once the silence is too long.
    pub(crate) fn is_due(self, silence: &Silence) -> bool {
        self.rebootstraps && silence.0.is_some_and(|since| since.elapsed() >= self.trigger)
    }
}

impl Silence {
    /// Somebody was asked and did not tell.
    pub(crate) fn goes_on(&mut self) {
        self.0.get_or_insert_with(Instant::now);
    }

    /// Somebody has told.
    pub(crate) fn ends(&mut self) {
        self.0 = None;
    }
}
