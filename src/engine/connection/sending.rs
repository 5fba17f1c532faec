//! Answers to slow clients. The unsent rest waits with the parked connection and costs no thread.
//!
//! Linux reports a socket writable only once a third of the buffer is free, and a slow client takes
//! long to get there. Sending is therefore also retried at intervals: bytes taken since the last
//! attempt count for the client, and a client without progress times out.

use std::mem;
use std::time::{Duration, Instant};

use super::finished::FinishedExchange;
use super::phase::Step;
use super::{ClientConnection, Phase, Verdict};
use crate::engine::service::budget::{Reservation, Weight};
use crate::engine::service::context::WorkerContext;
use crate::engine::service::counters::Late;
use crate::engine::wire::output::Output;
use crate::engine::wire::pace::Pace;
use crate::engine::wire::remainder::{Progress, Remainder};
use crate::h1::head::Scan;
use crate::net::stream::Stream;

/// The unsent part of an answer, and the step after it.
#[derive(Debug)]
pub(super) struct Sending {
    /// Output sent before `rest`.
    gathered: Vec<u8>,
    rest: Option<Remainder>,
    pace: Pace,
    /// The start of the wait.
    since: Instant,
    then: Then,
    /// Counts the memory held.
    reservation: Reservation,
}

/// The step after all is sent.
#[derive(Debug)]
pub(super) enum Then {
    /// Concludes the exchange.
    Conclude(Box<FinishedExchange>),
    /// Resumes the earlier phase, with the earlier deadline.
    Resume(Box<Phase>, Instant),
    /// Half-closes and lingers.
    Linger,
    /// Closes the connection.
    Close,
}

impl ClientConnection {
    /// Sends the gathered output and takes the step `then`, or leaves both for later.
    pub(super) fn flush_then(&mut self, then: Then, context: &mut WorkerContext) -> Verdict {
        let mut output = self.output(context);
        match if then.is_end() { output.finish_some() } else { output.flush_some() } {
            Ok(true) => match then {
                Then::Linger => self.half_close(context),
                Then::Conclude(_) | Then::Resume(..) | Then::Close => Verdict::Close,
            },
            Ok(false) => self.leave(None, then, context),
            Err(_) => self.lose(),
        }
    }

    /// Sends the gathered output before a worker releases the connection.
    pub(super) fn flush_after(&mut self, verdict: Verdict, context: &mut WorkerContext) -> Verdict {
        match verdict {
            Verdict::Park | Verdict::Again | Verdict::Work => match self.output(context).flush_some() {
                Ok(true) => verdict,
                Ok(false) => self.leave_and_resume(context),
                Err(_) => self.lose(),
            },
            // The connection gets no other chance to send.
            Verdict::Close | Verdict::Upgrade(_) => match self.output(context).flush() {
                Ok(()) => verdict,
                Err(_) => self.lose(),
            },
        }
    }

    /// Resets a connection whose gathered output is lost. An orderly close could pass for the end
    /// of an answer.
    fn lose(&self) -> Verdict {
        self.stream.abort();
        Verdict::Close
    }

    /// Leaves the gathered output for later. The present phase resumes afterwards.
    pub(super) fn leave_and_resume(&mut self, context: &mut WorkerContext) -> Verdict {
        let phase = mem::replace(&mut self.phase, Phase::Head(Scan::default()));
        let then = Then::Resume(Box::new(phase), self.deadline);
        self.leave(None, then, context)
    }

    /// Waits for room to write, and for nothing else.
    #[cfg(test)]
    pub(in crate::engine) fn wait_for_room(&mut self, context: &mut WorkerContext) {
        self.leave(None, Then::Close, context);
    }

