//! One exchange: from a complete head to a sent or gathered answer.
//!
//! ```text
//! head ─► parse ─► judge ─► request ─► handler ─► response ─► send ─► what of the content is left?
//!           │        │                    │ panics    │ cannot be sent      │
//!           ▼        ▼                    ▼           ▼                     ▼
//!        refused  refused                500      500 or the content's   next head | drain | linger | close
//! ```

use std::io;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Weak};

use http::Method;

use super::access_log::Line;
use super::body::{Intake, Reception, UnreadContent};
use super::finished::{Answer, FinishedExchange, Unread, break_off};
use super::linger::RefusedRequest;
use super::phase::{Next, Reading, Step};
use super::sending::Then;
use super::upgrade;
use super::{ClientConnection, Phase, Verdict};
use crate::engine::service::context::WorkerContext;
use crate::engine::service::costs::{Admission, Route};
use crate::engine::service::counters::Late;
use crate::engine::service::stopwatch::Stopwatch;
use crate::engine::wire::remainder::Remainder;
use crate::engine::wire::response::{self as writing, Sent};
use crate::h1::decode::Decoder;
use crate::h1::error::ProtocolError;
use crate::h1::exchange::{CloseReason, Exchange};
use crate::h1::framing::Framing;
use crate::h1::head::{self, RequestHead, Scan};
use crate::message::body::Body;
use crate::message::early::EarlyOutput;
use crate::message::request::Connection as Facts;
use crate::message::upgrade::Socket;
use crate::message::{Request, Response};
use crate::net::tls::secure::Secure;
use crate::proxy::node::Claims;

/// A request whose handler is to run.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) head: RequestHead,
    pub(super) exchange: Exchange,
    pub(super) reception: Option<Reception>,
    pub(super) line: Line,
}

impl ClientConnection {
    /// Serves the request whose head is the first `length` bytes of the input.
    pub(super) fn exchange(&mut self, length: usize, context: &mut WorkerContext) -> Next {
        let begun = context.meter.begin(context.service.measures());
        let bytes = context.keep_head(&self.input.unread()[..length]);
        self.input.consume(length);
        let fields = mem::take(&mut context.fields);
        let is_head = head::is_of_head(&bytes);
        let mut head = match head::parse(bytes, &context.head_limits(), fields) {
            Ok(head) => head,
            Err(error) => {
                let line = Line::refused(self.peer.as_ref());
                return Next::Verdict(self.refuse_as(line, RefusedRequest { error, is_head }, context));
            }
        };
        let judged = self.judge_claims(&mut head, context);
        let line = Line::begin(self.client().as_ref(), &head, begun);
        match judged.and_then(|()| self.judge(&head, context)) {
            Ok((exchange, decoder)) => self.begin(head, exchange, decoder, line, context),
            Err(error) => Next::Verdict(self.refuse_as(line, RefusedRequest { error, is_head }, context)),
        }
    }

    fn judge(
        &self,
        head: &RequestHead,
        context: &WorkerContext,
    ) -> Result<(Exchange, Option<Box<Decoder>>), ProtocolError> {
        let exchange = Exchange::begin(head, context.policy())?;
        let decoder = match exchange.framing() {
            Framing::None => None,
            framing => Some(Box::new(Decoder::new(framing, context.content_limits())?)),
        };
        Ok((exchange, decoder))
    }

    /// Runs the handler of a request if this thread may, or leaves the request to a worker.
    pub(super) fn admit(&mut self, pending: Pending, context: &mut WorkerContext) -> Next {
        let RequestHead { method, target, .. } = &pending.head;
        let route = Route::new(method, target.path());
        match context.duty.admit(route, method, target.path()) {
            Admission::Here => {}
            Admission::Worker => return Next::Ready(Box::new(pending), Verdict::Work),
            Admission::Later => return Next::Ready(Box::new(pending), Verdict::Again),
        }
        // Earlier answers must not wait for a slow handler.
        if !context.gathered.is_empty() && context.duty.is_to_flush_before(route) {
            match self.output(context).flush_some() {
                Ok(true) => {}
                Ok(false) => {
                    self.phase = Phase::Ready(Box::new(pending));
                    return Next::Verdict(self.leave_and_resume(context));
                }
                Err(_) => {
                    pending.line.end(None);
                    return Next::Verdict(Verdict::Close);
                }
            }
        }
        self.serve(pending, route, context)
    }

    /// Resumes a request after the wait for a thread.
    pub(super) fn take_turn(&mut self, context: &mut WorkerContext, reading: &mut Reading) -> Step {
        let next = match mem::replace(&mut self.phase, Phase::Head(Scan::default())) {
            Phase::Ready(pending) => self.admit(*pending, context),
            other => {
                self.phase = other;
                return Step::On;
            }
        };
        *reading = Reading::after(self.is_drained);
        self.settle(next, context)
    }

