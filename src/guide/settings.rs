//! The settings one by one: the reason for each default, when to change the value, and the cost of
//! a wrong one.
//!
//! You find units, ranges and edge cases at each field of [`Settings`]. This page gives the
//! reasons. Most servers need `socket_host`, `socket_port` and perhaps three more settings. If your
//! program leaves settings to its operator, load them with
//! [`Settings::from_file`](crate::settings), which reads TOML. `drupe check FILE` prints the
//! resulting values:
//!
//! ```toml
//! [server]
//! socket_host = "0.0.0.0"
//! socket_port = 80
//! thread_pool_max = 64        # handlers wait for a database that has 64 connections
//! max_request_body_size = "1M"
//! header_timeout = 5
//! ```
//!
//! # Listening
//!
//! - [`socket_host`](Settings::socket_host): the loopback address, so that no server is exposed to
//!   the network by accident. Set `0.0.0.0` or `::` to expose the server. A container needs one of
//!   these two, or no client can reach the server.
//! - [`socket_port`](Settings::socket_port): 8080 needs no privileges. For a port below 1024, let
//!   systemd open the socket ([`under_systemd`](super::under_systemd)) rather than run as root. Use
//!   0 in tests: `Server::bound_addr` returns the address with the chosen port.
//! - [`socket_file`](Settings::socket_file): a Unix socket, for a proxy or programs on the same
//!   machine. There is no port to protect: file permissions limit the access, and
//!   [`peercreds`](Settings::peercreds) identifies the peer. Put the file into a directory
//!   that only its users can write to: a user able to replace the file can impersonate the server.
//! - [`socket_mode`](Settings::socket_mode): owner and group may connect. Set `0600` for programs
//!   of the same user. `0666` admits every user.
//! - [`socket_user`](Settings::socket_user), [`socket_group`](Settings::socket_group): give access
//!   to a proxy under another account: `socket_group = "www-data"`. Changing the user needs root;
//!   changing the group needs membership in the new group.
//! - [`listen`](Settings::listen): more than one address, or sockets already open. If set, `listen`
//!   overrides the settings above, except mode, user and group, which apply to every Unix socket in
//!   the list.
//! - [`listen_sockets`](Settings::listen_sockets): sockets that the program has opened itself, in a
//!   test or before it dropped its privileges. [`Server::listen_on`](crate::Server::listen_on) adds
//!   one. Only a program can set it.
//! - [`socket_queue_size`](Settings::socket_queue_size): the backlog of connections that the kernel
//!   has completed and the program has not accepted yet. The accept thread does nothing else, so
//!   the backlog is short except in bursts. With CherryPy's 5, a burst of a few dozen clients waits
//!   a second or more for the next SYN. The kernel caps the value at `net.core.somaxconn`, so raise
//!   both.
//! - [`reuse_port`](Settings::reuse_port): off, so that a second server started by mistake fails
//!   with an error. If on, the second server silently takes half of the connections. Turn it on to
//!   run several processes on one port.
//! - [`nodelay`](Settings::nodelay): on. If off, a small answer may wait for the client's delayed
//!   acknowledgement, 40 ms on Linux. Answers are sent in one piece, so turning `nodelay` off gains
//!   little.
//!
//! # Time limits
//!
//! Without these limits, a client that sends a byte a minute can hold up the server. No limit
//! restarts on a received byte.
//!
//! - [`socket_timeout`](Settings::socket_timeout): CherryPy's name and value; the default of
//!   `header_timeout`, `body_timeout`, `write_timeout` and `handshake_timeout`. 10 s is long for
//!   any client that is still connected. Raise the value for clients on very bad networks, not for
//!   slow handlers: handlers have `request_timeout`.
//! - [`header_timeout`](Settings::header_timeout): the limit for a whole head. On the open
//!   internet, lower it to, say, 5 s: a head is one packet. A client that has sent half a head gets
//!   a 408. A connection without a byte, such as a browser's spare one, is only closed and counted.
//! - [`body_timeout`](Settings::body_timeout): a budget for waiting for content. Content at
//!   [`minimum_rate`](Settings::minimum_rate) or faster refills the budget. The setting therefore
//!   limits stalls, not large uploads.
//! - [`write_timeout`](Settings::write_timeout): the same budget for answers. Between two events, a
//!   stream does not wait for its client, so the silence consumes nothing of the budget.
//! - [`request_timeout`](Settings::request_timeout): the time limit for a handler, unset by
//!   default, because only you know your slowest handler. After the limit the client gets a 503,
//!   and the log names the request. The handler goes on and keeps its thread, so give its calls of
//!   other services time limits too. [`within`](crate::Handler::within) sets another limit for one
//!   handler.
//! - [`handshake_timeout`](Settings::handshake_timeout): the time from the accept to the end of the
//!   TLS handshake. A handshake is two round trips.
//! - [`keep_alive_timeout`](Settings::keep_alive_timeout): 75 s, because load balancers keep idle
//!   connections for 60 s and must close first. Otherwise a balancer sends a request into a closing
//!   connection and answers 502. An idle connection holds no thread, so lower the value only if
//!   descriptors are scarce.
//! - [`keep_alive_grace`](Settings::keep_alive_grace): saves system calls for a single busy client.
//!   0 slows down this case and changes no other.
//! - [`linger_timeout`](Settings::linger_timeout): the time for discarding input after an early
//!   answer such as 413, while the client is still sending. An immediate close would reset the
//!   connection, and the client would report the reset instead of the answer. 2 s leave time to
//!   read the answer, and hold no thread. The same limit applies to discarding content that a
//!   handler has not read.
//! - [`accepted_queue_timeout`](Settings::accepted_queue_timeout): the time that a request may wait
//!   for a worker before the server answers 503. Behind a balancer with other servers, 1 s is
//!   better: the balancer can try another server. With 0 a request is refused at once if the queue
//!   is full, and else waits up to 10 s.
//! - [`shutdown_timeout`](Settings::shutdown_timeout): the time that a stop leaves to requests in
//!   progress. Choose more than your longest important request takes, and give the process manager
//!   a longer limit (`TimeoutStopSec`, `terminationGracePeriodSeconds`). 0 cuts connections at
//!   once.
//!
//! # Size limits
//!
//! - [`max_request_header_size`](Settings::max_request_header_size): CherryPy's value, which is
//!   generous. 8 to 64 KiB suffice for almost every site. If your clients are many and unknown, use
//!   such a value: the server buffers each head until it is complete ([`security`](super::security)
//!   has the sum).
//! - [`max_request_target_size`](Settings::max_request_target_size): about the limit of nginx and
//!   Apache. Raise it for queries that contain whole documents, or use POST for these.
//! - [`max_request_header_fields`](Settings::max_request_header_fields): browsers send about 20.
//!   The limit keeps look-ups short.
//! - [`max_request_body_size`](Settings::max_request_body_size): CherryPy's 100 MiB. Set it to your
//!   largest upload. The setting bounds the content read, not memory: content is a stream. If a
//!   handler collects content in memory, lower the limit there with
//!   [`body_limit`](crate::RequestExt::body_limit). Text, JSON and forms are read up to 2 MiB unless
//!   such a limit is given.
//! - [`body_buffer_size`](Settings::body_buffer_size): the content received before the handler
//!   runs, so that forms and JSON from slow clients hold no thread. Raise it to the size of your
//!   usual request; the buffer exists only while content arrives. Set 0 for handlers that answer
//!   while reading, or that refuse an upload before the client sends the content (`Expect:
//!   100-continue`).
//! - [`max_parked_size`](Settings::max_parked_size): the memory for all answers that wait for slow
//!   clients without a thread, plus one answer for each thread. Above the limit, waiting answers
//!   hold threads. An answer counts in full until most of it is sent. Files and constants do not
//!   count, and [`Bytes`](bytes::Bytes) from a cache count once for all clients, so keep the limit
//!   above the size of your cached content. The same limit applies to incomplete requests: above
//!   it, content holds a thread, and the server answers large heads with 503. Lower it in a small
//!   container.
//! - [`max_drain_size`](Settings::max_drain_size): the unread content of a handler that the server
//!   reads and drops to keep the connection. For more content, closing is cheaper.
//! - [`max_linger_size`](Settings::max_linger_size): the input dropped within `linger_timeout`.
//!   Dropped input uses network bandwidth, but neither memory nor a thread.
//! - [`minimum_rate`](Settings::minimum_rate): 240 bytes a second is the slowest rate at which a
//!   transfer may continue forever. Without the limit (-1), one byte every 9 seconds holds an
//!   upload open forever.
//!
//! # Threads and queues
//!
//! - [`max_connections`](Settings::max_connections): each connection needs a descriptor. The
//!   default is `ulimit -n` at the start, less a quarter (at most 1024) for files and everything
//!   else, and at most 65536. If you set more than the descriptors allow, the server warns at the
//!   start and reaches the system's limit first. The server then closes an idle connection for each
//!   new one, or pauses accepting if none is idle, and logs a warning. Above `max_connections`, the
//!   server closes a connection that has never sent a byte, or else the longest idle one. If there
//!   is neither, the new connection gets 503, or is closed if it uses TLS.
//! - [`keep_alive_conn_limit`](Settings::keep_alive_conn_limit): no limit, since an idle connection
//!   costs a descriptor and next to no memory. With cheroot's 10, an eleventh client forces a new
//!   connection each time. Set a limit if clients keep unused connections and descriptors are
//!   scarce.
//! - [`max_upgraded`](Settings::max_upgraded): a connection that has left HTTP holds a thread until
//!   it closes, independent of `thread_pool_max`. This setting is therefore the bound for WebSocket
//!   threads. Set it to the number of clients you expect, or 0 without upgrades. Connections of
//!   [`upgrade_parked`](crate::stream::upgrade_parked) hold no thread, and count for
//!   `max_connections` only.
//! - [`thread_pool`](Settings::thread_pool): the threads started with the server. 10 is CherryPy's
//!   value. For handlers that only compute, the number of processors is enough; for handlers that
//!   wait, the pool grows.
//! - [`thread_pool_max`](Settings::thread_pool_max): the number of handlers that can run at a time,
//!   apart from one [prompt](crate::Handler::prompt) handler and handlers beyond their time limit.
//!   [Event streams](crate::stream) hold no thread. Each answer written by
//!   [`Body::stream`](crate::Body::stream) holds a thread until its end: 500 such answers and 50
//!   other requests need 550 threads. Do not exceed the capacity of a shared resource, such as
//!   database connections: further threads only wait there instead of in the queue.
//! - [`thread_idle_timeout`](Settings::thread_idle_timeout): the idle time after which a thread
//!   above `thread_pool` ends. Choose more for short, repeated bursts.
//! - [`thread_stack_size`](Settings::thread_stack_size): Rust's own default. The kernel commits
//!   stack memory on first use, so the value reserves address space only. Raise it for handlers
//!   with deep recursion: a stack overflow ends the process.
//! - [`accepted_queue_size`](Settings::accepted_queue_size): the number of requests queued for a
//!   worker. Further requests wait beside the queue, for `accepted_queue_timeout` at most. A long
//!   queue only replaces an early refusal by an answer too late for its client. Without a limit
//!   (CherryPy's default), overload fills memory.
//!
//! # Answers
//!
//! - [`protocol_version`](Settings::protocol_version): set `HTTP/1.0` for clients without HTTP/1.1
//!   support. The server then sends no chunks, and keeps a connection open only on request.
//!   `HTTP/1.0` is not faster.
//! - [`software`](Settings::software): unset, so that the server does not reveal its software.
//! - [`header_overflow_status`](Settings::header_overflow_status): 431 is the status of RFC 6585.
//!   Set 413 for clients of CherryPy that expect 413.
//! - [`title_case_headers`](Settings::title_case_headers): field names have no case, and the
//!   handler's are sent in lower case. Turn the setting on for a client that finds only
//!   `Content-Type`.
//! - [`answer_silence`](Settings::answer_silence): a silent client is closed without an answer,
//!   because some browsers take a 408 on a spare connection for the answer to their next request.
//!   Turn the setting on for programs that expect CherryPy's 408.
//! - [`accept_connect`](Settings::accept_connect): a server that is no proxy has no use for CONNECT.
//!   Turn the setting on for an application that answers CONNECT itself. drupe makes no tunnel: the
//!   connection ends with the answer.
//!
//! # TLS
//!
//! - [`ssl_certificate`](Settings::ssl_certificate): makes the port speak TLS only; a plain HTTP
//!   request gets a 400. No port speaks both, so that no password is sent in clear unnoticed. Most
//!   tools name the file `fullchain.pem`.
//! - [`ssl_certificate_chain`](Settings::ssl_certificate_chain): set it only if the chain is in a
//!   separate file. Without the chain, some browsers find the missing certificates elsewhere, and
//!   `curl` fails.
//! - [`ssl_private_key`](Settings::ssl_private_key): make the file readable by the server's user
//!   only. The server accepts a key readable by every user, with a warning. An unsupported key is
//!   refused by its kind, size or curve. ring takes RSA of up to 4096 bits; the feature
//!   `tls-aws-lc` adds RSA of up to 8192 bits and P-521.
//! - [`ssl_private_key_password`](Settings::ssl_private_key_password): use `file:PATH` rather than
//!   the password itself, since every user of the machine can read process arguments. An encrypted
//!   key beside its password protects backups, not the machine. Keys under PBES2 are supported, as
//!   OpenSSL writes them since 1.1; the error for a key under an older scheme has the command that
//!   converts the key.
//! - [`ssl_sni`](Settings::ssl_sni): several names with a certificate each at one address.
//! - [`ssl_ciphers`](Settings::ssl_ciphers): leave the default. All suites of rustls are sound, and
//!   a custom list ages. Set a list only to comply with a policy. The server refuses an unavailable
//!   suite rather than skip it.
//! - [`ssl_min_version`](Settings::ssl_min_version): 1.2, because some clients lack 1.3. Set
//!   `TLSv1.3` if you know all your clients.
//! - [`ssl_client_ca`](Settings::ssl_client_ca): for clients that authenticate by certificates. Use
//!   an authority of your own, never the system's list, or every owner of a web site is admitted.
//!   Append the authority's revocation list to the file (`X509 CRL`) to lock out a certificate, and
//!   reload. A list past its date stays in force.
//! - [`ssl_verify_mode`](Settings::ssl_verify_mode): with an authority, clients need a certificate.
//!   With `optional`, your handler must check [`Connection::tls`](crate::Connection::tls) in each
//!   request.
//! - [`ssl_module`](Settings::ssl_module): rustls. A program adds others with
//!   [`tls::register`](crate::tls::register).
//! - [`ssl_context`](Settings::ssl_context): certificates in memory. Only a program can set it.
//!
//! # Identity
//!
//! - [`peercreds`](Settings::peercreds): off, because each connection needs a system call, and a
//!   user name in a log is personal data. Turn it on to identify the process, user and group behind
//!   a Unix socket; a client cannot forge them.
//! - [`peercreds_resolve`](Settings::peercreds_resolve): names instead of numbers. Off, because a
//!   look-up may query a directory server over the network while a handler waits.
//!
//! # Proxies in front
//!
//! [`behind_nginx`](super::behind_nginx) and [`behind_haproxy`](super::behind_haproxy) have
//! complete files.
//!
//! - [`proxy_protocol`](Settings::proxy_protocol): set it only if every connection comes through a
//!   proxy that sends the header. The server closes every other connection without an answer,
//!   manual health checks included.
//! - [`trusted_proxies`](Settings::trusted_proxies): empty, so that the server ignores
//!   `X-Forwarded-For` from every peer. List addresses that only your proxies have. List a whole
//!   network only if no other machine in it can connect.
//! - [`trusted_proxy_count`](Settings::trusted_proxy_count): the number of your proxies in a row. With
//!   two or more, add the addresses of the outer proxies to `trusted_proxies`, or they count as clients.
//! - [`trusted_proxy_headers`](Settings::trusted_proxy_headers): list only fields that the proxy
//!   sets or extends in each request. A field passed on untouched is under the client's control.
//!
//! # Other
//!
//! - [`statistics`](Settings::statistics): adds the times of requests, also by route, and of
//!   workers, at a cost below 2 %. The counters of
//!   [`Server::statistics`](crate::Server::statistics) are available without this setting.
//! - [`wsgi_version`](Settings::wsgi_version): the text encoding of
//!   [`Server::wsgi`](crate::Server::wsgi). `1.0` follows PEP 3333; `u.0` saves an application the
//!   decoding of UTF-8. Without the feature `wsgi`, only the default is accepted.
//! - [`instance`](Settings::instance): another [`HttpServer`](crate::process::HttpServer) to start
//!   and stop instead of the built-in one. Only a program can set it.

use crate::settings::Settings;
