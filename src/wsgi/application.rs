//! The application trait, and the content of responses.

use std::fmt;
use std::fs::File;
use std::io::{self, Read, Seek};

use bytes::Bytes;

use super::ApplicationError;
use super::environ::Environ;
use super::start_response::StartResponse;
use crate::message::Body;
use crate::message::file_length::known_length;

/// Answers requests as in PEP 3333: takes an environ, calls `start_response`, and returns the
/// content.
///
/// Every `Fn(Environ, StartResponse) -> Result<impl Into<Content>, ApplicationError>` is an application. The
/// contract:
///
/// - The application is called on worker threads, concurrently. It may block.
/// - `start_response` is called before the first byte of content, by the application or by the
///   returned [`Chunks`].
/// - Nothing is sent before the first byte. A failure or panic until then is a bare `500`, even
///   after `start_response`. A later failure cuts the connection, so that the client can detect the
///   truncation.
/// - A declared `Content-Length` is enforced. Surplus bytes are logged and not sent, or become a
///   `500` if nothing has been sent. Missing bytes cut the connection. [`Chunks`] are asked for
///   their end also after the declared bytes.
/// - A HEAD is answered like a GET; the content is dropped.
///
/// ```
/// use drupe::wsgi::{Content, Environ, ApplicationError, StartResponse};
///
/// /// Counts to three, each number sent when it is there.
/// fn count(_: Environ, start_response: StartResponse) -> Result<Content, ApplicationError> {
///     start_response.start("200 OK", [("Content-Type", "text/plain")])?;
///     Ok(Content::chunks((1..=3).map(|number| Ok(format!("{number}\n")))))
/// }
/// # let _ = drupe::Server::wsgi(count);
/// ```
pub trait Application: Send + Sync + 'static {
    /// Answers a request.
    ///
    /// # Errors
    /// Any failure is logged and becomes a bare `500`. A failure of [`wsgi.input`](super::Input)
    /// caused by the client gets a status of its own (400, 408, 413). After
    /// [`NoAnswer`](crate::exchange::NoAnswer) the connection is closed without a response.
    fn call(&self, environ: Environ, start_response: StartResponse) -> Result<Content, ApplicationError>;
}

impl<F, C> Application for F
where
    F: Fn(Environ, StartResponse) -> Result<C, ApplicationError> + Send + Sync + 'static,
    C: Into<Content>,
{
    fn call(&self, environ: Environ, start_response: StartResponse) -> Result<Content, ApplicationError> {
        self(environ, start_response).map(Into::into)
    }
}

/// Content in blocks: the iterable of PEP 3333. Every iterator of
/// `Result<impl Into<Bytes>, ApplicationError>` implements the trait.
pub trait Chunks: Send + 'static {
    /// Returns the next block; `None` is the end. Each block is sent before the next call, without
    /// a copy; empty blocks are skipped.
    ///
    /// # Errors
    /// Any failure; no more blocks are requested.
    fn next(&mut self) -> Option<Result<Bytes, ApplicationError>>;

    /// True if no block is known to follow. The length of a single block is then that of the
    /// content, and the content is closed after it is sent.
    fn has_ended(&self) -> bool {
        false
    }

    /// Closes the content. Called once and last, in every case: end, failure, panic, disconnect,
    /// HEAD. The thread runs no other request before. The call delays what the client takes at once
    /// by a few milliseconds at most.
    ///
    /// # Errors
    /// Any failure; it is logged.
    fn close(&mut self) -> Result<(), ApplicationError> {
        Ok(())
    }
}

impl<I, B> Chunks for I
where
    I: Iterator<Item = Result<B, ApplicationError>> + Send + 'static,
    B: Into<Bytes>,
{
    fn next(&mut self) -> Option<Result<Bytes, ApplicationError>> {
        Iterator::next(self).map(|block| block.map(Into::into))
    }

    fn has_ended(&self) -> bool {
        self.size_hint().1 == Some(0)
    }
}

