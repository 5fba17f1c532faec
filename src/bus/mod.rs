//! The life of a process, standing apart from any server.

#[cfg(feature = "signals")]
pub(crate) mod signals;
