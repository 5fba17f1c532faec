//! One turn of a connection: every change of its phase.
//!
//! ```text
//!  Proxy ─► Handshake ─► Head ◄─────────────────────┐
//!  (only behind  (only     │ head                   │
//!   a proxy)   with TLS)   ▼        answer out      │
//!            ┌──────── Exchange ────────────────────┤
//!  more to   │          ▲  │  │ content left unread  │
//!  receive   ▼          │  │  └─────────► Drain ────┘
//!         Content ──────┤  │                │ too much
//!  no thread ▼          │  ▼ last answer    ▼
//!          Ready ───────┘  Linger ◄─────────┘
//!                            └──► closed
//!
//!  Exchange ─► Stream: content from a channel, until its end, then as after an exchange
//!  Exchange ─► Session: an upgraded connection without a thread, until its end, then Linger
//! ```
//!
//! | from | to |
//! |---|---|
//! | `Proxy` | `Handshake` `Head` `Linger` `Send` |
//! | `Handshake` | `Handshake` `Head` `Linger` `Send` |
//! | `Head` | `Exchange` `Linger` `Send` |
//! | `Content` | `Exchange` `Send` |
//! | `Ready` | `Exchange` `Send` |
//! | `Exchange` | `Head` `Content` `Ready` `Stream` `Session` `Drain` `Linger` `Send` |
//! | `Stream` | `Exchange` `Send` |
//! | `Session` | `Exchange` `Send` |
//! | `Drain` | `Head` `Linger` `Send` |
//! | `Send` | `Head` `Content` `Ready` `Stream` `Session` `Drain` `Linger` `Send` |
//!
//! Every phase but the exchange is resumable. When input runs out, [`ClientConnection::advance`]
//! returns and the connection is parked, without a thread. `Send` comes after any phase if the
//! client is slow to read. When all is sent, the phase that was left resumes. A refused request
//! ends in an exchange whose answer is the error. A deadline belongs to a phase and does not move
//! when a byte arrives.
//!
//! | type | returned by | says |
//! |---|---|---|
//! | `Step` | a step in a phase | go on, read more input, or stop with a `Verdict` |
//! | `Verdict` | [`ClientConnection::advance`] | what the thread does with the connection |
//! | `Next` | [`ClientConnection::exchange`] | the phase in which the exchange continues, or that it has ended |
//! | `Ending` | the end of an exchange | the phase after the exchange |
//! | `Then` | kept in `Send` | the step after all is sent |
//!
//! Small answers are gathered in the thread's context. They are sent before the next read
//! ([`fill`](ClientConnection::fill)) or when the thread leaves the connection, several pipelined
//! ones at once. Those of handlers that take turns may also be put off to the end of the reactor's
//! round, in the phase `Send`.

use std::io;
use std::mem;
use std::time::{Duration, Instant};

use super::access_log::Line;
use super::body_buffer::Buffered;
use super::exchange::{Next, Stage};
use super::finished::{Departure, Ending};
use super::handshake::{self, Shaken};
use super::linger::{Drain, Drained, Linger};
use super::phase::{Phase, Step, Then, Verdict};
use super::refusal::{self, Recipient, RefusedRequest};
use super::sending::{Attempt, Sending};
use super::session::Called;
use super::streaming::Streamed;
use super::transport::{Filled, Reading};
use super::{ClientConnection, client, report};
use crate::engine::service::context::WorkerContext;
use crate::engine::service::costs::Runs;
use crate::engine::service::counters::Late;
use crate::engine::wire::live::Live;
use crate::engine::wire::remainder::Remainder;
use crate::engine::wire::response::Flaw;
use crate::h1::error::ProtocolError;
use crate::h1::head::{self, Scan};
use crate::message::named::AskedRequest;
use crate::proxy::header::HeaderRefusal;

