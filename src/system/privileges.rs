//! The user and the groups of this process.

pub(crate) use self::calls::{drop_groups, groups, has_further_groups, set_group, set_user, users};

#[cfg(not(target_os = "macos"))]
mod calls {
    use std::io;

    use nix::unistd::{Gid, Uid, getegid, getgroups, getresgid, getresuid, setgroups, setresgid, setresuid};

    /// Removes all supplementary groups.
    pub(crate) fn drop_groups() -> io::Result<()> {
        Ok(setgroups(&[])?)
    }

    /// True if the process has supplementary groups. FreeBSD lists the effective group among them.
    pub(crate) fn has_further_groups() -> io::Result<bool> {
        let listed = if cfg!(target_os = "freebsd") { Some(getegid()) } else { None };
        Ok(getgroups()?.into_iter().any(|group| Some(group) != listed))
    }

    /// Sets the real, effective and saved group.
    pub(crate) fn set_group(gid: Gid) -> io::Result<()> {
        Ok(setresgid(gid, gid, gid)?)
    }

    /// Sets the real, effective and saved user.
    pub(crate) fn set_user(uid: Uid) -> io::Result<()> {
        Ok(setresuid(uid, uid, uid)?)
    }

    /// Returns the real, effective and saved group.
    pub(crate) fn groups() -> io::Result<[Gid; 3]> {
        let found = getresgid()?;
        Ok([found.real, found.effective, found.saved])
    }

    /// Returns the real, effective and saved user.
    pub(crate) fn users() -> io::Result<[Uid; 3]> {
        let found = getresuid()?;
        Ok([found.real, found.effective, found.saved])
    }
}

/// The crate `nix` has no call for the groups and the saved ids of macOS: nothing is changed.
#[cfg(target_os = "macos")]
mod calls {
    use std::io;

    use nix::unistd::{Gid, Uid};

    pub(crate) fn drop_groups() -> io::Result<()> {
        refused()
    }

    pub(crate) fn has_further_groups() -> io::Result<bool> {
        refused()
    }

    pub(crate) fn set_group(_gid: Gid) -> io::Result<()> {
        refused()
    }

    pub(crate) fn set_user(_uid: Uid) -> io::Result<()> {
        refused()
    }

    pub(crate) fn groups() -> io::Result<[Gid; 3]> {
        refused()
    }

    pub(crate) fn users() -> io::Result<[Uid; 3]> {
        refused()
    }

    fn refused<T>() -> io::Result<T> {
        let reason = "not possible on macOS; start the process as this user";
        Err(io::Error::new(io::ErrorKind::Unsupported, reason))
    }
}
