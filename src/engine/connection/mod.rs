//! One connection from first byte to last.
//!
//! | file | what it does |
//! |---|---|
//! | [`turn`] | every change of a connection's phase: the page to read first |
//! | [`exchange`] | the whole of one exchange: parse, believe, judge, gather, admit, handle, answer, settle |
//! | [`phase`], [`pending`] | the phases; a request whose handler is to run |
//! | [`transport`], [`client`] | the socket with its input; the peer, or the client behind a proxy |
//! | [`handshake`], [`body_buffer`], [`sending`], [`linger`] | the phases that wait for the client |
//! | [`streaming`] | the phase that waits for content of a channel |
//! | [`session`] | the phase that waits for events of an upgraded connection without a thread |
//! | [`handle`], [`answer`], [`early`], [`finished`] | the call of a handler; the answer, begun early or not; the end of an exchange |
//! | [`body`], [`upgrade`] | content read by a handler; connections that leave HTTP |
//! | [`refusal`], [`partial`], [`memory`] | answers of the server itself; the bound of incomplete requests; the memory of a connection that waits |
//! | [`overrun`] | handlers that run for longer than their time limit |
//! | [`access_log`], [`access_line`], [`report`] | the log of all exchanges, and its text; log lines about a request |

mod access_line;
pub(in crate::engine) mod access_log;
mod answer;
pub(in crate::engine) mod body;
mod body_buffer;
mod client;
mod early;
mod exchange;
mod finished;
mod handle;
mod handshake;
mod linger;
mod memory;
pub(in crate::engine) mod overrun;
mod partial;
mod pending;
mod phase;
mod reception;
mod refusal;
mod relay;
mod report;
mod sending;
mod session;
mod streaming;
mod transport;
mod turn;
mod upgrade;

use std::sync::Arc;
use std::time::{Duration, Instant};

use self::client::Client;
pub(crate) use self::phase::Verdict;
use self::phase::{Phase, Then};
use self::transport::Transport;
use crate::address::Peer;
use crate::config::Config;
use crate::engine::service::budget::Reservation;
use crate::engine::service::context::WorkerContext;
use crate::engine::service::counters::Late;
use crate::engine::service::open::{OpenConnections, Ticket};
use crate::h1::head::Scan;
use crate::message::permits::Permit;
use crate::message::wake::Waker;
use crate::net::poll::Interest;
use crate::net::socket::PlainSocket;
use crate::net::stream::Stream;
use crate::sync::Outlined;

/// A connection and its state. The one owner at any time is the queue, a worker, or parking.
#[derive(Debug)]
pub(crate) struct ClientConnection {
    pub(in crate::engine) transport: Transport,
    pub(in crate::engine) client: Client,
    phase: Outlined<Phase>,
    /// The deadline of the present phase.
    pub(in crate::engine) deadline: Instant,
    /// True if `deadline` is set. Between two requests the deadline is set only when a wait begins.
    is_timed: bool,
    /// True if input has been reported since the last read.
    is_likely: bool,
    /// True if the deadline has passed and a worker is to read once more.
    is_overdue: bool,
    /// True if the last handler took long: a worker reads the next request.
    was_slow: bool,
    /// The number of requests answered.
    pub(in crate::engine) answered: u64,
    /// The slot in parking, once the connection has been parked.
    pub(in crate::engine) slot: Option<u64>,
    /// The readiness watched for by parking.
    pub(in crate::engine) watched: Interest,
    /// Counts the connection among the open ones.
    pub(in crate::engine) ticket: Option<Ticket>,
    /// Counts the memory held for an incomplete message while the connection waits.
    reservation: Option<Reservation>,
}

/// The action for a connection whose deadline has passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expired {
    Close,
    /// A worker reads once more and decides.
    LastLook,
}

impl ClientConnection {
    /// Returns a connection accepted at `now`.
    pub(crate) fn new(stream: Stream, peer: Option<Peer>, now: Instant, config: &Config) -> Self {
        let patience = if stream.secure().is_some() { config.handshake_timeout } else { config.header_timeout };
        Self {
            phase: Outlined::new(if config.proxy_protocol { Phase::Proxy } else { Self::first_phase(&stream) }),
            transport: Transport::new(stream),
            client: Client::new(peer, config.trust.as_ref()),
            deadline: now + patience,
            is_timed: true,
            is_likely: false,
            is_overdue: false,
            was_slow: false,
            answered: 0,
            slot: None,
            watched: Interest::Read,
            ticket: None,
            reservation: None,
        }
    }

