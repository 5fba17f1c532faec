//! The server's certificates: read, compared with their keys, checked for their dates.

use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use rustls::crypto::CryptoProvider;
use rustls::sign::CertifiedKey;
use rustls::{Error as TlsError, InconsistentKeys};

use super::certificate;
use super::keys;
use super::pem::{LocatedCertificate, PemText};
use super::sni::NamedCertificate;
use crate::error::Error;
use crate::tls::{Certificate, CertificateFiles, Identity, Name, Options, Password};

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
            let certificate = PemText::of("ssl_context", "its certificate", certificate)?;
            let chain = certificate.certificates()?;
            let key = PemText::of("ssl_context", "its private key", private_key)?;
            Material { chain, certificate, key, further: None }
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
    chain: Vec<LocatedCertificate>,
    /// The source of the key.
    key: PemText,
    /// The source of further certificates.
    further: Option<PemText>,
}

/// Reads files; `settings` are the names of the certificate's and the key's setting.
fn of_files(files: &CertificateFiles, chain: Option<&Path>, settings: [&'static str; 2]) -> Result<Material, Error> {
    let certificate = PemText::read(settings[0], &files.certificate)?;
    let mut sent = certificate.certificates()?;
    let mut further = None;
    if let Some(path) = chain {
        let text = PemText::read("ssl_certificate_chain", path)?;
        for certificate in text.certificates()? {
            // A chain file often begins with the certificate itself: do not send the certificate
            // twice.
            if !sent.iter().any(|sent| sent.der == certificate.der) {
                sent.push(certificate);
            }
        }
        further = Some(text);
    }
    let key = match &files.private_key {
        Some(path) if *path != files.certificate => PemText::read(settings[1], path)?,
        _ => certificate.also_for(settings[1]),
    };
    Ok(Material { certificate, chain: sent, key, further })
}

impl Material {
    fn entry(
        &self,
        provider: &CryptoProvider,
        password: Option<&Password>,
        now: SystemTime,
    ) -> Result<NamedCertificate, Error> {
        let found = keys::find(&self.key, password, provider)?;
        let chain: Vec<_> = self.chain.iter().map(|located| located.der.clone()).collect();
        let read: Vec<_> = chain.iter().map(certificate::read).collect();
        if [1, 2].contains(&read[0].version) {
            return Err(self.certificate.refuse(format_args!(
                "contains a certificate of X.509 version {}, in line {}, which is not supported; \
                 issue a certificate of version 3 for {}",
                read[0].version, self.chain[0].line, read[0].subject
            )));
        }
        let certified = CertifiedKey::new(chain, found.key);
        self.compare(&certified)?;
        let warnings = self.warnings(&certified, &read, now, found.was_encrypted);
        warnings.iter().for_each(|(text, warning)| log::warn!("setting {}: {warning}", text.setting()));
        let certificate = read.into_iter().next().unwrap_or_default();
        Ok(NamedCertificate::new(Arc::new(certified), Arc::new(certificate)))
    }

    /// Checks that the key belongs to the first certificate.
    fn compare(&self, certified: &CertifiedKey) -> Result<(), Error> {
        match certified.keys_match() {
            // A key without a known public half cannot be compared; a mismatch will show at the
            // first handshake.
            Ok(()) | Err(TlsError::InconsistentKeys(InconsistentKeys::Unknown)) => Ok(()),
            Err(TlsError::InconsistentKeys(_)) => {
                let belongs = self.chain.iter().find(|located| {
                    CertifiedKey::new(vec![located.der.clone()], Arc::clone(&certified.key)).keys_match().is_ok()
                });
                let certificate = self.certificate.name();
                Err(match belongs {
                    Some(LocatedCertificate { line, .. }) => self.certificate.refuse(format_args!(
                        "contains certificates in the wrong order: the private key belongs to the certificate in \
                         line {line}, which must come first"
                    )),
                    None => self.key.refuse(format_args!(
                        "contains a private key that does not match the first certificate in {certificate}"
                    )),
                })
            }
            Err(error) => {
                let line = self.chain[0].line;
                Err(self.certificate.refuse(format_args!("contains an invalid certificate, in line {line}: {error}")))
            }
        }
    }

    /// Lists lesser problems, each with its text. The material is used nevertheless.
    fn warnings(
        &self,
        certified: &CertifiedKey,
        read: &[Certificate],
        now: SystemTime,
        was_encrypted: bool,
    ) -> Vec<(&PemText, String)> {
        let mut warnings = Vec::new();
        if self.key.is_open() && !was_encrypted {
            // The key may have been read already, or the machine may have no other users.
            let warning = format!("every user may read {}, which contains a private key", self.key.name());
            warnings.push((&self.key, warning));
        }
        for (certificate, what) in read.iter().filter_map(|read| Some((read, untimely(read, now)?))) {
            let (subject, name) = (&certificate.subject, self.certificate.name());
            let warning = format!("the certificate of {subject} in {name} {what}; using the certificate anyway");
            warnings.push((&self.certificate, warning));
        }
        if let Some((before, after)) = disorder(read) {
            let name = self.certificate.name();
            let warning = format!(
                "the chain of {name} is out of order: the certificate of {after} follows the certificate of {before}, \
                 but is not its issuer; sending the chain anyway, which some clients refuse"
            );
            warnings.push((&self.certificate, warning));
        }
        // One text may hold both, also under two names.
        let is_shared = self.key.is_same(&self.certificate);
        let texts = [Some(&self.certificate).filter(|_| !is_shared), Some(&self.key), self.further.as_ref()];
        for text in texts.into_iter().flatten() {
            warnings.extend(text.unused(&certified.cert).into_iter().map(|warning| (text, warning)));
        }
        warnings
    }
}

/// The subjects of the first two certificates of which the second is not the issuer of the first.
fn disorder(chain: &[Certificate]) -> Option<(&Name, &Name)> {
    let mut pairs = chain.windows(2).map(|pair| (&pair[0], &pair[1]));
    pairs.find(|(one, next)| one.issuer != next.subject).map(|(one, next)| (&one.subject, &next.subject))
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
