//! An embeddable, synchronous HTTP/1.1 server for programs without an async runtime.
//!
//! A handler is a plain, blocking function. The server is bounded in bytes, threads and time,
//! follows RFC 9112 strictly, and keeps its threads for handlers. A connection that is idle, silent
//! or slow to send its head costs a descriptor, not a thread.
//!
//! ```no_run
//! use drupe::{Server, handler};
//!
//! fn main() -> Result<(), drupe::Error> {
//!     let mut server = Server::new(handler(|request| format!("you asked for {}\n", request.uri())));
//!     server.settings.socket_port = 8080;
//!     server.quickstart() // until SIGTERM or SIGINT
//! }
//! ```
//!
//! # Tour
//!
//! Ten complete programs, one a page. Each page goes on with the limits, errors and settings of its
//! topic: [exporter](tour::exporter), [login](tour::login), [json_api](tour::json_api),
//! [upload](tour::upload), [chat](tour::chat), [log_tail](tour::log_tail), [daemon](tour::daemon),
//! [spa](tour::spa), [mtls](tour::mtls), [layers](tour::layers).
//!
//! # Overview
//!
//! | for | see |
//! |---|---|
//! | starting, stopping, restarting | [`Server`], [`ServerHandle`], [`process::HttpServer`] for a custom server |
//! | all settings, with units, ranges and defaults | [`Settings`] |
//! | settings from files, the environment and flags | [`settings`], [`Settings::from_file`](settings/struct.Settings.html#method.from_file) |
//! | writing handlers | [`handler`], [`try_handler`], [`Handler`], [`IntoResponse`], [`response`] |
//! | reading requests | [`Request`], [`RequestExt`], [`request`] |
//! | errors of handlers, with `?` | [`Failure`], [`OrStatus`] |
//! | routes: handlers by method and path, with parameters | [`router`] |
//! | layers around handlers: CORS, authentication and more | [`Handler::with`], [`layers`] |
//! | content in and out: streams, files, trailers, limits | [`Body`], [`BodyWriter`], [`layers::BodyFilter`] |
//! | server-sent events, broadcasts, content from any thread | [`stream`], [`Body::channel`] |
//! | the user and process of a client on a Unix socket | [`Peer`], [`Credentials`], [`Settings::peercreds`] |
//! | WebSocket and other protocols on the same port | [`upgrade()`], [`stream::upgrade_parked`] |
//! | a directory of files | [`Files`] |
//! | uploads, `multipart/form-data` | [`multipart`] |
//! | applications in the style of WSGI, CGI programs | [`wsgi`], [`Server::wsgi`] |
//! | HTTPS | [`Settings::ssl_certificate`], [`Connection::tls`], [`ServerHandle::reload_tls`], [`tls`] |
//! | the lifecycle of a process: start, stop, PID file, dropping privileges | [`process`] |
//! | statistics: numbers, a live page, JSON, Prometheus | [`statistics`], [`Server::mount_statistics`] |
//! | the result of a stop | [`process::Stopped`] |
//! | testing handlers | [`testing`] |
//! | compressing responses | [`layers::compress`] |
//! | errors at a start | [`Error`] |
//! | logs, and the targets of the `log` crate | [`guide::operating`](guide::operating#logs) |
//! | each exchange as a record, request ids | [`exchange`], [`Server::on_access`] |
//! | the server's own answers, such as 400 and 503, in a format of your own | [`Server::on_refusal`] |
//! | settings one by one, migration from other servers, proxies, systemd, Kubernetes, security | [`guide`] |
//!
//! # Features
//!
//! | feature | default | what it adds |
//! |---|---|---|
//! | `signals` | yes | ends [`Server::quickstart`] on SIGTERM and SIGINT; SIGHUP calls [`Server::on_reload`]; SIGHUP and SIGUSR1 reload certificates and call [`Server::on_graceful`] |
//! | `systemd` | | [`listen`](Settings::listen) takes sockets opened by systemd: `fd:3` |
//! | `config` | | settings from TOML files |
//! | `files` | | [`Files`]: a directory of static files |
//! | `forms` | | queries and forms as pairs and values: [`RequestExt::query`], [`RequestExt::form`] |
//! | `json` | | values as JSON: [`RequestExt::json`], [`response::Json`] |
//! | `multipart` | | [`multipart`]: uploads, read part by part in constant memory |
//! | `process` | | the bus and the plugins of [`process`] |
//! | `router` | | [`router`]: handlers by method and path |
//! | `statistics` | | the page of the [`statistics`], JSON and Prometheus; [`Server::statistics`] needs no feature |
//! | `wsgi` | | [`wsgi`]: applications in the style of WSGI, CGI programs |
//! | `cli` | | the program `drupe`, which serves a directory; includes `signals`, `systemd`, `compression`, `config`, `files`, `layers`, `process`, `statistics`, `tls` and `wsgi` |
//! | `tls` | | TLS by rustls, with the cryptography of ring |
//! | `tls-aws-lc` | | TLS by rustls, with the cryptography of AWS-LC, preferred over ring if both are on |
//! | `tls-encrypted-keys` | | encrypted private keys |
//! | `compression` | | [`layers::compress`]: responses in gzip and deflate |
//! | `layers` | | [`layers`]: CORS, authentication, request ids, rate limits, security fields, error formats |
//! | `testing-tls` | | [`testing::TestServer::tls`]: test servers over TLS, with a certificate made on the spot |
//! | `full` | | all features except `tls-aws-lc` |
//!
//! # Threads
//!
//! A worker is a thread that runs handlers. It belongs to one connection while the handler runs,
//! and is free afterwards: the rest of an answer to a slow client is sent without a worker, and so
//! is an open stream of events ([`stream`]). A handler may therefore block. A body that writes
//! itself, by [`Body::stream`], holds a worker until its end;
//! [`thread_pool_max`](Settings::thread_pool_max) limits the number of workers. Every wait for a
//! client has a deadline until the connection leaves HTTP, and every queue and buffer has a bound.
//! [`Settings`] lists all deadlines and bounds, and [`guide::travel`] follows a request through the
//! threads. The repository's CONTRIBUTING.md has a map of the source.

