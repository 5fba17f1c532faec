//! Preemption: the slowest clients give their workers back once the pool is exhausted.
//!
//! Content beyond the gathered part, and answers made while being sent, hold a worker while the
//! client is slow. That is acceptable until connections wait and no worker is free. Then the
//! slowest of these clients give their workers back, as many as connections wait. A fixed minimum
//! rate would not do: clients just above the minimum could hold all workers.
//!
//! While waiting, a worker records the client's rate at each look, a few times a second, and learns
//! then if the client has to give way. At the end of a stop every client gives way.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

use crate::sync::Mutex;

/// The number of workers wanted back, and the clients with a waiting worker.
#[derive(Debug, Default)]
pub(crate) struct Preemption {
    /// Changed only under the lock of `waits`.
    wanted: AtomicUsize,
    /// The thread that cuts the rest at the end of a stop. It may run a handler whose answer is
    /// still to be sent.
    cut: OnceLock<ThreadId>,
    waits: Mutex<Waits>,
}

/// The clients with a waiting worker.
#[derive(Debug, Default)]
struct Waits {
    clients: Vec<Seen>,
    /// The number of the next client.
    next: u64,
    /// The times at which clients gave way, if their workers may not be back yet.
    given: Vec<Instant>,
}

/// The last look at a client.
#[derive(Clone, Copy, Debug)]
struct Seen {
    /// The client's number.
    number: u64,
    /// Bytes a second.
    rate: u64,
    at: Instant,
}

/// A worker's wait for one client, registered in [`Preemption`] once the client's rate is known.
#[derive(Debug)]
pub(crate) struct Waiting {
    preemption: Arc<Preemption>,
    /// The client's number, once registered.
    number: Option<u64>,
    /// The earliest time of the next look.
    next: Option<Instant>,
}

impl Preemption {
    /// Sets the number of connections waiting while no worker can be added; 0 once that is over.
    pub(in crate::engine) fn set(&self, wanted: usize) {
        if wanted > 0 || self.wanted.load(Ordering::Relaxed) > 0 {
            self.set_at(wanted, Instant::now());
        }
    }

    fn set_at(&self, wanted: usize, now: Instant) {
        let mut waits = self.waits.lock();
        waits.given.retain(|given| now.saturating_duration_since(*given) < RETURN);
        // Workers of clients that gave way just now are still on the way back.
        self.wanted.store(wanted.saturating_sub(waits.given.len()), Ordering::Relaxed);
    }

    /// Makes all threads except the calling one give way, for good.
    pub(in crate::engine) fn cut(&self) {
        let _ = self.cut.set(thread::current().id());
    }

    /// True if the calling thread must send nothing more.
    pub(in crate::engine) fn is_cut(&self) -> bool {
        self.cut.get().is_some_and(|spared| *spared != thread::current().id())
    }

    /// Records the rate of a client. Returns true if the client is one of the slowest, as many as
    /// are wanted.
    fn look(&self, number: &mut Option<u64>, rate: u64, now: Instant) -> bool {
        let mut waits = self.waits.lock();
        let waits = &mut *waits;
        let number = *number.get_or_insert_with(|| {
            waits.next += 1;
            waits.next
        });
        waits.clients.retain(|seen| seen.number != number);
        let wanted = self.wanted.load(Ordering::Relaxed);
        let is_slower =
            |seen: &&Seen| (seen.rate, seen.number) < (rate, number) && now.saturating_duration_since(seen.at) < FRESH;
        if waits.clients.iter().filter(is_slower).take(wanted).count() >= wanted {
            waits.clients.push(Seen { number, rate, at: now });
            return false;
        }
        self.wanted.store(wanted - 1, Ordering::Relaxed);
        waits.given.push(now);
        true
    }
}

impl Waiting {
    pub(in crate::engine) fn new(preemption: &Arc<Preemption>) -> Self {
        Self { preemption: Arc::clone(preemption), number: None, next: None }
    }

    /// True if the client, moving `rate` bytes a second, has to give way. `None`: the wait was too
    /// short to tell.
    pub(in crate::engine) fn gives_way(&mut self, rate: Option<u64>) -> bool {
        rate.is_some_and(|rate| self.gives_way_at(rate, Instant::now()))
    }

    fn gives_way_at(&mut self, rate: u64, now: Instant) -> bool {
        if self.next.is_some_and(|next| now < next) {
            return false;
        }
        self.next = Some(now + PAUSE);
        self.preemption.look(&mut self.number, rate, now)
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if let Some(number) = self.number {
            self.preemption.waits.lock().clients.retain(|seen| seen.number != number);
        }
    }
}

