//! An upgraded connection without a thread: its function, called for each event.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::{Method, Uri};

use super::report;
use super::transport::Transport;
use crate::address::Peer;
use crate::engine::service::context::WorkerContext;
use crate::engine::service::costs::{Admission, Route};
use crate::engine::service::stopwatch::Stopwatch;
use crate::engine::wire::parked::{NotedSocket, Notes};
use crate::message::inbox::Inbox;
use crate::message::named::AskedRequest;
use crate::message::parked::{Begin, ParkedStream, ParkedUpgrade, Serve, Wait};
use crate::message::permits::Permit;
use crate::message::wake::Waker;
use crate::net::poll::Interest;
use crate::sync::catch;

/// The function of an upgraded connection, and its mailbox.
pub(super) struct ParkedSession {
    /// Before the first call.
    begin: Option<Begin>,
    serve: Option<Serve>,
    inbox: Inbox,
    socket: Arc<NotedSocket>,
    /// The request that asked for the upgrade, for log lines and statistics.
    name: Box<str>,
    method: Method,
    target: Uri,
    peer: Option<Peer>,
    route: Route,
    interest: Interest,
    /// True if the last call could know that the server stops.
    knows_stop: bool,
    /// Counts the connection among the upgraded ones.
    _permit: Option<Permit>,
}

/// The outcome of a step.
pub(super) enum Called {
    /// Another thread has to call the function.
    ByWorker,
    /// The function is to be called again, after other connections.
    Later,
    /// The function waits for an event, until this time at most.
    Waits(Instant),
    /// The connection is to end well.
    Ended,
    /// The connection is broken, or the function has failed.
    Failed,
}

impl ParkedSession {
    pub(super) fn new(
        upgrade: ParkedUpgrade,
        asked: &AskedRequest,
        transport: &Transport,
        context: &WorkerContext,
    ) -> Box<Self> {
        let service = &context.service;
        // A copy, because the target is part of the memory of a whole head.
        let path = asked.target.path().parse().unwrap_or_default();
        Box::new(Self {
            begin: Some(upgrade.begin),
            serve: None,
            inbox: Inbox::new(upgrade.receiver, &service.shutdown, Arc::clone(&service.answer_memory) as Arc<_>),
            socket: NotedSocket::new(&transport.stream),
            name: asked.name().to_string().into(),
            method: asked.method.clone(),
            target: path,
            peer: asked.peer.clone(),
            route: Route::new(&asked.method, asked.target.path()).upgraded(),
            interest: Interest::Read,
            knows_stop: false,
            _permit: service.sessions.take(usize::MAX),
        })
    }

    /// Calls the function if this thread may, and prepares the wait for its events.
    pub(super) fn call(&mut self, transport: &mut Transport, context: &mut WorkerContext) -> Called {
        if let Some(reason) = self.inbox.failure() {
            log::debug!("an upgraded connection was cut by a sender: {}: {reason}", self.name);
            return Called::Failed;
        }
        match context.duty.admit(self.route, &self.method, self.target.path()) {
            Admission::Here => {}
            Admission::Worker => return Called::ByWorker,
            Admission::Later => return Called::Later,
        }
        if context.duty.is_unbounded() {
            context.note_call(&self.method, &self.target, self.peer.as_ref());
        }
        let watch = context.duty.is_precise(self.route).then(Stopwatch::start);
        context.meter.resume(context.service.measures());
        self.knows_stop = self.inbox.is_shutting_down();
        self.inbox.look();
        self.socket.begin();
        let called = catch(|| self.run(transport));
        context.duty.ran(self.route, watch.map(|watch| watch.time()));
        let (read, written) = self.socket.moved();
        context.counters.bytes_read.add(read);
        context.counters.bytes_written.add(written);
        match called {
            Ok(called) => self.follow(called, transport),
            Err(panic) => {
                report::upgraded_panicked(&self.name, &panic);
                context.counters.panics.add(1);
                Called::Failed
            }
        }
    }

    /// Runs the function, and before the first time the one that makes it.
    fn run(&mut self, transport: &mut Transport) -> io::Result<Wait> {
        if let Some(begin) = self.begin.take() {
            self.socket.receive(transport.input.unread());
            transport.input.clear();
            self.serve = Some(begin(ParkedStream::new(Arc::clone(&self.socket) as Arc<_>)));
        }
        self.serve.as_mut().map_or(Ok(Wait::End), |serve| serve(&self.inbox))
    }

    fn follow(&mut self, called: io::Result<Wait>, transport: &mut Transport) -> Called {
        let called = match called {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(Wait::ForEvents),
            called => called,
        };
        let ended = called.and_then(|wait| Ok((wait, self.socket.end()?)));
        let (wait, Notes { has_more, is_refused, has_ended, .. }) = match ended {
            Ok(ended) => ended,
            Err(error) => {
                log::debug!("an upgraded connection failed: {}: {error}; connection closed", self.name);
                return Called::Failed;
            }
        };
        transport.has_ended |= has_ended;
        self.interest = if is_refused { Interest::Write } else { Interest::Read };
        match wait {
            Wait::End => Called::Ended,
            _ if has_more => Called::Later,
            Wait::ForEvents => Called::Waits(Instant::now() + LOOK),
            Wait::For(time) => Called::Waits(Instant::now() + time.min(LOOK)),
        }
    }

    /// Drops the function and its values.
    pub(super) fn end(self: Box<Self>, context: &WorkerContext) {
        let name = self.name.clone();
        if let Err(panic) = catch(|| drop(self)) {
            report::upgraded_panicked(&name, &panic);
            context.counters.panics.add(1);
        }
    }

    /// The readiness that the connection waits for.
    pub(super) fn interest(&self) -> Interest {
        self.interest
    }

    /// True unless the function was called since the server was told to stop.
    pub(super) fn is_to_know_stop(&self) -> bool {
        !self.knows_stop
    }

    /// Prepares `waker` for the next message. Returns false if there is news already.
    pub(super) fn arm(&self, waker: Waker) -> bool {
        self.inbox.arm(waker)
    }

    /// The name of the request, for log lines.
    pub(super) fn name(&self) -> Box<str> {
        self.name.clone()
    }

    /// Returns the bytes received with the request and not read yet.
    pub(super) fn held(&self) -> usize {
        self.socket.held()
    }
}

impl fmt::Debug for ParkedSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ParkedSession").field("name", &self.name).field("inbox", &self.inbox).finish_non_exhaustive()
    }
}

/// The longest wait without a call. No event depends on this call.
const LOOK: Duration = Duration::from_secs(24 * 3600);
