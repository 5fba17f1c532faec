//! The answer to a request: the handler's response, the rest of one begun early, or an error
//! instead.

use std::io;
use std::mem;
use std::sync::Arc;

use http::StatusCode;

use super::body::{Intake, UnreadContent};
use super::finished::{Answer, Departure};
use super::handle::Handled;
use super::refusal::{self, GatheredRefusal, Recipient};
use super::report::{self, contained, discard};
use super::session::ParkedSession;
use super::transport::Transport;
use super::upgrade;
use crate::engine::service::context::WorkerContext;
use crate::engine::wire::live::Live;
use crate::engine::wire::remainder::Remainder;
use crate::engine::wire::response::{self as writing, Begun, Sent};
use crate::h1::error::ProtocolError;
use crate::h1::exchange::{CloseReason, Exchange};
use crate::message::body::Upgrade;
use crate::message::kept::KeptUntilSent;
use crate::message::named::AskedRequest;
use crate::message::no_answer::NoAnswer;
use crate::message::{Failure, Response};
use crate::sync::{CaughtPanic, catch};

/// An answer, and the part that is not yet sent or gathered.
type Answered = (Answer, Rest);

/// The rest of an answer.
pub(super) enum Rest {
    Nothing,
    /// Complete content for a slow client.
    Unsent(Remainder),
    /// Content still to come.
    Live(Live),
}

/// Sends or gathers the answer of a handler. A value [kept until then](KeptUntilSent) is dropped,
/// or left to the reactor if the answer may be put off.
///
/// # Errors
/// The answer broke off. The connection has to be closed.
pub(super) fn answer(
    mut handled: Handled,
    asked: &mut AskedRequest,
    exchange: &mut Exchange,
    intake: Option<&Arc<Intake>>,
    transport: &Transport,
    context: &mut WorkerContext,
) -> io::Result<Answered> {
    let kept = handled.response.as_mut().and_then(|response| response.extensions_mut().remove::<KeptUntilSent>());
    let answered = begin_or_resume(handled, asked, exchange, intake, transport, context);
    let Some(kept) = kept else { return answered };
    if context.duty.puts_off_answer() {
        context.kept.push(kept);
        return answered;
    }
    // The drop may take long, and no part of the answer should wait for the drop.
    let flushed = answered.and_then(|answered| Ok((answered, transport.output(context).flush_some()?)));
    let has_rest = matches!(flushed, Ok((_, false))) && !transport.stream.is_aborted();
    if has_rest {
        // A stop that cuts the answer meanwhile must not end it like a complete one.
        transport.stream.abort();
    }
    if !contained(asked, || kept.release()) {
        context.counters.panics.add(1);
    }
    if has_rest && !context.service.is_over() {
        transport.stream.restore();
    }
    flushed.map(|(answered, _)| answered)
}

fn begin_or_resume(
    handled: Handled,
    asked: &mut AskedRequest,
    exchange: &mut Exchange,
    intake: Option<&Arc<Intake>>,
    transport: &Transport,
    context: &mut WorkerContext,
) -> io::Result<Answered> {
    let Handled { response, begun } = handled;
    let Some(begun) = begun else {
        let response = response.unwrap_or_else(|| panicked(asked, context));
        return send(response, asked, exchange, intake, transport, context);
    };
    match (begun, response) {
        (Ok(begun), Some(response)) => resume(begun, response, asked, exchange, transport, context),
        (begun, response) => {
            discard(response, asked, context);
            begun.and_then(|begun| {
                begun.cut(&transport.output(context));
                Err(io::Error::other("a handler panicked in the middle of its answer"))
            })
        }
    }
}

