//! The text of an error, for waiting callers that do not get the error itself.

use std::error;
use std::fmt;

/// The text of an error and its causes.
#[derive(Debug)]
pub(super) struct ErrorText(String);

impl ErrorText {
    pub(super) fn of(error: &dyn error::Error) -> Self {
        let mut text = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            text = format!("{text}: {error}");
            cause = error.source();
        }
        Self(text)
    }
}

impl fmt::Display for ErrorText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl error::Error for ErrorText {}
