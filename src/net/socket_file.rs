//! Listening Unix sockets: a file created with its mode and owner, and removed when the server
//! stops.
//!
//! ```text
//! bind ──► owner ──► listen ──► permissions ──► serves ──► remove the file ──► close
//!   │ the name is taken
//!   └──► not a socket, or somebody answers: refused     nobody does: remove it, and again
//! ```
//!
//! The file has no permissions until its owner is set, so an unauthorized client never gets in. The
//! process-wide umask is not used.
//!
//! A refusing socket without permissions belongs to a server between bind and listen, unless the
//! file is old. Servers replace a dead socket one at a time, see [`turn`]. So exactly one of
//! several starting servers serves, and the others fail.

mod turn;

use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use nix::errno::Errno;
use socket2::{Domain, SockAddr, Socket, Type};

use self::turn::Turn;
use super::credentials;
use crate::address::BindAddr;
use crate::error::Error;
use crate::system::handle::{self, Handle};
use crate::system::identity::{identity, is_at, replaced};

/// The permissions of a socket file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rights {
    /// The exact permission bits; write permission allows a client to connect.
    pub(crate) mode: u32,
    /// Name or id of the owner; `None`: the user running the server.
    pub(crate) user: Option<String>,
    /// Name or id of the group; `None`: the system's choice.
    pub(crate) group: Option<String>,
}

impl Rights {
    /// Looks up the user and the group.
    ///
    /// # Errors
    /// `Setting` for an unknown user or group.
    pub(crate) fn check(&self) -> Result<(), Error> {
        Owner::of(self).map(drop)
    }
}

/// The file of a listening socket, as long as this server owns the file.
#[derive(Debug)]
pub(super) struct SocketFile {
    /// Absolute, because the program may change its directory.
    path: PathBuf,
    /// Device and inode: unique as long as the socket is open.
    identity: (u64, u64),
    is_left: AtomicBool,
}

/// Listens on the Unix socket `path`, or on an abstract name, without a file and open to every
/// local user.
///
/// # Errors
/// `Setting` for a missing directory, under the name `setting`, and for an unknown or refused
/// owner; `Bind` for every other failure. A failed call leaves no file.
pub(super) fn listen(
    path: &Path,
    backlog: i32,
    rights: &Rights,
    setting: &'static str,
) -> Result<(UnixListener, Option<SocketFile>), Error> {
    let failed = |source| Error::Bind { address: BindAddr::Unix(path.to_owned()).to_string(), source };
    let is_abstract = path.as_os_str().as_bytes().first() == Some(&0);
    if is_abstract {
        let socket = bind_abstract(path, backlog).map_err(failed)?;
        return Ok((socket, None));
    }
    let owner = Owner::of(rights)?;
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None).map_err(failed)?;
    // Kept until the socket listens: the next server then finds a live socket.
    let _turn = claim(&socket, path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => no_directory(path, setting),
        _ => failed(error),
    })?;
    // Dropped, and so removed, on any failure from here on.
    let file = SocketFile::just_bound(path).map_err(failed)?;
    let handle = Handle::open(path, Some(file.identity)).map_err(failed)?;
    owner.receive(&handle, path)?;
    socket.listen(backlog).map_err(failed)?;
    handle.set_mode(rights.mode).map_err(failed)?;
    if !file.is_in_place() {
        return Err(failed(replaced()));
    }
    Ok((socket.into(), Some(file)))
}

impl SocketFile {
    /// The file just created at `path` by `bind`, recognized by having no permissions.
    fn just_bound(path: &Path) -> io::Result<Self> {
        let found = fs::symlink_metadata(path)?;
        if !found.file_type().is_socket() || found.mode() & 0o777 != 0 {
            return Err(replaced());
        }
        Ok(Self { path: std::path::absolute(path)?, identity: identity(&found), is_left: AtomicBool::new(false) })
    }

    /// True if the path still leads to this file.
    fn is_in_place(&self) -> bool {
        is_at(&self.path, self.identity)
    }

    /// Removes the file once, unless the path leads to a file of another server.
    ///
    /// Call while the socket still listens: until then no other server takes the name.
    pub(super) fn remove(&self) {
        if self.is_left.swap(true, Ordering::Relaxed) {
            return;
        }
        if !self.is_in_place() {
            return log::warn!("socket file {} was replaced; not removing the new file", self.path.display());
        }
        if let Err(error) = fs::remove_file(&self.path) {
            log::warn!("cannot remove socket file {}: {error}; the file stays", self.path.display());
        }
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        self.remove();
    }
}

