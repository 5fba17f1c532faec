//! The file of a Unix socket: owner and permissions. The file is neither read nor written, and a
//! symbolic link is not followed.

#[cfg(all(target_os = "linux", not(drupe_portable)))]
mod by_descriptor;
#[cfg(not(all(target_os = "linux", not(drupe_portable))))]
mod by_name;

#[cfg(all(target_os = "linux", not(drupe_portable)))]
pub(crate) use self::by_descriptor::{BINDS_HIDDEN, Handle, hide, hide_first};
#[cfg(not(all(target_os = "linux", not(drupe_portable))))]
pub(crate) use self::by_name::{BINDS_HIDDEN, Handle, hide, hide_first};
