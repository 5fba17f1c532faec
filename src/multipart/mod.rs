//! Uploads: `multipart/form-data` (RFC 7578), read part by part in constant memory.
//!
//! ```
//! use std::{fs::File, io, path::Path};
//! use drupe::{Request, multipart::Multipart};
//!
//! fn upload(request: &mut Request) -> io::Result<String> {
//!     let mut form = Multipart::new(request)?.max_parts(20);
//!     let mut report = String::new();
//!     while let Some(mut part) = form.next()? {
//!         if part.file_name().is_none() {
//!             report += &format!("{}: {}\n", part.name().to_owned(), part.text()?);
//!         } else if let Some(name) = part.safe_file_name() {
//!             // `create_new` overwrites no file and follows no link.
//!             let mut file = File::create_new(Path::new("uploads").join(name))?;
//!             let bytes = io::copy(&mut part, &mut file)?;
//!             report += &format!("{}: {bytes} bytes\n", part.name());
//!         }
//!     }
//!     Ok(report)
//! }
//! # let body = "--b\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n--b--";
//! # let mut request = Request::new(body.into());
//! # request.headers_mut().insert("content-type", "multipart/form-data; boundary=b".parse().unwrap());
//! # assert_eq!(upload(&mut request).unwrap(), "a: 1\n");
//! ```
//!
//! A client's mistake is answered with 400, 408, 413 or 415 without code in the handler: see
//! [`Error`]. If the handler cannot write a file, the answer is 500. Files written before an error
//! stay; the handler has to remove them.
//!
//! # Limits
//!
//! The content is under the limits of the server: `max_request_body_size` (100 MiB) and the
//! deadlines. [`Multipart`] lists its own limits, with their defaults. For a large upload, raise
//! only `max_request_body_size`: memory is constant.
//!
//! # Accepted
//!
//! - Boundaries of 1 to 70 bytes, quoted or not; blanks behind a boundary; text before the first
//!   and behind the final boundary, which is ignored; a form without parts.
//! - A boundary inside content is content unless it stands behind CR LF and two hyphens, and
//!   before two hyphens, CR LF or a blank.
//! - A backslash in a quoted name escapes a quote or a backslash, as sent by curl. Any other
//!   backslash is kept, as sent by browsers. `%22` is kept.
//! - `filename` and `filename*`: `filename` takes precedence. Without `filename`, `filename*` in
//!   UTF-8 is decoded.
//! - File names that are not UTF-8: U+FFFD stands for wrong bytes. [`Part::headers`] has the
//!   original.
//! - A field `_charset_` is a part like any other; text is UTF-8.
//! - `Content-Transfer-Encoding` of `7bit`, `8bit` or `binary`.
//!
//! # Refused
//!
//! - 415: a `Content-Type` other than `multipart/form-data`; other transfer encodings of a part;
//!   [`Part::text`] of a charset other than UTF-8 and US-ASCII.
//! - 400: content without the final boundary; lines of a head that do not end in CR LF; folded
//!   lines; NUL and other control characters in a head; a part without a name, or without
//!   `Content-Disposition: form-data`; names that are not UTF-8; fields or parameters that are
//!   repeated.

mod boundary;
mod form;
mod head;
mod input;
mod parameters;
mod part;
mod reader;
#[cfg(test)]
mod tests;

pub use form::Multipart;
pub use part::{Part, safe_file_name};

pub use crate::message::multipart_error::MultipartError as Error;
