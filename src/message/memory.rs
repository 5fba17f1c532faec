//! Content in memory, and how much memory it keeps.

use bytes::{Buf, Bytes};

use super::body::{Body, BodyKind};

/// Bytes to send, and the memory that is freed with them.
#[derive(Debug)]
pub(crate) struct InMemory {
    bytes: Bytes,
    /// The number of bytes before any were sent: `whole >= bytes.len()`.
    whole: usize,
    origin: Origin,
}

/// Where bytes come from.
#[derive(Debug)]
enum Origin {
    /// The program itself: no memory is freed with them.
    Static,
    /// An allocation of this size that is freed with them.
    Owned(usize),
    /// A [`Bytes`] of the handler's, which other parts of the program may hold as well.
    Unknown,
}

/// Memory that bytes keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Retained {
    Nothing,
    /// An allocation of this size.
    Own(usize),
    /// An allocation that begins at `place`. Other parts of the program may hold it as well.
    Shared {
        place: usize,
        size: usize,
    },
}

impl InMemory {
    /// Bytes that are part of the program.
    pub(crate) fn constant(bytes: &'static [u8]) -> Self {
        Self::new(Bytes::from_static(bytes), Origin::Static)
    }

    /// The bytes of `owner`, which is dropped with them and holds `held` bytes of memory.
    pub(crate) fn owned(owner: impl AsRef<[u8]> + Send + 'static, held: usize) -> Self {
        Self::new(Bytes::from_owner(owner), Origin::Owned(held))
    }

    fn new(bytes: Bytes, origin: Origin) -> Self {
        Self { whole: bytes.len(), bytes, origin }
    }

    /// The bytes that are not sent yet. Removing from the front is the only change that callers may make.
    pub(crate) fn bytes(&mut self) -> &mut Bytes {
        &mut self.bytes
    }

    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Copies what fits into `buffer`, removes it, and returns its length.
    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> usize {
        let length = buffer.len().min(self.bytes.len());
        self.bytes.copy_to_slice(&mut buffer[..length]);
        length
    }

    /// Prepares the bytes for a long wait: copies a small rest of a large allocation, so that the allocation is freed.
    ///
    /// Bytes that other parts of the program hold as well stay as they are: a copy would free nothing.
    pub(crate) fn settle(&mut self) {
        if matches!(self.origin, Origin::Unknown) && self.bytes.is_unique() {
            self.claim();
        }
        if let Origin::Owned(held) = self.origin {
            let left = self.bytes.len();
            if left < held / 8 || (left <= SMALL && left < held / 2) {
                *self = Vec::from(&self.bytes[..]).into();
            }
        }
    }

    /// Finds the size of the allocation of bytes that belong to nobody else.
    ///
    /// A range of a handler's buffer does not show what lies before it unless that is as long as the range itself, so up to half of such an
    /// allocation may be missing.
    fn claim(&mut self) {
        self.bytes = match std::mem::take(&mut self.bytes).try_into_mut() {
            Ok(mut own) => {
                // What was sent lies before them, what was never written behind them.
                let held = self.whole - own.len() + own.capacity();
                let _ = own.try_reclaim(own.capacity() - own.len() + 1);
                self.origin = Origin::Owned(held.max(own.capacity()));
                own.freeze()
            }
            Err(shared) => shared,
        };
    }

    /// Returns the memory that the bytes keep from being freed.
    pub(crate) fn kept(&self) -> Retained {
        match self.origin {
            Origin::Static => Retained::Nothing,
            Origin::Owned(held) => Retained::Own(held),
            Origin::Unknown => {
                let sent = self.whole - self.bytes.len();
                Retained::Shared { place: (self.bytes.as_ptr() as usize).wrapping_sub(sent), size: self.whole }
            }
        }
    }
}

impl From<Vec<u8>> for InMemory {
    fn from(bytes: Vec<u8>) -> Self {
        let held = bytes.capacity();
        Self::new(bytes.into(), Origin::Owned(held))
    }
}

impl From<Bytes> for InMemory {
    fn from(bytes: Bytes) -> Self {
        Self::new(bytes, Origin::Unknown)
    }
}

impl From<InMemory> for Body {
    fn from(content: InMemory) -> Self {
        BodyKind::Bytes(content).into()
    }
}

impl From<InMemory> for Vec<u8> {
    fn from(content: InMemory) -> Self {
        content.bytes.into()
    }
}

/// A rest that is copied if it is less than half of its allocation; a larger rest is copied if it is less than an eighth.
const SMALL: usize = 16 * 1024;
