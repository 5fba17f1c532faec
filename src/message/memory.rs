//! Content in memory, and the amount of memory held by it.

use bytes::{Buf, Bytes};

/// Bytes to send, with the size of the memory freed with them.
#[derive(Debug)]
pub(crate) struct InMemory {
    bytes: Bytes,
    /// The number of bytes before sending began: `whole >= bytes.len()`.
    whole: usize,
    origin: Origin,
}

/// The origin of bytes.
#[derive(Debug)]
enum Origin {
    /// The program's static data: no memory is freed.
    Static,
    /// An allocation of this size, freed with the bytes.
    Owned(usize),
    /// The handler's [`Bytes`]. Other parts of the program may hold the same allocation.
    Unknown,
}

/// Memory held by bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Retained {
    Nothing,
    /// An allocation of this size.
    Own(usize),
    /// An allocation starting at `place`. Other parts of the program may hold it too.
    Shared {
        place: usize,
        size: usize,
    },
}

impl InMemory {
    /// Static bytes of the program.
    pub(crate) fn constant(bytes: &'static [u8]) -> Self {
        Self::new(Bytes::from_static(bytes), Origin::Static)
    }

    /// The bytes of `owner`, dropped with the bytes. Other answers may have the same bytes.
    pub(crate) fn shared(owner: impl AsRef<[u8]> + Send + 'static) -> Self {
        Bytes::from_owner(owner).into()
    }

    fn new(bytes: Bytes, origin: Origin) -> Self {
        Self { whole: bytes.len(), bytes, origin }
    }

    /// The unsent bytes. Callers may only remove bytes from the front.
    pub(crate) fn bytes(&mut self) -> &mut Bytes {
        &mut self.bytes
    }

    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Moves bytes from the front into `buffer`, and returns their number.
    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> usize {
        let length = buffer.len().min(self.bytes.len());
        self.bytes.copy_to_slice(&mut buffer[..length]);
        length
    }

    /// Prepares the bytes for a long wait: copies a small rest of a large allocation, to free the
    /// allocation.
    ///
    /// Bytes also held by other parts of the program are not copied, because the copy would free
    /// nothing.
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

    /// Finds the size of the allocation of unshared bytes.
    ///
    /// For a range of a handler's buffer, the memory before the range is visible only if it is at
    /// least as long as the range, so up to half of the allocation may be missing.
    fn claim(&mut self) {
        self.bytes = match std::mem::take(&mut self.bytes).try_into_mut() {
            Ok(mut own) => {
                // The sent bytes lie before the unsent ones, spare capacity behind them.
                let held = self.whole - own.len() + own.capacity();
                let _ = own.try_reclaim(own.capacity() - own.len() + 1);
                self.origin = Origin::Owned(held.max(own.capacity()));
                own.freeze()
            }
            Err(shared) => shared,
        };
    }

    /// Returns the memory held by the bytes.
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

impl From<InMemory> for Vec<u8> {
    fn from(content: InMemory) -> Self {
        content.bytes.into()
    }
}

/// A rest up to this size is copied if it is less than half of its allocation; a larger rest, if it
/// is less than an eighth.
const SMALL: usize = 16 * 1024;
