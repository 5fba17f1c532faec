//! The handler of an application: makes the environ, calls the application, and builds the
//! response.

use std::fmt;
use std::io;
use std::io::Write;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderValue, StatusCode, Version as Protocol};

use super::ApplicationError;
use super::application::{Application, Chunks, Content, ContentKind, of_file};
use super::environ::Environ;
use super::keys::{self, Site};
use super::start_response::{Head, Reply, StartResponse};
use super::version::{self, WsgiVersion};
use crate::error::Error;
use crate::message::early::{self, EarlyOutput};
use crate::message::kept::KeptUntilSent;
use crate::message::named::{AskedRequest, OneLine};
use crate::message::no_answer::NoAnswer;
use crate::message::{Body, BodyWriter, Failure, Handler, IntoResponse, Request, Response};
use crate::sync::{Mutex, catch};

/// An application as a [`Handler`], for use with other handlers.
/// [`Server::wsgi`](crate::Server::wsgi) makes a server of one application.
///
/// ```
/// use drupe::wsgi::{Environ, ApplicationError, Gateway, StartResponse};
/// use drupe::{Body, Request, testing};
///
/// fn application(_: Environ, start_response: StartResponse) -> Result<&'static str, ApplicationError> {
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
    /// A gateway of version `1.0`, presenting the server as `drupe` with HTTP/1.1.
    pub fn new(application: impl Application) -> Self {
        early::want();
        let software = concat!("drupe/", env!("CARGO_PKG_VERSION")).to_owned();
        let site = Site { software, protocol: Protocol::HTTP_11 };
        Self { application: Arc::new(application), version: WsgiVersion::default(), site }
    }

    /// Sets the version: `("1", 0)`, `("u", 0)`, or a [registered](super::register) one.
    ///
    /// # Errors
    /// [`Error::Setting`], listing the known versions.
    pub fn version(self, name: &str, number: u32) -> Result<Self, Error> {
        let version = version::find(&(name.to_owned(), number))?;
        Ok(Self { version, ..self })
    }

    /// Returns a gateway for a server with these settings; `software` is the value of the `Server`
    /// field, if any.
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
        let asked = AskedRequest::of(request);
        let content = self.application.call(self.environ(request), StartResponse::new(&reply));
        content.and_then(|content| respond(content, &reply, &asked)).unwrap_or_else(|failure| {
            reply.end();
            if reply.sent().is_some() { break_off(failure) } else { refuse(failure, &asked) }
        })
    }
}

impl fmt::Debug for Gateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gateway").field("version", &self.version).finish_non_exhaustive()
    }
}

fn respond(content: Content, reply: &Reply, asked: &AskedRequest) -> Result<Response, ApplicationError> {
    let sent = reply.sent();
    let Content { kind, kept } = content;
    let body = match kind {
        ContentKind::Chunks(chunks) => return respond_by_chunks(Open::new(chunks, kept, reply, asked), sent),
        ContentKind::Body(body) => body,
        ContentKind::File(file) => of_file(file, reply.settle()?.left(sent))?,
    };
    let (head, written) = (reply.settle()?, reply.take_written());
    reply.end();
    // Once the response has begun, the server knows the rest of the declared length.
    if written.is_empty() || sent.is_some() {
        return Ok(keeping(kept, with_head(head, body)));
    }
    let declared = head.declared();
    within(&written, declared)?;
    let whole = Body::stream(move |writer| {
        writer.write_all(&written)?;
        if body.is_stream() {
            return body.write_to(writer);
        }
        let left = declared.unwrap_or(u64::MAX).saturating_sub(written.len() as u64);
        io::copy(&mut io::Read::take(body, left), writer).map(drop)
    });
    Ok(keeping(kept, with_head(head, whole)))
}

/// Requests blocks until the first byte or the end, because the application may restart the
/// response until then. `sent` is the number of bytes sent early.
fn respond_by_chunks(mut open: Open, sent: Option<u64>) -> Result<Response, ApplicationError> {
    open.reply.returned();
    if sent.is_some() {
        let head = open.reply.settle()?;
        let left = head.left(sent);
        return Ok(with_stream(head, open, Bytes::new(), left));
    }
    let first = open.first()?;
    let head = open.reply.settle()?;
    let declared = head.declared();
    within(&first, declared)?;
    if open.has_ended() || (!first.is_empty() && declared == Some(first.len() as u64)) {
        // The content is complete for the client, who costs no thread while it is sent.
        return Ok(keeping(Some(Passed(open)), with_head(head, first.into())));
    }
    Ok(with_stream(head, open, first, declared))
}

/// Returns a response that sends `first` and the following blocks of `open`. The chunks are closed
/// after the end of the content is sent; after a failure, at once.
fn with_stream(head: Head, open: Open, first: Bytes, declared: Option<u64>) -> Response {
    let slot = Arc::new(Mutex::new(Some(open)));
    let kept = Arc::clone(&slot);
    let body = Body::stream(move |writer| {
        let Some(mut open) = slot.lock().take() else { return Ok(()) };
        open.pass(first, declared, writer)?;
        *slot.lock() = Some(open);
        Ok(())
    });
    keeping(Some(kept), with_head(head, body))
}