// Marks the items that need a feature, from their `cfg`; pages that only the documentation has get no mark.
#![cfg_attr(docsrs, feature(doc_cfg), doc(auto_cfg(hide(doc))))]

mod address;
mod bus;
mod config;
#[cfg_attr(not(feature = "wsgi"), allow(dead_code, reason = "only a gateway begins answers early"))]
mod engine;
mod error;
pub mod exchange;
#[cfg(feature = "files")]
mod files;
#[cfg(feature = "full")]
#[cfg(doc)]
pub mod guide;
mod h1;
mod http_server;
mod input;
pub mod layers;
#[cfg_attr(not(feature = "full"), allow(dead_code, reason = "files, pages and gateways use parts of it"))]
mod message;
#[cfg(feature = "multipart")]
pub mod multipart;
mod net;
pub mod process;
mod proxy;
pub mod request;
pub mod response;
#[cfg(feature = "router")]
pub mod router;
#[cfg_attr(
    not(all(feature = "process", feature = "wsgi")),
    allow(dead_code, reason = "only a bus binds before it accepts, only a gateway is made for each start")
)]
mod server;
pub mod settings;
pub mod statistics;
pub mod stream;
#[cfg_attr(not(feature = "process"), allow(dead_code, reason = "only a bus waits for a while"))]
mod sync;
mod system;
pub mod testing;
pub mod tls;
#[cfg(feature = "full")]
#[cfg(doc)]
pub mod tour;
#[cfg(feature = "wsgi")]
pub mod wsgi;

pub use bytes;
pub use http;

#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub use h1::laws;

#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub use proxy::laws as proxy_laws;

#[cfg(all(any(test, fuzzing), feature = "config"))]
#[doc(hidden)]
pub use settings::laws as settings_laws;

pub use address::{BindAddr, Credentials, Peer};
pub use error::Error;
#[cfg(feature = "files")]
pub use files::Files;
pub use message::{
    Body, BodyWriter, Connection, Failure, Handler, IntoResponse, OrStatus, Request, RequestExt, Response,
    ServerHandle, Upgraded, handler, try_handler, upgrade,
};
pub use server::Server;
#[doc(inline)]
pub use settings::Settings;

/// The README; its code is tested with the documentation.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
