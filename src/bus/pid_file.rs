//! A PID file, locked by one process at a time.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg, OFlag};

use super::error::BusError;
use super::plugins::{Plugin, Subscriptions};
use super::{BoxError, Bus};
use crate::sync::Mutex;

/// Writes the PID into a file at `start` (70), and removes the file at `exit` (50); CherryPy's
/// `PIDFile`.
///
/// The file is locked meanwhile with `flock`, so a second process is refused. A killed process
/// leaves the file unlocked, and the next process takes over the file.
///
/// At `exit`, the file is removed only if the path still names the locked file. If privileges have
/// been dropped and the directory can no longer be written or searched, the file is emptied
/// instead.
///
/// The file is created with mode 0600. Any user who can read a file can lock it, and could so block
/// every start after a crash.
///
/// ```
/// use drupe::process::{Bus, PidFile, Plugin};
///
/// # let path = std::env::temp_dir().join(format!("drupe-doc-{}.pid", std::process::id()));
/// # let path = &path;
/// let bus = Bus::new();
/// PidFile::new(path).subscribe(&bus);
/// bus.start()?;
/// assert_eq!(std::fs::read_to_string(path).unwrap(), format!("{}\n", std::process::id()));
/// bus.exit()?;
/// assert!(!path.exists());
/// # Ok::<(), drupe::process::BusError>(())
/// ```
#[derive(Debug)]
pub struct PidFile {
    inner: Arc<Inner>,
    subscriptions: Subscriptions,
}

#[derive(Debug)]
struct Inner {
    path: PathBuf,
    /// The file, while this process holds it.
    held: Mutex<Option<Flock<File>>>,
}

impl PidFile {
    /// Creates a PID file plugin for `path`. The file is first opened at `start`.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        let inner = Inner { path: path.into(), held: Mutex::default() };
        Self { inner: Arc::new(inner), subscriptions: Subscriptions::default() }
    }
}

impl Plugin for PidFile {
    fn subscribe(&self, bus: &Bus) {
        let (first, last) = (Arc::clone(&self.inner), Arc::clone(&self.inner));
        self.subscriptions.add(bus.subscribe("start", 70, "PID file", move |_| Ok::<_, BoxError>(first.take()?)));
        self.subscriptions.add(bus.subscribe("exit", 50, "PID file", move |_| Ok::<_, BoxError>(last.give_back()?)));
    }

    /// Ends the subscriptions. The file is kept until the plugin is dropped, or until `exit` if the
    /// plugin is subscribed again.
    fn unsubscribe(&self, bus: &Bus) {
        self.subscriptions.end(bus);
    }
}

impl Inner {
    /// Locks and writes the file. Does nothing if this process already holds the file.
    fn take(&self) -> Result<(), BusError> {
        if self.held.lock().is_some() {
            return Ok(());
        }
        let file = take(&self.path)?;
        *self.held.lock() = Some(file);
        Ok(())
    }

    fn give_back(&self) -> Result<(), BusError> {
        let held = self.held.lock().take();
        held.map_or(Ok(()), |file| give_back(&self.path, &file))
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if let Err(error) = self.give_back() {
            log::error!("{error}");
        }
    }
}

fn take(path: &Path) -> Result<Flock<File>, BusError> {
    let failed = |source| BusError::File { path: path.to_owned(), source };
    loop {
        let mut options = OpenOptions::new();
        // A symbolic link could lead to a foreign file, and opening a pipe would block.
        let flags = (OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK).bits();
        let file = options.read(true).write(true).create(true).truncate(false).mode(0o600).custom_flags(flags);
        let file = file.open(path).map_err(failed)?;
        if !file.metadata().map_err(failed)?.is_file() {
            return Err(failed(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file")));
        }
        let mut file = match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(file) => file,
            Err((mut file, Errno::EWOULDBLOCK)) => {
                let mut by = String::new();
                // The content may be arbitrary; a PID is short.
                let _ = (&mut file).take(20).read_to_string(&mut by);
                return Err(BusError::Held { path: path.to_owned(), by: by.trim().to_owned() });
            }
            Err((_, errno)) => return Err(failed(errno.into())),
        };
        // The previous holder may have removed the file between opening and locking.
        if is_at(&file, path).map_err(failed)? {
            write(&mut file).map_err(failed)?;
            return Ok(file);
        }
    }
}

fn write(file: &mut File) -> io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    file.write_all(format!("{}\n", std::process::id()).as_bytes())
}

