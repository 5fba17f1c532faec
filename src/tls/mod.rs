//! TLS as the server sees it: what is asked for, who does it, and what came of it.
//!
//! The server does TLS through an [`Adapter`], which the setting [`ssl_module`](crate::Settings::ssl_module) names. `builtin` is rustls
//! and needs the feature `tls` or `tls-aws-lc`. A program with needs of its own writes another one and makes it known with [`register`];
//! no feature is needed for that. Here are no sockets: a [`Session`] turns bytes into bytes.

mod adapter;
mod facts;
mod options;
mod registry;

pub use self::adapter::{Acceptor, Adapter, Session};
pub use self::facts::{Certificate, Facts, Name};
pub use self::options::{CertificateFiles, Identity, Options, Password, Verify, Version};
pub use self::registry::register;
pub(crate) use self::registry::{BUILTIN, find};
