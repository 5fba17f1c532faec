//! Output on the terminal.

use std::fmt::Arguments;
use std::io::{self, Write};

use super::failure::ProgramFailure;

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

/// Writes to standard error in one call. An error is ignored, because it cannot be reported.
pub(super) fn say(text: Arguments<'_>) {
    let _ = io::stderr().lock().write_all(text.to_string().as_bytes());
}
