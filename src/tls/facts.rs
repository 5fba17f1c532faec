//! The results of a TLS handshake: plain data.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// The results of a handshake.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Facts {
    /// The version in use: `TLSv1.3` or `TLSv1.2`.
    pub protocol: String,
    /// The OpenSSL name of the cipher suite.
    pub cipher: String,
    /// The key size of the cipher, in bits.
    pub cipher_bits: Option<u16>,
    /// The protocol agreed on by ALPN.
    pub alpn: Option<String>,
    /// The host name requested by the client (SNI).
    pub server_name: Option<String>,
    /// The name and version of the TLS library.
    pub library: String,
    /// The server certificate sent to the client, if known.
    pub server_certificate: Option<Arc<Certificate>>,
    /// The client certificate, always verified: the handshake fails otherwise. A client that
    /// resumes a session is verified again, unless `ssl_context` is a configuration of the program.
    pub client_certificate: Option<Arc<Certificate>>,
}

/// The parts of a certificate. If the certificate cannot be parsed, only `der` is set.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Certificate {
    /// The certificate in DER.
    pub der: Vec<u8>,
    /// The certificate in PEM, with `BEGIN` and `END`.
    pub pem: String,
    /// The version of the format; usually 3.
    pub version: u8,
    /// The serial number in hexadecimal, in capitals, as OpenSSL writes it.
    pub serial: String,
    /// The start of the validity.
    pub not_before: Option<SystemTime>,
    /// The end of the validity.
    pub not_after: Option<SystemTime>,
    /// The owner of the certificate.
    pub subject: Name,
    /// The signer of the certificate.
    pub issuer: Name,
    /// The host names of the certificate (subjectAltName).
    pub dns_names: Vec<String>,
    /// The mail addresses of the certificate (subjectAltName).
    pub emails: Vec<String>,
}

/// A distinguished name: attributes in the order of the certificate.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Name {
    /// The short name of each attribute, such as `CN` or `O`, or its object identifier, and its
    /// value.
    pub attributes: Vec<(String, String)>,
}

impl Certificate {
    /// The number of whole days until the expiry; negative after the expiry.
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
    /// The common name, or the last of several.
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
    /// Writes `C=CH,O=Orchard,CN=stone`: in the order of the certificate, special characters
    /// escaped with `\`.
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
    fn remaining_days_are_counted_down() {
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
