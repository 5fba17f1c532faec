//! The accepting thread: no read, no handshake, no wait for a peer.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::gate::{Gate, Report};
use crate::address::Peer;
use crate::engine::connection::ClientConnection;
use crate::engine::pool::Pool;
use crate::engine::wire::output::PATIENCE;
use crate::net::listener::{AcceptError, Accepted, Listener};
use crate::net::socket::PlainSocket;
use crate::net::stream::Stream;
use crate::net::tls::secure::Secure;
use crate::net::{credentials, descriptors};

/// Accepts from `listener` until closed, and leads the connections through `gate`.
pub(crate) fn run(listener: &Listener, gate: &Gate, report: &Report) {
    let mut trouble = Trouble::default();
    loop {
        match listener.accept() {
            Ok(incoming) => {
                trouble.pause = Duration::ZERO;
                let Some(inside) = gate.enter() else { return };
                admit(incoming, &inside.pool);
            }
            Err(AcceptError::Passing) => count_error(gate),
            Err(AcceptError::Exhausted(_)) if gate.is_closed() => return,
            Err(AcceptError::Exhausted(error)) => {
                count_error(gate);
                let remedy = if has_made_room(&error, gate) { trouble.ease() } else { trouble.next() };
                trouble.log(listener, &error, remedy, Instant::now());
                if matches!(remedy, Remedy::Pause(pause) if gate.closes_within(pause)) {
                    return;
                }
            }
            Err(AcceptError::Closed(error)) => {
                if !gate.is_closed() {
                    count_error(gate);
                    log::error!(
                        "accept failed on {}: {error}; no more connections are accepted there",
                        listener.address()
                    );
                    report(listener.address(), error);
                }
                return;
            }
        }
    }
}

fn admit(incoming: Accepted, pool: &Pool) {
    pool.accepted.fetch_add(1, Ordering::Relaxed);
    let config = pool.service().config.get();
    // Each read and write is short, so deadlines are kept and a stop is noticed.
    let grace = config.keep_alive_grace.max(SHORTEST_WAIT);
    let (socket, peer) = match incoming {
        Accepted::Tcp(socket, address) => (PlainSocket::tcp(socket, grace), Peer::Tcp(address)),
        Accepted::Unix(socket) => {
            let who = config.peercreds.then(|| credentials::of(&socket, config.peercreds_resolve)).flatten();
            (PlainSocket::unix(socket, grace), Peer::Unix(who))
        }
    };
    let stream = socket.and_then(|socket| match &pool.service().tls {
        Some(tls) => Ok(Stream::Tls(Box::new(Secure::new(socket, Arc::clone(tls), grace, PATIENCE)?))),
        None => Ok(Stream::Plain(socket)),
    });
    match stream {
        Ok(stream) => {
            let connection = ClientConnection::new(stream, Some(peer), Instant::now(), &config);
            pool.bring(Box::new(connection), &config);
        }
        // The client has left between the two calls.
        Err(error) => {
            pool.socket_errors.fetch_add(1, Ordering::Relaxed);
            log::debug!("cannot set up the connection of {peer}: {error}; connection closed");
        }
    }
}

/// Closes a connection to free a descriptor, if descriptors are lacking. Returns false if none was
/// closed.
fn has_made_room(error: &io::Error, gate: &Gate) -> bool {
    descriptors::are_lacking(error) && gate.try_enter().is_some_and(|inside| inside.pool.make_room())
}

/// Counts an error, except between two engines.
fn count_error(gate: &Gate) {
    let Some(pool) = gate.pool() else { return };
    pool.socket_errors.fetch_add(1, Ordering::Relaxed);
}

/// Consecutive errors of `accept`.
#[derive(Debug, Default)]
struct Trouble {
    pause: Duration,
    logged: Option<Instant>,
}

/// The reaction to an error of `accept`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Remedy {
    /// A connection was closed to free a descriptor.
    Evicted,
    /// Try again after a pause.
    Pause(Duration),
}

impl Trouble {
    /// Pauses for 5 ms, then twice as long each time up to 1 s.
    fn next(&mut self) -> Remedy {
        self.pause = (2 * self.pause).clamp(Duration::from_millis(5), Duration::from_secs(1));
        Remedy::Pause(self.pause)
    }

    /// Tries again at once.
    fn ease(&mut self) -> Remedy {
        self.pause = Duration::ZERO;
        Remedy::Evicted
    }

    /// Logs the error and the remedy, at most once a second.
    fn log(&mut self, listener: &Listener, error: &io::Error, remedy: Remedy, now: Instant) {
        if self.logged.is_none_or(|logged| now - logged >= Duration::from_secs(1)) {
            self.logged = Some(now);
            log::warn!("accept failed on {}: {error}; {remedy}", listener.address());
        }
    }
}

impl fmt::Display for Remedy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Evicted => f.write_str("closed an idle connection"),
            Self::Pause(pause) => write!(f, "retrying in {} ms", pause.as_millis()),
        }
    }
}

const SHORTEST_WAIT: Duration = Duration::from_millis(1);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::BindAddr;
    use crate::net::listener::ListenOptions;
    use crate::net::socket_file::Rights;

    #[test]
    fn pauses_double_up_to_a_second_and_begin_anew_after_an_eviction() {
        let mut trouble = Trouble::default();
        for _ in 0..2 {
            let pauses: Vec<String> = (0..10).map(|_| trouble.next().to_string()).collect();
            let expected = [5, 10, 20, 40, 80, 160, 320, 640, 1000, 1000];
            assert_eq!(pauses, expected.map(|pause| format!("retrying in {pause} ms")));
            assert_eq!(trouble.ease(), Remedy::Evicted);
        }
    }

    #[test]
    fn trouble_is_logged_at_most_once_a_second() {
        let (mut trouble, now, error) = (Trouble::default(), Instant::now(), io::Error::other("no descriptors"));
        let address = BindAddr::Unix("\0drupe-test-trouble".into());
        let rights = Rights { mode: 0o600, user: None, group: None };
        let options = ListenOptions {
            backlog: 1,
            only_v6: false,
            reuse_port: false,
            nodelay: false,
            send_patience: PATIENCE,
            rights,
            setting: "socket_file",
        };
        let listener = Listener::bind(&address, &options).unwrap().remove(0);
        for (millis, logged) in [(0, 0), (1, 0), (999, 0), (1000, 1000), (1999, 1000), (2000, 2000)] {
            trouble.log(&listener, &error, Remedy::Evicted, now + Duration::from_millis(millis));
            assert_eq!(trouble.logged, Some(now + Duration::from_millis(logged)), "{millis}");
        }
    }
}
