//! What has been received and not yet been used.
//!
//! The bytes belong to the connection, not to a request: what follows one request is the start of the next.

use std::io;

use crate::net::stream::Stream;

/// A buffer that is read into at one end and used up at the other.
#[derive(Debug, Default)]
pub(crate) struct InputBuffer {
    /// All of it initialised; only `start..end` means anything. Empty where none is needed: a parked connection has none.
    buffer: Vec<u8>,
    /// `start <= end <= buffer.len()`.
    start: usize,
    end: usize,
}

impl InputBuffer {
    /// What is there to use.
    pub(crate) fn unread(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Takes the first `count` bytes as used.
    pub(crate) fn consume(&mut self, count: usize) {
        self.start = self.start.saturating_add(count).min(self.end);
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        }
    }

    /// Drops what is there.
    pub(crate) fn clear(&mut self) {
        (self.start, self.end) = (0, 0);
    }

    /// How much memory it keeps while it waits.
    pub(crate) fn held(&self) -> usize {
        self.buffer.len()
    }

    /// Reads once from `stream`. The room grows with what has come, never with what was announced.
    ///
    /// Says how many bytes came (0: the end) and whether that was all there was.
    pub(crate) fn read(&mut self, stream: &Stream) -> io::Result<Received> {
        self.read_by(stream, |room| stream.read(room))
    }

    /// Reads once what is there already.
    pub(crate) fn try_read(&mut self, stream: &Stream) -> io::Result<Received> {
        self.read_by(stream, |room| stream.try_read(room))
    }

    fn read_by(&mut self, stream: &Stream, read: impl FnOnce(&mut [u8]) -> io::Result<usize>) -> io::Result<Received> {
        self.make_room();
        let room = self.buffer.len() - self.end;
        let count = read(&mut self.buffer[self.end..])?;
        self.end += count;
        Ok(Received::of(stream, count, room))
    }

    /// Borrows a worker's buffer if there is none yet.
    pub(crate) fn lend(&mut self, spare: &mut Vec<u8>) {
        if self.buffer.is_empty() {
            self.buffer = std::mem::take(spare);
        }
    }

    /// Gives the buffer back if nothing is in it and it has not grown.
    pub(crate) fn give_back(&mut self, spare: &mut Vec<u8>) {
        if !self.is_empty() || self.buffer.is_empty() {
            return;
        }
        let buffer = std::mem::take(&mut self.buffer);
        if spare.is_empty() && buffer.len() == ROOM {
            *spare = buffer;
        }
    }

    /// Keeps what is unread in a buffer of its own size: for the time in which a connection waits with a part of a head.
    pub(crate) fn shrink(&mut self) {
        self.buffer.copy_within(self.start..self.end, 0);
        (self.start, self.end) = (0, self.end - self.start);
        // Room to grow in steps: a head that trickles in must not move for each byte.
        self.buffer.truncate((self.end + 1).next_power_of_two().max(PART));
        self.buffer.shrink_to_fit();
    }

    fn make_room(&mut self) {
        if self.end < self.buffer.len() {
            return;
        }
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        } else {
            self.buffer.resize((2 * self.end).max(ROOM), 0);
        }
    }
}

/// What one read brought.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Received {
    /// Bytes; 0 is the end of the input.
    pub(crate) count: usize,
    /// Whether the socket had no more, so that what comes later is reported anew.
    pub(crate) is_all: bool,
}

impl Received {
    /// What a read of `stream` brought that had `room`.
    pub(crate) fn of(stream: &Stream, count: usize, room: usize) -> Self {
        // With TLS the end may have come along, and be reported by nobody.
        Self { count, is_all: count < room && !stream.holds_input() }
    }
}

/// A worker's buffer: a head with room to spare.
const ROOM: usize = 16 * 1024;
/// What a waiting part of a head keeps at the least, so that trickling does not allocate for each byte.
const PART: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::script::Script;

    #[test]
    fn bytes_are_used_in_order_and_room_follows_what_came() {
        let stream = Stream::Script(Script::new([b"abcdef".to_vec(), vec![b'x'; 3 * ROOM]]));
        let mut input = InputBuffer::default();
        let received = input.read(&stream).unwrap();
        assert_eq!((received.count, received.is_all), (6, true));
        input.consume(4);
        assert_eq!(input.unread(), b"ef");
        while input.read(&stream).unwrap().count > 0 {}
        assert_eq!(input.unread().len(), 2 + 3 * ROOM);
        input.consume(usize::MAX);
        assert!(input.is_empty());
    }

    #[test]
    fn an_empty_input_holds_no_buffer_and_a_part_only_a_small_one() {
        let stream = Stream::Script(Script::new([b"GET".to_vec()]));
        let (mut input, mut spare) = (InputBuffer::default(), vec![0; ROOM]);
        input.lend(&mut spare);
        input.give_back(&mut spare);
        assert_eq!((input.buffer.capacity(), spare.len()), (0, ROOM));
        input.lend(&mut spare);
        input.read(&stream).unwrap();
        input.shrink();
        assert_eq!((input.unread(), input.buffer.capacity()), (&b"GET"[..], PART));
    }
}
