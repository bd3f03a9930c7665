//! Requests whose time counts (KIP-124).

use std::rc::Rc;
use std::time::Instant;

use transport::Outbound;

use super::{ClientMeters, raise};
use crate::request::{Outcome, Parked, Request, Served};

/// A request whose client has a quota of time.
pub struct Timed {
    meters: Rc<ClientMeters>,
    began: Instant,
    /// Where its answer begins.
    answer_at: usize,
}

impl Timed {
    /// Begins to count the time of a request that will be answered at the end of `out`; `None` where time does not count.
    #[inline]
    pub fn begin(request: &mut Request<'_>, out: &mut Outbound) -> Option<Timed> {
        let meters = request.meters().filter(|meters| meters.is_timed())?;
        Some(Timed { meters, began: Instant::now(), answer_at: out.buffer().len() })
    }

    /// Counts the time, throttles the client where it was too much, and tells so in the answer. A request without an
    /// answer is not counted, as in Kafka.
    pub fn end(self, request: &Request<'_>, served: Served, out: &mut Outbound) -> Served {
        let nanos = self.began.elapsed().as_nanos();
        let (core, head, mute) = (Rc::clone(request.core), request.head, request.facts.mute.clone());
        match served? {
            Outcome::Answered => {
                let throttle_ms = self.meters.worked(nanos, core.broker.clock.steady_ms());
                mute.extend(throttle_ms);
                raise(out.buffer().get_mut(self.answer_at..).unwrap_or_default(), head, throttle_ms);
                Ok(Outcome::Answered)
            }
            // Waiting takes nobody's time.
            Outcome::Parked(Parked { answer, behind }) => Ok(Outcome::parked(behind, async move {
                let mut out = answer.await?;
                let throttle_ms = self.meters.worked(nanos, core.broker.clock.steady_ms());
                mute.extend(throttle_ms);
                raise(out.buffer(), head, throttle_ms);
                Ok(out)
            })),
            other => Ok(other),
        }
    }
}
