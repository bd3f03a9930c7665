//! How long a member may be silent.

/// Until when a member has to be heard of, and when its timer looks, in milliseconds since 1970.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Session {
    pub expires_at_ms: i64,
    pub timer_at_ms: Option<i64>,
}

impl Session {
    /// The member is heard of. A timer that ends earlier looks again, so that most heartbeats set none; `Some` tells
    /// when one has to be set.
    pub fn extend(&mut self, expires_at_ms: i64) -> Option<i64> {
        self.expires_at_ms = expires_at_ms;
        if self.timer_at_ms.is_some_and(|at_ms| at_ms <= expires_at_ms) {
            return None;
        }
        self.timer_at_ms = Some(expires_at_ms);
        self.timer_at_ms
    }

    /// The timer has ended. Where the member was heard of since it was set, `Some` tells when it has to look again.
    pub fn look(&mut self, now_ms: i64) -> Option<i64> {
        self.timer_at_ms = Some(self.expires_at_ms).filter(|at_ms| *at_ms > now_ms);
        self.timer_at_ms
    }
}
