//! The server's certificates: read, compared with their keys, checked for their dates.

use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use rustls::crypto::CryptoProvider;
use rustls::sign::CertifiedKey;
use rustls::{Error as TlsError, InconsistentKeys};
use rustls_pki_types::CertificateDer;

use super::certificate;
use super::keys;
use super::pem::PemText;
use super::sni::NamedCertificate;
use crate::error::Error;
use crate::tls::{Certificate, CertificateFiles, Identity, Options, Password};

/// Reads every certificate in `options`, the default certificate first.
pub(super) fn entries(
    options: &Options,
    provider: &CryptoProvider,
    now: SystemTime,
) -> Result<Vec<NamedCertificate>, Error> {
    let password = options.password.as_ref();
    let first = match &options.identity {
        Identity::Files { files, chain } => of_files(files, chain.as_deref(), ["ssl_certificate", "ssl_private_key"])?,
        Identity::Pem { certificate, private_key } => {
            let certificate = PemText::of("ssl_context", "its certificate", certificate);
            let chain = certificate.certificates()?;
            Material { chain, certificate, key: PemText::of("ssl_context", "its private key", private_key) }
        }
        Identity::Context(_) => return Ok(Vec::new()),
    };
    let mut entries = vec![first.entry(provider, password, now)?];
    for files in &options.sni {
        let material = of_files(files, None, ["ssl_sni", "ssl_sni"])?;
        let entry = material.entry(provider, password, now)?;
        if !entry.has_names() {
            return Err(material
                .certificate
                .refuse(format_args!("names no host, so the server could never choose the certificate")));
        }
        entries.push(entry);
    }
    Ok(entries)
}

/// A certificate and its key, read but not compared.
struct Material {
    certificate: PemText,
    /// The certificates to send, the server's own first; not empty.
    chain: Vec<CertificateDer<'static>>,
    /// The source of the key.
    key: PemText,
}

/// Reads files; `settings` are the names of the certificate's and the key's setting.
fn of_files(files: &CertificateFiles, chain: Option<&Path>, settings: [&'static str; 2]) -> Result<Material, Error> {
    let certificate = PemText::read(settings[0], &files.certificate)?;
    let mut sent = certificate.certificates()?;
    if let Some(path) = chain {
        for further in PemText::read("ssl_certificate_chain", path)?.certificates()? {
            // A chain file often begins with the certificate itself: do not send the certificate
            // twice.
            if !sent.contains(&further) {
                sent.push(further);
            }
        }
    }
    let key = match &files.private_key {
        Some(path) => PemText::read(settings[1], path)?,
        None => certificate.also_for(settings[1]),
    };
    Ok(Material { certificate, chain: sent, key })
}

impl Material {
    fn entry(
        &self,
        provider: &CryptoProvider,
        password: Option<&Password>,
        now: SystemTime,
    ) -> Result<NamedCertificate, Error> {
        let found = keys::find(&self.key, password)?;
        let is_exposed = self.key.is_open() && found.as_ref().is_some_and(|found| !found.was_encrypted);
        let key = found
            .map(|found| found.key)
            .ok_or_else(|| self.key.refuse(format_args!("contains no private key in PEM")))?;
        let key = provider.key_provider.load_private_key(key);
        let key = key.map_err(|error| self.key.refuse(format_args!("contains an unusable private key: {error}")))?;
        let certified = CertifiedKey::new(self.chain.clone(), key);
        match certified.keys_match() {
            // A key without a known public half cannot be compared; a mismatch will show at the
            // first handshake.
            Ok(()) | Err(TlsError::InconsistentKeys(InconsistentKeys::Unknown)) => {}
            Err(TlsError::InconsistentKeys(_)) => {
                let certificate = self.certificate.name();
                return Err(self.key.refuse(format_args!(
                    "contains a private key that does not match the first certificate in {certificate}"
                )));
            }
            Err(error) => {
                return Err(self.certificate.refuse(format_args!("contains an invalid certificate: {error}")));
            }
        }
        if is_exposed {
            // Used nevertheless: the key may have been read already, or the machine may have no
            // other users.
            let (setting, name) = (self.key.setting(), self.key.name());
            log::warn!("setting {setting}: every user may read {name}, which contains a private key");
        }
        for read in self.chain.iter().map(certificate::read) {
            if let Some(what) = untimely(&read, now) {
                let (setting, name) = (self.certificate.setting(), self.certificate.name());
                log::warn!(
                    "setting {setting}: the certificate of {} in {name} {what}; using the certificate anyway",
                    read.subject
                );
            }
        }
        let certificate = Arc::new(certificate::read(&self.chain[0]));
        Ok(NamedCertificate::new(Arc::new(certified), certificate))
    }
}

/// The warning for a certificate outside its validity period. The certificate is used nevertheless:
/// clients check the dates, and refusing to start helps no operator.
fn untimely(certificate: &Certificate, now: SystemTime) -> Option<&'static str> {
    if certificate.not_after.is_some_and(|end| end < now) {
        Some("has expired")
    } else if certificate.not_before.is_some_and(|begin| now < begin) {
        Some("is not valid yet")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn expired_and_future_certificates_have_a_warning() {
        let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        let mut certificate = Certificate::default();
        assert_eq!(untimely(&certificate, at(0)), None);
        (certificate.not_before, certificate.not_after) = (Some(at(10)), Some(at(20)));
        let said = |now| untimely(&certificate, at(now));
        assert_eq!([9, 10, 20, 21].map(said), [Some("is not valid yet"), None, None, Some("has expired")]);
    }
}
