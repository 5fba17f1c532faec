//! Decodes a request body: content out, framing removed, trailers kept apart.
//!
//! The chunked coding is read strictly (RFC 9112 §7.1): two lenient recipients can disagree about
//! the start of the next request.

use http::HeaderMap;

use super::{error::ProtocolError, extension::Extension, framing::Framing, grammar, trailers::Trailers};

/// The limits of a request body.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ContentLimits {
    /// The most bytes of content; `None`: no limit.
    pub(crate) max_request_body_size: Option<u64>,
    /// The most bytes of all chunk extensions of one body together (413), from each `;` to the end
    /// of its line.
    pub(crate) extension_bytes: usize,
    /// The most bytes of the trailer section (431): each line with its CRLF, without the closing
    /// empty line.
    pub(crate) trailer_bytes: usize,
    /// The most field lines of the trailer section (431).
    pub(crate) trailer_fields: usize,
}

/// The result of one call of [`Decoder::decode`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DecodeStep {
    pub(crate) consumed: usize,
    pub(crate) produced: usize,
}

/// Decodes one body, resumable at every byte.
///
/// An error is final: every later call of `decode` returns the same error.
#[derive(Debug)]
pub(crate) struct Decoder {
    state: State,
    /// Content bytes returned so far.
    produced: u64,
    /// The limit of content; a handler may change the limit of its own request.
    max_request_body_size: Option<u64>,
    /// Bytes still allowed for chunk extensions.
    extension_room: usize,
    trailers: Trailers,
}

/// The syntax element of the next byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// The number of content bytes left in the body.
    Length(u64),
    Size {
        size: u64,
        digits: u8,
    },
    Extension {
        size: u64,
        part: Extension,
    },
    SizeLf {
        size: u64,
    },
    /// The number of content bytes left in this chunk.
    Data(u64),
    DataCr,
    DataLf,
    Trailers,
    Ended,
    Failed(ProtocolError),
}

impl Decoder {
    /// Creates a decoder for a body with this framing.
    ///
    /// # Errors
    /// `ContentTooLarge` if the declared length is over the limit.
    pub(crate) fn new(framing: Framing, limits: ContentLimits) -> Result<Self, ProtocolError> {
        let state = match framing {
            Framing::None | Framing::Length(0) => State::Ended,
            Framing::Length(length) => State::Length(length),
            Framing::Chunked => FIRST_SIZE,
        };
        let decoder = Self {
            state,
            produced: 0,
            max_request_body_size: limits.max_request_body_size,
            extension_room: limits.extension_bytes,
            trailers: Trailers::new(limits.trailer_bytes, limits.trailer_fields),
        };
        decoder.check_content(decoder.remaining().unwrap_or(0))?;
        Ok(decoder)
    }

    /// Moves as much content as possible from `input` to `output`.
    ///
    /// Returns (0, 0) despite more input and room if the body has ended. Consumes framing bytes
    /// even with an empty `output`. Never consumes a byte after the body.
    ///
    /// # Errors
    /// `ContentTooLarge`, `ExtensionsTooLarge` (413), `TrailersTooLarge` (431) and every violation
    /// of RFC 9112 §7.1 (400). The caller must discard any content written to `output` by the
    /// failing call.
    pub(crate) fn decode(&mut self, input: &[u8], output: &mut [u8]) -> Result<DecodeStep, ProtocolError> {
        let mut step = DecodeStep { consumed: 0, produced: 0 };
        loop {
            let rest = input.get(step.consumed..).unwrap_or_default();
            let room = output.get_mut(step.produced..).unwrap_or_default();
            let (consumed, produced) = match self.state {
                State::Failed(error) => return Err(error),
                State::Ended => (0, 0),
                State::Length(left) | State::Data(left) => {
                    let moved = copy(rest, room, left);
                    self.moved(left, moved);
                    (moved, moved)
                }
                _ => (self.framing_bytes(rest).inspect_err(|error| self.state = State::Failed(*error))?, 0),
            };
            if consumed == 0 {
                return Ok(step);
            }
            step.consumed = step.consumed.saturating_add(consumed);
            step.produced = step.produced.saturating_add(produced);
        }
    }

    /// Returns the content limit; `None`: no limit.
    pub(crate) fn content_limit(&self) -> Option<u64> {
        self.max_request_body_size
    }

    /// Sets the content limit from now on.
    ///
    /// # Errors
    /// `ContentTooLarge` if the content is over the limit already, or is known to exceed the limit.
    pub(crate) fn set_content_limit(&mut self, limit: u64) -> Result<(), ProtocolError> {
        self.max_request_body_size = Some(limit);
        let known = match self.state {
            State::Length(left) | State::Data(left) => left,
            // The size of the next chunk has been read, and was checked against the limit before.
            State::Extension { size, .. } | State::SizeLf { size } => size,
            State::Failed(error) => return Err(error),
            State::Size { .. } | State::DataCr | State::DataLf | State::Trailers | State::Ended => 0,
        };
        self.check_content(known).inspect_err(|error| self.state = State::Failed(*error))
    }

    /// Takes the trailer section once the body has ended; empty if there was none, or after the
    /// first call.
    pub(crate) fn take_trailers(&mut self) -> HeaderMap {
        self.trailers.take()
    }

    /// True if there are trailer fields to take.
    pub(crate) fn has_trailers(&self) -> bool {
        !self.trailers.is_empty()
    }

