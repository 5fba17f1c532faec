//! From CherryPy's server adapter, or from cheroot beneath it, to drupe. The statements about them
//! apply to CherryPy 18.10 and cheroot 11.1.
//!
//! drupe replaces both as a server. This crate serves applications in Rust. For Python
//! applications, see `python/README.md` in the repository. To move an application to Rust, port
//! WSGI nearly word by word, run CGI programs in any language with `examples/cgi.rs`, and turn
//! everything else into a handler.
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
//! After, with the feature `wsgi`:
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
//! use drupe::wsgi::{Application, Environ, ApplicationError, PathInfoDispatcher, StartResponse};
//!
//! fn named(name: &'static str) -> impl Application {
//!     move |environ: Environ, start_response: StartResponse| -> Result<String, ApplicationError> {
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
//! After, values are TOML: `=`, quotes, lower-case `true` and `false`, and an empty string for
//! None:
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
//! Load the file with [`Settings::merge_file`](crate::settings) or `drupe --config`. Leave out the
//! keys of applications (`tools.`, `request.`, `log.`): the program refuses each by name.
//! [`Settings::cherrypy`](crate::Settings::cherrypy) returns CherryPy's defaults, even for settings
//! with another default in drupe.
//!
//! # Equivalents
//!
//! For example, `cherrypy.server.thread_pool = 30` becomes `server.settings.thread_pool = 30`:
//!
//! | CherryPy, cheroot | drupe |
//! |---|---|
//! | `cherrypy.server.X = value` | `server.settings.X = value`, for each of the documented attributes |
//! | `cherrypy.quickstart(app)` | [`Server::quickstart`](crate::Server::quickstart) |
//! | `engine.start()`, `engine.block()`, `engine.exit()` | [`start`](crate::Server::start), [`block`](crate::Server::block), [`stop`](crate::Server::stop) |
//! | `server.restart()` | [`restart`](crate::Server::restart), which applies changed settings |
//! | `server.wait()` | [`wait`](crate::Server::wait), without connecting to its own port |
//! | `server.base()`, `description`, `bound_addr` | [`base`](crate::Server::base), [`description`](crate::Server::description), [`bound_addr`](crate::Server::bound_addr) |
//! | `wsgi.Server(bind_addr, app, numthreads, max=..)` | `Server::wsgi(app)`, `thread_pool`, `thread_pool_max` |
//! | `request_queue_size`, `timeout` | `socket_queue_size`, `socket_timeout` |
//! | `keep_alive_conn_limit`, `reuse_port`, `private_key_password` | `keep_alive_conn_limit`, `reuse_port`, `ssl_private_key_password` |
//! | `peercreds_enabled`, `peercreds_resolve_enabled` | `peercreds`, `peercreds_resolve` |
//! | `server_name` | absent: `SERVER_NAME` is the host that the client asked for, as in PEP 3333 |
//! | `expiration_interval` | absent: deadlines are exact to the millisecond without polling |
//! | `ssl.builtin.BuiltinSSLAdapter` | rustls; [`tls::register`](crate::tls::register) for another |
//! | `wsgi_version = ('u', 0)` | works |
//! | `environ[key]` | [`Environ::text`](crate::wsgi::Environ::text), [`bytes`](crate::wsgi::Environ::bytes); the keys are those of cheroot |
//! | `environ['wsgi.input']` | [`Environ::input`](crate::wsgi::Environ::input), a `Read` |
//! | an iterable of bytes | text, bytes, or [`Chunks`](crate::wsgi::Chunks) |
//! | `wsgi.file_wrapper` | [`FileWrapper`](crate::wsgi::FileWrapper) |
//!
//! # What behaves differently
//!
//! - drupe reads and checks the settings at every start and restart. CherryPy copies most values
//!   once, and a misspelt name creates a new attribute. drupe refuses the name and suggests the
//!   nearest one.
//! - `socket_timeout` is absolute. In CherryPy each byte restarts the timeout. Idle connections
//!   have a separate `keep_alive_timeout` of 75 s.
//! - `thread_pool_max` has an effect: drupe adds threads while handlers block.
//! - A slow client holds no thread while sending a head or the first 64 KiB of its content, or
//!   while reading an answer of bytes or a file. In cheroot, a client in the middle of its head
//!   holds a thread. Idle clients hold none in either.
//! - `keep_alive_conn_limit` is not set; cheroot's is 10.
//! - A request gets 503 with `Retry-After` after `accepted_queue_timeout` without a worker.
//! - drupe refuses `max_request_body_size = 0`, because 0 means no limit in CherryPy; write `-1`.
//! - `ssl_certificate_chain` is sent after the certificate. The authority for verifying clients is
//!   `ssl_client_ca`.
//! - A key without a certificate is an error; in CherryPy the server then speaks plain HTTP.
//! - `socket_file`: the permissions are 0660, not 0777 less the umask, and drupe removes only a
//!   dead socket at the path, no other file.
//! - drupe has no autoreloader, tools, sessions or other parts of the CherryPy framework.
