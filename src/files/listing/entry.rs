//! The entries of a directory, as they are shown.

use std::ffi::OsString;
use std::time::SystemTime;

/// The entries of a directory, in the order shown.
#[derive(Debug, Default)]
pub(super) struct Entries {
    pub(super) list: Vec<Entry>,
    /// True if the directory has more names than are looked at.
    pub(super) is_cut: bool,
}

/// A file or directory, links followed.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) name: OsString,
    /// `None` for a directory.
    pub(super) size: Option<u64>,
    /// `None` before 1970.
    pub(super) modified: Option<SystemTime>,
}
