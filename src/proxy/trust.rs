//! The trusted proxies and their trusted fields. All other forwarding fields are removed from a
//! request.

use core::net::IpAddr;

use http::{HeaderMap, HeaderName, header::FORWARDED};

use super::network::Networks;
use super::node::Claims;
use super::{forwarded, legacy};
use crate::h1::error::ProtocolError;

/// Trusted proxies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Trust {
    pub(crate) proxies: Networks,
    /// The most trusted proxies in front; at least 1. Each but the nearest has to be in `proxies`.
    pub(crate) hops: usize,
    /// The fields accepted from trusted proxies, and from no other peer. Never has both `Forwarded`
    /// and fields of the same meaning.
    pub(crate) fields: Vec<HeaderName>,
}

impl Trust {
    /// True if `address` is a trusted proxy; `None`: a peer at a Unix socket, or in memory.
    pub(crate) fn has(&self, address: Option<IpAddr>) -> bool {
        self.proxies.has(address)
    }

    /// Removes untrusted forwarding fields from `fields`, and reads the trusted ones if
    /// `is_trusted`.
    ///
    /// Records their presence in `is_relayed`: a local-only check must not accept requests relayed
    /// by a local proxy.
    ///
    /// # Errors
    /// `Forwarded` (400) for malformed claims of a trusted proxy: an error is better than answering
    /// the wrong client.
    pub(crate) fn judge(&self, is_trusted: bool, fields: &mut HeaderMap) -> Result<Claims, ProtocolError> {
        let proxys: Vec<HeaderName> = fields.keys().filter(|name| self.is_proxys(name.as_str())).cloned().collect();
        let is_relayed = !proxys.is_empty();
        for name in proxys {
            if !(is_trusted && self.fields.contains(&name)) {
                fields.remove(name);
            }
        }
        let claims = if !is_trusted {
            Claims::default()
        } else if self.fields.contains(&FORWARDED) {
            forwarded::read(fields, self.hops, &self.proxies)?
        } else {
            legacy::read(fields, self.hops, &self.proxies, &self.fields)?
        };
        Ok(Claims { is_relayed, ..claims })
    }

    /// True for a field name reserved for proxies, or one equal to such a name in a CGI environ.
    fn is_proxys(&self, name: &str) -> bool {
        let is = |known: &HeaderName| name.len() == known.as_str().len() && begins(name, known.as_str());
        begins(name, FAMILY) || is(&FORWARDED) || self.fields.iter().any(is)
    }
}

/// True if `name` begins with `known`; an underscore in `name` matches a hyphen.
fn begins(name: &str, known: &str) -> bool {
    let is_same = |(one, other): (u8, u8)| one == other || (one == b'_' && other == b'-');
    name.len() >= known.len() && name.bytes().zip(known.bytes()).all(is_same)
}

/// The common prefix of the forwarding fields invented by proxies.
const FAMILY: &str = "x-forwarded-";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proxy::node::Node;

    fn trust(fields: &[&'static str]) -> Trust {
        let fields = fields.iter().map(|name| HeaderName::from_static(name)).collect();
        Trust { proxies: Networks::read(["10.0.0.0/8"]).unwrap(), hops: 1, fields }
    }

    fn request(names: &[&'static str]) -> HeaderMap {
        names.iter().map(|name| (HeaderName::from_static(name), "10.0.0.1".parse().unwrap())).collect()
    }

    fn check(believed: &[&'static str], is_trusted: bool, names: &[&'static str], left: &[&str]) {
        let mut fields = request(names);
        trust(believed).judge(is_trusted, &mut fields).unwrap();
        let mut found: Vec<&str> = fields.keys().map(HeaderName::as_str).collect();
        found.sort_unstable();
        assert_eq!(found, left, "{names:?}, of which {believed:?} are believed, trusted {is_trusted}");
    }

    #[test]
    fn proxy_fields_of_untrusted_peers_are_removed() {
        let names =
            ["accept", "forwarded", "x-forwarded-for", "x-forwarded-user", "x-forwarde", "x-forwarded", "x-real-ip"];
        check(&["x-forwarded-for"], false, &names, &["accept", "x-forwarde", "x-forwarded", "x-real-ip"]);
        check(
            &["x-forwarded-for"],
            true,
            &names,
            &["accept", "x-forwarde", "x-forwarded", "x-forwarded-for", "x-real-ip"],
        );
        check(&["x-real-ip"], false, &names, &["accept", "x-forwarde", "x-forwarded"]);
        check(&["x-real-ip"], true, &names, &["accept", "x-forwarde", "x-forwarded", "x-real-ip"]);
        check(&[], true, &names, &["accept", "x-forwarde", "x-forwarded", "x-real-ip"]);
    }

    #[test]
    fn no_other_spelling_of_a_field_name_gets_through() {
        let names = ["x_forwarded_for", "x-forwarded_for", "x_real-ip", "x_real_ip", "x-real-ip-too", "forwarded"];
        check(&["x-forwarded-for", "x-real-ip"], true, &names, &["x-real-ip-too"]);
        check(&["x-forwarded-for", "x-real-ip"], false, &names, &["x-real-ip-too"]);
    }

    #[test]
    fn each_line_of_an_untrusted_field_is_removed() {
        let mut fields = request(&["x-forwarded-for", "accept"]);
        fields.append("x-forwarded-for", "10.0.0.2".parse().unwrap());
        trust(&["x-forwarded-for"]).judge(false, &mut fields).unwrap();
        assert_eq!(fields, request(&["accept"]));
    }

    #[test]
    fn only_trusted_fields_of_trusted_proxies_are_read() {
        let at = |text: &str| Some(Node::At(text.parse().unwrap()));
        for (believed, is_trusted, expected) in [
            (&["x-forwarded-for"][..], true, at("10.0.0.1")),
            (&["x-forwarded-for"], false, None),
            (&["x-forwarded-proto"], true, None),
            (&[], true, None),
        ] {
            let claims = trust(believed).judge(is_trusted, &mut request(&["x-forwarded-for"])).unwrap();
            assert_eq!(claims.client, expected, "{believed:?} {is_trusted}");
        }
        // Malformed fields are refused only if they would have been trusted.
        let nonsense = || request(&["forwarded"]);
        assert_eq!(trust(&["forwarded"]).judge(true, &mut nonsense()), Err(ProtocolError::Forwarded));
        let nothing = Ok(Claims { is_relayed: true, ..Claims::default() });
        assert_eq!(trust(&["forwarded"]).judge(false, &mut nonsense()), nothing);
        assert_eq!(trust(&["x-forwarded-for"]).judge(true, &mut nonsense()), nothing);
    }

    #[test]
    fn relayed_flag_is_set_for_untrusted_peers() {
        for (name, expected) in [
            ("x-real-ip", true),
            ("x_real_ip", true),
            ("x-forwarded-user", true),
            ("forwarded", true),
            ("accept", false),
        ] {
            for is_trusted in [true, false] {
                let claims = trust(&["x-real-ip"]).judge(is_trusted, &mut request(&[name])).unwrap();
                assert_eq!(claims.is_relayed, expected, "{name}, trusted {is_trusted}");
            }
        }
    }
}
