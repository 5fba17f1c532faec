//! A certificate for one test server.

use crate::settings::SslContext;

/// Returns a self-signed certificate for this machine, in PEM, and a server's context with the
/// certificate.
///
/// # Panics
/// If the system has no randomness.
pub(super) fn made() -> (String, SslContext) {
    let names = ["localhost", "127.0.0.1", "::1"].map(str::to_owned);
    let made = rcgen::generate_simple_self_signed(names);
    let made = made.unwrap_or_else(|error| panic!("cannot make a certificate for a test server: {error}"));
    let pem = made.cert.pem();
    let context = SslContext::from_pem(pem.clone(), made.signing_key.serialize_pem());
    (pem, context)
}
