//! Behind HAProxy: several servers, any of which may be down at any time. The tests run the files
//! below.
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
//! # Two ways to announce the client
//!
//! **The PROXY protocol** (`send-proxy-v2`, above) sends the client's address once, before the
//! first request of a connection. The PROXY protocol works for any protocol and leaves requests
//! unchanged. [`peer`](crate::Connection::peer) returns the client and
//! [`proxy`](crate::Connection::proxy) returns HAProxy. Every connection must begin with the PROXY
//! header: drupe closes any other without an answer and counts it as
//! [`proxy_refused`](crate::statistics::Statistics::proxy_refused). HAProxy's own checks send the
//! header too.
//!
//! **Fields** carry the address in each request, so all clients share the connections to the
//! servers:
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
//! `option forwardfor` adds a line after the lines that the client has sent. This is safe:
//! an entry before the last counts only if the last is an address in `trusted_proxies`, and
//! `trusted_proxy_count` is above 1.
//!
//! # Restarting without a lost request
//!
//! A stopping server closes its port first. New connections are refused, and HAProxy tries another
//! server (`retry-on conn-failure`, `redispatch`). If HAProxy sends a request into a closing
//! connection, HAProxy receives no answer and sends the request again (`empty-response`). HAProxy
//! repeats requests of any method, hence `disable-l7-retry` for POST. List further methods there if
//! your requests must not run twice.
//!
//! To drain a server before its stop, use HAProxy's socket (`set server drupe/one state drain`), or
//! let a check fail: answer the check with 503 from some moment on, and stop the server a few
//! checks later.
//!
//! # Common mistakes
//!
//! | seen | why | instead |
//! |---|---|---|
//! | every request fails, `proxy_refused` rises | drupe expects a PROXY header that HAProxy does not send, or HAProxy's address is not in `trusted_proxies` | set `send-proxy-v2`, or add the address |
//! | every request fails with 400 | HAProxy sends a PROXY header that drupe does not expect | `proxy_protocol = true` |
//! | `Cannot raise FD limit` when HAProxy starts | `maxconn` needs more than twice as many descriptors | a lower `maxconn`, or a higher `ulimit -n` |
//! | WebSockets end after a minute | `timeout server` applies until `timeout tunnel` is set | set `timeout tunnel` |
