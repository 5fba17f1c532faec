//! The security model: what is defended, by which default, and what is not.
//!
//! # Who is trusted
//!
//! | who | trusted with |
//! |---|---|
//! | the program and its handlers | everything; they run in this process |
//! | who writes the settings, the files they name, the environment | everything |
//! | a client | nothing: its bytes, its speed and its number are taken for hostile |
//! | a proxy in `trusted_proxies` | who the client is, in the fields and headers that are named; its bytes are as a client's |
//! | the kernel, the standard library, the dependencies | to do what they say; `cargo tree` lists them |
//!
//! # What is defended
//!
//! | against | by | default |
//! |---|---|---|
//! | request smuggling: framing that two servers read differently | `Content-Length` with `Transfer-Encoding`, lengths that differ or are not digits, bare line feeds, folded lines, blanks before a colon are refused with 400, and the connection closed | always |
//! | header injection into answers | fields are values of the `http` crate, in which CR, LF and NUL cannot be | always |
//! | forged names of fields in an environ | fields with `_` in their name are left out: `X_A` cannot pass for `X-A` | always |
//! | slow heads, content and readers | deadlines that no byte moves, a minimum rate; no thread while waiting but for content beyond the first 64 KiB and answers made on the way | 10 s, 240 bytes a second |
//! | heads, targets, fields and content that are too large | limits, each with a status | 500 KiB, 8 KiB, 100, 100 MiB |
//! | many connections | a limit; one that has sent nothing goes first, then the longest idle one | 65536, or as descriptors allow |
//! | more work than can be done | bounded queue and pool, then 503 | 1024, 256 |
//! | threads taken by connections that have left HTTP | a limit, then 503; time limits are the function's own to set | 1024 |
//! | memory filled by clients that do not read | a limit for all such answers, and for open files a quarter of the descriptors | 256 MiB |
//! | memory filled by clients that do not end what they send | a limit for all such requests; above it large heads get 503, and content a worker | 256 MiB |
//! | memory filled by listings of large directories | [`Files`](crate::Files) shows at most 10,000 entries, and has few large listings in memory at a time, then 503 | 16 |
//! | descriptors used up | an idle connection is closed for each new one; without any, accepting pauses and goes on; a line in the log | always |
//! | memory errors | no `unsafe` in this crate | always |
//! | a handler that panics | the connection ends, nothing else | always |
//! | lies about the client's address | `X-Forwarded-*` and `Forwarded` count only from `trusted_proxies`; where those are set, they are removed from everybody else's requests | nobody is trusted |
//! | lines forged in the access log | control characters and quotes are escaped | always |
//! | paths that leave the directory that [`Files`](crate::Files) serves | a file is judged by where it really lies once it is open: links do not lead out of it, and names with a dot first are not served | always, `dotfiles` off |
//! | a Unix socket open to everybody | its permissions are set before it has a name | `0660` |
//! | old TLS | 1.2 and 1.3 with authenticated encryption; no renegotiation | rustls' own |
//! | passwords and keys in messages | `drupe check` and `Debug` do not show them | always |
//!
//! # What is not defended
//!
//! - **Memory for small parts of many requests**: up to 8 KiB of each connection are held whatever else is; with an access log the target,
//!   Referer and User-Agent of a request whose answer waits, 16 KiB with the default limits, besides; and with TLS up to 64 KiB in all. With
//!   the default of 65536 connections the first is 512 MiB; set `max_connections` to what you expect.
//! - **One address that opens many connections.** There is no limit for each client. A firewall or a proxy has one.
//! - **Request floods.** There is no rate limit; what is asked for is answered as far as there are threads.
//! - **What handlers do**: no authentication, no protection against CSRF or XSS, no limit to how long a handler runs. A handler that
//!   takes content into memory has to limit it.
//! - **What is sent in clear.** TLS is off until a certificate is set.
//! - **Content of answers that leak by their length** (compression): drupe compresses nothing.
//! - **The Host field.** It is the client's own word; a handler that builds links of it should know its own name.
//! - **Decompression of requests**: content comes to the handler as it was sent, so limits are for compressed bytes.
//! - **Other users of the machine**, if a Unix socket's directory is writable to them or its mode is 0666; and abstract names (`@name`),
//!   which have no permissions at all.
//! - **Revoked client certificates.** No revocation lists are read.
//! - **A process that has been broken into.** Run it as a user of its own; [`under_systemd`](super::under_systemd) has a unit that leaves it
//!   little.
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
//! Then a user of its own, TLS or a proxy that has it, and the access log kept where the server cannot delete it.
//!
//! # How it is kept so
//!
//! Every limit has a test at the limit and one more. The protocol is tested by raw bytes split at every place, and fuzzed; framing rules name
//! the section of RFC 9112 they come from. `SECURITY.md` says how to report what was missed.
