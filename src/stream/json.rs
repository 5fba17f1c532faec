//! Events with a value as JSON.

use serde::Serialize;

use super::Event;
use crate::message::Failure;

impl Event {
    /// An event with `value` as JSON.
    ///
    /// ```
    /// use drupe::stream::Event;
    ///
    /// assert_eq!(Event::json(&[1, 2])?.to_string(), "data: [1,2]\n\n");
    /// # Ok::<(), drupe::Failure>(())
    /// ```
    ///
    /// # Errors
    /// A value that serde cannot write, such as a map whose keys are lists: a `500`.
    pub fn json(value: &impl Serialize) -> Result<Self, Failure> {
        Ok(Self::new(serde_json::to_string(value)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn value_is_one_line() {
        assert_eq!(Event::json(&"two\nlines").unwrap().to_string(), "data: \"two\\nlines\"\n\n");
        let odd = std::collections::HashMap::from([(vec![1], 2)]);
        assert_eq!(Event::json(&odd).unwrap_err().status(), 500);
    }
}
