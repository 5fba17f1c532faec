//! Checked and complete settings, as the server uses them; immutable.
//!
//! The only reader of `Settings`. All checks are made here, so that a start fails before anything
//! is opened.

mod bind;
mod check;
mod proxies;
mod tls;
// Not at the root of the crate, where the compiler would call it private instead of naming the feature.
#[cfg(not(feature = "wsgi"))]
#[path = "config/without_wsgi.rs"]
mod wsgi;

use std::time::Duration;

use http::{HeaderValue, StatusCode, Version};

use self::bind::{bind, mode, owner, resolve, sockets};
use self::check::{
    GIB, KIB, LONGEST_GRACE, LONGEST_QUEUE, LONGEST_TARGET, MOST_CONNECTIONS, MOST_FIELDS, MOST_THREADS, backlog,
    connections, limit, overflow, protocol, software, thread_pool_max, time, time_or_zero, within,
};
use self::proxies::trust;
use crate::address::BindAddr;
use crate::error::Error;
use crate::net::descriptors;
use crate::net::given::ListeningSocket;
use crate::proxy::trust::Trust;
use crate::settings::Settings;
#[cfg(feature = "wsgi")]
use crate::wsgi;

pub(crate) use self::tls::TlsConfig;

/// The checked settings of one start or reload; shared in an `Arc`.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    /// Addresses to listen on, not resolved; at least one, unless there are sockets.
    pub(crate) bind: Vec<BindAddr>,
    /// Sockets of the program's own to listen on.
    pub(crate) listen_sockets: Vec<ListeningSocket>,
    /// The setting that names the addresses.
    pub(crate) bind_setting: &'static str,
    /// Permissions of a Unix socket's file.
    pub(crate) socket_mode: u32,
    /// Name or number of the user to own the file; `None`: the user of the process.
    pub(crate) socket_user: Option<String>,
    /// Name or number of the group of the file; `None`: as the system chooses.
    pub(crate) socket_group: Option<String>,
    /// Length of the kernel's backlog; at least 1.
    pub(crate) socket_queue_size: i32,
    /// True to set `SO_REUSEPORT` before bind.
    pub(crate) reuse_port: bool,
    /// True to set `TCP_NODELAY` on each connection.
    pub(crate) nodelay: bool,

    /// True to look up the credentials of clients on a Unix socket.
    pub(crate) peercreds: bool,
    /// True if the names of a client's user and groups can be asked for; only with `peercreds`.
    pub(crate) peercreds_resolve: bool,

    /// True if every connection begins with a PROXY header.
    pub(crate) proxy_protocol: bool,
    /// Trusted proxies and their fields; `None`: no proxy is trusted, no field is removed.
    pub(crate) trust: Option<Trust>,

    /// From a head's first byte to its last; for the first head from the accept or handshake.
    pub(crate) header_timeout: Duration,
    /// The longest stall while reading a request body.
    pub(crate) body_timeout: Duration,
    /// The longest stall while sending an answer.
    pub(crate) write_timeout: Duration,
    /// From the call of a handler to its return; `None`: no limit.
    pub(crate) request_timeout: Option<Duration>,
    /// From the accept to the end of a TLS handshake.
    pub(crate) handshake_timeout: Duration,
    /// From the end of an answer to the first byte of the next head.
    pub(crate) keep_alive_timeout: Duration,
    /// Part of `keep_alive_timeout` to wait in a worker; at most all of it, may be zero.
    pub(crate) keep_alive_grace: Duration,
    /// For discarding input after an early answer.
    pub(crate) linger_timeout: Duration,
    /// From the queueing of a request to the 503; may be zero.
    pub(crate) accepted_queue_timeout: Duration,
    /// From the stop to the cut; may be zero.
    pub(crate) shutdown_timeout: Duration,
    /// Idle timeout of a worker above `thread_pool`.
    pub(crate) thread_idle_timeout: Duration,

    /// True to measure the time of requests from the start.
    pub(crate) statistics: bool,

    /// Maximum number of open connections; `None`: no limit.
    pub(crate) max_connections: Option<usize>,
    /// Maximum number of connections idle between requests; `None`: no limit.
    pub(crate) keep_alive_conn_limit: Option<usize>,
    /// Maximum number of connections that have left HTTP; `None`: no limit.
    pub(crate) max_upgraded: Option<usize>,
    /// Length of the queue of requests for a worker; `None`: no limit.
    pub(crate) accepted_queue_size: Option<usize>,
    /// Number of workers always kept; at least 1.
    pub(crate) thread_pool: usize,
    /// Maximum number of workers, at least `thread_pool`; `None`: no limit.
    pub(crate) thread_pool_max: Option<usize>,
    /// Stack size of a worker, in bytes.
    pub(crate) thread_stack_size: usize,

    /// HTTP/1.1 or HTTP/1.0.
    pub(crate) protocol_version: Version,
    /// Value of the `Server` field, if sent; not empty.
    pub(crate) software: Option<HeaderValue>,
    /// Field names of answers in title case.
    pub(crate) title_case_headers: bool,
    /// A 408 for a client that has sent nothing.
    pub(crate) answer_silence: bool,
    /// CONNECT is for the handler.
    pub(crate) accept_connect: bool,
    /// Version of the gateway, for applications.
    #[cfg_attr(not(feature = "wsgi"), allow(dead_code, reason = "only a gateway reads it"))]
    pub(crate) wsgi_version: wsgi::WsgiVersion,
    /// Status for a head above `max_request_header_size` or `max_request_header_fields`.
    pub(crate) header_overflow_status: StatusCode,

    /// The TLS configuration; `None`: no TLS.
    pub(crate) tls: Option<TlsConfig>,

    /// Maximum bytes of a request line and header section together.
    pub(crate) max_request_header_size: usize,
    /// Maximum bytes of a request target; may exceed `max_request_header_size`, which then applies first.
    pub(crate) max_request_target_size: usize,
    /// Maximum number of field lines of a header section.
    pub(crate) max_request_header_fields: usize,
    /// Maximum bytes of content; `None`: no limit.
    pub(crate) max_request_body_size: Option<u64>,
    /// Bytes of content received before the handler runs; may be zero.
    pub(crate) body_buffer_size: usize,
    /// Maximum bytes of answers waiting for clients without a worker; `None`: no limit.
    pub(crate) max_parked_size: Option<u64>,
    /// Maximum bytes of unread content to drop so as to keep a connection.
    pub(crate) max_drain_size: u64,
    /// Maximum bytes of input to drop after an early answer.
    pub(crate) max_linger_size: u64,
    /// Minimum rate of a peer in bytes a second; `None`: any byte restores the whole time limit.
    pub(crate) minimum_rate: Option<u64>,
}

