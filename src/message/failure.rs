//! The error of a handler: the status and text for the client, and the cause for the log.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::io;
use std::sync::Arc;

use http::StatusCode;

use super::content_error::{ContentError, Kind};
#[cfg(feature = "multipart")]
use super::multipart_error::{Cause, MultipartError};
use super::response::{IntoResponse, Response};
use crate::h1::error::ProtocolError;

/// The error of a handler that uses `?`.
///
/// Every error becomes a `Failure` by `?`: those of the standard library, of other crates,
/// `Box<dyn Error + Send + Sync>`, `anyhow::Error`, and text. The client then gets a `500` without
/// the text of the error. The server logs the error once, at level `error`, with method, target,
/// client and all causes.
///
/// Errors of reading the request keep their status (`400`, `408`, `413`, `415`), wherever they are
/// among the causes. With feature `json`, so do errors of `serde_json::from_reader(request.body_mut())`
/// (`400`), told by their place in the content; JSON from a file of the server stays a `500`. Errors of
/// other decoders are a `500` unless [`or_status`](OrStatus::or_status) says otherwise, because drupe
/// cannot tell the content from a file. A failure below 500 is the client's fault, and is logged at level `debug`
/// only.
///
/// ```
/// use drupe::http::StatusCode;
/// use drupe::{Failure, OrStatus, Request, RequestExt};
///
/// fn square(request: &mut Request) -> Result<String, Failure> {
///     let text = request.text()?; // 400, 408, 413 or 415 if the client is at fault
///     let number: i64 = text.trim().parse().or_status(StatusCode::BAD_REQUEST)?;
///     if number > 1000 {
///         return Err(Failure::new(StatusCode::UNPROCESSABLE_ENTITY, "a number up to 1000, please\n"));
///     }
///     std::fs::write("/dev/null", &text)?; // 500 if the disk is full
///     Ok(format!("{}\n", number * number))
/// }
/// # let mut request = Request::new("7".into());
/// # assert_eq!(square(&mut request).unwrap(), "49\n");
/// # let mut request = Request::new("seven".into());
/// # assert_eq!(square(&mut request).unwrap_err().status(), 400);
/// ```
///
/// The response of a failure carries the failure, so that a layer can find it:
/// [`Failure::of`].
#[derive(Clone)]
pub struct Failure {
    status: StatusCode,
    /// The content for the client; `None`: the reason phrase of the status.
    text: Option<Cow<'static, str>>,
    cause: Option<Arc<dyn Error + Send + Sync>>,
}

impl Failure {
    /// Makes a failure with the status and the text that the client gets.
    pub fn new(status: StatusCode, text: impl Into<Cow<'static, str>>) -> Self {
        Self { status, text: Some(text.into()), cause: None }
    }

    /// Adds the error that is the reason, for the log. The client does not see the error.
    ///
    /// ```
    /// use drupe::Failure;
    /// use drupe::http::StatusCode;
    ///
    /// let error = "seven".parse::<u8>().unwrap_err();
    /// let failure = Failure::new(StatusCode::BAD_REQUEST, "a number, please\n").because(error);
    /// assert_eq!(failure.text(), "a number, please\n");
    /// assert_eq!(failure.to_string(), "invalid digit found in string");
    /// ```
    #[must_use]
    pub fn because(self, error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { cause: Some(Arc::from(error.into())), ..self }
    }

    /// Returns the failure from which `response` was made.
    #[must_use]
    pub fn of<T>(response: &http::Response<T>) -> Option<&Self> {
        response.extensions().get::<Self>()
    }

    /// The status of the response.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The text for the client, usually a line with its end. The default is the reason phrase of
    /// the status in lower case: `"not found\n"`.
    #[must_use]
    pub fn text(&self) -> Cow<'static, str> {
        let reason = || self.status.canonical_reason().unwrap_or("error").to_ascii_lowercase();
        self.text.clone().unwrap_or_else(|| Cow::Owned(reason() + "\n"))
    }

    /// The error that became this failure, to read or to downcast; `None` without one.
    #[must_use]
    pub fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.cause.as_deref().map(|cause| cause as _)
    }

    /// The error of type `E`, if the source is one.
    #[must_use]
    pub fn downcast_ref<E: Error + 'static>(&self) -> Option<&E> {
        self.source()?.downcast_ref()
    }
}

/// Anything that `?` can turn into a boxed error.
impl<E: Into<Box<dyn Error + Send + Sync>>> From<E> for Failure {
    fn from(error: E) -> Self {
        let cause: Arc<dyn Error + Send + Sync> = Arc::from(error.into());
        let (status, text) = match client_error(&*cause) {
            Some((status, text)) => (status, Some(text.into())),
            None => (StatusCode::INTERNAL_SERVER_ERROR, None),
        };
        Self { status, text, cause: Some(cause) }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let mut response = (self.status(), self.text()).into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// The response to an error returned with `?`: that of a [`Failure`] made of the error.
impl IntoResponse for io::Error {
    fn into_response(self) -> Response {
        Failure::from(self).into_response()
    }
}

/// The text and all causes, on one line.
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(source) = self.source() else { return f.write_str(self.text().trim_end()) };
        let mut last = source.to_string();
        f.write_str(&last)?;
        let mut next = source.source();
        while let Some(cause) = next {
            let text = cause.to_string();
            // Many errors show the text of their cause.
            if text != last {
                write!(f, ": {text}")?;
            }
            (last, next) = (text, cause.source());
        }
        Ok(())
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {self}", self.status)
    }
}

