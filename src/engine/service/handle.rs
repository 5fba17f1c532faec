//! A worker as seen by other threads.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use http::{Method, Uri};

use super::counters::Counters;
use super::time_limit::{LimitState, LostWorker, Refused, SentRefusal, TimeLimit};
use crate::address::Peer;
use crate::message::named::AskedRequest;
use crate::net::stream::Stream;
use crate::sync::{Condvar, Mutex};

/// One worker: thread, counters, current request.
#[repr(align(128))]
pub(in crate::engine) struct WorkerHandle {
    /// Counted from 1, never reused.
    pub(in crate::engine) number: u32,
    /// True for the worker of prompt requests.
    pub(in crate::engine) is_reserved: bool,
    thread: OnceLock<Thread>,
    current: Mutex<Current>,
    /// True if the handler of the current request has returned, and the answer is being sent.
    is_answering: AtomicBool,
    /// True if another thread may answer the current request: no earlier answer waits to be sent,
    /// and the client does not wait for `100 Continue`.
    may_be_refused: AtomicBool,
    /// True if the handler of the current request has begun its answer.
    has_begun: AtomicBool,
    /// True if the current request may have a time limit.
    is_limited: AtomicBool,
    /// Notified when the request was refused because of the limit.
    refused: Condvar,
    pub(in crate::engine) counters: Arc<Counters>,
}

/// The current work of a worker.
#[derive(Default)]
struct Current {
    /// The connection, so that a stop can cut it.
    stream: Option<Arc<Stream>>,
    /// The client of the connection, as far as known.
    peer: Option<Peer>,
    /// The request whose handler runs, or has run last on this connection.
    task: Option<Task>,
    /// The time limit of the handler.
    limit: Option<TimeLimit>,
    /// True if filters of a stream run, or have run last on this connection.
    is_filtering: bool,
}

/// A request whose handler runs.
#[derive(Clone, Debug)]
pub(in crate::engine) struct Task {
    pub(in crate::engine) method: Method,
    pub(in crate::engine) target: Uri,
    /// The client, as far as known.
    pub(in crate::engine) peer: Option<Peer>,
    /// The time at which the worker took up the connection.
    pub(in crate::engine) since: Instant,
    /// True if the handler has returned, and the answer is being sent.
    pub(in crate::engine) is_answering: bool,
}

/// A request whose handler has run for too long, to be refused.
pub(in crate::engine) struct OverrunRequest {
    pub(in crate::engine) stream: Arc<Stream>,
    pub(in crate::engine) asked: AskedRequest,
    /// The time for which the handler has run.
    pub(in crate::engine) ran: Duration,
    /// False if only cutting the connection is possible.
    pub(in crate::engine) may_be_refused: bool,
    /// True if the handler has begun its answer.
    pub(in crate::engine) has_begun: bool,
}

/// The end of a time limit.
pub(in crate::engine) enum Ended {
    /// The handler has returned in time; the deadline was this.
    InTime(Instant),
    /// The request was refused; the limit had begun then.
    Refused(Refused, Instant),
}

impl WorkerHandle {
    pub(in crate::engine) fn new(number: u32) -> Self {
        Self {
            number,
            is_reserved: false,
            thread: OnceLock::new(),
            current: Mutex::default(),
            is_answering: AtomicBool::new(false),
            may_be_refused: AtomicBool::new(false),
            has_begun: AtomicBool::new(false),
            is_limited: AtomicBool::new(false),
            refused: Condvar::default(),
            counters: Arc::default(),
        }
    }

    /// Returns the worker of prompt requests.
    pub(in crate::engine) fn reserved(number: u32) -> Self {
        Self { is_reserved: true, ..Self::new(number) }
    }

    /// Returns the name of the thread.
    pub(in crate::engine) fn name(&self) -> String {
        if self.is_reserved { "drupe-prompt".to_owned() } else { format!("drupe-{}", self.number) }
    }

    /// Sets the thread of the worker, once.
    pub(in crate::engine) fn take(&self, thread: Thread) {
        let _ = self.thread.set(thread);
    }

    /// True if the calling thread is the worker.
    pub(in crate::engine) fn is_ours(&self) -> bool {
        self.thread.get().is_some_and(|thread| thread.id() == thread::current().id())
    }

    /// Wakes the worker.
    pub(in crate::engine) fn unpark(&self) {
        if let Some(thread) = self.thread.get() {
            thread.unpark();
        }
    }

    /// Sets the current connection, whose client is at `peer`.
    pub(in crate::engine) fn serve(&self, stream: Arc<Stream>, peer: Option<Peer>) {
        *self.current.lock() = Current { stream: Some(stream), peer, ..Current::default() };
    }

