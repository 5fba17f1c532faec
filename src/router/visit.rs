//! The marks of a router on a request while a handler of the router has it.

use std::borrow::Cow;
use std::mem;

use http::{StatusCode, Uri};

use super::path;
use super::path_handlers::PathHandlers;
use crate::message::route::MatchedRoute;
use crate::message::routing::{Mounted, Routing};
use crate::message::{Failure, IntoResponse, Request, Response};
use crate::sync::catch;

/// Answers `request` with its target shown to `dispatch` without dot segments; `404` if the path
/// leads above the root.
pub(super) fn without_dots(request: &mut Request, dispatch: impl FnOnce(&mut Request) -> Response) -> Response {
    let cleaned = match path::without_dot_segments(request.uri()) {
        Some(Cow::Borrowed(_)) => return dispatch(request),
        Some(Cow::Owned(cleaned)) => cleaned,
        None => return Failure::new(StatusCode::NOT_FOUND, "not found\n").into_response(),
    };
    let sent = mem::replace(request.uri_mut(), cleaned);
    let dispatched = catch(|| dispatch(request));
    *request.uri_mut() = sent;
    dispatched.unwrap_or_else(|panic| panic.resume())
}

/// Returns the pattern of `route` behind the paths of the mounts that the request has passed.
pub(super) fn whole_pattern(request: &Request, route: &PathHandlers) -> MatchedRoute {
    let mounted = request.extensions().get::<Routing>().and_then(|routing| routing.mounted.as_ref());
    match mounted {
        Some(mounted) => MatchedRoute::new(format!("{}{}", mounted.pattern, route.pattern)),
        None => route.pattern.clone(),
    }
}

/// Shortens the target for a mounted handler, and returns the routing of the request with the
/// parameters of this router; `None` if a parameter is not UTF-8.
pub(super) fn enter<'a>(
    request: &mut Request,
    route: &PathHandlers,
    params: impl Iterator<Item = (&'a str, &'a str)>,
) -> Option<Routing> {
    let mut routing = request.extensions().get::<Routing>().cloned().unwrap_or_default();
    // The rest of the path below a mount is left to the handler, undecoded.
    for (name, value) in params.take(route.params()) {
        routing.params.push((name.to_owned(), path::decode(value)?));
    }
    if let Some(count) = route.mounted_segments() {
        let length = path::length_of_segments(request.uri().path(), count);
        let below = path::below(request.uri(), length)?;
        let original = mem::replace(request.uri_mut(), below);
        let new = || Mounted { original, length: 0, pattern: String::new() };
        let mounted = routing.mounted.get_or_insert_with(new);
        mounted.length += length;
        mounted.pattern.push_str(route.prefix());
    }
    Some(routing)
}

/// Runs `handle` with the `routing` of the request, and then undoes [`enter`], so that a layer
/// around the router finds the request as it was. After a panic only the route stays, for the
/// statistics.
pub(super) fn visit(
    request: &mut Request,
    target: Uri,
    routing: Routing,
    matched: MatchedRoute,
    handle: impl FnOnce(&mut Request) -> Response,
) -> Response {
    let extensions = request.extensions_mut();
    let (outer, above) = (extensions.insert(routing), extensions.insert(matched));
    let handled = catch(|| handle(request));
    *request.uri_mut() = target;
    let extensions = request.extensions_mut();
    extensions.remove::<Routing>();
    outer.map(|routing| extensions.insert(routing));
    if handled.is_ok() {
        extensions.remove::<MatchedRoute>();
        above.map(|matched| extensions.insert(matched));
    }
    handled.unwrap_or_else(|panic| panic.resume())
}
