//! What is asked of an adapter: the settings about TLS, checked as far as that can be done without reading files.

use std::any::Any;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

/// Everything that an [`Adapter`](super::Adapter) is to follow.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Options {
    /// Our certificate and its key.
    pub identity: Identity,
    /// What the private keys are encrypted with (`ssl_private_key_password`).
    pub password: Option<Password>,
    /// Further certificates, for the names that are in them (`ssl_sni`).
    pub sni: Vec<CertificateFiles>,
    /// Which cipher suites may be used (`ssl_ciphers`).
    pub ciphers: Option<String>,
    /// The least version that may be used (`ssl_min_version`).
    pub min_version: Version,
    /// File of the certificates that client certificates have to lead to (`ssl_client_ca`).
    pub client_ca: Option<PathBuf>,
    /// What is asked of clients (`ssl_verify_mode`); anything but `None` comes with `client_ca`.
    pub verify: Verify,
}

impl Options {
    /// Whether both ask the same of clients, as far as that can be seen from here.
    pub(crate) fn admits_as(&self, other: &Self) -> bool {
        let is_same_context = match (&self.identity, &other.identity) {
            (Identity::Context(one), Identity::Context(other)) => Arc::ptr_eq(one, other),
            (Identity::Context(_), _) | (_, Identity::Context(_)) => false,
            _ => true,
        };
        is_same_context && (self.verify, &self.client_ca) == (other.verify, &other.client_ca)
    }
}

/// Our certificate and its key, in one of three forms.
#[derive(Clone)]
#[non_exhaustive]
pub enum Identity {
    /// Files in PEM (`ssl_certificate`, `ssl_private_key`, `ssl_certificate_chain`).
    Files {
        /// The certificate, and its key.
        files: CertificateFiles,
        /// Certificates to be sent after those of the first file.
        chain: Option<PathBuf>,
    },
    /// Texts in PEM (`ssl_context`, from [`SslContext::from_pem`](crate::settings::SslContext::from_pem)).
    Pem {
        /// The certificate, and those to be sent after it.
        certificate: Vec<u8>,
        /// Its key.
        private_key: Vec<u8>,
    },
    /// An object that the adapter knows (`ssl_context`): everything but `sni` and the like is in it.
    Context(Arc<dyn Any + Send + Sync>),
}

/// The file of a certificate and that of its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateFiles {
    /// PEM: the certificate, then those to be sent after it.
    pub certificate: PathBuf,
    /// PEM: the private key; `None`: it is in the certificate's file.
    pub private_key: Option<PathBuf>,
}

/// What a private key is encrypted with. It is not shown by `Debug`.
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

/// What is asked of clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verify {
    /// Nothing: they are not asked for a certificate.
    None,
    /// A certificate that leads to one of `client_ca`, or none at all.
    Optional,
    /// A certificate that leads to one of `client_ca`.
    Required,
}

impl Password {
    /// A password that is known.
    pub fn new(text: impl Into<String>) -> Self {
        Self { kept: Kept::Text(text.into()) }
    }

    /// A password that is the first line of a file, read at each start and reload.
    pub fn from_file(path: impl Into<PathBuf>) -> Self {
        Self { kept: Kept::File(path.into()) }
    }

    /// The file it is in, if it is in one.
    #[must_use]
    pub fn file(&self) -> Option<&std::path::Path> {
        match &self.kept {
            Kept::Text(_) => None,
            Kept::File(path) => Some(path),
        }
    }

    /// The password itself, for an adapter.
    ///
    /// # Errors
    /// Those of reading its file.
    pub fn reveal(&self) -> std::io::Result<String> {
        match &self.kept {
            Kept::Text(text) => Ok(text.clone()),
            Kept::File(path) => {
                let text = std::fs::read_to_string(path)?;
                Ok(text.lines().next().unwrap_or_default().to_owned())
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
    /// The name it has in settings and facts: `TLSv1.2`.
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
        let password = Password::from_file("Cargo.toml");
        assert_eq!(
            (format!("{password:?}"), password.reveal().unwrap()),
            ("file:Cargo.toml".to_owned(), "[package]".to_owned())
        );
        assert!(Password::from_file("no/such/file").reveal().is_err());
    }
}
