//! Which broker coordinates a group or a transactional id.

use std::collections::{BTreeMap, BTreeSet};

use model::ErrorCode;
use protocol::VersionRange;
use protocol::messages::{FindCoordinatorRequest, FindCoordinatorResponse};

use crate::cluster::{Cluster, Deadline, Target};
use crate::error::{Error, passes};

/// Since this version one request finds the coordinators of many keys (KIP-699).
const MANY: VersionRange = VersionRange::new(4, i16::MAX);
const ONE: VersionRange = VersionRange::new(0, 3);

/// What is coordinated; the values are those of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(i8)]
pub enum CoordinatorKind {
    /// A group, by its id.
    Group = 0,
    /// Transactions, by their transactional id.
    Transaction = 1,
}

/// What was answered for each key, or why nothing was.
pub(crate) type ByKey<T> = BTreeMap<String, Result<T, Error>>;

impl Cluster {
    /// The broker that coordinates a key now.
    pub(crate) async fn coordinator(
        &self,
        key: &str,
        kind: CoordinatorKind,
        deadline: Deadline,
    ) -> Result<i32, Error> {
        let mut found = self.coordinators(&[key], kind, deadline).await?;
        found.remove(key).unwrap_or_else(|| Err(unanswered(key)))
    }

    /// The brokers that coordinate some keys now. One that has none at the moment is waited for.
    pub(crate) async fn coordinators(
        &self,
        keys: &[&str],
        kind: CoordinatorKind,
        deadline: Deadline,
    ) -> Result<ByKey<i32>, Error> {
        let request = FindCoordinatorRequest {
            key_type: kind as i8,
            coordinator_keys: keys.iter().map(|key| (*key).into()).collect(),
            ..FindCoordinatorRequest::default()
        };
        match self.ask_in(MANY, deadline, Target::Any, &request, |answer| found(&answer)).await {
            Err(Error::Unsupported(_)) => {}
            outcome => return outcome,
        }
        let mut all = ByKey::new();
        for key in keys {
            let key_type = kind as i8;
            let request = FindCoordinatorRequest { key: (*key).into(), key_type, ..Default::default() };
            let read = |answer: FindCoordinatorResponse<'_>| {
                let broker = Error::check(answer.error_code, answer.error_message.as_deref());
                settled(broker.map(|()| answer.node_id))
            };
            all.insert((*key).to_owned(), self.ask_in(ONE, deadline, Target::Any, &request, read).await?);
        }
        Ok(all)
    }

    /// Asks the coordinators of some keys, each for all of its own at once, and asks again for those that have moved. `ask`
    /// sends one request to a broker, once.
    pub(crate) async fn ask_coordinators<T>(
        &self,
        keys: &[&str],
        kind: CoordinatorKind,
        deadline: Deadline,
        mut ask: impl AsyncFnMut(i32, &[&str]) -> Result<ByKey<T>, Error>,
    ) -> Result<ByKey<T>, Error> {
        let mut answered = ByKey::new();
        let mut open: BTreeSet<&str> = keys.iter().copied().collect();
        let mut failures = 0;
        while !open.is_empty() {
            if failures > 0 {
                self.back_off(failures, deadline).await?;
            }
            failures += 1;
            let wanted: Vec<&str> = open.iter().copied().collect();
            let mut by_broker: BTreeMap<i32, Vec<&str>> = BTreeMap::new();
            let mut found = self.coordinators(&wanted, kind, deadline).await?;
            for key in wanted {
                match found.remove(key).unwrap_or_else(|| Err(unanswered(key))) {
                    Ok(broker) => by_broker.entry(broker).or_default().push(key),
                    Err(error) => {
                        open.remove(key);
                        answered.insert(key.to_owned(), Err(error));
                    }
                }
            }
            for (broker, keys) in by_broker {
                let mut outcomes = match ask(broker, &keys).await {
                    Err(error) if passes(&error) => continue,
                    outcomes => outcomes?,
                };
                for key in keys {
                    let outcome = outcomes.remove(key).unwrap_or_else(|| Err(unanswered(key)));
                    if !outcome.as_ref().is_err_and(passes) {
                        open.remove(key);
                        answered.insert(key.to_owned(), outcome);
                    }
                }
            }
        }
        Ok(answered)
    }
}

fn found(answer: &FindCoordinatorResponse<'_>) -> Result<ByKey<i32>, Error> {
    // A refusal of the whole request stands where older versions have it.
    Error::check(answer.error_code, answer.error_message.as_deref())?;
    let coordinators = answer.coordinators.iter().map(|found| {
        let broker = Error::check(found.error_code, found.error_message.as_deref());
        Ok((found.key.as_ref().to_owned(), settled(broker.map(|()| found.node_id))?))
    });
    coordinators.collect()
}

/// Takes apart the errors that a moment later may be gone, for which the whole request is repeated.
fn settled(broker: Result<i32, Error>) -> Result<Result<i32, Error>, Error> {
    match broker {
        Err(error) if passes(&error) => Err(error),
        Ok(id) if id < 0 => Err(Error::server(ErrorCode::COORDINATOR_NOT_AVAILABLE)),
        broker => Ok(broker),
    }
}

fn unanswered(key: &str) -> Error {
    Error::Malformed(format!("The server's answer says nothing of {key}."))
}
