//! One name of a directory, looked up without following a link and without any effect on its
//! target; and paths that the kernel keeps beneath a directory.

#[cfg(all(target_os = "linux", not(drupe_portable)))]
mod by_descriptor;
#[cfg(not(all(target_os = "linux", not(drupe_portable))))]
mod by_name;

#[cfg(all(target_os = "linux", not(drupe_portable)))]
pub(crate) use self::by_descriptor::{NamedEntry, PLACE, open_beneath, open_entry};
#[cfg(not(all(target_os = "linux", not(drupe_portable))))]
pub(crate) use self::by_name::{NamedEntry, PLACE, open_beneath, open_entry};

use nix::fcntl::OFlag;

/// The flag for files of 2 GiB and more, where the system has one.
#[cfg(target_os = "linux")]
pub(crate) const LARGE: OFlag = OFlag::O_LARGEFILE;
#[cfg(not(target_os = "linux"))]
pub(crate) const LARGE: OFlag = OFlag::empty();
