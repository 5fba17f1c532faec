//! Answers made by the server itself: errors of clients, failures of handlers, and lack of room.
//!
//! The program may shape each answer (`Server::on_refusal`): fields and content, but neither status
//! nor framing.

use std::sync::atomic::Ordering;
use std::time::Duration;

use http::StatusCode;
use http::header::RETRY_AFTER;

use super::access_log::Line;
use super::client::Client;
use super::report::Panic;
use crate::engine::service::context::WorkerContext;
use crate::h1::encode::{self, RefusalContent};
use crate::h1::error::ProtocolError;
use crate::h1::head;
use crate::message::Response;
use crate::message::access::Hooks;
use crate::message::named::{AskedRequest, Bounded};
use crate::message::refusal::{Refusal, ShapedRefusal};
use crate::message::refusal_kind::RefusalKind;
use crate::message::request_id::RequestId;
use crate::sync::catch;

/// A request to be refused.
#[derive(Debug)]
pub(super) struct RefusedRequest {
    pub(super) error: ProtocolError,
    /// The request, if the head could be read.
    pub(super) asked: Option<Box<AskedRequest>>,
    /// True if the method is `HEAD`.
    pub(super) is_head: bool,
    /// The record of the request.
    pub(super) line: Line,
}

impl RefusedRequest {
    /// Refuses a head that cannot be read: `bytes` of `client`.
    pub(super) fn unread(error: ProtocolError, bytes: &[u8], client: &Client, context: &WorkerContext) -> Self {
        let line = Line::refused(client.peer.clone(), &context.service.hooks);
        let line = line.with_line_of(bytes, &context.head_limits());
        Self { error, asked: None, is_head: head::is_of_head(bytes), line }
    }

    /// Gathers the answer, and counts and logs the refusal.
    pub(super) fn answer(self, client: &Client, context: &mut WorkerContext) {
        let Self { error, asked, is_head, mut line } = self;
        let status = error.status();
        context.counters.refused.add(1);
        context.counters.count_answer(status);
        let section = error.section();
        let recipient = asked.as_deref().map_or_else(|| Recipient::unread(is_head, client), Recipient::from);
        let GatheredRefusal { length, id } = gather(error, &recipient, context);
        context.counters.content_written.add(length);
        line.note_refusal(id.clone());
        match asked {
            Some(mut asked) => {
                asked.note_refusal(id);
                log::debug!("refused a request: {}: {error} ({section})", asked.name());
            }
            None => {
                let id = id.map(|id| format!(", request {}", Bounded(id.as_str()))).unwrap_or_default();
                log::debug!("refused bytes from {client}{id}: {error} ({section})");
            }
        }
        line.end(status, length);
    }
}

/// An answer gathered instead of a response.
pub(super) struct GatheredRefusal {
    /// The bytes of content.
    pub(super) length: u64,
    /// The id that the program has given the request.
    pub(super) id: Option<RequestId>,
}

/// The request of a refusal, as far as known.
pub(super) struct Recipient<'r> {
    request: Option<&'r AskedRequest>,
    is_head: bool,
    client: Option<&'r Client>,
}

impl<'r> Recipient<'r> {
    /// Returns the request that `client` has sent unread bytes of.
    pub(super) fn unread(is_head: bool, client: &'r Client) -> Self {
        Self { request: None, is_head, client: Some(client) }
    }
}

impl<'r> From<&'r AskedRequest> for Recipient<'r> {
    fn from(request: &'r AskedRequest) -> Self {
        Self { request: Some(request), is_head: request.is_head(), client: None }
    }
}

/// Gathers the answer to an error.
pub(super) fn gather(error: ProtocolError, asked: &Recipient<'_>, context: &mut WorkerContext) -> GatheredRefusal {
    gather_as(error.status(), error.into(), &error.to_string(), None, asked, context)
}

/// Gathers a 503 for lack of room, and counts and logs the refusal.
pub(super) fn turn_away(mut line: Line, asked: &Recipient<'_>, context: &mut WorkerContext) {
    let status = StatusCode::SERVICE_UNAVAILABLE;
    let GatheredRefusal { length, id } = gather_unavailable("the server is busy", asked, context);
    context.counters.content_written.add(length);
    context.counters.count_answer(status);
    line.note_refusal(id);
    line.end(status, length);
}