    /// The approximate memory outside the struct, in bytes.
    pub(crate) fn held(&self) -> usize {
        self.trailers.held()
    }

    /// True if the body, trailer section included, has been consumed.
    pub(crate) fn is_ended(&self) -> bool {
        self.state == State::Ended
    }

    /// Content bytes returned so far, those received past the decoder included.
    pub(crate) fn produced(&self) -> u64 {
        self.produced
    }

    /// Content bytes still to come, if known: with Content-Length, or at the end of the body.
    pub(crate) fn remaining(&self) -> Option<u64> {
        match self.state {
            State::Length(left) => Some(left),
            State::Ended => Some(0),
            _ => None,
        }
    }

    /// The number of content bytes before the next framing byte. The caller may receive these bytes
    /// directly into another buffer, and then count them with [`pass`](Self::pass).
    pub(crate) fn plain(&self) -> u64 {
        match self.state {
            State::Length(left) | State::Data(left) => left,
            _ => 0,
        }
    }

    /// Counts content bytes received past the decoder; a count above [`plain`](Self::plain) is
    /// clamped.
    pub(crate) fn pass(&mut self, count: usize) {
        let left = self.plain();
        if left > 0 {
            self.moved(left, count.min(usize::try_from(left).unwrap_or(usize::MAX)));
        }
    }

    fn moved(&mut self, left: u64, moved: usize) {
        let moved = moved as u64;
        self.produced = self.produced.saturating_add(moved);
        self.state = match (self.state, left.saturating_sub(moved)) {
            (State::Length(_), 0) => State::Ended,
            (State::Length(_), left) => State::Length(left),
            (_, 0) => State::DataCr,
            (_, left) => State::Data(left),
        };
    }

    /// Consumes framing bytes up to the next content and returns their number.
    fn framing_bytes(&mut self, input: &[u8]) -> Result<usize, ProtocolError> {
        let mut consumed = 0_usize;
        for byte in input {
            if matches!(self.state, State::Data(_) | State::Ended) {
                break;
            }
            self.state = self.next(*byte)?;
            consumed = consumed.saturating_add(1);
        }
        Ok(consumed)
    }

    /// Steps over one byte of `chunked-body = *chunk last-chunk trailer-section CRLF`,
    /// `chunk = chunk-size [ chunk-ext ] CRLF chunk-data CRLF`.
    fn next(&mut self, byte: u8) -> Result<State, ProtocolError> {
        match (self.state, byte) {
            (State::Size { size, digits }, _) => self.size(size, digits, byte),
            (State::Extension { size, .. }, b'\r') if self.ends_extension() => Ok(State::SizeLf { size }),
            (State::Extension { size, part }, _) => self.extension(size, part, byte),
            (State::SizeLf { size: 0 }, b'\n') => Ok(State::Trailers),
            (State::SizeLf { size }, b'\n') => Ok(State::Data(size)),
            (State::DataCr, b'\r') => Ok(State::DataLf),
            (State::DataLf, b'\n') => Ok(FIRST_SIZE),
            (State::Trailers, _) => Ok(if self.trailers.push(byte)? { State::Ended } else { State::Trailers }),
            _ => Err(ProtocolError::ChunkEnd),
        }
    }

    /// Reads `chunk-size = 1*HEXDIG`; at most 16 digits, so the size fits in a `u64`.
    fn size(&mut self, size: u64, digits: u8, byte: u8) -> Result<State, ProtocolError> {
        if let Some(digit) = grammar::hex_digit(byte) {
            if digits == MOST_DIGITS {
                return Err(ProtocolError::ContentTooLarge);
            }
            return Ok(State::Size { size: size << 4 | u64::from(digit), digits: digits.saturating_add(1) });
        }
        match byte {
            _ if digits == 0 => return Err(ProtocolError::ChunkSize),
            b'\r' | b';' => self.check_content(size)?,
            _ => return Err(ProtocolError::ChunkSize),
        }
        if byte == b'\r' { Ok(State::SizeLf { size }) } else { self.extension(size, Extension::Before, byte) }
    }

    fn extension(&mut self, size: u64, part: Extension, byte: u8) -> Result<State, ProtocolError> {
        let part = part.next(byte).ok_or(ProtocolError::ChunkExtension)?;
        self.extension_room = self.extension_room.checked_sub(1).ok_or(ProtocolError::ExtensionsTooLarge)?;
        Ok(State::Extension { size, part })
    }

    fn ends_extension(&self) -> bool {
        matches!(self.state, State::Extension { part, .. } if part.is_whole())
    }

    /// Refuses content over the limit before reading any of it.
    fn check_content(&self, coming: u64) -> Result<(), ProtocolError> {
        let total = self.produced.checked_add(coming).ok_or(ProtocolError::ContentTooLarge)?;
        match self.max_request_body_size {
            Some(limit) if total > limit => Err(ProtocolError::ContentTooLarge),
            _ => Ok(()),
        }
    }
}

fn copy(input: &[u8], output: &mut [u8], most: u64) -> usize {
    let length = input.len().min(output.len()).min(usize::try_from(most).unwrap_or(usize::MAX));
    if let (Some(from), Some(to)) = (input.get(..length), output.get_mut(..length)) {
        to.copy_from_slice(from);
    }
    length
}

const FIRST_SIZE: State = State::Size { size: 0, digits: 0 };
/// Hexadecimal digits of the largest `u64`.
const MOST_DIGITS: u8 = 16;

#[cfg(test)]
mod tests;
