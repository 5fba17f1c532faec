//! Compression of responses.

use std::sync::Arc;

use http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, HeaderName,
    HeaderValue, IF_NONE_MATCH,
};
use http::{HeaderMap, Method, StatusCode};

use super::encoder::{Coding, Encoder};
use super::vary::vary_by;
use crate::message::accept_encoding::preferred;
use crate::message::body::BodyKind;
use crate::message::early;
use crate::message::unsent::UnsentContent;
use crate::message::{Body, Handler, Request, Response};

/// Compresses the responses of `inner` with gzip or deflate, as the client's `Accept-Encoding`
/// allows (RFC 9110 §12.5.3; gzip on a tie).
///
/// ```
/// use drupe::{Body, Request, http, layers, testing};
///
/// let handler = layers::compress(|_: &mut Request| "to be or not to be, ".repeat(100));
///
/// let request = http::Request::get("/").header("Accept-Encoding", "gzip, br").body(Body::empty()).unwrap();
/// let response = testing::call(&handler, request);
/// assert_eq!(response.headers()["content-encoding"], "gzip");
/// assert!(response.into_body().into_vec().unwrap().len() < 100);
/// ```
///
/// # Responses
/// The layer does not change these responses:
///
/// - content known to be shorter than 256 bytes;
/// - content of a compressed type: images except SVG, audio, video, fonts in WOFF, archives, office
///   documents;
/// - responses with `Content-Encoding`, `Content-Range`, a digest of the content, or
///   `Cache-Control: no-transform`;
/// - responses of status 1xx, 204, 205 or 206;
/// - [upgrades](crate::upgrade()), and responses begun by `write` of a WSGI application.
///
/// `HEAD` gets the head of `GET`. `Content-Length` is left out if the handler answers `HEAD`
/// without content.
///
/// # Content
/// - Up to 1 MiB in memory is compressed at once, and `Content-Length` is the compressed length.
///   The original is sent if the compressed content is not shorter.
/// - Other content is compressed by the worker while being sent, with unknown length and about
///   350 KiB of memory. Files are read instead of sent by `sendfile`.
/// - A flush of a stream ends a compressed block: the client can decode each event at once.
///
/// # Fields
/// - `Vary: Accept-Encoding` is added to a response if another client would get compressed content.
///   A 304 gets it if the 200 may: only [`Files`](crate::Files) gives the layer the type and length.
/// - A strong `ETag` of a compressed response becomes weak. A 304 has the weak tag if the client
///   sent the weak tag. Handlers must compare `If-None-Match` weakly, as [`Files`](crate::Files)
///   does (RFC 9110 §13.1.2).
/// - `Accept-Ranges` of a compressed response is removed, because ranges count bytes of the
///   original.
///
/// # Security
/// The compressed length of a response reveals a secret if an attacker can add text to the response
/// (BREACH), also over TLS. Do not compress such responses: `Cache-Control: no-transform` excludes
/// a response.
pub fn compress<H: Handler>(inner: H) -> impl Handler {
    // `with` keeps the content limits of the handler, and its mark as prompt.
    inner.with(|inner: Arc<H>| {
        move |request: &mut Request| {
            let asked = Asked::by(request);
            let response = inner.handle(request);
            // The head of a begun response is settled, and so is the form of its content.
            if early::has_begun(request) { response } else { asked.answer(response) }
        }
    })
}

/// The parts of a request that matter for compression.
struct Asked {
    coding: Option<Coding>,
    is_head: bool,
    /// Values of `If-None-Match`.
    known: Vec<HeaderValue>,
}

impl Asked {
    fn by(request: &Request) -> Self {
        let fields = request.headers();
        Self {
            coding: preferred(fields, &Coding::ALL),
            is_head: request.method() == Method::HEAD,
            known: fields.get_all(IF_NONE_MATCH).iter().cloned().collect(),
        }
    }

    fn answer(&self, mut response: Response) -> Response {
        match response.status() {
            StatusCode::NOT_MODIFIED if has_compressible_whole(&response) => self.confirm(response.headers_mut()),
            // As the 200 of the same request (RFC 9110 §15.3.7).
            StatusCode::PARTIAL_CONTENT if has_compressible_whole(&response) => vary_by(VARIES, response.headers_mut()),
            _ => {}
        }
        if !is_compressible(&response) {
            return response;
        }
        vary_by(VARIES, response.headers_mut());
        match self.coding {
            Some(coding) => self.encode(response, coding),
            None => response,
        }
    }

    /// Gives a 304 the fields of the 200 (RFC 9110 §15.4.5).
    fn confirm(&self, fields: &mut HeaderMap) {
        vary_by(VARIES, fields);
        if self.coding.is_some() {
            // The length before compression (RFC 9110 §8.6).
            fields.remove(CONTENT_LENGTH);
        }
        let Some(weak) = weak_tag(fields) else { return };
        if self.known.iter().any(|value| contains(value.as_bytes(), weak.as_bytes())) {
            fields.insert(ETAG, weak);
        }
    }

