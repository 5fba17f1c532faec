//! An embeddable, synchronous HTTP/1.1 server for programs that have no async runtime.
//!
//! A handler is a plain, blocking function. The server around it is bounded in bytes, threads and time, reads RFC 9112 strictly,
//! and keeps its threads for handlers: a connection that is idle, silent or slow to send its head costs a descriptor, not a thread.
//!
//! ```no_run
//! use drupe::{Request, Server};
//!
//! fn main() -> Result<(), drupe::Error> {
//!     let mut server = Server::new(|_request: &mut Request| "hello\n");
//!     server.settings.socket_port = 8080;
//!     server.quickstart()
//! }
//! ```
//!
//! # What to look at
//!
//! | for | see |
//! |---|---|
//! | starting, stopping, restarting | [`Server`], [`ServerHandle`], [`process::HttpServer`] for one of one's own |
//! | what can be set, with units, ranges and defaults | [`Settings`] |
//! | settings from files, the environment and flags | [`settings`], [`Settings::from_file`](settings/struct.Settings.html#method.from_file) |
//! | writing handlers | [`Handler`], [`IntoResponse`], [`Request`], [`RequestExt`] |
//! | content in and out: streams, files, trailers, limits | [`Body`], [`BodyWriter`] |
//! | who is calling, over a Unix socket | [`Peer`], [`Credentials`], [`Settings::peercreds`] |
//! | WebSocket and other protocols on the same port | [`upgrade()`] |
//! | a directory of files | [`Files`] |
//! | applications in the style of WSGI, CGI programs | [`wsgi`], [`Server::wsgi`] |
//! | HTTPS | [`Settings::ssl_certificate`], [`Connection::tls`], [`ServerHandle::reload_tls`], [`tls`] |
//! | what a process lives by: start, stop, PID file, fewer rights | [`process`] |
//! | what it has done and is doing: numbers, a live page, JSON, Prometheus | [`statistics`], [`Server::mount_statistics`] |
//! | how a stop went | [`process::Stopped`] |
//! | testing handlers | [`testing`] |
//! | what can go wrong at a start | [`Error`] |
//! | settings one by one, coming from other servers, proxies, systemd, Kubernetes, security | [`guide`] |
//!
//! # Features
//!
//! | feature | default | what it adds |
//! |---|---|---|
//! | `signals` | yes | [`Server::quickstart`] ends on SIGTERM and SIGINT, does on SIGHUP what [`Server::on_reload`] says, on SIGUSR1 what [`Server::on_graceful`] says |
//! | `systemd` | | [`listen`](Settings::listen) takes sockets that systemd has opened: `fd:3` |
//! | `config` | | settings from TOML files |
//! | `cli` | | the program `drupe`, which serves a directory, with `systemd`, `config` and `tls` |
//! | `tls` | | TLS by rustls, with the cryptography of ring |
//! | `tls-aws-lc` | | the same with that of AWS-LC, which goes before ring where both are on |
//! | `tls-encrypted-keys` | | private keys that are encrypted |
//! | `full` | | all of them but `tls-aws-lc` |
//!
//! # How a request travels
//!
//! ```text
//! Settings ─► Config          checked once, at start
//!               │
//! listener ─► accept ─► queue ─► worker ─► handshake · head · handler · answer
//!                         ▲        │
//!                         └ parking┘ nothing to read: it waits here, without a thread
//! ```
//!
//! [`guide::travel`] has it step by step.
//!
//! A worker belongs to one connection while its handler runs and its answer is written, and to nobody in between. So a handler may block,
//! and a stream of events that stays open holds one worker: [`thread_pool_max`](Settings::thread_pool_max) says how many there can be.
//! Every wait for a client, until it has left HTTP, has a deadline, every queue and buffer a bound; [`Settings`] has them all.
//!
//! In the source: `h1` is the protocol, pure and without I/O, and `proxy` what proxies say of a client, likewise; `net` has the sockets and
//! knows no HTTP; `message` is what a handler sees; `engine` joins them into an engine; `server` is the door. `tests/it/architecture.rs` holds who may import whom.
//!
//! # Logging
//!
//! Through the `log` crate: what goes wrong as `error` and `warn`, starts and stops as `info`, refused requests as `debug`, and one line an
//! exchange under the target `drupe::access` as `info`, which costs nothing while nobody listens. Its text is in the Combined Log Format, with
//! the seconds it took at the end; nothing of a peer's in it can forge a line. For other forms, such as JSON, the record has its parts as
//! key-values: `peer`, `user`, `method`, `target`, `version`, `status`, `bytes`, `referer`, `user_agent` and `seconds`, not
//! escaped, the two long ones of 4 KiB at the most, and null if there is none.
//!
//! The first two words of a target stay what they are; what follows them, the file that says it, does not.
//!
//! | target | what is said under it |
//! |---|---|
//! | `drupe::access` | exchanges |
//! | `drupe::wsgi` | what applications write to `wsgi.errors`, and how they have failed |
//! | `drupe::message`, `drupe::files` | handlers that return an error; directories that cannot be read |
//! | `drupe::engine` | connections, requests that are refused, handlers that panic, a lack of threads or descriptors |
//! | `drupe::net` | sockets, their files, certificates |
//! | `drupe::server`, `drupe::bus` | starts and stops; signals, and what systemd is told |

mod address;
mod bus;
mod config;
mod engine;
mod error;
mod files;
#[cfg(doc)]
pub mod guide;
mod h1;
mod http_server;
mod message;
mod net;
pub mod process;
mod proxy;
mod server;
pub mod settings;
pub mod statistics;
pub mod testing;
pub mod tls;
pub mod wsgi;

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
pub use files::Files;
pub use message::{
    Body, BodyWriter, Connection, Handler, IntoResponse, Request, RequestExt, Response, Upgraded, upgrade,
};
pub use server::{Server, ServerHandle};
pub use settings::Settings;

/// The README, whose code is tested with that of the documentation.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
