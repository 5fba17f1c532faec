//! Operating: signals, restarts, certificates, logs, error messages and statistics.
//!
//! # Signals
//!
//! [`Server::quickstart`](crate::Server::quickstart) handles signals, and so does the program
//! (feature `signals`, on by default). For example, `kill -HUP` on the program reloads its
//! settings:
//!
//! | signal | what happens |
//! |---|---|
//! | SIGTERM, SIGINT | stops: no new connections; requests in progress may end within `shutdown_timeout`; a second signal cuts the rest |
//! | SIGHUP | applies the settings returned by the function given to [`Server::on_reload`](crate::Server::on_reload), with certificates and keys; then as SIGUSR1 |
//! | SIGUSR1 | calls the function given to [`Server::on_graceful`](crate::Server::on_graceful), to reopen log files; with TLS, loads certificates and keys again |
//!
//! The program `drupe` reads its file and the environment again at SIGHUP, and reopens its access
//! log at both. Your own program catches both signals after a call of `on_graceful`, with TLS, or
//! with an [`instance`](crate::Settings::instance), and SIGHUP also after a call of `on_reload`.
//! Otherwise both signals end the process, as is the default.
//!
//! At SIGHUP the program keeps its settings, and logs the reason, if the file is a pipe, is gone, or
//! has no setting of the server any more. A pipe, as in `--config <(…)`, can be read only once, and
//! its content must end within 5 s.
//!
//! If the terminal of the process is closed, SIGHUP ends the process as SIGTERM does. A process
//! started by `nohup` stays, and so does a process without a terminal, as under systemd.
//!
//! A client that leaves raises no SIGPIPE in your program, even if the program has set SIGPIPE to
//! its default action.
//!
//! `quickstart` catches the signals before starting anything, and restores the default actions at
//! its return. If your program handles signals itself, call `start` and `block` instead, and
//! [`ServerHandle::stop`](crate::ServerHandle::stop) from any thread.
//!
//! # A stop, and restarts without a refused connection
//!
//! A stop ends idle connections and lets requests finish; [`travel`](super::travel) has the steps.
//! As with any HTTP server, a request sent into an idle connection at that very moment is lost.
//! Clients and proxies repeat such a request if the method permits. The port is closed from the
//! stop of one process to the start of the next. Use one of these setups to refuse no connection:
//!
//! - systemd owns the socket ([`under_systemd`](super::under_systemd)), and connections wait in the
//!   socket;
//! - two servers run behind a proxy and restart one after the other
//!   ([`behind_haproxy`](super::behind_haproxy));
//! - two processes listen on one port (`reuse_port`), and you stop the old process once the new one
//!   serves. The kernel resets connections that are still in the backlog of the old process, so
//!   this setup is the weakest of the three.
//!
//! # The first lines
//!
//! Once the program serves, it prints the directory, the addresses and the clients that reach them.
//! For `0.0.0.0` and `::` a second line has the addresses of this machine; a firewall may still block
//! them. For a Unix socket the second line is a command to try:
//!
//! ```text
//! drupe: serving /srv/site at http://127.0.0.1:8080/ (this machine only)
//! drupe: press Ctrl-C to stop
//!
//! drupe: serving /srv/site at http://0.0.0.0:8080/ (this machine and others)
//! drupe: from other machines: http://192.0.2.7:8080/
//! drupe: press Ctrl-C to stop
//!
//! drupe: serving /srv/site at unix:/run/www.sock (this machine only)
//! drupe: try curl --unix-socket /run/www.sock http://localhost/
//! drupe: press Ctrl-C to stop
//! ```
//!
//! On a terminal, addresses are bold, and the words error and warning are colored, unless `NO_COLOR`
//! is set or `TERM` is `dumb`.
//!
//! If the port is in use, the program names the process that listens there. Only root sees the
//! processes of other users; for the others the message has a command for root:
//!
//! ```text
//! drupe: cannot listen on 127.0.0.1:8080: Address already in use (os error 98); process 4242 (nginx) listens there
//! ```
//!
//! # Changed settings
//!
//! Send SIGHUP to apply new settings without closing connections. A file with a mistake changes
//! nothing and is reported, so running `drupe check FILE` first is optional. Some settings need a
//! restart: all listening settings, `accepted_queue_size`, `statistics`, `wsgi_version`, turning
//! TLS on or off, and, in the program, the table `[drupe]`. The log names each changed one:
//!
//! ```text
//! drupe: warning: setting socket_port changed but needs a restart; the old value stays in effect
//! ```
//!
//! A file that was cut in the middle can still be valid. So the log names each setting that has
//! vanished from the file, unless its value is still the same:
//!
//! ```text
//! drupe: warning: setting thread_pool, set before in drupe.toml:4, is no longer set; the value is "10" now
//! ```
//!
//! In your own program, [`ServerHandle::reload`](crate::ServerHandle::reload) does the same and
//! returns those names. [`Server::restart`](crate::Server::restart) applies every setting.
//! `restart` uses the settings of the `Server`, not the reloaded ones. Requests in progress finish.
//! Listening sockets with an unchanged address stay open, and so do connections that wait for their
//! next request. No client is refused.
//!
//! The client address of a connection is determined when the connection arrives. If you remove a
//! proxy from `trusted_proxies`, drupe still trusts the proxy's open connections until they close.
//! A `restart` with the new list closes such connections.
//!
//! # Certificates
//!
//! Let the renewal tool write the new files under the same names, then send SIGHUP or SIGUSR1:
//!
//! ```sh
//! certbot renew --deploy-hook 'systemctl kill --signal=HUP --kill-whom=main drupe.service'
//! ```
//!
//! New handshakes use the new certificate; open connections are unchanged. If the new files are
//! unusable, the server logs an error and keeps the old certificate. In your own program, call
//! [`ServerHandle::reload_tls`](crate::ServerHandle::reload_tls).
//!
//! A file may be a pipe, for instance a key that another program decrypts:
//! `--ssl-private-key <(sops -d key.enc)`. A pipe gives its content once. A reload keeps the content
//! in use, with a warning, unless a writer has sent more. A pipe whose content does not end within
//! 5 s is an error.
//!
//! The certificate of `--ssl-self-signed` has the names and addresses of all listeners, and those
//! of the machine for `0.0.0.0` and `::`. The certificate is valid for 397 days. A reload in the
//! last month of the certificate makes a new one; without a reload, clients see an expired
//! certificate.
//!
//! # Logs
//!
//! The library logs only through the `log` crate. The program writes warnings and errors to
//! standard error, each message at most once in ten seconds, and further messages if `log_level` is
//! set. The program logs requests there too, or in a file:
//!
//! ```toml
//! [drupe]
//! access_log = "/var/log/drupe/access.log"
//! access_log_format = "json"      # or combined, common
//! log_level = "info"              # or error, warning (the default), debug
//! quiet = true                    # on standard error: only addresses, warnings and errors
//! ```
//!
//! `access_log = "-"` (or `/dev/stdout`, `/dev/stderr`) writes requests to that stream, also if the
//! stream is a socket, as under systemd.
//!
//! A thread of its own writes the lines, so a full pipe or a slow disk delays neither requests nor a
//! stop. Up to 1 MiB of lines wait. Further lines are lost, and a warning has their number once the
//! destination takes lines again. At the end the program waits for the last lines for 1 s.
//!
//! For logrotate:
//!
//! ```text
#![doc = include_str!("../../examples/deploy/logrotate.conf")]
//! ```
//!
//! In your own program use any logger, for instance `env_logger` with `RUST_LOG=info`. Errors are
//! logged as `error` and `warn`, starts, stops and most failed handshakes as `info`, refused
//! requests as `debug`. The first two segments of a target are stable. The rest is the source file,
//! and may change.
//!
//! | target | what is logged |
//! |---|---|
//! | `drupe::access` | exchanges |
//! | `drupe::wsgi` | the output of applications to `wsgi.errors`, and their failures |
//! | `drupe::files` | directories that cannot be read |
//! | `drupe::message` | mistakes of a program: upgrades that cannot be answered, callbacks that panic |
//! | `drupe::engine` | connections, refused requests, handlers and bodies that fail or panic, a lack of threads or descriptors |
//! | `drupe::net` | sockets, their files, certificates |
//! | `drupe::system` | threads whose signals cannot be restored |
//! | `drupe::server`, `drupe::bus` | starts and stops; signals, and notifications to systemd |
//!
//! A line about a request names its method, path, peer and, if a layer has set a
//! [`RequestId`](crate::exchange::RequestId), its id. The query is left out, because it may hold
//! secrets, and long paths are cut. A body that fails is a `warn` line, a client that leaves is a
//! `debug` line:
//!
//! ```text
//! a response body failed: GET /events from 192.0.2.7:50312, request 5f3a: database is closed; connection cut
//! ```
//!
//! Most errors and warnings about a request also have this part of the text (`GET /events from
//! ...`) as the key-value `request`. The program treats messages that differ only there as
//! repetitions of one.
//!
//! Each exchange is one `info` line under the target `drupe::access`, at no cost if this target is
//! disabled. The text of an exchange is in the Combined Log Format, followed by the duration in
//! seconds, and by `id="..."` and `route="..."` if a layer or a router has set them. Data of a peer
//! cannot forge a line. For other formats, such as JSON, the record has key-values: `peer`, `user`,
//! `method`, `request_target`, `version`, `status`, `bytes`, `cut`, `referer`, `user_agent`,
//! `seconds`, `request_id` and `route`. The JSON of the program has `time` in addition, `target`
//! instead of `request_target`, and neither `request_id` nor `route`. The values are not escaped,
//! and missing values are null. The two long ones, `referer` and `user_agent`, have at most 4 KiB.
//! A refused request line (405, 414, 505) is shown as sent, at most 4 KiB and then `...`; input
//! without a request line is shown as `-`.
//!
//! For metrics, or a log of your own, give [`Server::on_access`](crate::Server::on_access) a
//! function that gets the same data with their types, and the extensions of the response.
//!
//! # Log messages
//!
//! For example, `cannot start another worker thread` in the log means that the system allows no
//! more threads.
//!
//! | message | what it means | what to do |
//! |---|---|---|
//! | `accept failed on ...: Too many open files` | descriptors have run out; the server closes an idle connection for the new one, or, if there is none, pauses accepting | raise `ulimit -n` (`LimitNOFILE`), or lower `max_connections` below it |
//! | `all 10 workers are busy (thread_pool_max): 3 requests wait, the first for 0.5 s; longest running: GET /export from 192.0.2.7:4711 (61.0 s, sending, and 8 more of this path), GET /report from 192.0.2.9:4712 (4.1 s)` | handlers run for long, or workers send answers of `Body::stream` or to slow clients (`sending`); at most once a second | examine the named handlers; raise `thread_pool_max` if they wait for another machine |
//! | `a handler exceeds its time limit: GET /report from 192.0.2.9:4712: runs for 30.0 s; answered 503, ...` | `request_timeout` or a limit of the handler has expired; the handler goes on, and another line is logged when it returns | examine the handler; give its calls of other services time limits of their own |
//! | `cannot start another worker thread` | the system allows no more threads | raise the limit of processes, or lower `thread_pool_max` |
//! | `a handler did not return after the stop; its connection was cut, its thread left running: GET /x from … (9.1 s)` | at a stop: a handler neither read nor wrote nor checked `is_shutting_down` | give the handler a time limit of its own |
//! | `a worker thread panicked; its connection was closed, the thread continues` | a defect of drupe | please report it |
//! | `TLS handshake with 192.0.2.7:4711 failed: the client certificate of CN=plum has expired; connection closed (8 more of this kind since the last line)` | a client certificate was refused, a warning; at most one line a second | renew the certificate of the client, or correct `ssl_client_ca`, as the reason says |
//! | `TLS handshake with 192.0.2.7:4711 failed: the client sent no certificate, which ssl_verify_mode requires; connection closed` | a client came without a certificate, a warning; at most one line a second | give the client a certificate of `ssl_client_ca`; ignore scanners |
//! | `TLS handshake with ... failed: ...` at the level `info` | no version, cipher suite or protocol in common, or the client refuses the server's certificate; at most one line a second | mostly nothing: scanners; for a client of yours, see the reason |
//! | `plain HTTP from ... on a TLS port; answering 400` at the level `info`; `PROXY header from ... refused: ...`, a warning | the client does not speak the protocol of the port; at most one line a second | correct the client or the proxy |
//! | `... line 22: the block "PUBLIC KEY" is not used` | a file of certificates or keys has a PEM block without a use there | remove the block, or move the block to the right file |
//! | `fields are not allowed in a trailer section: ...; the fields were not sent` | a handler or layer has given trailers that must come before the content, such as `Set-Cookie` | set these fields in the head of the response |
//! | 503 in the access log | the request waited for a worker for `accepted_queue_timeout` | handlers are too slow or `thread_pool_max` is too small; or many clients send large heads slowly (`max_parked_size`), or `max_connections` is reached and no connection is idle |
//! | 408 in the access log | clients too slow for `header_timeout` or `body_timeout` | mostly nothing: scanners and dead connections |
//!
//! # When all workers are taken
//!
//! A handler holds a worker until the handler returns. An answer written by
//! [`Body::stream`](crate::Body::stream) holds the worker until its end. [Event
//! streams](crate::stream) hold no worker. When `thread_pool_max` workers (256 by default) are all
//! held, the server
//!
//! - continues to accept connections and to read requests, which wait in the queue;
//! - logs at most once a second: `all 256 workers are busy (thread_pool_max): 12 requests wait, the
//!   first for 0.3 s; longest running: GET /export from 192.0.2.7:4711 (61.0 s, sending, and 255
//!   more of this path)`;
//! - cuts the slowest clients for which a worker has waited for a second or more, one for each
//!   waiting request;
//! - answers a request with a 503 and `Retry-After: 1` if no worker was free for
//!   `accepted_queue_timeout` (10 s);
//! - answers *prompt* requests at once, on one thread reserved for prompt requests.
//!
//! Mark your health check by [`prompt`](crate::Handler::prompt). The page of the statistics is
//! prompt. While a prompt handler blocks the reserved thread, further prompt requests wait for a
//! worker.
//!
//! ```
//! use std::time::Duration;
//!
//! use drupe::http::Method;
//! use drupe::{Handler, Server, handler, router::Router};
//!
//! let router = Router::new()
//!     .get("/health", |_| "fine\n")
//!     .prompt("/health")
//!     .route(Method::GET, "/report", handler(|_| "long work").within(Duration::from_secs(60)));
//! let mut server = Server::new(router);
//! server.settings.request_timeout = Some(Duration::from_secs(10));
//! # drop(server);
//! ```
//!
//! [`request_timeout`](crate::Settings::request_timeout) is unset by default. If a handler exceeds
//! this limit, the server answers the client with a 503, and may start another worker until the
//! handler returns. The server cannot end the handler.
//!
//! # Numbers
//!
//! `drupe --statistics` serves the statistics at `/statistics/`;
//! [`Server::mount_statistics`](crate::Server::mount_statistics) does the same in your own program
//! (feature `statistics`).
//! The path has a page with charts, `json` with CherryPy's names, and `metrics` for Prometheus. By
//! default only clients on the same machine have access, over a loopback address or a Unix socket.
//! To let Prometheus connect from another machine, serve the page by [another
//! server](crate::ServerHandle::statistics_page) on an address that only Prometheus can reach.
//!
//! ```text
//! scrape_configs:
//!   - job_name: drupe
//!     metrics_path: /statistics/metrics
//!     static_configs: [{ targets: ["localhost:8080"] }]
//! ```
//!
//! If requests have a [`MatchedRoute`](crate::exchange::MatchedRoute), set by the router or by your
//! program, Prometheus shows the routes with errors, and the mean time of each route:
//!
//! ```text
//! sum by (route) (rate(drupe_route_responses_total{class="5xx"}[5m]))
//! rate(drupe_route_request_duration_seconds_sum[5m]) / rate(drupe_route_request_duration_seconds_count[5m])
//! ```
//!
//! The first 256 patterns since the start have a row each. All further patterns count in the row
//! `others`. Requests without a route, such as those for the statistics page, count only in the
//! totals.
//!
//! Call [`Server::statistics`](crate::Server::statistics) at any time:
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
//! | `queue` above 0 for long, `threads_idle` at 0 | all workers are busy: see 503 above; `queue_wait` is the longest wait, `workers` has the request of each worker, its client and its time |
//! | `threads_lost`, `overrun` | handlers exceed their time limit: `threads_lost` counts those still running, `overrun` all since the start |
//! | `unserved` | requests got a 503 because no worker was free for `accepted_queue_timeout` |
//! | `turned_away` | a request has waited too long for a worker (`accepted_queue_timeout`), `max_connections` or `max_upgraded` is reached, or `max_parked_size` is reached by large heads or by clients that send requests and read no answer; clients that read no answer are cut; all others get 503, or with TLS are closed before the handshake |
//! | `timed_out`, `refused` | hostile or broken clients; a rise after you deploy your own client is a bug of that client |
//! | `parked` | the number of connections without a thread, event streams included |
//! | `parked_answer_bytes`, `parked_request_bytes` | the memory of parked answers and of parked requests; each is bounded by `max_parked_size`, and at this bound slow clients begin to hold threads |
//! | `routes` | a route has 5xx answers, or a long [`mean`](crate::statistics::RouteStatistics::mean) time; a row `others` means more than 256 patterns, made by the program |
//! | `panics` | handlers panic; the log has the place |
//! | `proxy_refused` | a client bypasses the proxy, or the proxy sends no PROXY header |
