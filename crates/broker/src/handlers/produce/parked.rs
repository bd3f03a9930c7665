//! Produce requests whose answer waits: for a queue, for stable storage, or for both.

use protocol::messages::produce_response::{PartitionProduceResponse, ProduceResponse, TopicProduceResponse};
use protocol::views::TopicKey;
use transport::Outbound;

use super::{Batches, Item, State, flush, outcomes};
use crate::connection_loop::CloseConnection;
use crate::request::{Behind, Outcome, ResponseHead};

/// Some batches were left to another thread: the answer waits for them.
pub fn park(head: ResponseHead, body: &[u8], batches: Batches, acks: i16, throttle_time_ms: i32) -> Outcome {
    let mut response = ProduceResponse { throttle_time_ms, ..ProduceResponse::default() };
    for (topic, own) in batches.by_topic() {
        let (name, topic_id) = match topic.key(body, own.first()) {
            TopicKey::Name(name) => (name.to_owned().into(), model::Uuid::ZERO),
            TopicKey::Id(id) => (std::borrow::Cow::default(), id),
        };
        response.responses.push(TopicProduceResponse { name, topic_id, ..Default::default() });
    }
    let answer = async move {
        let Batches { topics, items } = batches;
        let mut items = items.into_iter();
        for (answered, topic) in response.responses.iter_mut().zip(topics) {
            for item in items.by_ref().take(topic.partition_count) {
                answered.partition_responses.push(wait(item, acks).await);
            }
        }
        let mut out = Outbound::default();
        head.answer(&mut out, &response).map(|()| out)
    };
    Outcome::parked(Behind::GoesOn, answer)
}

/// Nobody waits for an answer, but the connection keeps its place: who is not held back by answers would fill the memory
/// with batches faster than a disk takes them.
pub fn park_unanswered(items: Vec<Item>) -> Outcome {
    let answer = async move {
        for item in items {
            let code = wait(item, 0).await.error_code;
            if !code.is_none() {
                return Err(CloseConnection(format!("a produce request with acks=0 failed: {code}")));
            }
        }
        Ok(Outbound::default())
    };
    Outcome::parked(Behind::GoesOn, answer)
}

async fn wait(item: Item, acks: i16) -> PartitionProduceResponse<'static> {
    let index = item.index;
    let (done, ticket) = match item.state {
        State::Appended(done) => (done, None),
        State::Done(done) => return *done,
        State::Untouched => return PartitionProduceResponse { index, ..Default::default() },
        State::Flushing(done, ticket) => (done, Some(ticket)),
        State::Queued(receiver) => match receiver.await {
            Ok(Ok(done)) => {
                let partition = item.partition.as_ref().ok();
                (done, partition.and_then(|partition| flush(partition, &done, acks)))
            }
            Ok(Err(error)) => return outcomes::failed(index, item.partition.as_deref().ok(), &error),
            // The thread that had the batch ended: nobody knows whether it was written.
            Err(_) => return outcomes::unknown_end(index),
        },
    };
    if let Some(ticket) = ticket
        && ticket.await.is_err()
    {
        return outcomes::unknown_end(index);
    }
    outcomes::appended(index, &done)
}
