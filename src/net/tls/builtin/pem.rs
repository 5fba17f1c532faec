//! A PEM text and its source, for error messages.

use std::cell::RefCell;
use std::fmt::Arguments;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use rustls_pki_types::{CertificateDer, CertificateRevocationListDer};

use super::blocks::{self, Block};
use crate::error::Error;
use crate::tls::source;

/// A text, and its name for errors.
#[derive(Clone)]
pub(super) struct PemText {
    /// The setting for the text.
    setting: &'static str,
    /// The quoted file name, or a description.
    name: String,
    blocks: Vec<Block>,
    /// The numbers of the blocks in use.
    used: RefCell<Vec<usize>>,
    /// True for a file readable by every user of the machine.
    is_open: bool,
}

/// A certificate and the line of its beginning.
#[derive(Clone)]
pub(super) struct LocatedCertificate {
    pub(super) der: CertificateDer<'static>,
    pub(super) line: usize,
}

impl PemText {
    /// Reads the file `path`.
    pub(super) fn read(setting: &'static str, path: &Path) -> Result<Self, Error> {
        let (bytes, permissions) =
            source::read(path).map_err(|error| Error::setting(setting, format!("cannot read {path:?}: {error}")))?;
        Self::new(setting, format!("{path:?}"), &bytes, permissions.mode() & 0o004 != 0)
    }

    /// Takes a text supplied by the program.
    pub(super) fn of(setting: &'static str, name: &str, bytes: &[u8]) -> Result<Self, Error> {
        Self::new(setting, name.to_owned(), bytes, false)
    }

    fn new(setting: &'static str, name: String, bytes: &[u8], is_open: bool) -> Result<Self, Error> {
        let mut text = Self { setting, name, blocks: Vec::new(), used: RefCell::default(), is_open };
        if let Some(form) = other_form(bytes) {
            return Err(text.refuse(format_args!("is not in PEM: {form}")));
        }
        text.blocks = blocks::split(bytes).map_err(|reason| text.malformed(&reason))?;
        Ok(text)
    }

    /// The same text under another setting.
    pub(super) fn also_for(&self, setting: &'static str) -> Self {
        Self { setting, ..self.clone() }
    }

    /// All certificates in the text, at least one.
    pub(super) fn certificates(&self) -> Result<Vec<LocatedCertificate>, Error> {
        let found = self.used_blocks(|label| ["CERTIFICATE", "X509 CERTIFICATE"].contains(&label)).map(|block| {
            let der = CertificateDer::from(self.der(block)?);
            Ok(LocatedCertificate { der, line: block.line })
        });
        let found = found.collect::<Result<Vec<_>, Error>>()?;
        if found.is_empty() {
            return Err(self.refuse(format_args!("contains no certificate in PEM{}", self.instead())));
        }
        Ok(found)
    }

    /// All revocation lists in the text.
    pub(super) fn revocation_lists(&self) -> Result<Vec<CertificateRevocationListDer<'static>>, Error> {
        let lists = self.used_blocks(|label| label == "X509 CRL");
        lists.map(|block| Ok(CertificateRevocationListDer::from(self.der(block)?))).collect()
    }

    /// The blocks of private keys of any kind.
    pub(super) fn keys(&self) -> impl Iterator<Item = &Block> {
        // Curve parameters stand before the key of `openssl ecparam -genkey`, which repeats them.
        let keys = self.used_blocks(|label| label.ends_with("PRIVATE KEY") || label == "EC PARAMETERS");
        keys.filter(|block| block.label != "EC PARAMETERS")
    }

    /// Sentences about the blocks that were not used, in the order of the text. Certificates in
    /// `known` need none.
    pub(super) fn unused(&self, known: &[CertificateDer<'_>]) -> Vec<String> {
        let used = self.used.borrow();
        let unused = self.blocks.iter().enumerate().filter(|(at, _)| !used.contains(at)).map(|(_, block)| block);
        let unused = unused.filter(|block| !block.der().is_ok_and(|der| known.iter().any(|known| **known == *der)));
        unused.map(|block| format!("{} {}", self.name, block.concern("is not used"))).collect()
    }

    /// Decodes a block of this text.
    pub(super) fn der(&self, block: &Block) -> Result<Vec<u8>, Error> {
        block.der().map_err(|reason| self.malformed(&reason))
    }

    /// The blocks with a label that `is_wanted`, which count as used.
    fn used_blocks(&self, is_wanted: fn(&str) -> bool) -> impl Iterator<Item = &Block> {
        let wanted = self.blocks.iter().enumerate().filter(move |(_, block)| is_wanted(&block.label));
        wanted.inspect(|(at, _)| self.used.borrow_mut().push(*at)).map(|(_, block)| block)
    }

    /// The quoted file name, or a description.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// True if both texts have the same blocks.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.blocks == other.blocks
    }

    /// True for a file readable by every user of the machine.
    pub(super) fn is_open(&self) -> bool {
        self.is_open
    }

    pub(super) fn setting(&self) -> &'static str {
        self.setting
    }

    /// The labels of the blocks, for an error about a missing block.
    pub(super) fn instead(&self) -> String {
        let mut labels: Vec<_> = self.blocks.iter().map(|block| format!("{:?}", block.label)).collect();
        labels.dedup();
        labels.truncate(MOST_LABELS);
        if labels.is_empty() { String::new() } else { format!(", only {}", labels.join(", ")) }
    }

    /// The error for this text.
    pub(super) fn refuse(&self, reason: Arguments<'_>) -> Error {
        Error::setting(self.setting, format!("{} {reason}", self.name))
    }

    fn malformed(&self, reason: &str) -> Error {
        self.refuse(format_args!("contains malformed PEM, {reason}"))
    }
}

/// Describes a form of a file other than PEM.
fn other_form(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        // The version of the archive follows the head.
        [0x30, rest @ ..] if rest[..rest.len().min(7)].windows(3).any(|integer| integer == [2, 1, 3]) => {
            Some("the file is a PKCS#12 archive; convert the file with openssl pkcs12 -nodes")
        }
        [0x30, 0x80..=0x84, ..] => {
            Some("the file is DER; convert the file with openssl x509 or openssl pkey, and -inform der")
        }
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => Some("the file is UTF-16; save the file as ASCII or UTF-8"),
        [0xfe, 0xed, 0xfe, 0xed, ..] => {
            Some("the file is a Java key store; convert the file with keytool -importkeystore and openssl pkcs12")
        }
        _ => None,
    }
}

/// The most labels in an error.
const MOST_LABELS: usize = 4;
