//! Coming from CherryPy's server adapter, or from cheroot beneath it. What is said of them is of CherryPy 18.10 and cheroot 11.1.
//!
//! This takes their place as a server. Applications have to be Rust: an application in the style of WSGI is carried over nearly word by word, CGI
//! programs in any language run by `examples/cgi.rs`, and everything else becomes a handler.
//!
//! # An application
//!
//! Before:
//!
//! ```text
//! import cherrypy
//!
//! def application(environ, start_response):
//!     start_response('200 OK', [('Content-Type', 'text/plain; charset=utf-8')])
//!     return [('you asked for %s\n' % environ['PATH_INFO']).encode('utf-8')]
//!
//! cherrypy.tree.graft(application, '/')
//! cherrypy.config.update({'server.socket_port': 8080, 'server.thread_pool': 4})
//! cherrypy.engine.signals.subscribe()
//! cherrypy.engine.start()
//! cherrypy.engine.block()
//! ```
//!
//! After:
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
//!     let mut server = Server::wsgi(application);
//!     server.settings.socket_port = 8080;
//!     server.settings.thread_pool = 4;
//!     server.quickstart()
//! }
//! ```
//!
//! # Several applications
//!
//! Before:
//!
//! ```text
//! from cheroot import wsgi
//!
//! def named(name):
//!     def application(environ, start_response):
//!         start_response('200 OK', [('Content-Type', 'text/plain')])
//!         return [('%s: %s|%s\n' % (name, environ['SCRIPT_NAME'], environ['PATH_INFO'])).encode()]
//!     return application
//!
//! apps = wsgi.PathInfoDispatcher({'/': named('root'), '/blog': named('blog')})
//! server = wsgi.Server(('127.0.0.1', 8080), apps, numthreads=4)
//! try:
//!     server.start()
//! except KeyboardInterrupt:
//!     server.stop()
//! ```
//!
//! After:
//!
//! ```no_run
//! use drupe::Server;
//! use drupe::wsgi::{Application, Environ, Failure, PathInfoDispatcher, StartResponse};
//!
//! fn named(name: &'static str) -> impl Application {
//!     move |environ: Environ, start_response: StartResponse| -> Result<String, Failure> {
//!         start_response.start("200 OK", [("Content-Type", "text/plain")])?;
//!         let prefix = environ.text("SCRIPT_NAME").unwrap_or_default();
//!         Ok(format!("{name}: {prefix}|{}\n", environ.path_info()))
//!     }
//! }
//!
//! fn main() -> Result<(), drupe::Error> {
//!     let applications = PathInfoDispatcher::new().mount("/", named("root")).mount("/blog", named("blog"));
//!     let mut server = Server::wsgi(applications);
//!     server.settings.thread_pool = 4;
//!     server.quickstart()
//! }
//! ```
//!
//! # The configuration
//!
//! Before, values are Python:
//!
//! ```text
//! [global]
//! server.socket_host: '0.0.0.0'
//! server.socket_port: 8080
//! server.thread_pool: 30
//! server.socket_timeout: 10
//! server.peercreds: False
//! server.socket_file: None
//! ```
//!
//! After, they are TOML: `=`, quotes, small `true` and `false`, and an empty string for None:
//!
//! ```toml
//! [global]
//! server.socket_host = "0.0.0.0"
//! server.socket_port = 8080
//! server.thread_pool = 30
//! server.socket_timeout = 10
//! server.peercreds = false
//! server.socket_file = ""
//! ```
//!
//! [`Settings::merge_file`](crate::settings) takes it, so does `drupe --config`. Keys of applications (`tools.`, `request.`, `log.`) are not the server's: the
//! program refuses them by name, so leave them out. [`Settings::cherrypy`](crate::Settings::cherrypy) has CherryPy's defaults
//! where drupe has others.
//!
//! # One for the other
//!
//! | CherryPy, cheroot | drupe |
//! |---|---|
//! | `cherrypy.server.X = value` | `server.settings.X = value`, for each of the documented attributes |
//! | `cherrypy.quickstart(app)` | [`Server::quickstart`](crate::Server::quickstart) |
//! | `engine.start()`, `engine.block()`, `engine.exit()` | [`start`](crate::Server::start), [`block`](crate::Server::block), [`stop`](crate::Server::stop) |
//! | `server.restart()` | [`restart`](crate::Server::restart), which takes changed settings |
//! | `server.wait()` | [`wait`](crate::Server::wait), without connecting to its own port |
//! | `server.base()`, `description`, `bound_addr` | [`base`](crate::Server::base), [`description`](crate::Server::description), [`bound_addr`](crate::Server::bound_addr) |
//! | `wsgi.Server(bind_addr, app, numthreads, max=..)` | `Server::wsgi(app)`, `thread_pool`, `thread_pool_max` |
//! | `request_queue_size`, `timeout` | `socket_queue_size`, `socket_timeout` |
//! | `keep_alive_conn_limit`, `reuse_port`, `private_key_password` | `keep_alive_conn_limit`, `reuse_port`, `ssl_private_key_password` |
//! | `peercreds_enabled`, `peercreds_resolve_enabled` | `peercreds`, `peercreds_resolve` |
//! | `server_name` | not there: `SERVER_NAME` is the host that the client asked for, as PEP 3333 has it |
//! | `expiration_interval` | not there: deadlines are kept to the millisecond without looking around |
//! | `ssl.builtin.BuiltinSSLAdapter` | rustls; [`tls::register`](crate::tls::register) for another |
//! | `wsgi_version = ('u', 0)` | works |
//! | `environ[key]` | [`Environ::text`](crate::wsgi::Environ::text), [`bytes`](crate::wsgi::Environ::bytes); the keys are those of cheroot |
//! | `environ['wsgi.input']` | [`Environ::input`](crate::wsgi::Environ::input), a `Read` |
//! | an iterable of bytes | text, bytes, or [`Chunks`](crate::wsgi::Chunks) |
//! | `wsgi.file_wrapper` | [`FileWrapper`](crate::wsgi::FileWrapper) |
//!
//! # What behaves differently
//!
//! - Values are looked at with every start and restart, and checked. There, most are copied once and a misspelt name makes a new attribute;
//!   here it is refused, with the nearest name.
//! - `socket_timeout` is absolute: there each byte starts it anew. Idle connections have `keep_alive_timeout`, 75 s, of their own.
//! - `thread_pool_max` has an effect: threads are added while handlers block.
//! - A client that is slow to send a head or the first 64 KiB of its content, or to take an answer of bytes or a file, holds no thread; there one in the middle of its head does. Idle ones hold none in either.
//! - `keep_alive_conn_limit` is not set; there it is 10.
//! - A full queue is a 503 with `Retry-After`.
//! - `max_request_body_size = 0` is refused, because there it means no limit; write `-1`.
//! - `ssl_certificate_chain` is what is sent after the certificate. The authority that clients are verified with is `ssl_client_ca`.
//! - A key without a certificate is an error; there it is plain HTTP.
//! - `socket_file`: its permissions are 0660, not what the umask leaves of 0777, and no file but a dead socket is removed for it.
//! - The autoreloader, tools, sessions and the rest of the framework are CherryPy's and not here.
