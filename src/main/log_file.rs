//! A log file that other programs may move away, or a standard stream.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use nix::libc;

use super::terminal::write_waiting;

/// A file of lines; lines are written whole in one call, or counted as lost.
///
/// No write to a pipe opened by name waits for a reader: lines for a full pipe are lost.
#[derive(Debug)]
pub(super) struct LogFile {
    path: PathBuf,
    /// True for a stream of the process, which has no name to open again.
    is_standard: bool,
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
    /// group. `-`, `/dev/stdout` and `/dev/stderr` are the streams of the process, which may be
    /// sockets.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let standard = standard(path)?;
        let is_standard = standard.is_some();
        let file = standard.map_or_else(|| open(path), Ok)?;
        let state = State { file, is_torn: false, lost: 0 };
        Ok(Self { path: path.to_owned(), is_standard, state: Mutex::new(state) })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Reopens the file at its path for all later lines; a standard stream stays. After an error,
    /// the old file stays in use.
    pub(super) fn reopen(&self) -> io::Result<()> {
        if self.is_standard {
            return Ok(());
        }
        // Outside the lock, so that no line waits for the open.
        let file = open(&self.path)?;
        let mut state = self.state();
        // Only the same file still ends in the incomplete line.
        state.is_torn &= is_same(&state.file, &file);
        state.file = file;
        Ok(())
    }

    /// Appends `count` lines, each of which ends in a line feed.
    pub(super) fn write(&self, lines: &str, count: u64) -> Written {
        let mut state = self.state();
        // An incomplete line must not be joined with this one.
        let before = if state.is_torn { "\n" } else { "" };
        let text = format!("{before}{lines}");
        let (written, done) = self.append(&state.file, &text);
        let written = &text.as_bytes()[..written];
        state.is_torn = written.last().map_or(state.is_torn, |&last| last != b'\n');
        match done {
            Ok(()) => match std::mem::take(&mut state.lost) {
                0 => Written::Whole,
                lost => Written::Again(lost),
            },
            Err(error) => {
                let ends = written.iter().filter(|&&byte| byte == b'\n').count();
                state.lost += count.saturating_sub(ends.saturating_sub(before.len()) as u64);
                Written::Lost(error)
            }
        }
    }

    /// Writes `text`, and returns the number of bytes written before an error.
    fn append(&self, file: &File, text: &str) -> (usize, io::Result<()>) {
        let mut output = Counted { file, written: 0 };
        let done = match self.is_standard {
            true => write_waiting(&mut output, file.as_fd(), text),
            false => output.write_all(text.as_bytes()),
        };
        (output.written, done)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A file, and the number of bytes written to it.
struct Counted<'a> {
    file: &'a File,
    written: usize,
}

impl Write for Counted<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.written += written;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Returns the stream of the process called `path`, if any.
fn standard(path: &Path) -> io::Result<Option<File>> {
    let descriptor = match path.to_str() {
        Some("-" | "/dev/stdout" | "/dev/fd/1" | "/proc/self/fd/1") => io::stdout().as_fd().try_clone_to_owned(),
        Some("/dev/stderr" | "/dev/fd/2" | "/proc/self/fd/2") => io::stderr().as_fd().try_clone_to_owned(),
        _ => return Ok(None),
    };
    descriptor.map(|descriptor| Some(descriptor.into()))
}

/// True if both are open at the same file.
fn is_same(one: &File, other: &File) -> bool {
    let identity = |file: &File| file.metadata().map(|facts| (facts.dev(), facts.ino()));
    matches!((identity(one), identity(other)), (Ok(one), Ok(other)) if one == other)
}

fn open(path: &Path) -> io::Result<File> {
    // For a pipe: neither the open nor a write may wait for a reader.
    let flags = libc::O_NONBLOCK | libc::O_NOCTTY;
    OpenOptions::new().append(true).create(true).mode(0o640).custom_flags(flags).open(path)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Read;
    use std::os::fd::AsRawFd;
    use std::process::{Command, Stdio};
    use std::thread;
    use std::time::{Duration, Instant};

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
        assert!(matches!(log.write("one\n", 1), Written::Whole));
        fs::rename(&path, &moved).expect("it can be moved");
        assert!(matches!(log.write("two\n", 1), Written::Whole));
        log.reopen().expect("there is nothing in the way");
        assert!(matches!(log.write("three\n", 1), Written::Whole));
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
        assert!(matches!(log.write("one\n", 1), Written::Whole));
        assert_eq!(fs::read_to_string(moved.join("log")).expect("it is there"), "one\n");
        fs::remove_dir_all(place).expect("it is there");
    }

