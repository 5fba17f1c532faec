//! From rouille to drupe: the same small programs, before and after. The statements about rouille
//! apply to 3.6.
//!
//! Both take a blocking function. rouille includes routes, forms, sessions and assets. drupe is a
//! server, and leaves these to small crates of your choice. Write your routes as a `match`, as
//! below.
//!
//! # Routes, parameters, content
//!
//! Before:
//!
//! ```text
//! use rouille::{Response, router, try_or_400};
//!
//! fn main() {
//!     rouille::start_server("127.0.0.1:8080", |request| {
//!         router!(request,
//!             (GET) (/) => { Response::text("hello\n") },
//!             (GET) (/hello/{name: String}) => { Response::text(format!("hello, {name}\n")) },
//!             (GET) (/sum) => {
//!                 let number = |name: &str| request.get_param(name)?.parse::<u32>().ok();
//!                 match (number("a"), number("b")) {
//!                     (Some(a), Some(b)) => Response::text(format!("{}\n", a + b)),
//!                     _ => Response::empty_400(),
//!                 }
//!             },
//!             (POST) (/shout) => {
//!                 let content = try_or_400!(rouille::input::plain_text_body(request));
//!                 Response::text(content.to_uppercase())
//!             },
//!             _ => Response::empty_404()
//!         )
//!     });
//! }
//! ```
//!
//! After:
//!
//! ```no_run
//! use drupe::http::StatusCode;
//! use drupe::{IntoResponse, Request, RequestExt, Response, Server};
//!
//! fn handler(request: &mut Request) -> std::io::Result<Response> {
//!     let path = request.uri().path().to_owned();
//!     let segments: Vec<&str> = path.split('/').skip(1).collect();
//!     Ok(match (request.method().as_str(), segments.as_slice()) {
//!         ("GET", [""]) => "hello\n".into_response(),
//!         // As it came: the crate percent-encoding makes a blank of %20.
//!         ("GET", ["hello", name]) => format!("hello, {name}\n").into_response(),
//!         ("GET", ["sum"]) => {
//!             let number = |name| parameter(request, name)?.parse::<u32>().ok();
//!             match (number("a"), number("b")) {
//!                 (Some(a), Some(b)) => format!("{}\n", a + b).into_response(),
//!                 _ => StatusCode::BAD_REQUEST.into_response(),
//!             }
//!         }
//!         ("POST", ["shout"]) => {
//!             request.body_limit(1 << 20); // rouille's limit for text
//!             std::mem::take(request.body_mut()).into_string()?.to_uppercase().into_response()
//!         }
//!         _ => StatusCode::NOT_FOUND.into_response(),
//!     })
//! }
//!
//! /// The value of a parameter in the query, as it came: the crate form_urlencoded decodes it.
//! fn parameter<'a>(request: &'a Request, name: &str) -> Option<&'a str> {
//!     let mut pairs = request.uri().query()?.split('&').filter_map(|pair| pair.split_once('='));
//!     pairs.find(|(key, _)| *key == name).map(|(_, value)| value)
//! }
//!
//! fn main() -> Result<(), drupe::Error> {
//!     Server::new(handler).quickstart()
//! }
//! ```
//!
//! # Assets
//!
//! Before:
//!
//! ```text
//! fn main() {
//!     rouille::start_server("127.0.0.1:8080", |request| {
//!         let response = rouille::match_assets(request, "public");
//!         if response.is_success() {
//!             return response;
//!         }
//!         rouille::Response::html("<h1>Nothing here</h1>").with_status_code(404)
//!     });
//! }
//! ```
//!
//! After; [`Files`](crate::Files) (feature `files`) also has index files, conditions and ranges:
//!
//! ```no_run
//! use drupe::http::{HeaderValue, StatusCode, header::CONTENT_TYPE};
//! use drupe::{Files, Handler, IntoResponse, Request, Response, Server};
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let files = Files::new("public")?.listing(false);
//!     let server = Server::new(move |request: &mut Request| -> Response {
//!         let response = files.handle(request);
//!         if response.status() != StatusCode::NOT_FOUND {
//!             return response;
//!         }
//!         let mut response = (StatusCode::NOT_FOUND, "<h1>Nothing here</h1>").into_response();
//!         response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
//!         response
//!     });
//!     Ok(server.quickstart()?)
//! }
//! ```
//!
//! # A pool, and a stop
//!
//! Before:
//!
//! ```text
//! fn main() {
//!     let server = rouille::Server::new("127.0.0.1:0", |request| {
//!         rouille::Response::text(request.remote_addr().to_string())
//!     })
//!     .unwrap()
//!     .pool_size(4);
//!     println!("http://{}/", server.server_addr());
//!     let (thread, stop) = server.stoppable();
//!     std::io::stdin().read_line(&mut String::new()).unwrap();
//!     stop.send(()).unwrap();
//!     thread.join().unwrap();
//! }
//! ```
//!
//! After:
//!
//! ```no_run
//! use drupe::{Request, RequestExt, Server};
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let mut server = Server::new(|request: &mut Request| {
//!         request.connection().peer().map(ToString::to_string).unwrap_or_default()
//!     });
//!     server.settings.socket_port = 0;
//!     server.settings.thread_pool = 4;
//!     server.settings.thread_pool_max = Some(4);
//!     server.start()?;
//!     println!("{}/", server.base());
//!     std::io::stdin().read_line(&mut String::new())?;
//!     server.stop();
//!     Ok(())
//! }
//! ```
//!
//! # One for the other
//!
//! For example, `request.data()` becomes `std::mem::take(request.body_mut())`:
//!
//! | rouille | drupe |
//! |---|---|
//! | `start_server(address, handler)`, which never returns | [`quickstart`](crate::Server::quickstart), which returns after a stop |
//! | `start_server_with_pool(address, Some(n), handler)` | `settings.thread_pool_max = Some(n)`, and `thread_pool` at most that |
//! | `Server::new_ssl(address, handler, certificate, key)` | `settings.ssl_certificate`, `ssl_private_key`; in memory [`ssl_context`](crate::Settings::ssl_context) |
//! | `&Request`, without lifetimes of its own | `&mut Request`: the handler can take the content out of it |
//! | `request.url()`, decoded | `request.uri().path()`, not decoded |
//! | `request.raw_query_string()`, `get_param` | `request.uri().query()` |
//! | `request.header("Accept")` | `request.headers().get("accept")` |
//! | `request.data()` | `std::mem::take(request.body_mut())` |
//! | `input::plain_text_body`, up to 1 MiB, `text/plain` only | `body_limit(1 << 20)` and `into_string()`; check the type yourself |
//! | `post_input!`, multipart, JSON | crates such as form_urlencoded, multer, serde_json, over `Body`, which is a `Read` |
//! | `Response::text`, `html`, `json`, `from_file` | `String` and so on, with a `Content-Type` for other content than text or bytes |
//! | `Response::redirect_303(target)` | a [`Response`](crate::Response) with its status and `Location` |
//! | `content_encoding::apply` | absent: let the proxy compress |
//! | `rouille::log` | one line a request through the `log` crate, target `drupe::access` |
//! | `rouille::websocket` | [`upgrade`](crate::upgrade()), and a crate such as tungstenite |
//! | `rouille::cgi`, `rouille::proxy` | `examples/cgi.rs`, over [`wsgi`](crate::wsgi); no proxy |
//! | `Request::fake_http(..)` | [`testing::call`](crate::testing::call) with a `Request` built by the `http` crate |
//!
//! # What behaves differently
//!
//! rouille is based on tiny_http, so the [differences from
//! tiny_http](super::from_tiny_http#what-behaves-differently) apply. In both, a handler that panics
//! gives a 500. rouille's pool has the configured number of threads, or eight for each processor,
//! and does not grow. drupe's pool has ten, and grows while handlers block.
