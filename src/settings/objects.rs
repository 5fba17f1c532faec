//! Settings that only a program can give, because they have no text form.

use std::any::Any;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::address::BindAddr;
use crate::http_server::HttpServer;
use crate::http_server::controlled::{Control, PREPARE, Prepare};
use crate::tls::Identity;

/// A user-supplied HTTP server, for [`Settings::instance`](crate::Settings::instance).
///
/// Clones of one instance are equal; all others differ.
#[derive(Clone)]
pub struct Instance {
    server: Arc<dyn HttpServer>,
    /// Kept here, because only a program with an instance needs the code.
    prepare: Prepare,
}

impl Instance {
    /// Makes an instance, to be controlled by one [`Server`](crate::Server) at a time.
    pub fn new(server: impl HttpServer) -> Self {
        Self { server: Arc::new(server), prepare: PREPARE }
    }

    /// Prepares a run, to listen on `address`. A stop cuts the instance after `patience`.
    pub(crate) fn prepare(&self, address: Option<&BindAddr>, patience: Duration) -> Box<dyn Control> {
        let nowhere = || BindAddr::Inherited(String::new());
        (self.prepare)(Arc::clone(&self.server), address.cloned().unwrap_or_else(nowhere), patience)
    }
}

impl PartialEq for Instance {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.server, &other.server)
    }
}

impl fmt::Debug for Instance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Instance").finish_non_exhaustive()
    }
}

/// A ready TLS configuration, for [`Settings::ssl_context`](crate::Settings::ssl_context).
///
/// Clones of one context are equal; all others differ.
#[derive(Clone)]
pub struct SslContext {
    kept: Arc<Kept>,
}

enum Kept {
    Object(Arc<dyn Any + Send + Sync>),
    Pem { certificate: Vec<u8>, private_key: Vec<u8> },
}

impl SslContext {
    /// Makes a context of a configuration for the adapter of
    /// [`ssl_module`](crate::Settings::ssl_module). For `builtin` that is a `ServerConfig` of
    /// rustls 0.23; another object is refused when the server starts.
    ///
    /// The configuration is used unchanged. The other settings about TLS would have no effect and
    /// are refused beside it, and a reload changes nothing. Its ALPN protocols may not include
    /// `h2`, which this server does not speak.
    pub fn new<C: Any + Send + Sync>(context: Arc<C>) -> Self {
        Self { kept: Arc::new(Kept::Object(context)) }
    }

    /// Makes a context of a certificate, the certificates to be sent after it, and a private key,
    /// all in PEM; equivalent to files with the same content.
    pub fn from_pem(certificate: impl Into<Vec<u8>>, private_key: impl Into<Vec<u8>>) -> Self {
        let (certificate, private_key) = (certificate.into(), private_key.into());
        Self { kept: Arc::new(Kept::Pem { certificate, private_key }) }
    }

    /// Returns the context in the form for an adapter.
    pub(crate) fn identity(&self) -> Identity {
        match &*self.kept {
            Kept::Object(object) => Identity::Context(Arc::clone(object)),
            Kept::Pem { certificate, private_key } => {
                Identity::Pem { certificate: certificate.clone(), private_key: private_key.clone() }
            }
        }
    }
}

impl PartialEq for SslContext {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.kept, &other.kept)
    }
}

impl fmt::Debug for SslContext {
    /// Hides the content, which may be a key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SslContext").finish_non_exhaustive()
    }
}
