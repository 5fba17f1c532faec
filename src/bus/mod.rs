//! The life of a process, standing apart from any server.

pub(crate) mod notify;
#[cfg(feature = "signals")]
pub(crate) mod signals;