impl Config {
    /// Checks `settings` and fills in the derived defaults.
    ///
    /// # Errors
    /// [`Error::Setting`] or [`Error::Contradiction`] for the first unusable value.
    pub(crate) fn resolve(settings: &Settings) -> Result<Config, Error> {
        let s = settings;
        let patience = time("socket_timeout", s.socket_timeout)?;
        let or_patience = |name, value: Option<Duration>| value.map_or(Ok(patience), |value| time(name, value));
        let keep_alive_timeout = time("keep_alive_timeout", s.keep_alive_timeout)?;
        let keep_alive_grace = within("keep_alive_grace", s.keep_alive_grace, Duration::ZERO..=LONGEST_GRACE)?;
        let thread_pool = within("thread_pool", s.thread_pool, 1..=MOST_THREADS)?;
        let (bind_setting, bind) = bind(s)?;
        Ok(Config {
            socket_mode: mode(s.socket_mode)?,
            socket_user: owner("socket_user", s.socket_user.as_deref())?,
            socket_group: owner("socket_group", s.socket_group.as_deref())?,
            socket_queue_size: backlog(s.socket_queue_size)?,
            reuse_port: s.reuse_port,
            nodelay: s.nodelay,
            peercreds: s.peercreds,
            peercreds_resolve: resolve(s.peercreds_resolve, s.peercreds)?,
            proxy_protocol: s.proxy_protocol,
            header_timeout: or_patience("header_timeout", s.header_timeout)?,
            body_timeout: or_patience("body_timeout", s.body_timeout)?,
            write_timeout: or_patience("write_timeout", s.write_timeout)?,
            request_timeout: s.request_timeout.map(|value| time("request_timeout", value)).transpose()?,
            handshake_timeout: or_patience("handshake_timeout", s.handshake_timeout)?,
            keep_alive_timeout,
            keep_alive_grace: keep_alive_grace.min(keep_alive_timeout),
            linger_timeout: time("linger_timeout", s.linger_timeout)?,
            accepted_queue_timeout: time_or_zero("accepted_queue_timeout", s.accepted_queue_timeout)?,
            shutdown_timeout: time_or_zero("shutdown_timeout", s.shutdown_timeout)?,
            thread_idle_timeout: time("thread_idle_timeout", s.thread_idle_timeout)?,
            statistics: s.statistics,
            accepted_queue_size: limit("accepted_queue_size", s.accepted_queue_size, 1..=LONGEST_QUEUE)?,
            max_connections: connections(s.max_connections, descriptors::limit())?,
            keep_alive_conn_limit: limit("keep_alive_conn_limit", s.keep_alive_conn_limit, 0..=MOST_CONNECTIONS)?,
            max_upgraded: limit("max_upgraded", s.max_upgraded, 0..=MOST_THREADS)?,
            thread_pool,
            thread_pool_max: thread_pool_max(s.thread_pool_max, thread_pool)?,
            thread_stack_size: within("thread_stack_size", s.thread_stack_size, 64 * KIB..=GIB)?,
            protocol_version: protocol(&s.protocol_version)?,
            header_overflow_status: overflow(s.header_overflow_status)?,
            title_case_headers: s.title_case_headers,
            answer_silence: s.answer_silence,
            accept_connect: s.accept_connect,
            max_request_header_size: within("max_request_header_size", s.max_request_header_size, 64..=GIB)?,
            max_request_target_size: within("max_request_target_size", s.max_request_target_size, 1..=LONGEST_TARGET)?,
            max_request_header_fields: within(
                "max_request_header_fields",
                s.max_request_header_fields,
                1..=MOST_FIELDS,
            )?,
            max_request_body_size: limit("max_request_body_size", s.max_request_body_size, 1..=u64::MAX)?,
            body_buffer_size: within("body_buffer_size", s.body_buffer_size, 0..=GIB)?,
            max_parked_size: limit("max_parked_size", s.max_parked_size, 1..=u64::MAX)?,
            max_drain_size: within("max_drain_size", s.max_drain_size, 1..=GIB as u64)?,
            max_linger_size: within("max_linger_size", s.max_linger_size, 1..=(GIB as u64) << 10)?,
            minimum_rate: limit("minimum_rate", s.minimum_rate, 1..=GIB as u64)?,
            // Values with memory of their own come last: each early return would drop the others.
            wsgi_version: wsgi::find(&s.wsgi_version)?,
            software: s.software.as_deref().map(software).transpose()?,
            listen_sockets: sockets(s)?,
            trust: trust(s)?,
            tls: TlsConfig::resolve(s)?,
            bind_setting,
            bind,
        })
    }
}

#[cfg(test)]
mod tests;
