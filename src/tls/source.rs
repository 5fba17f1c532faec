//! Reads files of certificates, keys and passwords whole, within bounds of size and time.
//!
//! A pipe gives its bytes once, but a start reads each file twice: to check, and to serve. So the
//! content of pipes is kept for the life of the process, and a later read returns the kept content
//! unless a writer has sent more.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;
use std::time::Duration;

use crate::input::InputFile;
use crate::sync::Mutex;

/// Reads the file `path`. Returns its content and its permissions.
///
/// # Errors
/// `TimedOut` for a pipe without a writer, or whose writer does not end within 5 s;
/// `FileTooLarge` above 16 MiB; those of opening and reading.
pub(crate) fn read(path: &Path) -> io::Result<(Vec<u8>, Permissions)> {
    let input = InputFile::open(path, MOST_BYTES)?;
    let facts = input.metadata();
    let (permissions, id) = (facts.permissions(), (facts.dev(), facts.ino()));
    let bytes = if facts.file_type().is_fifo() { pipe(input, id)? } else { input.read()? };
    Ok((bytes, permissions))
}

/// True if `path` is a pipe and the last read returned kept content.
pub(crate) fn is_kept(path: &Path) -> bool {
    let Ok(facts) = fs::metadata(path) else { return false };
    let id = (facts.dev(), facts.ino());
    PIPES.lock().iter().any(|pipe| pipe.id == id && !pipe.is_fresh)
}

/// The content of a pipe.
struct Kept {
    /// Device and inode.
    id: (u64, u64),
    content: Vec<u8>,
    /// True if the last read returned bytes from the pipe itself.
    is_fresh: bool,
}

fn pipe(input: InputFile, id: (u64, u64)) -> io::Result<Vec<u8>> {
    let is_known = PIPES.lock().iter().any(|pipe| pipe.id == id);
    let read = if is_known { input.read_soon(MOMENT) } else { input.read() };
    let mut pipes = PIPES.lock();
    let known = pipes.iter_mut().find(|pipe| pipe.id == id);
    match (read, known) {
        (Ok(content), Some(known)) if !content.is_empty() => {
            (known.content, known.is_fresh) = (content.clone(), true);
            Ok(content)
        }
        (Ok(content), None) => {
            if pipes.len() == MOST_PIPES {
                pipes.remove(0);
            }
            pipes.push(Kept { id, content: content.clone(), is_fresh: true });
            Ok(content)
        }
        (Ok(_), Some(known)) => Ok(known.recall()),
        (Err(error), _) => Err(error),
    }
}

impl Kept {
    fn recall(&mut self) -> Vec<u8> {
        self.is_fresh = false;
        self.content.clone()
    }
}

static PIPES: Mutex<Vec<Kept>> = Mutex::new(Vec::new());

/// The time for the first byte of a pipe that was read before.
const MOMENT: Duration = Duration::from_millis(100);
/// The most bytes of a file.
const MOST_BYTES: usize = 16 << 20;
/// The most pipes with kept content.
const MOST_PIPES: usize = 64;

#[cfg(test)]
mod tests {
    use std::fs::OpenOptions;
    use std::io::Write;
    use std::os::fd::AsRawFd;
    use std::path::PathBuf;

    use super::*;

    fn by_number(end: &impl AsRawFd) -> PathBuf {
        PathBuf::from(format!("/dev/fd/{}", end.as_raw_fd()))
    }

    #[test]
    fn a_pipe_is_read_once_and_its_content_kept() {
        let (reader, mut writer) = io::pipe().unwrap();
        writer.write_all(b"key").unwrap();
        drop(writer);
        let path = by_number(&reader);
        assert!(!is_kept(&path));
        assert_eq!(read(&path).unwrap().0, b"key");
        assert!(!is_kept(&path));
        assert_eq!(read(&path).unwrap().0, b"key");
        assert!(is_kept(&path));
    }

    #[test]
    fn a_pipe_with_a_new_writer_is_read_again() {
        let (reader, _) = io::pipe().unwrap();
        let path = by_number(&reader);
        for content in [b"one", b"two"] {
            OpenOptions::new().write(true).open(&path).unwrap().write_all(content).unwrap();
            assert_eq!(read(&path).unwrap().0, content);
            assert!(!is_kept(&path));
        }
    }
}
