//! The HTTP/1.1 protocol of RFC 9112 without any I/O: bytes in, facts out.
//!
//! The steps of one exchange, in order, one file each:
//!
//! | step | file | what it does |
//! |---|---|---|
//! | find the end of the head | [`head`] | a resumable scan that looks at each byte once |
//! | read the head | [`head`], [`target`] | request line, target form, Host, fields |
//! | how does the body end | [`framing`] | RFC 9112 §6.3, the only reader of Content-Length and Transfer-Encoding |
//! | take the body apart | [`decode`], [`extension`], [`trailers`] | content out of chunks, trailers kept apart |
//! | what may follow | [`exchange`] | 100-continue, persistence, the framing of the answer |
//! | write | [`encode`] | the only writer of protocol bytes |
//!
//! [`grammar`] holds the byte tables, [`error`] what can be wrong and which status says so, `laws` what must hold for
//! any bytes whatever (run by the tests and by the fuzzers).
//!
//! Nothing here reads a clock, takes a lock or can panic.

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
pub(crate) mod target;
pub(crate) mod trailers;
