//! `Forwarded`, strictly by RFC 7239 §4: each proxy appends an element at the right.
//!
//! The field is parsed as a whole, because a quotation mark left open by a client could absorb our
//! proxy's element. Empty elements are ignored (RFC 9110 §5.6.1.2); the limit of the head bounds
//! their number.

use std::borrow::Cow;
use std::collections::VecDeque;

use http::{HeaderMap, header::FORWARDED};

use super::network::Networks;
use super::node::{self, Brackets, Claims, Node};
use crate::h1::{error::ProtocolError, grammar};

/// Reads the elements of trusted proxies: the last element, and the element before each element
/// whose `for` is in `proxies`, at most `hops` in all. For each parameter, the outermost of these
/// proxies with a value counts.
///
/// # Errors
/// `Forwarded` (400) for a grammar error anywhere in the field, and for an invalid node, scheme or
/// host in an element of a trusted proxy.
pub(super) fn read(fields: &HeaderMap, hops: usize, proxies: &Networks) -> Result<Claims, ProtocolError> {
    let mut last = VecDeque::new();
    for line in fields.get_all(FORWARDED) {
        let mut rest = Rest(line.as_bytes());
        loop {
            rest.pass_blanks();
            if !matches!(rest.0.first(), None | Some(b',')) {
                if last.len() >= hops {
                    last.pop_front();
                }
                last.push_back(rest.element()?);
                rest.pass_blanks();
            }
            match rest.next() {
                None => break,
                Some(b',') => {}
                Some(_) => return Err(ProtocolError::Forwarded),
            }
        }
    }
    let mut claims = Claims::default();
    // From the nearest proxy outwards: an outer proxy has seen more of the client.
    for element in last.iter().rev() {
        if let Some(text) = &element.client {
            claims.client = Some(node::node(text, Brackets::Demanded)?);
        }
        if let Some(text) = &element.proto {
            claims.scheme = Some(node::scheme(text)?);
        }
        if let Some(text) = &element.host {
            claims.host = Some(node::host(text)?);
        }
        // The client of this proxy has written the element before: a trusted proxy, or anybody.
        let is_proxy = |node| matches!(node, Node::At(address) if proxies.has(Some(address)));
        if element.client.is_none() || !claims.client.is_some_and(is_proxy) {
            break;
        }
    }
    Ok(claims)
}

/// The parameters of one proxy, unquoted and not yet validated.
#[derive(Default)]
struct Element<'a> {
    client: Option<Cow<'a, [u8]>>,
    host: Option<Cow<'a, [u8]>>,
    proto: Option<Cow<'a, [u8]>>,
}