    /// Leaves the gathered output and `rest` for later.
    pub(super) fn leave(&mut self, rest: Option<Remainder>, then: Then, context: &mut WorkerContext) -> Verdict {
        let config = &context.config;
        let pace = Pace::new(config.write_timeout, config.minimum_rate);
        // An exact copy: the worker keeps its buffer.
        let gathered = context.gathered.as_slice().to_vec();
        context.gathered.clear();
        // Earlier reports may have been of input, and will not be repeated.
        self.is_drained = false;
        let now = Instant::now();
        self.deadline = now + config.write_timeout.min(RETRY);
        let reservation = context.service.answer_memory.add(0, 0);
        let mut sending = Box::new(Sending { gathered, rest, pace, since: now, then, reservation });
        sending.settle(&self.stream, context);
        self.phase = Phase::Send(sending);
        Verdict::Park
    }

    /// Sends as much as the client takes now.
    pub(super) fn send(&mut self, context: &mut WorkerContext) -> Step {
        let Phase::Send(mut sending) = mem::replace(&mut self.phase, Phase::Head(Scan::default())) else {
            return Step::Verdict(Verdict::Close);
        };
        context.meter.resume(context.service.measures());
        let now = Instant::now();
        sending.pace.waited(now - sending.since);
        mem::swap(&mut context.gathered, &mut sending.gathered);
        let pace = mem::replace(&mut sending.pace, Pace::new(Duration::ZERO, None));
        let mut output = Output::new(&self.stream, pace, context).leaving();
        let left = sending.send(&mut output);
        sending.pace = output.pace;
        mem::swap(&mut context.gathered, &mut sending.gathered);
        // Time spent on reading a file from storage is not charged to the client.
        let now = Instant::now();
        match left {
            Ok(Progress::Nothing) => self.go_on(sending.then, context),
            Ok(Progress::More) => match sending.pace.left() {
                Some(left) => {
                    sending.settle(&self.stream, context);
                    sending.since = now;
                    self.deadline = now + left.min(RETRY);
                    self.phase = Phase::Send(sending);
                    Step::Verdict(Verdict::Park)
                }
                None => {
                    context.counters.count_late(Late::Write);
                    Step::Verdict(self.give_up(*sending, "its client has had its time", context))
                }
            },
            // The poller would not report room that was there all along.
            Ok(Progress::Share) => {
                sending.since = now;
                self.phase = Phase::Send(sending);
                Step::Verdict(Verdict::Again)
            }
            Ok(Progress::Missing(missing)) => {
                log::error!("a file ended {missing} bytes short of its declared length; closing the connection");
                // Complete answers may precede the broken one, and are sent.
                sending.rest = None;
                mem::replace(&mut sending.then, Then::Close).break_off(context);
                self.phase = Phase::Send(sending);
                Step::On
            }
            Err(error) => Step::Verdict(self.give_up(*sending, &error.to_string(), context)),
        }
    }

    fn go_on(&mut self, then: Then, context: &mut WorkerContext) -> Step {
        match then {
            Then::Conclude(done) => {
                let next = self.conclude(*done, context);
                self.settle(next, context)
            }
            Then::Resume(phase, deadline) => {
                self.phase = *phase;
                if let Phase::Content(gathering) = &mut self.phase {
                    gathering.restart_wait();
                }
                // The keep-alive and drain times begin when the client has its answer.
                let now = Instant::now();
                self.deadline = match self.phase {
                    Phase::Drain { .. } => now + context.config.linger_timeout,
                    _ if self.is_idle() => now + context.config.keep_alive_timeout,
                    _ => deadline,
                };
                Step::On
            }
            Then::Linger => Step::Verdict(self.half_close(context)),
            Then::Close => Step::Verdict(Verdict::Close),
        }
    }

    /// Aborts an answer with a reset, so that the client notices and the kernel frees the send
    /// buffer.
    fn give_up(&self, sending: Sending, why: &str, context: &mut WorkerContext) -> Verdict {
        log::debug!("an answer broke off: {why}");
        self.stream.abort();
        sending.then.break_off(context);
        Verdict::Close
    }
}

