//! The cryptography for rustls: AWS-LC if built in, else ring. Always passed explicitly, never the
//! process's default.

use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::server::ProducesTickets;

#[cfg(feature = "tls-aws-lc")]
use rustls::crypto::aws_lc_rs as chosen;
#[cfg(not(feature = "tls-aws-lc"))]
use rustls::crypto::ring as chosen;

/// All safe algorithms of the provider.
pub(in crate::net::tls) fn provider() -> CryptoProvider {
    chosen::default_provider()
}

/// The encryption of session tickets, with keys replaced every six hours.
pub(super) fn ticketer() -> Result<Arc<dyn ProducesTickets>, rustls::Error> {
    chosen::Ticketer::new()
}

/// The name of the TLS library, for applications.
#[cfg(feature = "tls-aws-lc")]
pub(super) const LIBRARY: &str = "rustls/0.23 aws-lc";
#[cfg(not(feature = "tls-aws-lc"))]
pub(super) const LIBRARY: &str = "rustls/0.23 ring";
