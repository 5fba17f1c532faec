//! Between the server and an application: makes the environ, calls, and turns what comes back into a response.

use std::fmt;
use std::io;
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use http::{HeaderValue, StatusCode, Version as Protocol};

use super::application::{Application, Chunks, Content, ContentKind, Failure, of_file};
use super::environ::Environ;
use super::errors::escaped;
use super::keys::{self, Site};
use super::start_response::{Head, Reply, StartResponse};
use super::version::{self, WsgiVersion};
use crate::error::Error;
use crate::message::early::EarlyOutput;
use crate::message::response::refusal;
use crate::message::{Body, BodyWriter, Handler, IntoResponse, Request, Response};

/// An application as a [`Handler`], to be one among others; [`Server::wsgi`](crate::Server::wsgi) makes a server of one.
///
/// ```
/// use drupe::wsgi::{Environ, Failure, Gateway, StartResponse};
/// use drupe::{Body, Request, testing};
///
/// fn application(_: Environ, start_response: StartResponse) -> Result<&'static str, Failure> {
///     start_response.start("200 OK", [("Content-Type", "text/plain")])?;
///     Ok("hello\n")
/// }
/// let response = testing::call(&Gateway::new(application), Request::default());
/// assert_eq!(response.into_body().into_string().unwrap(), "hello\n");
/// ```
#[derive(Clone)]
pub struct Gateway {
    application: Arc<dyn Application>,
    version: WsgiVersion,
    site: Site,
}

impl Gateway {
    /// A gateway of version `1.0`; the application is told that the server is `drupe` and speaks HTTP/1.1.
    pub fn new(application: impl Application) -> Self {
        let software = concat!("drupe/", env!("CARGO_PKG_VERSION")).to_owned();
        let site = Site { software, protocol: Protocol::HTTP_11 };
        Self { application: Arc::new(application), version: WsgiVersion::default(), site }
    }

    /// Sets the version: `("1", 0)`, `("u", 0)`, or one that is [registered](super::register).
    ///
    /// # Errors
    /// [`Error::Setting`] with the versions there are.
    pub fn version(self, name: &str, number: u32) -> Result<Self, Error> {
        let version = version::find(&(name.to_owned(), number))?;
        Ok(Self { version, ..self })
    }

    /// As a server has it that is so configured; `software` is the text of its `Server` field, if it has one.
    pub(crate) fn under(&self, version: &WsgiVersion, software: Option<&HeaderValue>, protocol: Protocol) -> Self {
        let software = software.map(|text| String::from_utf8_lossy(text.as_bytes()).into_owned());
        let site = Site { software: software.unwrap_or_else(|| self.site.software.clone()), protocol };
        Self { application: Arc::clone(&self.application), version: version.clone(), site }
    }

    fn environ(&self, request: &mut Request) -> Environ {
        let mut environ = keys::of(request, &self.site);
        self.version.apply(&mut environ);
        environ
    }
}

impl Handler for Gateway {
    fn handle(&self, request: &mut Request) -> Response {
        let reply = Reply::by_way_of(request.extensions().get::<Arc<dyn EarlyOutput>>().map(Arc::clone));
        let content = self.application.call(self.environ(request), StartResponse::new(&reply));
        content.and_then(|content| respond(content, &reply)).unwrap_or_else(|failure| {
            reply.end();
            if reply.sent().is_some() { break_off(failure) } else { refuse(failure) }
        })
    }

    fn begins_early(&self) -> bool {
        true
    }
}

impl fmt::Debug for Gateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gateway").field("version", &self.version).finish_non_exhaustive()
    }
}

fn respond(content: Content, reply: &Reply) -> Result<Response, Failure> {
    let sent = reply.sent();
    let body = match content.0 {
        ContentKind::Chunks(chunks) => return respond_by_chunks(Open::new(chunks, reply), sent),
        ContentKind::Body(body) => body,
        ContentKind::File(file) => of_file(file, reply.settle()?.left(sent))?,
    };
    let (head, written) = (reply.settle()?, reply.take_written());
    reply.end();
    // Of an answer that has begun the server knows how much is still owed.
    if written.is_empty() || sent.is_some() {
        return Ok(with_head(head, body));
    }
    let declared = head.declared();
    within(&written, declared)?;
    let whole = Body::stream(move |writer| {
        writer.write_all(&written)?;
        let left = declared.unwrap_or(u64::MAX).saturating_sub(written.len() as u64);
        io::copy(&mut io::Read::take(body, left), writer).map(drop)
    });
    Ok(with_head(head, whole))
}

