//! The guide: how to set it up, move to it, run it, and what it does and does not protect from.
//!
//! | page | for |
//! |---|---|
//! | [`settings`] | each setting, and why its default is what it is |
//! | [`from_tiny_http`] | programs that use tiny_http |
//! | [`from_rouille`] | programs that use rouille |
//! | [`from_cherrypy`] | applications that run under CherryPy or cheroot |
//! | [`behind_nginx`] | nginx in front |
//! | [`behind_haproxy`] | HAProxy in front |
//! | [`under_systemd`] | a service and a socket unit |
//! | [`in_kubernetes`] | a deployment: probes, and an end that loses no request |
//! | [`parts`] | a process of several parts: a bus, a PID file, fewer rights |
//! | [`operating`] | signals, certificates, logs, restarts, numbers |
//! | [`security`] | what is defended, by which default, and what is not |
//! | [`travel`] | how a request travels through the threads |
//!
//! Start with the [tour](crate) if you have not written a handler yet. It is there in the documentation only; a program cannot name it.

pub mod behind_haproxy;
pub mod behind_nginx;
pub mod from_cherrypy;
pub mod from_rouille;
pub mod from_tiny_http;
pub mod in_kubernetes;
pub mod operating;
pub mod parts;
pub mod security;
pub mod settings;
pub mod travel;
pub mod under_systemd;
