//! The threads of a server: present, sleeping, or gone and to be joined.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, JoinHandle, ThreadId};
use std::time::{Duration, Instant};

use http::Method;

use crate::engine::service::counters::Counters;
use crate::engine::service::handle::{Task, WorkerHandle};
use crate::net::stream::Stream;
use crate::sync::{Condvar, Mutex, spawn};

/// All workers of a server, and the threads of its upgraded connections.
#[derive(Default)]
#[repr(align(128))]
pub(in crate::engine) struct Threads {
    pub(super) roster: Mutex<Roster>,
    /// Notified when a thread was added or has left, and when the server stops.
    pub(super) changed: Condvar,
    /// The counters of the guard.
    pub(in crate::engine) others: Arc<Counters>,
    /// Workers woken or added that have not looked at the queue yet.
    coming: AtomicUsize,
    /// The number of workers, changed under the lock of `roster`.
    size: AtomicUsize,
}

#[derive(Default)]
pub(super) struct Roster {
    handles: Vec<Arc<WorkerHandle>>,
    /// Sleeping workers, the last to fall asleep at the end. The last is woken first, because its
    /// caches are the warmest.
    idle: Vec<Arc<WorkerHandle>>,
    /// The worker of prompt requests, if there is one.
    pub(super) reserve: Option<Reserve>,
    pub(super) threads: HashMap<ThreadId, JoinHandle<()>>,
    /// Threads that have left, to be joined.
    gone: Vec<JoinHandle<()>>,
    /// The counters of workers that have left.
    past: Counters,
    pub(super) last_number: u32,
    /// The number of workers being started.
    starting: usize,
}

/// The reserved worker, as seen by other threads.
pub(super) struct Reserve {
    pub(super) handle: Arc<WorkerHandle>,
    /// True if there may be work since the worker's last look.
    pub(super) is_called: bool,
}

