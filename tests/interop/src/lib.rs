//! Shared by both sides: content in which every byte depends on its position.

use std::io::{self, Read};

/// Numbered lines: the line that begins at byte `n` is `n / 16` in fifteen digits.
pub struct Lines {
    at: u64,
    end: u64,
}

impl Lines {
    /// The first `length` bytes.
    pub fn new(length: u64) -> Self {
        Self { at: 0, end: length }
    }

    /// The first `length` bytes, in memory.
    pub fn all(length: u64) -> Vec<u8> {
        let mut content = Vec::new();
        Self::new(length).read_to_end(&mut content).expect("it cannot fail");
        content
    }
}

impl Read for Lines {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let mut written = 0;
        while written < room.len() && self.at < self.end {
            let line = line(self.at / 16);
            let rest = &line[(self.at % 16) as usize..];
            let left = usize::try_from(self.end - self.at).unwrap_or(usize::MAX);
            let length = rest.len().min(room.len() - written).min(left);
            room[written..written + length].copy_from_slice(&rest[..length]);
            written += length;
            self.at += length as u64;
        }
        Ok(written)
    }
}

/// Content that fails, for clients that give up.
pub struct Broken;

impl Read for Broken {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::Error::other("given up"))
    }
}

fn line(mut number: u64) -> [u8; 16] {
    let mut line = *b"000000000000000\n";
    for digit in line[..15].iter_mut().rev() {
        *digit = b'0' + u8::try_from(number % 10).expect("a digit");
        number /= 10;
    }
    line
}

/// Reads `content` to its end, and returns its length if the content is numbered lines from the
/// first on.
///
/// # Errors
/// A failed read; `InvalidData` for a byte in the wrong position.
pub fn check(content: &mut impl Read) -> io::Result<u64> {
    let (mut lines, mut length) = (Lines::new(u64::MAX), 0);
    let (mut room, mut expected) = (vec![0; 1 << 16], vec![0; 1 << 16]);
    loop {
        let got = content.read(&mut room)?;
        if got == 0 {
            return Ok(length);
        }
        lines.read_exact(&mut expected[..got])?;
        if room[..got] != expected[..got] {
            let message = format!("other content than expected after byte {length}");
            return Err(io::Error::new(io::ErrorKind::InvalidData, message));
        }
        length += got as u64;
    }
}
