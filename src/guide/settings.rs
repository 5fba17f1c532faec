//! The settings one by one: why each default, when to change it, and what goes wrong otherwise.
//!
//! Units, ranges and edges are with each field of [`Settings`]; here are the reasons. Most servers need `socket_host`, `socket_port` and
//! perhaps three more. Where a program lets others set them, [`Settings::from_file`](crate::settings) reads TOML and
//! `drupe check FILE` shows what becomes of it:
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
//! - [`socket_host`](Settings::socket_host): this machine alone, so that nothing is on the network by accident. `0.0.0.0` or `::` once it is
//!   meant to be. In a container it has to be one of these, or nobody reaches it.
//! - [`socket_port`](Settings::socket_port): 8080 needs no rights. For ports below 1024 let systemd open them
//!   ([`under_systemd`](super::under_systemd)) rather than run as root. 0 is for tests: `Server::bound_addr` has the port.
//! - [`socket_file`](Settings::socket_file): a Unix socket for a proxy or programs on the same machine: no port to protect, file permissions
//!   say who may connect, and [`peercreds`](Settings::peercreds) who does. Put it into a directory that only its users may write to: who
//!   can replace the file can be the server.
//! - [`socket_mode`](Settings::socket_mode): owner and group may connect. `0600` for programs of the same user; `0666` lets everybody in.
//! - [`socket_user`](Settings::socket_user), [`socket_group`](Settings::socket_group): so that a proxy that runs as somebody else may
//!   connect: `socket_group = "www-data"`. Giving a file to another user takes root; to a group, membership in it.
//! - [`listen`](Settings::listen): more than one address, or sockets that are open already. When set, the settings above do not count,
//!   except for mode, user and group, which hold for every Unix socket in it.
//! - [`socket_queue_size`](Settings::socket_queue_size): connections that the kernel has accepted and the program not yet. The accept thread
//!   does nothing else, so it is short except in bursts. CherryPy's 5 makes a burst of a few dozen clients wait a second or more for the
//!   next SYN. The kernel's `net.core.somaxconn` caps it, so raise both.
//! - [`reuse_port`](Settings::reuse_port): off, because with it a second server started by mistake takes half of the connections in silence
//!   instead of failing with an error. On, for several processes on one port.
//! - [`nodelay`](Settings::nodelay): on; without it a small answer may wait for the client's delayed acknowledgement, 40 ms on Linux. Answers
//!   go out in one piece, so there is little to gain by turning it off.
//!
//! # Time limits
//!
//! A server without these can be held up by one client that sends a byte a minute. A byte does not start any of them anew.
//!
//! - [`socket_timeout`](Settings::socket_timeout): CherryPy's name and value; stands in for the next four where they are not set. 10 s is
//!   long for a client that is there at all. Raise it for clients on very bad networks, not for slow handlers: a handler has no limit.
//! - [`header_timeout`](Settings::header_timeout): a whole head. Lower it, to 5 s say, on the open internet: a head is one packet.
//! - [`body_timeout`](Settings::body_timeout): the account of waiting for content; what arrives at [`minimum_rate`](Settings::minimum_rate)
//!   or faster pays it back. So it limits stalls, not large uploads.
//! - [`write_timeout`](Settings::write_timeout): the same for answers. A stream of events that says nothing is not waiting for its client, so
//!   it is not limited by this.
//! - [`handshake_timeout`](Settings::handshake_timeout): from the accept to the end of the TLS handshake. A handshake is two round trips.
//! - [`keep_alive_timeout`](Settings::keep_alive_timeout): 75 s, because load balancers keep idle connections for 60 s and the one in front
//!   has to close first: otherwise it sends a request into a connection that is just being closed and answers 502. An idle connection costs
//!   no thread, so there is no reason to be quick, except with few descriptors.
//! - [`keep_alive_grace`](Settings::keep_alive_grace): saves system calls for a single busy client. Setting it to 0 costs speed there and
//!   nothing elsewhere.
//! - [`linger_timeout`](Settings::linger_timeout): also how long content is dropped that a handler has not read. After an early answer such as 413 the client is still sending. Closing at once would reset
//!   the connection, and the client would report that instead of the answer. 2 s lets it read; it costs no thread.
//! - [`accepted_queue_timeout`](Settings::accepted_queue_timeout): at a full queue a connection may wait so long for room, then it gets 503, or,
//!   where TLS is spoken, is closed.
//!   Behind a balancer with other servers to ask, 0 or 1 s is better: it can go elsewhere.
//! - [`shutdown_timeout`](Settings::shutdown_timeout): what runs may end. Set it above the longest request that matters, and whatever stops
//!   the process (`TimeoutStopSec`, `terminationGracePeriodSeconds`) above it. 0 cuts at once.
//!
//! # Size limits
//!
//! - [`max_request_header_size`](Settings::max_request_header_size): CherryPy's value, which is generous: 8 to 64 KiB does for almost
//!   everybody, and is better where clients are many and unknown, because a head is kept until it is whole
//!   ([`security`](super::security) has the sum).
//! - [`max_request_target_size`](Settings::max_request_target_size): about what nginx and Apache have. Raise it for queries that carry whole
//!   documents, or have those use POST.
//! - [`max_request_header_fields`](Settings::max_request_header_fields): browsers send about 20. A limit keeps look-ups short.
//! - [`max_request_body_size`](Settings::max_request_body_size): CherryPy's 100 MiB. Set it to what the largest upload is. It bounds what is
//!   read, not memory: content is a stream. A handler lowers it for itself with [`body_limit`](crate::RequestExt::body_limit), and has to,
//!   if it takes content into memory.
//! - [`body_buffer_size`](Settings::body_buffer_size): content up to so much is received before the handler runs, so that forms and JSON
//!   from slow clients hold no thread. Raise it to your usual request's size; the memory is used only while content is on its way. 0 for
//!   handlers that answer while they read, or that refuse an upload before its client sends it (`Expect: 100-continue`).
//! - [`max_parked_size`](Settings::max_parked_size): answers that wait for slow clients are kept in memory without a thread, all together no
//!   more than this and one answer for each thread. Above it they hold a thread. An answer counts whole until most of it is sent; files and
//!   constants do not count, and [`Bytes`](bytes::Bytes) from a cache count once however many clients wait for them. Keep it above the size of
//!   what you cache. The same goes for requests on their way in: above it content holds a thread, and large heads are answered with 503. Lower
//!   it in a small container.
//! - [`max_drain_size`](Settings::max_drain_size): a handler that does not read its content leaves it in the connection. Up to so much is
//!   read and dropped; with more it is cheaper to close.
//! - [`max_linger_size`](Settings::max_linger_size): what is dropped within `linger_timeout`. It costs neither memory nor a thread, only what
//!   the network does.
//! - [`minimum_rate`](Settings::minimum_rate): a client that moves 240 bytes a second is the slowest anybody waits for without end. Without it
//!   (-1), one byte every 9 seconds holds an upload open for ever.
//!
//! # Threads and queues
//!
//! - [`max_connections`](Settings::max_connections): as many as `ulimit -n` allows when the server starts, less a quarter (at most
//!   1024) for files and everything else, and 65536 at the most: each costs a descriptor. With a number of your own that is too high there is
//!   a warning at the start, and the server
//!   meets the system's limit first: it then closes an idle connection for each new one, or pauses accepting if there is none, and says so
//!   in the log. With one connection too many, one
//!   that has never sent a byte is closed, or else the longest idle one; if there is neither, the new one gets 503, or, where TLS is spoken, is
//!   closed.
//! - [`keep_alive_conn_limit`](Settings::keep_alive_conn_limit): no limit, since an idle connection costs a descriptor and next to no memory.
//!   cheroot has 10, so with an eleventh client somebody has to connect anew each time. Set it where clients keep connections that
//!   they do not use and descriptors are scarce.
//! - [`max_upgraded`](Settings::max_upgraded): each connection that has left HTTP holds a thread for as long as it is open, whatever
//!   `thread_pool_max` says, so this is what bounds the threads of WebSockets. As high as you expect clients; 0 where nothing upgrades.
//! - [`thread_pool`](Settings::thread_pool): threads that are there from the start. 10 is CherryPy's. For handlers that only compute, the
//!   number of processors is enough; those that wait are covered by growth.
//! - [`thread_pool_max`](Settings::thread_pool_max): how many handlers can run at a time. Every stream of events holds one for as long as it is
//!   open: with 500 of those and 50 other requests it has to be 550. Not above what handlers share, such as connections to a database:
//!   more threads only wait there instead of in the queue.
//! - [`thread_idle_timeout`](Settings::thread_idle_timeout): threads above `thread_pool` go after this. Short bursts that come again and
//!   again are served better by a longer one.
//! - [`thread_stack_size`](Settings::thread_stack_size): Rust's own default. Memory is taken as the stack is used, so it counts as address
//!   space first. More for handlers that recurse deeply: a stack that is too small ends the process.
//! - [`accepted_queue_size`](Settings::accepted_queue_size): how many connections wait for a worker. A long queue only turns a refusal now into
//!   an answer that nobody waits for any more. Without a limit (CherryPy's) overload becomes memory.
//!
//! # Answers
//!
//! - [`protocol_version`](Settings::protocol_version): `HTTP/1.0` is for clients that cannot do better: no chunks, and connections stay open
//!   only if asked for. It is not faster.
//! - [`software`](Settings::software): nothing is said of what runs here unless you want it.
//! - [`header_overflow_status`](Settings::header_overflow_status): 431 is what RFC 6585 has for it; 413 is for clients of CherryPy that look
//!   for that.
//!
//! # TLS
//!
//! - [`ssl_certificate`](Settings::ssl_certificate): with it the port speaks TLS and nothing else; plain HTTP is told so with a 400. There is
//!   no port that speaks both, so that nobody's password goes in clear unnoticed. In most tools this is `fullchain.pem`.
//! - [`ssl_certificate_chain`](Settings::ssl_certificate_chain): only if the chain is in a file of its own. Without it some browsers find the
//!   missing part elsewhere, and `curl` fails.
//! - [`ssl_private_key`](Settings::ssl_private_key): readable to the server's user and nobody else. One that everybody may read is used, with a
//!   warning.
//! - [`ssl_private_key_password`](Settings::ssl_private_key_password): `file:PATH` rather than the password itself, which everybody on the
//!   machine can read in the arguments of a process. An encrypted key with its password beside it protects backups, not the machine.
//! - [`ssl_sni`](Settings::ssl_sni): several names with a certificate each at one address.
//! - [`ssl_ciphers`](Settings::ssl_ciphers): leave it. All that rustls has is sound; a list of your own gets old. It is there for rules that
//!   demand one, and a name that cannot be had is refused, never skipped.
//! - [`ssl_min_version`](Settings::ssl_min_version): 1.2, because there are clients without 1.3. `TLSv1.3` where you know all of them.
//! - [`ssl_client_ca`](Settings::ssl_client_ca): for clients that identify themselves by certificates: use an authority of your own, never the
//!   system's list, or anybody with a web site gets in.
//! - [`ssl_verify_mode`](Settings::ssl_verify_mode): with an authority clients need a certificate. `optional` leaves it to the handler, which
//!   then must look at [`Connection::tls`](crate::Connection::tls) each time.
//! - [`ssl_module`](Settings::ssl_module): rustls. Others come from the program, by [`tls::register`](crate::tls::register).
//! - [`ssl_context`](Settings::ssl_context): certificates that are in no file. Only a program can set it.
//!
//! # Identity
//!
//! - [`peercreds`](Settings::peercreds): off, because it costs a look at each connection, and the name of a user in a log is personal.
//!   On, to know which process, user and group is calling over a Unix socket; nobody can forge it.
//! - [`peercreds_resolve`](Settings::peercreds_resolve): names instead of numbers. Off, because a look-up may ask a directory server over the
//!   network, while a handler waits.
//!
//! # Proxies in front
//!
//! [`behind_nginx`](super::behind_nginx) and [`behind_haproxy`](super::behind_haproxy) have whole files.
//!
//! - [`proxy_protocol`](Settings::proxy_protocol): only where everything comes through a proxy that sends the header: whatever does not is closed
//!   without an answer, a health check by hand too.
//! - [`trusted_proxies`](Settings::trusted_proxies): empty: nobody is believed, whatever `X-Forwarded-For` says. Name addresses that only
//!   your proxies have. A whole network is right only if nobody else in it can connect.
//! - [`trusted_proxy_count`](Settings::trusted_proxy_count): how many of the last entries are your proxies' own. One too many, and clients can
//!   write the address you log.
//! - [`trusted_proxy_headers`](Settings::trusted_proxy_headers): only fields that the proxy sets or adds to with each request. One that it
//!   passes on untouched is the client's own word.
//!
//! # Other
//!
//! - [`statistics`](Settings::statistics): how long requests take and workers are at them, too; that costs less than two in a hundred. What
//!   [`Server::statistics`](crate::Server::statistics) counts is counted without it.
//! - [`wsgi_version`](Settings::wsgi_version): how [`Server::wsgi`](crate::Server::wsgi) reads text. `1.0` is what PEP 3333 has; `u.0` spares
//!   an application the decoding of UTF-8.
//! - [`instance`](Settings::instance): another [`HttpServer`](crate::process::HttpServer) to start and stop in place of the built-in one; only a
//!   program can give it.

use crate::settings::Settings;