/// Gathers a 503.
pub(super) fn gather_unavailable(reason: &str, asked: &Recipient<'_>, context: &mut WorkerContext) -> GatheredRefusal {
    let (status, kind) = (StatusCode::SERVICE_UNAVAILABLE, RefusalKind::Unavailable);
    gather_as(status, kind, reason, Some(RETRY_AFTER_SECS), asked, context)
}

/// Counts a client turned away for lack of room.
pub(super) fn count_turned_away(context: &WorkerContext) {
    context.service.turned_away.fetch_add(1, Ordering::Relaxed);
}

/// Returns the program's answer instead of a response with `status`; `None` if the program shapes
/// none.
pub(super) fn response(
    status: StatusCode,
    reason: &str,
    retry_after: Option<u64>,
    asked: &mut AskedRequest,
    hooks: &Hooks,
) -> Option<Response> {
    let is_unavailable = status == StatusCode::SERVICE_UNAVAILABLE;
    let kind = if is_unavailable { RefusalKind::Unavailable } else { RefusalKind::Handler };
    let mut shaped = shape(status, kind, reason, retry_after, &Recipient::from(&*asked), hooks)?;
    asked.note_refusal(shaped.id.take());
    let mut response = shaped.into_response(status);
    if let Some(seconds) = retry_after {
        response.headers_mut().insert(RETRY_AFTER, seconds.into());
    }
    Some(response)
}

fn gather_as(
    status: StatusCode,
    kind: RefusalKind,
    reason: &str,
    retry_after: Option<u64>,
    asked: &Recipient<'_>,
    context: &mut WorkerContext,
) -> GatheredRefusal {
    let shaped = shape(status, kind, reason, retry_after, asked, &context.service.hooks);
    let content = match &shaped {
        Some(shaped) => RefusalContent::Shaped { fields: &shaped.fields, content: &shaped.content },
        // The reason is a fault of the program, which is for the log.
        None if kind == RefusalKind::Handler => RefusalContent::Reason("internal server error"),
        None => RefusalContent::Reason(reason),
    };
    let policy = context.policy();
    let config = &context.config;
    let stamp = context.clock.stamp(config.software.as_ref(), config.keep_alive_timeout.as_secs());
    let length = encode::refusal(&mut context.gathered, policy, status, content, retry_after, asked.is_head, &stamp);
    GatheredRefusal { length, id: shaped.and_then(|shaped| shaped.id) }
}

/// Asks the program for fields and content. Without a usable answer the client gets plain text.
fn shape(
    status: StatusCode,
    kind: RefusalKind,
    reason: &str,
    retry_after: Option<u64>,
    asked: &Recipient<'_>,
    hooks: &Hooks,
) -> Option<ShapedRefusal> {
    let on_refusal = hooks.on_refusal.as_ref()?;
    let refusal = Refusal {
        status,
        kind,
        reason: reason.to_owned(),
        method: asked.request.map(|request| request.method.clone()),
        target: asked.request.map(|request| request.target.clone()),
        fields: asked.request.and_then(|request| request.fields.clone()).unwrap_or_default(),
        id: asked.request.and_then(|request| request.id.clone()),
        client: match (asked.request, asked.client) {
            (Some(request), _) => request.peer.clone(),
            (None, client) => client.and_then(|client| client.peer.clone()),
        },
        retry_after: retry_after.map(Duration::from_secs),
    };
    // Values in the response may panic when dropped.
    match catch(|| on_refusal(&refusal)) {
        Ok(Ok(shaped)) => shaped,
        Ok(Err(cause)) => {
            log::warn!("the response of the on_refusal callback cannot be sent: {cause}; answering in plain text");
            None
        }
        Err(panic) => {
            log::error!("the on_refusal callback panicked: {}; answering in plain text", Panic(&panic));
            None
        }
    }
}

/// The `Retry-After` seconds for a client turned away.
pub(super) const RETRY_AFTER_SECS: u64 = 1;