/// Checks the first content against the declared length, before anything is sent.
///
/// # Errors
/// If `first` is longer than declared.
fn within(first: &[u8], declared: Option<u64>) -> Result<(), ApplicationError> {
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
    head.reason.and_then(|reason| response.extensions_mut().insert(reason));
    response
}

fn keeping(value: Option<impl Send + 'static>, mut response: Response) -> Response {
    value.and_then(|value| response.extensions_mut().insert(KeptUntilSent::new(value)));
    response
}

/// Responds with the status of a client's error; hides any other error behind a 500.
fn refuse(failure: ApplicationError, asked: &AskedRequest) -> Response {
    let failure = Failure::from(failure);
    if let Some(no_answer) = failure.downcast_ref::<NoAnswer>() {
        return no_answer.into_response();
    }
    if failure.status().is_client_error() {
        return failure.into_response();
    }
    log::error!("a WSGI application failed: {}: {}; answering 500", asked.name(), OneLine(&failure));
    StatusCode::INTERNAL_SERVER_ERROR.into_response()
}

/// Cuts the connection, because the head has been sent already. The server logs the failure.
fn break_off(failure: ApplicationError) -> Response {
    Response::new(Body::stream(move |_| Err(io::Error::other(failure))))
}

/// Chunks in progress, closed on drop.
struct Open {
    chunks: Box<dyn Chunks>,
    reply: Reply,
    asked: AskedRequest,
    /// True after the end or a failure: no more blocks are requested.
    is_over: bool,
    /// Dropped after the close.
    _kept: Option<Box<dyn Send>>,
}

impl Open {
    fn new(chunks: Box<dyn Chunks>, kept: Option<Box<dyn Send>>, reply: &Reply, asked: &AskedRequest) -> Self {
        Self { chunks, reply: reply.clone(), asked: asked.clone(), is_over: false, _kept: kept }
    }

    /// Returns the first content to send; empty if there is none.
    fn first(&mut self) -> Result<Bytes, ApplicationError> {
        let written = self.reply.take_written();
        if !written.is_empty() {
            return Ok(written.into());
        }
        while let Some(block) = self.next()? {
            if !block.is_empty() {
                return Ok(block);
            }
        }
        Ok(Bytes::new())
    }

    /// Returns the next block, after any bytes written meanwhile; `None` is the end.
    fn next(&mut self) -> Result<Option<Bytes>, ApplicationError> {
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
        Ok(Some(written.into()))
    }

    /// Requests blocks until the end or the first surplus, which is logged.
    fn end(&mut self) -> Result<(), ApplicationError> {
        while !self.has_ended() {
            match self.next()? {
                Some(block) if !block.is_empty() => {
                    self.log_surplus();
                    return Ok(());
                }
                Some(_) => {}
                None => return Ok(()),
            }
        }
        Ok(())
    }

    fn log_surplus(&self) {
        let name = self.asked.name();
        log::error!("a WSGI application has more content than it declared: {name}; the surplus was not sent");
    }

    fn has_ended(&self) -> bool {
        self.is_over || self.chunks.has_ended()
    }

    /// Sends the blocks, up to the declared length. The chunks are asked for their end in any case,
    /// because a generator may have work to do after its last block.
    fn pass(&mut self, first: Bytes, declared: Option<u64>, writer: &mut BodyWriter<'_>) -> io::Result<()> {
        let mut left = declared.unwrap_or(u64::MAX);
        let mut block = first;
        loop {
            let owed = usize::try_from(left).unwrap_or(usize::MAX).min(block.len());
            writer.write_all(&block[..owed])?;
            left -= owed as u64;
            if owed < block.len() {
                self.log_surplus();
                return Ok(());
            }
            if self.has_ended() {
                return Ok(());
            }
            writer.flush()?;
            block = match self.next() {
                Ok(Some(block)) => block,
                Ok(None) => return Ok(()),
                Err(failure) => return Err(io::Error::other(failure)),
            };
        }
    }
}

/// Chunks whose declared content is with the server. The drop, after the content is sent, asks for
/// their end and closes them.
struct Passed(Open);

impl Drop for Passed {
    fn drop(&mut self) {
        let Self(open) = self;
        let ended = catch(|| open.end());
        let name = open.asked.name();
        match ended {
            Ok(Ok(())) => {}
            Ok(Err(failure)) => {
                log::error!("a WSGI application failed after its last block: {name}: {}", OneLine(failure));
            }
            Err(_) => log::error!("a WSGI application panicked after its last block: {name}"),
        }
    }
}

/// Closes the chunks in every case. Failures and panics of `close` are logged only.
impl Drop for Open {
    fn drop(&mut self) {
        self.reply.end();
        let closed = catch(|| self.chunks.close());
        let name = self.asked.name();
        match closed {
            Ok(Ok(())) => {}
            Ok(Err(failure)) => {
                log::error!("closing the content of a WSGI application failed: {name}: {}", OneLine(failure));
            }
            Err(_) => log::error!("closing the content of a WSGI application panicked: {name}"),
        }
    }
}

#[cfg(test)]
mod tests;
