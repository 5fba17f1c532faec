//! The parameters of a field value: `form-data; name="a"`.

use crate::h1::grammar::{TOKEN, hex_digit};

/// A field value of a word and parameters.
pub(crate) struct Parameterized<'a> {
    /// The text before the first semicolon.
    pub(crate) word: &'a [u8],
    /// Names in lower case, with unquoted values.
    parameters: Vec<(Vec<u8>, Vec<u8>)>,
}

impl<'a> Parameterized<'a> {
    /// Parses a value. Blanks around semicolons and empty parameters are ignored.
    ///
    /// # Errors
    /// The broken rule: a parameter without a value, two of a name, a quote without its end, too
    /// many parameters.
    pub(crate) fn parse(value: &'a [u8]) -> Result<Self, &'static str> {
        let end = value.iter().position(|byte| *byte == b';').unwrap_or(value.len());
        let (word, mut rest) = value.split_at(end);
        let mut parameters: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
        while let Some(behind) = rest.strip_prefix(b";") {
            rest = behind.trim_ascii_start();
            if rest.is_empty() || rest.starts_with(b";") {
                continue;
            }
            let equals = rest.iter().position(|byte| *byte == b'=').ok_or("a parameter without a value")?;
            let name = rest[..equals].to_ascii_lowercase();
            if name.is_empty() || !TOKEN.spans(&name) {
                return Err("a malformed parameter name");
            }
            let (text, behind) = parameter_value(&rest[equals + 1..])?;
            rest = behind.trim_ascii_start();
            if !rest.is_empty() && !rest.starts_with(b";") {
                return Err("text behind the value of a parameter");
            }
            // Each is compared with all before, so their number is limited.
            if parameters.len() == MOST_PARAMETERS {
                return Err("more than 32 parameters");
            }
            if parameters.iter().any(|(known, _)| *known == name) {
                return Err("two parameters of one name");
            }
            parameters.push((name, text));
        }
        Ok(Self { word: word.trim_ascii(), parameters })
    }

    pub(crate) fn get(&self, name: &str) -> Option<&[u8]> {
        let known = self.parameters.iter().find(|(known, _)| known == name.as_bytes());
        known.map(|(_, value)| &**value)
    }
}

/// Splits a value from the text behind it.
///
/// A backslash escapes a quote or a backslash only: browsers send the backslashes of file names as
/// they are.
fn parameter_value(text: &[u8]) -> Result<(Vec<u8>, &[u8]), &'static str> {
    let Some(mut rest) = text.strip_prefix(b"\"") else {
        let end = text.iter().position(|byte| b" \t;\"".contains(byte)).unwrap_or(text.len());
        let (value, behind) = text.split_at(end);
        return if value.is_empty() { Err("a parameter without a value") } else { Ok((value.to_vec(), behind)) };
    };
    let mut value = Vec::new();
    loop {
        let (byte, behind) = match rest {
            [b'"', behind @ ..] => return Ok((value, behind)),
            [b'\\', escaped @ (b'"' | b'\\'), behind @ ..] | [escaped, behind @ ..] => (*escaped, behind),
            [] => return Err("a quote without its end"),
        };
        value.push(byte);
        rest = behind;
    }
}

/// Decodes an extended value in UTF-8: `UTF-8''caf%C3%A9` (RFC 8187 §3.2).
///
/// # Errors
/// The broken rule: another charset, malformed escapes, invalid UTF-8, control characters.
pub(crate) fn extended(value: &[u8]) -> Result<String, &'static str> {
    let mut parts = value.splitn(3, |byte| *byte == b'\'');
    let (Some(charset), Some(_language), Some(escaped)) = (parts.next(), parts.next(), parts.next()) else {
        return Err("a malformed extended value");
    };
    if !charset.eq_ignore_ascii_case(b"utf-8") {
        return Err("an extended value that is not in UTF-8");
    }
    let mut decoded = Vec::new();
    let mut rest = escaped;
    while let [byte, behind @ ..] = rest {
        rest = behind;
        if *byte != b'%' {
            decoded.push(*byte);
            continue;
        }
        let [high, low, behind @ ..] = behind else { return Err("a malformed extended value") };
        let (high, low) = hex_digit(*high).zip(hex_digit(*low)).ok_or("a malformed extended value")?;
        decoded.push(high << 4 | low);
        rest = behind;
    }
    let text = String::from_utf8(decoded).map_err(|_| "an extended value that is not in UTF-8")?;
    if text.contains(char::is_control) { Err("a control character in an extended value") } else { Ok(text) }
}

/// The most parameters of a value. Clients send three at most.
const MOST_PARAMETERS: usize = 32;
