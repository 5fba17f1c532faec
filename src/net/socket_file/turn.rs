//! Whose turn it is to replace a dead socket: of several servers that find one at the same time, one after the other.
//!
//! The turn is a lock on the directory of the socket (`flock`): no file is left of it, and it ends with the process that has it.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg, OFlag};

use crate::net::poll;

/// The turn, until it is dropped.
#[derive(Debug)]
pub(super) struct Turn {
    _lock: Flock<File>,
}

impl Turn {
    /// Waits until it is our turn in the directory of `path`, which takes as long as others need to start.
    ///
    /// `None` where there are no turns: in a directory that may not be read, on a file system without locks, and beside somebody who
    /// keeps the lock, for whatever reason: who may read the directory must not be able to keep a server from starting.
    pub(super) fn wait_for(path: &Path) -> Option<Self> {
        let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let mut file = OpenOptions::new().read(true).custom_flags(OFlag::O_DIRECTORY.bits()).open(directory).ok()?;
        for _ in 0..ATTEMPTS {
            file = match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
                Ok(lock) => return Some(Self { _lock: lock }),
                Err((file, Errno::EWOULDBLOCK | Errno::EINTR)) => file,
                Err(_) => return None,
            };
            // To wait for a lock has no deadline, so it is tried again.
            poll::pause(PAUSE);
        }
        log::warn!("somebody keeps a lock on {}; not waiting for it any longer", directory.display());
        None
    }
}

/// Two seconds: a start takes milliseconds between bind and listen.
const ATTEMPTS: u32 = 200;
const PAUSE: Duration = Duration::from_millis(10);