/// Sends the response, or a refusal instead.
fn send(
    mut response: Response,
    asked: &mut AskedRequest,
    exchange: &mut Exchange,
    intake: Option<&Arc<Intake>>,
    transport: &Transport,
    context: &mut WorkerContext,
) -> io::Result<Answered> {
    if let Some(no_answer) = response.extensions().get::<NoAnswer>().copied() {
        discard(response, asked, context);
        return Err(io::Error::other(no_answer));
    }
    if response.body().is_upgrade() {
        response = upgrade::admit(response, asked, exchange, context);
    }
    if response.status() == StatusCode::SWITCHING_PROTOCOLS && !response.body().is_upgrade() {
        // Such as a copied head of another server: a proxy in front would open a tunnel, and pass
        // requests that it has not seen.
        discard(response, asked, context);
        report::response_refused(asked, upgrade::MISSING, None);
        return Ok(refuse_instead(upgrade::MISSING, asked, exchange, context));
    }
    if response.body().is_upgrade() {
        // The bytes behind the content are the first of the other protocol.
        intake.and_then(|intake| intake.with(|content| content.skip(context.config.max_drain_size)));
    }
    match intake.and_then(UnreadContent::of) {
        // The client's content was at fault, so the client gets that error instead.
        Some(UnreadContent::Refused(error)) if !response.status().is_client_error() => {
            discard(response, asked, context);
            return Ok(refuse_instead(error, asked, exchange, context));
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
    if let Some(failure) = Failure::of(&response) {
        report::failed(asked, failure, response.status());
    }
    let upgrade = response.body_mut().take_upgrade().map(|upgrade| match upgrade {
        Upgrade::Thread(serve) => Departure::Thread(serve),
        Upgrade::Parked(upgrade) => Departure::Parked(ParkedSession::new(*upgrade, asked, transport, context)),
    });
    let status = response.status();
    let WorkerContext { gathered, counters, service, config, clock, scratch, .. } = context;
    let stamp = clock.stamp(config.software.as_ref(), config.keep_alive_timeout.as_secs());
    let mut output = transport.output_of(gathered, &counters.bytes_written, service, config);
    let shutdown = &service.shutdown;
    let sent = catch(|| writing::send(&mut output, exchange, response, &stamp, scratch, shutdown));
    context.cut = Some((status, output.content));
    match sent {
        Ok(Ok(Sent::Whole(length, flaw))) => {
            flaw.into_iter().for_each(|flaw| report::body_flawed(&asked.name(), flaw));
            Ok((Answer { status, length, upgrade }, Rest::Nothing))
        }
        Ok(Ok(Sent::Partly(rest, length))) => Ok((Answer { status, length, upgrade }, Rest::Unsent(rest))),
        Ok(Ok(Sent::Live(live))) => Ok((Answer { status, length: 0, upgrade }, Rest::Live(live))),
        Ok(Ok(Sent::Unsent(error, cause))) => {
            if error.status().is_server_error() {
                report::response_refused(asked, error, cause.as_ref());
            }
            Ok(refuse_instead(error, asked, exchange, context))
        }
        Ok(Err(error)) => Err(error),
        Err(panic) => Err(body_panicked(asked, &panic, context)),
    }
}

/// Sends the rest of a begun answer.
fn resume(
    begun: Begun,
    response: Response,
    asked: &AskedRequest,
    exchange: &mut Exchange,
    transport: &Transport,
    context: &mut WorkerContext,
) -> io::Result<Answered> {
    let (status, before) = (begun.status, begun.sent());
    let mut scratch = mem::take(&mut context.scratch);
    let shutdown = Arc::clone(&context.service.shutdown);
    let mut output = transport.output(context);
    let sent = catch(|| writing::resume(&mut output, exchange, begun, response.into_body(), &mut scratch, &shutdown));
    let content = output.content;
    context.scratch = scratch;
    context.cut = Some((status, before + content));
    match sent.unwrap_or_else(|panic| Err(body_panicked(asked, &panic, context)))? {
        Sent::Whole(length, flaw) => {
            flaw.into_iter().for_each(|flaw| report::body_flawed(&asked.name(), flaw));
            Ok((Answer { status, length, upgrade: None }, Rest::Nothing))
        }
        Sent::Partly(rest, length) => Ok((Answer { status, length, upgrade: None }, Rest::Unsent(rest))),
        Sent::Live(live) => Ok((Answer { status, length: 0, upgrade: None }, Rest::Live(live))),
        Sent::Unsent(error, _) => Err(io::Error::other(error)),
    }
}

fn refuse_instead(
    error: ProtocolError,
    asked: &mut AskedRequest,
    exchange: &mut Exchange,
    context: &mut WorkerContext,
) -> Answered {
    exchange.close(CloseReason::Refused);
    context.counters.refused.add(1);
    context.counters.overruled.add(1);
    context.counters.count_content(error);
    let GatheredRefusal { length, id } = refusal::gather(error, &Recipient::from(&*asked), context);
    asked.note_refusal(id);
    (Answer { status: error.status(), length, upgrade: None }, Rest::Nothing)
}

fn body_panicked(asked: &AskedRequest, panic: &CaughtPanic, context: &WorkerContext) -> io::Error {
    report::body_panicked(&asked.name(), panic);
    context.counters.panics.add(1);
    io::Error::other("a body panicked")
}

/// Returns the answer to a request whose handler has panicked.
fn panicked(asked: &mut AskedRequest, context: &WorkerContext) -> Response {
    let (status, reason) = (StatusCode::INTERNAL_SERVER_ERROR, "internal server error");
    refusal::response(status, reason, None, asked, &context.service.hooks).unwrap_or_else(|| {
        let mut response = Response::new(format!("{reason}\n").into());
        *response.status_mut() = status;
        response
    })
}
