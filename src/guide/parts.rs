//! A process of several parts: one bus that starts and stops them, a PID file, fewer rights, something at intervals.
//!
//! A program that is one server needs none of this: [`Server::quickstart`](crate::Server::quickstart) is enough. With two servers, or a cache that is to
//! be saved at the end, somebody has to say in what order things start and stop, and what happens if one of them fails. That is what
//! [`process::Bus`](crate::process::Bus) does, in the words of CherryPy's process bus.
//!
//! ```
//! use std::time::Duration;
//!
//! use drupe::process::{Bus, DropPrivileges, Monitor, PidFile, Plugin};
//! use drupe::{Request, Server};
//!
//! # let place = std::env::temp_dir().join(format!("drupe-guide-{}.pid", std::process::id()));
//! # let pid_file = place.clone();
//! let bus = Bus::new();
//! let mut public = Server::new(|_request: &mut Request| "hello\n");
//! # public.settings.socket_port = 0;
//! let mut private = Server::new(|_request: &mut Request| "for administrators\n");
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
//! With the feature `signals` a `process::SignalHandler` on the same bus has it exit at SIGTERM and SIGINT, and tell `graceful` at SIGHUP and
//! SIGUSR1. Or one server is what the process is for: its [`quickstart`](crate::Server::quickstart), in place of the last lines, starts the bus,
//! has it exit at SIGTERM and SIGINT, and tells systemd.
//!
//! # What comes when
//!
//! | at `start` | |
//! |---|---|
//! | 10 | signals are caught |
//! | 50 | what others need |
//! | 70 | PID file, monitors |
//! | 75 | servers read their settings and files, and bind |
//! | 77 | rights are given up |
//! | 78 | the program `drupe` opens its access log, if it has given up any |
//! | 80 | servers accept: nobody is ever served with the rights that a port below 1024 asks for |
//!
//! At `stop` servers come at 25, and at `exit` the PID file at 50. Every listener runs, whatever the others do: who fails or panics is named in the error. If a
//! `start` fails what has started is stopped again. If a server cannot go on, its bus exits and [`Bus::block`](crate::process::Bus::block) says why.
//!
//! # Rights
//!
//! What is opened later must be open to the new user: certificates when they are loaded again, log files, the directory of the PID file, which is
//! removed at the end. The program opens its access log only then: its directory has to be the new user's, as for logrotate, and root would follow
//! whatever symbolic link is put there. There is no way back, so a restart cannot bind a port below 1024 anew; it does not have to, as long as the
//! address stays the same.
//! Under systemd leave all this to the unit (`User=`, a socket unit, no PID file).
//!
//! # A server of one's own
//!
//! What implements [`process::HttpServer`](crate::process::HttpServer) can stand in place of the built-in one, under the same settings and life cycle:
//! [`Server::set_instance`](crate::Server::set_instance), and `examples/instance.rs`.
//!
//! # The program
//!
//! ```sh
//! drupe --socket-host :: --socket-port 80 --pid-file /run/drupe/pid --user www-data --umask 027 /srv/www
//! ```
//!
//! `/run/drupe` has to be www-data's, or the file could not be removed at the end. A second one with the same PID file is
//! refused with status 2, as are users and groups that there are none of. A file that a killed process has left is taken over.
