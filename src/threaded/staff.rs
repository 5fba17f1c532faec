//! The threads there are: who has come, who sleeps, who has left and can be joined.

use std::collections::HashMap;
use std::io;
use std::net::Shutdown;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::{self, JoinHandle, ThreadId};
use std::time::{Duration, Instant};

use super::seat::{Seat, State};
use super::statistics::Counters;
use crate::net::stream::Stream;

/// All workers of a server, and the threads of its upgraded connections.
#[derive(Default)]
pub(super) struct Staff {
    roster: Mutex<Roster>,
    /// Rings when somebody has left, and when the server stops.
    changed: Condvar,
    /// What those count who are no workers: the watch.
    pub(super) others: Arc<Counters>,
}

#[derive(Default)]
struct Roster {
    seats: Vec<Arc<Seat>>,
    /// Those who sleep, the last to fall asleep at the end: it is called first, its memory being the warmest.
    idle: Vec<Arc<Seat>>,
    threads: HashMap<ThreadId, JoinHandle<()>>,
    /// What the threads of upgraded connections serve. It is theirs: dropping it closes it.
    upgraded: HashMap<ThreadId, Weak<Stream>>,
    /// Threads that have left and can be joined.
    gone: Vec<JoinHandle<()>>,
    /// What those who left have counted.
    past: Counters,
    last_number: usize,
}

impl Staff {
    /// Adds a worker that runs `work`; `Ok(false)` if there are `most` already.
    pub(super) fn hire(
        &self,
        most: Option<usize>,
        stack_size: usize,
        work: impl FnOnce(&Arc<Seat>) + Send + 'static,
    ) -> io::Result<bool> {
        let mut roster = self.roster();
        if most.is_some_and(|most| roster.seats.len() >= most) {
            return Ok(false);
        }
        let seat = Arc::new(Seat::new(roster.last_number + 1));
        let own = Arc::clone(&seat);
        let builder = thread::Builder::new().name(seat.name()).stack_size(stack_size);
        let thread = builder.spawn(move || work(&own))?;
        roster.last_number = seat.number;
        seat.take(thread.thread().clone());
        roster.seats.push(seat);
        roster.threads.insert(thread.thread().id(), thread);
        Ok(true)
    }

    /// Adds a thread that runs `serve` for the upgraded connection over `stream`.
    pub(super) fn hire_for_upgrade(
        &self,
        stream: &Arc<Stream>,
        stack_size: usize,
        serve: impl FnOnce() + Send + 'static,
    ) -> io::Result<()> {
        let mut roster = self.roster();
        let builder = thread::Builder::new().name("drupe-upgrade".to_owned()).stack_size(stack_size);
        let thread = builder.spawn(serve)?;
        roster.upgraded.insert(thread.thread().id(), Arc::downgrade(stream));
        roster.threads.insert(thread.thread().id(), thread);
        Ok(())
    }

    /// Waits until the calling thread, which was just hired, is entered.
    pub(super) fn arrive(&self) {
        drop(self.roster());
    }

    /// Enters that the calling thread leaves, and gives up its seat if it has one.
    pub(super) fn leave(&self, seat: Option<&Seat>) {
        let mut roster = self.roster();
        if let Some(seat) = seat {
            roster.strike(seat);
        }
        let id = thread::current().id();
        roster.upgraded.remove(&id);
        let thread = roster.threads.remove(&id);
        roster.gone.extend(thread);
        drop(roster);
        self.changed.notify_all();
    }

    // ---- asleep ----

    /// Enters that `seat` falls asleep; says whether there are more than `least`.
    pub(super) fn fall_asleep(&self, seat: &Arc<Seat>, least: usize) -> bool {
        let mut roster = self.roster();
        roster.idle.push(Arc::clone(seat));
        roster.seats.len() > least
    }

    /// Whether nobody has called `seat` out of its sleep yet.
    pub(super) fn is_asleep(&self, seat: &Seat) -> bool {
        self.roster().idle.iter().any(|idle| idle.number == seat.number)
    }

    /// Enters that `seat` gets up by itself; false if it was called already.
    pub(super) fn get_up(&self, seat: &Seat) -> bool {
        self.roster().get_up(seat)
    }

    /// Has `seat` go for good if it is still asleep and there are more than `least`; says whether it does. If not it is awake.
    pub(super) fn dismiss(&self, seat: &Seat, least: usize) -> bool {
        let mut roster = self.roster();
        // Under one lock, or two would go where there is one too many.
        let goes = roster.get_up(seat) && roster.seats.len() > least;
        if goes {
            roster.strike(seat);
        }
        goes
    }

    /// Calls one that sleeps, entering it as at work (`enter`) before it can see that it was called; false if none sleeps.
    pub(super) fn call(&self, enter: impl FnOnce(&Seat)) -> bool {
        let mut roster = self.roster();
        let Some(seat) = roster.idle.pop() else { return false };
        enter(&seat);
        drop(roster);
        seat.unpark();
        true
    }

    // ---- looking around ----

