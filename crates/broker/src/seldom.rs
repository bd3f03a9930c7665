//! Futures that hardly ever end, beside work that goes on all the time.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

/// A future that is looked at only after it has asked for that itself, not each time that its task is woken for
/// something else: to poll a timer and a watch costs more than to see that nothing has changed.
#[derive(Debug)]
pub struct Seldom<F> {
    future: F,
    relay: Option<(Arc<Relay>, Waker)>,
}

#[derive(Debug)]
struct Relay {
    task: Waker,
    is_woken: AtomicBool,
}

impl<F: Future + Unpin> Seldom<F> {
    /// Ends as `future` does.
    pub fn new(future: F) -> Seldom<F> {
        Seldom { future, relay: None }
    }
}

impl<F: Future + Unpin> Future for Seldom<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let Seldom { future, relay } = &mut *self;
        let known = relay.take().filter(|(relay, _)| relay.task.will_wake(context.waker()));
        let (relay, waker) = relay.insert(known.unwrap_or_else(|| Relay::of(context.waker())));
        // Before the future is polled: a wake-up from then on makes for another poll.
        if !relay.is_woken.load(Ordering::Relaxed) || !relay.is_woken.swap(false, Ordering::AcqRel) {
            return Poll::Pending;
        }
        Pin::new(future).poll(&mut Context::from_waker(waker))
    }
}

impl Relay {
    /// Of a future that has not been polled for `task` yet.
    fn of(task: &Waker) -> (Arc<Relay>, Waker) {
        let relay = Arc::new(Relay { task: task.clone(), is_woken: AtomicBool::new(true) });
        (Arc::clone(&relay), Waker::from(relay))
    }
}

impl Wake for Relay {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.is_woken.store(true, Ordering::Release);
        self.task.wake_by_ref();
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::future::poll_fn;

    use super::*;

    /// A future that counts how often it is looked at, ends once `ends` says so, and leaves its waker in `left`.
    fn counted<'t>(
        polls: &'t Cell<u32>,
        ends: &'t Cell<bool>,
        left: &'t Cell<Option<Waker>>,
    ) -> impl Future<Output = ()> + Unpin + 't {
        poll_fn(move |context| {
            polls.set(polls.get() + 1);
            left.set(Some(context.waker().clone()));
            if ends.get() { Poll::Ready(()) } else { Poll::Pending }
        })
    }

    /// A task, known by its waker.
    fn task() -> Waker {
        struct Task;
        impl Wake for Task {
            fn wake(self: Arc<Self>) {}
        }
        Waker::from(Arc::new(Task))
    }

    #[test]
    fn a_future_that_did_not_ask_for_it_is_not_looked_at() {
        let (polls, ends, left) = (Cell::new(0), Cell::new(false), Cell::new(None));
        let mut seldom = Seldom::new(counted(&polls, &ends, &left));
        let waker = task();
        let mut poll = || Pin::new(&mut seldom).poll(&mut Context::from_waker(&waker));
        assert!((0..10).all(|_| poll().is_pending()));
        assert_eq!(polls.get(), 1, "the first look is its own");
        left.take().unwrap().wake();
        assert!((0..10).all(|_| poll().is_pending()));
        assert_eq!(polls.get(), 2);
        ends.set(true);
        assert!(poll().is_pending(), "it did not say so");
        left.take().unwrap().wake();
        assert!(poll().is_ready());
    }

    #[test]
    fn another_task_makes_it_look_anew() {
        let (polls, ends, left) = (Cell::new(0), Cell::new(false), Cell::new(None));
        let mut seldom = Seldom::new(counted(&polls, &ends, &left));
        let (one, other) = (task(), task());
        for (waker, polled) in [(&one, 1), (&other, 2), (&other, 2), (&one, 3)] {
            assert!(Pin::new(&mut seldom).poll(&mut Context::from_waker(waker)).is_pending());
            assert_eq!(polls.get(), polled);
        }
    }
}
