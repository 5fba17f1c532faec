//! The [`Cookies`] of a request, and the [`ContentError`] of reading its content or query.

pub use crate::message::{ContentError, Cookies};
