//! Claims to make a thing that several threads ask for: one thread makes it, the others wait.

use std::sync::Arc;

use crate::sync::{Condvar, Mutex};

/// The things being made. Clones share them.
#[derive(Clone, Debug)]
pub(super) struct OnceAtATime<T>(Arc<InTheMaking<T>>);

#[derive(Debug)]
struct InTheMaking<T> {
    things: Mutex<Vec<T>>,
    ended: Condvar,
}

/// The right to make a thing, ended on drop.
pub(super) struct Claim<T: PartialEq> {
    claims: OnceAtATime<T>,
    thing: T,
}

impl<T: Clone + PartialEq> OnceAtATime<T> {
    /// Waits until no other thread makes `thing`.
    pub(super) fn take(&self, thing: &T) -> Claim<T> {
        let claimed = self.0.things.lock();
        let mut claimed = self.0.ended.wait_while(claimed, |claimed| claimed.contains(thing));
        claimed.push(thing.clone());
        Claim { claims: self.clone(), thing: thing.clone() }
    }
}

impl<T> Default for OnceAtATime<T> {
    fn default() -> Self {
        Self(Arc::new(InTheMaking { things: Mutex::new(Vec::new()), ended: Condvar::new() }))
    }
}

impl<T: PartialEq> Drop for Claim<T> {
    fn drop(&mut self) {
        let claimed = &self.claims.0;
        claimed.things.lock().retain(|thing| *thing != self.thing);
        claimed.ended.notify_all();
    }
}
