//! Time limits of handlers, set while a handler runs.
//!
//! A worker of a server installs a [`TimeLimiter`] for its thread. On any other thread a limit has no
//! effect.

use std::cell::OnceCell;
use std::sync::Arc;
use std::time::Duration;

use super::Request;
use super::named::AskedRequest;

/// Sets the time limit of the request whose handler runs on the thread.
pub(crate) trait TimeLimiter {
    /// Limits the handler of the request to `time` from now on, in place of any earlier limit.
    fn limit(&self, asked: AskedRequest, time: Duration);
}

/// Makes `limiter` set the limits of requests on this thread.
pub(crate) fn install(limiter: Arc<dyn TimeLimiter>) {
    // A thread that installs another one serves the same server.
    LIMITER.with(|place| drop(place.set(limiter)));
}

/// Limits the handler of `request`, on this thread, to `time` from now on.
pub(crate) fn limit(request: &Request, time: Duration) {
    LIMITER.with(|limiter| {
        if let Some(limiter) = limiter.get() {
            limiter.limit(AskedRequest::of(request), time);
        }
    });
}

thread_local! {
    static LIMITER: OnceCell<Arc<dyn TimeLimiter>> = const { OnceCell::new() };
}
