//! The unsent part of an answer whose content is complete.

use std::fs::File;
use std::io;
use std::ops::Range;

use bytes::Bytes;

use super::framing::GATHER;
use super::output::{Output, Passed};
use crate::engine::service::budget::Weight;
use crate::message::body::{Body, BodyKind};
use crate::message::memory::{InMemory, Retained};
use crate::message::pieces::{Piece, Pieces, read_range};

/// Content that any thread can send, in parts, at any time.
#[derive(Debug)]
pub(crate) enum Remainder {
    Bytes(InMemory),
    /// `by_kernel` is set until the kernel turns out not to support the file.
    File {
        file: File,
        range: Range<u64>,
        by_kernel: bool,
    },
    /// Ranges of a file with text between them.
    Pieces {
        pieces: Pieces,
        by_kernel: bool,
    },
}

/// The outcome of sending a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    Nothing,
    /// The client takes no more for now.
    More,
    /// The client may take more, but other connections come first.
    Share,
    /// The file ended this many bytes too early.
    Missing(u64),
}

impl Remainder {
    /// Converts `body` if its content is complete.
    pub(crate) fn of(body: Body) -> Result<Self, Body> {
        match body.into_kind() {
            BodyKind::Bytes(bytes) => Ok(Self::Bytes(bytes)),
            BodyKind::Empty => Ok(Self::Bytes(InMemory::constant(&[]))),
            BodyKind::File { file, range } => Ok(Self::File { file, range, by_kernel: true }),
            BodyKind::Pieces(pieces) => Ok(Self::Pieces { pieces, by_kernel: true }),
            kind => Err(kind.into()),
        }
    }

    /// Returns the number of bytes to be sent.
    pub(crate) fn len(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::File { range, .. } => range.end.saturating_sub(range.start),
            Self::Pieces { pieces, .. } => pieces.len(),
        }
    }

    /// Frees memory that the rest does not need during a long wait.
    pub(in crate::engine) fn settle(&mut self) {
        if let Self::Bytes(bytes) = self {
            bytes.settle();
        }
    }

    /// Returns the memory and the descriptors held.
    pub(in crate::engine) fn kept(&self) -> Weight {
        match self {
            Self::Bytes(bytes) => match bytes.kept() {
                Retained::Nothing => Weight::default(),
                Retained::Own(size) => Weight { bytes: size as u64, ..Weight::default() },
                Retained::Shared { place, size } => Weight { shared: Some((place, size as u64)), ..Weight::default() },
            },
            Self::File { .. } => Weight { files: 1, ..Weight::default() },
            Self::Pieces { pieces, .. } => Weight { bytes: pieces.held() as u64, files: 1, shared: None },
        }
    }

    /// Sends as much as the client takes. Small content is only gathered.
    pub(crate) fn send(&mut self, output: &mut Output<'_>) -> io::Result<Progress> {
        match self {
            Self::Bytes(bytes) => send_bytes(bytes.bytes(), output),
            Self::File { file, range, by_kernel } => send_range(file, range, by_kernel, output),
            Self::Pieces { pieces, by_kernel } => send_pieces(pieces, by_kernel, output),
        }
    }
}

fn send_bytes(bytes: &mut Bytes, output: &mut Output<'_>) -> io::Result<Progress> {
    if output.gathered.len() + bytes.len() <= GATHER {
        output.gathered.extend_from_slice(bytes);
        bytes.clear();
        return Ok(Progress::Nothing);
    }
    Ok(if output.send_some(bytes)? { Progress::Nothing } else { Progress::More })
}

/// Sends `range` of `file`: by the kernel if supported and the range is worth a system call, else
/// by copying.
fn send_range(
    file: &File,
    range: &mut Range<u64>,
    by_kernel: &mut bool,
    output: &mut Output<'_>,
) -> io::Result<Progress> {
    if *by_kernel && range.end.saturating_sub(range.start) > GATHER as u64 {
        match output.send_file(file, range)? {
            Passed::All => return Ok(Progress::Nothing),
            Passed::Some => return Ok(Progress::More),
            Passed::Share => return Ok(Progress::Share),
            Passed::Ended => return Ok(Progress::Missing(range.end - range.start)),
            Passed::Unsupported => *by_kernel = false,
        }
    }
    copy(file, range, output)
}

