//! `X-Forwarded-For`, `X-Forwarded-Proto` and `X-Forwarded-Host`: lists without a standard; each
//! proxy appends an entry at the right.
//!
//! The last entry is from the nearest proxy. With `hops` trusted proxies, the last `hops` entries
//! are theirs, and the first of those is from the outermost proxy. Entries further left may be
//! forged by the client and are not parsed.

use http::{HeaderMap, HeaderName};

use super::node::{self, Brackets, Claims};
use crate::h1::error::ProtocolError;

/// The field for the client's address.
pub(crate) const FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
/// The field for the scheme used by the client.
pub(crate) const PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
/// The field for the host requested by the client.
pub(crate) const HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// Reads those of the three fields that are in `believed`.
///
/// # Errors
/// `Forwarded` (400) for an invalid entry among the last `hops`.
pub(super) fn read(fields: &HeaderMap, hops: usize, believed: &[HeaderName]) -> Result<Claims, ProtocolError> {
    let lists = Lists { fields, hops, believed };
    Ok(Claims {
        client: lists.outermost(&FOR, |text| node::node(text, Brackets::Optional))?,
        scheme: lists.outermost(&PROTO, node::scheme)?,
        host: lists.outermost(&HOST, node::host)?,
        is_relayed: false,
    })
}

struct Lists<'a> {
    fields: &'a HeaderMap,
    hops: usize,
    believed: &'a [HeaderName],
}

impl Lists<'_> {
    /// The entry of the outermost trusted proxy: the `hops`-th from the right, or the first of
    /// fewer.
    fn outermost<T>(
        &self,
        name: &HeaderName,
        read: fn(&[u8]) -> Result<T, ProtocolError>,
    ) -> Result<Option<T>, ProtocolError> {
        if !self.believed.contains(name) {
            return Ok(None);
        }
        // A proxy may append a line instead of an entry.
        let lines = self.fields.get_all(name).into_iter().rev();
        let entries = lines.flat_map(|line| line.as_bytes().rsplit(|byte| *byte == b',')).map(<[u8]>::trim_ascii);
        let mut outermost = None;
        for entry in entries.take(self.hops) {
            outermost = Some(read(entry)?);
        }
        Ok(outermost)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proxy::node::Node;

    /// Each line of text is a field line.
    fn read(lines: &str, hops: usize) -> Result<Claims, ProtocolError> {
        let mut fields = HeaderMap::new();
        for line in lines.lines() {
            let (name, value) = line.split_once(':').unwrap();
            fields.append(HeaderName::from_bytes(name.as_bytes()).unwrap(), value.parse().unwrap());
        }
        super::read(&fields, hops, &[FOR, PROTO, HOST])
    }

    fn check_client(list: &str, hops: usize, expected: Result<Option<&str>, ()>) {
        let lines: String = list.split('|').map(|list| format!("X-Forwarded-For:{list}\n")).collect();
        let client = read(&lines, hops).map(|claims| claims.client).map_err(drop);
        let expected = expected
            .map(|text| text.map(|text| if text == "?" { Node::Hidden } else { Node::At(text.parse().unwrap()) }));
        assert_eq!(client, expected, "{list} with {hops}");
    }

    #[test]
    fn the_client_is_as_many_entries_from_the_right_as_there_are_proxies() {
        let list = "10.0.0.1, 10.0.0.2 ,10.0.0.3,\t10.0.0.4";
        for (hops, expected) in [(1, "10.0.0.4"), (2, "10.0.0.3"), (3, "10.0.0.2"), (4, "10.0.0.1"), (9, "10.0.0.1")] {
            check_client(list, hops, Ok(Some(expected)));
            // A line for each entry means the same, and so do lines of several entries.
            check_client(&list.replace(',', "|"), hops, Ok(Some(expected)));
            check_client(&list.replacen(',', "|", 2), hops, Ok(Some(expected)));
        }
        check_client("::1, [2001:db8::1]:80", 1, Ok(Some("2001:db8::1")));
        check_client("::1, [2001:db8::1]:80", 2, Ok(Some("::1")));
        check_client("1.2.3.4, unix:", 1, Ok(Some("?")));
        check_client("1.2.3.4, unknown", 2, Ok(Some("1.2.3.4")));
    }

    #[test]
    fn counted_entries_must_be_valid_and_other_entries_are_ignored() {
        for (list, hops) in [
            ("", 1),
            ("1.2.3.4,", 1),
            (",1.2.3.4", 2),
            ("1.2.3.4|", 1),
            ("nonsense", 1),
            ("nonsense, 1.2.3.4", 2),
            ("1.2.3.4, nonsense", 2),
            ("\"1.2.3.4\"", 1),
        ] {
            check_client(list, hops, Err(()));
        }
        check_client("nonsense, 1.2.3.4", 1, Ok(Some("1.2.3.4")));
        check_client("\"|1.2.3.4", 1, Ok(Some("1.2.3.4")));
        check_client(",,, , 1.2.3.4", 1, Ok(Some("1.2.3.4")));
    }

    #[test]
    fn scheme_and_host_are_counted_alike() {
        let lines =
            "X-Forwarded-Proto:http, https\nX-Forwarded-Host:inner\nX-Forwarded-Host:outer.example:8443, edge\n";
        let claims = |scheme, host: &str| Claims { scheme: Some(scheme), host: Some(host.into()), ..Claims::default() };
        assert_eq!(read(lines, 1), Ok(claims("https", "edge")));
        assert_eq!(read(lines, 2), Ok(claims("http", "outer.example:8443")));
        assert_eq!(read("Accept:x", 1), Ok(Claims::default()));
        for lines in ["X-Forwarded-Proto:gopher", "X-Forwarded-Host:a b", "X-Forwarded-Host:", "X-Forwarded-Proto:"] {
            assert_eq!(read(lines, 1), Err(ProtocolError::Forwarded), "{lines}");
        }
    }

    #[test]
    fn untrusted_fields_are_not_parsed() {
        let fields = HeaderMap::from_iter([(FOR, "nonsense".parse().unwrap()), (PROTO, "https".parse().unwrap())]);
        let claims = Claims { scheme: Some("https"), ..Claims::default() };
        assert_eq!(super::read(&fields, 1, &[PROTO]), Ok(claims));
    }
}
