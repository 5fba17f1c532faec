//! The `Authorization` field (RFC 9110 §11.6.2), comparison of secrets, and the answer `401`.

use std::hint::black_box;
use std::iter;

use http::StatusCode;
use http::header::{AUTHORIZATION, HeaderValue, WWW_AUTHENTICATE};

use crate::message::user::User;
use crate::message::{Failure, Handler, IntoResponse, Request, Response};

/// Returns the credentials of `request` in `scheme`. `None` without credentials, in another scheme,
/// and with several `Authorization` fields, since another reader could take the other one.
pub(super) fn credentials<'a>(request: &'a Request, scheme: &str) -> Option<&'a str> {
    let mut fields = request.headers().get_all(AUTHORIZATION).iter();
    let (Some(field), None) = (fields.next(), fields.next()) else { return None };
    let (found, rest) = field.to_str().ok()?.split_once(' ')?;
    found.eq_ignore_ascii_case(scheme).then(|| rest.trim_start_matches(' '))
}

/// Calls `inner` with `user` in the extensions of the request, and notes the user in the response.
pub(super) fn admit(user: User, request: &mut Request, inner: &dyn Handler) -> Response {
    request.extensions_mut().insert(user.clone());
    let mut response = inner.handle(request);
    response.extensions_mut().insert(user);
    response
}

/// Makes the `401` with a challenge.
pub(super) fn unauthorized(challenge: &HeaderValue) -> Response {
    let failure = Failure::new(StatusCode::UNAUTHORIZED, "unauthorized\n");
    ([(WWW_AUTHENTICATE, challenge.clone())], failure).into_response()
}

/// Makes a challenge: `scheme realm="…"` and further parameters.
///
/// # Panics
/// If the realm has other than printable ASCII characters, which have no agreed encoding there.
#[track_caller]
pub(super) fn challenge(scheme: &str, realm: &str, more: &str) -> HeaderValue {
    let is_printable = realm.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    assert!(is_printable, "the realm {realm:?} has other than printable ASCII characters");
    let quoted = realm.replace('\\', "\\\\").replace('"', "\\\"");
    HeaderValue::try_from(format!("{scheme} realm=\"{quoted}\"{more}")).expect("printable ASCII is a field value")
}

/// True if `given` is `secret`. The time depends on the length of `given`, and not on where the two
/// differ, nor on how long `secret` is.
pub(super) fn is_same(given: &str, secret: &str) -> bool {
    let mut difference = given.len() ^ secret.len();
    for (a, b) in given.bytes().zip(secret.bytes().chain(iter::repeat(0))) {
        difference |= usize::from(a ^ b);
        // Keeps the compiler from leaving the loop at the first difference.
        difference = black_box(difference);
    }
    difference == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_the_same_only_in_every_byte_and_in_length() {
        for (given, secret, is) in [
            ("", "", true),
            ("tea", "tea", true),
            ("tea", "tee", false),
            ("tea", "Tea", false),
            ("te", "tea", false),
            ("teas", "tea", false),
            ("tea\0", "tea", false),
            ("tea", "tea\0", false),
            ("", "tea", false),
            ("tea", "", false),
            ("\0", "", false),
        ] {
            assert_eq!(is_same(given, secret), is, "{given:?} {secret:?}");
        }
        // The exclusive or of the lengths is a multiple of 256.
        assert!(!is_same(&"\0".repeat(256), "") && !is_same("", &"\0".repeat(256)));
    }

    #[test]
    fn credentials_are_those_of_the_one_field_in_its_scheme() {
        let check = |fields: &[&[u8]], expected: Option<&str>| {
            let mut request = Request::default();
            for field in fields {
                request.headers_mut().append(AUTHORIZATION, HeaderValue::from_bytes(field).unwrap());
            }
            assert_eq!(credentials(&request, "Basic"), expected, "{fields:?}");
        };
        check(&[b"Basic YTpi"], Some("YTpi"));
        check(&[b"bAsIc YTpi"], Some("YTpi"));
        check(&[b"Basic   YTpi"], Some("YTpi"));
        check(&[b"Basic "], Some(""));
        check(&[], None);
        check(&[b""], None);
        check(&[b"Basic"], None);
        check(&[b"BasicYTpi"], None);
        check(&[b"Basic\tYTpi"], None);
        check(&[b" Basic YTpi"], None);
        check(&[b"Bearer YTpi"], None);
        check(&[b"Basic \xff"], None);
        check(&[b"Basic YTpi", b"Basic YTpi"], None);
        check(&[b"Basic YTpi", b"Bearer YTpi"], None);
    }

    #[test]
    fn realm_cannot_end_its_quotes() {
        let realm = challenge("Basic", r#"a "b\" c, Digest realm="d"#, "");
        assert_eq!(realm, r#"Basic realm="a \"b\\\" c, Digest realm=\"d""#);
        for realm in ["a\r\nb: c", "caf\u{e9}", "a\tb", "a\0"] {
            assert!(std::panic::catch_unwind(|| challenge("Basic", realm, "")).is_err(), "{realm:?}");
        }
    }
}
