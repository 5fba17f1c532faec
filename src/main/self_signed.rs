//! A key and a certificate generated for development.

use drupe::Settings;
use drupe::settings::SslContext;

use super::failure::ProgramFailure;

/// The warning about a generated certificate.
pub(super) const WARNING: &str =
    "self-signed certificate for this run only: clients do not trust it; for development only";

/// Generates a key and an untrusted certificate for this machine, for this run of the program only.
pub(super) fn context(settings: &Settings) -> Result<SslContext, ProgramFailure> {
    let failed = |error: rcgen::Error| ProgramFailure::Serve(format!("cannot make a certificate: {error}"));
    let mut names = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
    let host = &settings.socket_host;
    let everywhere = ["0.0.0.0", "::"].contains(&host.as_str());
    let name = if everywhere { std::fs::read_to_string("/proc/sys/kernel/hostname").ok() } else { Some(host.clone()) };
    names.extend(name.map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()));
    names.sort_unstable();
    names.dedup();
    let key = rcgen::KeyPair::generate().map_err(failed)?;
    let mut params = rcgen::CertificateParams::new(names).map_err(failed)?;
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(rcgen::DnType::CommonName, "drupe, self-signed");
    let certificate = params.self_signed(&key).map_err(failed)?;
    Ok(SslContext::from_pem(certificate.pem(), key.serialize_pem()))
}
