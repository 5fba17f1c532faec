//! Answers that begin before the handler has returned. The sending side is lent to the handler.
//!
//! Like content, the sending side is moved between owners, so no lock is held during a wait. All
//! bytes are written before the call returns.

use std::fmt;
use std::io;
use std::mem;
use std::sync::Arc;

use http::{HeaderMap, StatusCode};

use super::body::{Intake, UnreadContent};
use super::transport::Transport;
use super::upgrade;
use crate::config::Config;
use crate::engine::service::context::{Clock, Service, WorkerContext};
use crate::engine::service::counter::Counter;
use crate::engine::service::handle::WorkerHandle;
use crate::engine::wire::output::Output;
use crate::engine::wire::pace::Pace;
use crate::engine::wire::response::Begun;
use crate::h1::encode::{self, AnswerStatus};
use crate::h1::exchange::{CloseReason, Exchange};
use crate::message::reason::ReasonPhrase;
use crate::message::{Request, early};
use crate::net::stream::Stream;
use crate::sync::Mutex;

/// A shared slot for the sending side while a handler runs. The slot is empty while a thread sends.
pub(super) struct EarlyResponse {
    place: Mutex<Place>,
    /// Bytes sent. Written only by the holder of the side, because only the worker may write the
    /// worker's counters.
    written: Counter,
}

struct Place {
    side: Option<Box<Side>>,
    /// True if the handler has returned. A side brought back later is dropped.
    is_over: bool,
}

/// The sending side of a connection.
struct Side {
    stream: Arc<Stream>,
    service: Arc<Service>,
    config: Arc<Config>,
    intake: Option<Arc<Intake>>,
    /// Output gathered and not sent.
    gathered: Vec<u8>,
    pace: Pace,
    exchange: Exchange,
    begun: Option<Begun>,
    /// The worker, whose request may have a time limit.
    worker: Option<Arc<WorkerHandle>>,
    /// The error after which nothing more can be sent.
    failed: Option<io::ErrorKind>,
}

impl EarlyResponse {
    /// Lends the sending side over `stream` to the handler of `request`, if the handler may begin
    /// early.
    pub(super) fn lend(
        stream: &Arc<Stream>,
        request: &mut Request,
        exchange: &Exchange,
        intake: Option<&Arc<Intake>>,
        context: &mut WorkerContext,
    ) -> Option<Arc<Self>> {
        if !early::is_wanted() {
            return None;
        }
        let config = Arc::clone(&context.config);
        let side = Side {
            stream: Arc::clone(stream),
            pace: Pace::new(config.write_timeout, config.minimum_rate),
            config,
            service: Arc::clone(&context.service),
            intake: intake.map(Arc::clone),
            gathered: mem::take(&mut context.gathered),
            exchange: exchange.clone(),
            begun: None,
            worker: context.handle.clone(),
            failed: None,
        };
        let place = Mutex::new(Place { side: Some(Box::new(side)), is_over: false });
        let early = Arc::new(Self { place, written: Counter::default() });
        request.extensions_mut().insert(Arc::clone(&early) as Arc<dyn early::EarlyOutput>);
        Some(early)
    }

    /// Takes the sending side back after the handler has returned. Returns the answer, or the
    /// error, if the handler has begun one.
    pub(super) fn give_back(
        &self,
        transport: &Transport,
        exchange: &mut Exchange,
        context: &mut WorkerContext,
    ) -> Option<io::Result<Begun>> {
        let side = self.end();
        // A thread still sending breaks the rule. Later bytes are not counted.
        context.counters.bytes_written.add(self.written.get());
        let Some(side) = side else {
            transport.stream.abort();
            return Some(Err(io::Error::other("the handler returned while another thread was sending")));
        };
        context.gathered = side.gathered;
        if side.begun.is_some() {
            let asked = exchange.close_reason();
            *exchange = side.exchange;
            asked.into_iter().for_each(|reason| exchange.close(reason));
        }
        match (side.failed, side.begun) {
            (Some(kind), begun) => {
                begun.iter().for_each(|begun| begun.cut(&transport.output(context)));
                Some(Err(kind.into()))
            }
            (None, begun) => begun.map(Ok),
        }
    }

    /// Takes the side back when the handler has returned; `None` if another thread is sending.
    fn end(&self) -> Option<Box<Side>> {
        let mut place = self.place.lock();
        place.is_over = true;
        place.side.take()
    }

    fn with<T>(&self, use_it: impl FnOnce(&mut Side) -> io::Result<T>) -> io::Result<T> {
        let side = self.place.lock().side.take();
        let mut side = side.ok_or_else(|| {
            io::Error::new(io::ErrorKind::BrokenPipe, "the answer is complete, or another thread is sending")
        })?;
        let result = use_it(&mut side);
        let mut place = self.place.lock();
        if !place.is_over {
            place.side = Some(side);
        }
        result
    }
}

impl fmt::Debug for EarlyResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EarlyResponse").finish_non_exhaustive()
    }
}

impl early::EarlyOutput for EarlyResponse {
    fn begin(&self, status: StatusCode, reason: Option<&ReasonPhrase>, fields: &HeaderMap) -> io::Result<()> {
        self.with(|side| side.begin(status, reason, fields))
    }

