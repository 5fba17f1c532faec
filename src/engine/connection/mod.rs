//! One connection from first byte to last: the states and the steps of the worker.
//!
//! ```text
//!   Proxy (only behind one, only once)
//!     ▼
//!   Handshake (only with TLS, only once)
//!     ▼     head          content there             answer out
//!   ┌──► Head ───► Content ──► Ready ──► exchange ──► Send ──┐
//!   │     │ ▲         │          │           │ content left  │
//!   │     │ └ parked  │ refused  │ 503       ▼ unread        │
//!   │     ▼           ▼          ▼         Drain ────────────┤
//!   │   Linger ◄──────┴──────────┴───────────┘ too much      │
//!   │     └──────────────────► closed                        │
//!   └────────────────────────────────────────────────────────┘
//! ```
//!
//! Every state but the exchange itself is resumable. When input runs out,
//! [`ClientConnection::advance`] returns and the connection is parked, without a thread. A deadline
//! belongs to a state and does not move when a byte arrives.

pub(in crate::engine) mod access_log;
pub(in crate::engine) mod body;
pub(in crate::engine) mod body_buffer;
pub(in crate::engine) mod early;
pub(in crate::engine) mod exchange;
pub(in crate::engine) mod expiry;
pub(in crate::engine) mod finished;
pub(in crate::engine) mod handshake;
pub(in crate::engine) mod linger;
pub(in crate::engine) mod partial;
pub(in crate::engine) mod phase;
pub(in crate::engine) mod proxy;
pub(in crate::engine) mod sending;
pub(in crate::engine) mod upgrade;

use std::mem;
use std::sync::Arc;
use std::time::Instant;

use http::Extensions;

use self::phase::Phase;
pub(crate) use self::phase::Verdict;
use self::phase::{Next, Reading, Step};
use self::proxy::Proxied;
use crate::address::Peer;
use crate::config::Config;
use crate::engine::service::budget::Reservation;
use crate::engine::service::context::{Service, WorkerContext};
use crate::engine::service::counters::Counter;
use crate::engine::service::open::{OpenConnections, Ticket};
use crate::engine::wire::input::InputBuffer;
use crate::engine::wire::output::Output;
use crate::engine::wire::pace::Pace;
use crate::h1::error::ProtocolError;
use crate::h1::head::Scan;
use crate::net::poll::Interest;
use crate::net::stream::{Stream, would_wait};
use crate::net::tls::secure::Secure;
use crate::proxy::header::HeaderRefusal;

/// A connection and its state. The one owner at any time is the queue, a worker, or parking.
#[derive(Debug)]
pub(crate) struct ClientConnection {
    pub(in crate::engine) stream: Arc<Stream>,
    /// The address of the peer, or of the client if a proxy has announced one.
    peer: Option<Peer>,
    proxied: Proxied,
    pub(in crate::engine) input: InputBuffer,
    phase: Phase,
    /// The deadline of the present phase.
    pub(in crate::engine) deadline: Instant,
    /// True if `deadline` is set. Between two requests the deadline is set only when a wait begins.
    is_timed: bool,
    /// True if the last read emptied the socket, so that the poller will report new input.
    is_drained: bool,
    /// True if input has been reported since the last read.
    is_likely: bool,
    /// True if the end of the client's input has been read.
    has_ended: bool,
    /// True if the deadline has passed and a worker is to read once more.
    is_overdue: bool,
    /// True if the last handler took long: a worker reads the next request.
    was_slow: bool,
    /// The number of requests answered.
    pub(in crate::engine) answered: u64,
    /// The extensions that describe the connection, kept from the last request for the next.
    pub(in crate::engine) extensions: Extensions,
    /// Bytes received and sent below TLS, as already counted.
    below: [u64; 2],
    /// The slot in parking, once the connection has been parked.
    pub(in crate::engine) slot: Option<u64>,
    /// The readiness watched for by parking.
    pub(in crate::engine) watched: Interest,
    /// Counts the connection among the open ones.
    pub(in crate::engine) ticket: Option<Ticket>,
    /// Counts the memory held for an incomplete message while the connection waits.
    reservation: Option<Reservation>,
}

impl ClientConnection {
    /// Returns a connection accepted at `now`.
    pub(crate) fn new(stream: Stream, peer: Option<Peer>, now: Instant, config: &Config) -> Self {
        let patience = if stream.secure().is_some() { config.handshake_timeout } else { config.header_timeout };
        Self {
            phase: if config.proxy_protocol { Phase::Proxy } else { Phase::first(&stream) },
            stream: Arc::new(stream),
            proxied: Proxied::new(config.trust.as_ref(), peer.as_ref()),
            peer,
            input: InputBuffer::default(),
            deadline: now + patience,
            is_timed: true,
            is_drained: false,
            is_likely: false,
            has_ended: false,
            is_overdue: false,
            was_slow: false,
            answered: 0,
            extensions: Extensions::new(),
            below: [0; 2],
            slot: None,
            watched: Interest::Read,
            ticket: None,
            reservation: None,
        }
    }

