//! Identities of files: device and inode.

use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Device and inode: unique as long as the file is open.
pub(crate) fn identity(file: &Metadata) -> (u64, u64) {
    (file.dev(), file.ino())
}

/// True if `path` leads to the file `meant` itself.
pub(crate) fn is_at(path: &Path, meant: (u64, u64)) -> bool {
    fs::symlink_metadata(path).is_ok_and(|found| identity(&found) == meant)
}

/// The error of a file that another process has put in the place of ours.
pub(crate) fn replaced() -> io::Error {
    io::Error::new(io::ErrorKind::AddrInUse, "the socket file was replaced while the server started")
}
