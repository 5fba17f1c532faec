//! Typed values of files, and their conversion to the text of a setting.

/// A value of a layer.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum FileValue {
    /// Text of unknown type, as in the environment: read as on a command line.
    Plain(String),
    /// A string.
    Text(String),
    /// A whole number.
    Integer {
        /// The number as written, without separators and without the prefix of the radix.
        digits: String,
        radix: u32,
    },
    /// A number with a fraction or an exponent, as written.
    Float(String),
    Bool(bool),
    List(Vec<FileValue>),
    /// An empty table, or a table in a list.
    Table,
    /// A type of no setting: a date.
    Other(&'static str),
    /// A value of the environment that is not UTF-8.
    NotUtf8,
}

/// The reason against [`FileValue::NotUtf8`].
pub(super) const NOT_UTF8: &str = "the value is not UTF-8";

impl FileValue {
    /// Returns the value as text for a setting with `unit` (see [`Row::unit`](super::Row::unit)).
    ///
    /// A unit without an arm of its own takes a string, or a list to be joined by commas.
    ///
    /// # Errors
    /// A sentence, for a value of the wrong type.
    pub(super) fn text_for(&self, unit: &str) -> Result<String, String> {
        match (unit, self) {
            (_, FileValue::Plain(text)) => Ok(text.clone()),
            (_, FileValue::NotUtf8) => Err(NOT_UTF8.to_owned()),
            // An empty text unsets an optional setting; any other setting refuses an empty text.
            (_, FileValue::Text(text)) if text.is_empty() => Ok(String::new()),
            ("BOOL", FileValue::Bool(value)) => Ok(value.to_string()),
            ("BOOL", _) => self.refused("true or false"),
            ("COUNT" | "PORT" | "STATUS", FileValue::Integer { .. }) => self.decimal(),
            ("COUNT" | "PORT" | "STATUS", _) => self.refused("a whole number"),
            ("BYTES", FileValue::Integer { .. }) => self.decimal(),
            ("BYTES", FileValue::Text(text)) => Ok(text.clone()),
            ("BYTES", _) => self.refused("a whole number or a string such as \"64K\""),
            ("SECONDS", FileValue::Integer { .. }) => self.decimal(),
            ("SECONDS", FileValue::Float(text)) => Ok(text.clone()),
            ("SECONDS", _) => self.refused("a number"),
            ("MODE", FileValue::Integer { digits, radix: 8 }) => Ok(digits.clone()),
            ("MODE", FileValue::Text(text)) => Ok(text.clone()),
            ("MODE", _) => self.refused("an octal number such as 0o660, or a string of its digits"),
            ("VERSION", FileValue::Text(text) | FileValue::Float(text)) => Ok(text.clone()),
            ("VERSION", FileValue::List(parts)) if parts.len() == 2 => {
                let part = |part: &FileValue| match part {
                    FileValue::Text(text) => Ok(text.clone()),
                    part => part.decimal(),
                };
                Ok(format!("{}.{}", part(&parts[0])?, part(&parts[1])?))
            }
            ("VERSION", _) => self.refused("a string such as \"1.0\" or a list such as [1, 0]"),
            (_, FileValue::Text(text)) => Ok(text.clone()),
            // The value is not shown: it may be a password of digits.
            ("PASSWORD", _) => Err("the value is not a string".to_owned()),
            ("NAME" | "PATH", _) => self.refused("a string"),
            // The lines of a list, which may contain commas.
            ("LINES", FileValue::List(parts)) => {
                let line = |part: &FileValue| match part {
                    // The item is not shown: it may have a password.
                    FileValue::Text(text) if text.contains('\n') => {
                        Err("an item contains a line end, which separates the items of a list".to_owned())
                    }
                    FileValue::Text(text) => Ok(text.clone()),
                    other => other.refused("a string"),
                };
                Ok(parts.iter().map(line).collect::<Result<Vec<_>, _>>()?.join("\n"))
            }
            (_, FileValue::List(parts)) => {
                Ok(parts.iter().map(FileValue::part).collect::<Result<Vec<_>, _>>()?.join(","))
            }
            _ => self.refused("a string or a list of strings"),
        }
    }

    fn decimal(&self) -> Result<String, String> {
        match self {
            // A number too large for `i128` is too large for a setting, which refuses it.
            FileValue::Integer { digits, radix } => {
                Ok(i128::from_str_radix(digits, *radix).map_or_else(|_| digits.clone(), |value| value.to_string()))
            }
            other => other.refused("a whole number"),
        }
    }

    /// Returns the text of a part of a list.
    fn part(&self) -> Result<String, String> {
        match self {
            FileValue::Text(text) if text.contains(',') => {
                Err(format!("{text:?} contains a comma, which separates the items of a list"))
            }
            FileValue::Text(text) => Ok(text.clone()),
            other => other.refused("a string"),
        }
    }

