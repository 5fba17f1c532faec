//! One exchange: from a complete head to a sent or gathered answer.
//!
//! ```text
//! parse ─► believe ─► judge ─► gather ─► admit ─► handle ─► answer ─► settle
//!   │         │         │        │         │         │         │         │
//!   └─ refused: 4xx ────┘    wait for      │      panic: 500   │   next head, rest of
//!                            content       │                   │   content, or close
//!                                     wait for a thread,    rest waits
//!                                     or for the client     for the client
//! ```
//!
//! [`ClientConnection::exchange`] is the whole conversation. A step that has to wait ends the
//! function with the phase to wait in, and the exchange continues there later. An answer may be
//! gathered only, and sent together with later ones.

use std::io;
use std::mem;

use http::Method;

use super::ClientConnection;
use super::access_log::Line;
use super::answer::{Rest, answer};
use super::body::Intake;
use super::body_buffer::Gathering;
use super::client::Client;
use super::finished::{Ending, FinishedExchange, Unread, break_off};
use super::handle::{handle, recycle};
use super::overrun;
use super::pending::Pending;
use super::phase::Verdict;
use super::reception::Reception;
use super::refusal::RefusedRequest;
use super::report;
use super::streaming::Streaming;
use super::transport::Transport;
use crate::engine::service::context::WorkerContext;
use crate::engine::service::costs::{Admission, Route, Runs};
use crate::engine::service::counters::Late;
use crate::engine::service::stopwatch::Stopwatch;
use crate::engine::wire::pace::Pace;
use crate::engine::wire::remainder::Remainder;
use crate::h1::decode::Decoder;
use crate::h1::error::ProtocolError;
use crate::h1::exchange::Exchange;
use crate::h1::framing::Framing;
use crate::h1::head::{self, RequestHead};
use crate::message::content_error;
use crate::message::named::AskedRequest;
use crate::sync::catch;

/// The outcome of an exchange, or of the part conducted now.
pub(super) enum Next {
    /// Buffer the content of the request.
    Content(Box<Gathering>),
    /// Wait for a thread to run the handler, with this verdict until then.
    Ready(Box<Pending>, Verdict),
    /// Send earlier answers before the handler runs.
    SendFirst(Box<Pending>),
    /// Send the rest of the answer.
    Send(Remainder, Box<FinishedExchange>),
    /// Send content as it comes from a channel.
    Stream(Box<Streaming>),
    /// Answer with an error, and linger.
    Refuse(RefusedRequest),
    /// The connection is broken.
    Close,
    /// The answer is sent or gathered.
    Ended(Ending),
}

/// The point at which an exchange begins or continues.
pub(super) enum Stage {
    /// A head is complete: the first bytes of the input, as many as given.
    Head(usize),
    /// A judged request: its content is buffered, or a thread is free for its handler.
    Request(Box<Pending>),
}

impl ClientConnection {
    /// Conducts an exchange, as far as possible without waiting for the client or for a thread.
    pub(super) fn exchange(&mut self, stage: Stage, context: &mut WorkerContext) -> Next {
        self.converse(stage, context).unwrap_or_else(|next| next)
    }