impl Threads {
    /// Adds a worker running `work`; `Ok(false)` if there are `most` already.
    pub(super) fn hire(
        &self,
        most: Option<usize>,
        stack_size: usize,
        work: impl FnOnce(&Arc<WorkerHandle>) + Send + 'static,
    ) -> io::Result<bool> {
        let handle = {
            let mut roster = self.roster.lock();
            if most.is_some_and(|most| roster.handles.len() + roster.starting >= most) {
                return Ok(false);
            }
            roster.starting += 1;
            roster.last_number += 1;
            Arc::new(WorkerHandle::new(roster.last_number))
        };
        let own = Arc::clone(&handle);
        let builder = thread::Builder::new().name(handle.name()).stack_size(stack_size);
        // Not under the lock, which is needed to sleep and to wake: starting a thread takes a
        // while.
        self.coming.fetch_add(1, Ordering::SeqCst);
        let spawned = spawn(builder, Box::new(move || work(&own)));
        let mut roster = self.roster.lock();
        roster.starting -= 1;
        match spawned {
            Ok(thread) => {
                handle.take(thread.thread().clone());
                roster.handles.push(handle);
                self.note_size(&roster);
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

    /// Adds a thread running `serve` for an upgraded connection.
    pub(super) fn hire_for_upgrade(&self, stack_size: usize, serve: impl FnOnce() + Send + 'static) -> io::Result<()> {
        let builder = thread::Builder::new().name("drupe-upgrade".to_owned()).stack_size(stack_size);
        // The thread waits for the registration below.
        let thread = spawn(builder, Box::new(serve))?;
        self.roster.lock().threads.insert(thread.thread().id(), thread);
        self.changed.notify_all();
        Ok(())
    }

    /// Waits until the calling thread, just hired, is registered.
    pub(super) fn arrive(&self) {
        let id = thread::current().id();
        let is_absent = |roster: &mut Roster| !roster.threads.contains_key(&id);
        drop(self.changed.wait_while(self.roster.lock(), is_absent));
    }

    /// Notes that a worker, woken or added, is about to look at the queue.
    pub(super) fn come(&self) {
        self.coming.fetch_sub(1, Ordering::SeqCst);
    }

    /// The number of workers woken or added that have not looked at the queue yet.
    pub(in crate::engine) fn coming(&self) -> usize {
        self.coming.load(Ordering::SeqCst)
    }

    /// Unregisters the calling thread, and its handle if any.
    pub(super) fn leave(&self, handle: Option<&WorkerHandle>) {
        let mut roster = self.roster.lock();
        if let Some(handle) = handle {
            roster.strike(handle);
            self.note_size(&roster);
        }
        let id = thread::current().id();
        let thread = roster.threads.remove(&id);
        roster.gone.extend(thread);
        drop(roster);
        self.changed.notify_all();
    }

    // ---- asleep ----

    /// Registers `handle` as sleeping. Returns true if there are more than `least` workers.
    pub(super) fn fall_asleep(&self, handle: &Arc<WorkerHandle>, least: usize) -> bool {
        let mut roster = self.roster.lock();
        roster.idle.push(Arc::clone(handle));
        roster.handles.len() > least
    }

    /// True if `handle` sleeps and no thread has woken the worker yet.
    pub(super) fn is_asleep(&self, handle: &WorkerHandle) -> bool {
        self.roster.lock().idle.iter().any(|idle| idle.number == handle.number)
    }

    /// Removes `handle` from the sleeping workers. Returns false if a thread has already woken the
    /// worker.
    pub(super) fn get_up(&self, handle: &WorkerHandle) -> bool {
        self.roster.lock().get_up(handle)
    }

    /// Dismisses `handle` if the worker still sleeps and there are more than `least` workers.
    pub(super) fn dismiss(&self, handle: &WorkerHandle, least: usize) -> Dismissed {
        let mut roster = self.roster.lock();
        // Under one lock, or two workers could leave although only one is surplus.
        if !roster.get_up(handle) {
            return Dismissed::Called;
        }
        if self.dismiss_from(&mut roster, handle, least) { Dismissed::Goes } else { Dismissed::Stays }
    }

    /// Dismisses `handle`, whose worker is awake, if there are more than `least` workers. Returns
    /// true if so.
    pub(in crate::engine) fn dismiss_awake(&self, handle: &WorkerHandle, least: usize) -> bool {
        self.dismiss_from(&mut self.roster.lock(), handle, least)
    }

    fn dismiss_from(&self, roster: &mut Roster, handle: &WorkerHandle, least: usize) -> bool {
        let is_dismissed = roster.dismiss(handle, least);
        self.note_size(roster);
        is_dismissed
    }

    fn note_size(&self, roster: &Roster) {
        self.size.store(roster.handles.len(), Ordering::SeqCst);
    }

    /// Wakes a sleeping worker to look at the queue. Returns false if there is none.
    pub(in crate::engine) fn call(&self) -> bool {
        let mut roster = self.roster.lock();
        let Some(handle) = roster.idle.pop() else { return false };
        // Under the lock: a worker waking by itself decrements this counter as soon as it finds the
        // call.
        self.coming.fetch_add(1, Ordering::SeqCst);
        drop(roster);
        handle.unpark();
        true
    }

    // ---- looking around ----

    /// True if a worker sleeps.
    pub(in crate::engine) fn has_sleeper(&self) -> bool {
        !self.roster.lock().idle.is_empty()
    }

    /// Notes the request handled by worker `number` since `since`, if the worker still exists.
    pub(in crate::engine) fn note_task(&self, number: u32, method: Method, path: &str, since: Instant) {
        let Ok(target) = path.parse() else { return };
        if let Some(handle) = self.roster.lock().handles.iter().find(|handle| handle.number == number) {
            handle.note(method, target, since);
        }
    }

    /// The requests with a running handler.
    pub(in crate::engine) fn tasks(&self) -> Vec<Task> {
        self.roster.lock().all().filter_map(|handle| handle.task()).collect()
    }

    /// The number of awake workers outside handlers, except worker `holder`.
    pub(in crate::engine) fn outside_handlers(&self, holder: u32) -> usize {
        let roster = self.roster.lock();
        let is_outside = |handle: &&Arc<WorkerHandle>| handle.number != holder && !handle.is_in_handler();
        let outside = roster.handles.iter().filter(is_outside).count();
        outside.saturating_sub(roster.idle.len())
    }

    /// The number of workers.
    pub(in crate::engine) fn len(&self) -> usize {
        self.size.load(Ordering::SeqCst)
    }

    /// The sum of all counters, including those of workers that have left.
    pub(in crate::engine) fn counted(&self) -> Counters {
        let (handles, sum) = self.accounts();
        handles.iter().for_each(|handle| sum.absorb(&handle.counters));
        sum
    }

    /// The present workers, and the sum of all other counters.
    pub(in crate::engine) fn accounts(&self) -> (Vec<Arc<WorkerHandle>>, Counters) {
        let others = Counters::default();
        others.absorb(&self.others);
        // Both under one lock: the counters of a leaving worker move from `handles` to `past`.
        let roster = self.roster.lock();
        others.absorb(&roster.past);
        (roster.all().cloned().collect(), others)
    }

    /// True if `thread` is a worker or serves an upgraded connection.
    pub(in crate::engine) fn includes(&self, thread: ThreadId) -> bool {
        self.roster.lock().threads.contains_key(&thread)
    }

    /// True if all workers and threads of upgraded connections have left.
    pub(in crate::engine) fn is_deserted(&self) -> bool {
        self.roster.lock().threads.is_empty()
    }

    // ---- ending ----

    /// Waits for `time`, or until a change makes `is_over` true. Returns `is_over`.
    pub(super) fn wait(&self, time: Duration, is_over: impl Fn() -> bool) -> bool {
        let wait = self.changed.wait_timeout_while(self.roster.lock(), time, |_| !is_over());
        drop(wait);
        is_over()
    }

    /// Wakes all threads sleeping or waiting here.
    pub(super) fn ring(&self) {
        // Under the lock, so that no worker is between the last check and sleep. Each is woken
        // once, because a worker without work sleeps again.
        let mut roster = self.roster.lock();
        let asleep = std::mem::take(&mut roster.idle);
        self.coming.fetch_add(asleep.len(), Ordering::SeqCst);
        roster.call_reserve();
        drop(roster);
        self.changed.notify_all();
        asleep.iter().for_each(|handle| handle.unpark());
    }

    /// Waits until all threads except the calling one have left, at most until `deadline`. Returns
    /// true if so.
    pub(in crate::engine) fn wait_for_leaving(&self, deadline: Instant) -> bool {
        let me = thread::current().id();
        let others = |roster: &Roster| roster.threads.keys().any(|id| *id != me);
        let left = deadline.saturating_duration_since(Instant::now());
        let wait = self.changed.wait_timeout_while(self.roster.lock(), left, |roster| others(roster));
        let (roster, _) = wait;
        !others(&roster)
    }

    /// Cuts the connections served by workers, except the calling one. Returns their number.
    pub(in crate::engine) fn cut(&self) -> usize {
        // A handler calling this method still has an answer to send.
        let others = |handle: &&Arc<WorkerHandle>| !handle.is_ours();
        let serving: Vec<Arc<Stream>> =
            self.roster.lock().all().filter(others).filter_map(|handle| handle.serving()).collect();
        serving.iter().filter(|stream| stream.cut().is_ok()).count()
    }

    /// Detaches the threads that have left, so that each frees its stack. A join would wait for the
    /// destructors of their thread-locals, which are a handler's code.
    pub(in crate::engine) fn detach_gone(&self) {
        drop(std::mem::take(&mut self.roster.lock().gone));
    }

    /// Joins the threads that have left.
    pub(in crate::engine) fn join_gone(&self) {
        let me = thread::current().id();
        let gone = std::mem::take(&mut self.roster.lock().gone);
        for thread in gone.into_iter().filter(|thread| thread.thread().id() != me) {
            if thread.join().is_err() {
                log::error!("a thread of the server panicked");
            }
        }
    }
}

/// The outcome of dismissing a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dismissed {
    /// The worker leaves.
    Goes,
    /// There is no surplus: the worker stays awake.
    Stays,
    /// A thread has woken the worker meanwhile.
    Called,
}

impl Roster {
    /// All workers, the reserved one last.
    fn all(&self) -> impl Iterator<Item = &Arc<WorkerHandle>> {
        self.handles.iter().chain(self.reserve.as_ref().map(|reserve| &reserve.handle))
    }

    /// Removes a handle from the list and keeps the counts; effective once only.
    pub(super) fn strike(&mut self, handle: &WorkerHandle) {
        if self.reserve.take_if(|reserve| reserve.handle.number == handle.number).is_some() {
            self.past.absorb(&handle.counters);
        }
        if let Some(place) = self.handles.iter().position(|other| other.number == handle.number) {
            self.handles.remove(place);
            self.past.absorb(&handle.counters);
        }
    }

    /// Removes a handle from the list if there are more than `least`. Returns true if so.
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
