//! `X-Forwarded-For`, `X-Forwarded-Proto` and `X-Forwarded-Host`: lists without a standard; each
//! proxy appends an entry at the right.
//!
//! The last entry is from the nearest proxy: the address of its client. Only if this address is a
//! trusted proxy too, the entry before is believed, and so on, for at most `hops` entries. Entries
//! further left may be forged by the client and are not parsed.
//!
//! Empty entries are ignored (RFC 9110 §5.6.1.2); the limit of the head bounds their number.

use http::{HeaderMap, HeaderName};

use super::network::Networks;
use super::node::{self, Brackets, Claims, Node};
use crate::h1::error::ProtocolError;

/// The field for the client's address.
pub(crate) const FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
/// The field for the scheme used by the client.
pub(crate) const PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
/// The field for the host requested by the client.
pub(crate) const HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// Reads those of the three fields that are in `believed`, of at most `hops` proxies among
/// `proxies`.
///
/// The addresses tell the number of trusted proxies. Without `X-Forwarded-For`, only the nearest
/// proxy is believed.
///
/// # Errors
/// `Forwarded` (400) for an invalid entry of a trusted proxy.
pub(super) fn read(
    fields: &HeaderMap,
    hops: usize,
    proxies: &Networks,
    believed: &[HeaderName],
) -> Result<Claims, ProtocolError> {
    let lists = Lists { fields, believed };
    let (mut client, mut passed) = (None, 0);
    for entry in lists.outwards(&FOR).take(hops) {
        let node = node::node(entry, Brackets::Optional)?;
        (client, passed) = (Some(node), passed + 1);
        let is_proxy = match node {
            Node::At(address) => proxies.has(Some(address)),
            Node::Hidden => entry == node::UNIX && proxies.has(None),
        };
        if !is_proxy {
            break;
        }
    }
    let passed = passed.max(1);
    Ok(Claims {
        client,
        scheme: lists.outermost(&PROTO, passed, node::scheme)?,
        host: lists.outermost(&HOST, passed, node::host)?,
        is_relayed: false,
    })
}

struct Lists<'a> {
    fields: &'a HeaderMap,
    believed: &'a [HeaderName],
}

