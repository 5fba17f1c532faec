//! Entries by name. A name that changes between two calls is an error or leads to the new target; no
//! call follows a link.

use std::ffi::{OsStr, OsString};
use std::os::fd::OwnedFd;
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, openat, readlinkat};
use nix::sys::stat::{FileStat, Mode, fstatat};

/// Opens a directory for look-ups: its owner must allow reading.
pub(crate) const PLACE: OFlag = OFlag::O_RDONLY.union(OFlag::O_NONBLOCK).union(OFlag::O_CLOEXEC);

/// The target of a name.
#[derive(Debug)]
pub(crate) struct NamedEntry {
    facts: FileStat,
}

impl NamedEntry {
    pub(crate) fn find(directory: &OwnedFd, name: &OsStr) -> nix::Result<Self> {
        Ok(Self { facts: fstatat(directory, name, AtFlags::AT_SYMLINK_NOFOLLOW)? })
    }

    pub(crate) fn facts(&self) -> &FileStat {
        &self.facts
    }

    /// Returns the path that a link contains.
    pub(crate) fn link(&self, directory: &OwnedFd, name: &OsStr) -> nix::Result<OsString> {
        readlinkat(directory, name).map_err(|error| match error {
            // No link any more.
            Errno::EINVAL => Errno::ENOENT,
            other => other,
        })
    }

    /// Returns a directory, for look-ups.
    pub(crate) fn enter(self, directory: &OwnedFd, name: &OsStr) -> nix::Result<OwnedFd> {
        open_entry(directory, name, PLACE | OFlag::O_DIRECTORY)
    }
}

/// Opens the target of `name`; `ELOOP` or `ENOTDIR` for a link.
pub(crate) fn open_entry(directory: &OwnedFd, name: &OsStr, flags: OFlag) -> nix::Result<OwnedFd> {
    openat(directory, name, flags | OFlag::O_NOFOLLOW, Mode::empty()).map_err(|error| match error {
        // The word of FreeBSD.
        Errno::EMLINK => Errno::ELOOP,
        other => other,
    })
}

/// Fails with `ENOSYS`: the kernel has no such call, and the caller looks up each name.
pub(crate) fn open_beneath(_root: &OwnedFd, _path: &Path, _flags: OFlag) -> nix::Result<OwnedFd> {
    Err(Errno::ENOSYS)
}
