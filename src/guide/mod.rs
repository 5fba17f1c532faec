//! The guide: set up a server, migrate to it, operate it, and know the limits of its protection.
//!
//! For example, to run drupe behind nginx, read [`behind_nginx`] for the files of both, then look
//! up single settings in [`settings`].
//!
//! | page | for |
//! |---|---|
//! | [`settings`] | each setting, and the reason for its default |
//! | [`tables`] | all settings, the program's settings, CherryPy's defaults, status codes |
//! | [`from_tiny_http`] | programs that use tiny_http |
//! | [`from_rouille`] | programs that use rouille |
//! | [`from_cherrypy`] | applications that run under CherryPy or cheroot |
//! | [`behind_nginx`] | nginx in front |
//! | [`behind_haproxy`] | HAProxy in front |
//! | [`under_systemd`] | a service and a socket unit |
//! | [`in_kubernetes`] | a deployment: probes, and a stop that loses no request |
//! | [`parts`] | a process of several parts: a bus, a PID file, dropped privileges |
//! | [`operating`] | signals, certificates, logs, restarts, statistics |
//! | [`security`] | the attacks defended against, each default, and the limits |
//! | [`systems`] | Linux, macOS and FreeBSD: the abilities of drupe on each |
//! | [`travel`] | the path of a request through the threads |
//! | [`many_cores`] | short and long handlers on many processors, and the memory that threads share |
//!
//! If you have not written a handler yet, start with the [tour](crate::tour). The guide exists in the
//! documentation only; a program cannot name this module.

pub mod behind_haproxy;
pub mod behind_nginx;
pub mod from_cherrypy;
pub mod from_rouille;
pub mod from_tiny_http;
pub mod in_kubernetes;
pub mod many_cores;
pub mod operating;
pub mod parts;
pub mod security;
pub mod settings;
pub mod systems;
pub mod tables;
pub mod travel;
pub mod under_systemd;
