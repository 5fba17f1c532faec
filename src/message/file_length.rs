//! The length of a file, as far as the file system knows the length.

use std::fs::{File, Metadata};
use std::os::unix::fs::{FileExt, MetadataExt};

/// Returns the length of `file` in bytes; `None` for anything but a regular file, and for a
/// pseudo-file.
///
/// The content of a pseudo-file is made while it is read. Its metadata has the length 0 (`/proc`) or
/// a length that is too large (`/sys`), and no blocks. A file without blocks is therefore tried at
/// its end: an empty file, a sparse file, and a small file stored in its inode pass.
pub(crate) fn known_length(file: &File, facts: &Metadata) -> Option<u64> {
    if !facts.is_file() {
        return None;
    }
    let length = facts.len();
    let is_true = facts.blocks() > 0 || {
        let last = file.read_at(&mut [0], length.saturating_sub(1));
        last.is_ok_and(|got| (got == 0) == (length == 0))
    };
    is_true.then_some(length)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::body::tests::file;

    #[test]
    fn length_of_a_pseudo_file_is_unknown() {
        let length = |file: &File| known_length(file, &file.metadata().unwrap());
        for path in ["/proc/version", "/proc/self/status", "/sys/class/net/lo/mtu", "/dev/null", "/proc"] {
            let Ok(file) = File::open(path) else { continue };
            assert_eq!(length(&file), None, "{path}");
        }
        let name = std::env::temp_dir().join(format!("drupe-length-{}", std::process::id()));
        let sparse = File::options().read(true).write(true).create(true).truncate(true).open(&name).unwrap();
        std::fs::remove_file(name).unwrap();
        assert_eq!((length(&sparse), length(&file("content of a file"))), (Some(0), Some(17)));
        sparse.set_len(1 << 30).unwrap();
        assert_eq!(length(&sparse), Some(1 << 30));
    }
}