/// The content of a response: text, bytes, a [`Body`], a [`FileWrapper`], or [`Chunks`].
pub struct Content {
    pub(super) kind: ContentKind,
    /// Dropped after the content is sent.
    pub(super) kept: Option<Box<dyn Send>>,
}

/// The source of content.
pub(super) enum ContentKind {
    Body(Body),
    File(File),
    Chunks(Box<dyn Chunks>),
}

impl Content {
    /// No content.
    #[must_use]
    pub fn empty() -> Self {
        Body::empty().into()
    }

    /// Content in blocks.
    pub fn chunks(chunks: impl Chunks) -> Self {
        ContentKind::Chunks(Box::new(chunks)).into()
    }

    /// The bytes of `reader`, sent as they are read.
    pub fn reader(reader: impl Read + Send + 'static) -> Self {
        Body::from_reader(reader).into()
    }

    /// Keeps `value` until the content is sent, or as much of the content as the client takes at
    /// once. Dropping the value delays that content by a few milliseconds at most.
    ///
    /// A second value replaces the first.
    #[must_use]
    pub fn keeping(self, value: impl Send + 'static) -> Self {
        Self { kept: Some(Box::new(value)), ..self }
    }
}

impl From<ContentKind> for Content {
    fn from(kind: ContentKind) -> Self {
        Self { kind, kept: None }
    }
}

/// A file sent with `sendfile`: `wsgi.file_wrapper`.
///
/// Sending begins at the file's position, and ends at the end of the file or at the declared
/// `Content-Length`. Anything but a regular file is read instead, and so are files of `/proc` and `/sys`.
///
/// ```
/// use std::fs::File;
/// use drupe::wsgi::{Environ, ApplicationError, FileWrapper, StartResponse};
///
/// fn send(_: Environ, start_response: StartResponse) -> Result<FileWrapper, ApplicationError> {
///     let file = File::open("Cargo.toml")?;
///     start_response.start("200 OK", [("Content-Type", "text/plain")])?;
///     Ok(FileWrapper::new(file))
/// }
/// # let _ = drupe::Server::wsgi(send);
/// ```
#[derive(Debug)]
pub struct FileWrapper(File);

impl FileWrapper {
    /// Wraps a file; there is no block size.
    #[must_use]
    pub fn new(file: File) -> Self {
        Self(file)
    }
}

/// The next `declared` bytes of `file`, or the rest of the file. The server refuses a body shorter
/// than declared.
pub(super) fn of_file(mut file: File, declared: Option<u64>) -> io::Result<Body> {
    let Some(length) = known_length(&file, &file.metadata()?) else { return Ok(Body::from_reader(file)) };
    let begin = file.stream_position()?;
    let end = declared.map_or(length, |declared| begin.saturating_add(declared).min(length));
    Ok(Body::from_file_range(file, begin..end.max(begin)))
}

impl From<Body> for Content {
    fn from(body: Body) -> Self {
        ContentKind::Body(body).into()
    }
}

impl From<FileWrapper> for Content {
    fn from(wrapper: FileWrapper) -> Self {
        ContentKind::File(wrapper.0).into()
    }
}

/// No content.
impl From<()> for Content {
    fn from((): ()) -> Self {
        Self::empty()
    }
}

impl From<&'static str> for Content {
    fn from(text: &'static str) -> Self {
        Body::from(text).into()
    }
}

impl From<String> for Content {
    fn from(text: String) -> Self {
        Body::from(text).into()
    }
}

impl From<Bytes> for Content {
    fn from(bytes: Bytes) -> Self {
        Body::from(bytes).into()
    }
}

impl From<Vec<u8>> for Content {
    fn from(bytes: Vec<u8>) -> Self {
        Body::from(bytes).into()
    }
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match &self.kind {
            ContentKind::Body(_) => "body",
            ContentKind::File(_) => "file",
            ContentKind::Chunks(_) => "chunks",
        };
        f.debug_tuple("Content").field(&kind).finish()
    }
}