impl ClientConnection {
    /// Advances the connection while there is input, then sends the gathered output.
    pub(crate) fn advance(&mut self, context: &mut WorkerContext) -> Verdict {
        context.meter.turn();
        self.reservation = None;
        let is_last_look = mem::take(&mut self.is_overdue);
        if is_last_look {
            self.transport.is_drained = false;
        }
        let deadline = self.deadline;
        self.transport.input.lend(&mut context.spare);
        let mut verdict = self.run(context);
        // The last look has found nothing new: no wait has begun that sets a deadline.
        if is_last_look && self.deadline == deadline && matches!(verdict, Verdict::Park) {
            verdict = self.give_up_waiting(context);
        }
        if !context.gathered.is_empty() || self.is_parked_with_output(&verdict) {
            verdict = self.flush_after(verdict, context);
        }
        if let (Verdict::Close, Phase::Stream(_)) = (&verdict, &*self.phase) {
            self.swap(Phase::Exchange, self.deadline).break_off(context);
        }
        context.meter.leave(&context.counters);
        self.transport.count_below(context);
        self.transport.tidy(context);
        if matches!(verdict, Verdict::Park) {
            verdict = self.find_room(context);
        }
        self.weigh(context);
        verdict
    }

    fn run(&mut self, context: &mut WorkerContext) -> Verdict {
        let mut reading =
            if mem::take(&mut self.is_likely) { Reading::Expected } else { Reading::after(self.transport.is_drained) };
        if self.is_sending() {
            // A report of room to write may come with input.
            reading = Reading::Possible;
        }
        for _ in 0..SHARE {
            match self.step(&mut reading, context) {
                Step::Verdict(verdict) => return verdict,
                Step::On => {}
                Step::Starved => {
                    if let Err(verdict) = self.fill(&mut reading, context) {
                        return if let Verdict::Park = verdict { self.pause(context) } else { verdict };
                    }
                }
            }
        }
        Verdict::Again
    }

    /// Takes one step in the present phase.
    fn step(&mut self, reading: &mut Reading, context: &mut WorkerContext) -> Step {
        let Self { transport, client, .. } = self;
        match &mut *self.phase {
            Phase::Proxy => match client.read_header(&mut transport.input, context) {
                Ok(true) => self.begin_talk(),
                Ok(false) => Step::Starved,
                Err(refusal) => {
                    client.refuse_header(refusal, context);
                    Step::Verdict(Verdict::Close)
                }
            },
            Phase::Handshake(_) => {
                let shaken = handshake::advance(transport, client, context);
                self.shake(shaken, reading, context)
            }
            Phase::Head(scan) => {
                let had_begun = scan.has_begun();
                match scan.advance(transport.input.unread(), &context.head_limits()) {
                    Err(error) => Step::Verdict(self.refuse(error, context)),
                    Ok(Some(length)) => {
                        self.enter(Phase::Exchange, self.deadline);
                        self.conduct(Stage::Head(length), reading, context)
                    }
                    Ok(None) => {
                        if scan.has_begun() && !had_begun && self.answered > 0 {
                            self.set_deadline(Instant::now() + context.config.header_timeout);
                        }
                        Step::Starved
                    }
                }
            }
            Phase::Content(gathering) => match gathering.advance(transport, reading, context) {
                Buffered::Enough => self.resume_exchange(reading, context),
                Buffered::Some => Step::On,
                Buffered::Starved => Step::Starved,
                Buffered::Refused(error) => Step::Verdict(self.refuse_present(error, context)),
            },
            Phase::Ready(_) => self.resume_exchange(reading, context),
            Phase::Send(sending, then) => {
                let attempt = if then.stream().is_some_and(Live::is_cut) {
                    Attempt::Failed(io::Error::other("a sender has disconnected the client"))
                } else {
                    sending.attempt(then.is_end(), transport, context)
                };
                self.send(attempt, context)
            }
            // Filters are a handler's code, which the guard does not run.
            Phase::Stream(streaming) if streaming.live.has_filters() && context.duty.runs == Runs::Nothing => {
                Step::Verdict(Verdict::Work)
            }
            Phase::Stream(streaming) => {
                let streamed = streaming.advance(transport, context);
                self.stream(streamed, context)
            }
            // The answer to the upgrade comes before any byte of the other protocol.
            Phase::Session(_) if !context.gathered.is_empty() => self.flush_and_go_on(context),
            Phase::Session(session) => {
                let called = session.call(transport, context);
                self.follow_call(called, context)
            }
            Phase::Drain(drain) => match drain.advance(&mut transport.input, context) {
                Drained::Whole => self.conclude(Ending::Head, context),
                Drained::Starved => Step::Starved,
                Drained::Failed => self.conclude(Ending::Linger, context),
            },
            Phase::Linger(linger) => {
                if linger.advance(&mut transport.input) {
                    Step::Starved
                } else {
                    Step::Verdict(Verdict::Close)
                }
            }
            // Reached only if the thread that ended an exchange did not close the connection.
            Phase::Exchange => Step::Verdict(Verdict::Close),
        }
    }

