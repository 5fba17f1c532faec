//! The options of an adapter: the TLS settings, checked as far as possible without reading files.

use std::any::Any;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::source;

/// All options for an [`Adapter`](super::Adapter).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Options {
    /// The server certificate and its key.
    pub identity: Identity,
    /// The password of the private keys (`ssl_private_key_password`).
    pub password: Option<Password>,
    /// Further certificates, selected by the names in them (`ssl_sni`).
    pub sni: Vec<CertificateFiles>,
    /// The allowed cipher suites (`ssl_ciphers`).
    pub ciphers: Option<String>,
    /// The lowest allowed version (`ssl_min_version`).
    pub min_version: Version,
    /// The file of the CA certificates for client certificates (`ssl_client_ca`).
    pub client_ca: Option<PathBuf>,
    /// The requirement on client certificates (`ssl_verify_mode`); any value but `None` comes with
    /// `client_ca`.
    pub verify: Verify,
}

impl Options {
    /// The files to read, each with its setting.
    pub(crate) fn files(&self) -> Vec<(&'static str, &Path)> {
        let mut files = Vec::new();
        if let Identity::Files { files: first, chain } = &self.identity {
            files.push(("ssl_certificate", first.certificate.as_path()));
            files.extend(first.private_key.as_deref().map(|path| ("ssl_private_key", path)));
            files.extend(chain.as_deref().map(|path| ("ssl_certificate_chain", path)));
        }
        for further in &self.sni {
            files.push(("ssl_sni", &further.certificate));
            files.extend(further.private_key.as_deref().map(|path| ("ssl_sni", path)));
        }
        files.extend(self.client_ca.as_deref().map(|path| ("ssl_client_ca", path)));
        let password = self.password.as_ref().and_then(Password::file);
        files.extend(password.map(|path| ("ssl_private_key_password", path)));
        files
    }

    /// True if both options admit the same clients, as far as is known here.
    pub(crate) fn admits_as(&self, other: &Self) -> bool {
        let is_same_context = match (&self.identity, &other.identity) {
            (Identity::Context(one), Identity::Context(other)) => Arc::ptr_eq(one, other),
            (Identity::Context(_), _) | (_, Identity::Context(_)) => false,
            _ => true,
        };
        is_same_context && (self.verify, &self.client_ca) == (other.verify, &other.client_ca)
    }
}

/// The server certificate and its key, in one of three forms.
#[derive(Clone)]
#[non_exhaustive]
pub enum Identity {
    /// Files in PEM (`ssl_certificate`, `ssl_private_key`, `ssl_certificate_chain`).
    Files {
        /// The certificate and its key.
        files: CertificateFiles,
        /// Certificates to send after those of the first file.
        chain: Option<PathBuf>,
    },
    /// Texts in PEM (`ssl_context`, from [`SslContext::from_pem`](crate::settings::SslContext::from_pem)).
    Pem {
        /// The certificate, followed by the certificates to send after it.
        certificate: Vec<u8>,
        /// The private key.
        private_key: Vec<u8>,
    },
    /// An object known to the adapter (`ssl_context`), containing everything except for `sni` and
    /// the like.
    Context(Arc<dyn Any + Send + Sync>),
}

/// The files of a certificate and its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateFiles {
    /// PEM: the certificate, then the certificates to send after it.
    pub certificate: PathBuf,
    /// PEM: the private key; `None` if the certificate file contains the key.
    pub private_key: Option<PathBuf>,
}

/// The password of a private key, hidden by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Password {
    kept: Kept,
}

#[derive(Clone, PartialEq, Eq)]
enum Kept {
    Text(String),
    File(PathBuf),
}

/// A version of TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Version {
    /// TLS 1.2 (RFC 5246).
    Tls12,
    /// TLS 1.3 (RFC 8446).
    Tls13,
}

/// The requirement on client certificates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verify {
    /// No certificate is requested.
    None,
    /// A certificate issued by one of `client_ca`, or no certificate.
    Optional,
    /// A certificate issued by one of `client_ca`.
    Required,
}

impl Password {
    /// Creates a password from text.
    pub fn new(text: impl Into<String>) -> Self {
        Self { kept: Kept::Text(text.into()) }
    }

    /// Creates a password from the first line of a file, read at each start and reload.
    pub fn from_file(path: impl Into<PathBuf>) -> Self {
        Self { kept: Kept::File(path.into()) }
    }

    /// The file of the password, if any.
    #[must_use]
    pub fn file(&self) -> Option<&Path> {
        match &self.kept {
            Kept::Text(_) => None,
            Kept::File(path) => Some(path),
        }
    }

    /// The password in plain text, for an adapter.
    ///
    /// # Errors
    /// An I/O error of reading the file; `TimedOut` for a pipe whose content does not end within 5 s.
    pub fn reveal(&self) -> io::Result<String> {
        match &self.kept {
            Kept::Text(text) => Ok(text.clone()),
            Kept::File(path) => {
                let text = String::from_utf8(source::read(path)?.0);
                let text = text.map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "not UTF-8"))?;
                let text = text.trim_start_matches('\u{feff}');
                Ok(text.split(['\r', '\n']).next().unwrap_or_default().to_owned())
            }
        }
    }
}

impl From<&str> for Password {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl From<String> for Password {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kept {
            Kept::Text(_) => f.write_str("***"),
            Kept::File(path) => write!(f, "file:{}", path.display()),
        }
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Files { files, chain } => {
                f.debug_struct("Files").field("files", files).field("chain", chain).finish()
            }
            Self::Pem { .. } => f.write_str("Pem"),
            Self::Context(_) => f.write_str("Context"),
        }
    }
}

impl Version {
    /// The name in settings and facts: `TLSv1.2`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Tls12 => "TLSv1.2",
            Self::Tls13 => "TLSv1.3",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_not_shown_and_may_be_in_a_file() {
        let password = Password::from("cherry");
        assert_eq!((format!("{password:?}"), password.reveal().unwrap()), ("***".to_owned(), "cherry".to_owned()));
        let identity = Identity::Pem { certificate: b"cherry".to_vec(), private_key: b"stone".to_vec() };
        assert_eq!(format!("{identity:?}"), "Pem");
        let password = Password::from_file("README.md");
        assert_eq!(
            (format!("{password:?}"), password.reveal().unwrap()),
            ("file:README.md".to_owned(), "# drupe".to_owned())
        );
        assert!(Password::from_file("no/such/file").reveal().is_err());
    }
}
