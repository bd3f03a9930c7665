//! What a server counts of its clients, for the four-letter words.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

/// Counters of a server, and its clients.
#[derive(Debug, Default)]
pub(crate) struct Traffic {
    clients: Mutex<BTreeMap<u64, Arc<ClientTraffic>>>,
    next_client: AtomicU64,
    received: AtomicU64,
    sent: AtomicU64,
    latency: Mutex<Latency>,
}

/// How long requests took.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Latency {
    pub min_ms: u64,
    pub max_ms: u64,
    sum_us: u64,
    count: u64,
}

/// Counters of one client.
#[derive(Debug)]
pub(crate) struct ClientTraffic {
    /// Where it comes from.
    pub address: SocketAddr,
    pub received: AtomicU64,
    pub sent: AtomicU64,
    pub watches: AtomicUsize,
}

/// The place of a client among those that are connected; dropping it ends it.
#[derive(Debug)]
pub(crate) struct ClientPlace {
    traffic: Arc<Traffic>,
    number: u64,
    pub client: Arc<ClientTraffic>,
}

impl Traffic {
    /// Lets a client in; `None` where there are `most` already.
    pub fn enter(self: &Arc<Traffic>, address: SocketAddr, most: usize) -> Option<ClientPlace> {
        let mut clients = self.clients.lock();
        if clients.len() >= most {
            return None;
        }
        let number = self.next_client.fetch_add(1, Ordering::Relaxed);
        let (received, sent, watches) = Default::default();
        let client = Arc::new(ClientTraffic { address, received, sent, watches });
        clients.insert(number, Arc::clone(&client));
        Some(ClientPlace { traffic: Arc::clone(self), number, client })
    }

    /// Those that are connected, the longest connected first.
    pub fn clients(&self) -> Vec<Arc<ClientTraffic>> {
        self.clients.lock().values().cloned().collect()
    }

    /// Packets received and sent.
    pub fn packets(&self) -> (u64, u64) {
        (self.received.load(Ordering::Relaxed), self.sent.load(Ordering::Relaxed))
    }

    /// How long requests took.
    pub fn latency(&self) -> Latency {
        *self.latency.lock()
    }
}

impl Latency {
    /// The mean, in milliseconds.
    pub fn mean_ms(&self) -> f64 {
        if self.count == 0 { 0.0 } else { self.sum_us as f64 / self.count as f64 / 1000.0 }
    }

    fn add(&mut self, took: Duration) {
        let ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        self.min_ms = if self.count == 0 { ms } else { self.min_ms.min(ms) };
        self.max_ms = self.max_ms.max(ms);
        self.sum_us = self.sum_us.saturating_add(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
        self.count += 1;
    }
}

impl ClientPlace {
    /// Counts a packet that came.
    pub fn received(&self) {
        self.client.received.fetch_add(1, Ordering::Relaxed);
        self.traffic.received.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts an answer that went out, to a request that took so long.
    pub fn answered(&self, took: Duration) {
        self.client.sent.fetch_add(1, Ordering::Relaxed);
        self.traffic.sent.fetch_add(1, Ordering::Relaxed);
        self.traffic.latency.lock().add(took);
    }
}

impl Drop for ClientPlace {
    fn drop(&mut self) {
        self.traffic.clients.lock().remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_are_counted_while_they_are_there_and_no_more_than_may_be() {
        let traffic = Arc::new(Traffic::default());
        let address = "127.0.0.1:5".parse().unwrap();
        let first = traffic.enter(address, 2).unwrap();
        let second = traffic.enter(address, 2).unwrap();
        assert!(traffic.enter(address, 2).is_none());
        drop(second);
        let third = traffic.enter(address, 2).unwrap();
        for took_ms in [4, 1, 10] {
            first.received();
            first.answered(Duration::from_millis(took_ms));
        }
        third.received();
        assert_eq!(traffic.packets(), (4, 3));
        let latency = traffic.latency();
        assert_eq!((latency.min_ms, latency.max_ms, latency.mean_ms()), (1, 10, 5.0));
        assert_eq!(traffic.clients().len(), 2);
    }
}
