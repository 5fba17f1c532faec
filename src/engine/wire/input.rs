//! Input that has been received and not yet consumed.
//!
//! The bytes belong to the connection, not to a request: the bytes behind a request begin the next.

use std::io;

use crate::net::stream::Stream;

/// A buffer filled at one end and consumed at the other.
#[derive(Debug, Default)]
pub(crate) struct InputBuffer {
    /// Fully initialised, but only `start..end` is input. A parked connection without input has
    /// none.
    buffer: Vec<u8>,
    /// `start <= end <= buffer.len()`.
    start: usize,
    end: usize,
}

impl InputBuffer {
    /// Returns the unread input.
    pub(crate) fn unread(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Consumes the first `count` bytes.
    pub(crate) fn consume(&mut self, count: usize) {
        self.start = self.start.saturating_add(count).min(self.end);
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        }
    }

    /// Drops the unread input.
    pub(crate) fn clear(&mut self) {
        (self.start, self.end) = (0, 0);
    }

    /// Returns the bytes of memory held.
    pub(crate) fn held(&self) -> usize {
        self.buffer.len()
    }

    /// Reads once from `stream`. The buffer grows with received input, never with announced input.
    ///
    /// Returns the number of bytes (0: the end), and true if the socket is empty.
    pub(crate) fn read(&mut self, stream: &Stream) -> io::Result<Received> {
        self.read_by(stream, |room| stream.read(room))
    }

    /// Reads once without waiting.
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

    /// Borrows a worker's buffer if the input has none.
    pub(crate) fn lend(&mut self, spare: &mut Vec<u8>) {
        if self.buffer.is_empty() {
            self.buffer = std::mem::take(spare);
        }
    }

    /// Returns the buffer to the worker if the buffer is empty and has not grown.
    pub(crate) fn give_back(&mut self, spare: &mut Vec<u8>) {
        if !self.is_empty() || self.buffer.is_empty() {
            return;
        }
        let buffer = std::mem::take(&mut self.buffer);
        if spare.is_empty() && buffer.len() == ROOM {
            *spare = buffer;
        }
    }

    /// Shrinks the buffer to about the unread input, for a connection that waits with a partial
    /// head.
    pub(crate) fn shrink(&mut self) {
        self.buffer.copy_within(self.start..self.end, 0);
        (self.start, self.end) = (0, self.end - self.start);
        // Sized in steps, so that a head that trickles in is not moved for each byte.
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

/// The result of one read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Received {
    /// The number of bytes; 0 is the end of the input.
    pub(crate) count: usize,
    /// True if the socket is empty, so that later input is reported anew.
    pub(crate) is_all: bool,
}

impl Received {
    /// Returns the result of reading `count` bytes from `stream` into `room` bytes.
    pub(crate) fn of(stream: &Stream, count: usize, room: usize) -> Self {
        // With TLS the end may have come along, and the poller would not report it.
        Self { count, is_all: count < room && !stream.holds_input() }
    }
}

/// The size of a worker's buffer: more than a usual head.
const ROOM: usize = 16 * 1024;
/// The least buffer of a waiting head, so that a trickle does not allocate for each byte.
const PART: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::script::Script;
    use crate::net::socket::PlainSocket;

    #[test]
    fn bytes_are_used_in_order_and_room_follows_the_received_amount() {
        let stream = Stream::Plain(PlainSocket::Script(Script::new([b"abcdef".to_vec(), vec![b'x'; 3 * ROOM]])));
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
        let stream = Stream::Plain(PlainSocket::Script(Script::new([b"GET".to_vec()])));
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
