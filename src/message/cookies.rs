//! The cookies of a request.

use http::HeaderMap;
use http::header::COOKIE;

/// The cookies of a request: pairs of name and value from its `Cookie` fields (RFC 6265 §5.4).
///
/// ```
/// use drupe::{Request, RequestExt};
///
/// fn greet(request: &mut Request) -> String {
///     format!("hello, {}\n", request.cookies().get("name").unwrap_or("stranger"))
/// }
/// # let mut request = Request::default();
/// # request.headers_mut().insert("cookie", "a=b; name=ann".parse().unwrap());
/// # assert_eq!(greet(&mut request), "hello, ann\n");
/// ```
///
/// Double quotes around a value are left out. Values are not percent-decoded. Pairs without `=` or
/// without a name, and pairs that are not UTF-8, are left out. The client chooses names and values:
/// sign a value that matters, or keep the value on the server.
#[derive(Clone, Copy, Debug)]
pub struct Cookies<'a> {
    fields: &'a HeaderMap,
}

impl<'a> Cookies<'a> {
    pub(super) fn new(fields: &'a HeaderMap) -> Self {
        Self { fields }
    }

    /// The value of the first cookie of this name. Names are case-sensitive.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&'a str> {
        self.iter().find(|(found, _)| *found == name).map(|(_, value)| value)
    }

    /// All cookies, in the order of the request.
    pub fn iter(&self) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
        let pairs = self.fields.get_all(COOKIE).iter().flat_map(|field| field.as_bytes().split(|byte| *byte == b';'));
        pairs.filter_map(|pair| {
            let (name, value) = std::str::from_utf8(pair).ok()?.split_once('=')?;
            let (name, value) = (trim(name), trim(value));
            let bare = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
            (!name.is_empty()).then_some((name, bare.unwrap_or(value)))
        })
    }
}

/// Removes blanks and tabs around a name or a value.
fn trim(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads the cookies of these fields.
    fn cookies(fields: &[&[u8]]) -> Vec<(String, String)> {
        let mut map = HeaderMap::new();
        for field in fields {
            map.append(COOKIE, http::HeaderValue::from_bytes(field).unwrap());
        }
        Cookies::new(&map).iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    fn check(fields: &[&[u8]], expected: &[(&str, &str)]) {
        let found = cookies(fields);
        let found: Vec<_> = found.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(found, expected, "{fields:?}");
    }

    #[test]
    fn cookies_are_the_pairs_of_all_fields_in_order() {
        check(&[], &[]);
        check(&[b"a=b"], &[("a", "b")]);
        check(&[b"a=b; c=d", b"e=f"], &[("a", "b"), ("c", "d"), ("e", "f")]);
        check(&[b"a=1; a=2"], &[("a", "1"), ("a", "2")]);
        check(&[b"a=b;c=d;"], &[("a", "b"), ("c", "d")]);
        check(&[b" a\t=  b ; \tc = d"], &[("a", "b"), ("c", "d")]);
    }

    #[test]
    fn value_of_a_cookie_comes_back_as_it_was_sent() {
        check(&[b"a=b=c==; d=%20"], &[("a", "b=c=="), ("d", "%20")]);
        check(&[b"a=\"b c\"; d=\"; e=\"\""], &[("a", "b c"), ("d", "\""), ("e", "")]);
        check(&[b"a="], &[("a", "")]);
        check(&["a=\u{e9}".as_bytes()], &[("a", "\u{e9}")]);
    }

    #[test]
    fn malformed_cookies_do_not_hide_the_others() {
        check(&[b"nothing; =nameless; a=b"], &[("a", "b")]);
        check(&[b"x=\xff\xfe; a=b; \xff=c", b"d=e"], &[("a", "b"), ("d", "e")]);
        check(&[b";;; ;"], &[]);
    }

    #[test]
    fn the_first_cookie_of_a_name_is_taken_in_its_case() {
        let mut map = HeaderMap::new();
        map.append(COOKIE, http::HeaderValue::from_static("A=1; a=2; a=3"));
        assert_eq!((Cookies::new(&map).get("a"), Cookies::new(&map).get("b")), (Some("2"), None));
    }
}
