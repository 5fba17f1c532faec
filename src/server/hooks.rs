//! The callbacks of a program: exchanges observed when ended or shaped when refused, and workers
//! wrapped.

use std::sync::Arc;

use super::Server;
use crate::message::Response;
use crate::message::access::AccessRecord;
use crate::message::refusal::{Refusal, ShapedRefusal};

impl Server {
    /// Calls `callback` at the end of each exchange, beside the line in the access log.
    ///
    /// The callback takes effect at the next start, and replaces an earlier one.
    ///
    /// - `callback` runs on the thread that ends the exchange: a worker, the thread that does the
    ///   I/O of all clients, or, if a stop cuts the answer, the thread that stops the server. A
    ///   slow callback delays other requests, like a slow logger. Clone the record and send the
    ///   clone to a thread of your own for slow work.
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

    /// Shapes the answers that the server makes itself, for example as JSON.
    ///
    /// `callback` is called for requests that the server refuses before a handler runs, for content
    /// that turns out malformed, too large or late while a handler runs, for a handler that has
    /// panicked, for a response that cannot be sent, and for 503 answers (too many connections,
    /// requests or upgrades). The callback takes effect at the next start, and replaces an earlier
    /// one.
    ///
    /// - `None` is the plain answer: the reason as text.
    /// - [`Refusal::kind`] is for programs with texts of their own.
    /// - The client gets the fields and the content of the response, but the status of the
    ///   [`Refusal`].
    /// - A [`RequestId`](crate::exchange::RequestId) in the extensions of the response becomes the id
    ///   of the request in the access log and in the log line of the refusal, unless a layer has set
    ///   one.
    /// - The [`Refusal`] has the fields of the request if the server has read its head. Without a
    ///   head, there are neither fields nor a request line.
    /// - The content is in memory and has at most 16 KiB. For other content the client gets the plain
    ///   answer, and a warning is logged. A `HEAD` gets the length only.
    /// - The server sets these fields itself and drops those of the response: `Allow`, `Connection`,
    ///   `Content-Length`, `Date`, `Keep-Alive`, `Retry-After`, `Server`, `TE`, `Trailer`,
    ///   `Transfer-Encoding`, `Upgrade`.
    /// - `callback` runs on a worker, or on the thread that waits for all other clients, and must
    ///   not block. A panic is logged, and the client gets the plain answer.
    ///
    /// A response of a handler is no refusal, even with an error status. A client that the server
    /// closes without an answer causes no call.
    ///
    /// ```
    /// use drupe::exchange::Refusal;
    /// use drupe::http::header::CONTENT_TYPE;
    /// use drupe::{Body, Request, Response, Server};
    ///
    /// let server = Server::new(|_request: &mut Request| "hello\n");
    /// server.on_refusal(|refusal: &Refusal| {
    ///     let mut response = Response::new(Body::from(format!("{{\"error\":\"{}\"}}\n", refusal.reason)));
    ///     response.headers_mut().insert(CONTENT_TYPE, "application/json".parse().ok()?);
    ///     Some(response)
    /// });
    /// ```
    ///
    /// Layers do not see refusals. `layers::Cors` and `layers::RequestIds` (feature `layers`) have the
    /// method `add_to_refusal` for this callback.
    pub fn on_refusal(&self, callback: impl Fn(&Refusal) -> Option<Response> + Send + Sync + 'static) {
        let shape = move |refusal: &Refusal| callback(refusal).map(ShapedRefusal::of).transpose();
        self.shared.hooks.lock().on_refusal = Some(Arc::new(shape));
    }

    /// Wraps the work of each worker thread, from the start of the thread to its end: for state
    /// that belongs to a thread, such as the attachment to the interpreter of another language.
    ///
    /// `callback` is called on the worker, and calls its argument, which returns when the worker
    /// ends. The callback takes effect at the next start, and replaces an earlier one.
    ///
    /// - Each worker is wrapped, also the worker of [prompt](crate::Handler::is_prompt) requests;
    ///   the thread of an upgraded connection is not.
    /// - If `callback` returns or panics without the call of its argument, the worker works without
    ///   it. Only the first call of the argument has an effect.
    /// - A panic is logged, and changes nothing else.
    ///
    /// ```
    /// use drupe::{Request, Server};
    ///
    /// let server = Server::new(|_request: &mut Request| "hello\n");
    /// server.around_workers(|work| {
    ///     println!("a worker begins");
    ///     work();
    ///     println!("a worker ends");
    /// });
    /// ```
    pub fn around_workers(&self, callback: impl Fn(&mut (dyn FnMut() + Send)) + Send + Sync + 'static) {
        self.shared.hooks.lock().around_worker = Some(Arc::new(callback));
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpStream;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread;

    use super::*;
    use crate::message::Request;

    /// Serves one request with a server whose workers are wrapped by `callback`; returns the answer.
    fn answered(callback: impl Fn(&mut (dyn FnMut() + Send)) + Send + Sync + 'static) -> String {
        let mut server = Server::new(|_: &mut Request| thread::current().name().unwrap_or("?").to_owned());
        (server.settings.socket_port, server.settings.thread_pool) = (0, 3);
        server.around_workers(callback);
        server.start().unwrap();
        let mut client = TcpStream::connect(server.bound_addr().unwrap()).unwrap();
        client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).unwrap();
        let _ = server.stop();
        answer
    }

    #[test]
    fn each_worker_is_wrapped_from_start_to_end() {
        static INSIDE: AtomicUsize = AtomicUsize::new(0);
        static ENDED: AtomicUsize = AtomicUsize::new(0);
        let answer = answered(|work| {
            INSIDE.fetch_add(1, Ordering::SeqCst);
            work();
            work();
            ENDED.fetch_add(1, Ordering::SeqCst);
        });
        assert!(answer.contains("\r\n\r\ndrupe-"), "{answer}");
        // The stop has joined all workers.
        assert_eq!((INSIDE.load(Ordering::SeqCst), ENDED.load(Ordering::SeqCst)), (3, 3));
    }

    #[test]
    fn worker_works_without_the_help_of_its_callback() {
        for answer in [answered(|_| {}), answered(|_| panic!("before the work"))] {
            assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        }
    }
}