impl Then {
    /// True if no output follows.
    fn is_end(&self) -> bool {
        matches!(self, Self::Linger | Self::Close)
    }

    fn break_off(self, context: &mut WorkerContext) {
        if let Self::Conclude(done) = self {
            done.break_off(context);
        }
    }
}

impl Sending {
    /// Frees memory not needed during the wait, and counts the rest.
    fn settle(&mut self, stream: &Stream, context: &WorkerContext) {
        if self.gathered.capacity() > 2 * self.gathered.len() {
            self.gathered.shrink_to_fit();
        }
        let mut weight = Weight::default();
        if let Some(rest) = &mut self.rest {
            rest.settle();
            weight = rest.kept();
        }
        let of_tls = if stream.secure().is_some() { KEPT_BY_TLS } else { 0 };
        weight.bytes += self.gathered.capacity() as u64 + of_tls;
        if weight != self.reservation.weight() {
            self.reservation = context.service.answer_memory.take(weight);
        }
    }

    pub(super) fn then(&self) -> &Then {
        &self.then
    }

    /// True if the output being sent may be the last of the connection.
    pub(super) fn may_be_last(&self) -> bool {
        !matches!(&self.then, Then::Conclude(done) if done.is_upgrade())
    }

    /// Makes the output being sent the last of the connection.
    pub(super) fn be_last(&mut self) {
        match &mut self.then {
            Then::Conclude(done) => done.be_last(),
            Then::Resume(phase, _) => {
                match mem::replace(&mut **phase, Phase::Head(Scan::default())) {
                    Phase::Content(gathering) => gathering.line.end(None),
                    Phase::Ready(pending) => pending.line.end(None),
                    _ => {}
                }
                self.then = Then::Linger;
            }
            Then::Linger | Then::Close => {}
        }
    }

    /// Sends as much as the client takes. Gathered output, `rest`, or both may remain.
    fn send(&mut self, output: &mut Output<'_>) -> std::io::Result<Progress> {
        if let Some(rest) = &mut self.rest {
            match rest.send(output)? {
                Progress::Nothing => self.rest = None,
                left => return Ok(left),
            }
        }
        let is_out = if self.then.is_end() { output.finish_some()? } else { output.flush_some()? };
        Ok(if is_out { Progress::Nothing } else { Progress::More })
    }
}

