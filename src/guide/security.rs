//! The security model: the attacks that drupe defends against, the default of each defence, and the
//! limits of the protection.
//!
//! # Trust
//!
//! For example, drupe trusts a client with nothing, and answers a head that takes longer than 10 s
//! with 408 and a close.
//!
//! | party | trusted with |
//! |---|---|
//! | the program and its handlers | everything; they run in this process |
//! | the author of the settings, the files they name, the environment | everything |
//! | a client | nothing: its bytes, its speed and the number of clients are assumed hostile |
//! | a proxy in `trusted_proxies` | the client's identity, in the fields and headers that are named; its bytes are trusted no more than a client's |
//! | the kernel, the standard library, the dependencies | correct operation; `cargo tree` lists them |
//!
//! # Defended attacks
//!
//! | against | by | default |
//! |---|---|---|
//! | request smuggling: framing that two servers read differently | 400 and a closed connection for `Content-Length` with `Transfer-Encoding`, lengths that differ or are not digits, bare line feeds, folded lines, blanks before a colon | always |
//! | header injection into answers | field values are of a type of the `http` crate that excludes CR, LF and NUL | always |
//! | forged names of fields in the variables of WSGI-style and CGI programs | fields with `_` in their name are left out: `X_A` cannot pass for `X-A` | always |
//! | slow heads, content and readers | deadlines that no byte extends, a minimum rate; no thread while waiting, except for content beyond the first 64 KiB and for streamed answers | 10 s, 240 bytes a second |
//! | heads, targets, fields and content that are too large | limits, each with a status | 500 KiB, 8 KiB, 100, 100 MiB |
//! | many connections | a limit; a connection that has sent nothing is closed first, then the longest idle one | 65536, or as descriptors allow |
//! | overload | bounded queue and pool, then 503 | 1024, 256 |
//! | threads held by connections that have left HTTP | a limit, then 503; the function sets its own time limits | 1024 |
//! | memory filled by clients that do not read | a limit for all such answers, and for open files a quarter of the descriptors | 256 MiB |
//! | memory filled by clients that do not complete their requests | a limit for all such requests; above it large heads get 503, and content a worker | 256 MiB |
//! | memory filled by listings of large directories | [`Files`](crate::Files) looks at 10,000 names at most, clients share a large listing, and all large listings have a limit, then 503 | 80 MB |
//! | exhausted descriptors | an idle connection is closed for each new one; if none is idle, accepting pauses; a line in the log | always |
//! | memory errors | no `unsafe` in this crate | always |
//! | a handler that panics | only its connection ends | always |
//! | a forged client address | `X-Forwarded-*` and `Forwarded` count only from `trusted_proxies`; if those are set, the fields are removed from all other requests | no proxy is trusted |
//! | forged lines in the access log | control characters and quotes are escaped | always |
//! | paths that leave the directory of [`Files`](crate::Files) | files are opened beneath the directory (`openat2`): links do not lead out, even if they change meanwhile, unless [`link`](crate::Files::link) allows one by name, and requested names with a leading dot, except `/.well-known/`, are not served | always, `dotfiles` off |
//! | a Unix socket open to every user | it is created without permissions; its mode is set last | `0660` |
//! | old TLS | 1.2 and 1.3 with authenticated encryption; no renegotiation | rustls' own |
//! | passwords and keys in messages | `drupe check` and `Debug` do not show them | always |
//!
//! # Not defended
//!
//! - **Memory for small parts of many requests**: drupe holds up to 8 KiB of each connection under
//!   any load. With an access log, a request with a waiting answer adds its target, Referer and
//!   User-Agent, 16 KiB with the default limits. With TLS, a connection holds up to 64 KiB in all.
//!   With the default of 65536 connections, the 8 KiB add up to 512 MiB; set `max_connections` to
//!   the number you expect.
//! - **One address that opens many connections.** drupe has no limit for each client. Use a
//!   firewall or a proxy.
//! - **Request floods.** The layer [`RateLimit`](crate::layers::RateLimit) limits the rate
//!   of one client. Without it drupe answers as many requests as the threads can
//!   handle.
//! - **What handlers do**: no authentication unless a layer is added
//!   ([`BasicAuth`](crate::layers::BasicAuth), [`BearerAuth`](crate::layers::BearerAuth)), and no
//!   protection against CSRF or XSS. There is no time limit by default
//!   ([`request_timeout`](crate::Settings::request_timeout)), and the server can never end a
//!   handler. If your handler collects content in memory, limit its size there.
//! - **What is sent in clear.** TLS is off until you set a certificate.
//! - **Content of answers that leak by their length** (compression): only the layer
//!   [`compress`](crate::layers::compress) compresses. Do not use the layer for answers that have
//!   both a secret and text of a client.
//! - **The Host field.** The client chooses the value; use a configured name if your handler builds
//!   links.
//! - **Decompression of requests**: your handler gets content as sent, so limits apply to
//!   compressed bytes.
//! - **Other users of the machine**, if they can write to the directory of a Unix socket or the
//!   socket has mode 0666; and abstract names (`@name`), which have no permissions at all.
//! - **Revoked client certificates**, unless the authority's revocation list is in
//!   [`ssl_client_ca`](crate::Settings::ssl_client_ca): drupe fetches no lists.
//! - **A process that has been broken into.** Run the server as a separate user;
//!   [`under_systemd`](super::under_systemd) has a unit with minimal rights.
//!
//! # A list for the open internet
//!
//! ```toml
//! [server]
//! max_request_header_size = "16K"
//! max_request_body_size = "1M"      # what your largest upload is
//! max_connections = 5000            # below ulimit -n
//! header_timeout = 5
//! body_buffer_size = "16K"
//! ```
//!
//! Then add a separate user, TLS or a proxy with TLS, and an access log that the server cannot
//! delete.
//!
//! # How it is kept so
//!
//! Every limit has a test at the limit and one above. The tests split the raw bytes of the protocol
//! at every position (from 1 KiB on, at some positions), and fuzz the parser. Each framing rule
//! names its section of RFC 9112. `SECURITY.md` explains the way to report a vulnerability.
