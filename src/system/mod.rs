//! Differences between Linux, macOS and FreeBSD: one file for each, with the same functions for
//! every system.
//!
//! The page `systems` of the guide lists them. With `--cfg drupe_portable` Linux takes the ways of
//! the others, so that tests run them: all except `kqueue`, the credentials, the use of processors
//! and the change of user.

#[cfg(not(any(target_os = "linux", target_os = "macos", target_os = "freebsd")))]
compile_error!("drupe is for Linux, macOS and FreeBSD");

#[cfg(feature = "files")]
pub(crate) mod entry;
pub(crate) mod handle;
pub(crate) mod host_name;
pub(crate) mod identity;
#[cfg(any(feature = "process", not(all(target_os = "linux", not(drupe_portable)))))]
pub(crate) mod mode;
pub(crate) mod names;
pub(crate) mod peer;
pub(crate) mod poll;
pub(crate) mod poller;
#[cfg(feature = "process")]
pub(crate) mod privileges;
pub(crate) mod processor;
pub(crate) mod send_file;
#[cfg(all(target_os = "linux", not(drupe_portable)))]
mod sigpipe;
pub(crate) mod sockets;
pub(crate) mod waker;
