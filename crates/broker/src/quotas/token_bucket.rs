//! Tokens that come at a rate and are taken at once, for what comes in bursts (KIP-599).

use super::rate::Windows;

/// Tokens left; below zero more were taken than there were.
#[derive(Debug)]
pub struct TokenBucket {
    /// How long tokens are gathered, in milliseconds.
    span_ms: i64,
    /// Tokens a second, as it was last.
    limit: f64,
    tokens: f64,
    updated_ms: i64,
}

impl TokenBucket {
    /// A bucket that holds what comes at `limit` a second in all of `windows`, full.
    pub fn new(windows: Windows, limit: f64, now_ms: i64) -> TokenBucket {
        let span_ms = windows.span_ms();
        TokenBucket { span_ms, limit, tokens: capacity(span_ms, limit), updated_ms: now_ms }
    }

    /// Tokens left at `now_ms`, where `limit` come in a second.
    pub fn left(&mut self, limit: f64, now_ms: i64) -> f64 {
        self.limit = limit;
        let came = limit * (now_ms - self.updated_ms) as f64 / 1000.0;
        self.tokens = (self.tokens + came).min(capacity(self.span_ms, limit));
        self.updated_ms = now_ms;
        self.tokens
    }

    /// Takes tokens, whether or not they are there.
    pub fn take(&mut self, tokens: f64, limit: f64, now_ms: i64) {
        self.tokens = self.left(limit, now_ms) - tokens;
    }

    /// Milliseconds until no token is missing.
    pub fn throttle_ms(&mut self, limit: f64, now_ms: i64) -> i32 {
        // A number that is too large ends at the largest.
        (-self.left(limit, now_ms).min(0.0) / limit * 1000.0).round() as i32
    }

    /// True where a new bucket would be no different.
    pub fn is_full(&mut self, now_ms: i64) -> bool {
        self.left(self.limit, now_ms) >= capacity(self.span_ms, self.limit)
    }
}

fn capacity(span_ms: i64, limit: f64) -> f64 {
    span_ms as f64 / 1000.0 * limit
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: f64 = 5.0;

    #[test]
    fn tokens_come_at_the_rate_and_are_gathered_for_all_windows() {
        let mut bucket = TokenBucket::new(Windows { count: 100, size_ms: 1000 }, LIMIT, 0);
        // Kafka's own example: a burst of 560 with 500 tokens is waited for 12 seconds.
        bucket.take(560.0, LIMIT, 0);
        assert_eq!(bucket.throttle_ms(LIMIT, 0), 12_000);
        assert_eq!(bucket.throttle_ms(LIMIT, 11_000), 1000);
        assert_eq!(bucket.throttle_ms(LIMIT, 12_000), 0);
        assert_eq!(bucket.left(LIMIT, 13_000), 5.0);
        assert!(!bucket.is_full(13_000));
        assert_eq!(bucket.left(LIMIT, 1_000_000), 500.0);
        assert!(bucket.is_full(1_000_000));
    }
}
