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

/// The most bits of an RSA key; the fewest are 2048.
#[cfg(feature = "tls-aws-lc")]
pub(super) const MOST_RSA_BITS: usize = 8192;
#[cfg(not(feature = "tls-aws-lc"))]
pub(super) const MOST_RSA_BITS: usize = 4096;

/// The curves for ECDSA.
#[cfg(feature = "tls-aws-lc")]
pub(super) const CURVES: &[&str] = &["P-256", "P-384", "P-521"];
#[cfg(not(feature = "tls-aws-lc"))]
pub(super) const CURVES: &[&str] = &["P-256", "P-384"];

/// The supported keys, for errors.
#[cfg(feature = "tls-aws-lc")]
pub(super) const KEYS: &str = "RSA of 2048 to 8192 bits, ECDSA on P-256, P-384 and P-521, Ed25519";
#[cfg(not(feature = "tls-aws-lc"))]
pub(super) const KEYS: &str = "RSA of 2048 to 4096 bits, ECDSA on P-256 and P-384, Ed25519 \
    (with the feature tls-aws-lc also RSA of up to 8192 bits and P-521)";
