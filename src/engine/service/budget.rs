//! The resources of connections waiting for slow clients: memory and open files.
//!
//! Both are bounded, or a few clients that read nothing could fill the memory with large answers.
//! Above the bounds the worker waits for the client, as for an answer made while being sent; such
//! answers never outnumber the workers. Requests being received have a separate budget
//! ([`incoming`](crate::engine::connection::partial)), so that neither uses up the room of the
//! other.
//!
//! Memory counts as allocated: the rest of an answer keeps the whole allocation. An allocation
//! shared by several answers counts once, from the first waiting answer to the last.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use crate::message::wake::ContentBudget;
use crate::net::descriptors;
use crate::sync::Mutex;

/// The total of all connections.
#[derive(Debug)]
pub(crate) struct MemoryBudget {
    bytes: AtomicU64,
    files: AtomicUsize,
    /// `u64::MAX`: no limit.
    most_bytes: AtomicU64,
    most_files: usize,
    /// The number of reservations of each shared allocation.
    shared: Mutex<HashMap<Shared, usize>>,
}

/// The part of one connection; dropping the value releases it.
#[derive(Debug)]
pub(in crate::engine) struct Reservation {
    budget: Arc<MemoryBudget>,
    weight: Weight,
}

/// The resources held by a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Weight {
    /// Bytes of unshared memory.
    pub(in crate::engine) bytes: u64,
    /// Open files.
    pub(in crate::engine) files: usize,
    /// Memory that other connections may share.
    pub(in crate::engine) shared: Option<Shared>,
}

/// The address and the size of an allocation.
type Shared = (usize, u64);

impl MemoryBudget {
    /// Creates a budget of `most_bytes`, and of a quarter of the process's descriptors.
    pub(super) fn new(most_bytes: Option<u64>) -> Self {
        let most_files = descriptors::limit() / 4;
        let most_bytes = AtomicU64::new(most_bytes.unwrap_or(u64::MAX));
        let (bytes, files, shared) = (AtomicU64::new(0), AtomicUsize::new(0), Mutex::default());
        Self { bytes, files, most_bytes, most_files, shared }
    }

    /// The number of bytes held.
    pub(in crate::engine) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Changes the memory bound; `None`: no limit.
    pub(super) fn bound(&self, most_bytes: Option<u64>) {
        self.most_bytes.store(most_bytes.unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// True if no more answers should be parked. Answers about to be parked may still exceed the
    /// bounds.
    pub(in crate::engine) fn is_full(&self) -> bool {
        self.bytes.load(Ordering::Relaxed) >= self.most_bytes.load(Ordering::Relaxed)
            || self.files.load(Ordering::Relaxed) >= self.most_files
    }

    /// Reserves unshared memory and files.
    pub(in crate::engine) fn add(self: &Arc<Self>, bytes: u64, files: usize) -> Reservation {
        self.take(Weight { bytes, files, shared: None })
    }

    /// Reserves `weight`. Shared memory counts once, for as long as there is a reservation.
    pub(in crate::engine) fn take(self: &Arc<Self>, weight: Weight) -> Reservation {
        let mut bytes = weight.bytes;
        if let Some(shared) = weight.shared {
            let mut all = self.shared.lock();
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
}

impl ContentBudget for MemoryBudget {
    fn is_full(&self) -> bool {
        self.bytes.load(Ordering::Relaxed) >= self.most_bytes.load(Ordering::Relaxed)
    }

    fn add(&self, bytes: usize) {
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    fn release(&self, bytes: usize) {
        self.bytes.fetch_sub(bytes as u64, Ordering::Relaxed);
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
            let mut all = self.budget.shared.lock();
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
    fn shared_memory_counts_once_until_released() {
        let budget = Arc::new(MemoryBudget::new(None));
        let of = |place| budget.take(Weight { bytes: 1, files: 0, shared: Some((place, 100)) });
        let (first, second, other) = (of(1), of(1), of(2));
        assert_eq!(budget.bytes(), 203);
        drop(first);
        assert_eq!(budget.bytes(), 202);
        drop((second, other));
        assert_eq!(budget.bytes(), 0);
        assert!(budget.shared.lock().is_empty());
    }

    #[test]
    fn budget_is_full_while_too_much_is_held() {
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