    /// Conducts an exchange. `Err` is no failure, but a return before the handler has run: the
    /// exchange continues later, or the connection ends.
    fn converse(&mut self, stage: Stage, context: &mut WorkerContext) -> Result<Next, Next> {
        let Self { transport, client, .. } = self;
        let mut pending = match stage {
            Stage::Head(length) => {
                let begun = context.meter.begin(context.service.measures());
                let mut head = match parse(length, transport, context) {
                    Ok(head) => head,
                    Err(error) => return Err(Next::Refuse(refuse(error, length, client, transport, context))),
                };
                transport.input.consume(length);
                // A refusal is logged with the request, so the record begins before the judgement.
                let believed = client.believe(&mut head, context);
                let line = Line::begin(client.sender(), &head, begun, &context.service.hooks);
                let is_head = head.method == Method::HEAD;
                let (exchange, reception) = match believed.and_then(|()| judge(&head, client, context)) {
                    Ok(judged) => judged,
                    Err(error) => {
                        let asked = Some(Box::new(AskedRequest::refused(head, client.sender())));
                        return Err(Next::Refuse(RefusedRequest { error, asked, is_head, line }));
                    }
                };
                match reception {
                    Some(reception) if is_to_gather(&reception, transport, context) => {
                        let gathering = Gathering::begin(head, exchange, reception, line, transport, context);
                        return Err(Next::Content(Box::new(gathering)));
                    }
                    reception => Pending { head, exchange, reception, line, permit: None },
                }
            }
            Stage::Request(pending) => *pending,
        };
        let route = match admit(&mut pending, transport, context) {
            Ok(route) => route,
            Err(held) => return Err(held.keep(pending)),
        };
        let Pending { head, mut exchange, mut reception, mut line, permit: _permit } = pending;
        let watch = watch(route, &head, client, &mut line, context);
        let mut asked = AskedRequest::received(&head, client.sender());
        if flush_before_content(&mut reception, transport, context).is_err() {
            // No handler has run, so no answer of a handler is broken off.
            line.cut(None);
            return Err(Next::Close);
        }
        let wants_continue = reception.as_ref().is_some_and(|reception| reception.wants_continue);
        context.begin_handler(context.gathered.is_empty() && !wants_continue);
        overrun::begin_default(&asked, context);
        let intake = reception.map(|reception| Intake::lend(reception, transport, context));
        let handled = handle(head, &mut asked, &mut exchange, intake.as_ref(), client, transport, context);
        context.begin_answer();
        context.cut = None;
        line.keep_extensions(&asked, handled.response.as_ref());
        line.route = asked.route.as_ref().map(|route| context.count_route(route));
        let answered = match overrun::end(&asked, context) {
            None => answer(handled, &mut asked, &mut exchange, intake.as_ref(), transport, context),
            Some(refused) => {
                let dropped = overrun::drop_response(handled, refused, &asked, &mut exchange, context);
                dropped.map(|answer| (answer, Rest::Nothing))
            }
        };
        line.note(&asked);
        recycle(asked.fields.take(), context);
        context.duty.ran(route, watch.map(|watch| watch.time()));
        // A worker reads the next request at once, because the reactor would have to queue it.
        self.was_slow = context.duty.is_unbounded() && !context.duty.was_short();
        let content = unread(intake.as_deref(), transport, context);
        match answered {
            Ok((answer, rest)) => {
                // The bounded text instead of the parts, which would hold the memory of the head.
                let name = (!matches!(rest, Rest::Nothing)).then(|| asked.name().to_string().into());
                let done = FinishedExchange { exchange, content, answer, line, name };
                Ok(self.leave_rest(rest, done, context))
            }
            Err(error) => {
                match content_error::refusal(&error) {
                    Some(refused) => context.counters.count_content(refused),
                    None if error.kind() == io::ErrorKind::TimedOut => context.counters.count_late(Late::Write),
                    None => {}
                }
                report::answer_cut(&asked.name(), &error);
                break_off(line, context.cut.take(), context);
                Ok(Next::Close)
            }
        }
    }

    /// Returns the phase in which the rest of an answer is sent.
    fn leave_rest(&mut self, rest: Rest, done: FinishedExchange, context: &mut WorkerContext) -> Next {
        match rest {
            Rest::Nothing => Next::Ended(self.settle(done, context)),
            Rest::Unsent(rest) => Next::Send(rest, Box::new(done)),
            Rest::Live(live) => Next::Stream(Streaming::begin(live, done, &self.transport, context)),
        }
    }

    /// Concludes an exchange whose answer is sent or gathered.
    pub(super) fn settle(&mut self, done: FinishedExchange, context: &mut WorkerContext) -> Ending {
        self.answered += 1;
        done.conclude(&self.transport.input, context)
    }
}

/// Parses the first `length` bytes of the input.
fn parse(length: usize, transport: &Transport, context: &mut WorkerContext) -> Result<RequestHead, ProtocolError> {
    let fields = mem::take(&mut context.fields);
    head::parse(context.keep_head(&transport.input.unread()[..length]), &context.head_limits(), fields)
}

/// Refuses the first `length` bytes of the input, which cannot be parsed.
#[cold]
fn refuse(
    error: ProtocolError,
    length: usize,
    client: &Client,
    transport: &mut Transport,
    context: &WorkerContext,
) -> RefusedRequest {
    let refused = RefusedRequest::unread(error, &transport.input.unread()[..length], client, context);
    transport.input.consume(length);
    refused
}

/// Judges the framing of a request and the demands of its fields.
fn judge(
    head: &RequestHead,
    client: &Client,
    context: &WorkerContext,
) -> Result<(Exchange, Option<Reception>), ProtocolError> {
    let exchange = Exchange::begin(head, context.policy())?;
    let reception = match exchange.framing() {
        Framing::None => None,
        framing => {
            let own = own_limit(head, client, context)?;
            let decoder = Box::new(Decoder::new(framing, context.content_limits(own))?);
            let pace = Pace::new(context.config.body_timeout, context.config.minimum_rate);
            let mut reception = Reception::new(decoder, pace, exchange.wants_continue());
            reception.has_own_limit = own.is_some();
            Some(reception)
        }
    };
    Ok((exchange, reception))
}

