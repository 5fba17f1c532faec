//! Calls that raise SIGPIPE, made without an effect on the host.
//!
//! Most sends have a flag against the signal; `sendfile` has none. A Rust program ignores the
//! signal unless the program or its host has changed the disposition, and then one client could
//! end the process.

use std::io;

use nix::sys::signal::{SigSet, SigmaskHow, Signal, raise};

/// Runs `call` with SIGPIPE blocked in this thread, and discards a SIGPIPE of `call`.
///
/// `call` returns the number of bytes sent of `count`. The thread has its former mask afterwards,
/// because programs started by a handler inherit the mask.
pub(super) fn without_sigpipe(count: usize, call: impl FnOnce() -> io::Result<usize>) -> io::Result<usize> {
    let mut pipe = SigSet::empty();
    pipe.add(Signal::SIGPIPE);
    let Ok(mask) = pipe.thread_swap_mask(SigmaskHow::SIG_BLOCK) else { return call() };
    let sent = call();
    if mask.contains(Signal::SIGPIPE) {
        return sent;
    }
    // A call that failed half-way has raised the signal and returns the number of bytes before.
    let is_discarded = sent.as_ref().is_ok_and(|sent| *sent == count) || discard(&pipe);
    // A signal that is left would end the process once unblocked.
    if is_discarded && mask.thread_set_mask().is_err() {
        log::debug!("cannot restore the signal mask; SIGPIPE stays blocked in this thread");
    }
    sent
}

/// Discards a pending SIGPIPE of this thread, if any. Returns true if so.
fn discard(pipe: &SigSet) -> bool {
    // A signal pends once however often raised, so with one more there is certainly one to take.
    raise(Signal::SIGPIPE).is_ok() && pipe.wait().is_ok()
}

#[cfg(test)]
mod tests {
    use std::fs::read_to_string;

    use super::*;

    /// Blocked and pending signals of this thread.
    fn signals() -> Vec<String> {
        let status = read_to_string("/proc/thread-self/status").unwrap();
        let names = ["SigPnd", "SigBlk"];
        status.lines().filter(|line| names.iter().any(|name| line.starts_with(name))).map(str::to_owned).collect()
    }

    #[test]
    fn raised_signal_is_discarded_and_the_mask_is_as_before() {
        let before = signals();
        for result in [Ok(3), Ok(1), Err(io::ErrorKind::BrokenPipe)] {
            let is_whole = result == Ok(3);
            let sent = without_sigpipe(3, || {
                if !is_whole {
                    raise(Signal::SIGPIPE).unwrap();
                }
                result.map_err(io::Error::from)
            });
            assert_eq!(sent.map_err(|error| error.kind()), result);
            assert_eq!(signals(), before);
        }
    }

    #[test]
    fn signal_blocked_by_the_host_stays_pending() {
        std::thread::spawn(|| {
            let mut pipe = SigSet::empty();
            pipe.add(Signal::SIGPIPE);
            pipe.thread_block().unwrap();
            without_sigpipe(3, || raise(Signal::SIGPIPE).map(|()| 0).map_err(io::Error::from)).unwrap();
            assert_eq!(pipe.wait(), Ok(Signal::SIGPIPE));
        })
        .join()
        .unwrap();
    }
}
