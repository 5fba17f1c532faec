//! A limit for the rate of requests of each client.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::StatusCode;
use http::header::RETRY_AFTER;

use super::Layer;
use super::buckets::{Buckets, Rate};
use super::layered::{Around, Layered};
use crate::address::Peer;
use crate::message::{Failure, Handler, IntoResponse, Request, RequestExt, Response};

/// A layer that limits the rate of requests of each client. Above the limit, the client gets a
/// `429` with `Retry-After`, and the handler does not run.
///
/// ```
/// use drupe::layers::RateLimit;
/// use drupe::{Handler, Request, handler};
///
/// // One request a second on average, and up to 10 at once.
/// let login = handler(|_| "welcome\n").with(RateLimit::per_minute(60).burst(10));
/// # for _ in 0..10 {
/// #     assert_eq!(login.handle(&mut Request::default()).status(), 200);
/// # }
/// # assert_eq!(login.handle(&mut Request::default()).status(), 429);
/// ```
///
/// Each client has a bucket of tokens. A request takes a token; a request without a token is
/// refused. New tokens come at the rate, up to the burst. A refused request takes no token, so a
/// client that asks too often still gets its rate.
///
/// # Clients
///
/// | client | bucket |
/// |---|---|
/// | IPv4 | the address: [`RequestExt::client`], so behind trusted proxies the client's |
/// | IPv6 | the first 64 bits: the smallest network that a client usually has |
/// | Unix socket | the user ID, with [`peercreds`](crate::Settings::peercreds) |
/// | unknown | one bucket for all |
///
/// Behind a proxy without [`trusted_proxies`](crate::Settings::trusted_proxies) all requests come
/// from one client: the proxy.
///
/// # Memory
///
/// The layer remembers 131,072 clients in 4.5 MiB, or as set by [`clients`](Self::clients); the
/// memory is taken at once. A client is forgotten only if its bucket is full again and another
/// client needs the place. If there is no place for a new client, because of a flood of addresses
/// for example, the client shares a bucket with other new clients. Known clients keep their
/// buckets. The time for a request does not depend on the number of clients.
///
/// Each process counts on its own, and a restart forgets all counts.
pub struct RateLimit {
    rate: Rate,
    clients: usize,
}

/// A handler behind a [`RateLimit`].
pub struct Limiter {
    buckets: Buckets<Client>,
    start: Instant,
}

/// The owner of a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Client {
    V4(Ipv4Addr),
    /// The first 64 bits.
    V6(u64),
    User(u32),
    Unknown,
}

impl RateLimit {
    /// Allows this number of requests a second, and as many at once.
    ///
    /// # Panics
    /// If `requests` is 0.
    #[must_use]
    #[track_caller]
    pub fn per_second(requests: u32) -> Self {
        Self::new(requests, Duration::from_secs(1))
    }

    /// Allows this number of requests a minute, and as many at once.
    ///
    /// # Panics
    /// If `requests` is 0.
    #[must_use]
    #[track_caller]
    pub fn per_minute(requests: u32) -> Self {
        Self::new(requests, Duration::from_secs(60))
    }

    #[track_caller]
    fn new(requests: u32, period: Duration) -> Self {
        assert!(requests > 0, "a rate of 0 requests would refuse all");
        Self { rate: Rate { interval: period / requests, burst: requests }, clients: CLIENTS }
    }

    /// Allows this number of requests at once, if the client has paused before.
    ///
    /// # Panics
    /// If `requests` is 0.
    #[must_use]
    #[track_caller]
    pub fn burst(mut self, requests: u32) -> Self {
        assert!(requests > 0, "a burst of 0 requests would refuse all");
        self.rate.burst = requests;
        self
    }

    /// Remembers this number of clients, rounded up to a power of two, at least 8, of 36 bytes
    /// each. The default is 131,072.
    ///
    /// # Panics
    /// If `number` is 0 or above 2^24.
    #[must_use]
    #[track_caller]
    pub fn clients(mut self, number: usize) -> Self {
        assert!((1..=1 << 24).contains(&number), "the number of clients, {number}, is not from 1 to 2^24");
        self.clients = number;
        self
    }
}

impl<H: Handler> Layer<H> for RateLimit {
    type Handler = Layered<Limiter, H>;

    fn wrap(self, inner: Arc<H>) -> Self::Handler {
        let buckets = Buckets::new(self.rate, self.clients, Client::Unknown);
        Layered::new(Limiter { buckets, start: Instant::now() }, inner)
    }
}

