//! The HTTP/1.1 protocol of RFC 9112 without any I/O: bytes in, facts out.
//!
//! The steps of one exchange, in order, one file each:
//!
//! | step | file | what it does |
//! |---|---|---|
//! | find the end of the head | [`head`] | a resumable scan that looks at each byte once |
//! | read the head | [`head`], [`target`] | request line, target form, Host, fields |
//! | frame the body | [`framing`] | RFC 9112 §6.3, the only reader of Content-Length and Transfer-Encoding |
//! | decode the body | [`decode`], [`extension`], [`trailers`] | content out of chunks, trailers kept apart |
//! | settle the exchange | [`exchange`] | 100-continue, persistence, the framing of the answer |
//! | write | [`encode`] | the only writer of protocol bytes |
//!
//! [`grammar`] holds the byte tables, [`error`] the reasons for a refusal with their statuses, and
//! [`sent_line`] the request line of a refused head for the log.
//! `laws` holds the invariants for any input; the tests and the fuzzers run them.
//!
//! No code here reads a clock, takes a lock or can panic.

pub(crate) mod decode;
pub(crate) mod encode;
pub(crate) mod error;
pub(crate) mod exchange;
pub(crate) mod extension;
pub(crate) mod framing;
pub(crate) mod grammar;
pub(crate) mod head;
#[cfg(any(test, fuzzing))]
pub mod laws;
pub(crate) mod sent_line;
pub(crate) mod target;
mod title_case;
pub(crate) mod trailers;
