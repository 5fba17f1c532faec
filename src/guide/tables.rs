//! Tables: all settings, the settings of the program, CherryPy's other defaults, status codes.
//!
//! ## Settings
//!
//! Settings are the fields of [`Settings`](crate::Settings), checked when the server starts. [`settings`](super::settings)
//! explains each one, with its range and what it protects from.
//!
//! - `Settings::from_file` reads TOML, in CherryPy's own spelling (`server.socket_port = 8080` under `[global]`) or as
//!   a table `[server]`. `merge_environment` reads variables. An error names the file and the line.
//! - `-1` writes `None`: no limit. An empty default is unset.
//! - Seconds may have fractions. Bytes may have a K, M or G (`"64K"` in a file).
//!
//! | setting | default | unit | |
//! |---|---|---|---|
//! | `socket_host` | `127.0.0.1` | name | `0.0.0.0` or `::` for every address |
//! | `socket_port` | `8080` | port | 0: the system chooses |
//! | `socket_file` | | path | a Unix socket instead; `@name` for an abstract one |
//! | `socket_mode` | `0660` | mode | who may write to its file may connect |
//! | `socket_user` | | name | whom the file is given; a name or a number |
//! | `socket_group` | | name | likewise |
//! | `listen` | | addresses | instead of all these: `tcp://host:80`, `unix:/path`, `fd:3`, with commas |
//! | `socket_queue_size` | `1024` | count | connections that the kernel keeps until they are accepted |
//! | `reuse_port` | `false` | bool | several processes on one port |
//! | `nodelay` | `true` | bool | `TCP_NODELAY` |
//! | `socket_timeout` | `10` | seconds | stands in for the next four |
//! | `header_timeout` | | seconds | a whole request head |
//! | `body_timeout` | | seconds | each stretch of a request body |
//! | `write_timeout` | | seconds | each stretch of an answer |
//! | `handshake_timeout` | | seconds | a TLS handshake |
//! | `keep_alive_timeout` | `75` | seconds | an idle connection between two requests |
//! | `keep_alive_grace` | `0.002` | seconds | a worker waits for the next request of a connection that keeps it busy alone |
//! | `linger_timeout` | `2` | seconds | input is discarded after an early answer |
//! | `accepted_queue_timeout` | `10` | seconds | a request's wait for a worker, then 503 |
//! | `shutdown_timeout` | `5` | seconds | running requests at a stop |
//! | `max_request_header_size` | `512000` | bytes | request line and header section |
//! | `max_request_target_size` | `8192` | bytes | request target |
//! | `max_request_header_fields` | `100` | count | field lines |
//! | `max_request_body_size` | `104857600` | bytes | content |
//! | `body_buffer_size` | `65536` | bytes | content received before the handler runs, without a thread |
//! | `max_parked_size` | `268435456` | bytes | answers that wait for slow clients without a thread, and requests |
//! | `max_drain_size` | `65536` | bytes | unread content dropped so as to keep the connection |
//! | `max_linger_size` | `268435456` | bytes | input dropped after an early answer |
//! | `minimum_rate` | `240` | bytes | a second, from or to a peer that is waited for |
//! | `max_connections` | | count | connections open at a time, else as descriptors allow, up to 65536; then the longest silent or idle is closed, or 503 |
//! | `keep_alive_conn_limit` | `-1` | count | connections idle at a time; then the longest idle is closed |
//! | `max_upgraded` | `1024` | count | connections that have left HTTP, each with a thread; then 503 |
//! | `thread_pool` | `10` | count | workers that are always there |
//! | `thread_pool_max` | `256` | count | workers that there may be |
//! | `thread_idle_timeout` | `10` | seconds | a worker above `thread_pool` without work |
//! | `thread_stack_size` | `2097152` | bytes | stack of a worker |
//! | `accepted_queue_size` | `1024` | count | requests that wait for a worker |
//! | `protocol_version` | `HTTP/1.1` | name | or `HTTP/1.0`, which also limits what is used |
//! | `software` | | name | the `Server` field |
//! | `header_overflow_status` | `431` | status | or 413 |
//! | `ssl_certificate` | | path | PEM, its chain may follow in it: TLS and nothing else; read again at SIGHUP or by `reload_tls` |
//! | `ssl_certificate_chain` | | path | PEM, sent after it |
//! | `ssl_private_key` | | path | PEM; else it is in the certificate's file |
//! | `ssl_private_key_password` | | password | of encrypted keys, or `file:` and a path |
//! | `ssl_sni` | | paths | `a.pem:a.key,b.pem`, each for the names in it |
//! | `ssl_ciphers` | | name | OpenSSL's and IANA's names, the best first |
//! | `ssl_min_version` | `TLSv1.2` | name | or `TLSv1.3` |
//! | `ssl_client_ca` | | path | PEM, what clients' certificates must lead to |
//! | `ssl_verify_mode` | | name | `none`, `optional`, `required` (with `ssl_client_ca` the default) |
//! | `ssl_module` | `builtin` | name | rustls, or what `tls::register` has made known |
//! | `peercreds` | `false` | bool | who connects to a Unix socket: process, user, group |
//! | `peercreds_resolve` | `false` | bool | and their names, when asked |
//! | `proxy_protocol` | `false` | bool | each connection begins with a PROXY header, version 1 or 2 |
//! | `trusted_proxies` | | names | addresses, networks or `unix`, with commas; all others are not believed |
//! | `trusted_proxy_count` | `1` | count | proxies of these that a request passes |
//! | `trusted_proxy_headers` | | names | what they are believed: fields that they set, whatever the client sends |
//! | `statistics` | `false` | bool | measure how long requests take; the rest is counted in any case |
//! | `wsgi_version` | `1.0` | version | how `Server::wsgi` reads text: each byte a character, or UTF-8 (`u.0`) |
//!
//! ## The program
//!
//! `drupe --config FILE` reads a file (`examples/drupe.toml` shows one), then the environment
//! (`DRUPE_THREAD_POOL=20`), then flags (`--thread-pool 20`). The last one counts. `drupe check FILE` prints the result
//! and the origin of each value. [`operating`](super::operating) has the signals.
//!
//! The program has these settings beside those of the server, under `[drupe]` and as flags:
//!
//! | setting | default | |
//! |---|---|---|
//! | `directory` | `.` | what is served |
//! | `dotfiles` | `false` | serve names that begin with a dot |
//! | `listing` | `true` | list directories |
//! | `quiet` | `false` | show only what is wrong |
//! | `access_log` | | file for requests; with `user` or `group` it is theirs to open |
//! | `access_log_format` | `combined` | or `common`, or `json`: an object a line, with the time it took |
//! | `pid_file` | | one process at a time holds it; its owner alone can read it; removed at the end |
//! | `user` | | whom to become between the bind and the first client; supplementary groups are given up |
//! | `group` | | which group to be in then, instead of the user's |
//! | `umask` | | what new files are not to allow: `027` |
//! | `ssl_self_signed` | `false` | TLS with a certificate made on the spot, for development |
//! | `statistics_path` | `/statistics` | where `--statistics` shows them; empty for nowhere |
//! | `statistics_access` | `local` | or `all`: who sees them there |
//!
//! ## Defaults that differ from CherryPy's
//!
//! [`Settings::cherrypy`](crate::Settings::cherrypy) returns CherryPy's own.
//!
//! | setting | drupe | CherryPy | why |
//! |---|---|---|---|
//! | `socket_queue_size` | `1024` | `5` | a small burst would be turned away |
//! | `accepted_queue_size` | `1024` | `-1` | a queue without a bound is memory without a bound |
//! | `thread_pool_max` | `256` | `-1` | each thread is memory |
//! | `max_connections` | | `-1` | no such limit there; here as many as descriptors allow |
//! | `keep_alive_timeout` | `75` | `10` | shorter than a load balancer's 60 s, it makes the balancer answer 502 |
//! | `header_overflow_status` | `431` | `413` | RFC 6585 has a status for it |
//! | `max_request_target_size` | `8192` | `65534` | no such limit there; the most that is possible |
//! | `max_request_header_fields` | `100` | `1024` | no such limit there; the most that is possible |
//!
//! ## Status codes
//!
//! The server itself answers with these statuses, then closes the connection. A handler that returns the error of a
//! failed read of content gets 400, 408 or 413 right.
//!
//! | status | when | setting |
//! |---|---|---|
//! | 400 | malformed or ambiguous; in clear where TLS is spoken | |
//! | 405 | CONNECT | |
//! | 408 | head or content too late | `header_timeout`, `body_timeout`, `minimum_rate` |
//! | 413 | content too large; more than 16 KiB of chunk extensions | `max_request_body_size` |
//! | 414 | request target too long | `max_request_target_size` |
//! | 417 | an expectation other than `100-continue` | |
//! | 431 | head or trailers too large; trailers also above 16 KiB | `max_request_header_size`, `max_request_header_fields` |
//! | 500 | the handler panicked, or its framing makes no message | |
//! | 501 | a transfer coding before `chunked`; a method longer than any | |
//! | 503 | the request waited too long for a worker or there is one connection too many (with TLS it is closed), or no room is left for large heads, or for another upgrade; with `Retry-After` | `accepted_queue_size`, `accepted_queue_timeout`, `max_connections`, `max_parked_size`, `max_upgraded` |
//! | 505 | neither HTTP/1.0 nor HTTP/1.1 | |
