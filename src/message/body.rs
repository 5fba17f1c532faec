//! Content of requests and responses.

use std::fmt;
use std::fs::File;
use std::io::{self, Read, Seek};
use std::ops::Range;
use std::sync::Arc;

use http::HeaderMap;

use super::content_error::RefusedContent;
use super::content_place::PlacedContent;
use super::file_length::known_length;
use super::mailbox::Receiver;
use super::memory::InMemory;
use super::parked::ParkedUpgrade;
use super::pieces::{Pieces, read_range};
use super::upgrade::Upgraded;
use super::writer::{BodyFilter, BodyWriter};
use crate::h1::error::ProtocolError;

/// The content of a message: an owned reader without a lifetime.
///
/// **In a request** the body is decoded content under the server's limits. Up to `body_buffer_size`
/// bytes are received before the handler runs; the rest is read from the connection on demand. A
/// client waiting for `100 Continue` gets it before the handler runs or, with a `body_buffer_size`
/// of 0, at the handler's first read. [`take_body`](crate::RequestExt::take_body) takes the body, for
/// [`into_vec`](Self::into_vec), for [`into_string`](Self::into_string), or to return it as the
/// response's body, streamed in constant memory. Reads after the exchange fail.
///
/// **In a response** the server sends the body. Bytes and files go to a slow client without a
/// worker; the page of [`stream`](crate::stream) lists the rest. The framing is `Content-Length` if
/// the length is known, else chunks, else (HTTP/1.0) the end of the connection.
///
/// # Errors of reading a request's content
/// | kind | cause | status if returned from a handler |
/// |---|---|---|
/// | `FileTooLarge` | content over the limit | 413 |
/// | `TimedOut` | the client took too long | 408 |
/// | `InvalidData` | malformed chunks, or invalid UTF-8 (`into_string`, `read_to_string`) | 400 |
/// | `UnexpectedEof` | the client ended early | 400 if the client still reads |
///
/// These statuses apply to errors of this body only; others of the same kinds become a 500.
///
/// ```
/// use drupe::{Body, Request, RequestExt};
///
/// /// Streams the request's content back.
/// fn echo(request: &mut Request) -> Body {
///     request.take_body()
/// }
///
/// /// Reads text; a failure becomes the fitting status.
/// fn shout(request: &mut Request) -> std::io::Result<String> {
///     Ok(request.take_body().into_string()?.to_uppercase())
/// }
/// # let mut request = Request::new("quiet".into());
/// # assert_eq!(shout(&mut request).unwrap(), "QUIET");
/// # echo(&mut request);
/// ```
#[derive(Default)]
pub struct Body {
    kind: BodyKind,
}

/// The source of content.
#[derive(Default)]
pub(crate) enum BodyKind {
    #[default]
    Empty,
    Bytes(InMemory),
    /// Request content, read from the connection on demand.
    Incoming(PlacedContent<dyn IncomingContent>),
    /// Ends at the reader's end or after `length` bytes, whichever comes first.
    Reader {
        reader: Box<dyn Read + Send>,
        length: Option<u64>,
    },
    File {
        file: File,
        range: Range<u64>,
    },
    /// Text and ranges of a file.
    Pieces(Pieces),
    Stream(Producer),
    /// Content sent by any thread, at any time.
    Channel(Receiver),
    /// The content of `body` after `first`, through a filter.
    Filtered {
        body: Box<Body>,
        /// Bytes of `body` that were read before.
        first: Vec<u8>,
        filter: Box<dyn BodyFilter + Send>,
    },
    /// No content: the service of the connection after a `101`.
    Upgrade(Upgrade),
}