/// The unread part of a field line.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    /// Reads `[ forwarded-pair ] *( ";" [ forwarded-pair ] )`, at least one pair.
    fn element(&mut self) -> Result<Element<'a>, ProtocolError> {
        let (mut element, mut by, mut pairs) = (Element::default(), None, 0_usize);
        loop {
            let name = self.token();
            if !name.is_empty() {
                if self.next() != Some(b'=') {
                    return Err(ProtocolError::Forwarded);
                }
                let value = self.value()?;
                let is = |known: &[u8]| name.eq_ignore_ascii_case(known);
                let place = match () {
                    () if is(b"for") => Some(&mut element.client),
                    () if is(b"host") => Some(&mut element.host),
                    () if is(b"proto") => Some(&mut element.proto),
                    () if is(b"by") => Some(&mut by),
                    () => None,
                };
                if place.is_some_and(|place| place.replace(value).is_some()) {
                    return Err(ProtocolError::Forwarded);
                }
                pairs = pairs.saturating_add(1);
            }
            match self.0.split_first() {
                Some((b';', rest)) => self.0 = rest,
                _ if pairs == 0 => return Err(ProtocolError::Forwarded),
                _ => return Ok(element),
            }
        }
    }

    /// Reads `token / quoted-string`.
    fn value(&mut self) -> Result<Cow<'a, [u8]>, ProtocolError> {
        if self.0.first() == Some(&b'"') {
            return self.quoted();
        }
        match self.token() {
            [] => Err(ProtocolError::Forwarded),
            token => Ok(Cow::Borrowed(token)),
        }
    }

    fn quoted(&mut self) -> Result<Cow<'a, [u8]>, ProtocolError> {
        self.next();
        let mut text = Cow::Borrowed(self.run(grammar::QUOTED));
        loop {
            match self.next() {
                Some(b'"') => return Ok(text),
                Some(b'\\') => {
                    let byte = self.next().filter(|byte| grammar::TEXT.has(*byte)).ok_or(ProtocolError::Forwarded)?;
                    let text = text.to_mut();
                    text.push(byte);
                    text.extend_from_slice(self.run(grammar::QUOTED));
                }
                _ => return Err(ProtocolError::Forwarded),
            }
        }
    }

    /// Reads a token; empty if there is none.
    fn token(&mut self) -> &'a [u8] {
        self.run(grammar::TOKEN)
    }

    fn pass_blanks(&mut self) {
        self.0 = self.0.trim_ascii_start();
    }

    fn run(&mut self, class: grammar::Class) -> &'a [u8] {
        let length = self.0.iter().position(|byte| !class.has(*byte)).unwrap_or(self.0.len());
        let (run, rest) = self.0.split_at_checked(length).unwrap_or_default();
        self.0 = rest;
        run
    }

    fn next(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(lines: &[&str]) -> HeaderMap {
        lines.iter().map(|line| (FORWARDED, line.parse().unwrap())).collect()
    }

    /// Compares with the expected, if every address is a trusted proxy: `client scheme host`: `-` for absent, `?` for hidden.
    fn check(lines: &[&str], hops: usize, expected: &str) {
        check_from(lines, hops, &["::/0"], expected);
    }

    fn check_from(lines: &[&str], hops: usize, proxies: &[&'static str], expected: &str) {
        let proxies = Networks::read(proxies.iter().copied()).unwrap();
        let claims = read(&fields(lines), hops, &proxies).unwrap_or_else(|error| panic!("{lines:?}: {error}"));
        let client = match claims.client {
            None => "-".to_owned(),
            Some(Node::Hidden) => "?".to_owned(),
            Some(Node::At(address)) => address.to_string(),
        };
        let found = format!("{client} {} {}", claims.scheme.unwrap_or("-"), claims.host.as_deref().unwrap_or("-"));
        assert_eq!(found, expected, "{lines:?} with {hops}");
    }

    #[test]
    fn examples_of_rfc_7239_are_read() {
        check(&["for=\"_gazonk\""], 1, "? - -");
        check(&["For=\"[2001:db8:cafe::17]:4711\""], 1, "2001:db8:cafe::17 - -");
        check(&["for=192.0.2.60;proto=http;by=203.0.113.43"], 1, "192.0.2.60 http -");
        check(&["for=192.0.2.43, for=198.51.100.17"], 1, "198.51.100.17 - -");
        check(&["for=192.0.2.43, for=198.51.100.17"], 2, "192.0.2.43 - -");
        check(&["for=192.0.2.43,for=\"[2001:db8:cafe::17]\",for=unknown"], 1, "? - -");
        check(&["for=192.0.2.43,for=\"[2001:db8:cafe::17]\",for=unknown"], 2, "? - -");
        check(&["for=192.0.2.43,for=\"[2001:db8:cafe::17]\""], 2, "192.0.2.43 - -");
        check(&["for=_hidden, for=_SEVKISEK"], 2, "? - -");
    }

    #[test]
    fn elements_are_counted_from_the_right_over_all_lines() {
        let lines = ["for=10.0.0.1;host=a, for=10.0.0.2", "for=10.0.0.3;proto=https;host=\"b:8443\""];
        check(&lines, 1, "10.0.0.3 https b:8443");
        check(&lines, 2, "10.0.0.2 https b:8443");
        check(&lines, 3, "10.0.0.1 https a");
        check(&lines, 64, "10.0.0.1 https a");
        check(&[], 1, "- - -");
        check(&["by=10.0.0.1"], 1, "- - -");
    }

    #[test]
    fn quotes_blanks_and_strangers_are_read_to_the_grammar() {
        check(&["for=\"\\1\\9\\2.0.2.1\" \t,\t for=\"10.\\0.0.1\""], 2, "192.0.2.1 - -");
        check(&["FOR=10.0.0.1;Proto=HTTPS;hOST=Example.org"], 1, "10.0.0.1 https Example.org");
        check(&["secret=\"a, for=6.6.6.6;\\\"\";for=10.0.0.1"], 1, "10.0.0.1 - -");
        check(&[";for=10.0.0.1;;"], 1, "10.0.0.1 - -");
        check(&["secret=a;secret=b;for=10.0.0.1"], 1, "10.0.0.1 - -");
        // Elements that do not count are checked for their form only.
        check(&["for=anybody;proto=gopher, for=10.0.0.1"], 1, "10.0.0.1 - -");
    }

    #[test]
    fn empty_elements_are_ignored_and_an_empty_field_is_none() {
        for line in ["for=10.0.0.1,", ",for=10.0.0.1", "for=10.0.0.1 , ,\t", ", ,,for=10.0.0.1"] {
            check(&[line], 1, "10.0.0.1 - -");
            check(&[line], 2, "10.0.0.1 - -");
            check(&["", line, ","], 2, "10.0.0.1 - -");
        }
        check(&["for=10.0.0.1,, for=10.0.0.2,"], 2, "10.0.0.1 - -");
        for line in ["", " ", ",", ", ,\t,"] {
            check(&[line], 1, "- - -");
        }
    }

    #[test]
    fn elements_are_believed_up_to_the_first_address_that_is_no_trusted_proxy() {
        let proxies = &["10.0.0.0/8"];
        for (line, expected) in [
            ("for=6.6.6.6;host=evil, for=2.2.2.2;host=evil, for=203.0.113.9;host=a", "203.0.113.9 - a"),
            ("for=6.6.6.6;proto=https, for=203.0.113.7;host=b, for=10.0.0.2", "203.0.113.7 - b"),
            ("for=203.0.113.7;proto=https, for=10.0.0.3, for=\"[::ffff:10.0.0.2]\"", "203.0.113.7 https -"),
            ("for=203.0.113.7, for=10.0.0.4, for=10.0.0.3, for=10.0.0.2", "10.0.0.4 - -"),
            // A proxy that hides its client, or does not tell, has an unknown client.
            ("for=6.6.6.6, for=_hidden, for=10.0.0.2", "? - -"),
            ("for=6.6.6.6, for=unknown", "? - -"),
            ("for=6.6.6.6;host=evil, proto=https", "- https -"),
            ("for=6.6.6.6, proto=https, for=10.0.0.2", "10.0.0.2 https -"),
        ] {
            check_from(&[line], 3, proxies, expected);
        }
    }

    #[test]
    fn ambiguous_elements_are_refused() {
        for line in [
            ";",
            ",;,",
            "for=10.0.0.1,;",
            "for",
            "for=",
            "=10.0.0.1",
            "for =10.0.0.1",
            "for= 10.0.0.1",
            "for=10.0.0.1 ;proto=http",
            "for=10.0.0.1; proto=http",
            "for=10.0.0.1 proto=http",
            "for=10.0.0.1;for=10.0.0.2",
            "proto=http;PROTO=https",
            "by=a;by=b;for=10.0.0.1",
            "host=a;host=a",
            "for=\"10.0.0.1",
            "for=\"10.0.0.1\\",
            "for=\"10.0.0.1\"x",
            "for=\"10.0.0.1\"\"\"",
            "for=10.0.0.1\"",
            "for=[::1]",
            "for=::1",
            "for=10.0.0.1:80",
            "for=\"::1\"",
            "for=\"\"",
            "for=localhost",
            "proto=gopher",
            "host=\"a b\"",
            "host=a:80",
            "f\u{e9}r=10.0.0.1",
            "for=\"a, for=10.0.0.1",
        ] {
            assert_eq!(read(&fields(&[line]), 1, &Networks::default()), Err(ProtocolError::Forwarded), "{line:?}");
        }
        // A quotation mark left open by a client is not closed by the line of a proxy.
        assert_eq!(
            read(&fields(&["for=\"a", "for=10.0.0.1\""]), 1, &Networks::default()),
            Err(ProtocolError::Forwarded)
        );
    }
}
