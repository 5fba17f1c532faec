//! Settings as the server uses them: checked, complete, never changed again.
//!
//! The only reader of `Settings`. Every check stands here, so that a start fails before anything is opened.

mod bind;
mod check;
mod proxies;
mod tls;

use std::time::Duration;

use http::{HeaderValue, StatusCode, Version};

use self::bind::{bind, mode, owner, resolve};
use self::check::{
    GIB, KIB, LONGEST_GRACE, LONGEST_QUEUE, LONGEST_TARGET, MOST_CONNECTIONS, MOST_FIELDS, MOST_THREADS, backlog,
    connections, limit, overflow, protocol, software, threads_max, time, time_or_zero, within,
};
use self::proxies::trust;
use crate::address::BindAddr;
use crate::error::Error;
use crate::net::descriptors;
use crate::proxy::trust::Trust;
use crate::settings::Settings;
use crate::wsgi;

pub(crate) use self::tls::TlsConfig;

/// Everything that the engine needs to know, as of one start; shared in an `Arc`.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    /// Where to listen, not resolved; at least one.
    pub(crate) bind: Vec<BindAddr>,
    /// The setting that says so.
    pub(crate) bind_setting: &'static str,
    /// Permissions of a Unix socket's file.
    pub(crate) socket_mode: u32,
    /// Name or number of the user it belongs to; `None`: whoever runs the server.
    pub(crate) socket_user: Option<String>,
    /// Name or number of its group; `None`: as the system chooses.
    pub(crate) socket_group: Option<String>,
    /// What `listen` is told to keep; at least 1.
    pub(crate) backlog: i32,
    /// Whether `SO_REUSEPORT` is set before bind.
    pub(crate) reuse_port: bool,
    /// Whether `TCP_NODELAY` is set on each connection.
    pub(crate) nodelay: bool,

    /// Whether it is found out who comes over a Unix socket.
    pub(crate) peercreds: bool,
    /// Whether the names of that user and group can be asked for; only with `peercreds`.
    pub(crate) peercreds_resolve: bool,

    /// Whether every connection begins with a PROXY header.
    pub(crate) proxy_protocol: bool,
    /// Who else is believed, in what; `None`: nobody, and then nothing is looked at.
    pub(crate) trust: Option<Trust>,

    /// From the first byte of a head to its last.
    pub(crate) header_timeout: Duration,
    /// For each stretch of a body.
    pub(crate) body_timeout: Duration,
    /// For each stretch of an answer.
    pub(crate) write_timeout: Duration,
    /// From the accept to the end of a TLS handshake.
    pub(crate) handshake_timeout: Duration,
    /// From the end of an answer to the first byte of the next head.
    pub(crate) keep_alive_timeout: Duration,
    /// How much of `keep_alive_timeout` a worker spends on waiting; never more than it, may be zero.
    pub(crate) keep_alive_grace: Duration,
    /// For discarding input after an early answer.
    pub(crate) linger_timeout: Duration,
    /// From finding the queue full to the 503; may be zero.
    pub(crate) accepted_queue_timeout: Duration,
    /// From the stop to the cut; may be zero.
    pub(crate) shutdown_timeout: Duration,
    /// For a worker above `threads_min` to be without work.
    pub(crate) thread_idle_timeout: Duration,

    /// Whether the time of requests is measured from the start.
    pub(crate) statistics: bool,

    /// Connections that may be open; `None`: no limit.
    pub(crate) connections: Option<usize>,
    /// Connections that may be idle between requests; `None`: no limit.
    pub(crate) idle_connections: Option<usize>,
    /// Connections that may have left HTTP; `None`: no limit.
    pub(crate) upgraded: Option<usize>,
    /// Connections that may wait for a worker; `None`: no limit.
    pub(crate) queue: Option<usize>,
    /// Workers that are always there; at least 1.
    pub(crate) threads_min: usize,
    /// Workers that there may be, at least `threads_min`; `None`: no limit.
    pub(crate) threads_max: Option<usize>,
    /// Bytes of stack of a worker.
    pub(crate) stack_size: usize,

    /// HTTP/1.1 or HTTP/1.0.
    pub(crate) protocol: Version,
    /// Value of the `Server` field, if it is sent; not empty.
    pub(crate) software: Option<HeaderValue>,
    /// Version of the gateway, for applications.
    pub(crate) wsgi: wsgi::WsgiVersion,
    /// Status for a head above `head_bytes` or `fields`.
    pub(crate) overflow: StatusCode,

    /// How TLS is spoken; `None`: it is not.
    pub(crate) tls: Option<TlsConfig>,

    /// Bytes of a request line and header section together.
    pub(crate) head_bytes: usize,
    /// Bytes of a request target; may be more than `head_bytes`, which then comes first.
    pub(crate) target_bytes: usize,
    /// Field lines of a header section.
    pub(crate) fields: usize,
    /// Bytes of content; `None`: no limit.
    pub(crate) content: Option<u64>,
    /// Bytes of content that are received before the handler runs; may be zero.
    pub(crate) body_buffer: usize,
    /// Bytes of answers that may wait for their clients without a worker; `None`: no limit.
    pub(crate) parked: Option<u64>,
    /// Bytes of unread content that are dropped so as to keep a connection.
    pub(crate) drain: u64,
    /// Bytes of input that are dropped after an early answer.
    pub(crate) linger_bytes: u64,
    /// Bytes a second that a peer must move to be waited for; `None`: any byte will do.
    pub(crate) minimum_rate: Option<u64>,
}

