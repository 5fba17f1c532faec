//! What is known about a connection once its handshake is over: plain data.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// What a handshake has settled.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Facts {
    /// The version in use: `TLSv1.3` or `TLSv1.2`.
    pub protocol: String,
    /// The cipher suite, under the name OpenSSL has for it.
    pub cipher: String,
    /// Bits of the key of its cipher.
    pub cipher_bits: Option<u16>,
    /// The protocol that was agreed on by ALPN.
    pub alpn: Option<String>,
    /// The host that the client has asked for (SNI).
    pub server_name: Option<String>,
    /// What does TLS: a name and a version.
    pub library: String,
    /// Our certificate, if it is known which one was shown.
    pub server_certificate: Option<Arc<Certificate>>,
    /// The client's certificate. It has been verified: without that there is no connection.
    pub client_certificate: Option<Arc<Certificate>>,
}

/// What a certificate says. Where it could not be read, there is `der` and nothing else.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Certificate {
    /// The certificate itself.
    pub der: Vec<u8>,
    /// The same as text, with its `BEGIN` and `END`.
    pub pem: String,
    /// The version of its format: 3 nowadays.
    pub version: u8,
    /// Its serial number in hexadecimal digits, capitals, as OpenSSL writes it.
    pub serial: String,
    /// From when it is valid.
    pub not_before: Option<SystemTime>,
    /// Until when it is valid.
    pub not_after: Option<SystemTime>,
    /// Whose it is.
    pub subject: Name,
    /// Who has signed it.
    pub issuer: Name,
    /// The hosts it is for (subjectAltName).
    pub dns_names: Vec<String>,
    /// The mail addresses it is for (subjectAltName).
    pub emails: Vec<String>,
}

/// A distinguished name: attributes in the order of the certificate.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Name {
    /// Each attribute's short name, such as `CN` or `O`, or its object identifier in digits, and its value.
    pub attributes: Vec<(String, String)>,
}

impl Certificate {
    /// How many whole days it is still valid; negative once it has expired.
    #[must_use]
    pub fn days_left(&self, now: SystemTime) -> Option<i64> {
        let end = self.not_after?;
        let days = |time: Duration| i64::try_from(time.as_secs() / DAY_SECS).unwrap_or(i64::MAX);
        Some(match end.duration_since(now) {
            Ok(left) => days(left),
            Err(over) => -days(over.duration()) - 1,
        })
    }
}

impl Name {
    /// Its common name, the last one if it has several.
    #[must_use]
    pub fn common_name(&self) -> Option<&str> {
        self.values("CN").last()
    }

    /// The values of the attribute with the short name `attribute`.
    pub fn values<'a>(&'a self, attribute: &'a str) -> impl Iterator<Item = &'a str> {
        self.attributes.iter().filter(move |(name, _)| name == attribute).map(|(_, value)| value.as_str())
    }
}

impl fmt::Display for Name {
    /// Writes `C=CH,O=Orchard,CN=stone`: the order of the certificate, characters that would mislead escaped with `\`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (name, value)) in self.attributes.iter().enumerate() {
            let comma = if at == 0 { "" } else { "," };
            write!(f, "{comma}{name}=")?;
            for character in value.chars() {
                match character {
                    ',' | '+' | '"' | '\\' | '<' | '>' | ';' | '=' => write!(f, "\\{character}")?,
                    control if control.is_control() => write!(f, "\\{:02X}", u32::from(control))?,
                    plain => write!(f, "{plain}")?,
                }
            }
        }
        Ok(())
    }
}

const DAY_SECS: u64 = 24 * 60 * 60;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_those_that_are_left() {
        let at = |hours: u64| SystemTime::UNIX_EPOCH + Duration::from_secs(hours * 3600);
        for (end, now, days) in [(48, 0, 2), (48, 1, 1), (48, 47, 0), (48, 48, 0), (48, 49, -1), (48, 97, -3)] {
            let certificate = Certificate { not_after: Some(at(end)), ..Certificate::default() };
            assert_eq!(certificate.days_left(at(now)), Some(days), "{end} {now}");
        }
        assert_eq!(Certificate::default().days_left(at(0)), None);
    }

    #[test]
    fn a_name_cannot_be_mistaken_for_another() {
        let attribute = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let name = Name { attributes: vec![attribute("O", "a,CN=b"), attribute("CN", "c\n"), attribute("CN", "d")] };
        assert_eq!(name.to_string(), "O=a\\,CN\\=b,CN=c\\0A,CN=d");
        assert_eq!(name.common_name(), Some("d"));
        assert_eq!(name.values("CN").count(), 2);
        assert_eq!(Name::default().to_string(), "");
    }
}
