//! Accepts connections, and does nothing else: no read, no handshake, no wait for a peer.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::connection::Connection;
use super::entrance::{Gate, Report};
use super::output::PATIENCE;
use super::pool::Pool;
use crate::address::Peer;
use crate::net::credentials;
use crate::net::listener::{Incoming, Listener, Refusal};
use crate::net::stream::Stream;
use crate::net::tls::secure::Secure;

/// Accepts from `listener` until it is closed, and leads everybody through `gate`.
pub(crate) fn run(listener: &Listener, gate: &Gate, report: &Report) {
    let mut trouble = Trouble::default();
    loop {
        match listener.accept() {
            Ok(incoming) => {
                trouble.pause = Duration::ZERO;
                let Some(inside) = gate.enter() else { return };
                admit(incoming, &inside.pool);
            }
            Err(Refusal::Passing) => count_error(gate),
            Err(Refusal::Exhausted(error)) => {
                count_error(gate);
                let pause = trouble.next(&error, Instant::now());
                if gate.closes_within(pause) {
                    return;
                }
            }
            Err(Refusal::Closed(error)) => {
                if !gate.is_closed() {
                    count_error(gate);
                    log::error!("no more connections on {}: {error}", listener.address());
                    report(listener.address(), error);
                }
                return;
            }
        }
    }
}

fn admit(incoming: Incoming, pool: &Pool) {
    pool.accepted.fetch_add(1, Ordering::Relaxed);
    let config = pool.service().config.get();
    // Each read and write is short, so that a deadline is kept and a stop is noticed.
    let grace = config.keep_alive_grace.max(SHORTEST_WAIT);
    let (stream, peer) = match incoming {
        Incoming::Tcp(socket, address) => (Stream::tcp(socket, grace), Peer::Tcp(address)),
        Incoming::Unix(socket) => {
            let who = config.peercreds.then(|| credentials::of(&socket, config.peercreds_resolve)).flatten();
            (Stream::unix(socket, grace), Peer::Unix(who))
        }
    };
    let stream = stream.and_then(|stream| match &pool.service().tls {
        Some(tls) => Ok(Stream::Tls(Box::new(Secure::new(stream, Arc::clone(tls), grace, PATIENCE)?))),
        None => Ok(stream),
    });
    match stream {
        Ok(stream) => {
            let connection = Connection::new(stream, Some(peer), Instant::now(), &config);
            pool.bring(Box::new(connection), &config);
        }
        // The client has left between the two calls.
        Err(error) => {
            pool.socket_errors.fetch_add(1, Ordering::Relaxed);
            log::debug!("lost {peer} while accepting: {error}");
        }
    }
}

/// Between two engines nobody counts.
fn count_error(gate: &Gate) {
    let Some(pool) = gate.pool() else { return };
    pool.socket_errors.fetch_add(1, Ordering::Relaxed);
}

/// Errors in a row.
#[derive(Debug, Default)]
struct Trouble {
    pause: Duration,
    logged: Option<Instant>,
}

impl Trouble {
    /// How long to pause: 5 ms, then twice as long each time up to 1 s. Logs at most once a second.
    fn next(&mut self, error: &io::Error, now: Instant) -> Duration {
        if self.logged.is_none_or(|logged| now - logged >= Duration::from_secs(1)) {
            self.logged = Some(now);
            log::warn!("cannot accept connections for now: {error}");
        }
        self.pause = (2 * self.pause).clamp(Duration::from_millis(5), Duration::from_secs(1));
        self.pause
    }
}

const SHORTEST_WAIT: Duration = Duration::from_millis(1);
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_second_and_are_logged_once_a_second() {
        let (mut trouble, now, error) = (Trouble::default(), Instant::now(), io::Error::other("no descriptors"));
        let pauses: Vec<u128> = (0..10).map(|_| trouble.next(&error, now).as_millis()).collect();
        assert_eq!(pauses, [5, 10, 20, 40, 80, 160, 320, 640, 1000, 1000]);
        assert_eq!(trouble.logged, Some(now));
        trouble.next(&error, now + Duration::from_secs(1));
        assert_eq!(trouble.logged, Some(now + Duration::from_secs(1)));
    }
}