    fn encode(&self, response: Response, coding: Coding) -> Response {
        let (mut head, body) = response.into_parts();
        let body = match body.into_kind() {
            // A HEAD without content has nothing to compress.
            BodyKind::Bytes(bytes) if self.is_head && bytes.len() == 0 => Body::stream(|_| Ok(())),
            BodyKind::Bytes(mut bytes) if bytes.len() <= AT_ONCE => match Encoder::new(coding).encode(bytes.bytes()) {
                Ok(encoded) if encoded.len() < bytes.len() => Body::from(encoded),
                _ => return Response::from_parts(head, bytes.into()),
            },
            // Nothing runs for HEAD, so an encoder would be made in vain.
            _ if self.is_head => Body::stream(|_| Ok(())),
            kind => {
                // A stream of declared length is checked by the server no more.
                Body::from(kind).through(Encoder::new(coding).expecting(declared(&head.headers)))
            }
        };
        let fields = &mut head.headers;
        fields.insert(CONTENT_ENCODING, coding.name());
        fields.remove(CONTENT_LENGTH);
        fields.remove(ACCEPT_RANGES);
        if let Some(weak) = weak_tag(fields) {
            fields.insert(ETAG, weak);
        }
        Response::from_parts(head, body)
    }
}

/// True if the response is compressed for a client with a suitable `Accept-Encoding`.
fn is_compressible(response: &Response) -> bool {
    let (status, fields, body) = (response.status(), response.headers(), response.body());
    !status.is_informational()
        && !UNCHANGED.contains(&status)
        && !body.is_upgrade()
        && declared(fields).or(body.content_length()).is_none_or(|length| length >= MINIMUM)
        && !DESCRIBING.iter().any(|name| fields.contains_key(name))
        && may_be_changed(fields)
        && is_compressible_type(fields)
}

/// True if the 200 in place of a 304 or 206 would be compressible, as far as the response shows.
fn has_compressible_whole(response: &Response) -> bool {
    let fields = response.headers();
    may_be_changed(fields)
        && match response.extensions().get::<UnsentContent>() {
            None => is_compressible_type(fields),
            Some(unsent) => {
                let is_long = unsent.length.is_none_or(|length| length >= MINIMUM);
                is_long && !unsent.is_encoded && !is_compressed(&unsent.media_type)
            }
        }
}

fn may_be_changed(fields: &HeaderMap) -> bool {
    !members(fields, &CACHE_CONTROL).any(|member| member.eq_ignore_ascii_case("no-transform"))
}

fn declared(fields: &HeaderMap) -> Option<u64> {
    fields.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// True if the format of the content is not compressed.
fn is_compressible_type(fields: &HeaderMap) -> bool {
    fields.get(CONTENT_TYPE).is_none_or(|value| !is_compressed(value.to_str().unwrap_or_default()))
}

/// True for a media type with compression of its own.
fn is_compressed(media_type: &str) -> bool {
    let text = media_type.to_ascii_lowercase();
    let media_type = text.split(';').next().unwrap_or_default().trim();
    let (kind, subtype) = media_type.split_once('/').unwrap_or((media_type, ""));
    match kind {
        "image" => subtype != "svg+xml",
        "audio" | "video" => true,
        "font" => subtype.starts_with("woff"),
        "application" => COMPRESSED.contains(&subtype) || COMPRESSED_KINDS.iter().any(|kind| subtype.contains(kind)),
        _ => false,
    }
}

/// Returns the weak form of a strong `ETag`.
fn weak_tag(fields: &HeaderMap) -> Option<HeaderValue> {
    let tag = fields.get(ETAG)?.as_bytes();
    if tag.starts_with(b"\"") { HeaderValue::from_bytes(&[b"W/", tag].concat()).ok() } else { None }
}

fn members<'a>(fields: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    let lines = fields.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    lines.flat_map(|line| line.split(',')).map(str::trim)
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

/// The field of the request that decides about compression.
const VARIES: &str = "Accept-Encoding";
/// The least length of compressed content. Shorter content fits into a packet, and may get longer.
const MINIMUM: u64 = 256;
/// The most content in memory to compress at once.
const AT_ONCE: usize = 1 << 20;
/// Statuses without content, or with a part of it.
const UNCHANGED: [StatusCode; 4] =
    [StatusCode::NO_CONTENT, StatusCode::RESET_CONTENT, StatusCode::PARTIAL_CONTENT, StatusCode::NOT_MODIFIED];
/// Fields describing the content, wrong for compressed content.
const DESCRIBING: [HeaderName; 6] = [
    CONTENT_ENCODING,
    CONTENT_RANGE,
    HeaderName::from_static("content-digest"),
    HeaderName::from_static("repr-digest"),
    HeaderName::from_static("digest"),
    HeaderName::from_static("content-md5"),
];
/// Compressed subtypes of `application`.
const COMPRESSED: [&str; 11] = [
    "brotli",
    "font-woff",
    "java-archive",
    "ogg",
    "vnd.android.package-archive",
    "vnd.ms-cab-compressed",
    "vnd.rar",
    "x-7z-compressed",
    "x-rar-compressed",
    "x-xz",
    "zstd",
];
/// Parts of compressed subtypes of `application`: archives, also of office documents.
const COMPRESSED_KINDS: [&str; 3] = ["zip", "openxmlformats-officedocument", "oasis.opendocument"];

#[cfg(test)]
mod tests;
