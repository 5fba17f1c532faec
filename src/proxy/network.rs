//! Trusted addresses: networks, single addresses, Unix sockets.

use core::net::{IpAddr, Ipv6Addr};

/// A set of addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Networks {
    networks: Vec<Network>,
    /// True if peers without an IP address belong to the set.
    has_unix: bool,
}

/// A network as a range of IPv6 addresses; IPv4 addresses are mapped (RFC 4291 §2.5.5.2).
///
/// So an IPv4 client matches at a dual-stack socket too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Network {
    bits: u128,
    /// The bits to compare.
    mask: u128,
}

impl Networks {
    /// Parses each of `texts`: `192.0.2.1`, `10.0.0.0/8`, `2001:db8::/32`, or `unix`.
    ///
    /// # Errors
    /// The invalid text, and the reason.
    pub(crate) fn read<'a>(texts: impl IntoIterator<Item = &'a str>) -> Result<Self, (&'a str, &'static str)> {
        let mut all = Self::default();
        for text in texts {
            if text == "unix" {
                all.has_unix = true;
            } else {
                all.networks.push(Network::read(text).map_err(|reason| (text, reason))?);
            }
        }
        Ok(all)
    }

    /// True if the set contains `address`; `None`: a peer at a Unix socket, or in memory.
    pub(crate) fn has(&self, address: Option<IpAddr>) -> bool {
        match address {
            None => self.has_unix,
            Some(address) => {
                let bits = mapped(address).to_bits();
                self.networks.iter().any(|network| (bits ^ network.bits) & network.mask == 0)
            }
        }
    }
}

impl Network {
    fn read(text: &str) -> Result<Self, &'static str> {
        let (address, length) = match text.split_once('/') {
            Some((address, length)) => (address, Some(length)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| NO_ADDRESS)?;
        let most: u32 = if address.is_ipv4() { 32 } else { 128 };
        let length = length.map_or(Some(most), prefix).filter(|length| *length <= most).ok_or(NO_PREFIX)?;
        let mask = u128::MAX.checked_shl(most.saturating_sub(length)).unwrap_or(0);
        let bits = mapped(address).to_bits();
        if bits & !mask != 0 {
            return Err(HOST_BITS);
        }
        Ok(Self { bits, mask })
    }
}

fn mapped(address: IpAddr) -> Ipv6Addr {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => address,
    }
}

fn prefix(digits: &str) -> Option<u32> {
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    if is_number { digits.parse().ok() } else { None }
}

const NO_ADDRESS: &str = "is neither an IP address, nor a network such as 10.0.0.0/8, nor unix";
const NO_PREFIX: &str = "has an invalid prefix length";
const HOST_BITS: &str = "has bits set beyond its prefix length";

#[cfg(test)]
mod tests {
    use super::*;

    fn check(network: &str, within: &[&str], without: &[&str]) {
        let networks = Networks::read([network]).unwrap();
        for (texts, expected) in [(within, true), (without, false)] {
            for text in texts {
                assert_eq!(networks.has(Some(text.parse().unwrap())), expected, "{text} in {network}");
            }
        }
        assert!(!networks.has(None), "{network}");
    }

    #[test]
    fn members_are_those_of_the_prefix_in_either_notation() {
        check("192.0.2.1", &["192.0.2.1", "::ffff:192.0.2.1"], &["192.0.2.0", "192.0.2.2", "::192.0.2.1"]);
        check("10.0.0.0/8", &["10.0.0.0", "10.255.255.255", "::ffff:a00:1"], &["9.255.255.255", "11.0.0.0", "::1"]);
        check("10.0.0.128/25", &["10.0.0.128", "10.0.0.255"], &["10.0.0.127"]);
        check("0.0.0.0/0", &["0.0.0.0", "255.255.255.255"], &["::1", "2001:db8::1"]);
        check("::1", &["::1"], &["::", "::2", "127.0.0.1"]);
        check("2001:db8::/33", &["2001:db8:7fff::1"], &["2001:db8:8000::", "10.0.0.1"]);
        check("::/0", &["::", "2001:db8::1", "192.0.2.1"], &[]);
        check("::ffff:10.0.0.0/104", &["10.1.2.3"], &["11.1.2.3", "::1"]);
    }

    #[test]
    fn unix_matches_peers_without_an_address() {
        let networks = Networks::read(["::1", "unix"]).unwrap();
        assert!(networks.has(None) && networks.has(Some("::1".parse().unwrap())));
        assert!(!networks.has(Some("::2".parse().unwrap())));
        assert!(!Networks::default().has(None));
    }

    #[test]
    fn malformed_networks_are_named() {
        for (reason, texts) in [
            (
                NO_ADDRESS,
                &["", "proxy", "Unix", "1.2.3", "1.2.3.04", "1.2.3.4 ", "[::1]", "fe80::1%eth0", "/8", "1.2.3.4:80"][..],
            ),
            (NO_PREFIX, &["1.2.3.4/", "1.2.3.4/33", "::/129", "::/-1", "::/+1", "10.0.0.0/8/8", "10.0.0.0/255.0.0.0"]),
            (HOST_BITS, &["10.0.0.1/8", "192.0.2.1/31", "1.2.3.4/0", "::1/0", "2001:db8::1/64"]),
        ] {
            for text in texts {
                assert_eq!(Networks::read(["::1", text]), Err((*text, reason)));
            }
        }
    }
}
