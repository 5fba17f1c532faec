//! Handlers that run for longer than their time limit: the client gets a 503 meanwhile.
//!
//! One thread, started with the first limit, watches all limits of a server. After a deadline the
//! thread takes the answer from the handler and sends a small refusal without waiting. If the
//! handler has begun its answer, if earlier answers wait to be sent, or if the client waits for
//! `100 Continue`, the thread only cuts the connection. The handler goes on: a thread cannot be
//! ended from outside. When the handler returns, the worker drops the response.

use std::io::{self, IoSlice};
use std::net::Shutdown;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use http::StatusCode;

use super::finished::Answer;
use super::handle::Handled;
use super::refusal::{self, Recipient};
use super::report::discard;
use crate::engine::service::context::{Service, WorkerContext};
use crate::engine::service::handle::{Ended, OverrunRequest, WorkerHandle};
use crate::engine::service::time_limit::{Refused, SentRefusal};
use crate::h1::exchange::{CloseReason, Exchange};
use crate::message::named::{AskedRequest, OneDecimal};
use crate::message::time_limit::{TimeLimiter, install};
use crate::net::stream::Stream;
use crate::sync::catch;

/// Makes time limits set on this thread, which belongs to the worker of `handle`, apply to the
/// worker's present request.
pub(in crate::engine) fn limit_here(service: &Arc<Service>, handle: &Arc<WorkerHandle>) {
    install(Arc::new(WorkerLimiter { service: Arc::clone(service), handle: Arc::clone(handle) }));
}

struct WorkerLimiter {
    service: Arc<Service>,
    handle: Arc<WorkerHandle>,
}

impl TimeLimiter for WorkerLimiter {
    fn limit(&self, asked: AskedRequest, time: Duration) {
        begin(&self.service, &self.handle, asked, time);
    }
}

/// Begins the time limit of the settings, if any.
pub(super) fn begin_default(asked: &AskedRequest, context: &WorkerContext) {
    if let (Some(time), Some(handle)) = (context.config.request_timeout, &context.handle) {
        begin(&context.service, handle, asked.clone(), time);
    }
}

fn begin(service: &Arc<Service>, handle: &Arc<WorkerHandle>, asked: AskedRequest, time: Duration) {
    let now = Instant::now();
    // A limit beyond the range of the clock is no limit.
    let Some(deadline) = now.checked_add(time) else { return };
    if let Some(earlier) = handle.limit(asked, now, deadline) {
        service.deadlines.remove(earlier, handle);
    }
    service.deadlines.add(deadline, handle);
    let own = Arc::clone(service);
    if let Err(error) = service.deadlines.start(move || watch(&own)) {
        log::warn!("cannot start the thread of time limits: {error}; requests have no limit until it starts");
    }
}

/// Refuses requests after their deadlines, until the server is over.
fn watch(service: &Arc<Service>) {
    let mut context = WorkerContext::new(Arc::clone(service), Arc::default());
    while let Some(worker) = service.deadlines.next() {
        let Some(expired) = worker.expire(Instant::now()) else { continue };
        context.renew();
        let sent = catch(|| refuse(&expired, &mut context));
        context.gathered.clear();
        let sent = sent.unwrap_or_else(|_| {
            log::error!("the thread of time limits panicked; a connection was cut, the thread continues");
            cut(&expired.stream, false);
            None
        });
        service.deadlines.overrun.fetch_add(1, Ordering::Relaxed);
        let (name, ran) = (expired.asked.name(), OneDecimal(expired.ran));
        let reaction = if sent.is_some() { "answered 503" } else { "connection cut" };
        log::warn!(
            request:% = name;
            "a handler exceeds its time limit: {name}: runs for {ran} s; {reaction}, \
             its worker is lost until the handler returns"
        );
        worker.note_refused(sent, (!worker.is_reserved).then(|| service.deadlines.lose()));
    }
}

/// Answers 503, or cuts the connection.
fn refuse(expired: &OverrunRequest, context: &mut WorkerContext) -> Option<SentRefusal> {
    let OverrunRequest { stream, asked, may_be_refused, has_begun, .. } = expired;
    if !may_be_refused {
        cut(stream, *has_begun);
        return None;
    }
    let (status, reason) = (StatusCode::SERVICE_UNAVAILABLE, "the request took too long");
    context.clock.expire();
    let length = refusal::gather_unavailable(reason, &Recipient::from(asked), context).length;
    let bytes = context.gathered.len() as u64;
    match send(stream, &context.gathered) {
        Ok(()) => Some(SentRefusal { status, length, bytes }),
        Err(error) => {
            log::debug!("the refusal of a slow handler could not be sent at once: {error}; connection cut");
            cut(stream, false);
            None
        }
    }
}

/// Sends `bytes` and ends the output, without waiting.
fn send(stream: &Stream, bytes: &[u8]) -> io::Result<()> {
    let mut rest = bytes;
    while !rest.is_empty() {
        match stream.try_write(&[IoSlice::new(rest)])? {
            0 => return Err(io::ErrorKind::WriteZero.into()),
            count => rest = &rest[count..],
        }
    }
    stream.try_flush()?;
    stream.finish();
    stream.try_flush()?;
    stream.shutdown(Shutdown::Write)
}

/// Ends the connection. If the handler has begun its answer, a normal end could make the answer
/// look complete: without TLS, the reset then follows when the handler returns.
fn cut(stream: &Stream, has_begun: bool) {
    if has_begun {
        stream.abort();
    }
    if let Err(error) = stream.cut() {
        log::debug!("a connection could not be cut: {error}");
    }
    stream.abort();
}

/// Ends the time limit of a request whose handler has returned. Returns the refusal, if there was
/// one.
pub(super) fn end(asked: &AskedRequest, context: &WorkerContext) -> Option<Refused> {
    let handle = context.handle.as_ref()?;
    match handle.end_limit()? {
        Ended::InTime(deadline) => {
            context.service.deadlines.remove(deadline, handle);
            None
        }
        Ended::Refused(refused, begun) => {
            let (name, ran) = (asked.name(), OneDecimal(begun.elapsed()));
            log::warn!(
                request:% = name;
                "a handler has returned after its time limit: {name}: ran for {ran} s; response dropped"
            );
            Some(refused)
        }
    }
}

/// Drops the response to a refused request. Returns the answer sent instead.
///
/// # Errors
/// The connection was cut.
pub(super) fn drop_response(
    handled: Handled,
    refused: Refused,
    asked: &AskedRequest,
    exchange: &mut Exchange,
    context: &mut WorkerContext,
) -> io::Result<Answer> {
    discard(handled, asked, context);
    context.gathered.clear();
    exchange.close(CloseReason::Refused);
    let Refused { sent, lost } = refused;
    // From here on the worker serves again.
    drop(lost);
    let Some(SentRefusal { status, length, bytes }) = sent else {
        return Err(io::Error::new(io::ErrorKind::ConnectionAborted, "the handler has exceeded its time limit"));
    };
    context.counters.bytes_written.add(bytes);
    Ok(Answer { status, length, upgrade: None })
}
