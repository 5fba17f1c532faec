//! The served directory: lookup, access rules, and opening files.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use http::StatusCode;
use nix::libc;

use crate::message::named::RequestName;

/// A directory with its access rules.
#[derive(Clone, Debug)]
pub(super) struct Root {
    /// The canonical path, without links.
    path: PathBuf,
    serves_dotfiles: bool,
}

/// The target of a path.
#[derive(Debug)]
pub(super) enum Lookup {
    File(File, Metadata),
    /// The real path of the directory.
    Directory(PathBuf),
}

impl Root {
    pub(super) fn new(path: &Path) -> io::Result<Self> {
        let is_directory = |found: PathBuf| match fs::metadata(&found)?.is_dir() {
            true => Ok(found),
            false => Err(io::ErrorKind::NotADirectory.into()),
        };
        let found = fs::canonicalize(path).and_then(is_directory);
        let named = |error: io::Error| {
            io::Error::new(error.kind(), format!("cannot serve files from {}: {error}", path.display()))
        };
        Ok(Self { path: found.map_err(named)?, serves_dotfiles: false })
    }

    pub(super) fn set_dotfiles(&mut self, serve: bool) {
        self.serves_dotfiles = serve;
    }

    /// Looks up `relative` for the request of this `name`, and opens the target if it is a file.
    ///
    /// A file is checked by its real path after opening, so that swapping a directory for a link
    /// between check and open has no effect. A directory is checked by its path; each file in the
    /// directory is checked again.
    ///
    /// # Errors
    /// - `NOT_FOUND` if the target does not exist, lies outside, is hidden, or is neither a file
    ///   nor a directory.
    /// - `FORBIDDEN` if the system denies access.
    /// - `SERVICE_UNAVAILABLE` if descriptors or memory have run out.
    /// - `INTERNAL_SERVER_ERROR` otherwise, logged.
    pub(super) fn find(&self, relative: &Path, name: RequestName<'_>) -> Result<Lookup, StatusCode> {
        let found = self.open(&self.path.join(relative)).map_err(|error| status(&error, name))?;
        found.ok_or(StatusCode::NOT_FOUND)
    }

    /// True if the real path `path` may be served.
    pub(super) fn shows(&self, path: &Path) -> bool {
        let Ok(inside) = path.strip_prefix(&self.path) else { return false };
        self.serves_dotfiles || !inside.iter().any(|name| name.as_bytes().starts_with(b"."))
    }

    fn open(&self, path: &Path) -> io::Result<Option<Lookup>> {
        // A hidden name is refused without following the link.
        if !self.shows(path) {
            return Ok(None);
        }
        let expected = fs::metadata(path)?;
        if expected.is_dir() {
            let real = fs::canonicalize(path)?;
            return Ok(self.shows(&real).then_some(Lookup::Directory(real)));
        }
        if !expected.is_file() {
            return Ok(None);
        }
        // If a pipe has replaced the file by now, opening it must not wait for a writer.
        let flags = libc::O_NONBLOCK | libc::O_NOCTTY;
        let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
        let facts = file.metadata()?;
        let real = location(&file, &facts, path)?;
        Ok((facts.is_file() && self.shows(&real)).then_some(Lookup::File(file, facts)))
    }
}

/// Returns the real path of `file`, opened as `path`.
///
/// Linux gives the path in `/proc`. If `/proc` is not mounted, the path is resolved again and must
/// lead to the same file. An attacker could then swap the file unnoticed, with three renames inside
/// the directory within microseconds.
fn location(file: &File, facts: &Metadata, path: &Path) -> io::Result<PathBuf> {
    if let Ok(real) = fs::read_link(format!("/proc/self/fd/{}", file.as_raw_fd())) {
        return Ok(real);
    }
    let real = fs::canonicalize(path)?;
    let there = fs::symlink_metadata(&real)?;
    if (there.dev(), there.ino()) == (facts.dev(), facts.ino()) {
        Ok(real)
    } else {
        Err(io::ErrorKind::NotFound.into())
    }
}

/// The status for an error of the file system in answer to the request of this name.
pub(super) fn status(error: &io::Error, name: RequestName<'_>) -> StatusCode {
    match error.raw_os_error() {
        Some(libc::ENOENT | libc::ENOTDIR | libc::ENAMETOOLONG | libc::ELOOP) => StatusCode::NOT_FOUND,
        Some(libc::EACCES | libc::EPERM) => StatusCode::FORBIDDEN,
        Some(libc::EMFILE | libc::ENFILE | libc::ENOMEM) => {
            log::warn!(request:% = name; "cannot serve a file or directory: {name}: {error}; answering 503");
            StatusCode::SERVICE_UNAVAILABLE
        }
        _ if error.kind() == io::ErrorKind::NotFound => StatusCode::NOT_FOUND,
        _ => {
            log::error!(request:% = name; "cannot serve a file or directory: {name}: {error}; answering 500");
            StatusCode::INTERNAL_SERVER_ERROR
        }
    }
}
