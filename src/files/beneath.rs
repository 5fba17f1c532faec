//! Files and directories beneath an open directory, found and judged by descriptor.
//!
//! The kernel keeps the look-up beneath the root (`openat2` with `RESOLVE_BENEATH`), or the look-up
//! takes one name at a time. So a name that another process changes meanwhile leads to the old or to
//! the new file, never out of the root.

use std::borrow::Cow;
use std::fs::{File, Metadata};
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, open};
use nix::sys::stat::{FileStat, Mode, SFlag, fstat, fstatat};

use super::outer_link::OuterLink;
use super::walk::{self, kind};
use crate::system::entry::{LARGE, PLACE, open_beneath};

/// A root, opened for one request.
#[derive(Debug)]
pub(super) struct Beneath {
    root: OwnedFd,
    links: Arc<Vec<Arc<OuterLink>>>,
}

/// The target of a path.
#[derive(Debug)]
pub(super) enum Lookup {
    /// A regular file, open for reading.
    File(File, Metadata),
    Directory,
}

impl Beneath {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        Ok(Self { root: open(path, PLACE | OFlag::O_DIRECTORY, Mode::empty())?, links: Arc::default() })
    }

    /// Allows these links to lead out of the root.
    pub(super) fn with_links(self, links: &Arc<Vec<Arc<OuterLink>>>) -> Self {
        Self { links: Arc::clone(links), ..self }
    }

    /// Opens the target of `path`; `None` for anything but a regular file or a directory.
    ///
    /// The kind is found first, because opening a device or pipe can have effects.
    ///
    /// # Errors
    /// `ENOENT` if the target does not exist, lies outside, or has a name that the file system
    /// refuses; otherwise those of the system.
    pub(super) fn find(&self, path: &Path) -> io::Result<Option<Lookup>> {
        let (root, path) = self.place(path);
        match kind(&fstatat(root, named(&path), AtFlags::empty()).map_err(of_name)?) {
            SFlag::S_IFDIR => {
                reach(root, &path, PLACE | OFlag::O_DIRECTORY)?;
                Ok(Some(Lookup::Directory))
            }
            SFlag::S_IFREG => {
                let file = File::from(after_lease(|| reach(root, &path, READ))?);
                let facts = file.metadata()?;
                // Another kind of file may have taken the name meanwhile.
                Ok(facts.is_file().then_some(Lookup::File(file, facts)))
            }
            _ => Ok(None),
        }
    }

    /// Opens the directory at `path` for reading.
    ///
    /// # Errors
    /// As [`find`](Self::find), and `ENOTDIR`.
    pub(super) fn directory(&self, path: &Path) -> io::Result<File> {
        let (root, path) = self.place(path);
        reach(root, &path, OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC).map(File::from)
    }

    /// Returns the metadata of the target of `path`, without opening it for reading.
    ///
    /// # Errors
    /// As [`find`](Self::find).
    pub(super) fn facts(&self, path: &Path) -> io::Result<FileStat> {
        let (root, path) = self.place(path);
        match open_beneath(root, named(&path), PLACE) {
            Err(error) if needs_walk(error) => walk::facts(root, &path),
            reached => Ok(fstat(reached?)?),
        }
    }

    /// Returns the modification time of the regular file at `path`, in seconds since 1970.
    pub(super) fn modified(&self, path: &Path) -> Option<i64> {
        let facts = self.facts(path).ok()?;
        (kind(&facts) == SFlag::S_IFREG).then_some(facts.st_mtime)
    }

    /// Returns the directory in which `path` is looked up, and the path below it: the root, or the
    /// target of an allowed link.
    fn place<'a>(&'a self, path: &'a Path) -> (&'a OwnedFd, Cow<'a, Path>) {
        match self.links.iter().find_map(|link| link.enter(&self.root, path)) {
            Some((directory, below)) => (directory, below.into()),
            None => (&self.root, path.into()),
        }
    }
}

/// Opens the target of `path` beneath `root`.
fn reach(root: &OwnedFd, path: &Path, flags: OFlag) -> io::Result<OwnedFd> {
    match open_beneath(root, named(path), flags) {
        Err(error) if needs_walk(error) => walk::reach(root, path, flags),
        reached => Ok(reached?),
    }
}

/// True if the kernel has not decided about a path.
fn needs_walk(error: Errno) -> bool {
    // EXDEV: an absolute link, or a way out. EAGAIN: a rename meanwhile. The others: a kernel
    // without such a call, or a container that denies the call.
    matches!(error, Errno::EXDEV | Errno::EAGAIN | Errno::ENOSYS | Errno::EPERM)
}

/// Calls `open`, and waits up to 300 ms for a lease of the file to end.
///
/// A lease lets its holder, such as Samba, cache a file. The kernel tells the holder of our wish,
/// and refuses meanwhile (`EAGAIN`): see fcntl(2), `F_SETLEASE`. No event announces the end.
fn after_lease(open: impl Fn() -> io::Result<OwnedFd>) -> io::Result<OwnedFd> {
    for pause in LEASE_PAUSES {
        match open() {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                thread::park_timeout(Duration::from_millis(pause));
            }
            opened => return opened,
        }
    }
    open()
}

/// Converts the error of a look-up: if the file system refuses a name, such as one that is not
/// UTF-8, no file has the name.
fn of_name(error: Errno) -> Errno {
    if matches!(error, Errno::EINVAL | Errno::EILSEQ) { Errno::ENOENT } else { error }
}

/// The path with a name for the root itself.
fn named(path: &Path) -> &Path {
    if path.as_os_str().is_empty() { Path::new(".") } else { path }
}

/// Opens a regular file. If a pipe has replaced the file, opening does not wait for a writer.
pub(super) const READ: OFlag =
    OFlag::O_RDONLY.union(OFlag::O_NONBLOCK).union(OFlag::O_NOCTTY).union(OFlag::O_CLOEXEC).union(LARGE);
/// The times between attempts to open a leased file, in milliseconds.
const LEASE_PAUSES: [u64; 6] = [1, 4, 15, 50, 100, 130];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refused_name_is_a_missing_one() {
        for error in [Errno::EINVAL, Errno::EILSEQ, Errno::ENOENT] {
            assert_eq!(of_name(error), Errno::ENOENT);
        }
        for error in [Errno::EACCES, Errno::EIO, Errno::ENOTDIR] {
            assert_eq!(of_name(error), error);
        }
    }
}
