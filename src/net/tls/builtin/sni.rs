//! The choice of the certificate shown to a client.

use std::sync::{Arc, OnceLock};

use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{SignatureScheme, SupportedCipherSuite};

use crate::tls::Certificate;

/// A certificate with its key and its names.
#[derive(Debug)]
pub(super) struct NamedCertificate {
    certified: Arc<CertifiedKey>,
    certificate: Arc<Certificate>,
}

/// All certificates, at least one. The first is the default for clients asking for no name or an
/// unknown name.
#[derive(Debug)]
pub(super) struct Shelf {
    entries: Vec<NamedCertificate>,
}

/// The choice for one connection, kept for later queries.
#[derive(Debug)]
pub(super) struct Choice {
    shelf: Arc<Shelf>,
    /// The index of the certificate shown.
    made: OnceLock<usize>,
}

impl NamedCertificate {
    pub(super) fn new(certified: Arc<CertifiedKey>, certificate: Arc<Certificate>) -> Self {
        Self { certified, certificate }
    }

    pub(super) fn has_names(&self) -> bool {
        !self.certificate.dns_names.is_empty()
    }

    fn is_for(&self, host: &str, fits: fn(&str, &str) -> bool) -> bool {
        self.certificate.dns_names.iter().any(|name| fits(name, host))
    }

    fn can_sign(&self, schemes: &[SignatureScheme]) -> bool {
        self.certified.key.choose_scheme(schemes).is_some()
    }
}

impl Shelf {
    /// Creates a shelf of `entries`, at least one.
    pub(super) fn new(entries: Vec<NamedCertificate>) -> Self {
        Self { entries }
    }

    /// The resolver for a new configuration; with several certificates, each connection gets a
    /// [`Choice`] of its own.
    pub(super) fn resolver(self: &Arc<Self>) -> Arc<dyn ResolvesServerCert> {
        match &self.entries[..] {
            [only] => Arc::new(SingleCertAndKey::from(Arc::clone(&only.certified))),
            _ => self.choice(),
        }
    }

    pub(super) fn choice(self: &Arc<Self>) -> Arc<Choice> {
        Arc::new(Choice { shelf: Arc::clone(self), made: OnceLock::new() })
    }

    pub(super) fn has_choice(&self) -> bool {
        self.entries.len() > 1
    }

    /// The first certificate.
    pub(super) fn default_certificate(&self) -> &Arc<Certificate> {
        &self.entries[0].certificate
    }

    /// Checks that each key can be used with one of `suites`, all of TLS 1.2.
    pub(super) fn goes_with(&self, suites: &[SupportedCipherSuite]) -> Result<(), String> {
        for entry in &self.entries {
            let kind = entry.certified.key.algorithm();
            if !suites.iter().any(|suite| suite.usable_for_signature_algorithm(kind)) {
                let whose = &entry.certificate.subject;
                return Err(format!(
                    "no selected cipher suite works with the {kind:?} key of the certificate of {whose}"
                ));
            }
        }
        Ok(())
    }

    /// Chooses an entry by exact name, else by wildcard, else the first; among several, the first
    /// that the client supports.
    fn choose(&self, host: Option<&str>, schemes: &[SignatureScheme]) -> usize {
        let fitting = |fits: fn(&str, &str) -> bool| -> Vec<usize> {
            let Some(host) = host else { return Vec::new() };
            let all = self.entries.iter().enumerate();
            all.filter(|(_, entry)| entry.is_for(host, fits)).map(|(at, _)| at).collect()
        };
        let candidates = [fitting(is_same), fitting(is_below)].into_iter().find(|found| !found.is_empty());
        let candidates = candidates.unwrap_or_else(|| vec![0]);
        candidates.iter().copied().find(|at| self.entries[*at].can_sign(schemes)).unwrap_or(candidates[0])
    }
}

impl Choice {
    /// The certificate shown; `None` before the choice.
    pub(super) fn certificate(&self) -> Option<&Arc<Certificate>> {
        Some(&self.shelf.entries[*self.made.get()?].certificate)
    }
}

impl ResolvesServerCert for Choice {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let at = *self.made.get_or_init(|| self.shelf.choose(hello.server_name(), hello.signature_schemes()));
        Some(Arc::clone(&self.shelf.entries[at].certified))
    }
}

fn is_same(name: &str, host: &str) -> bool {
    name.eq_ignore_ascii_case(host)
}

/// True if `name` is `*.` and the rest of `host` after its first label (RFC 9525 §6.3).
fn is_below(name: &str, host: &str) -> bool {
    match (name.strip_prefix("*."), host.split_once('.')) {
        (Some(domain), Some((label, rest))) => !label.is_empty() && domain.eq_ignore_ascii_case(rest),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_is_one_label() {
        for (name, host, fits) in [
            ("*.orchard.example", "a.orchard.example", true),
            ("*.Orchard.example", "A.orchard.EXAMPLE", true),
            ("*.orchard.example", "a.b.orchard.example", false),
            ("*.orchard.example", "orchard.example", false),
            ("*.orchard.example", ".orchard.example", false),
            ("a*.orchard.example", "ab.orchard.example", false),
            ("orchard.example", "a.orchard.example", false),
        ] {
            assert_eq!(is_below(name, host), fits, "{name} {host}");
        }
    }
}
