//! The controlling terminal of the process: SIGHUP means its end, and otherwise a reload.

use std::fs::{File, read_to_string};
use std::os::unix::fs::OpenOptionsExt;
use std::sync::OnceLock;

use nix::libc;
use nix::sys::signal::{Signal, kill};
use nix::unistd::getpid;

/// Notes the terminal of the process, before SIGHUP is caught for the first time.
pub(super) fn note() {
    ENDS_WITH_TERMINAL.get_or_init(|| is_open() && !is_ignored());
}

/// Sends SIGTERM to the process if its terminal has been closed, unless the process was started
/// with SIGHUP ignored, as by `nohup`. Returns true if so.
pub(super) fn end_if_closed() -> bool {
    if !ENDS_WITH_TERMINAL.get().is_some_and(|ends| *ends) || is_open() {
        return false;
    }
    log::info!("the terminal was closed; stopping");
    kill(getpid(), Signal::SIGTERM).is_ok()
}

/// True if the process has a controlling terminal.
fn is_open() -> bool {
    let flags = libc::O_NOCTTY | libc::O_NONBLOCK;
    File::options().read(true).custom_flags(flags).open("/dev/tty").is_ok()
}

/// True if SIGHUP is ignored; false if `/proc` is not there.
fn is_ignored() -> bool {
    let status = read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    // Bit 0 is signal 1.
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & 1 == 1)
}

static ENDS_WITH_TERMINAL: OnceLock<bool> = OnceLock::new();