    /// Returns the first phase of a connection over `stream`, after any PROXY header.
    fn first_phase(stream: &Stream) -> Phase {
        match stream.secure() {
            Some(_) => Phase::Handshake(Interest::Read),
            None => Phase::Head(Scan::default()),
        }
    }

    /// Counts the connection in `open` until the connection is dropped.
    pub(in crate::engine) fn count_in(&mut self, open: &Arc<OpenConnections>) {
        self.ticket = Some(open.enter());
    }

    /// Returns all output of a connection in memory.
    pub(crate) fn answered_in_memory(&self) -> Vec<u8> {
        match self.transport.stream.socket() {
            PlainSocket::Script(script) => script.answered(),
            PlainSocket::Tcp(_) | PlainSocket::Unix(_) => Vec::new(),
        }
    }

    // ---- input reported by the poller ----

    /// Notes that input may have arrived since the last read. A report may concern input that has
    /// been read meanwhile.
    pub(in crate::engine) fn note_input(&mut self) {
        self.transport.is_drained = false;
    }

    /// Notes that the client has ended its input.
    pub(crate) fn note_end(&mut self) {
        self.transport.has_left = true;
    }

    /// Notes that input is likely enough for the next read to wait briefly.
    pub(crate) fn expect_input(&mut self) {
        self.is_likely = true;
    }

    /// Notes that the deadline has passed, and returns the action.
    ///
    /// An idle connection ends without an error, and so does one that has sent nothing. An
    /// incomplete head or content is answered with `408`. Input received before a worker reads is in time.
    pub(crate) fn overdue(&mut self) -> Expired {
        let is_optional = self.is_idle() || matches!(*self.phase, Phase::Drain(_) | Phase::Linger(_));
        self.is_overdue = !is_optional || self.has_unread_input();
        if self.is_overdue { Expired::LastLook } else { Expired::Close }
    }

    /// Returns the timeout to count if [`overdue`](Self::overdue) says `Close`.
    pub(crate) fn late(&self) -> Late {
        if self.is_idle() { Late::Idle } else { Late::Linger }
    }

    // ---- the present phase ----

    /// Returns the deadline of the present phase.
    pub(in crate::engine) fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Returns the readiness the connection waits for.
    pub(in crate::engine) fn interest(&self) -> Interest {
        match &*self.phase {
            Phase::Send(..) => Interest::Write,
            Phase::Handshake(interest) => *interest,
            Phase::Session(session) => session.interest(),
            _ => Interest::Read,
        }
    }

    /// True if the connection is between two requests, with no byte of the next received.
    pub(in crate::engine) fn is_idle(&self) -> bool {
        self.answered > 0 && self.phase.is_unbegun_head()
    }

    /// True if no byte of a PROXY header, of a TLS handshake, or of a first head has come. An empty
    /// line is no part of a head.
    pub(in crate::engine) fn is_silent(&self) -> bool {
        let has_begun = match &*self.phase {
            Phase::Proxy => !self.transport.input.is_empty(),
            Phase::Handshake(_) => self.transport.stream.moved_below(Interest::Read).is_some_and(|bytes| bytes > 0),
            phase => !phase.is_unbegun_head(),
        };
        self.answered == 0 && !has_begun
    }

    /// True if a request waits for a thread, and the handler is to answer even if all workers are
    /// busy.
    pub(in crate::engine) fn is_prompt(&self, context: &WorkerContext) -> bool {
        matches!(&*self.phase, Phase::Ready(pending) if pending.is_prompt(context))
    }

    /// True if a request waits for a thread, and its content has not come whole.
    pub(in crate::engine) fn awaits_content(&self) -> bool {
        matches!(&*self.phase, Phase::Ready(pending) if pending.awaits_content(&self.transport.input))
    }

    /// Permits the handler of a waiting request to wait for content.
    pub(in crate::engine) fn permit_wait(&mut self, permit: Permit) {
        if let Phase::Ready(pending) = &mut *self.phase {
            pending.permit = Some(permit);
        }
    }