    /// Enters `phase`. `None`: the deadline is set when the wait begins.
    fn enter(&mut self, phase: Phase, deadline: impl Into<Option<Instant>>) {
        drop(self.swap(phase, deadline));
    }

    /// Enters `phase`, and returns the phase left.
    fn swap(&mut self, phase: Phase, deadline: impl Into<Option<Instant>>) -> Phase {
        #[cfg(test)]
        super::tests::picture::note(&self.phase, &phase);
        match deadline.into() {
            Some(deadline) => self.set_deadline(deadline),
            None => self.is_timed = false,
        }
        mem::replace(&mut *self.phase, phase)
    }

    fn set_deadline(&mut self, deadline: Instant) {
        self.deadline = deadline;
        self.is_timed = true;
    }

    // ---- before the first request ----

    /// Begins TLS or HTTP, after a PROXY header in clear.
    fn begin_talk(&mut self) -> Step {
        if let Some(secure) = self.transport.stream.secure() {
            secure.begin_with(self.transport.input.unread());
            self.transport.input.clear();
        }
        // The deadline stays, and covers the first head or the handshake too.
        self.enter(Self::first_phase(&self.transport.stream), self.deadline);
        Step::On
    }

    fn shake(&mut self, shaken: Shaken, reading: &mut Reading, context: &mut WorkerContext) -> Step {
        match shaken {
            Shaken::Done => {
                self.enter(Phase::Head(Scan::default()), Instant::now() + context.config.header_timeout);
                *reading = Reading::Possible;
                Step::On
            }
            Shaken::Waits(interest, has_spoken) => {
                let now = Instant::now();
                // Only output of the server renews the deadline, a few times in a handshake, so a
                // trickle from the client gains nothing.
                let is_late = has_spoken && now >= self.deadline;
                let deadline = if is_late { now + context.config.handshake_timeout } else { self.deadline };
                self.enter(Phase::Handshake(interest), deadline);
                Step::Verdict(Verdict::Park)
            }
            Shaken::Again => Step::Verdict(Verdict::Again),
            Shaken::Plain => Step::Verdict(self.refuse(ProtocolError::NotTls, context)),
            // Not closed at once: a reset would destroy the alert.
            Shaken::Failed => Step::Verdict(self.half_close(context)),
            Shaken::Missing => Step::Verdict(Verdict::Close),
        }
    }

    // ---- a request ----

    /// Conducts an exchange from `stage` on.
    fn conduct(&mut self, stage: Stage, reading: &mut Reading, context: &mut WorkerContext) -> Step {
        let next = self.exchange(stage, context);
        *reading = Reading::after(self.transport.is_drained);
        self.follow(next, context)
    }

    /// Continues an exchange after the wait for content or for a thread.
    fn resume_exchange(&mut self, reading: &mut Reading, context: &mut WorkerContext) -> Step {
        let pending = match self.swap(Phase::Exchange, self.deadline) {
            Phase::Content(gathering) => Box::new(gathering.end()),
            Phase::Ready(pending) => pending,
            _ => return Step::Verdict(Verdict::Close),
        };
        self.conduct(Stage::Request(pending), reading, context)
    }

