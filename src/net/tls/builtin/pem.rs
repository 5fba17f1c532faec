//! A text in PEM and where it is from, so that what is wrong with it can be said.

use std::fmt::Arguments;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::{PemObject, SectionKind};

use crate::error::Error;

/// What was read, and its name for errors.
pub(super) struct PemText {
    /// The setting that names it.
    setting: &'static str,
    /// The file, in quotes, or words.
    name: String,
    bytes: Vec<u8>,
    /// Whether it is a file that every user of the machine may read.
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

    /// A text that the program has brought.
    pub(super) fn of(setting: &'static str, name: &str, bytes: &[u8]) -> Self {
        Self { setting, name: name.to_owned(), bytes: bytes.to_vec(), is_open: false }
    }

    /// The same text, as what another setting is to be looked for in.
    pub(super) fn also_for(&self, setting: &'static str) -> Self {
        Self { setting, name: self.name.clone(), bytes: self.bytes.clone(), is_open: self.is_open }
    }

    /// All certificates in it, at least one.
    pub(super) fn certificates(&self) -> Result<Vec<CertificateDer<'static>>, Error> {
        let mut found = Vec::new();
        for (kind, der) in self.sections()? {
            if kind == SectionKind::Certificate {
                found.push(CertificateDer::from(der));
            }
        }
        if found.is_empty() {
            return Err(self.refuse(format_args!("has no certificate in PEM")));
        }
        Ok(found)
    }

    /// All that PEM marks in it and that is known.
    pub(super) fn sections(&self) -> Result<Vec<(SectionKind, Vec<u8>)>, Error> {
        let sections = <(SectionKind, Vec<u8>)>::pem_slice_iter(&self.bytes);
        sections
            .collect::<Result<_, _>>()
            .map_err(|error| self.refuse(format_args!("has a section that is no PEM: {error}")))
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The file, in quotes, or words.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Whether it is a file that every user of the machine may read.
    pub(super) fn is_open(&self) -> bool {
        self.is_open
    }

    pub(super) fn setting(&self) -> &'static str {
        self.setting
    }

    /// Says what is wrong with it.
    pub(super) fn refuse(&self, reason: Arguments<'_>) -> Error {
        Error::setting(self.setting, format!("{} {reason}", self.name))
    }
}