fn give_back(path: &Path, file: &File) -> Result<(), BusError> {
    let failed = |source| BusError::File { path: path.to_owned(), source };
    let removed = match is_at(file, path) {
        // The file at the path was replaced or removed.
        Ok(false) => return Ok(()),
        Ok(true) => std::fs::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            log::info!("cannot remove PID file {}: {error}; emptied it instead", path.display());
            file.set_len(0).map_err(failed)
        }
        removed => removed.map_err(failed),
    }
}

/// True if `file` is the file at `path`.
fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    let ours = file.metadata()?;
    match std::fs::symlink_metadata(path) {
        Ok(there) => Ok((there.dev(), there.ino()) == (ours.dev(), ours.ino())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    struct Place(PathBuf);

    impl Place {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("drupe-pid-{name}-{}", std::process::id()));
            fs::create_dir(&path).unwrap();
            Self(path)
        }

        fn file(&self) -> PathBuf {
            self.0.join("a.pid")
        }
    }

    impl Drop for Place {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn number() -> String {
        format!("{}\n", std::process::id())
    }

    #[test]
    fn pid_file_is_written_at_start_and_removed_at_exit() {
        let (place, bus) = (Place::new("life"), Bus::new());
        PidFile::new(place.file()).subscribe(&bus);
        assert!(!place.file().exists());
        bus.start().unwrap();
        bus.restart().unwrap();
        assert_eq!(fs::read_to_string(place.file()).unwrap(), number());
        bus.stop().unwrap();
        assert!(place.file().exists(), "stopped is not ended");
        bus.exit().unwrap();
        assert!(!place.file().exists());
    }

    #[test]
    fn locked_pid_file_is_refused_and_stale_one_is_taken_over() {
        let place = Place::new("held");
        // The old content is longer than a PID; none of it may remain.
        fs::write(place.file(), "99999999999\nand more").unwrap();
        let first = take(&place.file()).unwrap();
        assert_eq!(fs::read_to_string(place.file()).unwrap(), number());

        let bus = Bus::new();
        PidFile::new(place.file()).subscribe(&bus);
        let refused = bus.start().unwrap_err().to_string();
        let expected = format!(
            "start: PID file: PID file {} is locked by another process; the file contains \"{}\"",
            place.file().display(),
            std::process::id()
        );
        assert_eq!(refused, expected);
        assert!(place.file().exists(), "what is another's stays");
        give_back(&place.file(), &first).unwrap();
        drop(first);
        bus.start().unwrap();
        bus.exit().unwrap();
    }

    /// Any user who can open the file, even read-only, can lock it.
    #[test]
    fn pid_file_is_readable_by_its_owner_only() {
        let place = Place::new("mode");
        let held = take(&place.file()).unwrap();
        assert_eq!(held.metadata().unwrap().mode() & 0o777, 0o600);
    }

    #[test]
    fn replaced_pid_file_is_not_removed() {
        let place = Place::new("ours");
        let held = take(&place.file()).unwrap();
        fs::remove_file(place.file()).unwrap();
        give_back(&place.file(), &held).unwrap();
        fs::write(place.file(), "another's").unwrap();
        give_back(&place.file(), &held).unwrap();
        assert_eq!(fs::read_to_string(place.file()).unwrap(), "another's");
    }

    #[test]
    fn foreign_files_are_not_written_to() {
        let place = Place::new("kinds");
        let other = place.0.join("other");
        fs::write(&other, "precious").unwrap();
        std::os::unix::fs::symlink(&other, place.file()).unwrap();
        take(&place.file()).unwrap_err();
        assert_eq!(fs::read_to_string(&other).unwrap(), "precious");
        take(&place.0).unwrap_err();
        take(&place.0.join("missing/a.pid")).unwrap_err();
        take(Path::new("/dev/null")).unwrap_err();
    }

    #[test]
    fn dropping_plugin_and_bus_removes_the_pid_file() {
        let place = Place::new("drop");
        let (bus, file) = (Bus::new(), PidFile::new(place.file()));
        file.subscribe(&bus);
        bus.start().unwrap();
        file.unsubscribe(&bus);
        bus.exit().unwrap();
        assert!(place.file().exists());
        drop(file);
        assert!(!place.file().exists());
    }
}
