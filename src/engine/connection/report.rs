//! Log lines about a request. Each names method, path, peer and, if a layer has given one, the id.

use std::error::Error;
use std::fmt::{self, Display};
use std::io;

use http::{HeaderName, StatusCode};

use crate::engine::service::context::WorkerContext;
use crate::engine::wire::response::{BodyFailed, Flaw};
use crate::h1::error::ProtocolError;
use crate::message::Failure;
use crate::message::named::{AskedRequest, OneLine};
use crate::sync::{CaughtPanic, catch};

/// Logs the failure of a handler at level `Error`. `reaction` is the answer to the client.
fn handler_failed(asked: &AskedRequest, cause: &dyn Display, reaction: &dyn Display) {
    let name = asked.name();
    log::error!(request:% = name; "a handler failed: {name}: {cause}; {reaction}");
}

/// Logs the failure of which a response of this status was made. One that the client caused is a
/// detail.
pub(super) fn failed(asked: &AskedRequest, failure: &Failure, status: StatusCode) {
    let (cause, number) = (OneLine(failure), status.as_u16());
    if status.is_server_error() {
        handler_failed(asked, &cause, &format_args!("answering {number}"));
    } else {
        log::debug!("a request failed: {}: {cause}; answering {number}", asked.name());
    }
}

/// Logs a panic of a handler.
pub(super) fn handler_panicked(asked: &AskedRequest, panic: &CaughtPanic) {
    let reaction = "answering 500, or cutting the connection if the answer has begun";
    handler_failed(asked, &Panic(panic), &reaction);
}

/// Logs a response that cannot be sent. The `cause`, if any, is the error of the body.
pub(super) fn response_refused(asked: &AskedRequest, error: ProtocolError, cause: Option<&io::Error>) {
    let (name, status) = (asked.name(), error.status().as_u16());
    match cause {
        Some(cause) => log::error!("a response was refused: {name}: {error}: {}; answering {status}", Chain(cause)),
        None => log::error!("a response was refused: {name}: {error}; answering {status}"),
    }
}

/// Logs an answer that broke off: a failure of the body as a warning, a client that left or is too
/// slow as a detail.
pub(super) fn answer_cut(name: &dyn Display, error: &io::Error) {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<BodyFailed>()) {
        Some(BodyFailed(cause)) => {
            log::warn!(request:% = name; "a response body failed: {name}: {}; connection cut", Chain(cause));
        }
        None => log::debug!("the answer was cut: {name}: {error}"),
    }
}

/// Logs a body that is not as long as declared, or whose trailers are not allowed.
pub(super) fn body_flawed(name: &dyn Display, flaw: Flaw) {
    match flaw {
        Flaw::Short(missing) => {
            log::error!(request:% = name; "a body ended {missing} bytes short of its declared length: {name}; closing the connection");
        }
        Flaw::Surplus => {
            log::error!(request:% = name; "a body was longer than its declared length: {name}; the surplus was not sent");
        }
        Flaw::Trailers(fields) => {
            let fields: Vec<&str> = fields.iter().map(HeaderName::as_str).collect();
            let fields = fields.join(", ");
            log::warn!(request:% = name; "fields are not allowed in a trailer section: {name}: {fields}; the fields were not sent");
        }
    }
}

/// Logs a panic of a body.
pub(super) fn body_panicked(name: &dyn Display, panic: &CaughtPanic) {
    log::error!("a response body panicked: {name}: {}; connection cut", Panic(panic));
}

/// Logs a panic of the function that serves an upgraded connection.
pub(super) fn upgraded_panicked(name: &dyn Display, panic: &CaughtPanic) {
    log::error!("the function of an upgraded connection panicked: {name}: {}; connection closed", Panic(panic));
}

/// Runs `run`, which drops a handler's values. Returns false and logs an error if a drop panicked.
pub(super) fn contained(asked: &AskedRequest, run: impl FnOnce()) -> bool {
    let dropped = catch(run);
    if let Err(panic) = &dropped {
        drop_panicked(asked, panic);
    }
    dropped.is_ok()
}

/// Drops a handler's `value`. A panic is logged and counted.
pub(super) fn discard(value: impl Sized, asked: &AskedRequest, context: &WorkerContext) {
    if !contained(asked, || drop(value)) {
        context.counters.panics.add(1);
    }
}

#[cold]
#[inline(never)]
fn drop_panicked(asked: &AskedRequest, panic: &CaughtPanic) {
    let name = asked.name();
    log::error!("dropping the response of a handler panicked: {name}: {}; connection closed", Panic(panic));
}

/// The message of a panic.
pub(super) struct Panic<'p>(pub(super) &'p CaughtPanic);

impl Display for Panic<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.message() {
            Some(text) => write!(f, "a panic: {}", OneLine(text)),
            None => f.write_str("a panic"),
        }
    }
}

/// An error with its sources.
struct Chain<'e>(&'e (dyn Error + 'static));

impl Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        OneLine(self.0).fmt(f)?;
        let mut source = self.0.source();
        while let Some(cause) = source {
            write!(f, ": {}", OneLine(cause))?;
            source = cause.source();
        }
        Ok(())
    }
}
