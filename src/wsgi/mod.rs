//! The WSGI-style gateway: applications that get an environ and call `start_response`, as PEP 3333 has it.
//!
//! It is for programs that are thought of in these terms: what runs CGI programs, what speaks to something else that does, what is
//! carried over from Python. For anything else a [`Handler`](crate::Handler) is shorter.
//!
//! ```no_run
//! use drupe::Server;
//! use drupe::wsgi::{Environ, Failure, StartResponse};
//!
//! fn application(environ: Environ, start_response: StartResponse) -> Result<String, Failure> {
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
//! The setting [`wsgi_version`](crate::Settings::wsgi_version) says how text is read.
//!
//! | version | in text | |
//! |---|---|---|
//! | `("1", 0)` | `1.0` | each byte is a character (ISO-8859-1), as in PEP 3333: `/caf%C3%A9` is `/cafÃ©` |
//! | `("u", 0)` | `u.0` | `PATH_INFO`, `QUERY_STRING` and `SCRIPT_NAME` are UTF-8, `/café`; where one is not, all are as in `1.0`, and `wsgi.url_encoding` says so |
//! | your own | | what you [`register`] |
//!
//! Whatever the version, [`Environ::bytes`] has the bytes.
//!
//! # Keys
//!
//! | key | meaning | example | from |
//! |---|---|---|---|
//! | `REQUEST_METHOD` | the method | `GET` | RFC 3875 §4.1.12 |
//! | `SCRIPT_NAME` | the part of the path that has led to the application | | RFC 3875 §4.1.13 |
//! | `PATH_INFO` | the rest of it, decoded, but for `%2F`; `/*` for the target `*` | `/tea pot` | RFC 3875 §4.1.5 |
//! | `QUERY_STRING` | what stands behind `?`, as it came | `a=%20` | RFC 3875 §4.1.7 |
//! | `REQUEST_URI` | path and query as they came | `/tea%20pot?a=%20` | cheroot |
//! | `SERVER_NAME` | the host the client asked for, without the port; else the address it came to. A client can say what it likes here | `tea.example` | RFC 3875 §4.1.14 |
//! | `SERVER_PORT` | the port the client came to; over a Unix socket that of `Host`, or of the scheme | `8080` | RFC 3875 §4.1.15 |
//! | `SERVER_PROTOCOL` | the protocol of the request | `HTTP/1.1` | RFC 3875 §4.1.16 |
//! | `ACTUAL_SERVER_PROTOCOL` | that of the server, [`protocol_version`](crate::Settings::protocol_version) | `HTTP/1.1` | cheroot |
//! | `SERVER_SOFTWARE` | [`software`](crate::Settings::software), else name and version of this crate | `drupe/0.1.0` | RFC 3875 §4.1.17 |
//! | `REMOTE_ADDR`, `REMOTE_PORT` | where the client comes from; empty over a Unix socket | `127.0.0.1` | RFC 3875 §4.1.8 |
//! | `REMOTE_USER` | the user at the other end of a Unix socket, with [`peercreds_resolve`](crate::Settings::peercreds_resolve) and where the number has a name | `alice` | RFC 3875 §4.1.11 |
//! | `X_REMOTE_PID`, `X_REMOTE_UID`, `X_REMOTE_GID` | process, user and group there, with [`peercreds`](crate::Settings::peercreds) | `1000` | cheroot |
//! | `X_REMOTE_USER`, `X_REMOTE_GROUP` | their names, as `REMOTE_USER` | `alice` | cheroot |
//! | `CONTENT_TYPE`, `CONTENT_LENGTH` | of the content, if the client says | `text/plain` | RFC 3875 §4.1.3, §4.1.2 |
//! | `HTTP_*` | every other field: capitals, `_` for `-`, several lines joined by `, ` (`Cookie` by `; `). A field with `_` in its name is left out: it could pass for another | `HTTP_USER_AGENT` | RFC 3875 §4.1.18 |
//! | `wsgi.version` | the version | `1.0` | PEP 3333 |
//! | `wsgi.url_scheme` | `http` or `https`, as the connection is, or as a proxy says | `http` | PEP 3333 |
//! | `wsgi.input` | the content: [`Environ::input`] | | PEP 3333 |
//! | `wsgi.errors` | the log: [`Environ::errors`] | | PEP 3333 |
//! | `wsgi.multithread`, `wsgi.multiprocess`, `wsgi.run_once` | `true`, `false`, `false` | | PEP 3333 |
//! | `wsgi.file_wrapper` | [`FileWrapper`] | | PEP 3333 |
//! | `wsgi.input_terminated` | `true`: reading ends where the content ends | | cheroot |
//! | `wsgi.url_encoding` | only in `u.0`: how the target was read | `utf-8` | cheroot |
//!
//! And with TLS, as mod_ssl and cheroot have them; what is not known has no key:
//!
//! | key | meaning | example |
//! |---|---|---|
//! | `HTTPS` | that `wsgi.url_scheme` is `https` | `on` |
//! | `SSL_PROTOCOL`, `SSL_CIPHER` | what was agreed on | `TLSv1.3` |
//! | `SSL_CIPHER_USEKEYSIZE`, `SSL_CIPHER_ALGKEYSIZE`, `SSL_CIPHER_EXPORT` | bits of its key, twice; nothing | `256` |
//! | `SSL_TLS_SNI` | the host the client has asked for | `tea.example` |
//! | `SSL_VERSION_INTERFACE`, `SSL_VERSION_LIBRARY` | the server, and what does TLS | `drupe/0.1.0` |
//! | `SSL_CLIENT_VERIFY` | `SUCCESS` with a client's certificate, which has been verified, else `NONE` | `NONE` |
//! | `SSL_SERVER_*`, `SSL_CLIENT_*` | the certificates: `CERT` (PEM), `M_VERSION`, `M_SERIAL`, `V_START`, `V_END`, `V_REMAIN` (days left), `S_DN`, `I_DN`, their parts such as `S_DN_CN` (several: `S_DN_OU_0`, ...), `SAN_DNS_0`, `SAN_Email_0`, ... | `SSL_CLIENT_S_DN_CN` |
//!
//! A client can set none of them but by saying what it is asked for: each field it sends has `HTTP_` before its name.
//!
//! # Behind a proxy
//!
//! What [`trusted_proxies`](crate::Settings::trusted_proxies) say of a request (in `Forwarded`, or in `X-Forwarded-For`, `-Proto` and `-Host`)
//! takes the place of what the connection shows, as [`RequestExt`](crate::RequestExt) has it; what anybody else says there is not in the environ
//! at all. What a [PROXY header](crate::Settings::proxy_protocol) announces is what the connection shows.
//!
//! | key | what a trusted proxy makes of it |
//! |---|---|
//! | `REMOTE_ADDR`, `REMOTE_PORT` | the client's address, and an empty port, as that is not known; both empty if the proxy hides who it is |
//! | `wsgi.url_scheme`, `HTTPS` | what the client used towards the outermost proxy |
//! | `HTTP_HOST`, `SERVER_NAME`, `SERVER_PORT` | what the client asked for; a port that it did not name is that of the scheme |
//! | `SSL_*` | nothing: they are of this very connection |
//!
//! # Beside cheroot
//!
//! For the same requests cheroot 11.1.2 makes the same environ, in both versions, but for this (`-`: there is no such key); a test asks both.
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
//! Beyond that: an id without a name leaves the name out, where cheroot answers 500, and none is negative; `SSL_PROTOCOL` is the version in
//! use, not the one that defined the cipher, `SSL_*_V_REMAIN` the days that are left, not those of the whole validity, and all of them are
//! text; version `u.0` can be chosen by its name; an answer to a HEAD has no content; where an application has more content at once than it
//! declares the client gets a 500, not that and the answer behind it.

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

pub use self::application::{Application, Chunks, Content, Failure, FileWrapper};
pub use self::dispatcher::PathInfoDispatcher;
pub use self::environ::Environ;
pub use self::errors::Errors;
pub use self::gateway::Gateway;
pub use self::input::Input;
pub use self::start_response::{StartResponse, Write};
pub use self::value::{Text, Value};
pub use self::version::register;
pub(crate) use self::version::{WsgiVersion, find};
