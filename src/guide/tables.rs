//! Tables: all settings, the settings of the program, CherryPy's other defaults, status codes.
//!
//! ## Settings
//!
//! Settings are the fields of [`Settings`](crate::Settings), checked when the server starts.
//! [`settings`](super::settings) explains the reason for each default; the fields of `Settings`
//! have the ranges. For example, in a file:
//!
//! ```toml
//! [server]
//! socket_port = 8080
//! max_request_body_size = "64K"
//! ```
//!
//! - `Settings::from_file` reads TOML, as a table `[server]` or in CherryPy's spelling
//!   (`server.socket_port = 8080` under `[global]`). `merge_environment` reads variables. An error
//!   names the file and the line.
//! - `-1` stands for `None`: no limit. An empty default is unset.
//! - Seconds may have fractions. Bytes may end in K, M or G (`"64K"` in a file).
//!
//! | setting | default | unit | |
//! |---|---|---|---|
//! | `socket_host` | `127.0.0.1` | name | `0.0.0.0` or `::` for every address |
//! | `socket_port` | `8080` | port | 0: the system chooses |
//! | `socket_file` | | path | a Unix socket instead of TCP; `@name` for an abstract socket |
//! | `socket_mode` | `0660` | mode | permissions of the Unix socket; clients need write access |
//! | `socket_user` | | name | user that owns the Unix socket, by name or number |
//! | `socket_group` | | name | group that owns the Unix socket |
//! | `listen` | | addresses | instead of host, port and `socket_file`: `tcp://host:80,unix:/path,fd:3` |
//! | `socket_queue_size` | `1024` | count | backlog: connections that the kernel queues until accepted |
//! | `reuse_port` | `false` | bool | let several processes listen on one port |
//! | `nodelay` | `true` | bool | send small packets at once (`TCP_NODELAY`) |
//! | `socket_timeout` | `10` | seconds | default of `header_timeout`, `body_timeout`, `write_timeout` and `handshake_timeout` |
//! | `header_timeout` | | seconds | limit for receiving a whole request head |
//! | `body_timeout` | | seconds | longest stall while receiving a request body |
//! | `write_timeout` | | seconds | longest stall while sending an answer |
//! | `request_timeout` | | seconds | limit for a handler, then 503, though the handler goes on; empty: no limit |
//! | `handshake_timeout` | | seconds | limit for a whole TLS handshake |
//! | `keep_alive_timeout` | `75` | seconds | longest idle time between two requests |
//! | `keep_alive_grace` | `0.002` | seconds | how long a worker waits for the next request itself; 0: not at all |
//! | `linger_timeout` | `2` | seconds | limit for discarding input after an early answer |
//! | `accepted_queue_timeout` | `10` | seconds | longest wait of a request for a worker, then 503; 0: no wait if the queue is full |
//! | `shutdown_timeout` | `5` | seconds | time for requests in progress at a stop; 0: cut at once |
//! | `max_request_header_size` | `512000` | bytes | largest request head: request line and header section |
//! | `max_request_target_size` | `8192` | bytes | longest request target |
//! | `max_request_header_fields` | `100` | count | most field lines in a request head |
//! | `max_request_body_size` | `104857600` | bytes | largest content of a request, then 413 |
//! | `body_buffer_size` | `65536` | bytes | content received before the handler runs, without a thread; 0: none |
//! | `max_parked_size` | `268435456` | bytes | memory for answers that wait for slow clients, and as much again for partial requests |
//! | `max_drain_size` | `65536` | bytes | most unread content to discard to keep a connection open |
//! | `max_linger_size` | `268435456` | bytes | most input to discard after an early answer |
//! | `minimum_rate` | `240` | bytes | slowest transfer rate tolerated, bytes per second; -1: any rate |
//! | `max_connections` | | count | most open connections; unset: as descriptors allow, to 65536. Above, the connection silent or idle for longest is closed, else the new one gets 503 |
//! | `keep_alive_conn_limit` | `-1` | count | most idle connections; above, the connection idle for longest is closed |
//! | `max_upgraded` | `1024` | count | most upgraded connections, each with a thread; then 503 |
//! | `thread_pool` | `10` | count | least number of worker threads |
//! | `thread_pool_max` | `256` | count | most worker threads |
//! | `thread_idle_timeout` | `10` | seconds | idle time after which a worker above `thread_pool` ends |
//! | `thread_stack_size` | `2097152` | bytes | stack size of each worker thread |
//! | `accepted_queue_size` | `1024` | count | most requests queued for a worker; more wait beside the queue, for `accepted_queue_timeout` at most |
//! | `protocol_version` | `HTTP/1.1` | name | highest protocol version: `HTTP/1.1` or `HTTP/1.0` |
//! | `software` | | name | value of the `Server` field; unset: no such field |
//! | `header_overflow_status` | `431` | status | status for a request head over a limit: 431 or 413 |
//! | `title_case_headers` | `false` | bool | send field names in title case, for old clients |
//! | `answer_silence` | `false` | bool | answer 408 to a client that connects and sends nothing |
//! | `accept_connect` | `false` | bool | pass CONNECT to the handler instead of answering 405 |
//! | `ssl_certificate` | | path | PEM, optionally with the chain; turns TLS on. Reloaded at SIGHUP or by `reload_tls` |
//! | `ssl_certificate_chain` | | path | PEM of intermediate certificates |
//! | `ssl_private_key` | | path | PEM; unset: in the certificate's file |
//! | `ssl_private_key_password` | | password | password of an encrypted private key, or `file:PATH` to read it from |
//! | `ssl_sni` | | paths | more certificates, chosen by host name (SNI): `a.pem:a.key,b.pem` |
//! | `ssl_ciphers` | | name | allowed cipher suites by OpenSSL's or IANA's names, best first |
//! | `ssl_min_version` | `TLSv1.2` | name | lowest TLS version: `TLSv1.2` or `TLSv1.3` |
//! | `ssl_client_ca` | | path | PEM of the authorities that sign client certificates |
//! | `ssl_verify_mode` | | name | client certificates: `none`, `optional`, `required` (default with `ssl_client_ca`) |
//! | `ssl_module` | `builtin` | name | TLS adapter: `builtin` (rustls), or a name given to `tls::register` |
//! | `peercreds` | `false` | bool | read process, user and group of each client of a Unix socket |
//! | `peercreds_resolve` | `false` | bool | resolve the names of the user and group on demand |
//! | `proxy_protocol` | `false` | bool | expect a PROXY header, version 1 or 2, on each connection |
//! | `trusted_proxies` | | names | trusted proxies: addresses, networks or `unix`, separated by commas |
//! | `trusted_proxy_count` | `1` | count | most trusted proxies that a request passes; list the address of each of them in `trusted_proxies` |
//! | `trusted_proxy_headers` | | names | trusted fields: those that the proxies set or replace in every request |
//! | `statistics` | `false` | bool | measure request and work times; counters are always on |
//! | `wsgi_version` | `1.0` | version | text of `Server::wsgi`: one character per byte (`1.0`), UTF-8 (`u.0`), or a registered version |
//!
//! ## The program
//!
//! `drupe --config FILE` reads a file (see `examples/drupe.toml`), then the environment
//! (`DRUPE_THREAD_POOL=20`), then flags (`--thread-pool 20`). Each source overrides those before
//! it. `drupe check FILE` prints the result and the origin of each value.
//! [`operating`](super::operating) describes the signals.
//!
//! `drupe DIR PORT` is `drupe --directory DIR --socket-port PORT`. A number alone, as in `drupe
//! 9000`, is the port, unless a directory has this name: the place of DIR comes first, and the first
//! line of output shows the served directory. `-p 9000` is the port and `./9000` the directory in any
//! case.
//!
//! A variable that sets nothing, such as `DRUPE_VERSION`, is ignored with a warning. An unknown flag
//! or line of the file is an error.
//!
//! The program has these settings beside those of the server, under `[drupe]` and as flags:
//!
//! | setting | default | |
//! |---|---|---|
//! | `directory` | `.` | directory to serve |
//! | `dotfiles` | `false` | serve names that begin with a dot |
//! | `listing` | `true` | list directories without `index.html` |
//! | `index` | `index.html` | files to send for a directory, the first one found. `--index` can be repeated |
//! | `extensions` | | extensions to try for missing paths: with `html`, `/about` is `about.html`: see [`Files::extensions`](crate::Files::extensions). `--extensions` can be repeated |
//! | `not_found` | | file below the directory, such as `404.html`, that is sent with the status 404 to clients that want a page: see [`Files::not_found`](crate::Files::not_found) |
//! | `fallback` | | file below the directory, such as `index.html`, that is sent for missing paths to clients that want a page: see [`Files::fallback`](crate::Files::fallback) |
//! | `field` | | fields of answers, each as `PATTERN: NAME: VALUE`, such as `/assets/*: Cache-Control: max-age=600`, for files and listings (200, 206, 304): see [`Files::field`](crate::Files::field). `--field` can be repeated; a file has a list |
//! | `precompressed` | `false` | send `app.js.br`, `app.js.zst` or `app.js.gz` in place of `app.js`, as `Accept-Encoding` allows: see [`Files::precompressed`](crate::Files::precompressed) |
//! | `compress` | `false` | compress text for clients that accept gzip or deflate: see [`layers::compress`](crate::layers::compress) |
//! | `content_type` | | types by extension or name, each as `EXT=TYPE`, such as `gmi=text/gemini`. `--content-type` can be repeated; a file has a list |
//! | `link` | | links below the directory that may lead out of it, to where they lead at the start: see [`Files::link`](crate::Files::link). `--link` can be repeated; a file has a list |
//! | `hide` | | patterns of names that are neither served (404) nor listed, such as `*.key` or `node_modules`. `--hide` can be repeated |
//! | `auth` | | users to ask for (basic authentication, RFC 7617), each as `NAME:PASSWORD`. The statistics page asks for them, too. Use TLS, and the settings file or `DRUPE_AUTH`: all users of the machine see the options of a program. `--auth` can be repeated; a file has a list |
//! | `cors` | | origins, such as `https://app.example`, whose pages may read the files with a script, without credentials; `*`, or `--cors` alone: pages of every origin. `--cors` can be repeated |
//! | `host_name` | | names, beside `localhost` and loopback addresses, that the program answers to on a loopback address; any other host gets a 421. `--host-name` can be repeated. Behind `trusted_proxies` or `proxy_protocol`, without a name, every host is answered |
//! | `quiet` | `false` | print addresses, warnings and errors only, not requests |
//! | `log_level` | `warning` | the least severe messages to print: `error`, `warning`, `info` or `debug`; requests are not messages |
//! | `access_log` | | file for requests, `-` for standard output; with `user` or `group`, opened with their rights |
//! | `access_log_format` | `combined` | `common`, `combined` or `json` (one object per line, with the duration) |
//! | `pid_file` | | file for the process id: locked while the program runs, readable by its owner only, removed at the end |
//! | `user` | | user to switch to after the bind, before the first client; supplementary groups are dropped |
//! | `group` | | group to switch to, instead of the user's own |
//! | `umask` | | permission bits to clear in new files, such as `027` |
//! | `ssl_self_signed` | `false` | serve TLS with a certificate made for this run, with the names and addresses of all listeners; for development |
//! | `statistics_path` | `/statistics` | path of the page that `--statistics` adds; empty: no page |
//! | `statistics_access` | `local` | clients allowed to see the page: `local` or `all` |
//!
//! Short forms of the commonest flags:
//!
//! | short | stands for |
//! |---|---|
//! | `-p`, `--port` | `--socket-port` |
//! | `-b`, `--bind` | `--socket-host` |
//! | `-d` | `--directory` |
//! | `-q` | `--quiet` |
//! | `-v`, `-vv` | `--log-level info`, `--log-level debug` |
//! | `-c` | `--config` |
//! | `-h` | the commonest flags; `--help` lists all |
//! | `-V` | the version; `--version` adds the features compiled in and the provider of TLS |
//!
//! A manual page and completions are made by the program itself:
//!
//! ```sh
//! drupe --generate man > /usr/local/share/man/man1/drupe.1
//! drupe --generate bash > /usr/share/bash-completion/completions/drupe
//! drupe --generate zsh > /usr/local/share/zsh/site-functions/_drupe
//! drupe --generate fish > /usr/share/fish/vendor_completions.d/drupe.fish
//! ```
//!
//! ## Defaults that differ from CherryPy's
//!
//! [`Settings::cherrypy`](crate::Settings::cherrypy) returns CherryPy's own.
//!
//! | setting | drupe | CherryPy | why |
//! |---|---|---|---|
//! | `socket_queue_size` | `1024` | `5` | 5 makes a small burst of clients wait |
//! | `accepted_queue_size` | `1024` | `-1` | an unbounded queue is unbounded memory |
//! | `thread_pool_max` | `256` | `-1` | each thread is memory |
//! | `max_connections` | | `-1` | CherryPy has no such limit; drupe allows as many as descriptors do |
//! | `keep_alive_timeout` | `75` | `10` | shorter than a load balancer's 60 s, it makes the balancer answer 502 |
//! | `header_overflow_status` | `431` | `413` | RFC 6585 has a status for it |
//! | `max_request_target_size` | `8192` | `65534` | CherryPy has no such limit; the largest possible value |
//! | `max_request_header_fields` | `100` | `1024` | CherryPy has no such limit; the largest possible value |
//!
//! ## Status codes
//!
//! The server itself answers with these statuses, then closes the connection. If a handler returns
//! the error of a failed read of content, the server answers with the right one of 400, 408 and
//! 413. The content is a line of text, unless the program shapes the answer with
//! [`Server::on_refusal`](crate::Server::on_refusal).
//!
//! | status | when | setting |
//! |---|---|---|
//! | 400 | malformed or ambiguous request; more than 16 empty lines before a request; plain HTTP on a TLS port | |
//! | 405 | CONNECT | `accept_connect` |
//! | 408 | a head that began but was not complete in time (with `answer_silence`, also one that did not begin), or content too late | `header_timeout`, `body_timeout`, `minimum_rate` |
//! | 413 | content too large; more than 16 KiB of chunk extensions | `max_request_body_size` |
//! | 414 | request target too long | `max_request_target_size` |
//! | 417 | an expectation other than `100-continue` | |
//! | 431 | head or trailers too large; trailers also above 16 KiB | `max_request_header_size`, `max_request_header_fields` |
//! | 500 | the handler panicked, or set invalid framing fields | |
//! | 501 | a transfer coding before `chunked`; a method of more than 32 bytes | |
//! | 503 | a limit of load is reached: the wait for a worker, the time of a handler, connections (with TLS closed instead), memory for large heads, or upgrades; with `Retry-After: 1` | `accepted_queue_size`, `accepted_queue_timeout`, `request_timeout`, `max_connections`, `max_parked_size`, `max_upgraded` |
//! | 505 | a version other than HTTP/1.0 to HTTP/1.9 | |
