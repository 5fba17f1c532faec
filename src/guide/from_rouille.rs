//! From rouille to drupe: the same small programs, before and after. The statements about rouille
//! apply to 3.6.
//!
//! Both take a blocking function. rouille includes routes, forms, sessions and assets. drupe reads
//! forms and JSON, and serves directories, each with a feature. Sessions are left to you. Write
//! your routes as a `match`, as below, or use [`Router`](crate::router::Router) (feature `router`).
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
//! After, with the feature `forms`:
//!
//! ```no_run
//! use drupe::http::StatusCode;
//! use drupe::{Failure, IntoResponse, Request, RequestExt, Response, Server};
//!
//! #[derive(serde::Deserialize)]
//! struct Sum {
//!     a: u32,
//!     b: u32,
//! }
//!
//! fn handler(request: &mut Request) -> Result<Response, Failure> {
//!     let path = request.uri().path().to_owned();
//!     let segments: Vec<&str> = path.split('/').skip(1).collect();
//!     Ok(match (request.method().as_str(), segments.as_slice()) {
//!         ("GET", [""]) => "hello\n".into_response(),
//!         // As the client sent it: the crate percent-encoding makes a blank of %20.
//!         ("GET", ["hello", name]) => format!("hello, {name}\n").into_response(),
//!         ("GET", ["sum"]) => {
//!             let Sum { a, b } = request.query()?; // 400 with the name of the wrong parameter
//!             format!("{}\n", a + b).into_response()
//!         }
//!         ("POST", ["shout"]) => {
//!             request.body_limit(1 << 20); // rouille's limit for text
//!             request.text()?.to_uppercase().into_response()
//!         }
//!         _ => StatusCode::NOT_FOUND.into_response(),
//!     })
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
//! use drupe::http::StatusCode;
//! use drupe::response::Html;
//! use drupe::{Files, Handler, IntoResponse, Server, handler};
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let files = Files::new("public")?.listing(false);
//!     let server = Server::new(handler(move |request| {
//!         let response = files.handle(request);
//!         if response.status() != StatusCode::NOT_FOUND {
//!             return response;
//!         }
//!         (StatusCode::NOT_FOUND, Html("<h1>Nothing here</h1>")).into_response()
//!     }));
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
//! use drupe::{RequestExt, Server, handler};
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let mut server = Server::new(handler(|request| request.connection().peer().map(ToString::to_string)));
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
//! # Equivalents
//!
//! For example, `request.data()` becomes `request.take_body()`:
//!
//! | rouille | drupe |
//! |---|---|
//! | `start_server(address, handler)`, which never returns | [`quickstart`](crate::Server::quickstart), which returns after a stop |
//! | `start_server_with_pool(address, Some(n), handler)` | `settings.thread_pool_max = Some(n)`, and `thread_pool` at most that |
//! | `Server::new_ssl(address, handler, certificate, key)` | `settings.ssl_certificate`, `ssl_private_key`; in memory [`ssl_context`](crate::Settings::ssl_context) |
//! | `&Request`, without lifetimes of its own | `&mut Request`: the handler can take the content out of it |
//! | `request.url()`, decoded | `request.uri().path()`, not decoded |
//! | `request.raw_query_string()`, `get_param` | `request.uri().query()`; [`query`](crate::RequestExt::query), [`query_pairs`](crate::RequestExt::query_pairs) |
//! | `request.header("Accept")` | `request.headers().get("accept")` |
//! | `request.data()` | `request.take_body()` |
//! | `input::plain_text_body`, up to 1 MiB, `text/plain` only | `body_limit(1 << 20)` and `text()`, in the charset of any type |
//! | `post_input!`, `json_input` | [`form`](crate::RequestExt::form), [`json`](crate::RequestExt::json) |
//! | `input::multipart` | [`Multipart`](crate::multipart::Multipart), with the feature `multipart` |
//! | `input::cookies`, `try_or_400!` | [`cookies`](crate::RequestExt::cookies); `?` with [`Failure`](crate::Failure) |
//! | `Response::text`, `html`, `json`, `from_file` | `String`, [`Html`](crate::response::Html), [`Json`](crate::response::Json), [`Body::from_file`](crate::Body::from_file) |
//! | `Response::redirect_303(target)` | [`Redirect::to`](crate::response::Redirect::to) |
//! | `content_encoding::apply` | [`layers::compress`](crate::layers::compress), with the feature `compression` |
//! | `rouille::log` | one line a request through the `log` crate, target `drupe::access` |
//! | `rouille::websocket` | [`upgrade`](crate::upgrade()), and a crate such as tungstenite |
//! | `rouille::cgi`, `rouille::proxy` | `examples/cgi.rs`, over [`wsgi`](crate::wsgi); `examples/spa.rs` |
//! | `Request::fake_http(..)` | [`testing::call`](crate::testing::call) with a `Request` built by the `http` crate |
//!
//! # What behaves differently
//!
//! rouille is based on tiny_http, so the [differences from
//! tiny_http](super::from_tiny_http#what-behaves-differently) apply. In both, a handler that panics
//! gives a 500. rouille's pool has the configured number of threads, or eight for each processor,
//! and does not grow. drupe's pool has ten, and grows while handlers block.
