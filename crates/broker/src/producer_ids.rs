//! Producer ids, handed out from the block the controller gave this broker last.

use std::ops::Range;

use model::ErrorCode;
use protocol::ApiKey;
use protocol::messages::{AllocateProducerIdsRequest, AllocateProducerIdsResponse};
use tokio::sync::Mutex;

use crate::controller::Controller;

/// The ids not handed out yet.
#[derive(Debug, Default)]
pub struct ProducerIds {
    block: Mutex<Range<i64>>,
}

impl ProducerIds {
    /// The next id of the block, if there is one and nobody is fetching another.
    pub fn take(&self) -> Option<i64> {
        self.block.try_lock().ok()?.next()
    }

    /// The next id, from a new block where the last one is used up.
    pub async fn next(
        &self,
        controller: &Controller,
        broker_id: i32,
        broker_epoch: i64,
    ) -> Result<i64, ErrorCode> {
        let mut block = self.block.lock().await;
        if let Some(id) = block.next() {
            return Ok(id);
        }
        let request = AllocateProducerIdsRequest { broker_id, broker_epoch };
        let answered = controller.ask(ApiKey::AllocateProducerIds, 0, &request).await;
        let answer: AllocateProducerIdsResponse = answered.map_err(|error| {
            tracing::warn!(error, "no block of producer ids");
            ErrorCode::COORDINATOR_LOAD_IN_PROGRESS
        })?;
        if !answer.error_code.is_none() {
            tracing::warn!(code = ?answer.error_code, "no block of producer ids");
            return Err(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS);
        }
        *block = answer.producer_id_start..answer.producer_id_start + i64::from(answer.producer_id_len);
        block.next().ok_or(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS)
    }
}