    #[test]
    fn reopened_file_gets_no_line_joined_with_a_torn_one() {
        let place = place("torn");
        let (path, moved) = (place.join("log"), place.join("log.1"));
        fs::write(&path, "to").expect("it can be written");
        let log = LogFile::open(&path).expect("it can be opened");
        log.state().is_torn = true;
        log.reopen().expect("there is nothing in the way");
        assert!(matches!(log.write("one\n", 1), Written::Whole));
        log.state().is_torn = true;
        fs::rename(&path, &moved).expect("it can be moved");
        log.reopen().expect("there is nothing in the way");
        assert!(matches!(log.write("two\n", 1), Written::Whole));
        assert_eq!(fs::read_to_string(&moved).expect("it is there"), "to\none\n");
        assert_eq!(fs::read_to_string(&path).expect("it is there"), "two\n");
        fs::remove_dir_all(place).expect("it is there");
    }

    #[test]
    fn a_full_disk_loses_lines_and_counts_them() {
        let place = place("full");
        let path = place.join("log");
        std::os::unix::fs::symlink("/dev/full", &path).expect("a place for files");
        let log = LogFile::open(&path).expect("a device can be opened");
        for _ in 0..3 {
            assert!(
                matches!(log.write("lost\n", 1), Written::Lost(error) if error.kind() == io::ErrorKind::StorageFull)
            );
        }
        fs::remove_file(&path).expect("it is there");
        log.reopen().expect("there is nothing in the way");
        assert!(matches!(log.write("one\n", 1), Written::Again(3)));
        assert!(matches!(log.write("two\n", 1), Written::Whole));
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
        let written =
            std::iter::repeat_with(|| log.write(&line, 1)).take_while(|it| matches!(it, Written::Whole)).count();
        assert!(written >= 4, "a pipe holds a page at the least: {written}");
        assert!(matches!(log.write(&line, 1), Written::Lost(error) if error.kind() == io::ErrorKind::WouldBlock));
        reader.kill().and_then(|()| reader.wait()).expect("it runs");
        let begun = Instant::now();
        // A process that another test is about to start may hold the pipe for a moment.
        while !matches!(log.write(&line, 1), Written::Lost(error) if error.kind() == io::ErrorKind::BrokenPipe) {
            assert!(begun.elapsed() < Duration::from_secs(30), "the pipe has no reader");
            thread::yield_now();
        }
    }

    #[test]
    fn full_pipe_gets_no_empty_line_for_a_lost_one() {
        let place = place("pipe");
        let path = place.join("pipe");
        assert!(Command::new("mkfifo").arg(&path).status().expect("mkfifo is on the PATH").success());
        let flags = libc::O_NONBLOCK;
        let mut reader = OpenOptions::new().read(true).custom_flags(flags).open(&path).expect("nothing waits");
        let log = LogFile::open(&path).expect("it has a reader");
        let line = |length: usize| format!("{}\n", "x".repeat(length - 1));
        let (page, mut count) = (line(4096), 0);
        while matches!(log.write(&page, 1), Written::Whole) {
            count += 1;
        }
        assert!(matches!(log.write(&page, 1), Written::Lost(_)));
        let mut start = vec![0; page.len()];
        reader.read_exact(&mut start).expect("it is full");
        // There is room for the first line, and for a part of the second.
        let two = [line(3000), line(3000)].concat();
        assert!(matches!(log.write(&two, 2), Written::Lost(error) if error.kind() == io::ErrorKind::WouldBlock));
        assert!(matches!(log.write(&page, 1), Written::Lost(_)));
        let mut rest = String::new();
        assert_eq!(reader.read_to_string(&mut rest).expect_err("it has a writer").kind(), io::ErrorKind::WouldBlock);
        assert!(matches!(log.write("end\n", 1), Written::Again(4)));
        drop(log);
        reader.read_to_string(&mut rest).expect("it has no writer");
        let lengths: Vec<usize> = rest.lines().map(str::len).collect();
        assert_eq!(lengths, [vec![4095; count - 1], vec![2999, 1096, 3]].concat());
        fs::remove_dir_all(place).expect("it is there");
    }
}
