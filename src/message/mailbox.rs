//! The queue between the senders of a [channel body](super::channel) and the connection that sends.
//!
//! The queue is bounded in bytes. The connection takes content while the client reads, and is woken
//! when there is more. No lock is held while a callback, a waker or a filter runs.

use std::collections::VecDeque;
use std::mem;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::delivery::{self, OVERHEAD};
pub(crate) use super::delivery::{Beat, Delivery, End, Heartbeat, QueuedPiece};
pub(crate) use super::receiver::{Receive, Receiver};
use super::shutdown::Shutdown;
use super::wake::{ContentBudget, Waker};
use crate::sync::{Condvar, Mutex, MutexGuard, catch};

/// A queue of content, shared by the senders and the [`Receiver`].
#[derive(Default)]
pub(super) struct Mailbox {
    state: Mutex<MailboxState>,
    /// Notified if there is more room, more content, or the end.
    changed: Condvar,
}

/// The state of a mailbox.
#[derive(Default)]
pub(super) struct MailboxState {
    queue: VecDeque<QueuedPiece>,
    /// Bytes in the queue. An empty piece counts as one byte, so that the number of pieces is bounded.
    pub(super) queued: usize,
    pub(super) capacity: usize,
    /// True if empty pieces are kept, because each piece is a message.
    pub(super) keeps_empty: bool,
    /// True if the first piece is partly sent, so that it must not be dropped.
    is_begun: bool,
    pub(super) senders: usize,
    pub(super) end: Option<End>,
    /// True if no more content is accepted: the client has left, or the stream has ended.
    pub(super) is_closed: bool,
    /// True if the callbacks have been taken to be run.
    has_closed: bool,
    heartbeat: Option<Heartbeat>,
    ends_at_stop: bool,
    /// True if a setting has changed since the receiver looked last.
    is_changed: bool,
    pub(super) waker: Option<Waker>,
    /// True if the waker is for a disconnection only: the client has to take earlier content first.
    is_for_cut: bool,
    /// True if a sender has disconnected the client.
    is_cut: bool,
    /// True if anything has changed since an [inbox](super::inbox) was looked at.
    pub(super) is_news: bool,
    on_close: Vec<Callback>,
    pub(super) shutdown: Option<Arc<Shutdown>>,
    /// The number of threads that wait for a change.
    waiting: usize,
    budget: Option<Arc<dyn ContentBudget>>,
}

/// A function called once, when a stream closes.
pub(super) type Callback = Box<dyn FnOnce() + Send>;

impl Mailbox {
    /// Creates the two sides of a queue for `capacity` bytes, with one sender.
    pub(super) fn new(capacity: usize) -> (Arc<Self>, Receiver) {
        let state = MailboxState { capacity, senders: 1, ..MailboxState::default() };
        let mailbox = Arc::new(Self { state: Mutex::new(state), changed: Condvar::default() });
        (Arc::clone(&mailbox), Receiver::new(mailbox))
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, MailboxState> {
        self.state.lock()
    }

    /// Ends the stream, unless ended before.
    pub(super) fn end(&self, end: End) {
        let mut state = self.lock();
        if state.end.is_none() && !state.is_closed {
            state.end = Some(end);
            self.wake(state);
        }
    }

    /// Wakes the receiver, and threads that wait for a change.
    pub(super) fn wake(&self, mut state: MutexGuard<'_, MailboxState>) {
        state.is_news = true;
        let waker = if state.is_for_cut && !state.is_cut { None } else { state.waker.take() };
        self.notify(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Wakes threads that wait for a change. Without any there is no system call.
    pub(super) fn notify(&self, state: MutexGuard<'_, MailboxState>) {
        let is_awaited = state.waiting > 0;
        drop(state);
        if is_awaited {
            self.changed.notify_all();
        }
    }

    /// Waits for a change, or for `time`.
    pub(super) fn wait<'a>(
        &'a self,
        mut state: MutexGuard<'a, MailboxState>,
        time: Duration,
    ) -> MutexGuard<'a, MailboxState> {
        state.waiting += 1;
        let (mut state, _) = self.changed.wait_timeout(state, time);
        state.waiting -= 1;
        state
    }

    /// Calls `callback` once the stream is closed; at once if it is.
    pub(super) fn on_close(&self, callback: Callback) {
        let mut state = self.lock();
        if state.has_closed {
            drop(state);
            run(callback);
        } else {
            state.on_close.push(callback);
        }
    }

    /// Ends the stream as failed, without the content that waits.
    pub(super) fn disconnect(&self, reason: &str) {
        let mut state = self.lock();
        if state.is_closed {
            return;
        }
        let dropped = state.clear();
        state.end = Some(End::Failed(reason.to_owned()));
        state.is_cut = true;
        self.wake(state);
        delivery::discard(dropped);
    }

    pub(super) fn set_heartbeat(&self, heartbeat: Heartbeat) {
        let mut state = self.lock();
        let old = state.heartbeat.replace(heartbeat);
        state.is_changed = true;
        self.wake(state);
        // After the lock: dropping the content may be a handler's own code.
        drop(old);
    }

    pub(super) fn end_at_stop(&self) {
        let mut state = self.lock();
        state.ends_at_stop = true;
        state.is_changed = true;
        self.wake(state);
    }
}

impl MailboxState {
    /// True if the stream takes no more content.
    pub(super) fn is_over(&self) -> bool {
        self.is_closed || self.end.is_some()
    }

