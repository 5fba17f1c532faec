//! Links out of the root that the operator allows by their names.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use nix::fcntl::{OFlag, open, readlinkat};
use nix::sys::stat::Mode;

use crate::system::entry::PLACE;

/// A link with its target, both as found when the operator allowed the link.
///
/// The directory of the target is open since then: no later change of a link or a name can lead to
/// another one.
#[derive(Debug)]
pub(super) struct OuterLink {
    /// The path of the link below the root.
    path: PathBuf,
    /// The path that the link itself contains.
    content: OsString,
    /// The target, or the directory of a target that is a file.
    directory: OwnedFd,
    /// The name of a target that is a file.
    file: Option<OsString>,
}

impl OuterLink {
    /// Opens the target of the link at `path` below `root`.
    ///
    /// # Errors
    /// Those of the file system; `InvalidInput` if `path` is not a link, or its target neither a
    /// directory nor a regular file.
    pub(super) fn new(root: &Path, path: PathBuf) -> io::Result<Self> {
        let refused = |reason| io::Error::new(io::ErrorKind::InvalidInput, reason);
        let link = root.join(&path);
        if !fs::symlink_metadata(&link)?.is_symlink() {
            return Err(refused("not a symbolic link"));
        }
        let content = fs::read_link(&link)?.into_os_string();
        let target = fs::canonicalize(&link)?;
        let facts = fs::metadata(&target)?;
        let (directory, file) = match (target.parent(), target.file_name()) {
            (Some(directory), Some(name)) if facts.is_file() => (directory, Some(name.to_owned())),
            _ if facts.is_dir() => (target.as_path(), None),
            _ => return Err(refused("the target is neither a directory nor a regular file")),
        };
        let directory = open(directory, PLACE | OFlag::O_DIRECTORY, Mode::empty())?;
        Ok(Self { path, content, directory, file })
    }

    /// Returns the directory of the target and the path below it, if `path` leads through this link
    /// and the link below `root` is still as found.
    pub(super) fn enter(&self, root: &OwnedFd, path: &Path) -> Option<(&OwnedFd, PathBuf)> {
        let rest = path.strip_prefix(&self.path).ok()?;
        let below = match &self.file {
            Some(name) if rest.as_os_str().is_empty() => PathBuf::from(name),
            Some(_) => return None,
            None => rest.to_owned(),
        };
        let is_same = readlinkat(root, &self.path).is_ok_and(|content| content == self.content);
        is_same.then_some((&self.directory, below))
    }
}
