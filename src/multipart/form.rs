//! The content of a request as a sequence of parts.

use std::fmt;
use std::io;

use super::boundary;
use super::part::Part;
use super::reader::PartsReader;
use crate::message::multipart_error::{Cause, MultipartError, Place};
use crate::message::{Request, readers};

/// The `multipart/form-data` of a request, read part by part.
///
/// Memory is constant: 32 KiB, and the head of one part. See the [module](super) for an example.
///
/// | limit | default |
/// |---|---|
/// | [`max_parts`](Self::max_parts) | 1000 |
/// | [`max_head_bytes`](Self::max_head_bytes) | 8 KiB; also at most 32 fields in a part, and 32 parameters in a field |
/// | [`max_memory_bytes`](Self::max_memory_bytes) | 1 MiB |
/// | [`max_part_bytes`](Self::max_part_bytes) | as for all content |
/// | [`max_total_bytes`](Self::max_total_bytes) | [`max_request_body_size`](crate::Settings::max_request_body_size) |
pub struct Multipart {
    reader: PartsReader,
}

impl Multipart {
    /// Takes the body of `request`. On an error, the body is left in `request`.
    ///
    /// # Errors
    /// 415 unless the `Content-Type` of the request is `multipart/form-data`; 400 unless its
    /// boundary is 1 to 70 of the bytes allowed by RFC 2046 §5.1.1; 500 if the content has been taken
    /// before.
    pub fn new(request: &mut Request) -> Result<Self, MultipartError> {
        let refused = |cause| MultipartError::new(cause, Place::default());
        let boundary = boundary::of_fields(request.headers()).map_err(refused)?;
        let body = readers::take(request).map_err(|error| refused(Cause::Read(io::Error::other(error))))?;
        Ok(Self { reader: PartsReader::new(body, &boundary) })
    }

    /// Limits the number of parts. Default: 1000.
    #[must_use]
    pub fn max_parts(mut self, parts: usize) -> Self {
        self.reader.limits.parts = parts;
        self
    }

    /// Limits the fields of a part in bytes, with their line ends. Default: 8 KiB.
    #[must_use]
    pub fn max_head_bytes(mut self, bytes: usize) -> Self {
        self.reader.limits.head_bytes = bytes;
        self
    }

    /// Limits the bytes that [`Part::text`] and [`Part::bytes`] hold in memory. Default: 1 MiB.
    #[must_use]
    pub fn max_memory_bytes(mut self, bytes: usize) -> Self {
        self.reader.limits.memory_bytes = bytes;
        self
    }

    /// Limits the content of each part, read or skipped. Default: no limit beyond those of all
    /// content. [`Part::limit`] lowers the limit for one part.
    #[must_use]
    pub fn max_part_bytes(mut self, bytes: u64) -> Self {
        self.reader.limits.part_bytes = bytes;
        self
    }

    /// Limits the content of the request, with boundaries and fields. Default: no limit beyond
    /// [`max_request_body_size`](crate::Settings::max_request_body_size) and
    /// [`body_limit`](crate::RequestExt::body_limit).
    #[must_use]
    pub fn max_total_bytes(mut self, bytes: u64) -> Self {
        self.reader.limit_total(bytes);
        self
    }

    /// Returns the next part; `None` after the final boundary, once all content has arrived.
    ///
    /// The unread rest of the previous part is skipped.
    ///
    /// # Errors
    /// See [`Error`](super::Error). After an error, further calls are errors of the same status.
    #[expect(clippy::should_implement_trait, reason = "a part borrows the form")]
    pub fn next(&mut self) -> Result<Option<Part<'_>>, MultipartError> {
        let head = self.reader.next()?;
        Ok(head.map(|head| Part::new(&mut self.reader, head)))
    }
}

impl fmt::Debug for Multipart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Multipart").finish_non_exhaustive()
    }
}
