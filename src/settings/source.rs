//! The bytes of a file of settings.

use std::io::{self, ErrorKind};
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

use crate::input::InputFile;

/// Reads a file of at most 1 MiB, or a pipe.
///
/// # Errors
/// Those of [`InputFile`]; `UnexpectedEof` for a pipe without content.
pub(super) fn read(path: &Path) -> io::Result<Vec<u8>> {
    let input = InputFile::open(path, MOST_BYTES)?;
    let is_pipe = input.metadata().file_type().is_fifo();
    let content = input.read()?;
    if is_pipe && content.is_empty() {
        let reason = "the pipe has no content; a pipe can be read only once";
        return Err(io::Error::new(ErrorKind::UnexpectedEof, reason));
    }
    Ok(content)
}

/// The maximum file size. A device or a wrong file may be larger; no file of settings is.
const MOST_BYTES: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::Write;
    use std::os::fd::AsRawFd;

    use super::*;

    #[test]
    fn pipe_without_content_is_an_error() {
        let (reader, writer) = io::pipe().unwrap();
        drop(writer);
        let path = format!("/dev/fd/{}", reader.as_raw_fd());
        let write = |text: &[u8]| File::options().write(true).open(&path).unwrap().write_all(text).unwrap();
        let reading = std::thread::scope(|scope| {
            let reading = scope.spawn(|| read(Path::new(&path)));
            while !reading.is_finished() {
                write(b"");
            }
            reading.join().unwrap()
        });
        let expected = "the pipe has no content; a pipe can be read only once";
        assert_eq!(reading.unwrap_err().to_string(), expected);
        write(b"a = 1");
        assert_eq!(read(Path::new(&path)).unwrap(), b"a = 1");
    }
}