    /// Takes the step after an exchange, or after the part conducted now.
    fn follow(&mut self, next: Next, context: &mut WorkerContext) -> Step {
        Step::Verdict(match next {
            Next::Ended(ending) => return self.conclude(ending, context),
            Next::Content(gathering) => {
                self.enter(Phase::Content(gathering), self.deadline);
                return Step::On;
            }
            Next::Ready(pending, verdict) => {
                self.enter(Phase::Ready(pending), self.deadline);
                verdict
            }
            Next::SendFirst(pending) => {
                self.enter(Phase::Ready(pending), self.deadline);
                self.leave_and_resume(context)
            }
            Next::Stream(streaming) => {
                self.enter(Phase::Stream(streaming), self.deadline);
                return Step::On;
            }
            Next::Send(rest, done) => self.leave(Some(rest), Then::Conclude(done), context),
            Next::Refuse(refusal) => self.refuse_as(refusal, context),
            Next::Close => Verdict::Close,
        })
    }

    /// Takes the step after an exchange whose answer is sent or gathered.
    fn conclude(&mut self, ending: Ending, context: &mut WorkerContext) -> Step {
        Step::Verdict(match ending {
            Ending::Head => {
                self.enter(Phase::Head(Scan::default()), None);
                return Step::On;
            }
            Ending::Drain(decoder) => {
                let drain = Drain::new(decoder, context.config.max_drain_size);
                self.enter(Phase::Drain(drain), Instant::now() + context.config.linger_timeout);
                return Step::On;
            }
            Ending::Linger => self.begin_linger(context),
            Ending::Finish => self.flush_then(Then::Finish, context),
            Ending::Upgrade(Departure::Thread(serve)) => Verdict::Upgrade(serve),
            Ending::Upgrade(Departure::Parked(session)) => {
                self.enter(Phase::Session(session), self.deadline);
                return Step::On;
            }
        })
    }

    // ---- input ----

    /// Reads more input. Returns the verdict as `Err` if no input is available now.
    fn fill(&mut self, reading: &mut Reading, context: &mut WorkerContext) -> Result<(), Verdict> {
        if *reading == Reading::Reported {
            return Err(Verdict::Park);
        }
        if !context.gathered.is_empty() {
            match self.transport.output(context).flush_some() {
                // All answers made so far are sent.
                Ok(true) => context.meter.settle(&context.counters),
                Ok(false) => return Err(self.leave_and_resume(context)),
                Err(_) => return Err(Verdict::Close),
            }
        }
        match self.transport.fill(reading, context) {
            Filled::Some => Ok(()),
            Filled::Nothing => Err(Verdict::Park),
            Filled::Broken => Err(Verdict::Close),
            Filled::End => Err(match &*self.phase {
                Phase::Proxy if !self.transport.input.is_empty() => {
                    self.client.refuse_header(HeaderRefusal::Truncated, context);
                    Verdict::Close
                }
                // The client may have half-closed only, and still read an answer.
                Phase::Head(scan) if scan.has_begun() => self.refuse(ProtocolError::Truncated, context),
                Phase::Content(_) => self.refuse_present(ProtocolError::Truncated, context),
                _ => Verdict::Close,
            }),
        }
    }

    /// Begins to wait for input, and sets the deadline of the wait.
    fn pause(&mut self, context: &mut WorkerContext) -> Verdict {
        let now = Instant::now();
        match &mut *self.phase {
            Phase::Content(gathering) => match gathering.wait(&self.transport, now) {
                Some(left) => self.set_deadline(now + left),
                None => return self.refuse_present(ProtocolError::Timeout, context),
            },
            Phase::Head(_) if !self.is_timed => self.set_deadline(now + context.config.keep_alive_timeout),
            _ => {}
        }
        Verdict::Park
    }

