//! Whose cryptography rustls uses: AWS-LC's if that is there, else ring's. It is always handed over, never the process's default.

use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::server::ProducesTickets;

#[cfg(feature = "tls-aws-lc")]
use rustls::crypto::aws_lc_rs as chosen;
#[cfg(not(feature = "tls-aws-lc"))]
use rustls::crypto::ring as chosen;

/// All it can do that is safe.
pub(in crate::net::tls) fn provider() -> CryptoProvider {
    chosen::default_provider()
}

/// Encrypts what clients keep for us, under keys that change every six hours.
pub(super) fn ticketer() -> Result<Arc<dyn ProducesTickets>, rustls::Error> {
    chosen::Ticketer::new()
}

/// What does TLS, for who asks.
#[cfg(feature = "tls-aws-lc")]
pub(super) const LIBRARY: &str = "rustls/0.23 aws-lc";
#[cfg(not(feature = "tls-aws-lc"))]
pub(super) const LIBRARY: &str = "rustls/0.23 ring";
