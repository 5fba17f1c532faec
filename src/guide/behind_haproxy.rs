//! Behind HAProxy: several servers, one of which may be gone at any time. The files below are run by the tests.
//!
//! `examples/deploy/haproxy.cfg`:
//!
//! ```text
#![doc = include_str!("../../examples/deploy/haproxy.cfg")]
//! ```
//!
//! `examples/deploy/haproxy.toml`, for each drupe:
//!
//! ```text
#![doc = include_str!("../../examples/deploy/haproxy.toml")]
//! ```
//!
//! # Two ways to say who the client is
//!
//! **The PROXY protocol** (`send-proxy-v2`, above) announces it once, before the first request of a connection. It works for any protocol and
//! leaves requests as they are; [`peer`](crate::Connection::peer) is the client and [`proxy`](crate::Connection::proxy) is HAProxy. Every
//! connection has to begin with it: what does not is closed without an answer and counted as
//! [`proxy_refused`](crate::statistics::Statistics::proxy_refused). HAProxy's own checks send it too.
//!
//! **Fields** tell it with each request, so connections to the servers are shared by all clients:
//!
//! ```text
//! backend drupe
//!     option forwardfor
//!     http-request set-header X-Forwarded-Proto https if { ssl_fc }
//!     http-request set-header X-Forwarded-Proto http unless { ssl_fc }
//!     http-request del-header X-Forwarded-Host
//!     server one 127.0.0.1:8080 check
//! ```
//!
//! ```toml
//! [server]
//! trusted_proxies = ["127.0.0.1"]
//! trusted_proxy_headers = ["x-forwarded-for", "x-forwarded-proto"]
//! ```
//!
//! `option forwardfor` adds a line behind what the client has sent. That is safe with `trusted_proxy_count` at 1, since the last entry is the one
//! that counts.
//!
//! # Restarting without a lost request
//!
//! A server that stops closes its port first, so new connections are refused and HAProxy tries another (`retry-on conn-failure`,
//! `redispatch`). A request sent into a connection that is being closed comes back empty and is tried again (`empty-response`). HAProxy
//! would do that whatever the method, hence `disable-l7-retry` for POST; name others there that must not happen twice.
//!
//! To take one out before, tell HAProxy through its socket (`set server drupe/one state drain`), or let a check fail: a handler that answers its
//! check with 503 from some moment on, and a stop a few checks later.
//!
//! # What goes wrong otherwise
//!
//! | seen | why | instead |
//! |---|---|---|
//! | every request fails, `proxy_refused` rises | drupe expects a PROXY header that HAProxy does not send, or HAProxy's address is not in `trusted_proxies` | `send-proxy-v2`; its address |
//! | every request fails with 400 | HAProxy sends a PROXY header and drupe does not expect one | `proxy_protocol = true` |
//! | `Cannot raise FD limit` when HAProxy starts | `maxconn` needs more than twice as many descriptors | less, or a higher `ulimit -n` |
//! | WebSockets end after a minute | `timeout server` holds until `timeout tunnel` is set | set it |
