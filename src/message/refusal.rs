//! A refusal by the server itself, shaped by the program.

use std::mem;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{
    ALLOW, CONNECTION, CONTENT_LENGTH, DATE, HeaderName, RETRY_AFTER, SERVER, TE, TRAILER, TRANSFER_ENCODING, UPGRADE,
};
use http::{HeaderMap, Method, StatusCode, Uri};

use super::body::BodyKind;
use super::refusal_kind::RefusalKind;
use super::request_id::RequestId;
use super::{Body, Request, Response};
use crate::address::Peer;

/// A request that the server answers itself, for [`Server::on_refusal`](crate::Server::on_refusal).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Refusal {
    /// The status of the answer: 400, 405, 408, 413, 414, 417, 431, 500, 501, 503 or 505.
    pub status: StatusCode,
    /// The part of the exchange that the refusal is about.
    pub kind: RefusalKind,
    /// The reason in English, without bytes of the client: the text of the plain answer, except of a
    /// 500, which is not told: the plain answer is `internal server error`.
    pub reason: String,
    /// The method, if the server has read a request.
    pub method: Option<Method>,
    /// The request target, if the server has read a request.
    pub target: Option<Uri>,
    /// The fields of the request, within the limits of a head.
    ///
    /// Empty if the server has read no request: for a malformed, late or too large head, and for a
    /// client turned away for lack of room before its head was read. If the handler has run, the
    /// fields are those that handler and layers have left in the request.
    pub fields: HeaderMap,
    /// The id of the request, if a layer has set one. `None` for a request that the server refuses
    /// before the handler runs; an id of the client is among the [`fields`](Self::fields).
    pub id: Option<RequestId>,
    /// The client: the peer, or the client announced by a trusted proxy (with port 0 if the port is
    /// unknown).
    pub client: Option<Peer>,
    /// The time after which the client may try again, for some answers of status 503.
    pub retry_after: Option<Duration>,
}

impl Refusal {
    /// Returns the request as far as known, without content and facts of the connection.
    pub(crate) fn as_request(&self) -> Request {
        let mut request = Request::default();
        *request.method_mut() = self.method.clone().unwrap_or_default();
        *request.uri_mut() = self.target.clone().unwrap_or_default();
        *request.headers_mut() = self.fields.clone();
        request
    }
}

/// A callback that shapes refusals; `Err` is the reason in English why the shape cannot be sent.
pub(crate) type OnRefusal = Arc<dyn Fn(&Refusal) -> Result<Option<ShapedRefusal>, &'static str> + Send + Sync>;

/// Fields, content and id for a refusal.
#[derive(Debug)]
pub(crate) struct ShapedRefusal {
    pub(crate) fields: HeaderMap,
    pub(crate) content: Bytes,
    /// The id that the program has given the request.
    pub(crate) id: Option<RequestId>,
}

impl ShapedRefusal {
    /// Takes fields, content and id out of `response`. Drops the fields that the server sets itself.
    ///
    /// # Errors
    /// The reason in English, for content that is a stream, a file, or larger than [`MOST`].
    pub(crate) fn of(response: Response) -> Result<Self, &'static str> {
        let (head, body) = response.into_parts();
        let content = match body.into_kind() {
            BodyKind::Empty => Bytes::new(),
            BodyKind::Bytes(mut bytes) => mem::take(bytes.bytes()),
            _ => return Err("its content is not in memory"),
        };
        if content.len() > MOST {
            return Err("its content is larger than 16 KiB");
        }
        let (mut fields, id) = (head.headers, head.extensions.get().cloned());
        for name in OURS {
            fields.remove(name);
        }
        Ok(Self { fields, content, id })
    }

    /// Returns the answer with `status`, to be framed by the server.
    pub(crate) fn into_response(self, status: StatusCode) -> Response {
        let mut response = Response::new(Body::from(self.content));
        *response.status_mut() = status;
        *response.headers_mut() = self.fields;
        response
    }
}

/// The fields that the server sets itself, or that would break the framing.
const OURS: [HeaderName; 11] = [
    ALLOW,
    CONNECTION,
    CONTENT_LENGTH,
    DATE,
    HeaderName::from_static("keep-alive"),
    RETRY_AFTER,
    SERVER,
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
];
/// The most bytes of content.
const MOST: usize = 16 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shaped_refusal_keeps_no_field_of_the_framing() {
        let response = http::Response::builder()
            .header("Content-Type", "application/json")
            .header("Content-Length", 99)
            .header("Transfer-Encoding", "chunked")
            .header("Connection", "keep-alive, upgrade")
            .header("Keep-Alive", "timeout=5")
            .header("Upgrade", "echo")
            .header("Trailer", "a")
            .header("TE", "trailers")
            .header("Retry-After", "9")
            .body(Body::from("{}"))
            .unwrap();
        let shaped = ShapedRefusal::of(response).unwrap();
        let left: Vec<_> = shaped.fields.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
        assert_eq!(left, [("content-type", &b"application/json"[..])]);
        assert_eq!(shaped.content, "{}");
    }

    #[test]
    fn shaped_refusal_is_bounded_and_in_memory() {
        let of = |body: Body| ShapedRefusal::of(Response::new(body)).map(|shaped| shaped.content.len());
        assert_eq!(of(vec![b'x'; MOST].into()), Ok(MOST));
        assert_eq!(of(Body::empty()), Ok(0));
        assert!(of(vec![b'x'; MOST + 1].into()).is_err());
        assert!(of(Body::stream(|_| Ok(()))).is_err());
        assert!(of(Body::from_reader(&b"x"[..])).is_err());
    }
}
