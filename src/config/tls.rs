//! The TLS configuration: the settings about TLS, checked against each other. Files are not read
//! here.
//!
//! A setting about TLS without TLS is refused: content meant to be encrypted must not be served in
//! clear.

use std::path::PathBuf;
use std::sync::Arc;

use crate::error::Error;
use crate::settings::{SSL_MIN_VERSION, Settings};
use crate::tls::{self, Adapter, CertificateFiles, Identity, Options, Verify, Version};

/// The TLS configuration of a server.
#[derive(Clone, Debug)]
pub(crate) struct TlsConfig {
    /// The options for the adapter.
    pub(crate) options: Arc<Options>,
    /// The adapter; `None`: the built-in adapter.
    pub(crate) adapter: Option<Arc<dyn Adapter>>,
}

impl TlsConfig {
    /// True if both configurations demand the same of clients, as far as the settings show.
    pub(crate) fn admits_as(&self, other: &Self) -> bool {
        let is_same_adapter = match (&self.adapter, &other.adapter) {
            (Some(one), Some(other)) => Arc::ptr_eq(one, other),
            (one, other) => one.is_none() && other.is_none(),
        };
        is_same_adapter && self.options.admits_as(&other.options)
    }

    /// Checks the settings about TLS; `None` if TLS is off.
    pub(super) fn resolve(settings: &Settings) -> Result<Option<Self>, Error> {
        let s = settings;
        let adapter = tls::find(&s.ssl_module)?;
        let min_version = version(&s.ssl_min_version)?;
        let verify = s.ssl_verify_mode.as_deref().map(verify).transpose()?;
        let Some(identity) = identity(s)? else {
            return match needing_a_certificate(s) {
                Some(name) => Err(Error::setting(name, "needs ssl_certificate: without a certificate there is no TLS")),
                None => Ok(None),
            };
        };
        let by_default = if s.ssl_client_ca.is_some() { Verify::Required } else { Verify::None };
        let verify = verify.unwrap_or(by_default);
        if verify != Verify::None && s.ssl_client_ca.is_none() {
            return Err(Error::setting(
                "ssl_verify_mode",
                "needs ssl_client_ca, against which client certificates are verified",
            ));
        }
        for (name, path) in paths(s) {
            if path.as_os_str().is_empty() {
                return Err(Error::setting(name, "the file name is empty"));
            }
        }
        let options = Options {
            identity,
            password: s.ssl_private_key_password.clone(),
            sni: s.ssl_sni.clone(),
            ciphers: s.ssl_ciphers.clone(),
            min_version,
            client_ca: s.ssl_client_ca.clone(),
            verify,
        };
        Ok(Some(Self { options: Arc::new(options), adapter }))
    }
}

/// Returns the server's certificate and key, or the source of both.
fn identity(s: &Settings) -> Result<Option<Identity>, Error> {
    let Some(context) = &s.ssl_context else {
        return Ok(s.ssl_certificate.clone().map(|certificate| Identity::Files {
            files: CertificateFiles { certificate, private_key: s.ssl_private_key.clone() },
            chain: s.ssl_certificate_chain.clone(),
        }));
    };
    let beside = [
        ("ssl_certificate", s.ssl_certificate.is_some()),
        ("ssl_private_key", s.ssl_private_key.is_some()),
        ("ssl_certificate_chain", s.ssl_certificate_chain.is_some()),
    ];
    match beside.iter().find(|(_, is_set)| *is_set) {
        Some((name, _)) => Err(Error::setting(name, "has no effect together with ssl_context; unset one of them")),
        None => Ok(Some(context.identity())),
    }
}

/// Returns the first setting that needs TLS, for a server without a certificate.
fn needing_a_certificate(s: &Settings) -> Option<&'static str> {
    let asking = [
        ("ssl_private_key", s.ssl_private_key.is_some()),
        ("ssl_private_key_password", s.ssl_private_key_password.is_some()),
        ("ssl_certificate_chain", s.ssl_certificate_chain.is_some()),
        ("ssl_sni", !s.ssl_sni.is_empty()),
        ("ssl_ciphers", s.ssl_ciphers.is_some()),
        ("ssl_min_version", s.ssl_min_version != SSL_MIN_VERSION),
        ("ssl_client_ca", s.ssl_client_ca.is_some()),
        ("ssl_verify_mode", s.ssl_verify_mode.is_some()),
        ("ssl_module", !s.ssl_module.eq_ignore_ascii_case(tls::BUILTIN)),
    ];
    asking.into_iter().find(|(_, is_set)| *is_set).map(|(name, _)| name)
}

fn paths(s: &Settings) -> Vec<(&'static str, &PathBuf)> {
    let single = [
        ("ssl_certificate", &s.ssl_certificate),
        ("ssl_certificate_chain", &s.ssl_certificate_chain),
        ("ssl_private_key", &s.ssl_private_key),
        ("ssl_client_ca", &s.ssl_client_ca),
    ];
    let mut paths: Vec<_> = single.into_iter().filter_map(|(name, path)| Some((name, path.as_ref()?))).collect();
    for files in &s.ssl_sni {
        paths.push(("ssl_sni", &files.certificate));
        paths.extend(files.private_key.as_ref().map(|path| ("ssl_sni", path)));
    }
    paths
}

fn version(text: &str) -> Result<Version, Error> {
    match text {
        "TLSv1.2" => Ok(Version::Tls12),
        "TLSv1.3" => Ok(Version::Tls13),
        other => Err(Error::setting("ssl_min_version", format!("{other:?} is neither TLSv1.2 nor TLSv1.3"))),
    }
}

fn verify(text: &str) -> Result<Verify, Error> {
    match text {
        "none" => Ok(Verify::None),
        "optional" => Ok(Verify::Optional),
        "required" => Ok(Verify::Required),
        other => Err(Error::setting("ssl_verify_mode", format!("{other:?} is neither none nor optional nor required"))),
    }
}