    /// Ends a connection whose last read found too little.
    fn give_up_waiting(&mut self, context: &mut WorkerContext) -> Verdict {
        // Browsers and balancers open spare connections. These are counted, and not worth a line.
        let is_silent = self.is_silent();
        match *self.phase {
            Phase::Proxy if is_silent => client::count_late_header(context),
            Phase::Proxy => self.client.refuse_header(HeaderRefusal::Late, context),
            // No message to the client is possible.
            Phase::Handshake(_) if is_silent => handshake::count_timeout(context),
            Phase::Handshake(_) => handshake::note_timeout(&self.client, context),
            Phase::Head(_) if is_silent && context.config.answer_silence => {
                return self.refuse_present(ProtocolError::Timeout, context);
            }
            _ if is_silent => context.counters.count_late(Late::Head),
            _ if self.is_idle() => context.counters.count_late(Late::Idle),
            // Time is an event like any other.
            Phase::Session(_) => return Verdict::Park,
            // The client has had its answer.
            Phase::Drain(_) | Phase::Linger(_) => context.counters.count_late(Late::Linger),
            _ => return self.refuse_present(ProtocolError::Timeout, context),
        }
        Verdict::Close
    }

    // ---- output ----

    /// True if the connection would be parked as if all were sent, while TLS holds output.
    fn is_parked_with_output(&self, verdict: &Verdict) -> bool {
        let is_parked = matches!(verdict, Verdict::Park) && !self.is_sending() && !self.has_left_http();
        is_parked && self.transport.stream.holds_output()
    }

    /// Sends the gathered output before a worker releases the connection.
    fn flush_after(&mut self, verdict: Verdict, context: &mut WorkerContext) -> Verdict {
        if matches!(verdict, Verdict::Park) && context.duty.puts_off_answer() {
            self.leave_and_resume(context);
            return Verdict::Unsent;
        }
        let mut output = self.transport.output(context);
        match verdict {
            Verdict::Unsent => verdict,
            Verdict::Park | Verdict::Again | Verdict::Work => match output.flush_some() {
                Ok(true) => verdict,
                Ok(false) => self.leave_and_resume(context),
                Err(_) => self.lose(),
            },
            // The connection gets no other chance to send.
            Verdict::Close | Verdict::Upgrade(_) => match output.flush() {
                Ok(()) => verdict,
                Err(_) => self.lose(),
            },
        }
    }

    /// Sends the gathered output and takes the step `then`, or leaves both for later.
    fn flush_then(&mut self, then: Then, context: &mut WorkerContext) -> Verdict {
        let mut output = self.transport.output(context);
        match if then.is_end() { output.finish_some() } else { output.flush_some() } {
            Ok(true) => self.end(&then, context),
            Ok(false) => self.leave(None, then, context),
            Err(_) => self.lose(),
        }
    }

    /// Ends the connection once all is sent. A close with unread input would be a reset, which
    /// destroys an answer that the client has not received.
    fn end(&mut self, then: &Then, context: &WorkerContext) -> Verdict {
        match then {
            Then::Linger => self.half_close(context),
            Then::Finish if self.has_unread_input() => self.half_close(context),
            _ => Verdict::Close,
        }
    }

    /// Leaves the gathered output for later. The present phase resumes afterwards.
    pub(super) fn leave_and_resume(&mut self, context: &mut WorkerContext) -> Verdict {
        let (sending, patience) = self.begin_sending(None, context);
        let deadline = self.deadline;
        // `Then` holds the phase that is left, so it follows the change.
        let phase = self.swap(Phase::Send(sending, Then::Close), Instant::now() + patience);
        if let Phase::Send(_, then) = &mut *self.phase {
            *then = Then::Resume(Box::new(phase), deadline);
        }
        Verdict::Park
    }

    /// Leaves the gathered output and `rest` for later.
    pub(super) fn leave(&mut self, rest: Option<Remainder>, then: Then, context: &mut WorkerContext) -> Verdict {
        let (sending, patience) = self.begin_sending(rest, context);
        self.enter(Phase::Send(sending, then), Instant::now() + patience);
        Verdict::Park
    }

