//! The threads there are: who has come, who sleeps, who has left and can be joined.

use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle, ThreadId};
use std::time::{Duration, Instant};

use http::Method;

use crate::engine::service::counters::Counters;
use crate::engine::service::handle::{Task, WorkerHandle};
use crate::net::stream::Stream;

/// All workers of a server, and the threads of its upgraded connections.
#[derive(Default)]
pub(in crate::engine) struct Threads {
    roster: Mutex<Roster>,
    /// Rings when somebody has left, and when the server stops.
    changed: Condvar,
    /// The counters of the guard.
    pub(in crate::engine) others: Arc<Counters>,
    /// Workers that were woken, or added, and have not looked at the queue yet.
    coming: AtomicUsize,
}

#[derive(Default)]
struct Roster {
    handles: Vec<Arc<WorkerHandle>>,
    /// Those who sleep, the last to fall asleep at the end: it is called first, its memory being the warmest.
    idle: Vec<Arc<WorkerHandle>>,
    threads: HashMap<ThreadId, JoinHandle<()>>,
    /// Threads that have left and can be joined.
    gone: Vec<JoinHandle<()>>,
    /// The counts of workers that have left.
    past: Counters,
    last_number: u32,
    /// Workers whose thread is being started.
    starting: usize,
}

impl Threads {
    /// Adds a worker that runs `work`; `Ok(false)` if there are `most` already.
    pub(super) fn hire(
        &self,
        most: Option<usize>,
        stack_size: usize,
        work: impl FnOnce(&Arc<WorkerHandle>) + Send + 'static,
    ) -> io::Result<bool> {
        let handle = {
            let mut roster = self.roster();
            if most.is_some_and(|most| roster.handles.len() + roster.starting >= most) {
                return Ok(false);
            }
            roster.starting += 1;
            roster.last_number += 1;
            Arc::new(WorkerHandle::new(roster.last_number))
        };
        let own = Arc::clone(&handle);
        let builder = thread::Builder::new().name(handle.name()).stack_size(stack_size);
        // Not under the lock: starting a thread takes a while, and workers go to sleep and are woken under it.
        self.coming.fetch_add(1, Ordering::SeqCst);
        let spawned = builder.spawn(move || work(&own));
        let mut roster = self.roster();
        roster.starting -= 1;
        match spawned {
            Ok(thread) => {
                handle.take(thread.thread().clone());
                roster.handles.push(handle);
                roster.threads.insert(thread.thread().id(), thread);
                drop(roster);
                self.changed.notify_all();
                Ok(true)
            }
            Err(error) => {
                self.coming.fetch_sub(1, Ordering::SeqCst);
                Err(error)
            }
        }
    }

    /// Adds a thread that runs `serve` for an upgraded connection.
    pub(super) fn hire_for_upgrade(&self, stack_size: usize, serve: impl FnOnce() + Send + 'static) -> io::Result<()> {
        let builder = thread::Builder::new().name("drupe-upgrade".to_owned()).stack_size(stack_size);
        // It waits until it is entered.
        let thread = builder.spawn(serve)?;
        self.roster().threads.insert(thread.thread().id(), thread);
        self.changed.notify_all();
        Ok(())
    }

    /// Waits until the calling thread, which was just hired, is entered.
    pub(super) fn arrive(&self) {
        let id = thread::current().id();
        let is_absent = |roster: &mut Roster| !roster.threads.contains_key(&id);
        drop(self.changed.wait_while(self.roster(), is_absent).unwrap_or_else(PoisonError::into_inner));
    }

    /// Notes that a worker that was woken, or added, is about to look at the queue.
    pub(super) fn come(&self) {
        self.coming.fetch_sub(1, Ordering::SeqCst);
    }

    /// The number of workers that were woken, or added, and have not looked at the queue yet.
    pub(in crate::engine) fn coming(&self) -> usize {
        self.coming.load(Ordering::SeqCst)
    }

    /// Enters that the calling thread leaves, and gives up its handle if it has one.
    pub(super) fn leave(&self, handle: Option<&WorkerHandle>) {
        let mut roster = self.roster();
        if let Some(handle) = handle {
            roster.strike(handle);
        }
        let id = thread::current().id();
        let thread = roster.threads.remove(&id);
        roster.gone.extend(thread);
        drop(roster);
        self.changed.notify_all();
    }

    // ---- asleep ----

    /// Enters that `handle` falls asleep; says whether there are more than `least`.
    pub(super) fn fall_asleep(&self, handle: &Arc<WorkerHandle>, least: usize) -> bool {
        let mut roster = self.roster();
        roster.idle.push(Arc::clone(handle));
        roster.handles.len() > least
    }

    /// True if `handle` sleeps and no thread has called it yet.
    pub(super) fn is_asleep(&self, handle: &WorkerHandle) -> bool {
        self.roster().idle.iter().any(|idle| idle.number == handle.number)
    }

    /// Enters that `handle` gets up by itself; false if it was called already.
    pub(super) fn get_up(&self, handle: &WorkerHandle) -> bool {
        self.roster().get_up(handle)
    }

