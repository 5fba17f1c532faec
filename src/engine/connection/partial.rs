//! Memory held for incomplete messages of parked connections.
//!
//! The limits on heads and on buffered content bound each connection. A common bound stops clients
//! from filling the memory with many large unfinished heads. Above the common bound:
//!
//! - A worker waits for content itself.
//! - A client with a large part of a head is turned away.
//! - A client that sends requests but reads no answer gets no answer after the present one.
//!
//! Small messages still wait as usual, so clients at the bound exclude few others.

use std::sync::atomic::Ordering;

use super::body::Reception;
use super::body_buffer::Gathering;
use super::exchange::Pending;
use super::sending::{Sending, Then};
use super::{ClientConnection, Phase, Verdict};
use crate::engine::service::context::{Service, WorkerContext};

impl ClientConnection {
    /// Counts the memory held while the connection waits.
    pub(super) fn weigh(&mut self, context: &WorkerContext) {
        let bytes = self.input.held() + self.phase.held() + self.proxied.held();
        self.reservation = (bytes > 0).then(|| context.service.request_memory.add(bytes as u64, 0));
    }

    /// Decides whether a connection may wait with much memory while the bound is reached.
    pub(super) fn find_room(&mut self, context: &mut WorkerContext) -> Verdict {
        let unread = self.input.held();
        match &mut self.phase {
            Phase::Head(_) if is_excess(unread, &context.service) => {
                let verdict = self.turn_away(context);
                self.tidy(context);
                return verdict;
            }
            // The unread input is requests, or content left by the handler. Neither is processed.
            Phase::Send(sending) if sending.may_be_last() && is_excess(unread + sending.spares(), &context.service) => {
                sending.be_last();
                context.service.turned_away.fetch_add(1, Ordering::Relaxed);
                self.input.clear();
                self.tidy(context);
            }
            // The client has had its answer.
            Phase::Drain { decoder, .. } if is_excess(decoder.held(), &context.service) => return Verdict::Close,
            _ => {}
        }
        Verdict::Park
    }
}

impl Sending {
    /// Returns the bytes freed if the present output becomes the last.
    fn spares(&self) -> usize {
        match self.then() {
            Then::Conclude(done) => done.unread(),
            Then::Resume(phase, _) => phase.held(),
            Then::Linger | Then::Close => 0,
        }
    }
}

impl Gathering {
    /// True if waiting would exceed the common bound.
    pub(super) fn is_in_excess(&self, context: &WorkerContext) -> bool {
        is_excess(self.held(), &context.service)
    }

    fn held(&self) -> usize {
        self.head.held() + self.reception.held() + self.line.held()
    }
}

impl Pending {
    fn held(&self) -> usize {
        let content = self.reception.as_ref().map_or(0, Reception::held);
        self.head.held() + content + self.line.held()
    }
}

impl Reception {
    fn held(&self) -> usize {
        self.ahead.capacity() + self.decoder.held()
    }
}

impl Phase {
    fn held(&self) -> usize {
        match self {
            Self::Content(gathering) => gathering.held(),
            Self::Ready(pending) => pending.held(),
            Self::Drain { decoder, .. } => decoder.held(),
            Self::Send(sending) => match sending.then() {
                Then::Conclude(done) => done.held(),
                Then::Resume(phase, _) => phase.held(),
                Then::Linger | Then::Close => 0,
            },
            Self::Proxy | Self::Handshake(_) | Self::Head(_) | Self::Linger { .. } => 0,
        }
    }
}

fn is_excess(bytes: usize, service: &Service) -> bool {
    bytes > SPARED && service.request_memory.is_full()
}

