//! Wakes threads that wait for descriptors.

#[cfg(all(target_os = "linux", not(drupe_portable)))]
mod eventfd;
#[cfg(not(all(target_os = "linux", not(drupe_portable))))]
mod pair;

#[cfg(all(target_os = "linux", not(drupe_portable)))]
pub(crate) use self::eventfd::PollWaker;
#[cfg(not(all(target_os = "linux", not(drupe_portable))))]
pub(crate) use self::pair::PollWaker;

/// The token of the poller for its waker.
pub(crate) const WAKE: u64 = u64::MAX;
