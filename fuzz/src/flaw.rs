//! One flaw in a request, with the expected answer.

use arbitrary::Arbitrary;

/// A request that is refused, one way or another.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub enum Flaw {
    /// A head, by its number in [`HEADS`].
    Head(u8),
    /// A chunked body, by its number in [`BODIES`].
    Body(u8),
}

impl Flaw {
    /// Appends the flaw: a head that would ask for `manner`.
    pub fn write(self, manner: &str, out: &mut Vec<u8>) {
        match self {
            Self::Head(at) => out.extend_from_slice(head(at).0.as_bytes()),
            Self::Body(at) => {
                let begin = format!("POST /flawed?{manner} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
                out.extend([begin.as_bytes(), body(at).0].concat());
            }
        }
    }

    /// The possible statuses. If the handler does not `read` the body, the flaw may show too late.
    pub fn statuses(self, may_be_late: bool) -> Vec<u16> {
        match self {
            Self::Head(at) => vec![head(at).1],
            Self::Body(at) if may_be_late => vec![200, body(at).1],
            Self::Body(at) => vec![body(at).1],
        }
    }
}

fn head(at: u8) -> (&'static str, u16) {
    HEADS[usize::from(at) % HEADS.len()]
}

fn body(at: u8) -> (&'static [u8], u16) {
    BODIES[usize::from(at) % BODIES.len()]
}

/// Heads, followed by content that is a request for a parser with other rules.
const HEADS: &[(&str, u16)] = &[
    ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n", 400),
    ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n", 400),
    ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0, 0\r\n\r\n", 400),
    ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\na", 400),
    ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\na", 400),
    ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x1\r\n\r\na", 400),
    ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1 0\r\n\r\na", 400),
    ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n", 400),
    ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 999999999999\r\n\r\n", 413),
    ("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", 400),
    ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\n\r\n", 400),
    ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501),
    ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", 400),
    ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 400),
    ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n", 400),
    ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n", 400),
    ("POST / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n", 400),
    ("POST / HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n", 400),
    ("POST / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n", 400),
    ("POST / HTTP/1.1\r\nHost: a\r\nX\r\n\r\n", 400),
    ("POST / HTTP/1.1\r\nHost: a\r\n: x\r\n\r\n", 400),
    ("POST / HTTP/1.1\r\nHost: a\r\n X: b\r\n\r\n", 400),
    ("POST / HTTP/1.1\r\n Host: a\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400),
    ("GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("GET /\tHTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("GET / HTTP/1.1 \r\nHost: a\r\n\r\n", 400),
    ("GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("GET a HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("GET / http/1.1\r\nHost: a\r\n\r\n", 400),
    ("GET / HTTP/1.10\r\nHost: a\r\n\r\n", 505),
    ("GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505),
    ("GET /\r\n\r\n", 400),
    ("get / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("G(T / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n", 405),
    ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: much\r\n\r\nabc", 417),
    (
        concat!(
            "\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n",
            "\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n",
            "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
        ),
        400,
    ),
];

/// Chunked bodies.
const BODIES: &[(&[u8], u16)] = &[
    (b"3\nabc\r\n0\r\n\r\n", 400),
    (b"3\r\nabc\n0\r\n\r\n", 400),
    (b"3\r\nabcd\r\n0\r\n\r\n", 400),
    (b"3\r\nabc0\r\n\r\n", 400),
    (b"\r\n0\r\n\r\n", 400),
    (b"-1\r\n0\r\n\r\n", 400),
    (b"+3\r\nabc\r\n0\r\n\r\n", 400),
    (b"0x3\r\nabc\r\n0\r\n\r\n", 400),
    (b"3 3\r\nabc\r\n0\r\n\r\n", 400),
    (b"g\r\nabc\r\n0\r\n\r\n", 400),
    (b"3,\r\nabc\r\n0\r\n\r\n", 400),
    (b"3;\r\nabc\r\n0\r\n\r\n", 400),
    (b"3;a=\r\nabc\r\n0\r\n\r\n", 400),
    (b"3;a=\"b\r\nabc\r\n0\r\n\r\n", 400),
    (b"3;a\nb\r\nabc\r\n0\r\n\r\n", 400),
    (b"3;a\rb\r\nabc\r\n0\r\n\r\n", 400),
    (b"3;a=b c\r\nabc\r\n0\r\n\r\n", 400),
    (b"3;a\0\r\nabc\r\n0\r\n\r\n", 400),
    (b"0\r\n \r\n\r\n", 400),
    (b"0\r\nX : y\r\n\r\n", 400),
    (b"0\r\nX: y\n\r\n", 400),
    (b"0\r\nX: \0\r\n\r\n", 400),
    (b"0\r\nX\r\n\r\n", 400),
    (b"0\r\nContent-Length: 3\r\n\r\n", 400),
    (b"0\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
    (b"0\r\nHost: b\r\n\r\n", 400),
    (b"ffffffffffffffffff\r\nabc\r\n0\r\n\r\n", 413),
    (b"ffffffffffff\r\nabc\r\n0\r\n\r\n", 413),
];
