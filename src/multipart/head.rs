//! The head of a part: its fields, its name and its file name.

use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};

use super::parameters::{Parameterized, extended};
use crate::message::multipart_error::Cause;

/// The fields of a part, and the parameters of `Content-Disposition`.
#[derive(Debug)]
pub(crate) struct PartHead {
    pub(crate) fields: HeaderMap,
    pub(crate) name: String,
    pub(crate) file_name: Option<String>,
}

/// Adds a line, without its end, to the fields of a part.
///
/// # Errors
/// `Malformed` for a line that is no field, and `TooMuch` for a field too many.
pub(crate) fn add(line: &[u8], fields: &mut HeaderMap) -> Result<(), Cause> {
    if line.starts_with(b" ") || line.starts_with(b"\t") {
        return Err(Cause::Malformed("a folded field line"));
    }
    if fields.len() == MOST_FIELDS {
        return Err(Cause::TooMuch { most: MOST_FIELDS as u64, of: "fields in a part" });
    }
    let colon = line.iter().position(|byte| *byte == b':').ok_or(Cause::Malformed("a field line without a colon"))?;
    let name = HeaderName::from_bytes(&line[..colon]).map_err(|_| Cause::Malformed("a malformed field name"))?;
    let value = trim_blanks(&line[colon + 1..]);
    let value = HeaderValue::from_bytes(value).map_err(|_| Cause::Malformed("a control character in a field"))?;
    fields.append(name, value);
    Ok(())
}

/// Removes blanks around a value, but no CR: a CR beside the value is an error.
fn trim_blanks(mut value: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    value
}

impl PartHead {
    /// Checks the fields of a part.
    ///
    /// # Errors
    /// `Malformed` unless there is exactly one `Content-Disposition` of `form-data` with a name;
    /// `Unsupported` for an encoding that changes the content.
    pub(crate) fn new(fields: HeaderMap) -> Result<Self, Cause> {
        let mut values = fields.get_all(CONTENT_DISPOSITION).iter();
        let value = values.next().ok_or(Cause::Malformed("a part without Content-Disposition"))?;
        if values.next().is_some() || fields.get_all(CONTENT_TYPE).iter().nth(1).is_some() {
            return Err(Cause::Malformed("a field that is repeated in a part"));
        }
        let value = Parameterized::parse(value.as_bytes()).map_err(Cause::Malformed)?;
        if !value.word.eq_ignore_ascii_case(b"form-data") {
            return Err(Cause::Malformed("a Content-Disposition other than form-data"));
        }
        let name = value.get("name").ok_or(Cause::Malformed("a part without a name"))?;
        let name = std::str::from_utf8(name).map_err(|_| Cause::Malformed("a name that is not UTF-8"))?.to_owned();
        let file_name = file_name(&value)?;
        if fields.get_all("content-transfer-encoding").iter().any(|value| !is_identity(value)) {
            return Err(Cause::Unsupported("a part with a Content-Transfer-Encoding"));
        }
        Ok(Self { fields, name, file_name })
    }
}

/// The file name: `filename`, else `filename*`, which RFC 7578 §4.2 forbids and some clients send.
fn file_name(disposition: &Parameterized) -> Result<Option<String>, Cause> {
    if let Some(name) = disposition.get("filename") {
        return Ok(Some(String::from_utf8_lossy(name).into_owned()));
    }
    disposition.get("filename*").map(|name| extended(name).map_err(Cause::Malformed)).transpose()
}

/// True for encodings that leave the content as it is (RFC 2045 §6.2).
fn is_identity(value: &HeaderValue) -> bool {
    ["7bit", "8bit", "binary"].iter().any(|name| value.as_bytes().eq_ignore_ascii_case(name.as_bytes()))
}

const MOST_FIELDS: usize = 32;