/// The most bytes of an answer held unsent by TLS. The exact number is unknown.
const KEPT_BY_TLS: u64 = 64 * 1024;
/// The interval between attempts to send to a slow client.
const RETRY: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::{Read, Write};
    use std::os::unix::net::UnixStream;
    use std::sync::{Arc, mpsc};
    use std::thread;

    use super::*;
    use crate::config::Config;
    use bytes::{Bytes, BytesMut};
    use http::Method;

    use crate::engine::service::context::Service;
    use crate::engine::service::costs::Route;
    use crate::message::{Body, Handler, Request};
    use crate::net::poll::Interest;
    use crate::net::stream::Stream;
    use crate::settings::Settings;

    /// Returns a connection that has asked for `/a` and `/b`, with a full socket, and its client.
    fn full() -> (ClientConnection, WorkerContext, UnixStream) {
        let (mut connection, context, mut client) = asked("/a", |request| request.uri().path().to_owned().into());
        // Answers are gathered if the next handler is known to be short.
        let short = |path| context.service.costs.record(Route::new(&Method::GET, path), Duration::from_micros(1));
        ["/a", "/b", "/c"].into_iter().for_each(short);
        client.write_all(b"GET /b HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        fill(&mut connection);
        (connection, context, client)
    }

    fn full_by(handler: Arc<dyn Handler>) -> (ClientConnection, WorkerContext, UnixStream) {
        let (mut client, mut socket) = UnixStream::pair().unwrap();
        socket.set_write_timeout(Some(Duration::from_millis(1))).unwrap();
        while socket.write(&[b'#'; 4096]).is_ok() {}
        let config = Config::resolve(&Settings::default()).unwrap();
        let service = Arc::new(Service::new(config, handler));
        let context = WorkerContext::new(Arc::clone(&service), Arc::default());
        let stream = Stream::unix(socket, Duration::from_millis(1)).unwrap();
        client.write_all(b"GET /a HTTP/1.1\r\nHost: x\r\n\r\nGET /b HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        (ClientConnection::new(stream, None, Instant::now(), &service.config.get()), context, client)
    }

    /// Returns a connection that has asked for `path`. A write that waits has no time limit.
    fn asked(path: &str, handler: fn(&Request) -> Body) -> (ClientConnection, WorkerContext, UnixStream) {
        let (mut client, socket) = UnixStream::pair().unwrap();
        let config = Config::resolve(&Settings::default()).unwrap();
        let service = Arc::new(Service::new(config, Arc::new(move |request: &mut Request| handler(request))));
        let context = WorkerContext::new(Arc::clone(&service), Arc::default());
        let stream = Stream::unix(socket, Duration::from_millis(1)).unwrap();
        client.write_all(format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes()).unwrap();
        (ClientConnection::new(stream, None, Instant::now(), &service.config.get()), context, client)
    }

    /// Fills the socket.
    fn fill(connection: &mut ClientConnection) {
        let Stream::Unix(socket) = &*connection.stream else { panic!("it is a Unix socket") };
        socket.set_nonblocking(true).unwrap();
        while (&*socket).write(&[b'#'; 4096]).is_ok() {}
        socket.set_nonblocking(false).unwrap();
    }

    type Make = fn(&Request) -> Body;

    #[test]
    fn the_first_write_of_any_answer_waits_for_no_client() {
        let large = |_: &Request| Body::from(vec![b'x'; 16 << 20]);
        let file = |_: &Request| {
            let path = std::env::temp_dir().join(format!("drupe-sending-{}", std::process::id()));
            let file = File::options().read(true).write(true).create(true).truncate(true).open(&path).unwrap();
            std::fs::remove_file(path).unwrap();
            file.set_len(16 << 20).unwrap();
            Body::from_file(file)
        };
        // The kernel cannot send a device.
        let copied = |_: &Request| Body::from_file_range(File::open("/dev/zero").unwrap(), 0..16 << 20);
        let small = |_: &Request| Body::from("small");
        let kinds: [(&str, Make); 4] = [("large", large), ("file", file), ("copied", copied), ("small", small)];
        for (kind, handler) in kinds {
            for is_full in [false, true] {
                if kind == "small" && !is_full {
                    continue;
                }
                let (mut connection, mut context, client) = asked("/", handler);
                if is_full {
                    fill(&mut connection);
                }
                let (tell, told) = mpsc::channel();
                thread::spawn(move || {
                    let verdict = connection.advance(&mut context);
                    tell.send((matches!(verdict, Verdict::Park), connection.is_sending()))
                });
                let parked = told.recv_timeout(Duration::from_secs(20));
                assert_eq!(parked, Ok((true, true)), "{kind}, in a full socket: {is_full}");
                drop(client);
            }
        }
    }

    #[test]
    fn answers_that_were_gathered_wait_for_room_and_what_follows_goes_on() {
        let (mut connection, mut context, mut client) = full();
        assert!(matches!(connection.advance(&mut context), Verdict::Park));
        assert!(connection.is_under_way() && connection.interest() == Interest::Write);
        assert!(context.gathered.is_empty(), "it is the connection's own");
        client.set_nonblocking(true).unwrap();
        let mut all = Vec::new();
        let mut read = |all: &mut Vec<u8>| drop(client.read_to_end(all));
        read(&mut all);
        assert!(matches!(connection.advance(&mut context), Verdict::Park));
        assert!(connection.is_idle() && connection.interest() == Interest::Read);
        read(&mut all);
        let answers = String::from_utf8(all.into_iter().filter(|byte| *byte != b'#').collect()).unwrap();
        let contents: Vec<&str> = answers.split("\r\n\r\n").skip(1).map(|part| &part[..2]).collect();
        assert_eq!(contents, ["/a", "/b"], "{answers}");
    }

    #[test]
    fn leave_to_send_content_waits_for_room_behind_the_answers_before_it() {
        let (mut connection, mut context, mut client) = full();
        client.write_all(b"POST /c HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n").unwrap();
        assert!(matches!(connection.advance(&mut context), Verdict::Park));
        assert!(connection.is_sending() && context.gathered.is_empty());
        client.set_nonblocking(true).unwrap();
        let mut all = Vec::new();
        let mut read = |all: &mut Vec<u8>| drop(client.read_to_end(all));
        read(&mut all);
        assert!(matches!(connection.advance(&mut context), Verdict::Park));
        assert!(matches!(connection.phase, Phase::Content(_)), "{:?}", connection.phase);
        read(&mut all);
        let sent = String::from_utf8(all.into_iter().filter(|byte| *byte != b'#').collect()).unwrap();
        assert!(sent.ends_with("/bHTTP/1.1 100 Continue\r\n\r\n"), "{sent}");
        assert_eq!(context.counters.requests.get(), 2);
        client.write_all(b"hello").unwrap();
        connection.note_input();
        assert!(matches!(connection.advance(&mut context), Verdict::Park));
        assert!(connection.is_idle());
    }

    #[test]
    fn time_in_which_leave_waits_for_room_is_not_that_of_the_content() {
        let (mut connection, mut context, mut client) = full();
        client.write_all(b"POST /c HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n").unwrap();
        assert!(matches!(connection.advance(&mut context), Verdict::Park));
        let Phase::Send(sending) = &mut connection.phase else { panic!("it waits for room") };
        let Then::Resume(phase, _) = &mut sending.then else { panic!("content comes then") };
        let Phase::Content(gathering) = &mut **phase else { panic!("content comes then") };
        gathering.since = gathering.since.and_then(|since| since.checked_sub(Duration::from_secs(3600)));
        client.set_nonblocking(true).unwrap();
        drop(client.read_to_end(&mut Vec::new()));
        assert!(matches!(connection.advance(&mut context), Verdict::Park));
        assert!(matches!(connection.phase, Phase::Content(_)), "{:?}", connection.phase);
    }

    #[test]
    fn a_client_that_leaves_meanwhile_ends_it() {
        let (mut connection, mut context, client) = full();
        assert!(matches!(connection.advance(&mut context), Verdict::Park));
        drop(client);
        assert!(matches!(connection.advance(&mut context), Verdict::Close));
    }

    #[test]
    fn a_client_that_reads_nothing_for_too_long_is_cut() {
        let (mut connection, mut context, _client) = full();
        assert!(matches!(connection.advance(&mut context), Verdict::Park));
        let Phase::Send(sending) = &mut connection.phase else { panic!("it waits for room") };
        sending.since -= Duration::from_secs(3600);
        assert!(matches!(connection.advance(&mut context), Verdict::Close));
        assert_eq!(context.counters.timeouts().write, 1);
    }

    /// Returns the bytes counted for an answer of `make` whose client has read nothing, and the
    /// connection.
    fn parked(make: impl Fn() -> Body + Send + Sync + 'static) -> (u64, ClientConnection, WorkerContext, UnixStream) {
        let (mut connection, mut context, client) = full_by(Arc::new(move |_: &mut Request| make()));
        assert!(matches!(connection.advance(&mut context), Verdict::Park));
        let Phase::Send(sending) = &connection.phase else { panic!("it waits for room") };
        (sending.reservation.bytes(), connection, context, client)
    }

    const LARGE: usize = 1 << 20;
    /// An allowance for the heads of answers and small allocations.
    const BESIDE: u64 = 4096;

    #[test]
    fn whole_allocations_count_for_as_long_as_they_are_held() {
        let check = |what: &str, make: fn() -> Body| {
            let (counted, ..) = parked(make);
            assert!((LARGE as u64..LARGE as u64 + BESIDE).contains(&counted), "{what}: {counted}");
        };
        check("a vector", || vec![b'x'; LARGE].into());
        check("bytes that own a vector", || Bytes::from(vec![b'x'; LARGE]).into());
        check("bytes from an owner", || Bytes::from_owner(vec![b'x'; LARGE]).into());
        check("an owner", || Body::owned(vec![b'x'; LARGE], LARGE));
        check("the only range of some bytes", || Bytes::from(vec![b'x'; LARGE]).slice(..LARGE / 2).into());
        check("a vector with room to spare", || {
            let mut content = Vec::with_capacity(LARGE);
            content.resize(LARGE / 4, b'x');
            content.into()
        });
        check("a buffer with room to spare", || {
            let mut content = BytesMut::with_capacity(LARGE);
            content.resize(LARGE / 4, b'x');
            content.freeze().into()
        });
    }

    #[test]
    fn constants_count_nothing_and_shared_bytes_once() {
        static TEXT: [u8; LARGE] = [b'x'; LARGE];
        assert!(parked(|| TEXT[..].into()).0 < BESIDE);
        let shared = Bytes::from(vec![b'x'; LARGE]);
        let (mut connection, mut context, _client) = full_by({
            let shared = shared.clone();
            Arc::new(move |_: &mut Request| Body::from(shared.clone()))
        });
        let mut others = Vec::new();
        for _ in 0..3 {
            let (other, _, client) = full();
            others.push((other, client));
        }
        for connection in [&mut connection].into_iter().chain(others.iter_mut().map(|(other, _)| other)) {
            assert!(matches!(connection.advance(&mut context), Verdict::Park));
        }
        let held = context.service.answer_memory.bytes();
        assert!((LARGE as u64..LARGE as u64 + 4 * BESIDE).contains(&held), "{held}");
        drop(connection);
        assert!(context.service.answer_memory.bytes() >= LARGE as u64, "three clients still wait for it");
        drop(others);
        assert_eq!(context.service.answer_memory.bytes(), 0);
    }

    #[test]
    fn small_rest_of_a_large_answer_is_copied_and_the_answer_freed() {
        let dropped = Arc::new(());
        let holds = Arc::clone(&dropped);
        struct Owner(Vec<u8>, #[expect(dead_code, reason = "its count is looked at")] Arc<()>);
        impl AsRef<[u8]> for Owner {
            fn as_ref(&self) -> &[u8] {
                &self.0
            }
        }
        let make = move || Body::owned(Owner(vec![b'x'; LARGE], Arc::clone(&holds)), LARGE);
        let (counted, mut connection, mut context, mut client) = parked(make);
        assert!(counted >= LARGE as u64 && Arc::strong_count(&dropped) == 3);
        client.set_nonblocking(true).unwrap();
        let (mut taken, mut room) = (0, vec![0; 64 * 1024]);
        while let Phase::Send(sending) = &connection.phase {
            let (left, counted) = (sending.rest.as_ref().map_or(0, Remainder::len), sending.reservation.bytes());
            let is_small = left < LARGE as u64 / 8;
            assert_eq!(Arc::strong_count(&dropped) == 2, is_small, "{left} bytes are left");
            assert_eq!(counted < LARGE as u64 / 8 + BESIDE, is_small, "{left} bytes are left, {counted} count");
            while let Ok(count @ 1..) = client.read(&mut room) {
                taken += count;
            }
            assert!(matches!(connection.advance(&mut context), Verdict::Park), "after {taken} bytes");
        }
        assert_eq!(context.service.answer_memory.bytes(), 0);
    }
}
