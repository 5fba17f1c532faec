//! The text of an error, for waiting callers that do not get the error itself.

use std::error;
use std::fmt;

use crate::error::Chain;

/// The text of an error and its causes.
#[derive(Debug)]
pub(super) struct ErrorText(String);

impl ErrorText {
    pub(super) fn of(error: &dyn error::Error) -> Self {
        Self(Chain(error).to_string())
    }
}

impl fmt::Display for ErrorText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl error::Error for ErrorText {}
