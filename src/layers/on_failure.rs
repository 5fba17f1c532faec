//! A layer that gives errors the program's own form.

use std::fmt;
use std::sync::Arc;

use http::StatusCode;
use http::header::{
    CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_LENGTH, CONTENT_LOCATION, CONTENT_TYPE, ETAG, HeaderName, LAST_MODIFIED,
};

use super::Layer;
use super::layered::{Around, Layered};
use crate::message::{Failure, Handler, IntoResponse, Request, Response, early};

/// A layer that gives errors a form of your own, such as JSON or a page.
///
/// The function gets each [`Failure`] with status 400 or above, and returns the new content. For a
/// response with such a status but without content or failure, the layer makes a failure from the
/// status.
///
/// ```
/// use drupe::http::StatusCode;
/// use drupe::layers::OnFailure;
/// use drupe::{Failure, Handler, Request, handler};
///
/// let page = handler(|_| Err::<(), _>(Failure::new(StatusCode::NOT_FOUND, "no such tea\n")));
/// // RFC 9457. With the feature `json`, use `Json` for text with quotes in it.
/// let page = page.with(OnFailure::new(|failure, _request| {
///     let (status, text) = (failure.status().as_u16(), failure.text());
///     let problem = format!(r#"{{"status":{status},"title":"{}"}}"#, text.trim_end());
///     ([("content-type", "application/problem+json")], problem)
/// }));
/// # let response = page.handle(&mut Request::default());
/// # assert_eq!(response.status(), 404);
/// # assert_eq!(response.headers()["content-type"], "application/problem+json");
/// # assert_eq!(response.into_body().into_string().unwrap(), r#"{"status":404,"title":"no such tea"}"#);
/// ```
///
/// [`Failure::text`] is for the client. The `Display` form and [`Failure::source`] have the cause,
/// which is for the log only.
///
/// - The status stays. The fields stay, such as `Allow` or `WWW-Authenticate`, except those about
///   the old content. Fields of the new response replace those of the same names.
/// - The extensions stay, the failure too: the server logs it as before.
/// - If the new response is itself a failure, such as one with a field that cannot be sent, the
///   client gets that failure.
/// - If one `OnFailure` is inside another, the inner one gives the form.
///
/// # What the layer does not do
///
/// - It does not change errors with content of their own and without a failure.
/// - It does not catch panics: see [`CatchPanics`](super::CatchPanics).
/// - The server's own answers, such as `413`, do not pass through layers.
/// - An answer that a WSGI-style application has begun by `write` stays as it is.
pub struct OnFailure {
    shape: Box<Shape>,
}

type Shape = dyn Fn(&Failure, &Request) -> Response + Send + Sync;

/// Marks a response already formatted by an `OnFailure` layer.
#[derive(Clone)]
struct Shaped;

impl OnFailure {
    /// Makes a layer of a function from failure and request to content. The handler may have taken
    /// the content of the request.
    pub fn new<R: IntoResponse>(shape: impl Fn(&Failure, &Request) -> R + Send + Sync + 'static) -> Self {
        Self { shape: Box::new(move |failure, request| shape(failure, request).into_response()) }
    }

    /// Puts the form in place of the content of `response`.
    fn shaped(&self, failure: &Failure, request: &Request, response: Response) -> Response {
        let shaped = (self.shape)(failure, request);
        if Failure::of(&shaped).is_some() {
            return shaped;
        }
        let (mut parts, _) = response.into_parts();
        for name in ABOUT_CONTENT {
            parts.headers.remove(name);
        }
        let (new, content) = shaped.into_parts();
        let mut fresh = (new.headers, Response::from_parts(parts, content)).into_response();
        fresh.extensions_mut().insert(Shaped);
        fresh
    }
}

impl<H: Handler> Layer<H> for OnFailure {
    type Handler = Layered<Self, H>;

    fn wrap(self, inner: Arc<H>) -> Self::Handler {
        Layered::new(self, inner)
    }
}

impl Around for OnFailure {
    fn answer(&self, request: &mut Request, inner: &dyn Handler) -> Response {
        let response = inner.handle(request);
        match failure(&response) {
            Some(failure) if !early::has_begun(request) => self.shaped(&failure, request, response),
            _ => response,
        }
    }
}

impl fmt::Debug for OnFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OnFailure").finish_non_exhaustive()
    }
}

/// Returns the failure to shape, with the status of `response`.
fn failure(response: &Response) -> Option<Failure> {
    let status = response.status();
    if status < StatusCode::BAD_REQUEST || response.extensions().get::<Shaped>().is_some() {
        return None;
    }
    match Failure::of(response) {
        Some(failure) if failure.status() == status => Some(failure.clone()),
        // Another layer has changed the status.
        Some(failure) => Some(Failure::new(status, failure.text())),
        None => response.body().is_empty().then(|| Failure::new(status, reason(status))),
    }
}

