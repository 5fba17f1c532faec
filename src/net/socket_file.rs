//! Unix sockets to listen on: a file that appears with its mode and owner, and is gone when the server is.
//!
//! ```text
//! bind ──► owner ──► listen ──► permissions ──► serves ──► remove the file ──► close
//!   │ the name is taken
//!   └──► not a socket, or somebody answers: refused     nobody does: remove it, and again
//! ```
//!
//! The file has no permissions at all until its owner is right, so there is no moment at which somebody gets in who may not. The
//! process' umask, which is everybody's, has no part in it. A socket without permissions that refuses is one on which somebody is just about
//! to listen, unless it is old; and servers that find a dead socket replace it one after the other, see [`turn`]. So of those that start at
//! the same time exactly one serves, and the others know that they do not.

mod turn;

use std::ffi::OsString;
use std::fs::{self, File, Metadata, OpenOptions, Permissions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::stat::Mode;
use socket2::{Domain, SockAddr, Socket, Type};

use self::turn::Turn;
use super::credentials;
use crate::address::BindAddr;
use crate::error::Error;

/// Who may connect to the file of a socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rights {
    /// Permission bits, exactly; whoever may write to the file may connect.
    pub(crate) mode: u32,
    /// Name or number of the user it belongs to; `None`: whoever runs the server.
    pub(crate) user: Option<String>,
    /// Name or number of its group; `None`: as the system chooses.
    pub(crate) group: Option<String>,
}

impl Rights {
    /// Looks for the user and the group.
    ///
    /// # Errors
    /// `Setting` for one that there is none of.
    pub(crate) fn check(&self) -> Result<(), Error> {
        Owner::of(self).map(drop)
    }
}

/// The file of a socket that listens, for as long as it is ours.
#[derive(Debug)]
pub(super) struct SocketFile {
    /// Absolute: the program may change its directory.
    path: PathBuf,
    /// Device and inode. As long as the socket is open no other file can have them.
    identity: (u64, u64),
    is_left: AtomicBool,
}

/// Listens on the Unix socket `path`, or on a name of the abstract namespace, which has no file and lets everybody in.
///
/// # Errors
/// `Setting` for a directory that is not there, under the name `setting`, and for an owner who is unknown or cannot be had;
/// `Bind` for whatever else is in the way. Nothing is left behind.
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
    // Ours until it listens: who is next finds it alive.
    let _turn = claim(&socket, path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => no_directory(path, setting),
        _ => failed(error),
    })?;
    // Dropped on any failure from here on, and the file is removed with it.
    let file = SocketFile::just_bound(path).map_err(failed)?;
    let handle = Handle::open(path, Some(file.identity)).map_err(failed)?;
    owner.receive(&handle, path)?;
    socket.listen(backlog).map_err(failed)?;
    fs::set_permissions(&handle.path, Permissions::from_mode(rights.mode)).map_err(failed)?;
    if !file.is_in_place() {
        return Err(failed(replaced()));
    }
    Ok((socket.into(), Some(file)))
}

impl SocketFile {
    /// The file that `bind` has just made of `path`. It can be told by its having no permissions: nobody else has one like it.
    fn just_bound(path: &Path) -> io::Result<Self> {
        let found = fs::symlink_metadata(path)?;
        if !found.file_type().is_socket() || found.mode() & 0o777 != 0 {
            return Err(replaced());
        }
        Ok(Self { path: std::path::absolute(path)?, identity: identity(&found), is_left: AtomicBool::new(false) })
    }

    /// Whether the path still leads to it.
    fn is_in_place(&self) -> bool {
        is_at(&self.path, self.identity)
    }

    /// Removes it, if it is still in its place; only ever done once. What stands there in its stead is somebody else's.
    ///
    /// To be called while the socket still listens: until then nobody who asks first takes the name.
    pub(super) fn remove(&self) {
        if self.is_left.swap(true, Ordering::Relaxed) {
            return;
        }
        if !self.is_in_place() {
            return log::warn!("{} is not this server's any more; it is left alone", self.path.display());
        }
        if let Err(error) = fs::remove_file(&self.path) {
            log::warn!("cannot remove {}: {error}", self.path.display());
        }
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        self.remove();
    }
}

/// A file held fast, whatever becomes of its name; it is neither read nor written, and a symbolic link is not followed.
struct Handle {
    file: File,
    /// A path that leads to it alone.
    path: PathBuf,
}

impl Handle {
    /// Opens what is at `path`; if it has to be a certain file, nothing else.
    fn open(path: &Path, meant: Option<(u64, u64)>) -> io::Result<Self> {
        let flags = OFlag::O_PATH | OFlag::O_NOFOLLOW;
        let file = OpenOptions::new().read(true).custom_flags(flags.bits()).open(path)?;
        if meant.is_some() && meant != Some(identity(&file.metadata()?)) {
            return Err(replaced());
        }
        let path = PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()));
        Ok(Self { file, path })
    }
}

