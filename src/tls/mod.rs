//! TLS for the server: options, adapters, and the results of handshakes.
//!
//! The server does TLS through an [`Adapter`], named by the setting
//! [`ssl_module`](crate::Settings::ssl_module). `builtin` is rustls and needs the feature `tls` or
//! `tls-aws-lc`. A program can implement another adapter and [`register`] it, without any feature.
//! This module has no sockets: a [`Session`] turns bytes into bytes.

mod adapter;
mod facts;
mod options;
mod registry;
pub(crate) mod source;

pub use self::adapter::{Acceptor, Adapter, Session};
pub use self::facts::{Certificate, Facts, Name};
pub use self::options::{CertificateFiles, Identity, Options, Password, Verify, Version};
pub use self::registry::register;
pub(crate) use self::registry::{BUILTIN, find};