/// Writes a streamed body.
pub(crate) type Producer = Box<dyn FnOnce(&mut BodyWriter<'_>) -> io::Result<()> + Send>;
/// Filters of content, in the order in which the content goes through them.
pub(crate) type Filters = Vec<Box<dyn BodyFilter + Send>>;
/// The future of an upgraded connection.
pub(crate) enum Upgrade {
    /// A function serves the connection on a thread.
    Thread(ServeUpgraded),
    /// A function is called for each event.
    Parked(Box<ParkedUpgrade>),
}

/// Serves an upgraded connection.
pub(crate) type ServeUpgraded = Box<dyn FnOnce(Upgraded) + Send>;

/// Request content, as `engine` reads it from the connection.
pub(crate) trait IncomingContent: Send + Sync {
    /// Reads decoded content; `Ok(0)` at the end.
    fn read(&self, buffer: &mut [u8]) -> io::Result<usize>;
    /// The number of content bytes still to come, if the framing gives it.
    fn remaining(&self) -> Option<u64>;
    /// The trailer section, once the content has been read to its end.
    fn trailers(&self) -> Option<HeaderMap>;
    /// Lowers the limit.
    fn set_limit(&self, bytes: u64);
    /// Lowers the limit if neither route nor handler has given one for this request. Returns true
    /// if the limit was higher.
    fn set_default_limit(&self, bytes: u64) -> bool;
}

impl Body {
    /// No content.
    #[must_use]
    pub fn empty() -> Self {
        Self::default()
    }

    /// The bytes of `reader` until its end, sent in chunks because the length is not known.
    pub fn from_reader(reader: impl Read + Send + 'static) -> Self {
        BodyKind::Reader { reader: Box::new(reader), length: None }.into()
    }

    /// The next `length` bytes of `reader`.
    ///
    /// If `reader` yields fewer, the connection is closed, so that the client can detect the
    /// truncation. Bytes beyond `length` are left in `reader`.
    pub fn sized(reader: impl Read + Send + 'static, length: u64) -> Self {
        BodyKind::Reader { reader: Box::new(reader), length: Some(length) }.into()
    }

    /// The bytes of `file` from its position to its end, sent with `sendfile` if possible.
    ///
    /// Anything but a regular file is read like any reader, with an unknown length, and so are the
    /// files of `/proc` and `/sys`. Bytes added to the file after this call are not sent. If the file
    /// gets shorter, the connection is closed, so that the client can detect the truncation.
    ///
    /// A client that disconnects raises no SIGPIPE, even if the program has enabled that signal.
    #[must_use]
    pub fn from_file(mut file: File) -> Self {
        let length = file.metadata().ok().and_then(|facts| known_length(&file, &facts));
        match (length, file.stream_position()) {
            (Some(length), Ok(position)) => Self::from_file_range(file, position..length),
            _ => Self::from_reader(file),
        }
    }

    /// The bytes of `file` in `range`, which must exist, sent with `sendfile` if possible.
    #[must_use]
    pub fn from_file_range(file: File, range: Range<u64>) -> Self {
        BodyKind::File { file, range }.into()
    }

    /// Text and ranges of a file. The caller ensures that the file has the ranges.
    pub(crate) fn from_pieces(pieces: Pieces) -> Self {
        BodyKind::Pieces(pieces).into()
    }

    /// The output of `produce`, sent while `produce` runs: reports, proxies. `produce` holds a
    /// worker until it returns. For server-sent events, and for content with long pauses, see
    /// [`stream`](crate::stream), which needs no thread.
    ///
    /// `produce` runs on the worker after the head is composed. Output is sent when the buffer is
    /// full or on [`flush`](io::Write::flush). Writes fail once the client has disconnected. An
    /// error of `produce` cuts the connection, so that the client can detect the truncation.
    ///
    /// HTTP/1.1 clients get chunks, unless the handler sets `Content-Length`. For HTTP/1.0 clients,
    /// the end of the connection ends the content, and a reset cuts it. A Unix socket has no reset,
    /// so an HTTP/1.0 client there cannot detect the truncation. For a HEAD request, `produce` is
    /// not called.
    ///
    /// ```
    /// use std::io::Write;
    /// use drupe::Body;
    ///
    /// let body = Body::stream(|writer| {
    ///     for event in 1..=3 {
    ///         write!(writer, "data: {event}\n\n")?;
    ///         writer.flush()?;
    ///     }
    ///     Ok(())
    /// });
    /// # assert_eq!(body.into_vec().unwrap().len(), 27);
    /// ```
    pub fn stream<F>(produce: F) -> Self
    where
        F: FnOnce(&mut BodyWriter<'_>) -> io::Result<()> + Send + 'static,
    {
        BodyKind::Stream(Box::new(produce)).into()
    }

    /// The bytes of `owner`, dropped once sent or discarded. Other answers may have the same bytes.
    pub(crate) fn shared(owner: impl AsRef<[u8]> + Send + 'static) -> Self {
        InMemory::shared(owner).into()
    }

    pub(crate) fn upgrade(serve: Upgrade) -> Self {
        BodyKind::Upgrade(serve).into()
    }

    pub(crate) fn incoming(source: Arc<dyn IncomingContent>) -> Self {
        BodyKind::Incoming(PlacedContent::new(source)).into()
    }

    /// The number of bytes to come, if known: `Content-Length`, bytes in memory, or a file.
    #[must_use]
    pub fn content_length(&self) -> Option<u64> {
        match &self.kind {
            BodyKind::Empty | BodyKind::Upgrade(_) => Some(0),
            BodyKind::Bytes(bytes) => Some(bytes.len() as u64),
            BodyKind::Incoming(source) => source.remaining(),
            BodyKind::Reader { length, .. } => *length,
            BodyKind::File { range, .. } => Some(range.end.saturating_sub(range.start)),
            BodyKind::Pieces(pieces) => Some(pieces.len()),
            BodyKind::Stream(_) | BodyKind::Channel(_) | BodyKind::Filtered { .. } => None,
        }
    }

    /// True if the body is known to be empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.content_length() == Some(0)
    }

    /// The trailer fields of a request (RFC 9110 §6.5), after the end of the content; returned once.
    pub fn trailers(&mut self) -> Option<HeaderMap> {
        match &self.kind {
            BodyKind::Incoming(source) => source.trailers(),
            _ => None,
        }
    }

    /// True if there is no content at all, as after the body was taken.
    pub(super) fn is_none(&self) -> bool {
        matches!(self.kind, BodyKind::Empty)
    }

    pub(crate) fn set_limit(&mut self, bytes: u64) {
        if let BodyKind::Incoming(source) = &self.kind {
            source.set_limit(bytes);
        }
    }

    /// Lowers the limit for content from a client, as
    /// [`set_default_limit`](IncomingContent::set_default_limit).
    pub(super) fn set_default_limit(&mut self, bytes: u64) -> bool {
        match &self.kind {
            BodyKind::Incoming(source) => source.set_default_limit(bytes),
            _ => false,
        }
    }

    /// True if the body is read in pieces, so that the first read may fail or block.
    pub(crate) fn is_read_first(&self) -> bool {
        match &self.kind {
            BodyKind::Filtered { body, .. } => body.is_read_first(),
            kind => matches!(kind, BodyKind::Incoming(_) | BodyKind::Reader { .. }),
        }
    }

    /// The body behind all filters.
    pub(crate) fn source(&mut self) -> &mut Self {
        match self.kind {
            BodyKind::Filtered { ref mut body, .. } => body.source(),
            _ => self,
        }
    }

    /// Puts the first bytes read from the [`source`](Self::source) back, if a filter needs them.
    pub(crate) fn put_back(&mut self, bytes: &mut Vec<u8>) {
        if let BodyKind::Filtered { body, first, .. } = &mut self.kind {
            body.put_back(bytes);
            first.append(bytes);
        }
    }

    /// True if the body writes itself, and cannot be read.
    pub(crate) fn is_stream(&self) -> bool {
        matches!(self.kind, BodyKind::Stream(_) | BodyKind::Channel(_) | BodyKind::Filtered { .. })
    }

    pub(super) fn is_channel(&self) -> bool {
        matches!(self.kind, BodyKind::Channel(_))
    }

    pub(crate) fn is_incoming(&self) -> bool {
        matches!(self.kind, BodyKind::Incoming(_))
    }

    pub(crate) fn is_upgrade(&self) -> bool {
        matches!(self.kind, BodyKind::Upgrade(_))
    }

    /// Takes the service of an upgraded connection, and leaves an empty body.
    pub(crate) fn take_upgrade(&mut self) -> Option<Upgrade> {
        if !self.is_upgrade() {
            return None;
        }
        match std::mem::take(&mut self.kind) {
            BodyKind::Upgrade(serve) => Some(serve),
            _ => None,
        }
    }

    pub(crate) fn into_kind(self) -> BodyKind {
        self.kind
    }
}

/// Bodies that write themselves, [streamed](Body::stream) and [filtered](Body::through) ones, cannot
/// be read: the error is `Unsupported`, and the body is unchanged.
impl Read for Body {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.kind {
            BodyKind::Empty | BodyKind::Upgrade(_) => Ok(0),
            BodyKind::Bytes(bytes) => Ok(bytes.read(buffer)),
            BodyKind::Incoming(source) => source.read(buffer, IncomingContent::read),
            BodyKind::Reader { reader, length: None } => reader.read(buffer),
            BodyKind::Reader { reader, length: Some(left) } => {
                let got = reader.take(*left).read(buffer)?;
                *left -= got as u64;
                Ok(got)
            }
            BodyKind::File { file, range } => read_range(file, range, buffer),
            BodyKind::Pieces(pieces) => pieces.read(buffer),
            BodyKind::Stream(_) | BodyKind::Channel(_) | BodyKind::Filtered { .. } => Err(io::Error::new(
                io::ErrorKind::Unsupported,
                "a streamed body cannot be read; change it with Body::through, or send it with Body::write_to",
            )),
        }
    }

    /// Like the standard library's; invalid UTF-8 is the client's error (400 if returned).
    fn read_to_string(&mut self, buffer: &mut String) -> io::Result<usize> {
        let mut content = Vec::new();
        self.read_to_end(&mut content)?;
        append(content, buffer)
    }
}

