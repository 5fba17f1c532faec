//! The lock for replacing a dead socket: several servers that find one at the same time proceed one
//! after the other. Where a file cannot be bound hidden, every start takes the lock.
//!
//! The lock is on the directory of the socket (`flock`): no file is left behind, and the lock ends
//! with its process.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg, OFlag};

use crate::net::poll;

/// The held lock; released on drop.
#[derive(Debug)]
pub(super) struct Turn {
    _lock: Flock<File>,
}

impl Turn {
    /// Waits for the lock on the directory of `path`, up to two seconds. Other servers hold the
    /// lock while starting.
    ///
    /// Returns `None`:
    ///
    /// - if the directory cannot be read;
    /// - if the file system has no locks;
    /// - if another process keeps the lock: read access to the directory must not suffice to block
    ///   a server.
    pub(super) fn wait_for(path: &Path) -> Option<Self> {
        let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let mut file = OpenOptions::new().read(true).custom_flags(OFlag::O_DIRECTORY.bits()).open(directory).ok()?;
        for _ in 0..ATTEMPTS {
            file = match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
                Ok(lock) => return Some(Self { _lock: lock }),
                Err((file, Errno::EWOULDBLOCK | Errno::EINTR)) => file,
                Err(_) => return None,
            };
            // Retries, because a blocking lock has no deadline.
            poll::pause(PAUSE);
        }
        log::warn!("another process keeps directory {} locked; binding without the lock", directory.display());
        None
    }
}

/// Two seconds in all; a start takes milliseconds between bind and listen.
const ATTEMPTS: u32 = 200;
const PAUSE: Duration = Duration::from_millis(10);
