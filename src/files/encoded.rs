//! Compressed forms of a file, as files beside it: `app.js.br`, `app.js.zst`, `app.js.gz`.

use std::ffi::OsString;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use http::HeaderMap;

use super::beneath::Beneath;
use crate::message::accept_encoding::preferred;

/// A content coding with its usual extension.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EncodedForm {
    Brotli,
    Zstd,
    Gzip,
}

/// The forms of a file that exist, and the one that the client prefers.
#[derive(Debug, Default)]
pub(super) struct Forms {
    /// True if another client may get another form.
    pub(super) is_negotiated: bool,
    pub(super) chosen: Option<(EncodedForm, PathBuf)>,
}

impl EncodedForm {
    /// All forms, the preferred one first if the client has no preference.
    const ALL: [Self; 3] = [Self::Brotli, Self::Zstd, Self::Gzip];

    /// The name of the coding (RFC 9110 §8.4.1; RFC 7932, RFC 8878).
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Brotli => "br",
            Self::Zstd => "zstd",
            Self::Gzip => "gzip",
        }
    }

    fn extension(self) -> &'static str {
        match self {
            Self::Brotli => ".br",
            Self::Zstd => ".zst",
            Self::Gzip => ".gz",
        }
    }

    /// Returns the path of this form of the file at `path`.
    fn beside(self, path: &Path) -> PathBuf {
        let mut name = OsString::from(path);
        name.push(self.extension());
        name.into()
    }
}

impl Forms {
    /// Looks for the forms of the file at `path` with the metadata `facts`, without those that
    /// `hides` names.
    ///
    /// A form older than the file is left out: the file has changed since. Times are compared in
    /// whole seconds, because not every tool keeps the fraction.
    pub(super) fn of(
        path: &Path,
        facts: &Metadata,
        beneath: &Beneath,
        fields: &HeaderMap,
        hides: impl Fn(&Path) -> bool,
    ) -> Self {
        let mut offered = Vec::new();
        for form in EncodedForm::ALL {
            let beside = form.beside(path);
            if !hides(&beside) && beneath.modified(&beside).is_some_and(|time| time >= facts.mtime()) {
                offered.push((form.name(), form));
            }
        }
        let chosen = preferred(fields, &offered).map(|form| (form, form.beside(path)));
        Self { is_negotiated: !offered.is_empty(), chosen }
    }
}
