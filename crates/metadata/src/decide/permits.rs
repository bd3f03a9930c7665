//! How many partitions a request may create and delete (KIP-599).

use model::ErrorCode;

use super::ApiError;

/// What is left of the quota of who asks, and what the request has taken of it.
///
/// As in Kafka, the last mutation that is allowed may be larger than what is left, and the next ones wait for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MutationPermits {
    left: Option<i64>,
    taken: i64,
    has_refused: bool,
}

impl MutationPermits {
    /// `left` partitions are left; any number where it is `None`.
    pub fn new(left: Option<i64>) -> MutationPermits {
        MutationPermits { left, ..MutationPermits::default() }
    }

    /// Takes that many, unless the quota is used up.
    pub(crate) fn take(&mut self, partitions: usize) -> Result<(), ApiError> {
        if self.left.is_some_and(|left| left < self.taken) {
            self.has_refused = true;
            return Err(ApiError { code: ErrorCode::THROTTLING_QUOTA_EXCEEDED, message: None });
        }
        self.taken = self.taken.saturating_add(i64::try_from(partitions).unwrap_or(i64::MAX));
        Ok(())
    }

    /// Partitions taken.
    pub fn taken(&self) -> i64 {
        self.taken
    }

    /// True where a mutation was refused.
    pub fn has_refused(&self) -> bool {
        self.has_refused
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mutation_that_uses_the_quota_up_is_the_last_one() {
        let mut permits = MutationPermits::new(Some(3));
        assert!(permits.take(3).is_ok());
        assert!(permits.take(20).is_ok());
        assert_eq!(permits.take(1).map_err(|error| error.code), Err(ErrorCode::THROTTLING_QUOTA_EXCEEDED));
        assert_eq!((permits.taken(), permits.has_refused()), (23, true));
        assert!(MutationPermits::new(Some(-1)).take(1).is_err());
        let mut unbounded = MutationPermits::new(None);
        assert!((0..3).all(|_| unbounded.take(usize::MAX).is_ok()));
        assert!(!unbounded.has_refused());
    }
}