    /// Clears the current connection.
    pub(in crate::engine) fn rest(&self) {
        *self.current.lock() = Current::default();
    }

    /// Notes the request whose handler is about to run.
    pub(super) fn run(&self, task: Task) {
        self.current.lock().task = Some(task);
    }

    /// Notes that the handler of the current request is about to run; `may_be_refused`: another
    /// thread may answer the request.
    pub(super) fn begin_handler(&self, may_be_refused: bool) {
        self.is_answering.store(false, Ordering::Relaxed);
        self.may_be_refused.store(may_be_refused, Ordering::Relaxed);
        self.has_begun.store(false, Ordering::Relaxed);
    }

    /// Notes that the handler has returned, and the answer is about to be sent.
    pub(super) fn begin_answer(&self) {
        self.is_answering.store(true, Ordering::Relaxed);
    }

    // ---- the time limit ----

    /// Sets the time limit of the current request. Returns the deadline of an earlier limit. Has no
    /// effect after the request was refused.
    pub(in crate::engine) fn limit(&self, asked: AskedRequest, begun: Instant, deadline: Instant) -> Option<Instant> {
        let mut current = self.current.lock();
        self.is_limited.store(true, Ordering::Relaxed);
        match &mut current.limit {
            Some(TimeLimit { state: LimitState::Running, deadline: earlier, .. }) => {
                Some(std::mem::replace(earlier, deadline))
            }
            Some(_) => None,
            none => {
                *none = Some(TimeLimit { asked, begun, deadline, state: LimitState::Running });
                None
            }
        }
    }

    /// Reserves the answer for the handler, which is about to send a part. Returns false if the
    /// request was refused.
    pub(in crate::engine) fn hold_answer(&self) -> bool {
        let current = self.current.lock();
        self.has_begun.store(true, Ordering::Relaxed);
        current.limit.as_ref().is_none_or(|limit| matches!(limit.state, LimitState::Running))
    }

    /// Takes the answer from the handler if its deadline has passed. The caller then answers, and
    /// calls [`note_refused`](Self::note_refused).
    pub(in crate::engine) fn expire(&self, now: Instant) -> Option<OverrunRequest> {
        let mut current = self.current.lock();
        let stream = Arc::clone(current.stream.as_ref()?);
        let limit = current.limit.as_mut()?;
        if !matches!(limit.state, LimitState::Running) || now < limit.deadline {
            return None;
        }
        limit.state = LimitState::Refusing;
        let has_begun = self.has_begun.load(Ordering::Relaxed);
        let may_be_refused = !has_begun && self.may_be_refused.load(Ordering::Relaxed);
        Some(OverrunRequest { stream, asked: limit.asked.clone(), ran: now - limit.begun, may_be_refused, has_begun })
    }

    /// Notes the answer sent after [`expire`](Self::expire); `None`: the connection was cut.
    pub(in crate::engine) fn note_refused(&self, sent: Option<SentRefusal>, lost: Option<LostWorker>) {
        if let Some(limit) = &mut self.current.lock().limit {
            limit.state = LimitState::Refused(Refused { sent, lost });
        }
        self.refused.notify_all();
    }

    /// Ends the time limit: the handler has returned. Waits for a refusal in progress, which takes
    /// no longer than a write without waiting.
    pub(in crate::engine) fn end_limit(&self) -> Option<Ended> {
        if !self.is_limited.load(Ordering::Relaxed) {
            return None;
        }
        self.is_limited.store(false, Ordering::Relaxed);
        let is_refusing =
            |current: &mut Current| matches!(&current.limit, Some(TimeLimit { state: LimitState::Refusing, .. }));
        let limit = self.refused.wait_while(self.current.lock(), is_refusing).limit.take()?;
        Some(match limit.state {
            LimitState::Refused(refused) => Ended::Refused(refused, limit.begun),
            LimitState::Running | LimitState::Refusing => Ended::InTime(limit.deadline),
        })
    }

    /// Notes that the filters of a stream, or drops of what a handler has kept, are about to run.
    pub(in crate::engine) fn filter(&self) {
        self.current.lock().is_filtering = true;
    }

    /// Notes the request whose handler has been running, unless the worker is done already.
    pub(in crate::engine) fn note(&self, method: Method, target: Uri, since: Instant) {
        let mut current = self.current.lock();
        if current.stream.is_some() {
            let peer = current.peer.clone();
            current.task = Some(Task { method, target, peer, since, is_answering: false });
        }
    }

    /// The connection being served.
    pub(in crate::engine) fn serving(&self) -> Option<Arc<Stream>> {
        self.current.lock().stream.clone()
    }

