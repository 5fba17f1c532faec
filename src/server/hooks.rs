//! The callbacks of a program that observe exchanges.

use std::sync::Arc;

use super::Server;
use crate::message::access::AccessRecord;

impl Server {
    /// Calls `callback` at the end of each exchange, beside the line in the access log.
    ///
    /// The callback takes effect at the next start, and replaces an earlier one.
    ///
    /// - `callback` runs on the thread that ends the exchange: a worker, or the thread that waits
    ///   for all other clients. A slow callback delays other requests, like a slow logger. Clone
    ///   the record and send the clone to a thread of your own for slow work.
    /// - For several pipelined requests, the answers may still be unsent.
    /// - A panic is logged, and changes nothing else.
    ///
    /// ```
    /// use drupe::exchange::AccessRecord;
    /// use drupe::{Request, Server};
    ///
    /// let server = Server::new(|_request: &mut Request| "hello\n");
    /// server.on_access(|record: &AccessRecord| {
    ///     if let (Some(status), Some(route)) = (record.status, &record.route) {
    ///         println!("{route} {status} {:?}", record.duration);
    ///     }
    /// });
    /// ```
    pub fn on_access(&self, callback: impl Fn(&AccessRecord) + Send + Sync + 'static) {
        self.shared.hooks.lock().on_access = Some(Arc::new(callback));
    }
}