    fn begin_sending(&mut self, rest: Option<Remainder>, context: &mut WorkerContext) -> (Box<Sending>, Duration) {
        // Earlier reports may have been of input, and will not be repeated.
        self.transport.is_drained = false;
        Sending::begin(rest, &self.transport, Instant::now(), context)
    }

    /// Takes the step after an attempt to send.
    fn send(&mut self, attempt: Attempt, context: &mut WorkerContext) -> Step {
        let Phase::Send(sending, then) = &mut *self.phase else { return Step::On };
        let (unsent, waiting) = (sending.unsent(), sending.waiting());
        match attempt {
            Attempt::Partly(patience) => {
                self.set_deadline(Instant::now() + patience);
                Step::Verdict(Verdict::Park)
            }
            Attempt::Share => Step::Verdict(Verdict::Again),
            Attempt::Whole => {
                let then = mem::replace(then, Then::Close);
                self.follow_sent(then, context)
            }
            Attempt::Short(missing) => {
                report::body_flawed(&then.name(&self.client), Flaw::Short(missing));
                mem::replace(then, Then::Close).break_off(missing, waiting, context);
                Step::On
            }
            // A reset, so that the client notices and the kernel frees the send buffer.
            Attempt::Failed(error) => {
                report::answer_cut(&then.name(&self.client), &error);
                mem::replace(then, Then::Close).break_off(unsent, waiting, context);
                Step::Verdict(self.lose())
            }
        }
    }

    /// Takes the step after content of a channel was gathered.
    fn stream(&mut self, streamed: Streamed, context: &mut WorkerContext) -> Step {
        match streamed {
            Streamed::Some => self.flush_and_go_on(context),
            Streamed::Waits(look_at) => {
                self.set_deadline(look_at);
                Step::Verdict(Verdict::Park)
            }
            Streamed::Whole => match self.swap(Phase::Exchange, self.deadline) {
                Phase::Stream(streaming) => {
                    let ending = self.settle(*streaming.done, context);
                    self.conclude(ending, context)
                }
                _ => Step::Verdict(Verdict::Close),
            },
            Streamed::Failed => {
                self.swap(Phase::Exchange, self.deadline).break_off(context);
                // What was sent before is sent still.
                Step::Verdict(self.flush_then(Then::Close, context))
            }
            Streamed::Left => Step::Verdict(Verdict::Close),
        }
    }

    /// Sends the gathered output without waiting, and goes on in the present phase.
    fn flush_and_go_on(&mut self, context: &mut WorkerContext) -> Step {
        match self.transport.output(context).leaving().flush_some() {
            Ok(true) => Step::On,
            Ok(false) => Step::Verdict(self.leave_and_resume(context)),
            Err(_) => Step::Verdict(self.lose()),
        }
    }

    /// Takes the step after a call of the function of an upgraded connection.
    fn follow_call(&mut self, called: Called, context: &mut WorkerContext) -> Step {
        Step::Verdict(match called {
            Called::ByWorker => Verdict::Work,
            Called::Later => Verdict::Again,
            Called::Waits(until) => {
                self.set_deadline(until);
                Verdict::Park
            }
            Called::Ended => {
                self.end_session(context);
                self.transport.is_drained = false;
                self.begin_linger(context)
            }
            Called::Failed => {
                self.end_session(context);
                Verdict::Close
            }
        })
    }

    fn end_session(&mut self, context: &WorkerContext) {
        if let Phase::Session(session) = self.swap(Phase::Exchange, self.deadline) {
            session.end(context);
        }
    }

