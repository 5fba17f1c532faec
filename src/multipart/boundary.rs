//! The boundary, from the field `Content-Type` of the request.

use http::HeaderMap;
use http::header::CONTENT_TYPE;

use super::parameters::Parameterized;
use crate::message::multipart_error::Cause;

/// Returns the boundary: 1 to 70 bytes of `bchars`, the last one no space (RFC 2046 §5.1.1).
///
/// # Errors
/// `Unsupported` without `multipart/form-data`; `Malformed` without exactly one valid boundary.
pub(crate) fn of_fields(fields: &HeaderMap) -> Result<Vec<u8>, Cause> {
    let mut values = fields.get_all(CONTENT_TYPE).iter();
    let value = values.next().ok_or(Cause::Unsupported("no Content-Type; multipart/form-data is expected"))?;
    if values.next().is_some() {
        return Err(Cause::Malformed("more than one Content-Type"));
    }
    let media_type = value.as_bytes().split(|byte| *byte == b';').next().unwrap_or_default();
    if !media_type.trim_ascii().eq_ignore_ascii_case(b"multipart/form-data") {
        return Err(Cause::Unsupported("a Content-Type other than multipart/form-data"));
    }
    let value = Parameterized::parse(value.as_bytes()).map_err(Cause::Malformed)?;
    let boundary = value.get("boundary").ok_or(Cause::Malformed("no boundary in Content-Type"))?;
    match boundary {
        [] => Err(Cause::Malformed("an empty boundary")),
        [.., b' '] => Err(Cause::Malformed("a boundary that ends in a space")),
        _ if boundary.len() > LONGEST => Err(Cause::Malformed("a boundary of more than 70 bytes")),
        _ if !boundary.iter().all(|byte| byte.is_ascii_alphanumeric() || b"'()+_,-./:=? ".contains(byte)) => {
            Err(Cause::Malformed("a boundary with a forbidden byte"))
        }
        _ => Ok(boundary.to_vec()),
    }
}

const LONGEST: usize = 70;
