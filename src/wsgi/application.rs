//! What a user writes: an application, and the content it answers with.

use std::error::Error;
use std::fmt;
use std::fs::File;
use std::io::{self, Read, Seek};

use super::environ::Environ;
use super::start_response::StartResponse;
use crate::message::Body;

/// Why an application could not answer: any error, so that `?` does for all of them.
pub type Failure = Box<dyn Error + Send + Sync>;

/// Answers requests as PEP 3333 has it: it gets an environ, calls `start_response`, and returns the content.
///
/// Every `Fn(Environ, StartResponse) -> Result<impl Into<Content>, Failure>` is one. The contract:
///
/// - It is called on a worker thread, by many at once; it may block.
/// - `start_response` is called before the content has its first byte: by the application, or by the [`Chunks`] it returns.
/// - Nothing is sent before the first byte is there. A failure until then is a bare `500`, whatever has been started, and so is a panic;
///   after that it cuts the connection, so that the client can tell.
/// - A declared `Content-Length` is kept: what is more is not sent and logged, or a `500` where nothing has been sent yet; what is too
///   little ends the connection.
/// - To a HEAD it answers as to a GET; its content is dropped.
///
/// ```
/// use drupe::wsgi::{Content, Environ, Failure, StartResponse};
///
/// /// Counts to three, each number sent when it is there.
/// fn count(_: Environ, start_response: StartResponse) -> Result<Content, Failure> {
///     start_response.start("200 OK", [("Content-Type", "text/plain")])?;
///     Ok(Content::chunks((1..=3).map(|number| Ok(format!("{number}\n")))))
/// }
/// # let _ = drupe::Server::wsgi(count);
/// ```
pub trait Application: Send + Sync + 'static {
    /// Answers a request.
    ///
    /// # Errors
    /// Whatever keeps it from answering: it is logged, and the client gets a `500` that tells nothing. Failures of
    /// [`wsgi.input`](super::Input) that are the client's own get the status they have (400, 408, 413).
    fn call(&self, environ: Environ, start_response: StartResponse) -> Result<Content, Failure>;
}

impl<F, C> Application for F
where
    F: Fn(Environ, StartResponse) -> Result<C, Failure> + Send + Sync + 'static,
    C: Into<Content>,
{
    fn call(&self, environ: Environ, start_response: StartResponse) -> Result<Content, Failure> {
        self(environ, start_response).map(Into::into)
    }
}

/// Content that comes block by block: the iterable of PEP 3333. Every iterator of `Result<impl Into<Vec<u8>>, Failure>` is one.
pub trait Chunks: Send + 'static {
    /// The next block; `None` is the end. Each is sent before the next is asked for, but an empty one is passed over.
    ///
    /// # Errors
    /// Whatever keeps it from going on; nothing more is asked for.
    fn next(&mut self) -> Option<Result<Vec<u8>, Failure>>;

    /// Whether it is known that no block is to come, so that the length of a single one is that of the content.
    fn has_ended(&self) -> bool {
        false
    }

    /// Is called once and last, whatever has happened: the end, a failure, a panic, a client that has left, a HEAD.
    ///
    /// # Errors
    /// Whatever went wrong; it is logged.
    fn close(&mut self) -> Result<(), Failure> {
        Ok(())
    }
}

impl<I, B> Chunks for I
where
    I: Iterator<Item = Result<B, Failure>> + Send + 'static,
    B: Into<Vec<u8>>,
{
    fn next(&mut self) -> Option<Result<Vec<u8>, Failure>> {
        Iterator::next(self).map(|block| block.map(Into::into))
    }

    fn has_ended(&self) -> bool {
        self.size_hint().1 == Some(0)
    }
}

/// What an application answers with: text, bytes, a [`Body`], a [`FileWrapper`], or [`Chunks`].
pub struct Content(pub(super) ContentKind);

/// Where content comes from.
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

    /// Content that comes block by block.
    pub fn chunks(chunks: impl Chunks) -> Self {
        Self(ContentKind::Chunks(Box::new(chunks)))
    }

    /// What `reader` yields, sent as it comes.
    pub fn reader(reader: impl Read + Send + 'static) -> Self {
        Body::from_reader(reader).into()
    }
}

/// A file to be sent by the kernel: `wsgi.file_wrapper`.
///
/// It begins where the file stands, and ends at its end, or at `Content-Length` where the application declares one. What is no regular file is
/// read.
///
/// ```
/// use std::fs::File;
/// use drupe::wsgi::{Environ, Failure, FileWrapper, StartResponse};
///
/// fn send(_: Environ, start_response: StartResponse) -> Result<FileWrapper, Failure> {
///     let file = File::open("Cargo.toml")?;
///     start_response.start("200 OK", [("Content-Type", "text/plain")])?;
///     Ok(FileWrapper::new(file))
/// }
/// # let _ = drupe::Server::wsgi(send);
/// ```
#[derive(Debug)]
pub struct FileWrapper(File);

impl FileWrapper {
    /// Wraps a file; there is no block size to choose.
    #[must_use]
    pub fn new(file: File) -> Self {
        Self(file)
    }
}

/// The next `declared` bytes of `file`, or all there are: a body that has fewer is a contradiction, which the server refuses.
pub(super) fn of_file(mut file: File, declared: Option<u64>) -> io::Result<Body> {
    let facts = file.metadata()?;
    if !facts.is_file() {
        return Ok(Body::from_file(file));
    }
    let begin = file.stream_position()?;
    let end = declared.map_or(facts.len(), |length| begin.saturating_add(length).min(facts.len()));
    Ok(Body::from_file_range(file, begin..end.max(begin)))
}

impl From<Body> for Content {
    fn from(body: Body) -> Self {
        Self(ContentKind::Body(body))
    }
}

impl From<FileWrapper> for Content {
    fn from(wrapper: FileWrapper) -> Self {
        Self(ContentKind::File(wrapper.0))
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

impl From<Vec<u8>> for Content {
    fn from(bytes: Vec<u8>) -> Self {
        Body::from(bytes).into()
    }
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match &self.0 {
            ContentKind::Body(_) => "body",
            ContentKind::File(_) => "file",
            ContentKind::Chunks(_) => "chunks",
        };
        f.debug_tuple("Content").field(&kind).finish()
    }
}