    /// Runs `look` on every seat.
    pub(super) fn for_each(&self, look: impl FnMut(&Arc<Seat>)) {
        self.roster().seats.iter().for_each(look);
    }

    /// How many workers there are.
    pub(super) fn len(&self) -> usize {
        self.roster().seats.len()
    }

    /// Whether most of those who work sleep: they wait for something. A few are asked; where the system does not say, they do not.
    pub(super) fn sleeps_at_work(&self) -> bool {
        let roster = self.roster();
        let working = roster.seats.iter().filter(|seat| seat.is(State::Works) && seat.serving().is_some());
        let (mut asked, mut asleep) = (0, 0);
        for sleeps in working.take(ASKED).filter_map(|seat| seat.sleeps()) {
            asked += 1;
            asleep += usize::from(sleeps);
        }
        2 * asleep > asked
    }

    /// What all have counted, those who left included.
    pub(super) fn counted(&self) -> Counters {
        let (seats, sum) = self.accounts();
        seats.iter().for_each(|seat| sum.absorb(&seat.counters));
        sum
    }

    /// The workers there are, and what all others have counted.
    pub(super) fn accounts(&self) -> (Vec<Arc<Seat>>, Counters) {
        let others = Counters::default();
        others.absorb(&self.others);
        // Both at one moment: who leaves goes from one to the other.
        let roster = self.roster();
        others.absorb(&roster.past);
        (roster.seats.clone(), others)
    }

    /// How many threads serve upgraded connections.
    pub(super) fn upgraded(&self) -> usize {
        self.roster().upgraded.len()
    }

    /// Whether `thread` is one of them.
    pub(super) fn includes(&self, thread: ThreadId) -> bool {
        self.roster().threads.contains_key(&thread)
    }

    /// Whether everybody has left.
    pub(super) fn is_deserted(&self) -> bool {
        self.roster().threads.is_empty()
    }

    // ---- ending ----

    /// Waits for `time`, or until `is_over` when something has changed; says whether it is.
    pub(super) fn wait(&self, time: Duration, is_over: impl Fn() -> bool) -> bool {
        let wait = self.changed.wait_timeout_while(self.roster(), time, |_| !is_over());
        drop(wait.unwrap_or_else(PoisonError::into_inner));
        is_over()
    }

    /// Wakes everybody who sleeps or waits here.
    pub(super) fn ring(&self) {
        // Under the lock, so that nobody is just between looking and sleeping; and each once, for who finds nothing to do sleeps again.
        let asleep = std::mem::take(&mut self.roster().idle);
        self.changed.notify_all();
        asleep.iter().for_each(|seat| seat.unpark());
    }

    /// Waits until all have left but the calling thread, at the longest until `deadline`; says whether they have.
    pub(super) fn wait_for_leaving(&self, deadline: Instant) -> bool {
        let me = thread::current().id();
        let others = |roster: &Roster| roster.threads.keys().any(|id| *id != me);
        let left = deadline.saturating_duration_since(Instant::now());
        let wait = self.changed.wait_timeout_while(self.roster(), left, |roster| others(roster));
        let (roster, _) = wait.unwrap_or_else(PoisonError::into_inner);
        !others(&roster)
    }

    /// Cuts the connections that are being served, and says how many there were.
    pub(super) fn cut(&self) -> usize {
        // Whoever asks for it, from a handler, still has its own answer to give.
        let others = |seat: &&Arc<Seat>| !seat.is_ours();
        let serving: Vec<Arc<Stream>> =
            self.roster().seats.iter().filter(others).filter_map(|seat| seat.serving()).collect();
        serving.iter().filter(|stream| stream.cut().is_ok()).count()
    }

    /// Ends the sockets of upgraded connections.
    pub(super) fn end_upgraded(&self) {
        for stream in self.roster().upgraded.values().filter_map(Weak::upgrade) {
            // Its thread notices; a socket that has ended already says so too.
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// Joins the threads that have left: a thread that nobody joins keeps its stack.
    pub(super) fn join_gone(&self) {
        let me = thread::current().id();
        let gone = std::mem::take(&mut self.roster().gone);
        for thread in gone.into_iter().filter(|thread| thread.thread().id() != me) {
            if thread.join().is_err() {
                log::error!("a thread of the server panicked");
            }
        }
    }

    /// Nothing under this lock can leave it half done, so poison says nothing.
    fn roster(&self) -> MutexGuard<'_, Roster> {
        self.roster.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How many of those who work are asked whether they sleep.
const ASKED: usize = 8;

impl Roster {
    /// Takes a seat off the list, its counts kept; once only.
    fn strike(&mut self, seat: &Seat) {
        if let Some(place) = self.seats.iter().position(|other| other.number == seat.number) {
            self.seats.remove(place);
            self.past.absorb(&seat.counters);
        }
    }

    fn get_up(&mut self, seat: &Seat) -> bool {
        let place = self.idle.iter().position(|idle| idle.number == seat.number);
        place.map(|place| self.idle.remove(place)).is_some()
    }
}
