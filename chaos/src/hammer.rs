//! Clients that come, ask, stay a moment and go, many more at a time than are let in.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::probe::{Served, ask, connect_from, served};

/// How long a client stays once it has its answer.
const STAY: Duration = Duration::from_millis(20);
/// How long a client looks for its answer before it sees whether all is over.
const LOOK: Duration = Duration::from_millis(50);
/// Before a client that was turned away tries again.
const TURNED_AWAY: Duration = Duration::from_millis(5);
/// How long the clients are watched for more than may be there at once.
const WATCHED: Duration = Duration::from_millis(700);
/// How long it may take until a limit holds and is reached.
const SETTLE_MAX: Duration = Duration::from_secs(30);

/// What many clients of one listener and one address meet with.
#[derive(Debug, Default)]
pub struct Hammer {
    inside: AtomicUsize,
    inside_most: AtomicUsize,
    /// Connections that were answered.
    pub answered: AtomicU64,
    /// Connections that were closed unanswered.
    pub closed: AtomicU64,
    is_over: AtomicBool,
}

impl Hammer {
    /// One client, over and over until [`Hammer::stop`]. A listener that takes no connection is a finding.
    pub fn run(&self, source: Ipv4Addr, address: SocketAddr) -> Result<(), String> {
        while !self.is_over() {
            let mut stream = connect_from(source, address)?;
            // The node may have closed it already.
            let mut how = if ask(&mut stream).is_ok() { Served::Waits } else { Served::Closed };
            while how == Served::Waits && !self.is_over() {
                how = served(&mut stream, LOOK);
            }
            match how {
                Served::Yes => {
                    let inside = self.inside.fetch_add(1, Ordering::SeqCst) + 1;
                    self.inside_most.fetch_max(inside, Ordering::SeqCst);
                    self.answered.fetch_add(1, Ordering::Relaxed);
                    std::thread::sleep(STAY);
                    // Counted down before the node can know, so that it never looks like more than it let in.
                    self.inside.fetch_sub(1, Ordering::SeqCst);
                }
                Served::Closed => {
                    self.closed.fetch_add(1, Ordering::Relaxed);
                    std::thread::sleep(TURNED_AWAY);
                }
                Served::Waits => {}
            }
        }
        Ok(())
    }

    /// Has all clients come back.
    pub fn stop(&self) {
        self.is_over.store(true, Ordering::SeqCst);
    }

    fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Relaxed)
    }

    /// The most clients that were inside at once while watched for `time`.
    pub fn most_within(&self, time: Duration) -> usize {
        self.inside_most.store(self.inside.load(Ordering::SeqCst), Ordering::SeqCst);
        std::thread::sleep(time);
        self.inside_most.load(Ordering::SeqCst)
    }

    /// Waits until as many as `limit` are inside at once and no more, then watches that it stays so.
    pub fn settles_at(&self, limit: usize) -> Result<(), String> {
        let deadline = Instant::now() + SETTLE_MAX;
        loop {
            let most = self.most_within(WATCHED);
            if most == limit {
                break;
            }
            if Instant::now() > deadline {
                return Err(format!("{most} clients are inside at once where {limit} may be"));
            }
        }
        match self.most_within(WATCHED * 2) {
            most if most > limit => Err(format!("{most} clients were inside at once where {limit} may be")),
            _ => Ok(()),
        }
    }
}