impl Around for Limiter {
    fn answer(&self, request: &mut Request, inner: &dyn Handler) -> Response {
        let client = Client::of(request.client(), request.connection().peer());
        match self.buckets.take(client, self.start.elapsed()) {
            Ok(()) => inner.handle(request),
            Err(wait) => refusal(wait),
        }
    }
}

impl Client {
    fn of(address: Option<IpAddr>, peer: Option<&Peer>) -> Self {
        match (address.map(|address| address.to_canonical()), peer) {
            (Some(IpAddr::V4(address)), _) => Self::V4(address),
            (Some(IpAddr::V6(address)), _) => Self::V6(network(address)),
            (None, Some(Peer::Unix(Some(credentials)))) => Self::User(credentials.uid),
            (None, _) => Self::Unknown,
        }
    }
}

impl fmt::Debug for RateLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RateLimit").field("rate", &self.rate).field("clients", &self.clients).finish()
    }
}

impl fmt::Debug for Limiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Limiter").finish_non_exhaustive()
    }
}

/// Returns the first 64 bits.
fn network(address: Ipv6Addr) -> u64 {
    let [a, b, c, d, ..] = address.segments();
    [a, b, c, d].into_iter().fold(0, |bits, segment| bits << 16 | u64::from(segment))
}

/// Makes the `429`, with the time until the next token in seconds, rounded up.
fn refusal(wait: Duration) -> Response {
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    let failure = Failure::new(StatusCode::TOO_MANY_REQUESTS, "too many requests\n");
    ([(RETRY_AFTER, seconds)], failure).into_response()
}

const CLIENTS: usize = 1 << 17;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::Credentials;
    use crate::message::handler;

    #[test]
    fn clients_are_told_apart_by_address_network_and_user() {
        let of = |address: &str| Client::of(Some(address.parse().unwrap()), None);
        assert_eq!(of("192.0.2.1"), of("::ffff:192.0.2.1"));
        assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
        assert_eq!(of("2001:db8:0:1::1"), of("2001:db8:0:1:ffff:ffff:ffff:ffff"));
        assert_ne!(of("2001:db8:0:1::1"), of("2001:db8:0:2::1"));
        assert_ne!(of("::1"), of("::ffff:0.0.0.1"));
        assert_eq!(Client::of(None, None), Client::Unknown);
        assert_eq!(Client::of(None, Some(&Peer::Unix(None))), Client::Unknown);
        let user = |pid, uid| Client::of(None, Some(&Peer::Unix(Some(Credentials { pid, uid, gid: 0, names: None }))));
        assert_eq!(user(1, 7), user(2, 7));
        assert_ne!(user(1, 7), user(1, 8));
        // Behind a trusted proxy that hides the client, the proxy's address is not the client's.
        assert_eq!(Client::of(None, Some(&Peer::Tcp("192.0.2.1:1".parse().unwrap()))), Client::Unknown);
    }

    #[test]
    fn request_above_the_limit_is_a_429_that_names_the_wait() {
        let page = handler(|_| "tea").with(RateLimit::per_minute(1).burst(2));
        let ask = || page.handle(&mut Request::default());
        assert_eq!((ask().status().as_u16(), ask().status().as_u16()), (200, 200));
        let refused = ask();
        assert_eq!((refused.status().as_u16(), &refused.headers()[RETRY_AFTER]), (429, &"60".parse().unwrap()));
        assert!(Failure::of(&refused).is_some());
    }

    #[test]
    fn wait_is_rounded_up_to_seconds() {
        for (wait, told) in [(1, "1"), (999_999_999, "1"), (1_000_000_000, "1"), (1_000_000_001, "2")] {
            assert_eq!(refusal(Duration::from_nanos(wait)).headers()[RETRY_AFTER], told);
        }
    }

    #[test]
    fn limit_that_refuses_all_is_refused_at_the_start() {
        use std::panic::catch_unwind;
        assert!(catch_unwind(|| RateLimit::per_second(0)).is_err());
        assert!(catch_unwind(|| RateLimit::per_minute(0)).is_err());
        assert!(catch_unwind(|| RateLimit::per_second(1).burst(0)).is_err());
        assert!(catch_unwind(|| RateLimit::per_second(1).clients(0)).is_err());
        assert!(catch_unwind(|| RateLimit::per_second(1).clients((1 << 24) + 1)).is_err());
    }
}