/// Appends content to `buffer` as text, and returns the number of bytes.
///
/// # Errors
/// As [`text`]; `buffer` is then unchanged.
pub(crate) fn append(content: Vec<u8>, buffer: &mut String) -> io::Result<usize> {
    let content = text(content)?;
    buffer.push_str(&content);
    Ok(content.len())
}

/// Converts content to text.
///
/// # Errors
/// `InvalidData` if the content is not UTF-8, recognised as the client's error everywhere.
pub(crate) fn text(content: Vec<u8>) -> io::Result<String> {
    String::from_utf8(content)
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, RefusedContent(ProtocolError::NotText)))
}

impl From<BodyKind> for Body {
    fn from(kind: BodyKind) -> Self {
        Self { kind }
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match &self.kind {
            BodyKind::Empty => "empty",
            BodyKind::Bytes(_) => "bytes",
            BodyKind::Incoming(_) => "incoming",
            BodyKind::Reader { .. } => "reader",
            BodyKind::File { .. } => "file",
            BodyKind::Pieces(_) => "pieces",
            BodyKind::Stream(_) => "stream",
            BodyKind::Channel(_) => "channel",
            BodyKind::Filtered { .. } => "filtered",
            BodyKind::Upgrade(_) => "upgrade",
        };
        f.debug_struct("Body").field("kind", &kind).field("content_length", &self.content_length()).finish()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::io::Write;

    use super::*;
    use crate::message::content_error::refusal;

    fn check(body: Body, length: Option<u64>, content: &str) {
        assert_eq!(body.content_length(), length, "{body:?}");
        assert_eq!(body.into_string().unwrap(), content);
    }

    pub(in crate::message) fn file(content: &str) -> File {
        let path = std::env::temp_dir().join(format!("drupe-body-{}-{content}", std::process::id()));
        std::fs::write(&path, content).unwrap();
        let file = File::open(&path).unwrap();
        std::fs::remove_file(path).unwrap();
        file
    }

    #[test]
    fn every_kind_reads_and_knows_its_length() {
        check(Body::empty(), Some(0), "");
        check("static".into(), Some(6), "static");
        check(String::from("owned").into(), Some(5), "owned");
        check(b"bytes".to_vec().into(), Some(5), "bytes");
        check(Body::from_reader("reader".as_bytes()), None, "reader");
        check(Body::sized("cut here: not this".as_bytes(), 8), Some(8), "cut here");
        check(Body::sized("short".as_bytes(), 8), Some(8), "short");
        check(Body::stream(|writer| writer.write_all(b"streamed")), None, "streamed");
    }

    #[test]
    fn a_file_is_sent_from_its_position() {
        let mut opened = file("0123456789");
        opened.seek(io::SeekFrom::Start(4)).unwrap();
        check(Body::from_file(opened), Some(6), "456789");
        check(Body::from_file_range(file("abcdef"), 1..3), Some(2), "bc");
    }

    #[test]
    fn non_utf8_content_is_refused_and_adds_nothing() {
        let no_text = || Body::from(b"caf\xe9".to_vec());
        let mut text = "kept".to_owned();
        let whole = no_text().into_string().unwrap_err();
        let added = no_text().read_to_string(&mut text).unwrap_err();
        for error in [whole, added] {
            assert_eq!((error.kind(), refusal(&error)), (io::ErrorKind::InvalidData, Some(ProtocolError::NotText)));
        }
        assert_eq!(text, "kept");
        assert_eq!(Body::from("caf\u{e9}").read_to_string(&mut text).unwrap(), 5);
        assert_eq!(text, "keptcaf\u{e9}");
    }

    #[test]
    fn taken_body_leaves_an_empty_one() {
        let mut body = Body::from("content");
        assert!(!body.is_empty());
        assert_eq!(std::mem::take(&mut body).into_vec().unwrap(), b"content");
        assert!(body.is_empty());
    }
}
