//! Behind nginx: HTTP/2 and compression at the front, plain functions at the back. The files below are run by the tests.
//!
//! `examples/deploy/nginx.conf`, a site:
//!
//! ```text
#![doc = include_str!("../../examples/deploy/nginx.conf")]
//! ```
//!
//! `examples/deploy/nginx.toml`, what drupe is started with (`drupe --config nginx.toml DIR`, or
//! [`Settings::from_file`](crate::settings) in a program of your own):
//!
//! ```text
#![doc = include_str!("../../examples/deploy/nginx.toml")]
//! ```
//!
//! Handlers then have the client: [`client`](crate::RequestExt::client), [`scheme`](crate::RequestExt::scheme) and
//! [`host`](crate::RequestExt::host), and the access log too. `connection().peer()` is nginx.
//!
//! # Over a Unix socket
//!
//! No port to protect, and who may connect is a matter of file permissions:
//!
//! ```toml
//! [server]
//! socket_file = "/run/drupe/drupe.sock"
//! socket_group = "www-data"           # that of nginx
//! trusted_proxies = ["unix"]
//! trusted_proxy_headers = ["x-forwarded-for", "x-forwarded-proto"]
//! ```
//!
//! and `server unix:/run/drupe/drupe.sock;` in nginx. `unix` means whoever can open the socket, so the group should have nobody else in it.
//!
//! # What goes wrong otherwise
//!
//! | seen | why | instead |
//! |---|---|---|
//! | a new connection for each request | nginx before 1.29.7 speaks HTTP/1.0 to servers behind it and closes | `proxy_http_version 1.1`, an empty `Connection`, `keepalive` |
//! | 502 now and then, on quiet sites | drupe has closed a connection that nginx was about to use | `keep_alive_timeout` above nginx' `keepalive_timeout` of the upstream, 60 s; the defaults are right |
//! | 413 for uploads above 1 MB that drupe would take | nginx' own limit | `client_max_body_size` |
//! | events come all at once, or end after a minute | nginx gathers answers, and waits 60 s for the next piece | `proxy_buffering off`, `proxy_read_timeout`; or a field `X-Accel-Buffering: no` in the answer |
//! | all clients have the address 127.0.0.1 | the fields are not set, or not trusted | `X-Forwarded-For` in nginx *and* `trusted_proxies` here |
//! | clients can choose their address | a field is trusted that nginx passes on | `proxy_set_header` for each name in `trusted_proxy_headers` |
//! | 400 from drupe | nginx has let something through that RFC 9112 forbids; the line with `refused` at level debug says what | mend the client |
//!
//! nginx takes whole requests before it passes them on, and takes answers quickly whoever reads them, so slow clients are its own affair.
//! drupe's limits stay on behind it: they cost nothing.