/// Gives errors and missing values a status.
pub trait OrStatus: Sized {
    /// The value inside.
    type Value;

    /// The error; `()` for the lack of a value.
    type Error;

    /// Replaces an error or a missing value by a [`Failure`] of this status. The client gets the
    /// reason phrase of the status.
    ///
    /// # Errors
    /// The failure, with the error as its [`source`](Failure::source).
    fn or_status(self, status: StatusCode) -> Result<Self::Value, Failure>;

    /// Does what [`or_status`](Self::or_status) does, for errors only of which `is_meant` returns
    /// true. Any other error becomes a failure as by `?`: mostly a `500`, which is logged.
    ///
    /// ```
    /// use std::io::ErrorKind;
    ///
    /// use drupe::http::StatusCode;
    /// use drupe::{Failure, OrStatus};
    ///
    /// fn note(path: &str) -> Result<String, Failure> {
    ///     let note = std::fs::read_to_string(path);
    ///     note.or_status_if(StatusCode::NOT_FOUND, |error| error.kind() == ErrorKind::NotFound)
    /// }
    /// assert_eq!(note("/no/such/note").unwrap_err().status(), 404);
    /// assert_eq!(note("/dev").unwrap_err().status(), 500); // a directory
    /// ```
    ///
    /// # Errors
    /// The failure, with the error as its [`source`](Failure::source).
    fn or_status_if(
        self,
        status: StatusCode,
        is_meant: impl FnOnce(&Self::Error) -> bool,
    ) -> Result<Self::Value, Failure>;
}

impl<T, E: Into<Failure>> OrStatus for Result<T, E> {
    type Value = T;
    type Error = E;

    fn or_status(self, status: StatusCode) -> Result<T, Failure> {
        self.or_status_if(status, |_| true)
    }

    fn or_status_if(self, status: StatusCode, is_meant: impl FnOnce(&E) -> bool) -> Result<T, Failure> {
        self.map_err(
            |error| {
                if is_meant(&error) { Failure { status, text: None, ..error.into() } } else { error.into() }
            },
        )
    }
}

impl<T> OrStatus for Option<T> {
    type Value = T;
    type Error = ();

    fn or_status(self, status: StatusCode) -> Result<T, Failure> {
        self.ok_or(Failure { status, text: None, cause: None })
    }

    fn or_status_if(self, status: StatusCode, is_meant: impl FnOnce(&()) -> bool) -> Result<T, Failure> {
        let status = if is_meant(&()) { status } else { StatusCode::INTERNAL_SERVER_ERROR };
        self.or_status(status)
    }
}

/// Returns status and text of the client's error that `error` is, wraps or comes from.
fn client_error(error: &(dyn Error + 'static)) -> Option<(StatusCode, String)> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = own_error(error) {
            return Some(found);
        }
        next = error.source();
    }
    None
}

/// Looks at one error, and at the error inside of an `io::Error`, which its `source` passes over.
fn own_error(error: &(dyn Error + 'static)) -> Option<(StatusCode, String)> {
    let told = |status, error: &dyn Error| Some((status, format!("{error}\n")));
    if let Some(error) = error.downcast_ref::<ContentError>() {
        return error.status().and_then(|status| told(status, error));
    }
    if let Some(error) = error.downcast_ref::<Kind>() {
        return error.status().and_then(|status| told(status, error));
    }
    if let Some(error) = error.downcast_ref::<ProtocolError>() {
        return told(error.status(), error);
    }
    #[cfg(feature = "multipart")]
    if let Some(found) = of_multipart(error) {
        return found;
    }
    #[cfg(feature = "json")]
    if let Some(found) = super::json::of_content(error) {
        return Some(found);
    }
    match error.downcast_ref::<io::Error>()?.get_ref() {
        Some(inner) => client_error(inner),
        None => None,
    }
}

/// Returns the client's error if `error` is one of `multipart`; `Some(None)` if it is the server's.
#[cfg(feature = "multipart")]
fn of_multipart(error: &(dyn Error + 'static)) -> Option<Option<(StatusCode, String)>> {
    let (status, text) = match (error.downcast_ref::<MultipartError>(), error.downcast_ref::<Cause>()) {
        (Some(error), _) => (error.status(), error.text()),
        (None, Some(cause)) => (cause.status(), format!("{cause}\n")),
        (None, None) => return None,
    };
    Some((!status.is_server_error()).then_some((status, text)))
}

#[cfg(feature = "multipart")]
impl IntoResponse for MultipartError {
    fn into_response(self) -> Response {
        Failure::from(self).into_response()
    }
}

#[cfg(test)]
mod tests;