/// The bytes allowed to each connection above the bound: more than most browsers send.
const SPARED: usize = 8 * 1024;

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::unix::net::UnixStream;
    use std::sync::Arc;
    use std::time::{Duration, Instant};

    use super::*;
    use crate::config::Config;
    use crate::engine::service::budget::Reservation;
    use crate::message::Request;
    use crate::net::stream::Stream;
    use crate::settings::Settings;

    /// Returns the outcome for a connection that has sent `sent` while others hold `others` of
    /// 100,000 bytes, and the bytes the connection holds.
    fn after(sent: &str, others: u64) -> (Verdict, Phase, u64) {
        let (client, socket) = UnixStream::pair().unwrap();
        over(client, socket, sent, others, 1)
    }

    /// The answer is six bytes, `n` times.
    fn over(mut client: UnixStream, socket: UnixStream, sent: &str, others: u64, n: usize) -> (Verdict, Phase, u64) {
        let settings = Settings { max_parked_size: Some(100_000), ..Settings::default() };
        let config = Config::resolve(&settings).unwrap();
        let service = Arc::new(Service::new(config, Arc::new(move |_: &mut Request| "served".repeat(n))));
        let mut context = WorkerContext::new(Arc::clone(&service), Arc::default());
        let _others = service.request_memory.add(others, 0);
        let stream = Stream::unix(socket, Duration::from_millis(1)).unwrap();
        let mut connection = ClientConnection::new(stream, None, Instant::now(), &service.config.get());
        client.write_all(sent.as_bytes()).unwrap();
        let verdict = connection.advance(&mut context);
        let held = connection.reservation.as_ref().map_or(0, Reservation::bytes);
        (verdict, connection.phase, held)
    }

    fn head(length: usize) -> String {
        format!("POST / HTTP/1.1\r\nHost: a\r\nX: {}", "x".repeat(length))
    }

    #[test]
    fn what_waits_is_counted_and_nothing_else() {
        for (sent, expected) in [
            (String::new(), 0),
            ("POST / HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), 0),
            (head(100), 256),
            (head(5000), 8192),
            (head(9000), 16_384),
        ] {
            let (verdict, phase, held) = after(&sent, 0);
            assert!(matches!((verdict, phase), (Verdict::Park, Phase::Head(_))));
            assert_eq!(held, expected, "{} bytes", sent.len());
        }
        // Blanks before a value are not part of the value, but are held as long.
        for filling in ["x", " "] {
            let head = format!("POST / HTTP/1.1\r\nHost: a\r\nX:{}y", filling.repeat(50_000));
            let (_, phase, held) = after(&(head + "\r\nContent-Length: 5000\r\n\r\nhalf"), 0);
            assert!(matches!(phase, Phase::Content(_)) && (50_000..60_000).contains(&held), "{phase:?}: {held}");
        }
        let trailers = format!("\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nY: {}", "y".repeat(6000));
        let (_, phase, held) = after(&(head(100) + &trailers), 0);
        assert!(matches!(phase, Phase::Content(_)) && held > 6000, "{phase:?}: {held}");
    }

    #[test]
    fn where_no_room_is_left_only_what_is_small_waits() {
        for (sent, waits) in [(head(8000), true), (head(9000), false)] {
            let (verdict, phase, _) = after(&sent, 100_000);
            assert_eq!(matches!((&verdict, &phase), (Verdict::Park, Phase::Head(_))), waits, "{phase:?}");
            assert_eq!(matches!(phase, Phase::Linger { .. }), !waits, "{phase:?}");
        }
        let (_, phase, _) = after(&(head(3000) + "\r\nContent-Length: 10\r\n\r\nhalf"), 100_000);
        assert!(matches!(phase, Phase::Content(_)), "{phase:?}");
        // The handler has run, and left the rest of the content to the drain.
        let (_, phase, _) = after(&(head(9000) + "\r\nContent-Length: 10\r\n\r\nhalf"), 100_000);
        assert!(matches!(phase, Phase::Drain { .. }), "{phase:?}");
    }

    /// Returns the outcome for a client that has asked for `/`, sent `more`, and reads no answer.
    fn beside_an_answer(more: &str, others: u64, n: usize) -> (Verdict, Phase, u64) {
        let (client, mut socket) = UnixStream::pair().unwrap();
        socket.set_write_timeout(Some(Duration::from_millis(1))).unwrap();
        while socket.write(&[b'#'; 4096]).is_ok() {}
        over(client, socket, &(head(17_000) + more), others, n)
    }

    #[test]
    fn who_asks_on_and_takes_no_answer_has_had_the_last_where_no_room_is_left() {
        let next = "\r\n\r\n".to_owned() + &head(12_000);
        for (others, kept) in [(0, 16_384), (100_000, 0)] {
            let (verdict, phase, held) = beside_an_answer(&next, others, 1);
            assert!(matches!(verdict, Verdict::Park), "it is let go");
            assert_eq!(held, kept);
            let Phase::Send(sending) = phase else { panic!("{phase:?}") };
            assert_eq!(matches!(sending.then(), Then::Linger), kept == 0, "{sending:?}");
        }
    }

    #[test]
    fn trailers_that_nobody_reads_are_let_go_where_no_room_is_left() {
        let trailers = "\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nY: ".to_owned() + &"y".repeat(12_000);
        // A small answer is gathered and the content drained. A large one is unfinished, as is its
        // exchange.
        for (n, is_over) in [(1, true), (10_000, false)] {
            let (verdict, phase, held) = beside_an_answer(&trailers, 100_000, n);
            assert!(matches!(verdict, Verdict::Park), "it is let go");
            assert_eq!(held, 0);
            let Phase::Send(sending) = phase else { panic!("{phase:?}") };
            let is_last = matches!(sending.then(), Then::Linger);
            assert!(is_last == is_over && (is_over || matches!(sending.then(), Then::Conclude(_))), "{sending:?}");
        }
    }
}
