//! Waits for many descriptors, each under a token, and for timers.

#[cfg(target_os = "linux")]
mod epoll;
#[cfg(not(target_os = "linux"))]
mod kqueue;

#[cfg(target_os = "linux")]
pub(crate) use self::epoll::{Alarm, Batch, NAME, Poller};
#[cfg(not(target_os = "linux"))]
pub(crate) use self::kqueue::{Alarm, Batch, NAME, Poller};

#[cfg(test)]
mod tests;
