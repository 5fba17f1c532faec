//! The bound of functions and closures as handlers of routes.

use crate::message::Request;

/// A function or closure from `&mut Request` to a response `R`, as the handler of a route.
///
/// [`Router::get`](super::Router::get) and the like take only functions, so that the compiler knows
/// the type of a closure's argument. [`Router::route`](super::Router::route) takes any handler.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a function from `&mut Request` to a response",
    label = "not a function",
    note = "for a handler with layers, an `Arc` or the like: `.route(drupe::http::Method::GET, path, handler)`, or `.mount(path, handler)`",
    note = "for `any` and `fallback`: `move |request| handler.handle(request)`"
)]
pub trait RouteFunction<R>: Fn(&mut Request) -> R {}

// Else rustc recommends to remove the layers of a handler.
#[diagnostic::do_not_recommend]
impl<F: Fn(&mut Request) -> R, R> RouteFunction<R> for F {}
