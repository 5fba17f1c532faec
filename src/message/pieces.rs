//! Content composed of text and ranges of one file.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read};
use std::ops::Range;

use bytes::{Buf, Bytes};

/// Text and ranges of one file, in the order of sending.
#[derive(Debug)]
pub(crate) struct Pieces {
    file: File,
    /// The unsent pieces. The first may be partly sent.
    left: VecDeque<Piece>,
}

/// A piece of content.
#[derive(Debug)]
pub(crate) enum Piece {
    Text(Bytes),
    Range(Range<u64>),
}

impl Pieces {
    pub(crate) fn new(file: File, pieces: impl IntoIterator<Item = Piece>) -> Self {
        Self { file, left: pieces.into_iter().collect() }
    }

    /// Removes the sent pieces at the front, and returns the file and the first unsent piece.
    pub(crate) fn first(&mut self) -> Option<(&File, &mut Piece)> {
        while self.left.front().is_some_and(|piece| piece.len() == 0) {
            self.left.pop_front();
        }
        self.left.front_mut().map(|piece| (&self.file, piece))
    }

    /// The number of unsent bytes.
    pub(crate) fn len(&self) -> u64 {
        self.left.iter().map(Piece::len).fold(0, u64::saturating_add)
    }

    /// The number of bytes of memory held by the pieces.
    pub(crate) fn held(&self) -> usize {
        let text = self.left.iter().map(|piece| match piece {
            Piece::Text(text) => text.len(),
            Piece::Range(_) => 0,
        });
        text.sum::<usize>() + self.left.capacity() * size_of::<Piece>()
    }
}

impl Piece {
    fn len(&self) -> u64 {
        match self {
            Self::Text(text) => text.len() as u64,
            Self::Range(range) => range.end.saturating_sub(range.start),
        }
    }
}

impl Read for Pieces {
    /// Reads at most to the end of a piece. If the file has been truncated the content ends there:
    /// the client would take the next piece for the missing bytes.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.first() {
            None => Ok(0),
            Some((_, Piece::Text(text))) => {
                let length = buffer.len().min(text.len());
                text.copy_to_slice(&mut buffer[..length]);
                Ok(length)
            }
            Some((file, Piece::Range(range))) => read_range(file, range, buffer),
        }
    }
}

/// Reads from the front of `range` and shortens `range`; `Ok(0)` also if the file ends early.
pub(crate) fn read_range(file: &File, range: &mut Range<u64>, buffer: &mut [u8]) -> io::Result<usize> {
    let left = usize::try_from(range.end.saturating_sub(range.start)).unwrap_or(usize::MAX);
    let room = buffer.len().min(left);
    let got = std::os::unix::fs::FileExt::read_at(file, &mut buffer[..room], range.start)?;
    range.start += got as u64;
    Ok(got)
}