/// Returns the text for a status without one.
fn reason(status: StatusCode) -> String {
    status.canonical_reason().unwrap_or("error").to_lowercase() + "\n"
}

/// The fields that describe the content, and not the resource or the error.
const ABOUT_CONTENT: [HeaderName; 7] =
    [CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_LENGTH, CONTENT_LOCATION, CONTENT_TYPE, ETAG, LAST_MODIFIED];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::handler;

    /// Answers with `inner` behind the layer, as lines: status, fields, content.
    fn told(inner: impl Handler) -> String {
        let layer = OnFailure::new(|failure, request| {
            let text = format!("{} {} {}", request.uri().path(), failure.status().as_u16(), failure.text().trim_end());
            ([("content-type", "text/form")], text)
        });
        lines(inner.with(layer).handle(&mut Request::default()))
    }

    fn lines(response: Response) -> String {
        let mut lines: Vec<String> =
            response.headers().iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
        lines.sort();
        lines.insert(0, response.status().as_u16().to_string());
        lines.push(response.into_body().into_string().unwrap());
        lines.join("\n")
    }

    #[test]
    fn failures_and_empty_errors_get_the_form() {
        let expected = "500\ncontent-type: text/form\n/ 500 internal server error";
        assert_eq!(told(handler(|_| Err::<(), _>(Failure::from("a secret")))), expected);
        let expected = "418\ncontent-type: text/form\n/ 418 tea";
        assert_eq!(told(handler(|_| Failure::new(StatusCode::IM_A_TEAPOT, "tea\n"))), expected);
        assert_eq!(told(handler(|_| None::<&str>)), "404\ncontent-type: text/form\n/ 404 not found");
        let own = StatusCode::from_u16(599).unwrap();
        assert_eq!(told(handler(move |_| own)), "599\ncontent-type: text/form\n/ 599 error");
    }

    #[test]
    fn other_responses_stay() {
        assert_eq!(told(handler(|_| "tea")), "200\ncontent-type: text/plain; charset=utf-8\ntea");
        assert_eq!(told(handler(|_| StatusCode::NO_CONTENT)), "204\n");
        let own = handler(|_| (StatusCode::NOT_FOUND, ([("content-type", "text/own")], "gone")));
        assert_eq!(told(own), "404\ncontent-type: text/own\ngone");
        let fixed = handler(|_| (StatusCode::OK, Failure::new(StatusCode::NOT_FOUND, "none")));
        assert!(told(fixed).starts_with("200\n"));
    }

    #[test]
    fn status_and_fields_stay_but_for_those_about_the_content() {
        let refused = handler(|_| {
            let fields = [("allow", "GET"), ("etag", "\"a\""), ("content-encoding", "gzip"), ("content-length", "4")];
            (StatusCode::METHOD_NOT_ALLOWED, fields, Failure::new(StatusCode::BAD_REQUEST, "no\n"))
        });
        assert_eq!(told(refused), "405\nallow: GET\ncontent-type: text/form\n/ 405 no");
        let changed = handler(|_| (StatusCode::CONFLICT, Failure::new(StatusCode::BAD_REQUEST, "no\n")));
        assert_eq!(told(changed), "409\ncontent-type: text/form\n/ 409 no");
        let layer = OnFailure::new(|_, _| (StatusCode::OK, [("allow", "PUT"), ("allow", "GET")], "form"));
        let page = handler(|_| ([("allow", "HEAD"), ("x", "y")], StatusCode::METHOD_NOT_ALLOWED)).with(layer);
        let expected = "405\nallow: GET\nallow: PUT\ncontent-type: text/plain; charset=utf-8\nx: y\nform";
        assert_eq!(lines(page.handle(&mut Request::default())), expected);
    }

    #[test]
    fn failure_stays_for_the_log() {
        let page = handler(|_| Err::<(), _>(Failure::from("a secret"))).with(OnFailure::new(|_, _| "form"));
        let response = page.handle(&mut Request::default());
        assert_eq!(Failure::of(&response).unwrap().to_string(), "a secret");
        assert_eq!(response.into_body().into_string().unwrap(), "form");
    }

    #[test]
    fn form_that_fails_is_the_failure() {
        let page = handler(|_| StatusCode::NOT_FOUND).with(OnFailure::new(|_, _| ([("a", "b\n")], "form")));
        let response = page.handle(&mut Request::default());
        assert_eq!(response.status(), 500);
        assert!(Failure::of(&response).unwrap().to_string().contains("field a "));
    }

    #[test]
    fn inner_form_stays() {
        let page = handler(|_| StatusCode::NOT_FOUND).with(OnFailure::new(|_, _| "inner"));
        assert_eq!(told(page), "404\ncontent-type: text/plain; charset=utf-8\ninner");
        let page = handler(|_| StatusCode::NOT_FOUND).with(OnFailure::new(|_, _| ()));
        assert_eq!(told(page), "404\n");
    }
}
