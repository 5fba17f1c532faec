//! A process of several parts: one bus that starts and stops them, a PID file, dropped privileges,
//! periodic tasks.
//!
//! If your program is one server, use [`Server::quickstart`](crate::Server::quickstart) and skip
//! this page. With two servers, or a cache to save at the end, you need an order of starts and
//! stops, and a rule for failures. [`process::Bus`](crate::process::Bus) gives you both, with the
//! names of CherryPy's process bus. The bus and its plugins need the feature `process`.
//!
//! ```
//! use std::time::Duration;
//!
//! use drupe::process::{Bus, DropPrivileges, Monitor, PidFile, Plugin};
//! use drupe::{Server, handler};
//!
//! # let place = std::env::temp_dir().join(format!("drupe-guide-{}.pid", std::process::id()));
//! # let pid_file = place.clone();
//! let bus = Bus::new();
//! let mut public = Server::new(handler(|_| "hello\n"));
//! # public.settings.socket_port = 0;
//! let mut private = Server::new(handler(|_| "for administrators\n"));
//! # private.settings.socket_port = 0;
//!
//! PidFile::new(pid_file).subscribe(&bus); // held by one process at a time
//! public.subscribe(&bus);
//! private.subscribe(&bus);
//! DropPrivileges::new().umask(0o027).subscribe(&bus); // also .user("www-data")?
//! Monitor::new("sweep", Duration::from_secs(60), || { /* what is to be done each minute */ }).subscribe(&bus);
//! bus.subscribe("stop", 50, "cache", |_| {
//!     // Saved once no server answers any more: they stop at 25.
//!     Ok(())
//! });
//!
//! bus.start()?; // all of it, or nothing
//! assert!(public.handle().is_running() && private.handle().is_running());
//! # bus.exit()?;
//! bus.block()?; // until something ends it
//! # assert!(!place.exists());
//! # Ok::<(), drupe::process::BusError>(())
//! ```
//!
//! With the feature `signals`, subscribe a `process::SignalHandler` to the same bus: the bus then
//! exits at SIGTERM and SIGINT, and publishes `graceful` at SIGHUP and SIGUSR1. If the process
//! exists for one server, call its [`quickstart`](crate::Server::quickstart) instead of the last
//! lines: `quickstart` starts the bus, exits the bus at SIGTERM and SIGINT, and notifies systemd.
//!
//! # Order of steps
//!
//! | at `start` | |
//! |---|---|
//! | 10 | signals are caught |
//! | 50 | dependencies of other parts |
//! | 70 | PID file, monitors |
//! | 75 | servers read their settings and files, and bind |
//! | 77 | privileges are dropped |
//! | 78 | the program `drupe` opens its access log, if it has dropped any |
//! | 80 | servers accept: no client is ever served with the privileges that a port below 1024 needs |
//!
//! At `stop`, servers stop at 25; at `exit`, the PID file is removed at 50. Every listener runs,
//! even after a failure of another; the error names each listener that fails or panics. If a
//! `start` fails, the bus stops the started parts. If a server fails later, its bus exits and
//! [`Bus::block`](crate::process::Bus::block) returns the reason.
//!
//! # Rights
//!
//! Give the new user access to everything opened later: certificates for a reload, log files, and
//! the directory of the PID file, which is removed at the end. The program opens its access log as
//! the new user. The log's directory must belong to this user, as for logrotate, and root would
//! follow any symbolic link there. Privileges cannot be regained, so a restart cannot bind a port
//! below 1024 again. A restart with an unchanged address keeps its socket and needs no privileges.
//! Under systemd, leave all of this to the unit (`User=`, a socket unit, no PID file).
//!
//! # A server of one's own
//!
//! You can replace the built-in server by an implementation of
//! [`process::HttpServer`](crate::process::HttpServer), under the same settings and life cycle: see
//! [`Server::set_instance`](crate::Server::set_instance), and `examples/instance.rs`.
//!
//! # The program
//!
//! ```sh
//! drupe --socket-host :: --socket-port 80 --pid-file /run/drupe/pid --user www-data --umask 027 /srv/www
//! ```
//!
//! `/run/drupe` must belong to www-data, or the program cannot remove the file at the end. A second
//! process with the same PID file exits with status 2, as do unknown users and groups. A PID file
//! left by a killed process is taken over.