/// Asks the handler for its limit for the content of a request. The handler may panic.
fn own_limit(head: &RequestHead, client: &Client, context: &WorkerContext) -> Result<Option<u64>, ProtocolError> {
    let limit = catch(|| context.service.handler.body_limit(&head.method, &head.target));
    limit.map_err(|panic| {
        context.counters.panics.add(1);
        report::handler_panicked(&AskedRequest::received(head, client.sender()), &panic);
        ProtocolError::HandlerFraming("internal server error")
    })
}

/// True if content of the request is to be buffered before the handler runs.
fn is_to_gather(reception: &Reception, transport: &Transport, context: &WorkerContext) -> bool {
    context.config.body_buffer_size > 0 && !reception.is_within(&transport.input)
}

/// Decides if this thread may run the handler now. Earlier answers are sent before a handler that
/// may be slow.
fn admit(pending: &mut Pending, transport: &Transport, context: &mut WorkerContext) -> Result<Route, Held> {
    if context.duty.runs == Runs::Prompt && !pending.is_prompt(context) {
        return Err(Held::ForThread(Verdict::Work));
    }
    if pending.awaits_content(&transport.input) && !may_wait(pending, context) {
        return Err(Held::ForThread(Verdict::Work));
    }
    let RequestHead { method, target, .. } = &pending.head;
    let route = Route::new(method, target.path());
    match context.duty.admit(route, method, target.path()) {
        Admission::Here => {}
        Admission::Worker => return Err(Held::ForThread(Verdict::Work)),
        Admission::Later => return Err(Held::ForThread(Verdict::Again)),
    }
    if !context.gathered.is_empty() && context.duty.is_to_flush_before(route) {
        match transport.output(context).flush_some() {
            Ok(true) => {}
            Ok(false) => return Err(Held::ForClient),
            Err(_) => return Err(Held::Lost),
        }
    }
    Ok(route)
}

/// True if the handler may wait here for content, however short the handler is otherwise.
fn may_wait(pending: &mut Pending, context: &WorkerContext) -> bool {
    if !context.duty.is_unbounded() {
        return false;
    }
    if pending.permit.is_none() {
        pending.permit = context.service.content_waits.take();
    }
    pending.permit.is_some() || pending.is_prompt(context)
}

/// The reason for which a handler does not run now.
enum Held {
    /// Another thread has to run the handler, or this one later.
    ForThread(Verdict),
    /// The client has to take earlier answers first.
    ForClient,
    /// The connection is broken.
    Lost,
}

impl Held {
    fn keep(self, mut pending: Pending) -> Next {
        pending.permit = None;
        match self {
            Self::ForThread(verdict) => Next::Ready(Box::new(pending), verdict),
            Self::ForClient => Next::SendFirst(Box::new(pending)),
            Self::Lost => {
                pending.line.cut(None);
                Next::Close
            }
        }
    }
}

/// Notes the request whose handler is about to run. Returns a stopwatch if the handler is to be
/// measured.
fn watch(
    route: Route,
    head: &RequestHead,
    client: &Client,
    line: &mut Line,
    context: &mut WorkerContext,
) -> Option<Stopwatch> {
    // If answers wait behind this handler, its duration should be known soon.
    let holds_up = context.duty.is_unbounded() && !context.gathered.is_empty();
    let watch = (context.duty.is_precise(route) || holds_up).then(Stopwatch::start);
    if context.duty.is_unbounded() {
        context.note_task(head, client.sender());
    }
    line.name_user();
    // The worker may have waited for the content.
    context.meter.resume(line.begun.is_some());
    watch
}

/// Sends earlier answers if the client has more content to send: these answers must not wait for
/// slow content.
fn flush_before_content(
    reception: &mut Option<Reception>,
    transport: &Transport,
    context: &mut WorkerContext,
) -> io::Result<()> {
    let Some(reception) = reception else { return Ok(()) };
    let is_to_come = !reception.is_within(&transport.input);
    // A client that has sent all content waits for nothing, and `100 Continue` would overtake
    // gathered answers.
    reception.wants_continue &= is_to_come;
    if is_to_come && !context.gathered.is_empty() { transport.output(context).flush() } else { Ok(()) }
}

/// Takes the unread content of a request back.
fn unread(intake: Option<&Intake>, transport: &mut Transport, context: &mut WorkerContext) -> Unread {
    let Some(intake) = intake else { return Unread::Nothing };
    let Some(content) = intake.end() else { return Unread::Elsewhere };
    let failed = content.failure.is_some();
    let decoder = content.give_back(transport, context);
    if failed || !decoder.is_ended() { Unread::Here { decoder, failed } } else { Unread::Nothing }
}