    /// Returns the deadline of the present phase.
    pub(in crate::engine) fn deadline(&self) -> Instant {
        self.deadline
    }

    /// True if the connection is between two requests, with no byte of the next received.
    pub(in crate::engine) fn is_idle(&self) -> bool {
        self.answered > 0 && matches!(&self.phase, Phase::Head(scan) if !scan.has_begun())
    }

    /// Counts the connection in `open` until the connection is dropped.
    pub(in crate::engine) fn count_in(&mut self, open: &Arc<OpenConnections>) {
        self.ticket = Some(open.enter());
    }

    /// Returns all output of a connection in memory.
    pub(crate) fn answered_in_memory(&self) -> Vec<u8> {
        match self.stream.secure().map_or(&*self.stream, Secure::inner) {
            Stream::Script(script) => script.answered(),
            Stream::Tcp(_) | Stream::Unix(_) | Stream::Tls(_) => Vec::new(),
        }
    }

    /// True if a worker should read the next request, because the handler is likely to take long.
    pub(in crate::engine) fn is_for_worker(&self) -> bool {
        self.was_slow && !self.is_overdue && self.is_idle()
    }

    /// Notes that input may have arrived since the last read. A report may concern input that has
    /// been read meanwhile.
    pub(in crate::engine) fn note_input(&mut self) {
        self.is_drained = false;
    }

    /// Notes that input is likely enough for the next read to wait briefly.
    pub(crate) fn expect_input(&mut self) {
        self.is_likely = true;
    }

    /// Returns the readiness the connection waits for.
    pub(in crate::engine) fn interest(&self) -> Interest {
        match self.phase {
            Phase::Send(_) => Interest::Write,
            Phase::Handshake(interest) => interest,
            _ => Interest::Read,
        }
    }

    /// True if the connection is in the middle of an exchange. A stop lets the exchange finish.
    pub(in crate::engine) fn is_under_way(&self) -> bool {
        matches!(self.phase, Phase::Content(_) | Phase::Ready(_) | Phase::Send(_))
    }

    /// True if an answer waits for the client to read.
    pub(in crate::engine) fn is_sending(&self) -> bool {
        matches!(self.phase, Phase::Send(_))
    }

    /// Advances the connection while there is input, then sends the gathered output.
    pub(crate) fn advance(&mut self, context: &mut WorkerContext) -> Verdict {
        context.meter.turn();
        self.reservation = None;
        let is_last_look = mem::take(&mut self.is_overdue);
        if is_last_look {
            self.is_drained = false;
        }
        let deadline = self.deadline;
        self.input.lend(&mut context.spare);
        let mut verdict = self.run(context);
        if is_last_look && self.deadline == deadline && matches!(verdict, Verdict::Park) {
            verdict = self.give_up_waiting(context);
        }
        if !context.gathered.is_empty() {
            verdict = self.flush_after(verdict, context);
        }
        context.meter.leave(&context.counters);
        self.note_below(context);
        self.tidy(context);
        if matches!(verdict, Verdict::Park) {
            verdict = self.find_room(context);
        }
        self.weigh(context);
        verdict
    }

    /// Frees buffer memory not needed for unread input.
    fn tidy(&mut self, context: &mut WorkerContext) {
        if self.input.is_empty() {
            self.input.give_back(&mut context.spare);
        } else {
            self.input.shrink();
        }
    }

    fn run(&mut self, context: &mut WorkerContext) -> Verdict {
        let mut reading =
            if mem::take(&mut self.is_likely) { Reading::Expected } else { Reading::after(self.is_drained) };
        if matches!(self.phase, Phase::Send(_)) {
            // A report of room to write may come with input.
            reading = Reading::Possible;
        }
        for _ in 0..SHARE {
            let stepped = match &mut self.phase {
                Phase::Proxy => self.proxy_header(context),
                Phase::Handshake(_) => self.shake_hands(context, &mut reading),
                Phase::Head(_) => self.head(context, &mut reading),
                Phase::Content(_) => self.gather(context, &mut reading),
                Phase::Ready(_) => self.take_turn(context, &mut reading),
                Phase::Send(_) => self.send(context),
                Phase::Drain { .. } => self.drain(context),
                Phase::Linger { .. } => self.linger(),
            };
            match stepped {
                Step::Verdict(verdict) => return verdict,
                Step::On => {}
                Step::Starved => {
                    if let Err(verdict) = self.fill(context, &mut reading) {
                        return if let Verdict::Park = verdict { self.pause(context) } else { verdict };
                    }
                }
            }
        }
        Verdict::Again
    }