impl Config {
    /// Checks `settings` and completes what they leave open.
    ///
    /// # Errors
    /// [`Error::Setting`] for the first value that cannot be used.
    pub(crate) fn resolve(settings: &Settings) -> Result<Config, Error> {
        let s = settings;
        let patience = time("socket_timeout", s.socket_timeout)?;
        let or_patience = |name, value: Option<Duration>| value.map_or(Ok(patience), |value| time(name, value));
        let keep_alive_timeout = time("keep_alive_timeout", s.keep_alive_timeout)?;
        let keep_alive_grace = within("keep_alive_grace", s.keep_alive_grace, Duration::ZERO..=LONGEST_GRACE)?;
        let (bind_setting, bind) = bind(s)?;
        let threads_min = within("thread_pool", s.thread_pool, 1..=MOST_THREADS)?;
        Ok(Config {
            bind,
            bind_setting,
            socket_mode: mode(s.socket_mode)?,
            socket_user: owner("socket_user", s.socket_user.as_deref())?,
            socket_group: owner("socket_group", s.socket_group.as_deref())?,
            backlog: backlog(s.socket_queue_size)?,
            reuse_port: s.reuse_port,
            nodelay: s.nodelay,
            peercreds: s.peercreds,
            peercreds_resolve: resolve(s.peercreds_resolve, s.peercreds)?,
            proxy_protocol: s.proxy_protocol,
            trust: trust(s)?,
            header_timeout: or_patience("header_timeout", s.header_timeout)?,
            body_timeout: or_patience("body_timeout", s.body_timeout)?,
            write_timeout: or_patience("write_timeout", s.write_timeout)?,
            handshake_timeout: or_patience("handshake_timeout", s.handshake_timeout)?,
            keep_alive_timeout,
            keep_alive_grace: keep_alive_grace.min(keep_alive_timeout),
            linger_timeout: time("linger_timeout", s.linger_timeout)?,
            accepted_queue_timeout: time_or_zero("accepted_queue_timeout", s.accepted_queue_timeout)?,
            shutdown_timeout: time_or_zero("shutdown_timeout", s.shutdown_timeout)?,
            thread_idle_timeout: time("thread_idle_timeout", s.thread_idle_timeout)?,
            statistics: s.statistics,
            queue: limit("accepted_queue_size", s.accepted_queue_size, 1..=LONGEST_QUEUE)?,
            connections: connections(s.max_connections, descriptors::limit())?,
            idle_connections: limit("keep_alive_conn_limit", s.keep_alive_conn_limit, 0..=MOST_CONNECTIONS)?,
            upgraded: limit("max_upgraded", s.max_upgraded, 0..=MOST_THREADS)?,
            threads_min,
            threads_max: threads_max(s.thread_pool_max, threads_min)?,
            stack_size: within("thread_stack_size", s.thread_stack_size, 64 * KIB..=GIB)?,
            protocol: protocol(&s.protocol_version)?,
            software: s.software.as_deref().map(software).transpose()?,
            wsgi: wsgi::find(&s.wsgi_version)?,
            overflow: overflow(s.header_overflow_status)?,
            tls: TlsConfig::resolve(s)?,
            head_bytes: within("max_request_header_size", s.max_request_header_size, 64..=GIB)?,
            target_bytes: within("max_request_target_size", s.max_request_target_size, 1..=LONGEST_TARGET)?,
            fields: within("max_request_header_fields", s.max_request_header_fields, 1..=MOST_FIELDS)?,
            content: limit("max_request_body_size", s.max_request_body_size, 1..=u64::MAX)?,
            body_buffer: within("body_buffer_size", s.body_buffer_size, 0..=GIB)?,
            parked: limit("max_parked_size", s.max_parked_size, 1..=u64::MAX)?,
            drain: within("max_drain_size", s.max_drain_size, 1..=GIB as u64)?,
            linger_bytes: within("max_linger_size", s.max_linger_size, 1..=(GIB as u64) << 10)?,
            minimum_rate: limit("minimum_rate", s.minimum_rate, 1..=GIB as u64)?,
        })
    }
}

#[cfg(test)]
mod tests;
