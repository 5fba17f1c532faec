//! The name of a request in log lines.

use std::fmt::{self, Write};
use std::time::Duration;

use http::{HeaderMap, Method, Uri};

use super::request_id::RequestId;
use super::route::MatchedRoute;
use super::{Request, RequestExt, Response};
use crate::address::Peer;
use crate::h1::head::RequestHead;
use crate::sync::catch;

/// The name of a request in log lines: `GET /path from 127.0.0.1:4711, request 5f3a`.
///
/// The query is left out, because a query may hold secrets.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RequestName<'r> {
    pub(crate) method: &'r Method,
    pub(crate) target: &'r Uri,
    pub(crate) peer: Option<&'r Peer>,
    pub(crate) id: Option<&'r RequestId>,
}

/// The parts of a name, as received: a handler may change the request, and drops the request before
/// the answer is sent. No text is copied.
#[derive(Clone, Debug)]
pub(crate) struct AskedRequest {
    pub(crate) method: Method,
    pub(crate) target: Uri,
    /// The client, as far as known.
    pub(crate) peer: Option<Peer>,
    /// The id, if a layer or the shape of a refusal has given one.
    pub(crate) id: Option<RequestId>,
    /// The route, if a router has set one.
    pub(crate) route: Option<MatchedRoute>,
    /// The fields for a refusal; `None` while the head or the handler has them.
    pub(crate) fields: Option<HeaderMap>,
}

impl AskedRequest {
    /// Returns the parts of a received `head` of the client at `peer`, without fields.
    pub(crate) fn received(head: &RequestHead, peer: Option<Peer>) -> Self {
        let (method, target) = (head.method.clone(), head.target.clone());
        Self { method, target, peer, id: None, route: None, fields: None }
    }

    /// Returns the parts of a `head` whose handler will not run.
    pub(crate) fn refused(head: RequestHead, peer: Option<Peer>) -> Self {
        Self { method: head.method, target: head.target, peer, id: None, route: None, fields: Some(head.fields) }
    }

    /// Returns the parts of `request` as it is now.
    pub(crate) fn of(request: &Request) -> Self {
        Self {
            method: request.method().clone(),
            target: request.uri().clone(),
            peer: request.connection().peer().cloned(),
            id: request.extensions().get().cloned(),
            route: None,
            fields: None,
        }
    }

    /// Takes the notes that layers have left in `request` or `response`.
    pub(crate) fn note(&mut self, request: &mut Request, response: Option<&Response>) {
        // The connection's facts are always there.
        if request.extensions().len() > 1 {
            self.id = request.extensions_mut().remove();
            self.route = request.extensions_mut().remove();
        }
        let Some(response) = response.filter(|response| !response.extensions().is_empty()) else { return };
        if self.id.is_none() {
            self.id = response.extensions().get().cloned();
        }
        if self.route.is_none() {
            self.route = response.extensions().get().cloned();
        }
    }

    /// Keeps the id that the program has given a refusal, unless a layer has set one.
    pub(crate) fn note_refusal(&mut self, id: Option<RequestId>) {
        self.id = self.id.take().or(id);
    }

    /// True if the method is `HEAD`.
    pub(crate) fn is_head(&self) -> bool {
        self.method == Method::HEAD
    }

    /// Returns the name in log lines.
    pub(crate) fn name(&self) -> RequestName<'_> {
        RequestName { method: &self.method, target: &self.target, peer: self.peer.as_ref(), id: self.id.as_ref() }
    }
}

impl<'r> RequestName<'r> {
    /// Returns the name of `request`.
    pub(crate) fn of(request: &'r Request) -> Self {
        Self {
            method: request.method(),
            target: request.uri(),
            peer: request.connection().peer(),
            id: request.extensions().get(),
        }
    }
}

impl fmt::Display for RequestName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} from ", Bounded(self.method.as_str()), Bounded(self.target.path()))?;
        match self.peer {
            Some(Peer::Tcp(address)) if address.port() == 0 => address.ip().fmt(f)?,
            Some(peer) => peer.fmt(f)?,
            None => f.write_str("an unknown client")?,
        }
        match self.id {
            Some(id) => write!(f, ", request {}", Bounded(id.as_str())),
            None => Ok(()),
        }
    }
}

/// Shows the beginning of a text of a client, escaped.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounded<'t>(pub(crate) &'t str);

impl fmt::Display for Bounded<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = self.0.chars();
        for escaped in shown.by_ref().take(LONGEST).flat_map(char::escape_debug) {
            f.write_char(escaped)?;
        }
        if shown.next().is_some() { f.write_str("...") } else { Ok(()) }
    }
}

/// Shows seconds with one decimal.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OneDecimal(pub(crate) Duration);

impl fmt::Display for OneDecimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not by floating point, whose code for texts is large.
        write!(f, "{}.{}", self.0.as_secs(), self.0.subsec_millis() / 100)
    }
}

/// Shows a text with control characters escaped, so that the text cannot forge a log line.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OneLine<T>(pub(crate) T);

impl<T: fmt::Display> fmt::Display for OneLine<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The text may be the program's own, and may panic.
        let written = catch(|| write!(Escaping(f), "{}", self.0));
        written.unwrap_or_else(|_| f.write_str("(formatting the text panicked)"))
    }
}

struct Escaping<'f, 'b>(&'f mut fmt::Formatter<'b>);

impl Write for Escaping<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        text.chars().try_for_each(|shown| match shown {
            '"' | '\'' | '\\' => self.0.write_char(shown),
            _ => write!(self.0, "{}", shown.escape_debug()),
        })
    }
}

/// Characters shown.
const LONGEST: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_has_neither_query_nor_control_characters_nor_great_length() {
        let long = format!("/{}", "x".repeat(300));
        for (target, id, expected) in [
            ("/a?key=secret", None, "GET /a from 127.0.0.1:9".to_owned()),
            ("http://host/a?b", None, "GET /a from 127.0.0.1:9".to_owned()),
            ("/a", Some("5\n\u{1b}[31m"), "GET /a from 127.0.0.1:9, request 5\\n\\u{1b}[31m".to_owned()),
            (&long, None, format!("GET /{}... from 127.0.0.1:9", "x".repeat(99))),
        ] {
            let peer = Peer::Tcp("127.0.0.1:9".parse().unwrap());
            let (target, id) = (target.parse().unwrap(), id.map(RequestId::new));
            let name = RequestName { method: &Method::GET, target: &target, peer: Some(&peer), id: id.as_ref() };
            assert_eq!(name.to_string(), expected);
        }
    }

    #[test]
    fn name_without_an_address_has_the_forwarded_one_or_none() {
        let peer = Peer::Tcp("192.0.2.1:0".parse().unwrap());
        let name = RequestName { method: &Method::GET, target: &Uri::from_static("/"), peer: Some(&peer), id: None };
        assert_eq!(name.to_string(), "GET / from 192.0.2.1");
        assert_eq!(RequestName::of(&Request::default()).to_string(), "GET / from an unknown client");
    }

    /// An error whose text panics.
    #[derive(Debug)]
    struct Broken;

    impl fmt::Display for Broken {
        fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
            panic!("on purpose")
        }
    }

    impl std::error::Error for Broken {}

    #[test]
    fn text_that_panics_does_not_end_the_thread() {
        let shown = OneLine(crate::message::Failure::from(Broken)).to_string();
        assert_eq!(shown, "(formatting the text panicked)");
    }
}
