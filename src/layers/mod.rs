//! Layers: functions from handler to handler, put around a handler by [`Handler::with`].
//!
//! The [tour](crate::tour::layers) has a layer of one's own.
//!
//! [`Handler::with`]: crate::Handler::with

#[cfg(feature = "compression")]
mod accept_encoding;
#[cfg(feature = "compression")]
mod compression;
#[cfg(feature = "compression")]
mod encoder;

#[cfg(feature = "compression")]
pub use self::compression::compress;
pub use crate::message::handler::{Layer, With};