/// The least time between two looks at a client: many short waits must not contend for the lock.
const PAUSE: Duration = Duration::from_millis(50);
/// The validity of a look. Without a newer look no worker waits for the client: the handler is
/// busy.
const FRESH: Duration = Duration::from_secs(1);
/// The time in which the worker of a cut client should become free.
const RETURN: Duration = Duration::from_millis(250);

#[cfg(test)]
mod tests {
    use super::*;

    /// Creates clients of these rates, each looked at once.
    fn waiting(rates: &[u64], preemption: &Arc<Preemption>, now: Instant) -> Vec<(Waiting, u64)> {
        let mut clients: Vec<_> = rates.iter().map(|rate| (Waiting::new(preemption), *rate)).collect();
        assert_eq!(told(&mut clients, now), Vec::<u64>::new(), "no worker is wanted");
        clients
    }

    /// Returns the rates of the clients told to give way, in the order of their looks.
    fn told(clients: &mut Vec<(Waiting, u64)>, now: Instant) -> Vec<u64> {
        let told = |(waiting, rate): &mut (Waiting, u64)| waiting.gives_way_at(*rate, now).then_some(*rate);
        let told: Vec<u64> = clients.iter_mut().filter_map(told).collect();
        clients.retain(|(_, rate)| !told.contains(rate));
        told
    }

    #[test]
    fn slowest_clients_give_way_and_no_more_than_needed() {
        for (wanted, expected) in [(0, &[][..]), (1, &[7]), (2, &[9, 7]), (3, &[5000, 9, 7]), (9, &[6000, 5000, 9, 7])]
        {
            let (preemption, now) = (Arc::default(), Instant::now());
            let mut clients = waiting(&[6000, 5000, 9, 7], &preemption, now);
            preemption.set_at(wanted, now);
            let mut all = Vec::new();
            for turn in 1..4 {
                all.extend(told(&mut clients, now + turn * PAUSE));
            }
            all.sort_unstable();
            let mut expected = expected.to_vec();
            expected.sort_unstable();
            assert_eq!(all, expected, "{wanted} wanted");
        }
    }

    #[test]
    fn clients_that_gave_way_count_until_their_workers_are_back() {
        let (preemption, now) = (Arc::default(), Instant::now());
        let mut clients = waiting(&[3, 2, 1], &preemption, now);
        preemption.set_at(1, now);
        assert_eq!(told(&mut clients, now + PAUSE), [1]);
        // The scheduler still sees the same connection waiting.
        preemption.set_at(1, now + 2 * PAUSE);
        assert_eq!(told(&mut clients, now + 2 * PAUSE), Vec::<u64>::new());
        preemption.set_at(1, now + 2 * RETURN);
        assert_eq!(told(&mut clients, now + 2 * RETURN), [2]);
        preemption.set_at(3, now + 3 * RETURN);
        preemption.set_at(0, now + 3 * RETURN);
        assert_eq!(told(&mut clients, now + 3 * RETURN), Vec::<u64>::new(), "no connection waits any more");
    }

    #[test]
    fn clients_that_are_not_waited_for_any_more_stand_before_none() {
        let (preemption, now) = (Arc::default(), Instant::now());
        let mut clients = waiting(&[3, 2, 1], &preemption, now);
        // One client has finished, and the handler of another computes.
        clients.pop();
        let busy = clients.pop();
        preemption.set_at(1, now);
        assert_eq!(told(&mut clients, now + PAUSE), Vec::<u64>::new());
        assert_eq!(told(&mut clients, now + FRESH), [3]);
        drop(busy);
        drop(clients);
        assert!(preemption.waits.lock().clients.is_empty());
    }

    #[test]
    fn a_client_without_a_rate_stays() {
        let preemption = Arc::default();
        let mut waiting = Waiting::new(&preemption);
        preemption.set(1);
        assert!(!waiting.gives_way(None));
        assert!(waiting.gives_way(Some(1 << 30)));
        assert!(!waiting.gives_way(Some(1)), "it was the only one");
    }

    #[test]
    fn cutting_worker_is_spared() {
        let preemption = Preemption::default();
        assert!(!preemption.is_cut());
        preemption.cut();
        assert!(!preemption.is_cut());
        thread::scope(|scope| assert!(scope.spawn(|| preemption.is_cut()).join().unwrap()));
    }
}
