//! What connections hold of messages that are still on their way in, while they wait for the rest without a thread.
//!
//! Each is bounded by itself, by the limits on heads and on content that is kept. All together they are bounded too, or clients that send
//! large heads and never end them could fill the memory, however few bytes a second they send. Above the bound content is waited for by its
//! worker, and a client that sends a large head is turned away, as is one that goes on asking while it takes no answers; small
//! heads, as nearly all are, find room at any time.

use std::mem;

use http::HeaderMap;
use http::header::HeaderValue;

use super::connection::{Connection, Phase, Verdict};
use super::desk::{Desk, Service};
use super::gather::Gathering;
use super::sending::Then;
use crate::h1::head::Scan;

impl Connection {
    /// Has what it holds counted while it waits.
    pub(super) fn weigh(&mut self, desk: &Desk) {
        let bytes = self.input.held() + self.phase.held();
        self.load = (bytes > 0).then(|| desk.service.incoming.add(bytes as u64, 0));
    }

    /// Ends it if it is about to wait with a large part of a head, or behind an answer with more requests, where no room is left.
    pub(super) fn find_room(&mut self, desk: &mut Desk) -> Verdict {
        if !is_excess(self.input.unread().len(), &desk.service) {
            return Verdict::Park;
        }
        match mem::replace(&mut self.phase, Phase::Head(Scan::default())) {
            Phase::Head(_) => self.turn_away(desk),
            Phase::Send(sending) => {
                self.give_up(*sending, "there is no room for what its client sends meanwhile", desk)
            }
            phase => {
                self.phase = phase;
                Verdict::Park
            }
        }
    }
}

impl Gathering {
    /// Whether it would have to wait where no room is left.
    pub(super) fn is_in_excess(&self, desk: &Desk) -> bool {
        is_excess(self.held(), &desk.service)
    }

    fn held(&self) -> usize {
        self.reception.ahead.capacity() + size_of_fields(&self.head.fields)
    }
}

impl Phase {
    fn held(&self) -> usize {
        match self {
            Self::Content(gathering) => gathering.held(),
            Self::Send(sending) => match sending.then() {
                Then::Resume(phase, _) => phase.held(),
                _ => 0,
            },
            _ => 0,
        }
    }
}

fn is_excess(bytes: usize, service: &Service) -> bool {
    bytes > SPARED && service.incoming.is_full()
}

fn size_of_fields(fields: &HeaderMap) -> usize {
    let each = |(name, value): (&http::HeaderName, &HeaderValue)| name.as_str().len() + value.len();
    fields.iter().map(each).sum::<usize>() + fields.capacity() * size_of::<HeaderValue>()
}

/// What each may hold however many there are.
const SPARED: usize = 4 * 1024;

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::unix::net::UnixStream;
    use std::sync::Arc;
    use std::time::{Duration, Instant};

    use super::super::burden::Load;
    use super::*;
    use crate::config::Config;
    use crate::message::Request;
    use crate::net::stream::Stream;
    use crate::settings::Settings;

    /// What becomes of a connection that has sent `sent`, where others hold `others` of 100,000 bytes; and how full it is then.
    fn after(sent: &str, others: u64) -> (Verdict, Phase, u64) {
        let (client, socket) = UnixStream::pair().unwrap();
        over(client, socket, sent, others)
    }

    fn over(mut client: UnixStream, socket: UnixStream, sent: &str, others: u64) -> (Verdict, Phase, u64) {
        let settings = Settings { max_parked_size: Some(100_000), ..Settings::default() };
        let config = Config::resolve(&settings).unwrap();
        let service = Arc::new(Service::new(config, Arc::new(|_: &mut Request| "served")));
        let mut desk = Desk::new(Arc::clone(&service), Arc::default());
        let _others = service.incoming.add(others, 0);
        let stream = Stream::unix(socket, Duration::from_millis(1)).unwrap();
        let mut connection = Connection::new(stream, None, Instant::now(), &service.config.get());
        client.write_all(sent.as_bytes()).unwrap();
        let verdict = connection.advance(&mut desk);
        let held = connection.load.as_ref().map_or(0, Load::bytes);
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
        ] {
            let (verdict, phase, held) = after(&sent, 0);
            assert!(matches!((verdict, phase), (Verdict::Park, Phase::Head(_))));
            assert_eq!(held, expected, "{} bytes", sent.len());
        }
        let (_, phase, held) = after(&(head(5000) + "\r\nContent-Length: 5000\r\n\r\nhalf"), 0);
        assert!(matches!(phase, Phase::Content(_)) && held > 5000, "{phase:?}: {held}");
    }

    #[test]
    fn where_no_room_is_left_only_what_is_small_waits() {
        for (sent, waits) in [(head(3000), true), (head(5000), false)] {
            let (verdict, phase, _) = after(&sent, 100_000);
            assert_eq!(matches!((&verdict, &phase), (Verdict::Park, Phase::Head(_))), waits, "{phase:?}");
            assert_eq!(matches!(phase, Phase::Linger { .. }), !waits, "{phase:?}");
        }
        let (_, phase, _) = after(&(head(3000) + "\r\nContent-Length: 10\r\n\r\nhalf"), 100_000);
        assert!(matches!(phase, Phase::Content(_)), "{phase:?}");
        // Its handler has run, and left the rest of the content for the drain.
        let (_, phase, _) = after(&(head(5000) + "\r\nContent-Length: 10\r\n\r\nhalf"), 100_000);
        assert!(matches!(phase, Phase::Drain { .. }), "{phase:?}");
    }
    #[test]
    fn who_goes_on_asking_and_takes_no_answer_is_cut_where_no_room_is_left() {
        for (others, waits) in [(0, true), (100_000, false)] {
            let (client, mut socket) = UnixStream::pair().unwrap();
            socket.set_write_timeout(Some(Duration::from_millis(1))).unwrap();
            while socket.write(&[b'#'; 4096]).is_ok() {}
            let (verdict, phase, _) = over(client, socket, &(head(17_000) + "\r\n\r\n" + &head(8000)), others);
            assert_eq!(matches!((verdict, &phase), (Verdict::Park, Phase::Send(_))), waits, "{phase:?}");
        }
    }
}
