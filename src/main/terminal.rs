//! Output on the terminal.

use std::fmt::Arguments;
use std::io::{self, IsTerminal, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::LazyLock;
use std::time::Instant;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::failure::ProgramFailure;
use super::line_queue::{LineQueue, LineSink};

/// Prints to standard output. A reader that closes early, such as `head`, is not an error.
pub(super) fn print(text: &str) -> Result<(), ProgramFailure> {
    let mut output = io::stdout().lock();
    match output.write_all(text.as_bytes()).and_then(|()| output.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(ProgramFailure::Serve(format!("cannot print: {error}")))
        }
        _ => Ok(()),
    }
}

/// Writes to standard error, on another thread. An error is ignored, because it cannot be reported.
pub(super) fn say(text: Arguments<'_>) {
    let text = emphasized(text.to_string());
    match &*STANDARD_ERROR {
        Some(queue) => queue.push(text),
        // Without threads there is no server that could wait.
        None => StandardError.write(&text, 1),
    }
}

/// Makes `text`, which is to be said, bold on a terminal.
pub(super) fn bold(text: &str) -> String {
    if *IS_STYLED { format!("\x1b[1m{text}\x1b[0m") } else { text.to_owned() }
}

/// Colors the level of a message: errors red, warnings yellow.
fn emphasized(text: String) -> String {
    let levels = [("drupe: error:", "31"), ("drupe: warning:", "33")];
    let level = levels.into_iter().filter(|_| *IS_STYLED).find(|(level, _)| text.starts_with(level));
    match level {
        Some((level, color)) => format!("\x1b[{color}m{level}\x1b[0m{}", &text[level.len()..]),
        None => text,
    }
}

/// Waits until everything said is written, at most until `deadline`.
pub(super) fn flush(deadline: Instant) {
    if let Some(queue) = &*STANDARD_ERROR {
        queue.flush(deadline);
    }
}

/// Writes all of `text`, and waits for room if `descriptor` is in non-blocking mode, as another
/// program may have left it.
pub(super) fn write_waiting(mut output: impl Write, descriptor: BorrowedFd<'_>, text: &str) -> io::Result<()> {
    let mut rest = text.as_bytes();
    while !rest.is_empty() {
        match output.write(rest) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => rest = &rest[written..],
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                match poll(&mut [PollFd::new(descriptor, PollFlags::POLLOUT)], PollTimeout::NONE) {
                    Ok(_) | Err(Errno::EINTR) => {}
                    Err(error) => return Err(error.into()),
                }
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// True if standard error is a terminal with styles, and the user has not refused them (`NO_COLOR`,
/// `TERM=dumb`).
static IS_STYLED: LazyLock<bool> = LazyLock::new(|| {
    let is_plain = std::env::var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb");
    let is_refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    !is_plain && !is_refused && io::stderr().is_terminal()
});

static STANDARD_ERROR: LazyLock<Option<LineQueue>> = LazyLock::new(|| LineQueue::start(Box::new(StandardError)).ok());

struct StandardError;

impl LineSink for StandardError {
    fn write(&self, lines: &str, _: u64) {
        let output = io::stderr();
        let _ = write_waiting(&output, output.as_fd(), lines);
    }

    fn report_lost(&self, count: u64) {
        let text = format!("drupe: warning: standard error was not read in time; {count} lines were lost\n");
        self.write(&text, 1);
    }

    fn reopen(&self) {}
}
