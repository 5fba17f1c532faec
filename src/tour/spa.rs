//! SPA: a directory of files, one page for all paths of an application, and a proxy for its API.
//!
#![doc = "```no_run"]
#![doc = include_str!("../../examples/spa.rs")]
#![doc = "```"]
//!
//! # Files
//!
//! [`Files`](crate::Files) (feature `files`) is a handler: serve it alone, or call
//! [`handle`](crate::Handler::handle) on it from an arm of a `match`.
//!
//! ```
//! use drupe::{Failure, Files, Handler, IntoResponse, handler, http::StatusCode, testing};
//!
//! # fn main() -> std::io::Result<()> {
//! let files = Files::new("src")?.prefix("/source").index(["lib.rs"]).listing(false);
//! let site = handler(move |request| match request.uri().path() {
//!     "/" => "the files are at /source/\n".into_response(),
//!     path if path.starts_with("/source/") => files.handle(request),
//!     _ => Failure::new(StatusCode::NOT_FOUND, "nothing here\n").into_response(),
//! });
//! # let status = |target: &str| {
//! #     let request = drupe::http::Request::get(target).body(drupe::Body::empty()).unwrap();
//! #     testing::call(&site, request).status().as_u16()
//! # };
//! // `status` sends a target, and returns the status of the answer.
//! assert_eq!(status("/source/"), 200); // lib.rs
//! assert_eq!(status("/source/tour/spa.rs"), 200);
//! assert_eq!(status("/source/tour/"), 403); // no index, and no listing
//! assert_eq!(status("/source/%2e%2e/Cargo.toml"), 404);
//! # Ok(())
//! # }
//! ```
//!
//! - `Files` answers `GET` and `HEAD` with a content type, validators (`ETag`, `Last-Modified`),
//!   conditions and ranges. Files go out by `sendfile`, without a thread.
//! - The real path of a file decides access: neither `..` nor a link leads out of the directory.
//!   Names with a leading dot are 404, except `/.well-known/`, until you enable them with
//!   [`dotfiles`](crate::Files::dotfiles).
//! - A directory shows its [`index`](crate::Files::index) (`index.html`), else a
//!   [`listing`](crate::Files::listing). Switch listings off if the names are not public.
//!   The headings of a listing sort it, also by its URL: `?sort=size&order=desc`. A client
//!   that sends `Accept: application/json` gets JSON.
//! - The [`fallback`](crate::Files::fallback) `index.html` is sent for paths without a file, because
//!   the application itself interprets these paths. A missing script remains a 404.
//! - [`field`](crate::Files::field) adds fields by path, such as `Cache-Control: immutable` for
//!   names with a hash; [`precompressed`](crate::Files::precompressed) sends the `.br`, `.zst` and
//!   `.gz` files of a build; [`hide`](crate::Files::hide) hides names; [`link`](crate::Files::link)
//!   lets one link lead out of the directory. The program has flags of the same names.
//!
//! # Forwarding
//!
//! - Content passes in both directions while it arrives, in constant memory, and holds a worker for
//!   as long.
//! - Fields about one connection end at the proxy (RFC 9110 §7.6.1). The program removes the common
//!   ones; a proxy for unknown backends also removes every field that `Connection` names.
//! - `X-Forwarded-For` has the client's address for the backend. Replace the field, as the program
//!   does: a client can send one of its own.
//! - A backend that does not answer is a 502. Give ureq's agent a time limit: a handler has none by
//!   default ([`request_timeout`](crate::Settings::request_timeout)), and the server can never end
//!   a handler.
//! - WebSocket does not pass: the program removes `Upgrade`.
//!
//! # Behind a proxy
//!
//! If a proxy stands in front of your server, list its address in
//! [`trusted_proxies`](crate::Settings::trusted_proxies), and the fields that the proxy sets in
//! [`trusted_proxy_headers`](crate::Settings::trusted_proxy_headers). Then
//! [`request.client()`](crate::RequestExt::client), [`scheme`](crate::RequestExt::scheme) and
//! [`host`](crate::RequestExt::host) are those that the proxy saw, and the server removes such
//! fields from the requests of all other peers. `examples/behind.rs` shows the client's address.
//! [`behind_nginx`](crate::guide::behind_nginx) and
//! [`behind_haproxy`](crate::guide::behind_haproxy) have complete files.
//!
//! Next: [`mtls`](super::mtls).
