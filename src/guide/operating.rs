//! Operating: what it says, what signals do, certificates, restarts, and what to look at when something is wrong.
//!
//! # Signals
//!
//! Under [`Server::quickstart`](crate::Server::quickstart), so in the program too (feature `signals`, on by default):
//!
//! | signal | what happens |
//! |---|---|
//! | SIGTERM, SIGINT | stops: no new connections, what runs may end within `shutdown_timeout`; a second one cuts what still runs |
//! | SIGHUP | what [`Server::on_reload`](crate::Server::on_reload) says is put in force, with certificates and keys; then as SIGUSR1 |
//! | SIGUSR1 | what [`Server::on_graceful`](crate::Server::on_graceful) was given is called, to open log files anew; with TLS, certificates and keys are loaded again |
//!
//! The program `drupe` reads its file and the environment again at SIGHUP, and opens its access log anew at both. In a program of your own
//! both are caught if there is a call of `on_graceful` or TLS, SIGHUP also if there is one of `on_reload`: else they end the process, as they do
//! by default.
//!
//! They are caught from before `quickstart` starts anything until it returns, and do afterwards what they do by default. A program that has its own
//! signal handling calls `start` and `block` instead, and [`ServerHandle::stop`](crate::ServerHandle::stop) from wherever it likes.
//!
//! # A stop, and restarts without a refused connection
//!
//! A stop ends idle connections and lets requests finish; [`travel`](super::travel) has it step by step. A request that a client sends
//! into an idle connection at that very moment is lost to it, as with any HTTP server; clients and proxies ask again for methods that may
//! be repeated. Between the stop of one process and the start of the next the port is closed. Nobody is refused where
//!
//! - systemd owns the socket ([`under_systemd`](super::under_systemd)): connections wait in it meanwhile;
//! - two servers stand behind a proxy and are restarted in turn ([`behind_haproxy`](super::behind_haproxy));
//! - two processes share the port (`reuse_port`), and the old one is stopped once the new one serves. Connections that the old one's kernel
//!   queue still holds when it stops are reset, so this is the weakest of the three.
//!
//! # Changed settings
//!
//! SIGHUP puts them in force while connections go on. A file with a mistake in it changes nothing and is reported, so `drupe check FILE` first is
//! only polite. Where and how it listens, `accepted_queue_size`, `statistics`, `wsgi_version`, whether there is TLS at all, and, in the
//! program, what stands under `[drupe]` need a restart; the log names what was changed and has to wait:
//!
//! ```text
//! drupe: warning: setting socket_port has been changed and needs a restart: the old value stays in force
//! ```
//!
//! In a program, [`ServerHandle::reload`](crate::ServerHandle::reload) does the same and returns those names;
//! [`Server::restart`](crate::Server::restart) takes everything, by the settings of the `Server`, not by what was reloaded since: what runs is
//! finished, listening sockets whose address stays the same are kept, with the connections that wait for a request, and nobody is refused.
//!
//! Whom a connection comes from is settled when it comes: who is taken off `trusted_proxies` is believed over connections that are open
//! already until they close. `restart` closes them.
//!
//! # Certificates
//!
//! Let whoever renews the certificate write the new files under the same names, then send SIGHUP or
//! SIGUSR1:
//!
//! ```sh
//! certbot renew --deploy-hook 'systemctl kill --signal=HUP --kill-whom=main drupe.service'
//! ```
//!
//! New handshakes have the new certificate, connections go on as they are. If the files will not do, an error is logged and the old ones stay.
//! In a program: [`ServerHandle::reload_tls`](crate::ServerHandle::reload_tls).
//!
//! # Logs
//!
//! The library says everything through the `log` crate and nothing on its own. The program shows warnings and errors on standard error,
//! the same one no more than once in ten seconds, and requests too, or in a file:
//!
//! ```toml
//! [drupe]
//! access_log = "/var/log/drupe/access.log"
//! access_log_format = "json"      # or combined, common
//! quiet = true                    # beyond where it serves, nothing but what is wrong on standard error
//! ```
//!
//! For logrotate:
//!
//! ```text
#![doc = include_str!("../../examples/deploy/logrotate.conf")]
//! ```
//!
//! In a program of your own any logger does, for instance `env_logger` with `RUST_LOG=info`; the target `drupe::access` has the requests, with
//! their parts as key-values.
//!
//! # What it says when something is wrong
//!
//! | message | what it means | what to do |
//! |---|---|---|
//! | `accept failed on ...: Too many open files` | descriptors have run out; an idle connection is closed for the new one, or, if there is none, accepting pauses and goes on | raise `ulimit -n` (`LimitNOFILE`), or lower `max_connections` below it |
//! | `all 10 workers are busy (thread_pool_max): 3 requests wait, the first for 0.5 s; longest at work: GET /report (4.1 s)` | handlers take longer than requests can wait; at most once a second | look at the handlers that are named; raise `thread_pool_max` if they wait for something else than this machine |
//! | `cannot start another worker for now` | the system allows no more threads | raise the limit of processes, or lower `thread_pool_max` |
//! | `a handler has not returned; its connection is cut, its thread left alone` | at a stop: a handler neither read nor wrote nor looked at `is_shutting_down` | give it a time limit of its own |
//! | `a worker failed; its connection is lost, it goes on` | a defect of drupe | report it, please |
//! | 503 in the access log | the request waited for a worker for `accepted_queue_timeout` | handlers are too slow or `thread_pool_max` is too small; or many clients send large heads slowly (`max_parked_size`), or `max_connections` is reached and nobody idle |
//! | 408 in the access log | clients too slow for `header_timeout` or `body_timeout` | mostly nothing: scanners and dead connections |
//!
//! # Numbers
//!
//! `drupe --statistics` shows them at `/statistics/`, as does [`Server::mount_statistics`](crate::Server::mount_statistics) in a program: a page with
//! charts, `json` with CherryPy's names, and `metrics` for Prometheus. By default only this machine sees them, over a loopback address or a Unix
//! socket; to have Prometheus ask from elsewhere, show them by [another server](crate::ServerHandle::statistics_page) on an address that only
//! it reaches.
//!
//! ```text
//! scrape_configs:
//!   - job_name: drupe
//!     metrics_path: /statistics/metrics
//!     static_configs: [{ targets: ["localhost:8080"] }]
//! ```
//!
//! [`Server::statistics`](crate::Server::statistics) can be asked at any time:
//!
//! ```
//! use std::sync::OnceLock;
//!
//! use drupe::{Request, Server, ServerHandle};
//!
//! static SERVER: OnceLock<ServerHandle> = OnceLock::new();
//!
//! fn status(_request: &mut Request) -> String {
//!     let Some(server) = SERVER.get() else { return "not yet\n".to_owned() };
//!     let now = server.statistics();
//!     format!("{} requests, {} wait in the queue, {} of {} threads idle\n", now.requests, now.queue, now.threads_idle, now.threads)
//! }
//!
//! let mut server = Server::new(status);
//! server.settings.socket_port = 0;
//! let _ = SERVER.set(server.handle());
//! server.start()?;
//! assert_eq!(server.statistics().requests, 0);
//! # Ok::<(), drupe::Error>(())
//! ```
//!
//! | number | look at it when |
//! |---|---|
//! | `queue` above 0 for long, `threads_idle` at 0 | all workers are busy: see 503 above; `workers` has the request that each serves, and for how long |
//! | `turned_away` | the queue is full, `max_connections` or `max_upgraded` is reached, or, with large heads and with clients that ask on and take no answer, `max_parked_size` is; but for the last they are told 503, before a TLS handshake nothing |
//! | `timed_out`, `refused` | hostile or broken clients; a rise after a deployment of your own client is your bug |
//! | `parked` | connections that cost no thread; what they hold of requests and answers is bounded by `max_parked_size` each |
//! | `parked_answer_bytes`, `parked_request_bytes` | the memory they hold; at `max_parked_size` slow clients begin to hold threads |
//! | `panics` | handlers panic; the log says where |
//! | `proxy_refused` | somebody connects past the proxy, or the proxy sends no PROXY header |
