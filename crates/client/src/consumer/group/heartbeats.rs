//! Heartbeats of a classic member, sent beside the program, which may be busy with what it was given.

use std::time::Duration;

use protocol::messages::HeartbeatRequest;
use tokio::task::JoinHandle;

use super::{Context, GroupEvent, classic};
use crate::cluster::{ANY_VERSION, Deadline, Target};
use crate::coordinators::CoordinatorKind;
use crate::error::Error;

/// Whose heartbeats they are.
#[derive(Debug, Clone)]
pub(super) struct Beat {
    pub(super) member_id: String,
    pub(super) generation: i32,
}

/// Sends heartbeats until the task is ended, the coordinator refuses one, or the program asks for records too seldom.
pub(super) fn spawn(context: &Context, beat: Beat) -> JoinHandle<()> {
    tokio::spawn(run(context.clone(), beat))
}

async fn run(context: Context, beat: Beat) {
    let options = &context.options;
    loop {
        let left = context.pulse.left(options.poll_interval_max);
        if left.is_zero() {
            tracing::warn!(target: super::LOGGER, "consumer poll timeout has expired. This means the time between subsequent calls to poll() was longer than the configured max.poll.interval.ms, which typically implies that the poll loop is spending too much time processing messages. You can address this either by increasing max.poll.interval.ms or by reducing the maximum size of batches returned in poll() with max.poll.records.");
            if options.instance.is_none() {
                classic::leave(&context, &beat.member_id, "consumer poll timeout has expired.").await;
            }
            return context.tell(GroupEvent::TooSeldom);
        }
        let wait = options.heartbeat_interval.min(left).max(Duration::from_millis(1));
        tokio::time::sleep(wait).await;
        match send(&context, &beat).await {
            Ok(()) => {}
            Err(error) if error.is_retriable() || matches!(error, Error::Timeout(_)) => {
                context.cluster.forget_coordinator(CoordinatorKind::Group, &context.group, &error);
                tokio::time::sleep(options.backoff.after(1)).await;
            }
            Err(error) => return context.tell(GroupEvent::Refused { generation: beat.generation, error }),
        }
    }
}

async fn send(context: &Context, beat: &Beat) -> Result<(), Error> {
    let deadline = Deadline::after("heartbeat", context.options.session_timeout);
    let request = HeartbeatRequest {
        group_id: context.group.as_str().into(),
        generation_id: beat.generation,
        member_id: beat.member_id.as_str().into(),
        group_instance_id: context.options.instance.as_deref().map(Into::into),
    };
    let link = context
        .cluster
        .connection(Target::Coordinator(CoordinatorKind::Group, &context.group), deadline)
        .await?;
    let answer = link.call(&request, ANY_VERSION).await?;
    Error::check(answer.decode()?.error_code, None)
}
