//! A log file that other programs may move away.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use nix::libc;

/// A file of lines; each line is written whole in one call, or counted as lost.
///
/// No write waits for a reader: lines for a full pipe are lost.
#[derive(Debug)]
pub(super) struct LogFile {
    path: PathBuf,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    file: File,
    /// True if the last line may be incomplete.
    is_torn: bool,
    /// Lines lost since the last complete line.
    lost: u64,
}

/// The result of writing a line.
#[derive(Debug)]
pub(super) enum Written {
    Whole,
    /// The first complete line after this number of lost lines.
    Again(u64),
    Lost(io::Error),
}

impl LogFile {
    /// Opens the file at `path`, creating it if needed: writable by its owner, readable by its
    /// group.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let state = State { file: open(path)?, is_torn: false, lost: 0 };
        Ok(Self { path: path.to_owned(), state: Mutex::new(state) })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Reopens the file at its path for all later lines. After an error, the old file stays in use.
    pub(super) fn reopen(&self) -> io::Result<()> {
        // Outside the lock, so that no line waits for the open.
        let file = open(&self.path)?;
        let mut state = self.state();
        (state.file, state.is_torn) = (file, false);
        Ok(())
    }

    /// Appends `line`, which ends in a line feed.
    pub(super) fn write(&self, line: &str) -> Written {
        let mut state = self.state();
        // An incomplete line must not be joined with this one.
        let done = if state.is_torn { state.file.write_all(b"\n") } else { Ok(()) };
        match done.and_then(|()| state.file.write_all(line.as_bytes())) {
            Ok(()) => {
                state.is_torn = false;
                match std::mem::take(&mut state.lost) {
                    0 => Written::Whole,
                    lost => Written::Again(lost),
                }
            }
            Err(error) => {
                state.is_torn = true;
                state.lost += 1;
                Written::Lost(error)
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn open(path: &Path) -> io::Result<File> {
    // For a pipe: neither the open nor a write may wait for a reader.
    let flags = libc::O_NONBLOCK | libc::O_NOCTTY;
    OpenOptions::new().append(true).create(true).mode(0o640).custom_flags(flags).open(path)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::fd::AsRawFd;
    use std::process::{Command, Stdio};

    use super::*;

    fn place(name: &str) -> PathBuf {
        let place = std::env::temp_dir().join(format!("drupe-log-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&place);
        fs::create_dir(&place).expect("a place for files");
        place
    }

    #[test]
    fn moved_log_file_is_left_at_reopening() {
        let place = place("moved");
        let (path, moved) = (place.join("log"), place.join("log.1"));
        fs::write(&path, "before\n").expect("it can be written");
        let log = LogFile::open(&path).expect("it can be opened");
        assert!(matches!(log.write("one\n"), Written::Whole));
        fs::rename(&path, &moved).expect("it can be moved");
        assert!(matches!(log.write("two\n"), Written::Whole));
        log.reopen().expect("there is nothing in the way");
        assert!(matches!(log.write("three\n"), Written::Whole));
        assert_eq!(fs::read_to_string(&moved).expect("it is there"), "before\none\ntwo\n");
        assert_eq!(fs::read_to_string(&path).expect("it is there"), "three\n");
        fs::remove_dir_all(place).expect("it is there");
    }

    #[test]
    fn log_file_stays_in_use_if_reopening_fails() {
        let place = place("stays");
        let (folder, moved) = (place.join("a"), place.join("b"));
        fs::create_dir(&folder).expect("a place for files");
        let log = LogFile::open(&folder.join("log")).expect("it can be opened");
        fs::rename(&folder, &moved).expect("it can be moved");
        log.reopen().expect_err("its folder is gone");
        assert!(matches!(log.write("one\n"), Written::Whole));
        assert_eq!(fs::read_to_string(moved.join("log")).expect("it is there"), "one\n");
        fs::remove_dir_all(place).expect("it is there");
    }

    #[test]
    fn a_full_disk_loses_lines_and_counts_them() {
        let place = place("full");
        let path = place.join("log");
        std::os::unix::fs::symlink("/dev/full", &path).expect("a place for files");
        let log = LogFile::open(&path).expect("a device can be opened");
        for _ in 0..3 {
            assert!(matches!(log.write("lost\n"), Written::Lost(error) if error.kind() == io::ErrorKind::StorageFull));
        }
        fs::remove_file(&path).expect("it is there");
        log.reopen().expect("there is nothing in the way");
        assert!(matches!(log.write("one\n"), Written::Again(3)));
        assert!(matches!(log.write("two\n"), Written::Whole));
        assert_eq!(fs::read_to_string(&path).expect("it is there"), "one\ntwo\n");
        fs::remove_dir_all(place).expect("it is there");
    }

    #[test]
    fn full_pipe_does_not_block_logging() {
        let mut reader = Command::new("sleep").arg("600").stdin(Stdio::piped()).spawn().expect("sleep is on the PATH");
        let pipe = reader.stdin.take().expect("it is piped");
        let path = PathBuf::from(format!("/proc/self/fd/{}", pipe.as_raw_fd()));
        let log = LogFile::open(&path).expect("it has a reader");
        let line = format!("{}\n", "x".repeat(1000));
        let written = std::iter::repeat_with(|| log.write(&line)).take_while(|it| matches!(it, Written::Whole)).count();
        assert!(written >= 4, "a pipe holds a page at the least: {written}");
        assert!(matches!(log.write(&line), Written::Lost(error) if error.kind() == io::ErrorKind::WouldBlock));
        reader.kill().and_then(|()| reader.wait()).expect("it runs");
        assert!(matches!(log.write(&line), Written::Lost(error) if error.kind() == io::ErrorKind::BrokenPipe));
    }
}
