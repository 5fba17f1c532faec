//! Responses that upgrade a connection: `101` within the limit, else a refusal.

use std::sync::atomic::Ordering;

use http::StatusCode;
use http::header::RETRY_AFTER;

use super::refusal::{self, RETRY_AFTER_SECS};
use super::report::{contained, upgraded_panicked};
use crate::engine::service::context::WorkerContext;
use crate::h1::exchange::{CloseReason, Exchange};
use crate::message::body::{Body, Upgrade};
use crate::message::named::AskedRequest;
use crate::message::{IntoResponse, Response};
use crate::sync::catch;

/// Counts the upgrade in `response` against the limit, or returns a 503 if the limit is reached.
pub(super) fn admit(
    mut response: Response,
    asked: &mut AskedRequest,
    exchange: &mut Exchange,
    context: &WorkerContext,
) -> Response {
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
    if !contained(asked, || drop((serve, response))) {
        context.counters.panics.add(1);
    }
    let (status, reason) = (StatusCode::SERVICE_UNAVAILABLE, "too many connections have left HTTP");
    let shaped = refusal::response(status, reason, Some(RETRY_AFTER_SECS), asked, &context.service.hooks);
    shaped.unwrap_or_else(|| {
        let mut refusal = (status, format!("{reason}\n")).into_response();
        refusal.headers_mut().insert(RETRY_AFTER, RETRY_AFTER_SECS.into());
        refusal
    })
}
