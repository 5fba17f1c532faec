//! Which clients give way when all threads there may be are taken: the slowest.
//!
//! Content beyond what is gathered, and answers that are made while they are sent, hold a worker
//! while their client is waited for. That is as it should be until connections wait that no worker
//! can serve. Then the slowest of the clients that have been waited for give their workers back, as
//! many as connections wait. A fixed rate would not do: clients just above it could hold all workers.
//!
//! A worker enters the rate of its client at each look while it waits, a few times a second, and
//! finds out then if that client is to go. At the end of a stop every client gives way.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

/// How many workers are wanted back, and the clients that workers wait for.
#[derive(Debug, Default)]
pub(crate) struct Preemption {
    /// Changed only under the lock of `waits`.
    wanted: AtomicUsize,
    /// Once what is left is cut: by which thread, which may be a handler's and has its own answer to give.
    cut: OnceLock<ThreadId>,
    waits: Mutex<Waits>,
}

/// The clients that workers wait for.
#[derive(Debug, Default)]
struct Waits {
    clients: BTreeMap<u64, Seen>,
    /// The number of the next client.
    next: u64,
    /// When clients gave way whose workers may not be back yet.
    given: Vec<Instant>,
}

/// The last look at a client.
#[derive(Clone, Copy, Debug)]
struct Seen {
    /// Bytes a second.
    rate: u64,
    at: Instant,
}

/// A worker's wait for one client, entered in [`Preemption`] once the client's rate is known.
#[derive(Debug)]
pub(crate) struct Waiting {
    preemption: Arc<Preemption>,
    /// Its number there, once it is entered.
    number: Option<u64>,
    /// The earliest time of the next look.
    next: Option<Instant>,
}

impl Preemption {
    /// Enters how many connections wait although there can be no more workers; 0 once that is over.
    pub(in crate::engine) fn set(&self, wanted: usize) {
        if wanted > 0 || self.wanted.load(Ordering::Relaxed) > 0 {
            self.set_at(wanted, Instant::now());
        }
    }

    fn set_at(&self, wanted: usize, now: Instant) {
        let mut waits = self.waits();
        waits.given.retain(|given| now.saturating_duration_since(*given) < RETURN);
        // Who has given way just now is still on the way back.
        self.wanted.store(wanted.saturating_sub(waits.given.len()), Ordering::Relaxed);
    }

    /// Has all but the calling thread give way, for good.
    pub(in crate::engine) fn cut(&self) {
        let _ = self.cut.set(thread::current().id());
    }

    /// Whether the calling thread is to send nothing more.
    pub(in crate::engine) fn is_cut(&self) -> bool {
        self.cut.get().is_some_and(|spared| *spared != thread::current().id())
    }

    /// Enters the rate of a client. True if the client is one of the slowest, as many as are wanted.
    fn look(&self, number: &mut Option<u64>, rate: u64, now: Instant) -> bool {
        let mut waits = self.waits();
        let waits = &mut *waits;
        let number = *number.get_or_insert_with(|| {
            waits.next += 1;
            waits.next
        });
        waits.clients.insert(number, Seen { rate, at: now });
        let wanted = self.wanted.load(Ordering::Relaxed);
        let is_slower = |(other, seen): &(&u64, &Seen)| {
            (seen.rate, **other) < (rate, number) && now.saturating_duration_since(seen.at) < FRESH
        };
        if waits.clients.iter().filter(is_slower).take(wanted).count() >= wanted {
            return false;
        }
        self.wanted.store(wanted - 1, Ordering::Relaxed);
        waits.clients.remove(&number);
        waits.given.push(now);
        true
    }

    /// Nothing under this lock can leave it half done, so poison says nothing.
    fn waits(&self) -> MutexGuard<'_, Waits> {
        self.waits.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    pub(in crate::engine) fn new(preemption: &Arc<Preemption>) -> Self {
        Self { preemption: Arc::clone(preemption), number: None, next: None }
    }

    /// True if the client, which moves `rate` bytes a second, has to give way. Without a rate it has
    /// not been waited for long enough.
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
            self.preemption.waits().clients.remove(&number);
        }
    }
}

/// The least time between two looks at a client: many short waits must not contend for the lock.
const PAUSE: Duration = Duration::from_millis(50);
/// How long a look counts. A client that was not looked at for longer is not waited for any more:
/// its handler is busy.
const FRESH: Duration = Duration::from_secs(1);
/// How long a worker may take to come back from a client that gave way.
const RETURN: Duration = Duration::from_millis(250);

#[cfg(test)]
mod tests {
    use super::*;

    /// Clients of these rates, all looked at once.
    fn waiting(rates: &[u64], preemption: &Arc<Preemption>, now: Instant) -> Vec<(Waiting, u64)> {
        let mut clients: Vec<_> = rates.iter().map(|rate| (Waiting::new(preemption), *rate)).collect();
        assert_eq!(told(&mut clients, now), [], "no worker is wanted");
        clients
    }

    /// The rates of those that are told to give way, in the order of their looks.
    fn told(clients: &mut Vec<(Waiting, u64)>, now: Instant) -> Vec<u64> {
        let told = |(waiting, rate): &mut (Waiting, u64)| waiting.gives_way_at(*rate, now).then_some(*rate);
        let told: Vec<u64> = clients.iter_mut().filter_map(told).collect();
        clients.retain(|(_, rate)| !told.contains(rate));
        told
    }

    #[test]
    fn the_slowest_give_way_whatever_their_rate_and_no_more_than_are_wanted() {
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
        // The scheduler still sees the same connection wait.
        preemption.set_at(1, now + 2 * PAUSE);
        assert_eq!(told(&mut clients, now + 2 * PAUSE), []);
        preemption.set_at(1, now + 2 * RETURN);
        assert_eq!(told(&mut clients, now + 2 * RETURN), [2]);
        preemption.set_at(3, now + 3 * RETURN);
        preemption.set_at(0, now + 3 * RETURN);
        assert_eq!(told(&mut clients, now + 3 * RETURN), [], "no connection waits any more");
    }

    #[test]
    fn clients_that_are_not_waited_for_any_more_stand_before_none() {
        let (preemption, now) = (Arc::default(), Instant::now());
        let mut clients = waiting(&[3, 2, 1], &preemption, now);
        // One has come to its end, and the handler of another computes.
        clients.pop();
        let busy = clients.pop();
        preemption.set_at(1, now);
        assert_eq!(told(&mut clients, now + PAUSE), []);
        assert_eq!(told(&mut clients, now + FRESH), [3]);
        drop(busy);
        drop(clients);
        assert!(preemption.waits().clients.is_empty());
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
    fn who_cuts_is_spared() {
        let preemption = Preemption::default();
        assert!(!preemption.is_cut());
        preemption.cut();
        assert!(!preemption.is_cut());
        thread::scope(|scope| assert!(scope.spawn(|| preemption.is_cut()).join().unwrap()));
    }
}
