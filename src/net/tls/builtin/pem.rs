//! A PEM text and its source, for error messages.

use std::fmt::Arguments;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::{PemObject, SectionKind};

use crate::error::Error;

/// A text, and its name for errors.
pub(super) struct PemText {
    /// The setting for the text.
    setting: &'static str,
    /// The quoted file name, or a description.
    name: String,
    bytes: Vec<u8>,
    /// True for a file readable by every user of the machine.
    is_open: bool,
}

impl PemText {
    /// Reads the file `path`.
    pub(super) fn read(setting: &'static str, path: &Path) -> Result<Self, Error> {
        let read = || -> io::Result<_> {
            let mut file = File::open(path)?;
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes)?;
            Ok((bytes, file.metadata()?.permissions().mode() & 0o004 != 0))
        };
        let (bytes, is_open) =
            read().map_err(|error| Error::setting(setting, format!("cannot read {path:?}: {error}")))?;
        Ok(Self { setting, name: format!("{path:?}"), bytes, is_open })
    }

    /// Takes a text supplied by the program.
    pub(super) fn of(setting: &'static str, name: &str, bytes: &[u8]) -> Self {
        Self { setting, name: name.to_owned(), bytes: bytes.to_vec(), is_open: false }
    }

    /// The same text under another setting.
    pub(super) fn also_for(&self, setting: &'static str) -> Self {
        Self { setting, name: self.name.clone(), bytes: self.bytes.clone(), is_open: self.is_open }
    }

    /// All certificates in the text, at least one.
    pub(super) fn certificates(&self) -> Result<Vec<CertificateDer<'static>>, Error> {
        let mut found = Vec::new();
        for (kind, der) in self.sections()? {
            if kind == SectionKind::Certificate {
                found.push(CertificateDer::from(der));
            }
        }
        if found.is_empty() {
            return Err(self.refuse(format_args!("contains no certificate in PEM")));
        }
        Ok(found)
    }

    /// All PEM sections of known kinds.
    pub(super) fn sections(&self) -> Result<Vec<(SectionKind, Vec<u8>)>, Error> {
        let sections = <(SectionKind, Vec<u8>)>::pem_slice_iter(&self.bytes);
        sections
            .collect::<Result<_, _>>()
            .map_err(|error| self.refuse(format_args!("contains a malformed PEM section: {error}")))
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The quoted file name, or a description.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// True for a file readable by every user of the machine.
    pub(super) fn is_open(&self) -> bool {
        self.is_open
    }

    pub(super) fn setting(&self) -> &'static str {
        self.setting
    }

    /// The error for this text.
    pub(super) fn refuse(&self, reason: Arguments<'_>) -> Error {
        Error::setting(self.setting, format!("{} {reason}", self.name))
    }
}