fn send_pieces(pieces: &mut Pieces, by_kernel: &mut bool, output: &mut Output<'_>) -> io::Result<Progress> {
    let turn = pieces.len().saturating_sub(SHARE as u64);
    loop {
        if (1..=turn).contains(&pieces.len()) && output.may_leave() {
            return Ok(Progress::Share);
        }
        let Some((file, piece)) = pieces.first() else { return Ok(Progress::Nothing) };
        let left = match piece {
            Piece::Text(text) => send_bytes(text, output)?,
            Piece::Range(range) => send_range(file, range, by_kernel, output)?,
        };
        match left {
            Progress::Nothing => {}
            // The pieces behind the gap are missing too.
            Progress::Missing(_) => return Ok(Progress::Missing(pieces.len())),
            Progress::More | Progress::Share => return Ok(left),
        }
    }
}

/// Sends a file by reading it: a small file, or one that the kernel cannot send.
fn copy(file: &File, range: &mut Range<u64>, output: &mut Output<'_>) -> io::Result<Progress> {
    let mut copied = 0;
    while !range.is_empty() {
        if copied >= SHARE && output.may_leave() {
            return Ok(Progress::Share);
        }
        let begin = output.gathered.len();
        let room = usize::try_from(range.end - range.start).unwrap_or(usize::MAX).min(COPY);
        output.gathered.resize(begin + room, 0);
        let got = read_range(file, range, &mut output.gathered[begin..]);
        output.gathered.truncate(begin + *got.as_ref().unwrap_or(&0));
        let got = got?;
        copied += got;
        if got == 0 {
            return Ok(Progress::Missing(range.end - range.start));
        }
        if output.gathered.len() > GATHER && !output.flush_some()? {
            // Read again later, not held in memory while the client takes nothing.
            let unsent = output.gathered.len().min(copied);
            output.gathered.truncate(output.gathered.len() - unsent);
            range.start -= unsent as u64;
            return Ok(Progress::More);
        }
    }
    Ok(Progress::Nothing)
}

/// The most bytes read at a time.
const COPY: usize = 64 * 1024;
/// The bytes of a file copied before other connections are served: a client over TLS may keep up
/// with the copy.
const SHARE: usize = 16 << 20;

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::Write;
    use std::os::unix::net::UnixStream;
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::config::Config;
    use crate::engine::service::context::{Service, WorkerContext};
    use crate::engine::wire::pace::Pace;
    use crate::message::Request;
    use crate::net::stream::Stream;
    use crate::settings::Settings;

    #[test]
    fn bytes_of_a_file_that_the_client_does_not_take_stay_in_the_file() {
        const LARGE: u64 = 1 << 20;
        let (_client, mut socket) = UnixStream::pair().unwrap();
        socket.set_write_timeout(Some(Duration::from_millis(1))).unwrap();
        while socket.write(&[b'#'; 4096]).is_ok() {}
        let config = Config::resolve(&Settings::default()).unwrap();
        let service = Arc::new(Service::new(config, Arc::new(|_: &mut Request| "")));
        let mut context = WorkerContext::new(service, Arc::default());
        let stream = Stream::unix(socket, Duration::from_millis(1)).unwrap();
        let path = std::env::temp_dir().join(format!("drupe-rest-{}", std::process::id()));
        let file = File::options().read(true).write(true).create(true).truncate(true).open(&path).unwrap();
        std::fs::remove_file(path).unwrap();
        file.set_len(LARGE).unwrap();

        let pace = Pace::new(Duration::from_secs(1), None);
        let mut output = Output::new(&stream, pace, &mut context).leaving();
        output.gathered.extend_from_slice(b"head");
        // As over TLS: the kernel cannot send the file.
        let mut rest = Remainder::File { file, range: 0..LARGE, by_kernel: false };
        for _ in 0..3 {
            assert_eq!(rest.send(&mut output).unwrap(), Progress::More);
            assert_eq!((output.gathered.len(), rest.len()), (4, LARGE));
        }
    }
}
