//! The counts of answers.

/// Answers by the class of their status.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Answers {
    /// 1xx: upgrades. `100 Continue` is not a final answer, and is not counted.
    pub informational: u64,
    /// 2xx.
    pub success: u64,
    /// 3xx.
    pub redirection: u64,
    /// 4xx.
    pub client_error: u64,
    /// 5xx, and any higher status chosen by a handler.
    pub server_error: u64,
}

impl Answers {
    /// The total of all classes.
    #[must_use]
    pub fn sum(&self) -> u64 {
        self.by_class().iter().map(|(_, count)| count).sum()
    }

    pub(super) fn by_class(&self) -> [(&'static str, u64); 5] {
        [
            ("1xx", self.informational),
            ("2xx", self.success),
            ("3xx", self.redirection),
            ("4xx", self.client_error),
            ("5xx", self.server_error),
        ]
    }
}
