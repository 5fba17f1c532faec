//! TLS from both ends: accepted and refused options, and connections with rustls as the client.

mod connections;
mod loading;
mod material;
mod other_adapter;
mod pairs;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use rcgen::{BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};

use super::*;
use crate::tls::{CertificateFiles, Identity, Verify, Version};

/// Signs certificates.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

/// A certificate and its key, in PEM.
struct Made {
    pem: String,
    key: String,
}

impl Authority {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    fn issue(&self, names: &[&str]) -> Made {
        self.issue_for(names, &KeyPair::generate().unwrap())
    }

    /// Issues a certificate for a key of any kind.
    fn issue_for(&self, names: &[&str], key: &KeyPair) -> Made {
        self.issue_until(rcgen::date_time_ymd(2999, 1, 1).into(), names, key)
    }

    fn issue_until(&self, end: SystemTime, names: &[&str], key: &KeyPair) -> Made {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.distinguished_name.push(DnType::CommonName, "stone");
        params.distinguished_name.push(DnType::OrganizationName, "Orchard");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        params.not_after = end.into();
        let pem = params.signed_by(key, &self.issuer).unwrap().pem();
        Made { pem, key: key.serialize_pem() }
    }
}

/// A folder removed after the test.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("drupe-tls-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    /// Writes a certificate and its key into one file.
    fn both(&self, name: &str, made: &Made) -> PathBuf {
        self.write(name, format!("{}{}", made.pem, made.key))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).unwrap();
    }
}

/// A file of the repository.
fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/tls").join(name)
}

/// Options with only a certificate and a key.
fn options(certificate: PathBuf, private_key: Option<PathBuf>) -> Options {
    Options {
        identity: Identity::Files { files: CertificateFiles { certificate, private_key }, chain: None },
        password: None,
        sni: Vec::new(),
        ciphers: None,
        min_version: Version::Tls12,
        client_ca: None,
        verify: Verify::None,
    }
}

fn in_memory(made: &Made) -> Options {
    let identity = Identity::Pem { certificate: made.pem.clone().into(), private_key: made.key.clone().into() };
    Options { identity, ..options(PathBuf::new(), None) }
}

fn load(options: Options) -> Result<Arc<Tls>, Error> {
    Tls::load(Arc::new(options), None, now()).map(Arc::new)
}

/// A time within the validity of all test certificates.
fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)
}
