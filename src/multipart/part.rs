//! One part, as a reader.

use std::fmt;
use std::io::{self, Read};

use http::HeaderMap;
use http::header::CONTENT_TYPE;

use super::head::PartHead;
use super::parameters::Parameterized;
use super::reader::PartsReader;
use crate::message::multipart_error::{Cause, MultipartError};

/// A part: the value of a form field, or a file.
///
/// The reader yields the content of the part, and its errors wrap a
/// [`multipart::Error`](super::Error). The part keeps its [`Multipart`](super::Multipart) borrowed.
/// [`Multipart::next`](super::Multipart::next) skips the unread rest of the part.
pub struct Part<'a> {
    reader: &'a mut PartsReader,
    head: PartHead,
}

impl<'a> Part<'a> {
    pub(crate) fn new(reader: &'a mut PartsReader, head: PartHead) -> Self {
        Self { reader, head }
    }

    /// The name of the form field. Several parts may have one name. Browsers send `"`, CR and LF in
    /// names as `%22`, `%0D` and `%0A`, which are kept.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.head.name
    }

    /// The file name as sent: the client's text, never a path to open; see
    /// [`safe_file_name`](Self::safe_file_name).
    ///
    /// `None` for a part that is not a file, and an empty string if the browser's user has chosen
    /// no file. The name is `filename`, with U+FFFD for bytes that are not UTF-8; without
    /// `filename`, the name is `filename*` (RFC 8187), which RFC 7578 §4.2 forbids and older
    /// clients send.
    #[must_use]
    pub fn file_name(&self) -> Option<&str> {
        self.head.file_name.as_deref()
    }

    /// The last segment of the file name, to open a file of this name in a directory: see
    /// [`safe_file_name`]. Two parts may have the same name.
    #[must_use]
    pub fn safe_file_name(&self) -> Option<&str> {
        safe_file_name(self.file_name()?)
    }

    /// The value of `Content-Type`, as sent; `None` if absent or not ASCII. The type of a part
    /// without the field is `text/plain` (RFC 7578 §4.4).
    #[must_use]
    pub fn content_type(&self) -> Option<&str> {
        self.head.fields.get(CONTENT_TYPE)?.to_str().ok()
    }

    /// The fields of the part.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        &self.head.fields
    }

    /// Lowers the limit of this part to `bytes`; a longer part is a 413. Call before the first
    /// read.
    pub fn limit(&mut self, bytes: u64) {
        self.reader.limit_part(bytes);
    }

    /// Reads the rest of the part into memory.
    ///
    /// # Errors
    /// See [`Error`](super::Error); 413 above the limit of the part, or above
    /// [`max_memory_bytes`](super::Multipart::max_memory_bytes).
    pub fn bytes(self) -> Result<Vec<u8>, MultipartError> {
        let most = self.reader.limits.memory_bytes;
        let mut content = Vec::new();
        let mut block = [0; BLOCK];
        loop {
            let length = self.reader.read(&mut block)?;
            if length == 0 {
                return Ok(content);
            }
            if content.len() + length > most {
                return Err(self.reader.fail(Cause::TooMuch { most: most as u64, of: "bytes in memory" }));
            }
            content.extend_from_slice(&block[..length]);
        }
    }

    /// Reads the rest of the part as text in UTF-8.
    ///
    /// # Errors
    /// As for [`bytes`](Self::bytes); 400 if the content is not UTF-8; 415 if `Content-Type` gives
    /// a charset other than `utf-8` and `us-ascii`.
    pub fn text(self) -> Result<String, MultipartError> {
        if !has_known_charset(&self.head.fields) {
            return Err(self.reader.fail(Cause::Unsupported("a charset other than UTF-8")));
        }
        let Self { reader, head } = self;
        let content = Part::new(&mut *reader, head).bytes()?;
        String::from_utf8(content).map_err(|_| reader.fail(NO_TEXT))
    }
}

impl Read for Part<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        Ok(self.reader.read(buffer)?)
    }

    /// Like the standard library's; invalid UTF-8 is the client's error (400 if returned).
    fn read_to_string(&mut self, buffer: &mut String) -> io::Result<usize> {
        let mut content = Vec::new();
        self.read_to_end(&mut content)?;
        let text = String::from_utf8(content).map_err(|_| self.reader.fail(NO_TEXT))?;
        buffer.push_str(&text);
        Ok(text.len())
    }
}

impl fmt::Debug for Part<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Part");
        shown.field("name", &self.head.name).field("file_name", &self.head.file_name).finish_non_exhaustive()
    }
}

fn has_known_charset(fields: &HeaderMap) -> bool {
    let Some(value) = fields.get(CONTENT_TYPE) else { return true };
    let Ok(value) = Parameterized::parse(value.as_bytes()) else { return false };
    value
        .get("charset")
        .is_none_or(|charset| [&b"utf-8"[..], b"us-ascii"].iter().any(|known| charset.eq_ignore_ascii_case(known)))
}

const NO_TEXT: Cause = Cause::Malformed("text that is not UTF-8");

/// The bytes read at a time into memory.
const BLOCK: usize = 4096;

/// Returns the last segment of a name that a client sent, to open a file of this name in a
/// directory.
///
/// The segment is the text behind the last `/` or `\`. `None` if the segment is empty, `.`, `..`,
/// longer than 255 bytes, or has a control character. The segment may begin with a dot.
///
/// ```
/// use drupe::multipart::safe_file_name;
///
/// assert_eq!(safe_file_name("C:\\teas\\../assam.txt"), Some("assam.txt"));
/// assert_eq!(safe_file_name("teas/.."), None);
/// ```
#[must_use]
pub fn safe_file_name(name: &str) -> Option<&str> {
    let name = name.rsplit(['/', '\\']).next()?;
    let is_safe = !matches!(name, "" | "." | "..") && name.len() <= 255 && !name.contains(char::is_control);
    is_safe.then_some(name)
}