    fn refused(&self, wanted: &str) -> Result<String, String> {
        let (shown, kind) = match self {
            FileValue::Plain(text) | FileValue::Text(text) => (format!("{text:?}"), "a string"),
            FileValue::Integer { digits, radix } => {
                let before = match radix {
                    2 => "0b",
                    8 => "0o",
                    16 => "0x",
                    _ => "",
                };
                (format!("{before}{digits}"), "a whole number")
            }
            FileValue::Float(text) => (text.clone(), "a number with a fraction"),
            FileValue::Bool(value) => (value.to_string(), "a boolean"),
            FileValue::List(_) => ("[...]".to_owned(), "a list"),
            FileValue::Table => return Err(format!("the value is a table; expected {wanted}")),
            FileValue::Other(kind) => return Err(format!("the value is {kind}; expected {wanted}")),
            FileValue::NotUtf8 => return Err(NOT_UTF8.to_owned()),
        };
        Err(format!("{shown} is {kind}; expected {wanted}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> FileValue {
        FileValue::Text(text.to_owned())
    }

    fn integer(digits: &str) -> FileValue {
        FileValue::Integer { digits: digits.to_owned(), radix: 10 }
    }

    fn octal(digits: &str) -> FileValue {
        FileValue::Integer { digits: digits.to_owned(), radix: 8 }
    }

    fn float(text: &str) -> FileValue {
        FileValue::Float(text.to_owned())
    }

    fn list(parts: &[FileValue]) -> FileValue {
        FileValue::List(parts.to_vec())
    }

    #[test]
    fn each_unit_takes_its_kinds_of_values() {
        for (unit, value, expected) in [
            ("BOOL", FileValue::Bool(true), "true"),
            ("PORT", integer("8080"), "8080"),
            ("COUNT", integer("-1"), "-1"),
            ("COUNT", integer("+7"), "7"),
            ("COUNT", octal("17"), "15"),
            ("STATUS", integer("431"), "431"),
            ("COUNT", integer(&"9".repeat(60)), &"9".repeat(60)),
            ("BYTES", integer("18446744073709551615"), "18446744073709551615"),
            ("BYTES", text("64K"), "64K"),
            ("SECONDS", integer("10"), "10"),
            ("SECONDS", float("0.25"), "0.25"),
            ("SECONDS", text(""), ""),
            ("MODE", octal("660"), "660"),
            ("MODE", text("0660"), "0660"),
            ("VERSION", list(&[integer("1"), integer("0")]), "1.0"),
            ("VERSION", list(&[text("u"), integer("0")]), "u.0"),
            ("VERSION", float("1.0"), "1.0"),
            ("VERSION", text("u.0"), "u.0"),
            ("NAME", text("a, b"), "a, b"),
            ("ADDRESSES", text("fd:3,fd:4"), "fd:3,fd:4"),
            ("ADDRESSES", list(&[text("fd:3"), text("unix:a b")]), "fd:3,unix:a b"),
            ("ADDRESSES", list(&[]), ""),
            ("LINES", list(&[text("a: b, c"), text("d")]), "a: b, c\nd"),
            ("LINES", text("a, b"), "a, b"),
            ("LINES", list(&[]), ""),
            ("PORT", FileValue::Plain("8080".to_owned()), "8080"),
            ("BOOL", FileValue::Plain("yes".to_owned()), "yes"),
        ] {
            assert_eq!(value.text_for(unit).as_deref(), Ok(expected), "{unit} {value:?}");
        }
    }

    #[test]
    fn other_types_are_refused_with_actual_and_expected_type() {
        for (unit, value, expected) in [
            ("BOOL", integer("1"), "1 is a whole number; expected true or false"),
            ("BOOL", text("yes"), "\"yes\" is a string; expected true or false"),
            ("PORT", text("8080"), "\"8080\" is a string; expected a whole number"),
            ("COUNT", float("1.5"), "1.5 is a number with a fraction; expected a whole number"),
            ("COUNT", FileValue::Bool(true), "true is a boolean; expected a whole number"),
            ("COUNT", FileValue::Table, "the value is a table; expected a whole number"),
            (
                "BYTES",
                float("1e3"),
                "1e3 is a number with a fraction; expected a whole number or a string such as \"64K\"",
            ),
            ("SECONDS", text("10"), "\"10\" is a string; expected a number"),
            (
                "MODE",
                integer("660"),
                "660 is a whole number; expected an octal number such as 0o660, or a string of its digits",
            ),
            ("NAME", integer("5"), "5 is a whole number; expected a string"),
            ("PATH", list(&[text("a")]), "[...] is a list; expected a string"),
            (
                "VERSION",
                integer("1"),
                "1 is a whole number; expected a string such as \"1.0\" or a list such as [1, 0]",
            ),
            (
                "VERSION",
                list(&[integer("1"), float("0.5")]),
                "0.5 is a number with a fraction; expected a whole number",
            ),
            ("ADDRESSES", integer("3"), "3 is a whole number; expected a string or a list of strings"),
            ("ADDRESSES", list(&[integer("3")]), "3 is a whole number; expected a string"),
            (
                "ADDRESSES",
                list(&[text("unix:a,b")]),
                "\"unix:a,b\" contains a comma, which separates the items of a list",
            ),
            ("LINES", list(&[text("a\nb")]), "an item contains a line end, which separates the items of a list"),
            ("LINES", list(&[integer("3")]), "3 is a whole number; expected a string"),
        ] {
            assert_eq!(value.text_for(unit).unwrap_err(), expected, "{unit}");
        }
    }
}
