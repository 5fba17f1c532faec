//! Under systemd: a socket that outlives restarts, readiness, and a process that can do little else than serve.
//!
//! Needs the feature `systemd` for the socket; the program `drupe` has it. `Type=notify` needs no feature.
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
//! Then:
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
//! use drupe::{BindAddr, Request, Server};
//!
//! fn main() -> Result<(), drupe::Error> {
//!     let mut server = Server::new(|_request: &mut Request| "hello\n");
//!     if std::env::var_os("LISTEN_FDS").is_some() {
//!         server.settings.listen = vec![BindAddr::Inherited("www".to_owned())];
//!     }
//!     server.quickstart() // tells systemd READY=1 and STOPPING=1
//! }
//! ```
//!
//! `fd:www` is the socket with `FileDescriptorName=www`, `fd:3` the first whatever its name, `fd:*` all of them. Messages to systemd are sent by
//! `quickstart` only: a server that a program starts and stops as a part of something larger is not the service.
//!
//! # Why these lines
//!
//! - **`Type=notify`**: what comes `After=` this unit starts once connections are accepted. A wrong setting is a failed start, not a service that
//!   dies a moment later.
//! - **`TimeoutStopSec`** above `shutdown_timeout`, or systemd kills what the server would have finished.
//! - **`RestartPreventExitStatus=2`**: the program ends with 2 for settings that are wrong. Another start finds the same.
//! - **`ExecReload`** sends SIGHUP: settings and certificates are read again, the access log is opened anew. From systemd 253 on `Type=notify-reload`
//!   does it without this line, and waits until it is done.
//! - **`LimitNOFILE`** above `max_connections`. The program raises the soft limit, systemd's 1024, to the hard one, which this line
//!   sets too; a server in a program of your own leaves it alone.
//! - **`PrivateNetwork`** works because the socket comes from outside. A handler that itself connects to something, such as a database over TCP, needs it
//!   off, and `AF_INET AF_INET6` in `RestrictAddressFamilies`. Over a Unix socket it stays on.
//! - **`MemoryDenyWriteExecute`, `SystemCallFilter`**: the program uses no call outside of `@system-service` less those two groups; handlers may.
//!
//! `systemd-analyze security drupe.service` rates the unit 0.7 ("safe") on systemd 252.
//!
//! # What was tried
//!
//! The tests have `systemd-analyze verify` read the units, compare their numbers and names with those of `drupe.toml`, and start the program at a
//! socket that `systemd-socket-activate` has opened under that name. System calls were compared with the filter by strace. The hardening as a whole was
//! not run under a systemd that is process 1.