/// Asks for blocks until there is a first byte or none is to come: until then the application may change its mind. Of an answer that has begun
/// so many bytes were `sent`.
fn respond_by_chunks(mut open: Open, sent: Option<u64>) -> Result<Response, Failure> {
    open.reply.returned();
    if sent.is_some() {
        let head = open.reply.settle()?;
        let left = head.left(sent);
        return Ok(with_head(head, Body::stream(move |writer| open.pass(Vec::new(), left, writer))));
    }
    let first = open.first()?;
    let head = open.reply.settle()?;
    let declared = head.declared();
    within(&first, declared)?;
    if open.has_ended() || declared == Some(first.len() as u64) {
        return Ok(with_head(head, first.into()));
    }
    Ok(with_head(head, Body::stream(move |writer| open.pass(first, declared, writer))))
}

/// # Errors
/// If it is more than was declared, and nothing has been sent.
fn within(first: &[u8], declared: Option<u64>) -> Result<(), Failure> {
    match declared {
        Some(declared) if first.len() as u64 > declared => {
            Err(format!("the application has more content than the {declared} bytes it declares").into())
        }
        _ => Ok(()),
    }
}

fn with_head(head: Head, body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = head.status;
    *response.headers_mut() = head.fields;
    response
}

/// What the client did wrong it is told; anything else is nothing for it to know.
fn refuse(failure: Failure) -> Response {
    match failure.downcast::<io::Error>() {
        Ok(error) if refusal(&error).is_some() => error.into_response(),
        Ok(error) => fail(&*error),
        Err(failure) => fail(&*failure),
    }
}

/// Too late to tell the client anything but that this is not the end.
fn break_off(failure: Failure) -> Response {
    Response::new(Body::stream(move |_| Err(broken_off(failure))))
}

fn broken_off(failure: Failure) -> io::Error {
    log::error!("an application failed in the middle of its answer: {}", escaped(failure.to_string().as_bytes()));
    io::Error::other(failure)
}

fn fail(failure: &(dyn std::error::Error + 'static)) -> Response {
    log::error!("an application failed: {}", escaped(failure.to_string().as_bytes()));
    StatusCode::INTERNAL_SERVER_ERROR.into_response()
}

/// Chunks that are being asked for; closed when it is dropped.
struct Open {
    chunks: Box<dyn Chunks>,
    reply: Reply,
    /// There was an end or a failure: nothing more is asked for.
    is_over: bool,
}

impl Open {
    fn new(chunks: Box<dyn Chunks>, reply: &Reply) -> Self {
        Self { chunks, reply: reply.clone(), is_over: false }
    }

    /// What is to be sent first; empty: nothing at all.
    fn first(&mut self) -> Result<Vec<u8>, Failure> {
        let written = self.reply.take_written();
        if !written.is_empty() {
            return Ok(written);
        }
        while let Some(block) = self.next()? {
            if !block.is_empty() {
                return Ok(block);
            }
        }
        Ok(Vec::new())
    }

    /// The next block, behind what was written while it was made; `None` is the end.
    fn next(&mut self) -> Result<Option<Vec<u8>>, Failure> {
        if self.is_over {
            return Ok(None);
        }
        let block = self.chunks.next();
        self.is_over = !matches!(block, Some(Ok(_)));
        let block = block.transpose()?;
        let mut written = self.reply.take_written();
        if written.is_empty() {
            return Ok(block);
        }
        written.extend(block.unwrap_or_default());
        Ok(Some(written))
    }

    fn has_ended(&self) -> bool {
        self.is_over || self.chunks.has_ended()
    }

    /// Sends block by block, never more than was declared.
    fn pass(mut self, first: Vec<u8>, declared: Option<u64>, writer: &mut BodyWriter<'_>) -> io::Result<()> {
        let mut left = declared.unwrap_or(u64::MAX);
        let mut block = first;
        loop {
            let owed = usize::try_from(left).unwrap_or(usize::MAX).min(block.len());
            writer.write_all(&block[..owed])?;
            left -= owed as u64;
            if owed < block.len() {
                log::error!("an application has more content than it declared; the surplus was not sent");
            }
            if left == 0 || self.has_ended() {
                return Ok(());
            }
            writer.flush()?;
            block = match self.next() {
                Ok(Some(block)) => block,
                Ok(None) => return Ok(()),
                Err(failure) => return Err(broken_off(failure)),
            };
        }
    }
}

/// However it came to it: what was opened is closed, and nothing that goes wrong there reaches further.
impl Drop for Open {
    fn drop(&mut self) {
        self.reply.end();
        match catch_unwind(AssertUnwindSafe(|| self.chunks.close())) {
            Ok(Ok(())) => {}
            Ok(Err(failure)) => {
                log::error!(
                    "closing the content of an application failed: {}",
                    escaped(failure.to_string().as_bytes())
                );
            }
            Err(_) => log::error!("closing the content of an application panicked"),
        }
    }
}

#[cfg(test)]
mod tests;
