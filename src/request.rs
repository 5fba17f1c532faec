//! The parts of a request beside content and fields: [`Cookies`], and the [`ContentError`] of its
//! readers.

pub use crate::message::{ContentError, Cookies};
