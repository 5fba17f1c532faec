//! The directory that is served: what is in it, what may be seen, and opening it.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use http::StatusCode;
use nix::libc;

/// A directory and who may look at what in it.
#[derive(Clone, Debug)]
pub(super) struct Root {
    /// Without a link in it.
    path: PathBuf,
    serves_dotfiles: bool,
}

/// What a path leads to.
#[derive(Debug)]
pub(super) enum Lookup {
    File(File, Metadata),
    /// Where it really lies.
    Directory(PathBuf),
}

impl Root {
    pub(super) fn new(path: &Path) -> io::Result<Self> {
        let path = fs::canonicalize(path)?;
        if !fs::metadata(&path)?.is_dir() {
            return Err(io::Error::new(io::ErrorKind::NotADirectory, format!("not a directory: {}", path.display())));
        }
        Ok(Self { path, serves_dotfiles: false })
    }

    pub(super) fn set_dotfiles(&mut self, serve: bool) {
        self.serves_dotfiles = serve;
    }

    /// Finds what `relative` leads to; a file is opened.
    ///
    /// A file is judged by where it lies once it is open, so that exchanging a directory for a link at the wrong moment gains
    /// nothing. A directory is judged by its path; each file in it is judged again.
    ///
    /// # Errors
    /// `NOT_FOUND` for what is not there, lies outside, is hidden or is neither file nor directory; `FORBIDDEN` where the system
    /// denies access; `SERVICE_UNAVAILABLE` where descriptors or memory have run out; else `INTERNAL_SERVER_ERROR`, logged.
    pub(super) fn find(&self, relative: &Path) -> Result<Lookup, StatusCode> {
        let found = self.open(&self.path.join(relative)).map_err(|error| status(&error))?;
        found.ok_or(StatusCode::NOT_FOUND)
    }

    /// Whether what really lies at `path` may be seen.
    pub(super) fn shows(&self, path: &Path) -> bool {
        let Ok(inside) = path.strip_prefix(&self.path) else { return false };
        self.serves_dotfiles || !inside.iter().any(|name| name.as_bytes().starts_with(b"."))
    }

    fn open(&self, path: &Path) -> io::Result<Option<Lookup>> {
        // Where the name itself is hidden, what it leads to does not matter.
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
        // Should a pipe take the file's place in this moment, opening it must not wait for a writer.
        let flags = libc::O_NONBLOCK | libc::O_NOCTTY;
        let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
        let facts = file.metadata()?;
        let real = location(&file, &facts, path)?;
        Ok((facts.is_file() && self.shows(&real)).then_some(Lookup::File(file, facts)))
    }
}

/// Where `file`, opened as `path`, lies in truth.
///
/// Linux knows. Where `/proc` is not mounted, the path is followed once more and must lead to the same file; then a file can
/// be exchanged unnoticed by who renames inside the directory three times within microseconds.
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

/// What to answer where the file system says no.
pub(super) fn status(error: &io::Error) -> StatusCode {
    match error.raw_os_error() {
        Some(libc::ENOENT | libc::ENOTDIR | libc::ENAMETOOLONG | libc::ELOOP) => StatusCode::NOT_FOUND,
        Some(libc::EACCES | libc::EPERM) => StatusCode::FORBIDDEN,
        Some(libc::EMFILE | libc::ENFILE | libc::ENOMEM) => {
            log::warn!("files: {error}");
            StatusCode::SERVICE_UNAVAILABLE
        }
        _ if error.kind() == io::ErrorKind::NotFound => StatusCode::NOT_FOUND,
        _ => {
            log::error!("files: {error}");
            StatusCode::INTERNAL_SERVER_ERROR
        }
    }
}
