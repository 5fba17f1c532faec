//! Handles by name: systems other than Linux have no descriptor of a socket file. A user with write
//! access to the directory can exchange the file between a comparison and a change.

use std::fs::{self, Metadata};
use std::io;
use std::os::fd::AsFd;
use std::path::Path;

use nix::fcntl::{AT_FDCWD, AtFlags};
use nix::sys::stat::{FchmodatFlags, fchmodat};
use nix::unistd::{Gid, Uid, fchownat};

use crate::system::identity::{identity, is_at, replaced};
use crate::system::mode::mode as permissions;

/// A file as found at its name.
pub(crate) struct Handle<'a> {
    found: Metadata,
    path: &'a Path,
}

impl<'a> Handle<'a> {
    /// Finds the file at `path`; fails if `meant` is another file.
    pub(crate) fn open(path: &'a Path, meant: Option<(u64, u64)>) -> io::Result<Self> {
        let found = fs::symlink_metadata(path)?;
        if meant.is_some() && meant != Some(identity(&found)) {
            return Err(replaced());
        }
        Ok(Self { found, path })
    }

    #[expect(clippy::unnecessary_wraps, reason = "Linux has a call that fails")]
    pub(crate) fn metadata(&self) -> io::Result<Metadata> {
        Ok(self.found.clone())
    }

    /// Sets user and group, each unless `None`.
    pub(crate) fn set_owner(&self, user: Option<u32>, group: Option<u32>) -> io::Result<()> {
        self.compare()?;
        let (user, group) = (user.map(Uid::from_raw), group.map(Gid::from_raw));
        Ok(fchownat(AT_FDCWD, self.path, user, group, AtFlags::AT_SYMLINK_NOFOLLOW)?)
    }

    /// Sets the permission bits.
    pub(crate) fn set_mode(&self, mode: u32) -> io::Result<()> {
        self.compare()?;
        change_mode(self.path, mode)
    }

    fn compare(&self) -> io::Result<()> {
        if is_at(self.path, identity(&self.found)) { Ok(()) } else { Err(replaced()) }
    }
}

/// False: a file just bound has permissions until [`hide`] takes them.
pub(crate) const BINDS_HIDDEN: bool = false;

/// Does nothing, because [`hide`] does the work.
#[expect(clippy::unnecessary_wraps, reason = "Linux has a call that fails")]
pub(crate) fn hide_first(_socket: &impl AsFd) -> io::Result<()> {
    Ok(())
}

/// Takes all permissions from the file just bound at `path`. Before, nobody can connect: the
/// socket does not listen yet.
pub(crate) fn hide(path: &Path) -> io::Result<()> {
    change_mode(path, 0)
}

fn change_mode(path: &Path, mode: u32) -> io::Result<()> {
    Ok(fchmodat(AT_FDCWD, path, permissions(mode), FchmodatFlags::NoFollowSymlink)?)
}
