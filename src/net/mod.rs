//! Sockets, and nothing about HTTP: where connections come from, how bytes are moved, how one waits for many.

pub(crate) mod deadline;
pub(crate) mod listener;
pub(crate) mod poll;
pub(crate) mod script;
pub(crate) mod stream;
#[allow(dead_code, reason = "the engine does not speak TLS yet")]
pub(crate) mod tls;
