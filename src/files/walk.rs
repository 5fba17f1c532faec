//! A look-up beneath a directory, one name at a time.
//!
//! Resolves the paths that the kernel does not: absolute links that lead into the root, links that
//! leave the root and come back, and every path if there is no `openat2`. No step follows a link of
//! the file system, so no change meanwhile can turn a step into a way out.

use std::ffi::OsString;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{OFlag, open, openat};
use nix::libc::{dev_t, ino_t};
use nix::sys::stat::{FileStat, Mode, SFlag, fstat};

use crate::system::entry::{NamedEntry, PLACE, open_entry};

/// The directories from some ancestor to the current one, each opened in the one before.
struct Walk {
    root: Identity,
    above: Vec<Step>,
}

/// Device and inode.
type Identity = (dev_t, ino_t);

struct Step {
    place: OwnedFd,
    is_root: bool,
}

/// Opens the target of `path`, which starts at `root`, with these `flags`.
///
/// # Errors
/// `ENOENT` if the target does not exist or lies outside of `root`; otherwise those of the system.
pub(super) fn reach(root: &OwnedFd, path: &Path, flags: OFlag) -> io::Result<OwnedFd> {
    match walk(root, path)? {
        (walk, Some(_)) if !walk.is_inside() => Err(Errno::ENOENT.into()),
        (_, Some(_)) if flags.contains(OFlag::O_DIRECTORY) => Err(Errno::ENOTDIR.into()),
        // A link that has taken the name meanwhile is an error.
        (walk, Some((name, _))) => Ok(open_entry(walk.current()?, &name, flags)?),
        (walk, None) => walk.finish_directory(flags),
    }
}

/// Returns the metadata of the target of `path`, which starts at `root`, without opening the target
/// for reading unless it is a directory.
///
/// # Errors
/// As [`reach`].
pub(super) fn facts(root: &OwnedFd, path: &Path) -> io::Result<FileStat> {
    match walk(root, path)? {
        (walk, _) if !walk.is_inside() => Err(Errno::ENOENT.into()),
        (_, Some((_, facts))) => Ok(facts),
        (walk, None) => Ok(fstat(walk.current()?)?),
    }
}

/// Walks from `root` along `path`. Returns the last directory, and the name and metadata of a
/// target that is no directory.
fn walk(root: &OwnedFd, path: &Path) -> io::Result<(Walk, Option<(OsString, FileStat)>)> {
    let start = Step { place: root.try_clone()?, is_root: true };
    let mut walk = Walk { root: identity(&fstat(root)?), above: vec![start] };
    // The names still to be resolved, last one first.
    let mut names = Vec::new();
    push(&mut names, path);
    let mut links = 0;
    while let Some(name) = names.pop() {
        match name.as_encoded_bytes() {
            b"." => {}
            b"/" => {
                walk.above.clear();
                walk.enter(open("/", PLACE, Mode::empty())?)?;
            }
            b".." => walk.leave()?,
            _ => {
                let here = walk.current()?;
                let entry = NamedEntry::find(here, &name)?;
                match kind(entry.facts()) {
                    SFlag::S_IFLNK if links == MOST_LINKS => return Err(Errno::ELOOP.into()),
                    SFlag::S_IFLNK => {
                        links += 1;
                        push(&mut names, Path::new(&entry.link(here, &name)?));
                    }
                    SFlag::S_IFDIR => {
                        let place = entry.enter(here, &name)?;
                        walk.enter(place)?;
                    }
                    _ if names.is_empty() => return Ok((walk, Some((name, *entry.facts())))),
                    _ => return Err(Errno::ENOTDIR.into()),
                }
            }
        }
    }
    Ok((walk, None))
}

impl Walk {
    fn current(&self) -> io::Result<&OwnedFd> {
        self.above.last().map(|step| &step.place).ok_or(Errno::ENOENT.into())
    }

    fn enter(&mut self, place: OwnedFd) -> io::Result<()> {
        let is_root = identity(&fstat(&place)?) == self.root;
        self.above.push(Step { place, is_root });
        Ok(())
    }

    /// Goes one directory up, to the one that the walk has come from.
    fn leave(&mut self) -> io::Result<()> {
        let Some(left) = self.above.pop() else { return Ok(()) };
        if self.above.is_empty() {
            let place = openat(&left.place, "..", PLACE | OFlag::O_DIRECTORY, Mode::empty())?;
            self.enter(place)?;
        }
        Ok(())
    }

    fn is_inside(&self) -> bool {
        self.above.iter().any(|step| step.is_root)
    }

    fn finish_directory(self, flags: OFlag) -> io::Result<OwnedFd> {
        if !self.is_inside() {
            return Err(Errno::ENOENT.into());
        }
        Ok(openat(self.current()?, ".", flags, Mode::empty())?)
    }
}

/// Puts the names of `path` before those of `names`.
fn push(names: &mut Vec<OsString>, path: &Path) {
    names.extend(path.components().rev().map(|name| name.as_os_str().to_owned()));
}

fn identity(facts: &FileStat) -> Identity {
    (facts.st_dev, facts.st_ino)
}

/// The type bits of the mode.
pub(super) fn kind(facts: &FileStat) -> SFlag {
    SFlag::from_bits_truncate(facts.st_mode) & SFlag::S_IFMT
}

/// The most links on the way, as in the kernel.
const MOST_LINKS: usize = 40;
