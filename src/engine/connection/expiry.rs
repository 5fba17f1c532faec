//! The expiry of a connection's deadline.

use super::{ClientConnection, Phase, Verdict};
use crate::engine::service::context::WorkerContext;
use crate::engine::service::counters::Late;
use crate::h1::error::ProtocolError;
use crate::proxy::header::HeaderRefusal;

/// The action for a connection whose deadline has passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expired {
    Close,
    /// A worker reads once more and decides.
    LastLook,
}

impl ClientConnection {
    /// Notes that the deadline has passed, and returns the action.
    ///
    /// An idle connection ends without an error. A missing or incomplete head or content is
    /// answered with `408`. Input received before a worker reads is in time.
    pub(crate) fn overdue(&mut self) -> Expired {
        let is_optional = self.is_idle() || matches!(self.phase, Phase::Drain { .. } | Phase::Linger { .. });
        self.is_overdue = !is_optional || self.has_unread_input();
        if self.is_overdue { Expired::LastLook } else { Expired::Close }
    }

    /// Returns the timeout to count if [`overdue`](Self::overdue) says `Close`.
    pub(crate) fn late(&self) -> Late {
        if self.is_idle() { Late::Idle } else { Late::Linger }
    }

    /// Ends a connection whose last read found too little.
    pub(super) fn give_up_waiting(&mut self, context: &mut WorkerContext) -> Verdict {
        match self.phase {
            Phase::Proxy => self.refuse_header(HeaderRefusal::Late, context),
            Phase::Handshake(_) => self.give_up_handshake(context),
            _ if self.is_idle() => {
                context.counters.count_late(Late::Idle);
                Verdict::Close
            }
            // The client has had its answer.
            Phase::Drain { .. } | Phase::Linger { .. } => {
                context.counters.count_late(Late::Linger);
                Verdict::Close
            }
            _ => self.refuse_present(ProtocolError::Timeout, context),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::net::poll::Interest;

    use std::io::Write;
    use std::os::unix::net::UnixStream;
    use std::sync::Arc;
    use std::time::Instant;

    use super::*;
    use crate::config::Config;
    use crate::engine::service::context::Service;
    use crate::message::Request;
    use crate::net::stream::Stream;
    use crate::settings::Settings;

    /// Returns a waiting connection that has received `sent`.
    fn after(sent: &str) -> (ClientConnection, WorkerContext, UnixStream) {
        let (mut client, socket) = UnixStream::pair().unwrap();
        let config = Config::resolve(&Settings::default()).unwrap();
        let service = Arc::new(Service::new(config, Arc::new(|request: &mut Request| request.uri().path().to_owned())));
        let mut context = WorkerContext::new(Arc::clone(&service), Arc::default());
        let stream = Stream::unix(socket, Duration::from_millis(1)).unwrap();
        let mut connection = ClientConnection::new(stream, None, Instant::now(), &service.config.get());
        client.write_all(sent.as_bytes()).unwrap();
        while !matches!(connection.advance(&mut context), Verdict::Park) {}
        (connection, context, client)
    }

    /// Returns a request head, and the first part of content that the handler does not read.
    fn part_of_80_kib() -> String {
        format!("POST /first HTTP/1.1\r\nHost: a\r\nContent-Length: 81920\r\n\r\n{}", "x".repeat(70_000))
    }

    #[test]
    fn content_that_is_dropped_is_looked_at_once_more() {
        let (mut connection, mut context, mut client) = after(&part_of_80_kib());
        assert!(matches!(connection.phase, Phase::Drain { .. }), "{:?}", connection.phase);
        assert_eq!(connection.overdue(), Expired::Close, "nothing has come");
        client.write_all("x".repeat(81_920 - 70_000).as_bytes()).unwrap();
        client.write_all(b"GET /next HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
        assert_eq!(connection.overdue(), Expired::LastLook);
        assert!(matches!(connection.advance(&mut context), Verdict::Park));
        assert_eq!((connection.is_idle(), connection.answered), (true, 2));
        assert_eq!(context.counters.timeouts().linger, 0);
    }

    #[test]
    fn content_that_is_dropped_and_still_not_whole_ends_without_another_answer() {
        let (mut connection, mut context, mut client) = after(&part_of_80_kib());
        client.write_all(b"xxx").unwrap();
        assert_eq!(connection.overdue(), Expired::LastLook);
        let written = context.counters.bytes_written.get();
        assert!(matches!(connection.advance(&mut context), Verdict::Close));
        let seen =
            (context.counters.timeouts().linger, context.counters.refused.get(), context.counters.bytes_written.get());
        assert_eq!(seen, (1, 0, written));
    }

    #[test]
    fn what_follows_a_last_answer_is_dropped_before_the_end() {
        let (mut connection, mut context, mut client) = after("nonsense\r\n\r\n");
        assert!(matches!(connection.phase, Phase::Linger { .. }), "{:?}", connection.phase);
        assert_eq!(connection.overdue(), Expired::Close, "nothing has come");
        client.write_all(b"more").unwrap();
        assert_eq!(connection.overdue(), Expired::LastLook);
        assert!(matches!(connection.advance(&mut context), Verdict::Close));
        assert!(matches!(connection.stream.wait(Interest::Read, Duration::ZERO), Ok(false)), "it has been read");
        assert_eq!(context.counters.timeouts().linger, 1);
    }
}