    fn send(&self, content: &[u8]) -> io::Result<usize> {
        self.with(|side| side.send(content, &self.written))
    }

    /// Also true while another thread is sending: the side is then away.
    fn has_begun(&self) -> bool {
        self.place.lock().side.as_ref().is_none_or(|side| side.begun.is_some())
    }
}

impl Side {
    /// Fails if the request was refused because of its time limit.
    fn check_limit(&self) -> io::Result<()> {
        let may_send = self.worker.as_ref().is_none_or(|worker| worker.hold_answer());
        if may_send { Ok(()) } else { Err(io::ErrorKind::TimedOut.into()) }
    }

    fn begin(&mut self, status: StatusCode, reason: Option<&ReasonPhrase>, fields: &HeaderMap) -> io::Result<()> {
        if self.begun.is_some() {
            return Err(io::Error::other("the answer has begun already"));
        }
        self.check_limit()?;
        // A failed attempt must leave the exchange unchanged.
        let mut exchange = self.exchange.clone();
        if self.service.is_shutting_down() {
            exchange.close(CloseReason::Shutdown);
        }
        // Content without an error so far may still be read.
        if let Some(UnreadContent::Refused(_) | UnreadContent::Awaited | UnreadContent::Lost) =
            self.intake.as_ref().and_then(UnreadContent::of)
        {
            exchange.close(CloseReason::UnreadContent);
        }
        if status == StatusCode::SWITCHING_PROTOCOLS {
            return Err(io::Error::other(upgrade::MISSING));
        }
        let framing = exchange.answer(status, fields, None).map_err(io::Error::other)?;
        let config = &self.config;
        let mut clock = Clock::default();
        let stamp = clock.stamp(config.software.as_ref(), config.keep_alive_timeout.as_secs());
        let whole = AnswerStatus { code: status, reason: reason.map(ReasonPhrase::as_bytes) };
        encode::head(&mut self.gathered, &exchange, framing, whole, fields, &stamp);
        self.exchange = exchange;
        self.begun = Some(Begun::new(status, framing));
        Ok(())
    }

    fn send(&mut self, content: &[u8], written: &Counter) -> io::Result<usize> {
        if self.begun.is_none() {
            return Err(io::Error::other("the answer has not begun"));
        }
        if let Some(kind) = self.failed {
            return Err(kind.into());
        }
        self.check_limit()?;
        let Some(begun) = &mut self.begun else { return Ok(0) };
        let config = &self.config;
        let pace = mem::replace(&mut self.pace, Pace::new(config.write_timeout, config.minimum_rate));
        let (gathered, preemption) = (&mut self.gathered, &self.service.preemption);
        let mut output = Output::over(&self.stream, pace, gathered, written, preemption);
        let sent = begun.send(&mut output, content, &self.service.shutdown);
        self.pace = output.pace;
        sent.inspect_err(|error| self.failed = Some(error.kind()))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::os::unix::net::UnixStream;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::thread;
    use std::time::{Duration, Instant};

    use super::*;
    use crate::engine::connection::{ClientConnection, Verdict};
    use crate::engine::service::counters::Counters;
    use crate::message::{Handler, Response};
    use crate::settings::Settings;

    /// Sends from another thread, and reads the worker's counters before returning.
    struct Foreign {
        counters: Arc<Counters>,
        seen: AtomicU64,
    }

    impl Handler for Foreign {
        fn handle(&self, request: &mut Request) -> Response {
            let early = Arc::clone(request.extensions().get::<Arc<dyn early::EarlyOutput>>().unwrap());
            let sending = thread::spawn(move || {
                early.begin(StatusCode::OK, None, &HeaderMap::new())?;
                early.send(b"from another thread")
            });
            assert_eq!(sending.join().unwrap().unwrap(), 19);
            self.seen.store(self.counters.bytes_written.get(), Ordering::SeqCst);
            Response::new("".into())
        }
    }

    #[test]
    fn bytes_that_another_thread_sends_are_counted_by_the_worker() {
        let (mut client, socket) = UnixStream::pair().unwrap();
        early::want();
        let counters = Arc::new(Counters::default());
        let handler = Arc::new(Foreign { counters: Arc::clone(&counters), seen: AtomicU64::new(0) });
        let config = Config::resolve(&Settings::default()).unwrap();
        let service = Arc::new(Service::new(config, Arc::clone(&handler) as Arc<dyn Handler>));
        let mut context = WorkerContext::new(Arc::clone(&service), Arc::clone(&counters));
        let stream = Stream::unix(socket, Duration::from_millis(1)).unwrap();
        let mut connection = ClientConnection::new(stream, None, Instant::now(), &service.config.get());
        io::Write::write_all(&mut client, b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").unwrap();
        while !matches!(connection.advance(&mut context), Verdict::Close) {}
        drop(connection);
        let mut answer = Vec::new();
        client.read_to_end(&mut answer).unwrap();
        assert_eq!(handler.seen.load(Ordering::SeqCst), 0, "only the worker may count");
        assert_eq!(counters.bytes_written.get(), answer.len() as u64);
    }
}
