//! The call of a handler: the request made for it, and its reusable parts taken back.

use std::mem;
use std::sync::{Arc, Weak};

use http::HeaderMap;

use super::body::Intake;
use super::client::Client;
use super::early::EarlyResponse;
use super::report::{self, contained};
use super::transport::Transport;
use crate::engine::service::context::WorkerContext;
use crate::engine::wire::response::Begun;
use crate::h1::exchange::{CloseReason, Exchange};
use crate::h1::head::RequestHead;
use crate::message::body::Body;
use crate::message::connection::Connection as Facts;
use crate::message::content_place;
use crate::message::early::{self, EarlyOutput};
use crate::message::named::AskedRequest;
use crate::message::upgrade::Socket;
use crate::message::{Request, Response};
use crate::net::tls::secure::Secure;
use crate::proxy::node::Claims;
use crate::sync::catch;

/// The result of a handler.
pub(super) struct Handled {
    /// The response; `None` after a panic.
    pub(super) response: Option<Response>,
    /// The answer begun while the handler ran, or the error that ended it.
    pub(super) begun: Option<std::io::Result<Begun>>,
}

/// Runs the handler of a request. After a panic this connection closes, and no other.
pub(super) fn handle(
    head: RequestHead,
    asked: &mut AskedRequest,
    exchange: &mut Exchange,
    intake: Option<&Arc<Intake>>,
    client: &mut Client,
    transport: &Transport,
    context: &mut WorkerContext,
) -> Handled {
    let mut request = Request::default();
    fill(&mut request, head, intake, client, transport, context);
    let early = EarlyResponse::lend(&transport.stream, &mut request, exchange, intake, context);
    context.counters.requests.add(1);
    let handler = &context.service.handler;
    content_place::forget();
    let mut response = None;
    let returned = catch(|| response = Some(handler.handle(&mut request)));
    asked.note(&mut request, response.as_ref());
    if let Err(panic) = returned {
        context.counters.panics.add(1);
        report::handler_panicked(asked, &panic);
        exchange.close(CloseReason::Panicked);
    }
    if context.duty.is_unbounded() {
        context.clock.expire();
    }
    if context.service.is_shutting_down() {
        exchange.close(CloseReason::Shutdown);
    }
    // Values that a handler left in the request may panic when dropped.
    asked.fields = Some(mem::take(request.headers_mut()));
    let is_recovered = contained(asked, || recover(&mut request, client, context));
    // On its own, because the drop of the body may panic after that of an extension.
    if !contained(asked, || drop(mem::take(request.body_mut()))) || !is_recovered {
        context.counters.panics.add(1);
        exchange.close(CloseReason::Panicked);
    }
    let begun = early.and_then(|early| early.give_back(transport, exchange, context));
    Handled { response, begun }
}

/// Fills an empty request.
fn fill(
    request: &mut Request,
    head: RequestHead,
    intake: Option<&Arc<Intake>>,
    client: &mut Client,
    transport: &Transport,
    context: &WorkerContext,
) {
    if let Some(intake) = intake {
        *request.body_mut() = Body::incoming(Arc::clone(intake) as Arc<_>);
    }
    *request.method_mut() = head.method;
    *request.uri_mut() = head.target;
    *request.version_mut() = head.version;
    *request.headers_mut() = head.fields;
    *request.extensions_mut() = mem::take(&mut client.extensions);
    if request.extensions().is_empty() {
        let stream = Arc::clone(&transport.stream) as Arc<dyn Socket>;
        let facts = Facts::new(
            client.peer.clone(),
            Arc::downgrade(&stream) as Weak<dyn Socket>,
            client.announced.clone(),
            transport.stream.secure().and_then(Secure::facts).map(Arc::clone),
            Arc::clone(&context.service.shutdown),
        );
        request.extensions_mut().insert(Arc::new(facts));
    }
    if let Some(claims) = client.claims.take() {
        request.extensions_mut().insert(*claims);
    }
}

/// Takes back the reusable extensions of a request.
fn recover(request: &mut Request, client: &mut Client, context: &mut WorkerContext) {
    let mut extensions = mem::take(request.extensions_mut());
    if early::is_wanted() {
        extensions.remove::<Arc<dyn EarlyOutput>>();
    }
    if context.config.trust.is_some() {
        extensions.remove::<Claims>();
    }
    // Any value that a handler has added belongs to this request only.
    if extensions.len() == 1 && extensions.get::<Arc<Facts>>().is_some() {
        client.extensions = extensions;
    }
}

/// Keeps the map of `fields` for the next request.
pub(super) fn recycle(fields: Option<HeaderMap>, context: &mut WorkerContext) {
    let Some(mut fields) = fields else { return };
    fields.clear();
    if fields.capacity() <= KEPT_FIELDS {
        context.fields = fields;
    }
}

/// The largest map of fields kept for the next request.
const KEPT_FIELDS: usize = 48;
