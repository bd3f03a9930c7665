//! Ctrl-C and its like in tools that run until they are told to stop.

use tokio::signal::unix::{SignalKind, signal};

/// Waits for a signal that ends the tool, and gives the exit code that a shell shows for it.
pub async fn interrupted() -> u8 {
    let (interrupt, terminate) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()));
    let (Ok(mut interrupt), Ok(mut terminate)) = (interrupt, terminate) else {
        // Without a handler the signal ends the process by itself.
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => 130,
        _ = terminate.recv() => 143,
    }
}
