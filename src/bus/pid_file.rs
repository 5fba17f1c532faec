//! A file with the number of the process in it, which only one process at a time can have.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg, OFlag};

use super::error::BusError;
use super::plugins::{Plugin, Subscriptions};
use super::{BoxError, Bus};

/// Writes the number of the process into a file at `start` (70), and removes that at `exit` (50); CherryPy's `PIDFile`.
///
/// The file is locked meanwhile (`flock`), so a second process that wants it is refused, and one that was killed leaves nothing but a file
/// that the next takes over: it is the lock that counts, not the file. It is removed only if it is still the one that was locked. Where the
/// directory may no longer be written, or not even looked into, since privileges have been dropped, it is emptied instead.
///
/// It is made for its owner alone (0600): whoever can read a file can lock it, and could keep every start from what a killed process has left.
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
    /// The file while it is ours.
    held: Mutex<Option<Flock<File>>>,
}

impl PidFile {
    /// One at `path`. Nothing is opened before `start`.
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

    /// It keeps the file until it is dropped or, once more subscribed, at `exit`.
    fn unsubscribe(&self, bus: &Bus) {
        self.subscriptions.end(bus);
    }
}

impl Inner {
    /// Locks the file and writes into it; nothing if it is ours already.
    fn take(&self) -> Result<(), BusError> {
        if self.held().is_some() {
            return Ok(());
        }
        let file = take(&self.path)?;
        *self.held() = Some(file);
        Ok(())
    }

    fn give_back(&self) -> Result<(), BusError> {
        let held = self.held().take();
        held.map_or(Ok(()), |file| give_back(&self.path, &file))
    }

    fn held(&self) -> MutexGuard<'_, Option<Flock<File>>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
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
        // What is at the end of a symbolic link would be another's file, and opening a pipe would wait.
        let flags = (OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK).bits();
        let file = options.read(true).write(true).create(true).truncate(false).mode(0o600).custom_flags(flags);
        let file = file.open(path).map_err(failed)?;
        if !file.metadata().map_err(failed)?.is_file() {
            return Err(failed(io::Error::new(io::ErrorKind::InvalidInput, "it is no file")));
        }
        let mut file = match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(file) => file,
            Err((mut file, Errno::EWOULDBLOCK)) => {
                let mut by = String::new();
                // Whatever is in there, a number is short.
                let _ = (&mut file).take(20).read_to_string(&mut by);
                return Err(BusError::Held { path: path.to_owned(), by: by.trim().to_owned() });
            }
            Err((_, errno)) => return Err(failed(errno.into())),
        };
        // Its last holder may have removed it between the two.
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
        // Somebody has put another in its place, or has removed it.
        Ok(false) => return Ok(()),
        Ok(true) => std::fs::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            log::info!("PID file {} is emptied, since it cannot be removed: {error}", path.display());
            file.set_len(0).map_err(failed)
        }
        removed => removed.map_err(failed),
    }
}

/// Whether `file` is what is at `path`.
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
    fn it_is_written_at_start_and_removed_at_exit() {
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
    fn what_is_held_is_refused_and_what_was_left_is_taken_over() {
        let place = Place::new("held");
        // Longer than our own number, of which nothing may be left.
        fs::write(place.file(), "99999999999\nand more").unwrap();
        let first = take(&place.file()).unwrap();
        assert_eq!(fs::read_to_string(place.file()).unwrap(), number());

        let bus = Bus::new();
        PidFile::new(place.file()).subscribe(&bus);
        let refused = bus.start().unwrap_err().to_string();
        let expected = format!(
            "start: PID file: PID file {} is held by another process, \"{}\" says the file",
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

    /// Who can open it, to read it only, can lock it.
    #[test]
    fn nobody_else_can_keep_us_from_it() {
        let place = Place::new("mode");
        let held = take(&place.file()).unwrap();
        assert_eq!(held.metadata().unwrap().mode() & 0o777, 0o600);
    }

    #[test]
    fn only_ours_is_removed() {
        let place = Place::new("ours");
        let held = take(&place.file()).unwrap();
        fs::remove_file(place.file()).unwrap();
        give_back(&place.file(), &held).unwrap();
        fs::write(place.file(), "another's").unwrap();
        give_back(&place.file(), &held).unwrap();
        assert_eq!(fs::read_to_string(place.file()).unwrap(), "another's");
    }

    #[test]
    fn what_is_no_file_of_ours_is_not_written_to() {
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
    fn dropping_it_all_removes_it() {
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
