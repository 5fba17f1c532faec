//! Sockets, without HTTP: accepting connections, moving bytes, waiting for many descriptors.

mod adopted;
pub(crate) mod credentials;
pub(crate) mod deadline;
pub(crate) mod descriptors;
pub(crate) mod given;
pub(crate) mod inherited;
pub(crate) mod listener;
pub(crate) mod poll;
pub(crate) mod script;
pub(crate) mod socket;
pub(crate) mod socket_file;
pub(crate) mod stream;
pub(crate) mod tls;
mod wildcard;
