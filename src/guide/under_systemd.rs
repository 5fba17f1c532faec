//! Under systemd: a socket that outlives restarts, readiness, and a process with few rights beyond
//! serving.
//!
//! The socket needs the feature `systemd`; the program `drupe` includes the feature. `Type=notify`
//! needs no feature.
//!
//! `examples/deploy/drupe.socket`:
//!
//! ```text
#![doc = include_str!("../../examples/deploy/drupe.socket")]
//! ```
//!
//! `examples/deploy/drupe.service`:
//!
//! ```text
#![doc = include_str!("../../examples/deploy/drupe.service")]
//! ```
//!
//! `examples/deploy/drupe.toml`, to be installed as `/etc/drupe.toml`:
//!
//! ```text
#![doc = include_str!("../../examples/deploy/drupe.toml")]
//! ```
//!
//! Then run:
//!
//! ```sh
//! systemctl enable --now drupe.socket     # from now on the first connection starts the service
//! systemctl enable --now drupe.service    # or start it right away
//! systemctl reload drupe.service          # after /etc/drupe.toml or certificates have changed
//! systemctl restart drupe.service         # connections wait in the socket meanwhile
//! ```
//!
//! # In a program of your own
//!
//! ```no_run
//! use drupe::{BindAddr, Server, handler};
//!
//! fn main() -> Result<(), drupe::Error> {
//!     let mut server = Server::new(handler(|_| "hello\n"));
//!     if std::env::var_os("LISTEN_FDS").is_some() {
//!         server.settings.listen = vec![BindAddr::Inherited("www".to_owned())];
//!     }
//!     server.quickstart() // tells systemd READY=1 and STOPPING=1
//! }
//! ```
//!
//! `fd:www` is the socket with `FileDescriptorName=www`, `fd:3` the first socket of any name,
//! `fd:*` all sockets. Only `quickstart` sends messages to systemd: a server started and stopped as
//! a part of a larger program is not the service.
//!
//! # Why these lines
//!
//! - **`Type=notify`**: units with `After=` this one start once the server accepts connections. A
//!   wrong setting makes the start fail, instead of a service that dies a moment later.
//! - **`TimeoutStopSec`** above `shutdown_timeout`, or systemd kills requests that the server would
//!   have finished.
//! - **`RestartPreventExitStatus=2`**: the program exits with 2 on wrong settings. Another start
//!   would fail in the same way. A fault that may pass, such as a full disk, exits with 1.
//! - **`ExecReload`** sends SIGHUP: the program reads settings and certificates again and reopens
//!   the access log. From systemd 253 on, `Type=notify-reload` replaces this line, and waits until
//!   the reload is done.
//! - **Sockets without a listener**: the program warns of each socket passed by systemd that `listen`
//!   does not name, because clients of the socket would get no answer.
//! - **`LimitNOFILE`** above `max_connections`. The program raises the soft limit, systemd's 1024,
//!   to the hard limit, which this line also sets. A server in your own program leaves the soft
//!   limit alone.
//! - **`PrivateNetwork`** works because the socket comes from outside. If a handler connects over
//!   TCP, for example to a database, turn `PrivateNetwork` off, and add `AF_INET AF_INET6` to
//!   `RestrictAddressFamilies`. For a Unix socket, leave `PrivateNetwork` on.
//! - **`MemoryDenyWriteExecute`, `SystemCallFilter`**: the program uses only calls of
//!   `@system-service` without `@privileged` and `@resources`; your handlers may use others.
//!
//! `systemd-analyze security drupe.service` rates the unit 0.7 ("safe") on systemd 252.
//!
//! # Tests
//!
//! The tests verify the units with `systemd-analyze verify`, compare their numbers and names with
//! those of `drupe.toml`, and start the program at a socket opened by `systemd-socket-activate`
//! under that name. The system calls were compared with the filter by strace. The hardening as a
//! whole was not run under systemd as process 1.