    /// True if a handler runs on the worker, or its answer is being sent.
    pub(in crate::engine) fn is_in_handler(&self) -> bool {
        let current = self.current.lock();
        current.task.is_some() || current.is_filtering
    }

    /// The request whose handler runs.
    pub(in crate::engine) fn task(&self) -> Option<Task> {
        let task = self.current.lock().task.clone();
        task.map(|task| Task { is_answering: self.is_answering.load(Ordering::Relaxed), ..task })
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;
    use std::thread;

    use http::StatusCode;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn asked() -> AskedRequest {
        AskedRequest {
            method: Method::GET,
            target: Uri::from_static("/"),
            peer: None,
            id: None,
            route: None,
            fields: None,
        }
    }

    /// Creates a worker in a handler that may be refused.
    fn worker() -> (WorkerHandle, Instant) {
        let handle = WorkerHandle::new(1);
        let stream = Stream::unix(UnixStream::pair().unwrap().0, Duration::from_millis(1)).unwrap();
        handle.serve(Arc::new(stream), None);
        handle.begin_handler(true);
        (handle, Instant::now())
    }

    fn refuse(handle: &WorkerHandle) {
        let sent = SentRefusal { status: StatusCode::SERVICE_UNAVAILABLE, length: 1, bytes: 2 };
        handle.note_refused(Some(sent), None);
    }

    /// One step of the handler, of the worker or of the watching thread.
    #[derive(Clone, Copy, Debug, PartialEq)]
    enum Act {
        Limit,
        Begin,
        Return,
        Expire,
    }

    /// All orders in which the handler sets a limit, begins its answer and returns, with two looks
    /// of the watching thread in between.
    #[test]
    fn each_request_is_answered_by_the_worker_or_by_the_watching_thread_in_every_order() {
        let (mut orders, mut refusals) = (0, 0);
        for handler in [&[Act::Limit, Act::Return][..], &[Act::Limit, Act::Begin, Act::Return], &[Act::Return]] {
            for first in 0..=handler.len() {
                for second in first..=handler.len() {
                    let mut acts = handler.to_vec();
                    acts.insert(second, Act::Expire);
                    acts.insert(first, Act::Expire);
                    orders += 1;
                    refusals += u32::from(is_refused(&acts));
                }
            }
        }
        assert_eq!((orders, refusals), (6 + 10 + 3, 3 + 7));
    }

    /// Carries out `acts`, and checks that one side answers. Returns true if the watching thread
    /// took the answer.
    fn is_refused(acts: &[Act]) -> bool {
        let (handle, now) = worker();
        let (mut has_begun, mut refused, mut ended) = (false, 0, false);
        for act in acts {
            match act {
                Act::Limit => assert!(handle.limit(asked(), now, now + SECOND).is_none()),
                Act::Begin => {
                    has_begun = handle.hold_answer();
                    assert_eq!(has_begun, refused == 0, "{acts:?}");
                }
                Act::Expire => {
                    assert!(handle.expire(now).is_none(), "the deadline has not passed");
                    if let Some(expired) = handle.expire(now + SECOND) {
                        assert_eq!((expired.has_begun, expired.may_be_refused), (has_begun, !has_begun), "{acts:?}");
                        refuse(&handle);
                        refused += 1;
                        assert!(!ended, "{acts:?}");
                    }
                }
                Act::Return => {
                    let late = matches!(handle.end_limit(), Some(Ended::Refused(..)));
                    assert_eq!(late, refused == 1, "{acts:?}");
                    assert!(handle.end_limit().is_none());
                    ended = true;
                }
            }
        }
        refused == 1
    }

    #[test]
    fn returning_worker_waits_for_a_refusal_in_progress() {
        let (handle, now) = worker();
        handle.limit(asked(), now, now);
        assert!(handle.expire(now).is_some() && handle.expire(now).is_none());
        thread::scope(|scope| {
            let worker = scope.spawn(|| matches!(handle.end_limit(), Some(Ended::Refused(..))));
            // The worker may already wait or not; both ends are the same.
            thread::yield_now();
            refuse(&handle);
            assert!(worker.join().unwrap());
        });
    }

    #[test]
    fn later_limit_replaces_an_earlier_one_until_the_refusal() {
        let (handle, now) = worker();
        assert_eq!(handle.limit(asked(), now, now + SECOND), None);
        assert_eq!(handle.limit(asked(), now, now + 3 * SECOND), Some(now + SECOND));
        assert!(handle.expire(now + 2 * SECOND).is_none());
        assert!(handle.expire(now + 3 * SECOND).is_some());
        assert_eq!(handle.limit(asked(), now, now + 9 * SECOND), None);
        assert!(!handle.hold_answer());
    }
}
