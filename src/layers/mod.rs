//! Layers: functions from handler to handler, put around a handler by [`Handler::with`].
//!
//! The [tour](crate::tour::layers) has a layer of one's own.
//!
//! [`Handler::with`]: crate::Handler::with

pub use crate::message::handler::{Layer, With};