impl<'a> Lists<'a> {
    /// The entries of a field from the nearest proxy outwards; none of a field that is not believed.
    fn outwards(&self, name: &HeaderName) -> impl Iterator<Item = &'a [u8]> {
        // A proxy may append a line instead of an entry.
        let lines = self.believed.contains(name).then(|| self.fields.get_all(name).into_iter().rev());
        let entries = lines.into_iter().flatten().flat_map(|line| line.as_bytes().rsplit(|byte| *byte == b','));
        entries.map(<[u8]>::trim_ascii).filter(|entry| !entry.is_empty())
    }

    /// The entry of the outermost of `passed` proxies, or the first of fewer entries.
    fn outermost<T>(
        &self,
        name: &HeaderName,
        passed: usize,
        read: fn(&[u8]) -> Result<T, ProtocolError>,
    ) -> Result<Option<T>, ProtocolError> {
        let mut outermost = None;
        for entry in self.outwards(name).take(passed) {
            outermost = Some(read(entry)?);
        }
        Ok(outermost)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    /// Each line of text is a field line; every address is a trusted proxy.
    fn read(lines: &str, hops: usize) -> Result<Claims, ProtocolError> {
        read_from(lines, hops, &["::/0"])
    }

    fn read_from(lines: &str, hops: usize, proxies: &[&'static str]) -> Result<Claims, ProtocolError> {
        let mut fields = HeaderMap::new();
        for line in lines.lines() {
            let (name, value) = line.split_once(':').unwrap();
            fields.append(HeaderName::from_bytes(name.as_bytes()).unwrap(), value.parse().unwrap());
        }
        super::read(&fields, hops, &Networks::read(proxies.iter().copied()).unwrap(), &[FOR, PROTO, HOST])
    }

    fn check_client(list: &str, hops: usize, expected: Result<Option<&str>, ()>) {
        let lines: String = list.split('|').map(|list| format!("X-Forwarded-For:{list}\n")).collect();
        let client = read(&lines, hops).map(|claims| claims.client).map_err(drop);
        let expected = expected
            .map(|text| text.map(|text| if text == "?" { Node::Hidden } else { Node::At(text.parse().unwrap()) }));
        assert_eq!(client, expected, "{list} with {hops}");
    }

    #[test]
    fn the_client_is_as_many_entries_outwards_as_there_are_proxies() {
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
        check_client("unknown, 1.2.3.4", 2, Ok(Some("?")));
    }

    #[test]
    fn counted_entries_must_be_valid_and_other_entries_are_ignored() {
        for (list, hops) in [
            ("nonsense", 1),
            ("nonsense,", 1),
            ("nonsense, ,1.2.3.4", 2),
            ("nonsense, 1.2.3.4", 2),
            ("1.2.3.4, nonsense", 2),
            ("\"1.2.3.4\"", 1),
        ] {
            check_client(list, hops, Err(()));
        }
        check_client("nonsense, 1.2.3.4", 1, Ok(Some("1.2.3.4")));
        check_client("\"|1.2.3.4", 1, Ok(Some("1.2.3.4")));
    }

    #[test]
    fn empty_entries_are_ignored_and_an_empty_field_is_none() {
        for list in
            ["203.0.113.7, ", "203.0.113.7,", ",203.0.113.7", "203.0.113.7|", "|203.0.113.7", ",,, ,\t203.0.113.7 , ,"]
        {
            for hops in [1, 2, 9] {
                check_client(list, hops, Ok(Some("203.0.113.7")));
            }
        }
        check_client("10.0.0.1,, |,10.0.0.2", 2, Ok(Some("10.0.0.1")));
        for list in ["", " ", ",", ", ,|"] {
            check_client(list, 1, Ok(None));
        }
        assert_eq!(read("X-Forwarded-Proto:\nX-Forwarded-Host: ,", 1), Ok(Claims::default()));
        let lines = "X-Forwarded-For:10.0.0.1,10.0.0.2\nX-Forwarded-Proto:https,,http,\nX-Forwarded-Host:a,";
        let claims = read(lines, 2).unwrap();
        assert_eq!((claims.scheme, claims.host.as_deref()), (Some("https"), Some("a")));
    }

    #[test]
    fn entries_are_believed_up_to_the_first_address_that_is_no_trusted_proxy() {
        let at = |text: &str| Some(Node::At(text.parse().unwrap()));
        for (list, expected) in [
            // Straight to the inner proxy, which appends the address of the forger.
            ("6.6.6.6, 2.2.2.2, 203.0.113.9", at("203.0.113.9")),
            ("6.6.6.6, 2.2.2.2", at("2.2.2.2")),
            ("6.6.6.6, 203.0.113.7, 10.0.0.2", at("203.0.113.7")),
            ("203.0.113.7, 10.0.0.3, 10.0.0.2", at("203.0.113.7")),
            ("6.6.6.6, 203.0.113.7, 10.0.0.3, 10.0.0.2", at("203.0.113.7")),
            // Never more than the number of proxies.
            ("203.0.113.7, 10.0.0.4, 10.0.0.3, 10.0.0.2", at("10.0.0.4")),
            ("6.6.6.6, ::ffff:10.0.0.2", at("6.6.6.6")),
            ("10.0.0.2", at("10.0.0.2")),
            // The address of a hidden proxy cannot be compared.
            ("6.6.6.6, unknown", Some(Node::Hidden)),
            ("6.6.6.6, _proxy, 10.0.0.2", Some(Node::Hidden)),
            ("6.6.6.6, unix:", Some(Node::Hidden)),
        ] {
            let claims = read_from(&format!("X-Forwarded-For:{list}"), 3, &["10.0.0.0/8"]);
            assert_eq!(claims.map(|claims| claims.client), Ok(expected), "{list}");
        }
        let claims = read_from("X-Forwarded-For:203.0.113.7, unix:", 2, &["unix"]);
        assert_eq!(claims.map(|claims| claims.client), Ok(at("203.0.113.7")), "a proxy at a Unix socket is trusted");
    }

    #[test]
    fn scheme_and_host_are_counted_alike() {
        let lines =
            "X-Forwarded-Proto:http, https\nX-Forwarded-Host:inner\nX-Forwarded-Host:outer.example:8443, edge\n";
        let claims = |lines: &str, hops, proxies| {
            let claims = read_from(lines, hops, proxies).unwrap();
            (claims.scheme.unwrap(), claims.host.unwrap())
        };
        let with_addresses = format!("{lines}X-Forwarded-For:192.0.2.7, 10.0.0.1");
        let (nearest, outer) = (("https", "edge".into()), ("http", "outer.example:8443".into()));
        assert_eq!(claims(&with_addresses, 1, &["10.0.0.1"]), nearest);
        assert_eq!(claims(&with_addresses, 2, &["10.0.0.1"]), outer);
        assert_eq!(claims(&with_addresses, 2, &["10.0.0.2"]), nearest, "the first proxy is not trusted");
        assert_eq!(claims(lines, 2, &["10.0.0.1"]), nearest, "without addresses only the nearest proxy is believed");
        assert_eq!(read("Accept:x", 1), Ok(Claims::default()));
        for lines in ["X-Forwarded-Proto:gopher", "X-Forwarded-Host:a b", "X-Forwarded-Host:/"] {
            assert_eq!(read(lines, 1), Err(ProtocolError::Forwarded), "{lines}");
        }
    }

    #[test]
    fn untrusted_fields_are_not_parsed() {
        let fields = HeaderMap::from_iter([(FOR, "nonsense".parse().unwrap()), (PROTO, "https".parse().unwrap())]);
        let claims = Claims { scheme: Some("https"), ..Claims::default() };
        assert_eq!(super::read(&fields, 1, &Networks::default(), &[PROTO]), Ok(claims));
    }
}