    /// True if content waits.
    pub(super) fn has_content(&self) -> bool {
        !self.queue.is_empty()
    }

    /// True if there is room for `length` more bytes, in this queue and in the memory of all.
    /// Shared content for a client that keeps up needs no memory of all.
    pub(super) fn has_room(&self, length: usize, is_shared: bool) -> bool {
        let is_free = is_shared && self.queue.is_empty();
        self.queued + length.max(1) <= self.capacity
            && (is_free || !self.budget.as_ref().is_some_and(|budget| budget.is_full()))
    }

    pub(super) fn push(&mut self, piece: QueuedPiece) {
        self.queued += piece.length();
        self.count(piece.weight);
        self.queue.push_back(piece);
    }

    /// Takes out the fewest oldest pieces that make room for `piece`. Takes nothing and returns
    /// `None` if all of them would not. A piece partly sent stays.
    ///
    /// While the memory of all is full, the pieces must free as much as `piece` needs.
    pub(super) fn take_oldest(&mut self, piece: &QueuedPiece) -> Option<Vec<Bytes>> {
        let first = usize::from(self.is_begun);
        let is_full = self.budget.as_ref().is_some_and(|budget| budget.is_full());
        let (mut count, mut length, mut weight) = (0, 0, 0);
        let mut oldest = self.queue.iter().skip(first);
        while self.queued - length + piece.length() > self.capacity || is_full && weight < piece.weight {
            let next = oldest.next()?;
            (count, length, weight) = (count + 1, length + next.length(), weight + next.weight);
        }
        self.queued -= length;
        self.release(weight);
        Some(self.queue.drain(first..first + count).map(|piece| piece.bytes).collect())
    }

    pub(super) fn take(&mut self, most: usize) -> Option<Bytes> {
        let piece = self.queue.front_mut()?;
        self.is_begun = piece.bytes.len() > most;
        let taken = if self.is_begun { piece.bytes.split_to(most) } else { mem::take(&mut piece.bytes) };
        self.queued -= taken.len().max(1);
        // The rest of a piece keeps the whole allocation.
        if let Some(piece) = if self.is_begun { None } else { self.queue.pop_front() } {
            self.release(piece.weight);
        }
        if self.queue.is_empty() {
            // A burst must not cost an idle stream memory.
            self.queue.shrink_to(KEPT);
        }
        Some(taken)
    }

    /// Takes the end of the stream, after which nothing is accepted. `is_stopped`: the server
    /// stops.
    fn take_end(&mut self, is_stopped: bool) -> Option<End> {
        let end = self.end.take().or_else(|| (self.ends_at_stop && is_stopped).then_some(End::Complete(None)))?;
        self.is_closed = true;
        Some(end)
    }

    /// Counts shared content here from now on: other streams go on, and may soon hold it no more.
    fn own(&mut self) {
        let mut bytes = 0;
        for piece in self.queue.iter_mut().filter(|piece| piece.weight == OVERHEAD) {
            piece.weight += piece.bytes.len();
            bytes += piece.bytes.len();
        }
        self.count(bytes);
    }

    fn clear(&mut self) -> VecDeque<QueuedPiece> {
        let weight = self.queue.iter().map(|piece| piece.weight).sum();
        self.release(weight);
        self.queued = 0;
        mem::take(&mut self.queue)
    }

    fn count(&self, bytes: usize) {
        if let Some(budget) = &self.budget {
            budget.add(bytes);
        }
    }