/// Whom the file is given to.
struct Owner<'a> {
    user: Option<(&'a str, u32)>,
    group: Option<(&'a str, u32)>,
}

impl<'a> Owner<'a> {
    /// Finds the numbers of the names.
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

    /// One after the other, so that the error can name the right one.
    fn receive(&self, handle: &Handle, path: &Path) -> Result<(), Error> {
        let refused = |setting, name, error| {
            Error::setting(setting, format!("{name:?} cannot be given {}: {error}", path.display()))
        };
        if let Some((name, id)) = self.group {
            std::os::unix::fs::chown(&handle.path, None, Some(id))
                .map_err(|error| refused("socket_group", name, error))?;
        }
        if let Some((name, id)) = self.user {
            std::os::unix::fs::chown(&handle.path, Some(id), None)
                .map_err(|error| refused("socket_user", name, error))?;
        }
        Ok(())
    }
}

fn replaced() -> io::Error {
    io::Error::new(io::ErrorKind::AddrInUse, "it was replaced while the server started")
}

fn no_directory(path: &Path, setting: &'static str) -> Error {
    let directory = path.parent().map_or(OsString::new(), |parent| parent.as_os_str().to_owned());
    Error::setting(setting, format!("{path:?} cannot be made: there is no directory {directory:?}"))
}

fn bind_abstract(path: &Path, backlog: i32) -> io::Result<UnixListener> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.bind(&SockAddr::unix(path)?)?;
    socket.listen(backlog)?;
    Ok(socket.into())
}

/// Binds `socket` to `path`, in place of a socket that nobody listens on any more if there is one: then the turn to do so is to be kept
/// until this one listens.
fn claim(socket: &Socket, path: &Path) -> io::Result<Option<Turn>> {
    // The file gets these permissions, less the umask.
    nix::sys::stat::fchmod(socket, Mode::empty())?;
    let address = SockAddr::unix(path)?;
    let mut turn = None;
    for attempt in 0..ATTEMPTS {
        match socket.bind(&address) {
            // Never through a symbolic link, and never over anything.
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                if attempt == 0 {
                    turn = Turn::wait_for(path);
                }
                remove_dead(path)?;
            }
            done => return done.map(|()| turn),
        }
    }
    Err(Errno::EADDRINUSE.into())
}

/// Removes the socket at `path` if it is one and a connect proves that nobody listens.
fn remove_dead(path: &Path) -> io::Result<()> {
    let handle = match Handle::open(path, None) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        opened => opened?,
    };
    let found = handle.file.metadata()?;
    if !found.file_type().is_socket() {
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, "there is a file that is not a socket"));
    }
    let probe = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    // A listener whose backlog is full must not make this wait.
    probe.set_nonblocking(true)?;
    match probe.connect(&SockAddr::unix(path)?) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            let reason = "there is a socket that must not be connected to, so it may be somebody's";
            return Err(io::Error::new(io::ErrorKind::AddrInUse, reason));
        }
        _ => return Err(Errno::EADDRINUSE.into()),
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |age| age.as_secs());
    if found.mode() & 0o777 == 0 && is_young(found.ctime(), now) {
        return Err(io::Error::new(io::ErrorKind::AddrInUse, "another server is just starting there"));
    }
    // The handle keeps its inode from being used again: what is removed is what was tried.
    if is_at(path, identity(&found)) { remove_exactly(path, identity(&found)) } else { Ok(()) }
}

/// Removes the file at `path` if it is still the one that is meant. There is no system call for that, so it is moved aside and looked at.
fn remove_exactly(path: &Path, meant: (u64, u64)) -> io::Result<()> {
    let mut aside = path.as_os_str().to_owned();
    aside.push(format!(".{}-{}", std::process::id(), MOVED.fetch_add(1, Ordering::Relaxed)));
    match fs::rename(path, &aside) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        moved => moved?,
    }
    if is_at(Path::new(&aside), meant) {
        log::info!("{} was left behind by a server that is gone; it is replaced", path.display());
        fs::remove_file(&aside)
    } else {
        // Somebody else was faster, and this is his.
        fs::rename(&aside, path)
    }
}

/// Whether a file that changed at the second `changed` did so just before `now`. A clock that was set back makes it young.
fn is_young(changed: i64, now: u64) -> bool {
    now < u64::try_from(changed).map_or(0, |changed| changed.saturating_add(START_SECS))
}

/// Whether `path` leads to the file `meant` itself.
fn is_at(path: &Path, meant: (u64, u64)) -> bool {
    fs::symlink_metadata(path).is_ok_and(|found| identity(&found) == meant)
}

fn identity(file: &Metadata) -> (u64, u64) {
    (file.dev(), file.ino())
}

/// How often the name may be taken again by somebody who then gives it up.
const ATTEMPTS: u32 = 8;
/// What a start takes at the very longest between bind and listen.
const START_SECS: u64 = 10;
/// Tells the files apart that are moved aside.
static MOVED: AtomicU64 = AtomicU64::new(0);

#[cfg(test)]
mod tests;
