//! The served directory: access rules, and the start of each look-up.

use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use http::StatusCode;
use nix::libc;

use super::beneath::{Beneath, Lookup};
use super::outer_link::OuterLink;
use super::pattern::NamePattern;
use crate::message::named::RequestName;

/// The path of a directory, with access rules.
///
/// The path is resolved for each request, so that a link may be set to another directory at any
/// time.
#[derive(Clone, Debug)]
pub(super) struct Root {
    /// Absolute, because the program may change its working directory. Links are not resolved.
    path: PathBuf,
    serves_dotfiles: bool,
    hidden: Vec<NamePattern>,
    links: Arc<Vec<Arc<OuterLink>>>,
    missed: Arc<Missed>,
}

/// The time of the latest log line about a missing root.
#[derive(Debug, Default)]
struct Missed {
    /// In minutes since 1970.
    minute: AtomicU64,
}

impl Root {
    pub(super) fn new(path: &Path) -> io::Result<Self> {
        let named = |error: io::Error| {
            io::Error::new(error.kind(), format!("cannot serve files from {}: {error}", path.display()))
        };
        let found = std::path::absolute(path).and_then(|found| match std::fs::metadata(&found)?.is_dir() {
            true => Ok(found),
            false => Err(io::ErrorKind::NotADirectory.into()),
        });
        let (hidden, links) = (Vec::new(), Arc::default());
        Ok(Self { path: found.map_err(named)?, serves_dotfiles: false, hidden, links, missed: Arc::default() })
    }

    pub(super) fn set_dotfiles(&mut self, serve: bool) {
        self.serves_dotfiles = serve;
    }

    /// Hides names that match `pattern`.
    ///
    /// # Errors
    /// `InvalidInput` for a pattern that no name matches.
    pub(super) fn hide(&mut self, pattern: &str) -> io::Result<()> {
        let wrong = || format!("{pattern:?} is not a pattern of names, such as *.key");
        let parsed = NamePattern::of(pattern).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, wrong()))?;
        self.hidden.push(parsed);
        Ok(())
    }

    /// Allows the link at `path` below the root to lead out.
    ///
    /// # Errors
    /// As [`OuterLink::new`].
    pub(super) fn allow(&mut self, path: PathBuf) -> io::Result<()> {
        let link = OuterLink::new(&self.path, path)?;
        Arc::make_mut(&mut self.links).push(Arc::new(link));
        Ok(())
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn serves_dotfiles(&self) -> bool {
        self.serves_dotfiles
    }

    /// Opens the root for one request, to find targets beneath the root.
    ///
    /// # Errors
    /// `SERVICE_UNAVAILABLE` if there is no directory at the path; otherwise as [`status`]. A
    /// missing or forbidden directory is logged at most once a minute.
    pub(super) fn open(&self, now: SystemTime, name: RequestName<'_>) -> Result<Beneath, StatusCode> {
        Beneath::open(&self.path).map(|beneath| beneath.with_links(&self.links)).map_err(|error| {
            let status = match error.raw_os_error() {
                Some(libc::ENOENT | libc::ENOTDIR | libc::ELOOP | libc::ESTALE) => StatusCode::SERVICE_UNAVAILABLE,
                Some(libc::EACCES) => StatusCode::FORBIDDEN,
                _ => return status(&error, name),
            };
            if self.missed.is_first(now) {
                let (path, code) = (self.path.display(), status.as_u16());
                log::warn!("cannot open the served directory {path}: {error}; answering {code} to all requests");
            }
            status
        })
    }

    /// True if there is a regular file at `relative`, which may be hidden.
    ///
    /// # Errors
    /// Those of the system, except that nothing is there.
    pub(super) fn has_file(&self, relative: &Path) -> io::Result<bool> {
        match Beneath::open(&self.path)?.with_links(&self.links).find(relative) {
            Ok(found) => Ok(matches!(found, Some(Lookup::File(..)))),
            Err(error) if matches!(error.raw_os_error(), Some(libc::ENOENT | libc::ENOTDIR)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// True if `relative` has a name that is not served.
    ///
    /// The rule is for the names that a client requests, not for the targets of links.
    pub(super) fn hides(&self, relative: &Path) -> bool {
        if relative.iter().any(|name| self.hidden.iter().any(|pattern| pattern.matches(name))) {
            return true;
        }
        // Names below `/.well-known/` are public by their purpose (RFC 8615 §3).
        let relative = relative.strip_prefix(".well-known").unwrap_or(relative);
        !self.serves_dotfiles && relative.iter().any(|name| name.as_bytes().starts_with(b"."))
    }
}

impl Missed {
    /// True if this is the first failure of its minute.
    fn is_first(&self, now: SystemTime) -> bool {
        let minute = now.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |time| time.as_secs() / 60);
        self.minute.swap(minute, Ordering::Relaxed) != minute
    }
}

/// The status for an error of the file system in answer to the request of this name.
pub(super) fn status(error: &io::Error, name: RequestName<'_>) -> StatusCode {
    match error.raw_os_error() {
        Some(libc::ENOENT | libc::ENOTDIR | libc::ENAMETOOLONG | libc::ELOOP) => StatusCode::NOT_FOUND,
        Some(libc::EACCES | libc::EPERM) => StatusCode::FORBIDDEN,
        Some(libc::EMFILE | libc::ENFILE | libc::ENOMEM | libc::EAGAIN) => {
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_missing_root_is_logged_once_a_minute() {
        let missed = Missed::default();
        let at = |seconds| missed.is_first(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
        assert_eq!([6000, 6001, 6059, 6060, 6060, 9999].map(at), [true, false, false, true, false, true]);
    }
}
