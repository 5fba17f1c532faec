//! Entries by `O_PATH`, and paths by `openat2`.

use std::ffi::{OsStr, OsString};
use std::os::fd::OwnedFd;
use std::path::Path;

use nix::fcntl::{OFlag, OpenHow, ResolveFlag, openat, openat2, readlinkat};
use nix::sys::stat::{FileStat, Mode, fstat};

/// Opens a place in the tree of files, whatever its kind, without any effect on it.
pub(crate) const PLACE: OFlag = OFlag::O_PATH.union(OFlag::O_CLOEXEC);

/// The target of a name: a later change of the name has no effect.
#[derive(Debug)]
pub(crate) struct NamedEntry {
    place: OwnedFd,
    facts: FileStat,
}

impl NamedEntry {
    pub(crate) fn find(directory: &OwnedFd, name: &OsStr) -> nix::Result<Self> {
        let place = openat(directory, name, PLACE | OFlag::O_NOFOLLOW, Mode::empty())?;
        let facts = fstat(&place)?;
        Ok(Self { place, facts })
    }

    pub(crate) fn facts(&self) -> &FileStat {
        &self.facts
    }

    /// Returns the path that a link contains.
    pub(crate) fn link(&self, _directory: &OwnedFd, _name: &OsStr) -> nix::Result<OsString> {
        readlinkat(&self.place, "")
    }

    /// Returns a directory, for look-ups.
    pub(crate) fn enter(self, _directory: &OwnedFd, _name: &OsStr) -> nix::Result<OwnedFd> {
        Ok(self.place)
    }
}

/// Opens the target of `name`; `ELOOP` for a link.
pub(crate) fn open_entry(directory: &OwnedFd, name: &OsStr, flags: OFlag) -> nix::Result<OwnedFd> {
    openat(directory, name, flags | OFlag::O_NOFOLLOW, Mode::empty())
}

/// Opens the target of `path` beneath `root`; `EXDEV` if a link leads out or is absolute.
pub(crate) fn open_beneath(root: &OwnedFd, path: &Path, flags: OFlag) -> nix::Result<OwnedFd> {
    let resolve = ResolveFlag::RESOLVE_BENEATH | ResolveFlag::RESOLVE_NO_MAGICLINKS;
    openat2(root, path, OpenHow::new().flags(flags).resolve(resolve))
}