    /// Runs the handler and sends the answer.
    fn serve(&mut self, pending: Pending, route: Route, context: &mut WorkerContext) -> Next {
        let Pending { head, mut exchange, mut reception, mut line } = pending;
        // If answers wait behind this handler, its duration should be known soon.
        let holds_up = context.duty.is_unbounded() && !context.gathered.is_empty();
        let watch = (context.duty.is_precise(route) || holds_up).then(Stopwatch::start);
        if context.duty.is_unbounded() {
            context.note_task(&head);
        }
        line.name_user();
        // The worker may have waited for the content.
        context.meter.resume(line.begun.is_some());
        let is_head = head.method == Method::HEAD;
        let is_to_come = reception.as_ref().is_some_and(|reception| !reception.is_within(&self.input));
        // Earlier answers must not wait for slow content.
        if is_to_come && !context.gathered.is_empty() && self.output(context).flush().is_err() {
            return Next::Verdict(Verdict::Close);
        }
        if let Some(reception) = &mut reception {
            // A client that has sent all content waits for nothing, and `100 Continue` would
            // overtake gathered answers.
            reception.wants_continue &= is_to_come;
        }
        let intake = reception.map(|reception| Arc::new(Intake::new(Box::new(self.lend_content(reception, context)))));
        let mut request = self.request(head, intake.clone(), context);
        let early = self.lend_output(&mut request, &exchange, intake.as_ref(), context);
        let response = self.handle(&mut request, &mut exchange, context);
        if context.duty.is_unbounded() {
            context.clock.expire();
        }
        if context.service.is_shutting_down() {
            exchange.close(CloseReason::Shutdown);
        }
        // Values that a handler left in the request may panic when dropped.
        let is_sound = contained(|| {
            self.recover(&mut request, context);
            drop(request);
        });
        if !is_sound {
            context.counters.panics.add(1);
            exchange.close(CloseReason::Panicked);
        }

        let outcome = self.answer_after(early, response, &mut exchange, intake.as_ref(), is_head, context);
        context.duty.ran(route, watch.map(|watch| watch.time()));
        self.was_slow = context.duty.is_unbounded() && !context.duty.was_short();
        let content = match intake.map(|intake| intake.end()) {
            None => Unread::Nothing,
            Some(None) => Unread::Elsewhere,
            Some(Some(content)) => {
                let failed = content.failure.is_some();
                let decoder = self.take_back(*content, context);
                if failed || !decoder.is_ended() { Unread::Here { decoder, failed } } else { Unread::Nothing }
            }
        };
        match outcome {
            Ok((answer, rest)) => {
                let done = FinishedExchange { exchange, content, answer, line };
                match rest {
                    None => self.conclude(done, context),
                    Some(rest) => Next::Verdict(self.leave(Some(rest), Then::Conclude(Box::new(done)), context)),
                }
            }
            Err(error) => {
                if error.kind() == io::ErrorKind::TimedOut {
                    context.counters.count_late(Late::Write);
                }
                log::debug!("an answer broke off: {error}");
                break_off(line, context);
                Next::Verdict(Verdict::Close)
            }
        }
    }

    fn request(&mut self, head: RequestHead, intake: Option<Arc<Intake>>, context: &WorkerContext) -> Request {
        let body = match intake {
            Some(intake) => Body::incoming(intake),
            None => Body::empty(),
        };
        let mut request = Request::new(body);
        *request.method_mut() = head.method;
        *request.uri_mut() = head.target;
        *request.version_mut() = head.version;
        *request.headers_mut() = head.fields;
        *request.extensions_mut() = mem::take(&mut self.extensions);
        if request.extensions().is_empty() {
            let stream = Arc::clone(&self.stream) as Arc<dyn Socket>;
            let facts = Facts::new(
                self.peer.clone(),
                Arc::downgrade(&stream) as Weak<dyn Socket>,
                self.proxied.announced.clone(),
                self.stream.secure().and_then(Secure::facts).map(Arc::clone),
                Arc::clone(&context.service.shutdown),
            );
            request.extensions_mut().insert(Arc::new(facts));
        }
        if let Some(claims) = self.proxied.claims.take() {
            request.extensions_mut().insert(*claims);
        }
        request
    }

