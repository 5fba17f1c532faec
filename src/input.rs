//! Reads a file that an operator names whole, within bounds of size and time.
//!
//! The file may be a pipe, a FIFO or a device, whose writer may pause or never end. A reload reads
//! on a thread that a stop joins, so neither the opening nor the reading waits for longer than
//! [`PATIENCE`] in total.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// An open file to be read once.
#[derive(Debug)]
pub(crate) struct InputFile {
    file: File,
    metadata: Metadata,
    opened: Instant,
    most_bytes: usize,
}

impl InputFile {
    /// Opens the file `path`, of at most `most_bytes`.
    ///
    /// # Errors
    /// Those of opening; `WouldBlock` if the lease of another process on the file does not end.
    pub(crate) fn open(path: &Path, most_bytes: usize) -> io::Result<Self> {
        let opened = Instant::now();
        // Otherwise the opening of a FIFO waits for a writer.
        let mut options = OpenOptions::new();
        options.read(true).custom_flags(OFlag::O_NONBLOCK.bits());
        let file = loop {
            match options.open(path) {
                // Nothing announces the end of a lease: see fcntl(2), `F_SETLEASE`.
                Err(error) if error.kind() == ErrorKind::WouldBlock && opened.elapsed() < PATIENCE => {
                    thread::park_timeout(LEASE_PAUSE);
                }
                opened => break opened?,
            }
        };
        Ok(Self { metadata: file.metadata()?, file, opened, most_bytes })
    }

    pub(crate) fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// Reads to the end, for up to [`PATIENCE`] from the opening on.
    ///
    /// # Errors
    /// `TimedOut` if the content does not end in this time; `FileTooLarge`; those of reading.
    pub(crate) fn read(self) -> io::Result<Vec<u8>> {
        self.read_within(PATIENCE)
    }

    /// As [`read`](Self::read), but returns no bytes if none arrive within `time`.
    ///
    /// # Errors
    /// As `read`.
    pub(crate) fn read_soon(self, time: Duration) -> io::Result<Vec<u8>> {
        if self.is_ready(time)? { self.read() } else { Ok(Vec::new()) }
    }

    fn read_within(mut self, time: Duration) -> io::Result<Vec<u8>> {
        let (mut content, mut part) = (Vec::new(), vec![0; PART]);
        loop {
            if !self.is_ready(time)? {
                return Err(late(content.len(), time));
            }
            match self.file.read(&mut part) {
                Ok(0) => return Ok(content),
                Ok(count) => content.extend_from_slice(&part[..count]),
                Err(error) if [ErrorKind::Interrupted, ErrorKind::WouldBlock].contains(&error.kind()) => {}
                Err(error) => return Err(error),
            }
            if content.len() > self.most_bytes {
                let reason = format!("longer than {} MiB; reading ended there", self.most_bytes >> 20);
                return Err(io::Error::new(ErrorKind::FileTooLarge, reason));
            }
        }
    }

    /// Waits for input or the end until `time` after the opening. Returns false from then on, because
    /// the input of a fast writer never pauses.
    fn is_ready(&self, time: Duration) -> io::Result<bool> {
        loop {
            let left = time.saturating_sub(self.opened.elapsed());
            if left.is_zero() {
                return Ok(false);
            }
            let mut polled = [PollFd::new(self.file.as_fd(), PollFlags::POLLIN)];
            match poll(&mut polled, PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX)) {
                Err(Errno::EINTR) | Ok(0) => {}
                Err(error) => return Err(error.into()),
                Ok(_) => return Ok(true),
            }
        }
    }
}

/// The error of content that has not ended within `time`, after `count` bytes.
fn late(count: usize, time: Duration) -> io::Error {
    let seconds = time.as_secs_f64();
    let reason = match count {
        0 => format!("no content within {seconds} s"),
        _ => format!("no end of the content within {seconds} s; reading ended after {count} bytes"),
    };
    io::Error::new(ErrorKind::TimedOut, reason)
}

/// The time for a whole file: a stop may wait for a reload, and supervisors kill after ten seconds.
const PATIENCE: Duration = Duration::from_secs(5);
const LEASE_PAUSE: Duration = Duration::from_millis(50);
/// The bytes of one read.
const PART: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::fd::AsRawFd;
    use std::sync::mpsc::{self, RecvTimeoutError};

    use super::*;

    fn open(end: &impl AsRawFd) -> InputFile {
        InputFile::open(Path::new(&format!("/dev/fd/{}", end.as_raw_fd())), 1 << 20).unwrap()
    }

    #[test]
    fn pipe_is_read_to_its_end_although_the_writer_pauses() {
        let (reader, mut writer) = io::pipe().unwrap();
        let input = open(&reader);
        let writing = thread::spawn(move || {
            for part in [b"a = 1\n", b"b = 2\n"] {
                thread::park_timeout(Duration::from_millis(100));
                writer.write_all(part).unwrap();
            }
        });
        assert_eq!(input.read().unwrap(), b"a = 1\nb = 2\n");
        writing.join().unwrap();
    }

    #[test]
    fn pipe_that_trickles_ends_the_read_after_the_time_for_the_whole() {
        let (reader, mut writer) = io::pipe().unwrap();
        let input = open(&reader);
        let (done, is_done) = mpsc::channel::<()>();
        let trickle = thread::spawn(move || {
            let mut count = 0;
            while count < 1000 && is_done.recv_timeout(Duration::from_millis(20)) == Err(RecvTimeoutError::Timeout) {
                writer.write_all(b"#").unwrap();
                count += 1;
            }
            count
        });
        let error = input.read_within(Duration::from_millis(500)).unwrap_err();
        drop(done);
        assert!(trickle.join().unwrap() < 1000, "the reader waited for the writer's end");
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        let text = error.to_string();
        assert!(text.starts_with("no end of the content within 0.5 s; reading ended after "), "{text}");
    }

    #[test]
    fn pipe_without_a_writer_ends_the_wait() {
        let (reader, _writer) = io::pipe().unwrap();
        assert_eq!(open(&reader).read_soon(Duration::from_millis(1)).unwrap(), b"");
        let error = open(&reader).read_within(Duration::ZERO).unwrap_err();
        assert_eq!((error.kind(), error.to_string().as_str()), (ErrorKind::TimedOut, "no content within 0 s"));
    }

    #[test]
    fn endless_file_is_refused() {
        let input = InputFile::open(Path::new("/dev/zero"), 1 << 20).unwrap();
        let error = input.read().unwrap_err();
        let expected = (ErrorKind::FileTooLarge, "longer than 1 MiB; reading ended there");
        assert_eq!((error.kind(), error.to_string().as_str()), expected);
    }
}