    fn release(&self, bytes: usize) {
        if let Some(budget) = &self.budget {
            budget.release(bytes);
        }
    }
}

impl Receive for Mailbox {
    fn receive(&self, most: usize) -> Delivery {
        let mut state = self.lock();
        if let Some(taken) = state.take(most) {
            // Senders may wait for room.
            self.notify(state);
            return Delivery::Content(taken);
        }
        state.is_changed = false;
        let is_stopped = state.shutdown.as_ref().is_some_and(|shutdown| shutdown.is_told());
        state.take_end(is_stopped).map_or(Delivery::Nothing, Delivery::End)
    }

    fn receive_content(&self, most: usize) -> Option<(Bytes, Option<Duration>)> {
        let mut state = self.lock();
        if state.is_cut {
            return None;
        }
        let taken = state.take(most)?;
        let interval = state.heartbeat.as_ref().map(|heartbeat| heartbeat.every);
        self.notify(state);
        Some((taken, interval))
    }

    fn receive_or_wait(&self, most: usize, is_shutting_down: &dyn Fn() -> bool) -> Delivery {
        loop {
            let is_stopped = is_shutting_down();
            match self.receive(most) {
                Delivery::Nothing => {}
                received => return received,
            }
            let mut state = self.lock();
            if !state.queue.is_empty() {
                continue;
            }
            if let Some(end) = state.take_end(is_stopped) {
                return Delivery::End(end);
            }
            drop(self.wait(state, LOOK));
        }
    }

    fn receive_message(&self) -> Option<Bytes> {
        let mut state = self.lock();
        let taken = state.take(usize::MAX);
        match &taken {
            // Senders may wait for room.
            Some(_) => self.notify(state),
            // An end stays news: the function may have asked for senders just before.
            None => state.is_news &= state.end.is_some(),
        }
        taken
    }

    fn arm(&self, waker: Waker) -> bool {
        let mut state = self.lock();
        let has_more = state.has_content() || state.end.is_some() || state.is_changed;
        if !has_more {
            (state.waker, state.is_for_cut) = (Some(waker), false);
        }
        !has_more
    }

    fn arm_for_cut(&self, waker: Waker) -> bool {
        let mut state = self.lock();
        if !state.is_cut {
            (state.waker, state.is_for_cut) = (Some(waker), true);
        }
        !state.is_cut
    }

    fn arm_for_news(&self, waker: Waker) -> bool {
        let mut state = self.lock();
        if !state.is_news {
            state.waker = Some(waker);
        }
        !state.is_news
    }

    fn look(&self) {
        let mut state = self.lock();
        (state.is_news, state.waker) = (false, None);
    }

    fn is_cut(&self) -> bool {
        self.lock().is_cut
    }

    fn has_senders(&self) -> bool {
        self.lock().end.is_none()
    }

    fn failure(&self) -> Option<String> {
        let state = self.lock();
        match &state.end {
            Some(End::Failed(reason)) if !state.has_content() => Some(reason.clone()),
            _ => None,
        }
    }

    fn attach(&self, shutdown: &Arc<Shutdown>, budget: Arc<dyn ContentBudget>) {
        let mut state = self.lock();
        budget.add(state.queue.iter().map(|piece| piece.weight).sum());
        state.budget = Some(budget);
        state.shutdown = Some(Arc::clone(shutdown));
    }

    fn shut(&self, drops: bool) {
        let mut state = self.lock();
        (state.is_closed, state.has_closed) = (true, true);
        let callbacks = mem::take(&mut state.on_close);
        let dropped = if drops { state.clear() } else { VecDeque::new() };
        state.own();
        self.notify(state);
        // The content and the callbacks may be a handler's own: no lock is held.
        delivery::discard(dropped);
        callbacks.into_iter().for_each(run);
    }

    fn heartbeat(&self) -> Option<Heartbeat> {
        self.lock().heartbeat.clone()
    }

    fn ends_at_stop(&self) -> bool {
        self.lock().ends_at_stop
    }
}

fn run(callback: Callback) {
    if catch(callback).is_err() {
        log::error!("a callback of a closed stream panicked; the server goes on");
    }
}

/// The pieces for which an empty queue keeps memory.
const KEPT: usize = 4;

/// The interval between looks for a stop without a connection.
const LOOK: Duration = Duration::from_millis(50);

#[cfg(test)]
mod tests;
