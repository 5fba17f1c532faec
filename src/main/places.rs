//! The arguments without a name: a directory and a port, or the file to check.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use drupe::settings::nearest;

use super::failure::ProgramFailure;

#[derive(Default)]
pub(super) struct Places {
    /// The file to check.
    pub(super) file: Option<OsString>,
    pub(super) directory: Option<OsString>,
    pub(super) port: Option<OsString>,
}

impl Places {
    pub(super) fn is_empty(&self) -> bool {
        self.file.is_none() && self.directory.is_none() && self.port.is_none()
    }

    /// Takes the next argument.
    ///
    /// A number is a port, unless a directory has this name: DIR comes first on the command line,
    /// and `-p` is a port in any case.
    pub(super) fn push(&mut self, value: OsString, is_check: bool) -> Result<(), ProgramFailure> {
        let is_first = self.is_empty();
        let is_directory = || Path::new(&value).is_dir();
        let (place, noun) = if is_check {
            (&mut self.file, "file")
        } else if is_number(&value) && (self.directory.is_some() || !is_directory()) {
            (&mut self.port, "port")
        } else {
            if let Some(command) = command(&value).filter(|_| is_first && !is_directory()) {
                return Err(ProgramFailure::Usage(format!("no directory {value:?}; did you mean drupe {command}?")));
            }
            (&mut self.directory, "directory")
        };
        if place.is_some() {
            return Err(ProgramFailure::Usage(format!("unexpected argument {value:?}: there is already a {noun}")));
        }
        *place = Some(value);
        Ok(())
    }
}

fn is_number(value: &OsStr) -> bool {
    value.to_str().is_some_and(|text| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()))
}

/// The command that `value` resembles.
fn command(value: &OsStr) -> Option<&'static str> {
    match value.to_str()? {
        "help" => Some("--help"),
        "version" => Some("--version"),
        text => nearest(text, ["check"]),
    }
}
