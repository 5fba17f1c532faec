//! Settings that only a program can give: text has no way to write them.

use std::convert::Infallible;

/// An HTTP server of the user's own, for [`Settings::instance`](crate::Settings::instance).
///
/// None can be made in this version.
#[derive(Clone, Debug, PartialEq)]
pub struct Instance {
    never: Infallible,
}

/// A ready TLS configuration, for [`Settings::ssl_context`](crate::Settings::ssl_context).
///
/// None can be made in this version.
#[derive(Clone, Debug, PartialEq)]
pub struct SslContext {
    never: Infallible,
}
