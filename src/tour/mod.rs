//! The tour: one page a topic, each with the shortest program, then the limits, errors and settings
//! to know.
//!
//! | page | how to |
//! |---|---|
//! | [`hello`] | start a server, and choose its address |
//! | [`state`] | share data between requests, and pass data along with one |
//! | [`routes`] | choose by method and path |
//! | [`content`] | read content within limits, and answer with text, bytes and files |
//! | [`errors`] | return errors as answers; panics; errors at a start |
//! | [`streams`] | answer piece by piece: events, reports, copies |
//! | [`layers`] | wrap a handler: authentication, fields for every answer |
//! | [`testing`] | test a handler, in memory or over a port |
//! | [`stop`] | stop without losing a request |
//!
//! The programs are compiled and run with the tests, and each `assert` is a claim that holds. The
//! tour exists in the documentation only; a program cannot name this module. The [guide](crate::guide)
//! continues with proxies, systemd, operation and security.

pub mod content;
pub mod errors;
pub mod hello;
pub mod layers;
pub mod routes;
pub mod state;
pub mod stop;
pub mod streams;
pub mod testing;
