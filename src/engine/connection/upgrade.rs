//! Responses that upgrade a connection: `101` within the limit and in HTTP/1.1, else a refusal.

use std::mem;
use std::sync::atomic::Ordering;

use http::StatusCode;
use http::header::{RETRY_AFTER, UPGRADE};

use super::refusal::{self, RETRY_AFTER_SECS};
use super::report::{discard, upgraded_panicked};
use crate::engine::service::context::WorkerContext;
use crate::h1::error::ProtocolError;
use crate::h1::exchange::{CloseReason, Exchange};
use crate::message::body::{Body, Upgrade};
use crate::message::named::AskedRequest;
use crate::message::switch::required_reason;
use crate::message::{IntoResponse, Response};
use crate::sync::catch;

/// Counts the upgrade in `response` against the limit. Returns a 503 if the limit is reached, and a
/// 426 if `protocol_version` is HTTP/1.0, in which the handler has seen an HTTP/1.1 request.
pub(super) fn admit(
    mut response: Response,
    asked: &mut AskedRequest,
    exchange: &mut Exchange,
    context: &WorkerContext,
) -> Response {
    if !exchange.is_upgradable() {
        let fields = mem::take(response.headers_mut());
        discard(response, asked, context);
        let protocol = fields.get(UPGRADE).map(|name| String::from_utf8_lossy(name.as_bytes()).into_owned());
        let reason = required_reason(&protocol.unwrap_or_default());
        return (StatusCode::UPGRADE_REQUIRED, fields, reason).into_response();
    }
    let serve = match response.body_mut().take_upgrade() {
        Some(Upgrade::Thread(serve)) => serve,
        // Without a thread the connection is one of those open, and no more.
        Some(upgrade @ Upgrade::Parked(_)) => {
            *response.body_mut() = Body::upgrade(upgrade);
            return response;
        }
        None => return response,
    };
    if let Some(place) = context.service.upgraded.take(context.config.max_upgraded.unwrap_or(usize::MAX)) {
        let name = asked.name().to_string();
        *response.body_mut() = Body::upgrade(Upgrade::Thread(Box::new(move |stream| {
            let _place = place;
            if let Err(panic) = catch(|| serve(stream)) {
                upgraded_panicked(&name, &panic);
            }
        })));
        return response;
    }
    context.service.turned_away.fetch_add(1, Ordering::Relaxed);
    exchange.close(CloseReason::Refused);
    discard((serve, response), asked, context);
    let (status, reason) = (StatusCode::SERVICE_UNAVAILABLE, "too many connections have left HTTP");
    let shaped = refusal::response(status, reason, Some(RETRY_AFTER_SECS), asked, &context.service.hooks);
    shaped.unwrap_or_else(|| {
        let mut refusal = (status, format!("{reason}\n")).into_response();
        refusal.headers_mut().insert(RETRY_AFTER, RETRY_AFTER_SECS.into());
        refusal
    })
}

/// The error of a `101` without a function to serve the connection.
pub(super) const MISSING: ProtocolError =
    ProtocolError::HandlerFraming("the handler switched protocols without upgrade()");
