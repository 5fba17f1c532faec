//! The tour: ten complete programs, one a page. Each page goes on with the limits, errors and
//! settings of its topic.
//!
//! | page | the program | the topic |
//! |---|---|---|
//! | [`exporter`] | metrics for Prometheus | handlers, state, settings, errors at a start |
//! | [`login`] | the login of a command-line program, by OAuth | queries, forms, cookies, redirects; a stop from a handler |
//! | [`json_api`] | a JSON API | routes, JSON, errors with `?`, tests |
//! | [`upload`] | uploads within a limit | content in and out, files as answers |
//! | [`chat`] | a chat over WebSocket | upgrades |
//! | [`log_tail`] | the end of a log, live | answers piece by piece, server-sent events |
//! | [`daemon`] | a daemon for local users | Unix sockets, identified clients, signals, a stop |
//! | [`spa`] | a development server for a web application | directories of files, forwarding, proxies |
//! | [`mtls`] | clients with certificates | TLS, and renewal without a restart |
//! | [`layers`] | authentication around a handler | layers, logs |
//!
//! The programs are files of `examples/`, compiled and run with the tests; each `assert` is a claim
//! that holds. To copy one, `cargo add` the other crates in its `use` lines and macros: `serde
//! --features derive` (login, json_api), `serde_json` and `log` (layers), `log` (daemon, mtls),
//! `ureq` (spa), `tungstenite` (chat). The tour exists in the documentation only; a program cannot
//! import this module. The [guide](crate::guide) continues with proxies, systemd, operation and
//! security.

pub mod chat;
pub mod daemon;
pub mod exporter;
pub mod json_api;
pub mod layers;
pub mod log_tail;
pub mod login;
pub mod mtls;
pub mod spa;
pub mod upload;
