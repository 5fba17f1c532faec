//! What connections hold while they wait for slow clients: memory, and open files.
//!
//! Both are bounded, or a few clients that read nothing could fill the memory with large answers. Above the bounds an answer is waited
//! for by its worker, as one that is made while it is sent; there are never more of those than workers. What has come of requests is counted
//! by itself ([`incoming`](super::incoming)), so that neither takes the room of the other.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use crate::net::descriptors;

/// What all of them hold together.
#[derive(Debug)]
pub(crate) struct Burden {
    bytes: AtomicU64,
    files: AtomicUsize,
    /// All that there are: no limit.
    most_bytes: AtomicU64,
    most_files: usize,
}

/// What one of them holds; dropping it takes it off.
#[derive(Debug)]
pub(super) struct Load {
    burden: Arc<Burden>,
    bytes: u64,
    files: usize,
}

impl Burden {
    /// At most `most_bytes`, and a quarter of the descriptors that the process may have.
    pub(super) fn new(most_bytes: Option<u64>) -> Self {
        let most_files = descriptors::limit() / 4;
        let most_bytes = AtomicU64::new(most_bytes.unwrap_or(u64::MAX));
        Self { bytes: AtomicU64::new(0), files: AtomicUsize::new(0), most_bytes, most_files }
    }

    /// Has another bound from now on.
    pub(super) fn bound(&self, most_bytes: Option<u64>) {
        self.most_bytes.store(most_bytes.unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// Whether no more answers should be left to wait. Those that workers are about to leave may still come on top.
    pub(super) fn is_full(&self) -> bool {
        self.bytes.load(Ordering::Relaxed) >= self.most_bytes.load(Ordering::Relaxed)
            || self.files.load(Ordering::Relaxed) >= self.most_files
    }

    pub(super) fn add(self: &Arc<Self>, bytes: u64, files: usize) -> Load {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.files.fetch_add(files, Ordering::Relaxed);
        Load { burden: Arc::clone(self), bytes, files }
    }
}

#[cfg(test)]
impl Load {
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.burden.bytes.fetch_sub(self.bytes, Ordering::Relaxed);
        self.burden.files.fetch_sub(self.files, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_full_for_as_long_as_too_much_is_held() {
        let burden = Arc::new(Burden { most_files: 2, ..Burden::new(Some(100)) });
        let first = burden.add(60, 0);
        assert!(!burden.is_full());
        let second = burden.add(60, 1);
        assert!(burden.is_full(), "bytes");
        drop(first);
        assert!(!burden.is_full());
        let third = burden.add(0, 1);
        assert!(burden.is_full(), "files");
        drop((second, third));
        assert!(!burden.is_full());
        let endless = Arc::new(Burden::new(None));
        let _load = endless.add(u64::MAX / 2, 0);
        assert!(!endless.is_full());
    }
}