/// The new owner of the file.
struct Owner<'a> {
    user: Option<(&'a str, u32)>,
    group: Option<(&'a str, u32)>,
}

impl<'a> Owner<'a> {
    /// Looks up the ids of the names.
    fn of(rights: &'a Rights) -> Result<Self, Error> {
        let numbered = |setting, what, name, id: io::Result<Option<u32>>| match id {
            Ok(Some(id)) => Ok((name, id)),
            Ok(None) => Err(Error::setting(setting, format!("{name:?} is neither the name of a {what} nor a number"))),
            Err(error) => Err(Error::setting(setting, format!("cannot look up the {what} {name:?}: {error}"))),
        };
        let user = rights.user.as_deref().map(|name| numbered("socket_user", "user", name, credentials::user_id(name)));
        let group =
            rights.group.as_deref().map(|name| numbered("socket_group", "group", name, credentials::group_id(name)));
        Ok(Self { user: user.transpose()?, group: group.transpose()? })
    }

    /// Sets user and group separately, so that the error names the right setting.
    fn receive(&self, handle: &Handle, path: &Path) -> Result<(), Error> {
        let refused = |setting, name, error| {
            Error::setting(setting, format!("cannot give {name:?} the file {}: {error}", path.display()))
        };
        if let Some((name, id)) = self.group {
            handle.set_owner(None, Some(id)).map_err(|error| refused("socket_group", name, error))?;
        }
        if let Some((name, id)) = self.user {
            handle.set_owner(Some(id), None).map_err(|error| refused("socket_user", name, error))?;
        }
        Ok(())
    }
}

fn no_directory(path: &Path, setting: &'static str) -> Error {
    let directory = path.parent().map_or(OsString::new(), |parent| parent.as_os_str().to_owned());
    Error::setting(setting, format!("cannot create {path:?}: there is no directory {directory:?}"))
}

fn bind_abstract(path: &Path, backlog: i32) -> io::Result<UnixListener> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.bind(&SockAddr::unix(path)?)?;
    socket.listen(backlog)?;
    Ok(socket.into())
}

/// Binds `socket` to `path`, replacing a dead socket. If the name was taken, returns the lock,
/// which the caller keeps until `socket` listens.
///
/// On systems that bind a file before they can hide it, every start takes the lock: until hidden,
/// the file looks like that of a dead socket.
fn claim(socket: &Socket, path: &Path) -> io::Result<Option<Turn>> {
    handle::hide_first(socket)?;
    let address = SockAddr::unix(path)?;
    let mut turn = if handle::BINDS_HIDDEN { None } else { Turn::wait_for(path) };
    for attempt in 0..ATTEMPTS {
        match socket.bind(&address) {
            // `bind` never follows a symbolic link and never replaces a file.
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                if attempt == 0 && handle::BINDS_HIDDEN {
                    turn = Turn::wait_for(path);
                }
                remove_dead(path)?;
            }
            done => return done.and_then(|()| handle::hide(path)).map(|()| turn),
        }
    }
    Err(Errno::EADDRINUSE.into())
}

/// Removes the socket at `path` if a connect proves that no server listens.
fn remove_dead(path: &Path) -> io::Result<()> {
    let handle = match Handle::open(path, None) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        opened => opened?,
    };
    let found = handle.metadata()?;
    if !found.file_type().is_socket() {
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, "the existing file is not a socket"));
    }
    let probe = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    // Do not block on a listener with a full backlog.
    probe.set_nonblocking(true)?;
    match probe.connect(&SockAddr::unix(path)?) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            let reason = "the existing socket refuses access, so another server may be using it";
            return Err(io::Error::new(io::ErrorKind::AddrInUse, reason));
        }
        _ => return Err(Errno::EADDRINUSE.into()),
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |age| age.as_secs());
    if found.mode() & 0o777 == 0 && is_young(found.ctime(), now) {
        return Err(io::Error::new(io::ErrorKind::AddrInUse, "another server is starting on the same path"));
    }
    // The open handle keeps the inode from being reused: the removed file is the tested one.
    if is_at(path, identity(&found)) { remove_exactly(path, identity(&found)) } else { Ok(()) }
}

/// Removes the file at `path` if its identity is `meant`. No system call does both, so the file is
/// renamed and then checked.
fn remove_exactly(path: &Path, meant: (u64, u64)) -> io::Result<()> {
    let mut aside = path.as_os_str().to_owned();
    aside.push(format!(".{}-{}", std::process::id(), MOVED.fetch_add(1, Ordering::Relaxed)));
    match fs::rename(path, &aside) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        moved => moved?,
    }
    if is_at(Path::new(&aside), meant) {
        log::info!("socket file {} was left behind, no server listens on it; replacing the file", path.display());
        fs::remove_file(&aside)
    } else {
        // The file belongs to another server that was faster.
        fs::rename(&aside, path)
    }
}

/// True if a file changed at the second `changed`, shortly before `now`. A file changed after `now`
/// is young as well.
fn is_young(changed: i64, now: u64) -> bool {
    now < u64::try_from(changed).map_or(0, |changed| changed.saturating_add(START_SECS))
}

/// Attempts to bind, each after another server took and released the name.
const ATTEMPTS: u32 = 8;
/// The longest time of a start between bind and listen.
const START_SECS: u64 = 10;
/// Makes the names of renamed files unique.
static MOVED: AtomicU64 = AtomicU64::new(0);

#[cfg(test)]
mod tests;