    /// True if the connection is in the middle of an exchange. A stop lets the exchange finish.
    pub(in crate::engine) fn is_under_way(&self) -> bool {
        matches!(
            *self.phase,
            Phase::Content(_) | Phase::Ready(_) | Phase::Send(..) | Phase::Stream(_) | Phase::Session(_)
        )
    }

    /// True if an answer waits for the client to read.
    pub(in crate::engine) fn is_sending(&self) -> bool {
        matches!(*self.phase, Phase::Send(..))
    }

    /// True if the content of the answer comes from a channel.
    pub(crate) fn is_streaming(&self) -> bool {
        matches!(*self.phase, Phase::Stream(_))
    }

    /// True if the connection has left HTTP.
    pub(crate) fn has_left_http(&self) -> bool {
        matches!(*self.phase, Phase::Session(_))
    }

    /// True if senders may wake the connection.
    pub(in crate::engine) fn takes_messages(&self) -> bool {
        self.is_streaming() || self.has_left_http()
    }

    /// True if the content of the answer passes through filters of a handler.
    pub(in crate::engine) fn is_filtering(&self) -> bool {
        matches!(&*self.phase, Phase::Stream(streaming) if streaming.live.has_filters())
    }

    /// True if a part of an answer has been sent, and more is to come.
    pub(in crate::engine) fn has_begun_answer(&self) -> bool {
        self.is_sending() || self.is_streaming()
    }

    /// True if the connection is to advance because the server stops: the answer ends by itself, or
    /// the function of an upgraded connection does not know yet.
    pub(in crate::engine) fn reacts_to_stop(&self) -> bool {
        match &*self.phase {
            Phase::Stream(streaming) => streaming.live.ends_at_stop(),
            Phase::Session(session) => session.is_to_know_stop(),
            _ => false,
        }
    }

    /// Prepares the connection to be woken by `waker`. Returns false if content has come already.
    pub(in crate::engine) fn arm(&self, waker: impl FnOnce() -> Waker) -> bool {
        match &*self.phase {
            Phase::Stream(streaming) => streaming.live.arm(waker()),
            Phase::Session(session) => session.arm(waker()),
            Phase::Send(_, then) => then.stream().is_none_or(|live| live.arm_for_cut(waker())),
            _ => true,
        }
    }

    /// Takes the name of the request whose answer is being sent, or that has led out of HTTP, for
    /// log lines.
    pub(in crate::engine) fn take_name(&mut self) -> Option<Box<str>> {
        match &mut *self.phase {
            Phase::Send(_, Then::Conclude(done)) => done.name.take(),
            Phase::Stream(streaming) => streaming.done.name.take(),
            Phase::Session(session) => Some(session.name()),
            _ => None,
        }
    }

    /// Ends the record of an answer under way, and drops the answer.
    pub(in crate::engine) fn end_record(&mut self) {
        std::mem::take(&mut *self.phase).end_record();
    }

    /// True if a worker should read the next request, because the handler is likely to take long.
    pub(in crate::engine) fn is_for_worker(&self) -> bool {
        self.was_slow && !self.is_overdue && self.is_idle()
    }

    /// True if a stop leaves the connection time to end. Closing now, while the client may still be
    /// sending, would cause a reset.
    pub(in crate::engine) fn is_to_end_well(&self) -> bool {
        self.is_under_way() || matches!(*self.phase, Phase::Linger(_) | Phase::Drain(_))
    }

    /// True if the socket has input or the end of input to read.
    pub(in crate::engine) fn has_unread_input(&self) -> bool {
        matches!(self.transport.stream.wait(Interest::Read, Duration::ZERO), Ok(true))
    }

    /// True if the connection waits for a head, or the rest of one, so another engine may take
    /// over.
    pub(in crate::engine) fn may_move(&self) -> bool {
        let waits = matches!(*self.phase, Phase::Proxy | Phase::Handshake(_) | Phase::Head(_));
        // A body that still holds the stream may be watched elsewhere.
        waits && !self.transport.has_ended && Arc::strong_count(&self.transport.stream) == 1
    }
}

#[cfg(test)]
mod tests;
