//! What connections hold while they wait for slow clients: memory, and open files.
//!
//! Both are bounded, or a few clients that read nothing could fill the memory with large answers. Above the bounds an answer is waited
//! for by its worker, as one that is made while it is sent; there are never more of those than workers. What has come of requests is counted
//! by itself ([`incoming`](crate::engine::connection::partial)), so that neither takes the room of the other.
//!
//! Memory counts as it was allocated: the bytes that are left of an answer keep all of its allocation. An allocation that several answers
//! share counts once, from the first that waits to the last.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::net::descriptors;

/// What all of them hold together.
#[derive(Debug)]
pub(crate) struct MemoryBudget {
    bytes: AtomicU64,
    files: AtomicUsize,
    /// All that there are: no limit.
    most_bytes: AtomicU64,
    most_files: usize,
    /// How many loads there are of each allocation that several may hold.
    shared: Mutex<HashMap<Shared, usize>>,
}

/// What one of them holds; dropping it takes it off.
#[derive(Debug)]
pub(in crate::engine) struct Reservation {
    budget: Arc<MemoryBudget>,
    weight: Weight,
}

/// What a connection holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Weight {
    /// Bytes of memory that are its own.
    pub(in crate::engine) bytes: u64,
    /// Open files.
    pub(in crate::engine) files: usize,
    /// Memory that others may hold as well.
    pub(in crate::engine) shared: Option<Shared>,
}

/// The place and the size of an allocation.
type Shared = (usize, u64);

impl MemoryBudget {
    /// At most `most_bytes`, and a quarter of the descriptors that the process may have.
    pub(super) fn new(most_bytes: Option<u64>) -> Self {
        let most_files = descriptors::limit() / 4;
        let most_bytes = AtomicU64::new(most_bytes.unwrap_or(u64::MAX));
        let (bytes, files, shared) = (AtomicU64::new(0), AtomicUsize::new(0), Mutex::default());
        Self { bytes, files, most_bytes, most_files, shared }
    }

    /// Bytes that are held.
    pub(in crate::engine) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Has another bound from now on.
    pub(super) fn bound(&self, most_bytes: Option<u64>) {
        self.most_bytes.store(most_bytes.unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// Whether no more answers should be left to wait. Those that workers are about to leave may still come on top.
    pub(in crate::engine) fn is_full(&self) -> bool {
        self.bytes.load(Ordering::Relaxed) >= self.most_bytes.load(Ordering::Relaxed)
            || self.files.load(Ordering::Relaxed) >= self.most_files
    }

    /// Adds memory and files of a connection's own.
    pub(in crate::engine) fn add(self: &Arc<Self>, bytes: u64, files: usize) -> Reservation {
        self.take(Weight { bytes, files, shared: None })
    }

    /// Adds `weight`. Memory that several hold counts once, for as long as it has a load.
    pub(in crate::engine) fn take(self: &Arc<Self>, weight: Weight) -> Reservation {
        let mut bytes = weight.bytes;
        if let Some(shared) = weight.shared {
            let mut all = self.shared();
            let loads = all.entry(shared).or_default();
            *loads += 1;
            if *loads == 1 {
                bytes += shared.1;
            }
        }
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.files.fetch_add(weight.files, Ordering::Relaxed);
        Reservation { budget: Arc::clone(self), weight }
    }

    /// Nothing under this lock can leave it half done, so poison says nothing.
    fn shared(&self) -> MutexGuard<'_, HashMap<Shared, usize>> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reservation {
    pub(in crate::engine) fn weight(&self) -> Weight {
        self.weight
    }
}

#[cfg(test)]
impl Reservation {
    pub(in crate::engine) fn bytes(&self) -> u64 {
        self.weight.bytes + self.weight.shared.map_or(0, |(_, size)| size)
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        let Weight { mut bytes, files, shared } = self.weight;
        if let Some(shared) = shared {
            let mut all = self.budget.shared();
            let loads = all.get(&shared).copied().unwrap_or(1);
            if loads > 1 {
                all.insert(shared, loads - 1);
            } else {
                all.remove(&shared);
                bytes += shared.1;
            }
        }
        self.budget.bytes.fetch_sub(bytes, Ordering::Relaxed);
        self.budget.files.fetch_sub(files, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shared_memory_counts_once_until_nothing_holds_it() {
        let budget = Arc::new(MemoryBudget::new(None));
        let of = |place| budget.take(Weight { bytes: 1, files: 0, shared: Some((place, 100)) });
        let (first, second, other) = (of(1), of(1), of(2));
        assert_eq!(budget.bytes(), 203);
        drop(first);
        assert_eq!(budget.bytes(), 202);
        drop((second, other));
        assert_eq!(budget.bytes(), 0);
        assert!(budget.shared().is_empty());
    }

    #[test]
    fn it_is_full_for_as_long_as_too_much_is_held() {
        let budget = Arc::new(MemoryBudget { most_files: 2, ..MemoryBudget::new(Some(100)) });
        let first = budget.add(60, 0);
        assert!(!budget.is_full());
        let second = budget.add(60, 1);
        assert!(budget.is_full(), "bytes");
        drop(first);
        assert!(!budget.is_full());
        let third = budget.add(0, 1);
        assert!(budget.is_full(), "files");
        drop((second, third));
        assert!(!budget.is_full());
        let endless = Arc::new(MemoryBudget::new(None));
        let _load = endless.add(u64::MAX / 2, 0);
        assert!(!endless.is_full());
    }
}
