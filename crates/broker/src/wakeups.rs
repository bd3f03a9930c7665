//! Wake-ups of a core's tasks by other threads, delivered together.
//!
//! A task that another thread wakes costs that thread a write to the event descriptor of the task's runtime, for each
//! task anew. Where one decision answers hundreds of parked requests, as the end of a rebalance does, that is a system
//! call each. So requests are parked with a waker that leaves its task in a list of the task's core, and only the first
//! of a list wakes that core.

use std::sync::Arc;
use std::task::{Wake, Waker};
use std::thread::{self, ThreadId};

use parking_lot::Mutex;
use tokio::sync::Notify;

/// The tasks of one core that other threads have woken.
#[derive(Debug)]
pub struct Wakeups {
    core: ThreadId,
    woken: Mutex<Vec<Waker>>,
    is_any: Notify,
}

/// The waker that one task parks its requests with; made when the first is.
#[derive(Debug, Default)]
pub struct ParkingWaker(Option<(Arc<Relay>, Waker)>);

#[derive(Debug)]
struct Relay {
    task: Waker,
    wakeups: Arc<Wakeups>,
}

impl Wakeups {
    /// Of the tasks of this thread.
    pub fn of_this_core() -> Arc<Wakeups> {
        let core = thread::current().id();
        Arc::new(Wakeups { core, woken: Mutex::default(), is_any: Notify::new() })
    }

    /// Wakes the tasks that other threads leave here, on their own thread and for ever.
    pub async fn deliver(self: Arc<Self>) {
        let mut woken = Vec::new();
        loop {
            self.is_any.notified().await;
            std::mem::swap(&mut woken, &mut *self.woken.lock());
            woken.drain(..).for_each(Waker::wake);
        }
    }

    fn leave(&self, task: Waker) {
        let mut woken = self.woken.lock();
        woken.push(task);
        let is_first = woken.len() == 1;
        drop(woken);
        if is_first {
            self.is_any.notify_one();
        }
    }
}

impl ParkingWaker {
    /// Wakes what `task` wakes.
    pub fn of(&mut self, task: &Waker, wakeups: &Arc<Wakeups>) -> &Waker {
        if self.0.as_ref().is_some_and(|(relay, _)| !relay.task.will_wake(task)) {
            self.0 = None;
        }
        let (_, waker) = self.0.get_or_insert_with(|| {
            let relay = Arc::new(Relay { task: task.clone(), wakeups: Arc::clone(wakeups) });
            (Arc::clone(&relay), Waker::from(relay))
        });
        waker
    }
}

impl Wake for Relay {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if thread::current().id() == self.wakeups.core {
            self.task.wake_by_ref();
        } else {
            self.wakeups.leave(self.task.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Context;

    use super::*;

    #[derive(Default)]
    struct Task(AtomicUsize);

    impl Wake for Task {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn count(task: &Task) -> usize {
        task.0.load(Ordering::Relaxed)
    }

    #[test]
    fn tasks_woken_by_another_thread_wake_their_core_once_and_are_woken_there() {
        let wakeups = Wakeups::of_this_core();
        let deliverer = Arc::new(Task::default());
        let waker = Waker::from(Arc::clone(&deliverer));
        let mut delivering = Box::pin(Arc::clone(&wakeups).deliver());
        let mut deliver = || delivering.as_mut().poll(&mut Context::from_waker(&waker)).is_pending();
        assert!(deliver());
        let tasks: Vec<Arc<Task>> = (0..100).map(|_| Arc::default()).collect();
        let mut parking: Vec<ParkingWaker> = tasks.iter().map(|_| ParkingWaker::default()).collect();
        for rounds in 1..=3 {
            let parked = tasks.iter().zip(&mut parking);
            let parked: Vec<Waker> = parked
                .map(|(task, parking)| parking.of(&Waker::from(Arc::clone(task)), &wakeups).clone())
                .collect();
            thread::scope(|scope| {
                scope.spawn(|| parked.into_iter().for_each(Waker::wake));
            });
            assert_eq!(count(&deliverer), rounds);
            assert!(tasks.iter().all(|task| count(task) == rounds - 1));
            assert!(deliver());
            assert!(tasks.iter().all(|task| count(task) == rounds));
        }
    }

    #[test]
    fn a_task_woken_on_its_own_core_needs_nobody_between() {
        let wakeups = Wakeups::of_this_core();
        let task = Arc::new(Task::default());
        let mut parking = ParkingWaker::default();
        parking.of(&Waker::from(Arc::clone(&task)), &wakeups).wake_by_ref();
        assert_eq!((count(&task), wakeups.woken.lock().len()), (1, 0));
    }

    #[test]
    fn a_waker_is_made_anew_only_for_another_task() {
        let wakeups = Wakeups::of_this_core();
        let [one, other] = [(), ()].map(|()| Waker::from(Arc::new(Task::default())));
        let mut parking = ParkingWaker::default();
        let first = parking.of(&one, &wakeups).clone();
        assert!(first.will_wake(parking.of(&one, &wakeups)));
        assert!(!first.will_wake(parking.of(&other, &wakeups)));
    }
}