    /// Runs the handler. After a panic (`None`) this connection closes, and no other.
    fn handle(&self, request: &mut Request, exchange: &mut Exchange, context: &WorkerContext) -> Option<Response> {
        context.counters.requests.add(1);
        let handler = &context.service.handler;
        let response = catch_unwind(AssertUnwindSafe(|| handler.handle(request))).ok();
        if response.is_none() {
            context.counters.panics.add(1);
            log::error!("a handler panicked; its client gets a 500, or a cut where the answer has begun");
            exchange.close(CloseReason::Panicked);
        }
        response
    }

    /// Takes back the reusable parts of a request.
    fn recover(&mut self, request: &mut Request, context: &mut WorkerContext) {
        let mut extensions = mem::take(request.extensions_mut());
        if context.service.handler.begins_early() {
            extensions.remove::<Arc<dyn EarlyOutput>>();
        }
        if context.config.trust.is_some() {
            extensions.remove::<Claims>();
        }
        // Any value that a handler has added belongs to this request only.
        if extensions.len() == 1 && extensions.get::<Arc<Facts>>().is_some() {
            self.extensions = extensions;
        }
        let mut fields = mem::take(request.headers_mut());
        fields.clear();
        if fields.capacity() <= KEPT_FIELDS {
            context.fields = fields;
        }
    }

    /// Sends the response, or a refusal instead.
    pub(super) fn answer(
        &mut self,
        mut response: Response,
        exchange: &mut Exchange,
        intake: Option<&Arc<Intake>>,
        is_head: bool,
        context: &mut WorkerContext,
    ) -> io::Result<(Answer, Option<Remainder>)> {
        if response.body().is_upgrade() {
            response = upgrade::admit(response, exchange, context);
        }
        if response.body().is_upgrade() {
            // The bytes behind the content are the first of the other protocol.
            intake.and_then(|intake| intake.with(|content| content.skip(context.config.max_drain_size)));
        }
        match intake.and_then(UnreadContent::of) {
            // The client's content was at fault, so the client gets that error instead.
            Some(UnreadContent::Refused(error)) if !response.status().is_client_error() => {
                if !contained(|| drop(response)) {
                    context.counters.panics.add(1);
                }
                return self.refuse_instead(error, exchange, is_head, context);
            }
            Some(UnreadContent::Refused(error)) => {
                context.counters.count_content(error);
                exchange.close(CloseReason::UnreadContent);
            }
            Some(UnreadContent::Awaited | UnreadContent::Lost) => exchange.close(CloseReason::UnreadContent),
            Some(UnreadContent::Known(bytes)) if bytes > context.config.max_drain_size => {
                exchange.close(CloseReason::UnreadContent);
            }
            Some(UnreadContent::Known(_)) | None => {}
        }
        let upgrade = response.body_mut().take_upgrade();
        let status = response.status();
        let WorkerContext { gathered, counters, service, config, clock, scratch, .. } = context;
        let stamp = clock.stamp(config.software.as_ref(), config.keep_alive_timeout.as_secs());
        let mut output = self.output_of(gathered, &counters.bytes_written, service, config);
        let shutdown = &service.shutdown;
        let sent = writing::caught(|| writing::send(&mut output, exchange, response, &stamp, scratch, shutdown));
        match sent {
            Some(Ok(Sent::Whole(length))) => Ok((Answer { status, length, upgrade }, None)),
            Some(Ok(Sent::Partly(rest, length))) => Ok((Answer { status, length, upgrade }, Some(rest))),
            Some(Ok(Sent::Unsent(error))) => {
                if error.status().is_server_error() {
                    log::error!("an answer could not be sent: {error}");
                }
                self.refuse_instead(error, exchange, is_head, context)
            }
            Some(Err(error)) => Err(error),
            None => {
                context.counters.panics.add(1);
                Err(io::Error::other("a body panicked"))
            }
        }
    }

    fn refuse_instead(
        &self,
        error: ProtocolError,
        exchange: &mut Exchange,
        is_head: bool,
        context: &mut WorkerContext,
    ) -> io::Result<(Answer, Option<Remainder>)> {
        exchange.close(CloseReason::Refused);
        context.counters.refused.add(1);
        context.counters.overruled.add(1);
        context.counters.count_content(error);
        self.answer_refusal(error, is_head, context);
        Ok((Answer { status: error.status(), length: 0, upgrade: None }, None))
    }
}

/// Runs the drop of a handler's values. Returns false and logs an error if the drop panicked.
pub(super) fn contained(run: impl FnOnce()) -> bool {
    let is_sound = catch_unwind(AssertUnwindSafe(run)).is_ok();
    if !is_sound {
        log::error!("dropping what a handler has made panicked");
    }
    is_sound
}

/// The largest map of fields kept for the next request.
const KEPT_FIELDS: usize = 48;
