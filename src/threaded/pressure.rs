//! Who gives way when all threads there may be are taken: clients that are slow.
//!
//! Content beyond what is gathered, and answers that are made while they are sent, hold a worker while their client is waited for. That is as it should be, until connections wait that nobody can serve. Then a client that has been
//! waited for a while and is far slower than any honest one gives its worker back.
//!
//! At the end of a stop everybody gives way.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, ThreadId};

/// How many workers are wanted back.
#[derive(Debug, Default)]
pub(crate) struct Pressure {
    wanted: AtomicUsize,
    /// Once what is left is cut: by which thread, which may be a handler's and has its own answer to give.
    cut: OnceLock<ThreadId>,
}

impl Pressure {
    /// Enters how many connections wait although there can be no more workers; 0 once that is over.
    pub(super) fn set(&self, wanted: usize) {
        self.wanted.store(wanted, Ordering::Relaxed);
    }

    /// Has all but the calling thread give way, for good.
    pub(super) fn cut(&self) {
        let _ = self.cut.set(thread::current().id());
    }

    /// Whether the calling thread is to send nothing more.
    pub(super) fn is_cut(&self) -> bool {
        self.cut.get().is_some_and(|spared| *spared != thread::current().id())
    }

    /// Whether the caller, whose client is slow, is to give way; each call that is told so takes one off.
    pub(super) fn gives_way(&self) -> bool {
        self.wanted.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |wanted| wanted.checked_sub(1)).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_give_way_than_are_wanted() {
        let pressure = Pressure::default();
        assert!(!pressure.gives_way());
        pressure.set(2);
        assert_eq!((0..5).filter(|_| pressure.gives_way()).count(), 2);
        pressure.set(3);
        pressure.set(0);
        assert!(!pressure.gives_way());
    }

    #[test]
    fn who_cuts_is_spared() {
        let pressure = Pressure::default();
        assert!(!pressure.is_cut());
        pressure.cut();
        assert!(!pressure.is_cut());
        thread::scope(|scope| assert!(scope.spawn(|| pressure.is_cut()).join().unwrap()));
    }
}
