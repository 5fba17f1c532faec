//! Settings that only a program can give: text has no way to write them.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use crate::http_server::HttpServer;
use crate::tls::Identity;

/// An HTTP server of the user's own, for [`Settings::instance`](crate::Settings::instance).
///
/// Two are equal if one is a clone of the other.
#[derive(Clone)]
pub struct Instance {
    server: Arc<dyn HttpServer>,
}

impl Instance {
    /// One that is controlled from now on, by one [`Server`](crate::Server) at a time.
    pub fn new(server: impl HttpServer) -> Self {
        Self { server: Arc::new(server) }
    }

    /// The server itself.
    pub(crate) fn server(&self) -> &Arc<dyn HttpServer> {
        &self.server
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
/// Two are equal if one is a clone of the other.
#[derive(Clone)]
pub struct SslContext {
    kept: Arc<Kept>,
}

enum Kept {
    Object(Arc<dyn Any + Send + Sync>),
    Pem { certificate: Vec<u8>, private_key: Vec<u8> },
}

impl SslContext {
    /// A configuration as the adapter of [`ssl_module`](crate::Settings::ssl_module) knows it. For `builtin` that is a
    /// `ServerConfig` of rustls 0.23; another object is refused when the server starts.
    ///
    /// It is used as it is: the other settings about TLS would have no effect and are refused beside it, and a reload changes nothing.
    /// Protocols it offers by ALPN may not include `h2`, which this server does not speak.
    pub fn new<C: Any + Send + Sync>(context: Arc<C>) -> Self {
        Self { kept: Arc::new(Kept::Object(context)) }
    }

    /// A certificate, those to be sent after it, and its private key, all in PEM, to be used as if they were in files.
    pub fn from_pem(certificate: impl Into<Vec<u8>>, private_key: impl Into<Vec<u8>>) -> Self {
        let (certificate, private_key) = (certificate.into(), private_key.into());
        Self { kept: Arc::new(Kept::Pem { certificate, private_key }) }
    }

    /// What it means to an adapter.
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
    /// Tells nothing of what is in it: that may be a key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SslContext").finish_non_exhaustive()
    }
}
