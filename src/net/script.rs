//! A connection in memory: the client's input, piece by piece, and the server's output.

use std::collections::VecDeque;
use std::io::IoSlice;

use crate::sync::Mutex;

/// The server's end of a scripted connection.
#[derive(Debug, Default)]
pub(crate) struct Script {
    lines: Mutex<Lines>,
}

#[derive(Debug, Default)]
struct Lines {
    /// The client's input; the client half-closes after the last piece.
    said: VecDeque<Vec<u8>>,
    /// The server's output.
    answered: Vec<u8>,
}

impl Script {
    /// Creates a client that sends each of `pieces` as one segment and then half-closes.
    pub(crate) fn new(pieces: impl IntoIterator<Item = Vec<u8>>) -> Self {
        let said = pieces.into_iter().filter(|piece| !piece.is_empty()).collect();
        Self { lines: Mutex::new(Lines { said, answered: Vec::new() }) }
    }

    /// All bytes written so far.
    pub(crate) fn answered(&self) -> Vec<u8> {
        self.lines.lock().answered.clone()
    }

    pub(super) fn read(&self, buffer: &mut [u8]) -> usize {
        let mut lines = self.lines.lock();
        let Some(piece) = lines.said.front_mut() else { return 0 };
        let length = piece.len().min(buffer.len());
        buffer[..length].copy_from_slice(&piece[..length]);
        piece.drain(..length);
        if piece.is_empty() {
            lines.said.pop_front();
        }
        length
    }

    pub(super) fn write(&self, parts: &[IoSlice<'_>]) -> usize {
        let mut lines = self.lines.lock();
        for part in parts {
            lines.answered.extend_from_slice(part);
        }
        parts.iter().map(|part| part.len()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_arrive_apart_and_end() {
        let script = Script::new([b"abc".to_vec(), Vec::new(), b"d".to_vec()]);
        let mut buffer = [0; 2];
        let mut lengths = Vec::new();
        for _ in 0..4 {
            lengths.push(script.read(&mut buffer));
        }
        assert_eq!(lengths, [2, 1, 1, 0]);
        assert_eq!(script.write(&[IoSlice::new(b"x"), IoSlice::new(b"yz")]), 3);
        assert_eq!(script.answered(), b"xyz");
    }
}
