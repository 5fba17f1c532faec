//! Panics of the program's code, caught.
//!
//! Dropping the value of a panic runs code of the program too, and may panic. Such a second panic
//! would pass the place that has caught the first one, end the thread, and abort the process when
//! the thread's result is dropped.

use std::any::Any;
use std::fmt;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

/// A panic that has been caught. Dropping it never panics.
pub(crate) struct CaughtPanic(Option<Box<dyn Any + Send>>);

/// Runs `run`.
///
/// # Errors
/// The panic of `run`.
pub(crate) fn catch<T>(run: impl FnOnce() -> T) -> Result<T, CaughtPanic> {
    catch_unwind(AssertUnwindSafe(run)).map_err(|value| CaughtPanic(Some(value)))
}

impl CaughtPanic {
    /// Returns the message, if the value is a text.
    pub(crate) fn message(&self) -> Option<&str> {
        let value = self.0.as_ref()?;
        let text = value.downcast_ref::<&str>().copied();
        text.or_else(|| value.downcast_ref::<String>().map(String::as_str))
    }

    /// Goes on with the panic.
    pub(crate) fn resume(mut self) -> ! {
        resume_unwind(self.0.take().unwrap_or_else(|| Box::new(())))
    }
}

impl Drop for CaughtPanic {
    #[inline(never)]
    fn drop(&mut self) {
        let value = self.0.take();
        // The value of the second panic is leaked, because its drop could panic again, without end.
        if let Err(second) = catch_unwind(AssertUnwindSafe(|| drop(value))) {
            mem::forget(second);
        }
    }
}

impl fmt::Debug for CaughtPanic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CaughtPanic").field(&self.message()).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::panic::panic_any;

    use super::*;

    #[test]
    fn caught_panic_has_the_message_and_can_go_on() {
        let caught = |run: fn()| catch(run).unwrap_err();
        let message = |run| caught(run).message().map(str::to_owned);
        assert_eq!(message(|| panic!("a text")).as_deref(), Some("a text"));
        assert_eq!(message(|| panic!("a {}", "format")).as_deref(), Some("a format"));
        assert_eq!(message(|| panic_any(7)), None);
        assert_eq!(catch(|| caught(|| panic!("on")).resume()).map(|()| 0).unwrap_err().message(), Some("on"));
        assert!(matches!(catch(|| 7), Ok(7)));
    }

    /// Panics when dropped, as its successors do.
    struct Endless;

    impl Drop for Endless {
        fn drop(&mut self) {
            panic_any(Endless);
        }
    }

    #[test]
    fn caught_panic_is_dropped_without_a_panic() {
        let dropped = catch_unwind(|| drop(catch(|| panic_any(Endless))));
        assert!(dropped.map_err(mem::forget).is_ok());
    }
}