    /// Begins to wait for input and sets the deadline of the wait.
    fn pause(&mut self, context: &mut WorkerContext) -> Verdict {
        match &self.phase {
            Phase::Content(_) => self.await_content(context),
            Phase::Head(_) if !self.is_timed => {
                self.deadline = Instant::now() + context.config.keep_alive_timeout;
                self.is_timed = true;
                Verdict::Park
            }
            _ => Verdict::Park,
        }
    }

    /// Scans for a head and serves the request.
    fn head(&mut self, context: &mut WorkerContext, reading: &mut Reading) -> Step {
        let Phase::Head(scan) = &mut self.phase else { return Step::On };
        let had_begun = scan.has_begun();
        match scan.advance(self.input.unread(), &context.head_limits()) {
            Err(error) => Step::Verdict(self.refuse(error, context)),
            Ok(None) => {
                if scan.has_begun() && !had_begun && self.answered > 0 {
                    self.deadline = Instant::now() + context.config.header_timeout;
                    self.is_timed = true;
                }
                Step::Starved
            }
            Ok(Some(length)) => {
                let next = self.exchange(length, context);
                *reading = Reading::after(self.is_drained);
                self.settle(next, context)
            }
        }
    }

    fn settle(&mut self, next: Next, context: &mut WorkerContext) -> Step {
        let config = &context.config;
        match next {
            Next::Head => {
                self.phase = Phase::Head(Scan::default());
                self.is_timed = false;
                Step::On
            }
            Next::Content(gathering) => {
                self.phase = Phase::Content(gathering);
                Step::On
            }
            Next::Ready(pending, verdict) => {
                self.phase = Phase::Ready(pending);
                Step::Verdict(verdict)
            }
            Next::Drain(decoder) => {
                self.phase = Phase::Drain { decoder, left: config.max_drain_size };
                self.deadline = Instant::now() + config.linger_timeout;
                Step::On
            }
            Next::Verdict(verdict) => Step::Verdict(verdict),
        }
    }

    /// Reads more input. Returns the verdict as `Err` if no input is available now.
    fn fill(&mut self, context: &mut WorkerContext, reading: &mut Reading) -> Result<(), Verdict> {
        if *reading == Reading::Reported {
            return Err(Verdict::Park);
        }
        if !context.gathered.is_empty() {
            match self.output(context).flush_some() {
                // All answers made so far are sent.
                Ok(true) => context.meter.settle(&context.counters),
                Ok(false) => return Err(self.leave_and_resume(context)),
                Err(_) => return Err(Verdict::Close),
            }
        }
        let read = match reading {
            Reading::Expected => self.input.read(&self.stream),
            Reading::Possible | Reading::Reported => self.input.try_read(&self.stream),
        };
        match read {
            Ok(received) if received.count > 0 => {
                context.counters.bytes_read.add(received.count as u64);
                context.meter.receive(*reading == Reading::Expected);
                self.is_drained = received.is_all;
                *reading = Reading::after(self.is_drained);
                Ok(())
            }
            Err(error) if would_wait(&error) => {
                self.is_drained = true;
                Err(Verdict::Park)
            }
            Ok(_) => {
                self.has_ended = true;
                match &self.phase {
                    Phase::Proxy if !self.input.is_empty() => {
                        Err(self.refuse_header(HeaderRefusal::Truncated, context))
                    }
                    // The client may have half-closed only, and still read an answer.
                    Phase::Head(scan) if scan.has_begun() => Err(self.refuse(ProtocolError::Truncated, context)),
                    Phase::Content(_) => Err(self.refuse_present(ProtocolError::Truncated, context)),
                    _ => Err(Verdict::Close),
                }
            }
            Err(_) => Err(Verdict::Close),
        }
    }

    fn output<'a>(&'a self, context: &'a mut WorkerContext) -> Output<'a> {
        let WorkerContext { gathered, counters, service, config, .. } = context;
        self.output_of(gathered, &counters.bytes_written, service, config)
    }

    /// Returns the output for the `gathered` bytes.
    fn output_of<'a>(
        &'a self,
        gathered: &'a mut Vec<u8>,
        written: &'a Counter,
        service: &'a Service,
        config: &Config,
    ) -> Output<'a> {
        let pace = Pace::new(config.write_timeout, config.minimum_rate);
        let stays = service.is_over() || service.answer_memory.is_full();
        let output = Output::over(&self.stream, pace, gathered, written, &service.preemption);
        if stays { output } else { output.leaving() }
    }
}

/// The number of steps, such as pipelined requests or reads, before a connection is requeued.
const SHARE: u32 = 64;
