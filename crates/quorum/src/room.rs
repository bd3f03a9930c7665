//! Waiting for room on a full disk: the metadata is as little lost by it as records are.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// How often it is looked whether there is room again.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Who may wait, until the node stops. Clones share the stop.
#[derive(Debug, Clone, Default)]
pub struct RoomWait {
    is_over: Arc<AtomicBool>,
}

impl RoomWait {
    /// Nobody waits any longer.
    pub fn end(&self) {
        self.is_over.store(true, Ordering::SeqCst);
    }

    /// The outcome of `attempt`, which is made again for as long as the disk is full; it must leave nothing behind then.
    pub async fn outcome<T>(&self, mut attempt: impl FnMut() -> io::Result<T>) -> io::Result<T> {
        let mut has_told = false;
        loop {
            match attempt() {
                Err(error) if is_full(&error) && !self.is_over.load(Ordering::SeqCst) => {
                    if !has_told {
                        tracing::error!(%error, "the disk of the metadata log is full; make room, the node then goes on");
                        has_told = true;
                    }
                    tokio::time::sleep(LOOK_EVERY).await;
                }
                outcome => {
                    return outcome.inspect(|_| {
                        if has_told {
                            tracing::info!("the metadata log has room again");
                        }
                    });
                }
            }
        }
    }
}

fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}
