//! The WSGI-style gateway: applications receive an environ and call `start_response`, as in PEP
//! 3333.
//!
//! The gateway is for programs designed in these terms: CGI gateways, protocol bridges, ports from
//! Python. In all other cases a [`Handler`](crate::Handler) is shorter.
//!
//! ```no_run
//! use drupe::Server;
//! use drupe::wsgi::{Environ, ApplicationError, StartResponse};
//!
//! fn application(environ: Environ, start_response: StartResponse) -> Result<String, ApplicationError> {
//!     start_response.start("200 OK", [("Content-Type", "text/plain; charset=utf-8")])?;
//!     Ok(format!("you asked for {}\n", environ.path_info()))
//! }
//!
//! fn main() -> Result<(), drupe::Error> {
//!     Server::wsgi(application).quickstart()
//! }
//! ```
//!
//! # Versions
//!
//! The setting [`wsgi_version`](crate::Settings::wsgi_version) selects the decoding of text.
//!
//! | version | in text | |
//! |---|---|---|
//! | `("1", 0)` | `1.0` | each byte is a character (ISO-8859-1), as in PEP 3333: `/caf%C3%A9` is `/cafÃ©` |
//! | `("u", 0)` | `u.0` | `PATH_INFO`, `QUERY_STRING` and `SCRIPT_NAME` are UTF-8, `/café`; if one is invalid, all are as in `1.0`; `wsgi.url_encoding` gives the encoding |
//! | your own | | set with [`register`] |
//!
//! [`Environ::bytes`] returns the undecoded bytes in every version.
//!
//! # Keys
//!
//! | key | meaning | example | from |
//! |---|---|---|---|
//! | `REQUEST_METHOD` | the method | `GET` | RFC 3875 §4.1.12 |
//! | `SCRIPT_NAME` | the part of the path already dispatched on | | RFC 3875 §4.1.13 |
//! | `PATH_INFO` | the rest of the path, decoded except `%2F`; `/*` for the target `*` | `/tea pot` | RFC 3875 §4.1.5 |
//! | `QUERY_STRING` | the query after `?`, as received | `a=%20` | RFC 3875 §4.1.7 |
//! | `REQUEST_URI` | path and query, as received | `/tea%20pot?a=%20` | cheroot |
//! | `SERVER_NAME` | the host requested by the client, without the port; else the local address. A client can send any host | `tea.example` | RFC 3875 §4.1.14 |
//! | `SERVER_PORT` | the local port; over a Unix socket the port of `Host`, or of the scheme | `8080` | RFC 3875 §4.1.15 |
//! | `SERVER_PROTOCOL` | the protocol of the request | `HTTP/1.1` | RFC 3875 §4.1.16 |
//! | `ACTUAL_SERVER_PROTOCOL` | the protocol of the server, [`protocol_version`](crate::Settings::protocol_version) | `HTTP/1.1` | cheroot |
//! | `SERVER_SOFTWARE` | [`software`](crate::Settings::software), else name and version of this crate | `drupe/0.1.0` | RFC 3875 §4.1.17 |
//! | `REMOTE_ADDR`, `REMOTE_PORT` | the address and port of the client; empty over a Unix socket | `127.0.0.1` | RFC 3875 §4.1.8 |
//! | `REMOTE_USER` | the user of the peer on a Unix socket, with [`peercreds_resolve`](crate::Settings::peercreds_resolve), if the id has a name | `alice` | RFC 3875 §4.1.11 |
//! | `X_REMOTE_PID`, `X_REMOTE_UID`, `X_REMOTE_GID` | process, user and group ids of the peer, with [`peercreds`](crate::Settings::peercreds) | `1000` | cheroot |
//! | `X_REMOTE_USER`, `X_REMOTE_GROUP` | the names of user and group, as `REMOTE_USER` | `alice` | cheroot |
//! | `CONTENT_TYPE`, `CONTENT_LENGTH` | type and length of the content, if sent | `text/plain` | RFC 3875 §4.1.3, §4.1.2 |
//! | `HTTP_*` | every other field: capitals, `_` for `-`, several lines joined by `, ` (`Cookie` by `; `). A field with `_` in its name is left out, because it could pass for another | `HTTP_USER_AGENT` | RFC 3875 §4.1.18 |
//! | `wsgi.version` | the version | `1.0` | PEP 3333 |
//! | `wsgi.url_scheme` | `http` or `https`, from the connection or a trusted proxy | `http` | PEP 3333 |
//! | `wsgi.input` | the content: [`Environ::input`] | | PEP 3333 |
//! | `wsgi.errors` | the log: [`Environ::errors`] | | PEP 3333 |
//! | `wsgi.multithread`, `wsgi.multiprocess`, `wsgi.run_once` | `true`, `false`, `false` | | PEP 3333 |
//! | `wsgi.file_wrapper` | [`FileWrapper`] | | PEP 3333 |
//! | `wsgi.input_terminated` | `true`: reading ends with the content | | cheroot |
//! | `wsgi.url_encoding` | only in `u.0`: the encoding of the target | `utf-8` | cheroot |
//!
//! With TLS there are more keys, as in mod_ssl and cheroot. Unknown values have no key:
//!
//! | key | meaning | example |
//! |---|---|---|
//! | `HTTPS` | set if `wsgi.url_scheme` is `https` | `on` |
//! | `SSL_PROTOCOL`, `SSL_CIPHER` | the negotiated version and cipher | `TLSv1.3` |
//! | `SSL_CIPHER_USEKEYSIZE`, `SSL_CIPHER_ALGKEYSIZE`, `SSL_CIPHER_EXPORT` | key bits of the cipher, twice; always empty | `256` |
//! | `SSL_TLS_SNI` | the host requested by the client (SNI) | `tea.example` |
//! | `SSL_VERSION_INTERFACE`, `SSL_VERSION_LIBRARY` | the server, and the TLS library | `drupe/0.1.0` |
//! | `SSL_CLIENT_VERIFY` | `SUCCESS` with a verified client certificate, else `NONE` | `NONE` |
//! | `SSL_SERVER_*`, `SSL_CLIENT_*` | the certificates: `CERT` (PEM), `M_VERSION`, `M_SERIAL`, `V_START`, `V_END`, `V_REMAIN` (days left), `S_DN`, `I_DN`, their parts such as `S_DN_CN` (several: `S_DN_OU_0`, ...), `SAN_DNS_0`, `SAN_Email_0`, ... | `SSL_CLIENT_S_DN_CN` |
//!
//! A client cannot set these keys with fields, because the key of a field begins with `HTTP_`. Only
//! `SSL_TLS_SNI` is the client's choice.
//!
//! # Behind a proxy
//!
//! Values from [`trusted_proxies`](crate::Settings::trusted_proxies) (in `Forwarded`, or in
//! `X-Forwarded-For`, `-Proto` and `-Host`) replace those of the connection, as in
//! [`RequestExt`](crate::RequestExt). Such fields from any other peer are left out of the environ.
//! The values of a [PROXY header](crate::Settings::proxy_protocol) count as those of the
//! connection.
//!
//! | key | value with a trusted proxy |
//! |---|---|
//! | `REMOTE_ADDR`, `REMOTE_PORT` | the client's address, and an empty port, because the port is not known; both empty if the proxy hides the client |
//! | `wsgi.url_scheme`, `HTTPS` | the scheme used by the client towards the outermost proxy |
//! | `HTTP_HOST`, `SERVER_NAME`, `SERVER_PORT` | the host requested by the client; the scheme's port if none is given |
//! | `SSL_*` | unchanged: the values of this connection |
//!
//! # Beside cheroot
//!
//! For the same request cheroot 11.1.2 makes the same environ, in both versions, with the
//! exceptions below (`-`: no such key). A test compares both servers.
//!
//! | request | key | cheroot | here | because |
//! |---|---|---|---|---|
//! | any | `SERVER_NAME` | `Cheroot/11.1.2` | `tea.example` | a name, not a product (RFC 3875 4.1.14) |
//! | 1.0 | `SERVER_NAME` | `Cheroot/11.1.2` | `127.0.0.1` | nobody gave a name: the address it came to |
//! | ipv6 | `SERVER_NAME` | `Cheroot/11.1.2` | `[::1]` | a name, not a product; in brackets (RFC 3875 4.1.14) |
//! | any | `SERVER_SOFTWARE` | `Cheroot/11.1.2 Server` | `drupe/0.1.0` | its own name |
//! | any | `wsgi.file_wrapper` | `-` | `object` | PEP 3333 offers it, cheroot has none |
//! | any | `wsgi.input_terminated` | `False` | `True` | reading ends with the content however it is framed |
//! | two slashes first | `status` | `400` | `-` | a path may begin so (RFC 9110 4.1: absolute-path) |
//! | absolute | `status` | `400` | `-` | a server has to take absolute-form (RFC 9112 3.2.2) |
//! | several lines | `HTTP_X_A` | `2` | `1, 2` | no line is lost (RFC 3875 4.1.18) |
//! | cookies | `HTTP_COOKIE` | `c=d` | `a=b; c=d` | no line is lost, and cookies have a mark of their own |
//! | underscore | `HTTP_X_A` | `forged` | `1` | X_A must not pass for X-A |
//! | underscore alone | `CONTENT_LENGTH` | `99` | `-` | there is no content: Content_Length is not Content-Length |
//!
//! More differences:
//!
//! - An id without a name leaves the name out (cheroot: 500). No id is negative.
//! - `SSL_PROTOCOL` is the version in use, not the one defining the cipher.
//! - `SSL_*_V_REMAIN` is the number of days left, not of the whole validity.
//! - All `SSL_*` values are text.
//! - Version `u.0` can be selected by its name.
//! - A response to HEAD has no content.
//! - If the first content of an application is longer than declared, the client gets a 500, not
//!   surplus bytes before the next response.

mod application;
mod cgi;
mod dispatcher;
mod environ;
mod errors;
mod gateway;
mod input;
mod keys;
mod secure;
mod start_response;
mod value;
mod version;

use std::error::Error;

pub use self::application::{Application, Chunks, Content, FileWrapper};
pub use self::dispatcher::PathInfoDispatcher;
pub use self::environ::Environ;
pub use self::errors::Errors;
pub use self::gateway::Gateway;
pub use self::input::Input;
pub use self::start_response::{StartResponse, Write};
pub use self::value::{Text, Value};
pub use self::version::register;
pub(crate) use self::version::{WsgiVersion, find};

/// The error of an application: any error, for use with `?`.
pub type ApplicationError = Box<dyn Error + Send + Sync>;
