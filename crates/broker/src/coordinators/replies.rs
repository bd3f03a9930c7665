//! Who waits for an answer of a shard.

use std::collections::HashMap;
use std::sync::Arc;

use coordinator::{Answer, ReplyTo};
use tokio::sync::oneshot;

use super::hosted_shard::HostedShard;

/// The requests that a shard has not answered yet.
#[derive(Debug, Default)]
pub struct Replies {
    /// The request that is being decided, and its answer once that is known: most are answered at once.
    current: Option<(ReplyTo, Option<Answer>)>,
    waiting: HashMap<u64, oneshot::Sender<Answer>>,
}

impl Replies {
    /// The request that is known as `reply` is being decided.
    pub fn begin(&mut self, reply: ReplyTo) {
        self.current = Some((reply, None));
    }

    /// It has been decided; its answer, where that is known already.
    pub fn take_current(&mut self) -> Option<Answer> {
        self.current.take()?.1
    }

    /// A place for the answer to the request that is known as `reply`.
    pub fn expect(&mut self, reply: ReplyTo) -> oneshot::Receiver<Answer> {
        let (sender, receiver) = oneshot::channel();
        self.waiting.insert(reply.0, sender);
        receiver
    }

    /// Delivers an answer; the client may have gone.
    pub fn deliver(&mut self, reply: ReplyTo, answer: Answer) {
        match &mut self.current {
            Some((current, known)) if *current == reply => *known = Some(answer),
            _ => {
                if let Some(sender) = self.waiting.remove(&reply.0) {
                    let _ = sender.send(answer);
                }
            }
        }
    }

    /// Nobody waits for that answer any more.
    pub fn forget(&mut self, reply: ReplyTo) {
        self.waiting.remove(&reply.0);
    }
}

/// A request that waits; its place is given back when its connection goes.
#[derive(Debug)]
pub struct WaitingRequest {
    pub(super) shard: Arc<HostedShard>,
    pub(super) reply: ReplyTo,
    pub(super) receiver: oneshot::Receiver<Answer>,
}

impl WaitingRequest {
    /// The answer; `None` where the shard has gone from this broker meanwhile.
    pub async fn answer(mut self) -> Option<Answer> {
        (&mut self.receiver).await.ok()
    }
}

impl Drop for WaitingRequest {
    fn drop(&mut self) {
        // Who has its answer has no place any more.
        if !self.receiver.is_terminated() {
            self.shard.forget(self.reply);
        }
    }
}