    /// Takes the step after all output is sent.
    fn follow_sent(&mut self, then: Then, context: &mut WorkerContext) -> Step {
        match then {
            Then::Conclude(done) => {
                let ending = self.settle(*done, context);
                self.conclude(ending, context)
            }
            Then::Resume(mut phase, deadline) => {
                if let Phase::Content(gathering) = &mut *phase {
                    gathering.restart_wait();
                }
                // The keep-alive and drain times begin when the client has its answer.
                let now = Instant::now();
                let deadline = match &*phase {
                    Phase::Drain(_) => now + context.config.linger_timeout,
                    phase if phase.is_unbegun_head() && self.answered > 0 => now + context.config.keep_alive_timeout,
                    _ => deadline,
                };
                self.enter(*phase, deadline);
                Step::On
            }
            then => Step::Verdict(self.end(&then, context)),
        }
    }

    /// Resets a connection whose output is lost. An orderly close could pass for the end of an
    /// answer.
    fn lose(&self) -> Verdict {
        self.transport.stream.abort();
        Verdict::Close
    }

    // ---- refusals and the end ----

    /// Answers unread input with a client error, and lingers so that the client can read it.
    fn refuse(&mut self, error: ProtocolError, context: &mut WorkerContext) -> Verdict {
        let is_head = head::is_of_head(self.transport.input.unread());
        let line = Line::refused(self.client.peer.clone(), &context.service.hooks)
            .with_line_of(self.transport.input.unread(), &context.head_limits());
        self.refuse_as(RefusedRequest { error, asked: None, is_head, line }, context)
    }

    /// Refuses the request being received.
    fn refuse_present(&mut self, error: ProtocolError, context: &mut WorkerContext) -> Verdict {
        if let Phase::Content(_) = &*self.phase {
            if let Phase::Content(gathering) = self.swap(Phase::Exchange, self.deadline) {
                let refused = gathering.refuse(error, &self.client, context);
                return self.refuse_as(refused, context);
            }
        }
        if error == ProtocolError::Timeout {
            context.counters.count_late(Late::Head);
        }
        self.refuse(error, context)
    }

    fn refuse_as(&mut self, refusal: RefusedRequest, context: &mut WorkerContext) -> Verdict {
        refusal.answer(&self.client, context);
        self.begin_linger(context)
    }

    /// Answers 503 for lack of room, and lingers. Before a TLS handshake nothing can be sent.
    pub(crate) fn turn_away(&mut self, context: &mut WorkerContext) -> Verdict {
        refusal::count_turned_away(context);
        if self.transport.stream.secure().is_some() && matches!(*self.phase, Phase::Proxy | Phase::Handshake(_)) {
            return Verdict::Close;
        }
        match &*self.phase {
            Phase::Ready(_) => match self.swap(Phase::Exchange, self.deadline) {
                Phase::Ready(pending) => {
                    let asked = AskedRequest::refused(pending.head, self.client.sender());
                    refusal::turn_away(pending.line, &Recipient::from(&asked), context);
                }
                _ => return Verdict::Close,
            },
            _ => {
                let line = Line::refused(self.client.peer.clone(), &context.service.hooks)
                    .with_line_of(self.transport.input.unread(), &context.head_limits());
                let is_head = head::is_of_head(self.transport.input.unread());
                refusal::turn_away(line, &Recipient::unread(is_head, &self.client), context);
            }
        }
        self.begin_linger(context)
    }

    /// Sends the gathered output, half-closes, and waits for the client to close.
    fn begin_linger(&mut self, context: &mut WorkerContext) -> Verdict {
        // The received input is ignored.
        self.transport.input.clear();
        self.flush_then(Then::Linger, context)
    }

    /// Half-closes once all is sent.
    fn half_close(&mut self, context: &WorkerContext) -> Verdict {
        if !self.transport.half_close() {
            return Verdict::Close;
        }
        self.transport.input.clear();
        let linger = Linger::new(context.config.max_linger_size);
        self.enter(Phase::Linger(linger), Instant::now() + context.config.linger_timeout);
        // Input in the socket must be dropped before more is reported.
        if self.transport.is_drained { Verdict::Park } else { Verdict::Again }
    }
}

/// The number of steps, such as pipelined requests or reads, before a connection is requeued.
const SHARE: u32 = 64;
