//! Values whose drop code stands in one function of the program.

use std::mem::{self, ManuallyDrop};
use std::ops::{Deref, DerefMut};

/// A value that is dropped by one function.
///
/// For other values, the compiler repeats the code of the drop in each part of the program in which
/// the value may go out of scope, also because of a panic. The phase of a connection has owners
/// all over the engine, and its code is 10 KB with all values inside.
///
/// A drop leaves `T::default()` behind, which is never dropped and must own nothing.
#[derive(Debug, Default)]
pub(crate) struct Outlined<T: Default>(ManuallyDrop<T>);

impl<T: Default> Outlined<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(ManuallyDrop::new(value))
    }
}

impl<T: Default> Drop for Outlined<T> {
    #[inline(never)]
    fn drop(&mut self) {
        drop(mem::take(&mut **self));
    }
}

impl<T: Default> Deref for Outlined<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: Default> DerefMut for Outlined<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::*;

    #[test]
    fn outlined_value_is_dropped_once() {
        let value = Rc::new(());
        let outlined = Outlined::new(Some(Rc::clone(&value)));
        assert_eq!(Rc::strong_count(&value), 2);
        drop(outlined);
        assert_eq!(Rc::strong_count(&value), 1);
    }

    #[test]
    fn value_taken_out_of_outlined_lives_on() {
        let value = Rc::new(());
        let mut outlined = Outlined::new(Some(Rc::clone(&value)));
        let taken = outlined.take();
        drop(outlined);
        assert_eq!(Rc::strong_count(&value), 2);
        drop(taken);
        assert_eq!(Rc::strong_count(&value), 1);
    }
}
