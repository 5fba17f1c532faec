//! Behind nginx: TLS, HTTP/2 and compression at the front, plain functions at the back. The tests
//! run the files below.
//!
//! `examples/deploy/nginx.conf`, a site:
//!
//! ```text
#![doc = include_str!("../../examples/deploy/nginx.conf")]
//! ```
//!
//! `examples/deploy/nginx.toml`, the configuration of drupe (`drupe --config nginx.toml DIR`, or
//! [`Settings::from_file`](crate::settings) in your own program):
//!
//! ```text
#![doc = include_str!("../../examples/deploy/nginx.toml")]
//! ```
//!
//! Your handlers then get the client's data from [`client`](crate::RequestExt::client),
//! [`scheme`](crate::RequestExt::scheme) and [`host`](crate::RequestExt::host), and the access log
//! shows the client. `connection().peer()` is nginx.
//!
//! # Over a Unix socket
//!
//! With a Unix socket there is no port to protect, and file permissions control the access:
//!
//! ```toml
//! [server]
//! socket_file = "/run/drupe/drupe.sock"
//! socket_group = "www-data"           # that of nginx
//! trusted_proxies = ["unix"]
//! trusted_proxy_headers = ["x-forwarded-for", "x-forwarded-proto"]
//! ```
//!
//! In nginx, write `server unix:/run/drupe/drupe.sock;`. `unix` trusts every process able to open
//! the socket, so keep other users out of the group.
//!
//! Always set `proxy_http_version 1.1` here. A Unix socket has no reset, so over HTTP/1.0 nginx takes
//! an answer without a length that broke off for a complete one, and may cache it.
//!
//! # Common mistakes
//!
//! | seen | why | instead |
//! |---|---|---|
//! | a new connection for each request | nginx before 1.29.7 speaks HTTP/1.0 to upstream servers and closes the connection | `proxy_http_version 1.1`, an empty `Connection`, `keepalive` |
//! | 502 now and then, on quiet sites | drupe closes a connection just as nginx reuses it | `keep_alive_timeout` above the `keepalive_timeout` of nginx' upstream, 60 s; the defaults are right |
//! | 413 for uploads above 1 MB that drupe would accept | the limit of nginx | `client_max_body_size` |
//! | events arrive all at once, or end after a minute | nginx buffers answers, and waits 60 s for the next piece | [`stream::Events`](crate::stream::Events) and `Broadcast` prevent both; for a body of your own, a field `X-Accel-Buffering: no` or `proxy_buffering off`, and `proxy_read_timeout` |
//! | all clients have the address 127.0.0.1 | the fields are not set, or not trusted | `X-Forwarded-For` in nginx *and* `trusted_proxies` here |
//! | clients can choose their address | nginx passes on a trusted field unchanged | `proxy_set_header` for each name in `trusted_proxy_headers` |
//! | 400 from drupe | nginx has accepted a request that RFC 9112 forbids; the line with `refused` at level debug has the reason | correct the client |
//!
//! nginx buffers whole requests before passing them on, and reads answers fast, so slow clients
//! occupy nginx only. Leave drupe's limits on behind nginx: the limits cost nothing.
