//! Handles by `O_PATH`.

use std::fs::{self, File, Metadata, Permissions};
use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use nix::fcntl::{AtFlags, OFlag};
use nix::sys::stat::Mode;
use nix::unistd::{Gid, Uid, fchownat};

use crate::system::identity::{identity, is_at, replaced};

/// An open file, independent of its name.
pub(crate) struct Handle<'a> {
    file: File,
    /// The name used to open the file; another file may have it by now.
    path: &'a Path,
}

impl<'a> Handle<'a> {
    /// Opens the file at `path`; fails if `meant` is another file.
    pub(crate) fn open(path: &'a Path, meant: Option<(u64, u64)>) -> io::Result<Self> {
        // Not by `OpenOptions`, whose access mode covers `O_PATH` on musl.
        let flags = OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let file = File::from(nix::fcntl::open(path, flags, Mode::empty())?);
        if meant.is_some() && meant != Some(identity(&file.metadata()?)) {
            return Err(replaced());
        }
        Ok(Self { file, path })
    }

    pub(crate) fn metadata(&self) -> io::Result<Metadata> {
        self.file.metadata()
    }

    /// Sets user and group, each unless `None`.
    pub(crate) fn set_owner(&self, user: Option<u32>, group: Option<u32>) -> io::Result<()> {
        let (user, group) = (user.map(Uid::from_raw), group.map(Gid::from_raw));
        Ok(fchownat(&self.file, "", user, group, AtFlags::AT_EMPTY_PATH)?)
    }

    /// Sets the permission bits.
    pub(crate) fn set_mode(&self, mode: u32) -> io::Result<()> {
        let only_this = format!("/proc/self/fd/{}", self.file.as_raw_fd());
        match fs::set_permissions(only_this, Permissions::from_mode(mode)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => self.set_mode_by_name(mode),
            done => done,
        }
    }

    /// Sets the permission bits without `/proc`.
    ///
    /// Before Linux 6.6, no call changes the mode of an `O_PATH` descriptor. So a user with write
    /// access to the directory can exchange the file between the comparison and the change.
    fn set_mode_by_name(&self, mode: u32) -> io::Result<()> {
        if !is_at(self.path, identity(&self.file.metadata()?)) {
            return Err(replaced());
        }
        fs::set_permissions(self.path, Permissions::from_mode(mode))
    }
}

/// True: the file has no permissions from its creation on.
pub(crate) const BINDS_HIDDEN: bool = true;

/// Takes all permissions from the file that the next bind of `socket` creates.
pub(crate) fn hide_first(socket: &impl AsFd) -> io::Result<()> {
    // The file gets the permissions of the socket, less the umask.
    Ok(nix::sys::stat::fchmod(socket, Mode::empty())?)
}

/// Does nothing, because [`hide_first`] has done the work.
#[expect(clippy::unnecessary_wraps, reason = "other systems have a call that fails")]
pub(crate) fn hide(_path: &Path) -> io::Result<()> {
    Ok(())
}
