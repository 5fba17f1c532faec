//! Files sent by the kernel, without a copy in this process.

use std::fs::File;
use std::io;
use std::os::fd::BorrowedFd;

/// Sends up to `count` bytes of `file` from `offset` on with `sendfile`; `Ok(0)` at the end of the
/// file. Never raises `SIGPIPE`, although `sendfile` has no flag for that.
///
/// # Errors
/// `Unsupported` or `InvalidInput` if this pair cannot use `sendfile`.
#[cfg(all(target_os = "linux", not(drupe_portable)))]
pub(crate) fn send_file(socket: BorrowedFd<'_>, file: &File, offset: u64, count: usize) -> io::Result<usize> {
    let mut position = i64::try_from(offset).map_err(|_| io::ErrorKind::InvalidInput)?;
    super::sigpipe::without_sigpipe(count, || {
        super::sockets::retry(|| Ok(nix::sys::sendfile::sendfile(socket, file, Some(&mut position), count)?))
    })
}

/// Fails with `Unsupported`. The calls of other systems differ in what they report of a part sent,
/// and no test runs them.
#[cfg(not(all(target_os = "linux", not(drupe_portable))))]
pub(crate) fn send_file(_socket: BorrowedFd<'_>, _file: &File, _offset: u64, _count: usize) -> io::Result<usize> {
    Err(io::ErrorKind::Unsupported.into())
}