    /// Takes `handle` off the list for good if it is still asleep and there are more than `least`.
    pub(super) fn dismiss(&self, handle: &WorkerHandle, least: usize) -> Dismissed {
        let mut roster = self.roster();
        // Under one lock, or two would go where there is one too many.
        if !roster.get_up(handle) {
            return Dismissed::Called;
        }
        if roster.dismiss(handle, least) { Dismissed::Goes } else { Dismissed::Stays }
    }

    /// Takes `handle`, whose worker is awake, off the list for good if there are more than `least`; true if so.
    pub(in crate::engine) fn dismiss_awake(&self, handle: &WorkerHandle, least: usize) -> bool {
        self.roster().dismiss(handle, least)
    }

    /// Wakes a worker that sleeps, to look at the queue; false if none sleeps.
    pub(in crate::engine) fn call(&self) -> bool {
        let mut roster = self.roster();
        let Some(handle) = roster.idle.pop() else { return false };
        // Under the lock: a worker that wakes by itself, and finds that it was called, takes itself off this count at once.
        self.coming.fetch_add(1, Ordering::SeqCst);
        drop(roster);
        handle.unpark();
        true
    }

    // ---- looking around ----

    /// True if a worker sleeps.
    pub(in crate::engine) fn has_sleeper(&self) -> bool {
        !self.roster().idle.is_empty()
    }

    /// Notes what worker `number` has been at since `since`, if it is still there.
    pub(in crate::engine) fn note_task(&self, number: u32, method: Method, path: &str, since: Instant) {
        let Ok(target) = path.parse() else { return };
        if let Some(handle) = self.roster().handles.iter().find(|handle| handle.number == number) {
            handle.note(Task { method, target, since });
        }
    }

    /// The requests whose handlers run.
    pub(in crate::engine) fn tasks(&self) -> Vec<Task> {
        self.roster().handles.iter().filter_map(|handle| handle.task()).collect()
    }

    /// The number of workers.
    pub(in crate::engine) fn len(&self) -> usize {
        self.roster().handles.len()
    }

    /// The sum of all counters, of workers that have left too.
    pub(in crate::engine) fn counted(&self) -> Counters {
        let (handles, sum) = self.accounts();
        handles.iter().for_each(|handle| sum.absorb(&handle.counters));
        sum
    }

    /// The workers there are, and what all others have counted.
    pub(super) fn accounts(&self) -> (Vec<Arc<WorkerHandle>>, Counters) {
        let others = Counters::default();
        others.absorb(&self.others);
        // Both at one moment: who leaves goes from one to the other.
        let roster = self.roster();
        others.absorb(&roster.past);
        (roster.handles.clone(), others)
    }

    /// True if `thread` belongs to the server.
    pub(in crate::engine) fn includes(&self, thread: ThreadId) -> bool {
        self.roster().threads.contains_key(&thread)
    }

    /// True if all threads have left.
    pub(in crate::engine) fn is_deserted(&self) -> bool {
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
        let mut roster = self.roster();
        let asleep = std::mem::take(&mut roster.idle);
        self.coming.fetch_add(asleep.len(), Ordering::SeqCst);
        drop(roster);
        self.changed.notify_all();
        asleep.iter().for_each(|handle| handle.unpark());
    }

    /// Waits until all have left but the calling thread, at the longest until `deadline`; says whether they have.
    pub(in crate::engine) fn wait_for_leaving(&self, deadline: Instant) -> bool {
        let me = thread::current().id();
        let others = |roster: &Roster| roster.threads.keys().any(|id| *id != me);
        let left = deadline.saturating_duration_since(Instant::now());
        let wait = self.changed.wait_timeout_while(self.roster(), left, |roster| others(roster));
        let (roster, _) = wait.unwrap_or_else(PoisonError::into_inner);
        !others(&roster)
    }

    /// Cuts the connections that are being served, and says how many there were.
    pub(in crate::engine) fn cut(&self) -> usize {
        // Whoever asks for it, from a handler, still has its own answer to give.
        let others = |handle: &&Arc<WorkerHandle>| !handle.is_ours();
        let serving: Vec<Arc<Stream>> =
            self.roster().handles.iter().filter(others).filter_map(|handle| handle.serving()).collect();
        serving.iter().filter(|stream| stream.cut().is_ok()).count()
    }

    /// Joins the threads that have left: a thread that nobody joins keeps its stack.
    pub(in crate::engine) fn join_gone(&self) {
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

/// The outcome of dismissing a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dismissed {
    /// It leaves.
    Goes,
    /// There are no more than need be: it is awake.
    Stays,
    /// It was called meanwhile.
    Called,
}

impl Roster {
    /// Takes a handle off the list, its counts kept; once only.
    fn strike(&mut self, handle: &WorkerHandle) {
        if let Some(place) = self.handles.iter().position(|other| other.number == handle.number) {
            self.handles.remove(place);
            self.past.absorb(&handle.counters);
        }
    }

    /// Takes a handle off the list for good if there are more than `least`; true if so.
    fn dismiss(&mut self, handle: &WorkerHandle, least: usize) -> bool {
        let is_extra = self.handles.len() > least;
        if is_extra {
            self.strike(handle);
        }
        is_extra
    }

    fn get_up(&mut self, handle: &WorkerHandle) -> bool {
        let place = self.idle.iter().position(|idle| idle.number == handle.number);
        place.map(|place| self.idle.remove(place)).is_some()
    }
}

#[cfg(test)]
mod tests;
