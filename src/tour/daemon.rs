//! Daemon: a Unix socket instead of a port, clients that the kernel identifies, signals, and a stop
//! that loses no request.
//!
#![doc = "```no_run"]
#![doc = include_str!("../../examples/daemon.rs")]
#![doc = "```"]
//!
//! # The socket
//!
//! - [`socket_mode`](crate::Settings::socket_mode) (`0660`) controls access. The file has no
//!   permissions until the owner is set and the server listens.
//!   [`socket_user`](crate::Settings::socket_user) and
//!   [`socket_group`](crate::Settings::socket_group) give the file to another account, such as that
//!   of a proxy.
//! - Put the file into a directory that only its users can write to, such as `/run/daemon`: a user
//!   able to replace the file can impersonate the server.
//! - [`listen`](crate::Settings::listen) takes several addresses, ports and sockets mixed, and
//!   sockets that systemd has opened (`fd:3`, feature `systemd`).
//!
//! # The client
//!
//! [`request.connection()`](crate::RequestExt::connection) has the facts of the connection. A
//! [`Peer`](crate::Peer) is an address, or the [`Credentials`](crate::Credentials) of a process.
//!
//! - [`peercreds`](crate::Settings::peercreds) reads process, user and group from the kernel; a
//!   client cannot forge them. [`peercreds_resolve`](crate::Settings::peercreds_resolve) looks up
//!   their names. Both are off by default. The first costs a system call for each connection, the
//!   second a look-up that may cross the network, and a user's name in a log is personal data.
//! - The credentials are those at the time of `connect`. Decide by the user ID: the system reuses
//!   process IDs, and not every user has a name.
//! - [`groups`](crate::Credentials::groups) begins with the effective group of the process; the
//!   others are those of the user in the system's database, even if the process has dropped them.
//! - [`testing::call`](crate::testing::call) has no peer, so a test shows the answer to an
//!   unidentified client.
//!
//! ```
//! use drupe::{Peer, Request, RequestExt, handler, http::StatusCode, testing};
//!
//! let secret = handler(|request| match request.connection().peer() {
//!     Some(Peer::Unix(Some(caller))) if caller.uid == 0 => Ok("hello, root\n"),
//!     _ => Err(StatusCode::FORBIDDEN),
//! });
//! assert_eq!(testing::call(&secret, Request::default()).status(), 403);
//! ```
//!
//! # Signals
//!
//! | `quickstart` at | does |
//! |---|---|
//! | SIGTERM, SIGINT | stops; a second signal cuts |
//! | SIGHUP | applies the settings of [`on_reload`](crate::Server::on_reload), then does the same as SIGUSR1 |
//! | SIGUSR1 | calls [`on_graceful`](crate::Server::on_graceful), to reopen log files, and loads certificates again |
//!
//! The signals need the feature `signals`, on by default. SIGUSR1 ends the process unless the
//! server has an `on_graceful` function or a certificate. SIGHUP ends the process unless the server
//! has one of these or an `on_reload` function ([`operating`](crate::guide::operating#signals)). A
//! program that handles signals itself calls [`start`](crate::Server::start) and
//! [`stop`](crate::Server::stop). `quickstart` also tells systemd `READY=1` and `STOPPING=1`
//! ([`under_systemd`](crate::guide::under_systemd)).
//!
//! # A stop
//!
//! | a connection | at a stop |
//! |---|---|
//! | idle, or with half a head | is closed at once |
//! | with a request received | gets its answer, with `Connection: close`, within [`shutdown_timeout`](crate::Settings::shutdown_timeout) (5 s) |
//! | still at work after that | is cut |
//! | that has left HTTP by [`upgrade`](crate::upgrade()) | has the same time to say goodbye |
//!
//! - [`reload`](crate::ServerHandle::reload) changes settings without a stop.
//!   [`restart`](crate::Server::restart) keeps the socket open.
//! - To lose no request at all, end the traffic before the stop. Behind a load balancer, fail its
//!   health checks first ([`in_kubernetes`](crate::guide::in_kubernetes)); or let systemd own the
//!   socket, so that connections wait in the backlog until the next start
//!   ([`operating`](crate::guide::operating)).
//! - [`login`](super::login#a-stop-from-a-handler) shows a stop from a handler, and
//!   [`travel`](crate::guide::travel#a-stop) a stop in detail.
//! - A PID file, dropped privileges and periodic tasks are in [`process`](crate::process), with an
//!   example in [`parts`](crate::guide::parts).
//!
//! Next: [`spa`](super::spa).
