//! The contents of a certificate, for display.
//!
//! Not for validation, which is done by rustls. Unreadable parts are left out.

use std::time::SystemTime;

use rustls_pki_types::CertificateDer;
use x509_cert::der::asn1::{Ia5StringRef, ObjectIdentifier, PrintableStringRef, TeletexStringRef, Utf8StringRef};
use x509_cert::der::pem::{LineEnding, encode_string};
use x509_cert::der::{Any, Decode, Tag, Tagged};
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::name::Name as X509Name;
use x509_cert::time::Time;

use crate::tls::{Certificate, Name};

/// Reads the contents of `der`.
pub(super) fn read(der: &CertificateDer<'_>) -> Certificate {
    let pem = encode_string("CERTIFICATE", LineEnding::LF, der).unwrap_or_default();
    let unread = Certificate { der: der.to_vec(), pem, ..Certificate::default() };
    let parsed = match x509_cert::Certificate::from_der(der) {
        Ok(parsed) => parsed,
        Err(error) => {
            log::debug!("cannot parse a certificate: {error}; its fields stay empty");
            return unread;
        }
    };
    let content = parsed.tbs_certificate();
    let mut certificate = Certificate {
        version: content.version() as u8 + 1,
        serial: hexadecimal(content.serial_number().as_bytes()),
        not_before: Some(time(&content.validity().not_before)),
        not_after: Some(time(&content.validity().not_after)),
        subject: name(content.subject()),
        issuer: name(content.issuer()),
        ..unread
    };
    if let Ok(Some((_, names))) = content.get_extension::<SubjectAltName>() {
        for name in &names.0 {
            match name {
                GeneralName::DnsName(name) => certificate.dns_names.push(name.to_string()),
                GeneralName::Rfc822Name(name) => certificate.emails.push(name.to_string()),
                _ => {}
            }
        }
    }
    certificate
}

fn time(time: &Time) -> SystemTime {
    time.to_system_time()
}

/// Formats a number as OpenSSL does: two digits a byte, no byte for the sign.
fn hexadecimal(bytes: &[u8]) -> String {
    let digits = match bytes {
        [0, rest @ ..] if !rest.is_empty() => rest,
        all => all,
    };
    digits.iter().map(|byte| format!("{byte:02X}")).collect()
}

fn name(name: &X509Name) -> Name {
    let attributes = name.iter().map(|attribute| (short(&attribute.oid), text(&attribute.value)));
    Name { attributes: attributes.collect() }
}

/// OpenSSL's name of an attribute, else its identifier.
fn short(oid: &ObjectIdentifier) -> String {
    let digits = oid.to_string();
    SHORT_NAMES.iter().find(|(known, _)| *known == digits).map_or(digits, |(_, short)| (*short).to_owned())
}

/// A value as text, for every string type; other types as `#` and digits (RFC 4514 §2.4).
fn text(value: &Any) -> String {
    let read = match value.tag() {
        Tag::Utf8String => value.decode_as::<Utf8StringRef>().map(|text| text.to_string()),
        Tag::PrintableString => value.decode_as::<PrintableStringRef>().map(|text| text.to_string()),
        Tag::Ia5String => value.decode_as::<Ia5StringRef>().map(|text| text.to_string()),
        Tag::TeletexString => value.decode_as::<TeletexStringRef>().map(|text| text.to_string()),
        Tag::BmpString => return utf16(value.value()),
        _ => return format!("#{}", hexadecimal(value.value())),
    };
    read.unwrap_or_else(|_| String::from_utf8_lossy(value.value()).into_owned())
}

fn utf16(bytes: &[u8]) -> String {
    let units: Vec<u16> = bytes.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect();
    String::from_utf16_lossy(&units)
}

/// Attributes of X.520, RFC 4519, PKCS #9.
const SHORT_NAMES: &[(&str, &str)] = &[
    ("2.5.4.3", "CN"),
    ("2.5.4.4", "S"),
    ("2.5.4.6", "C"),
    ("2.5.4.7", "L"),
    ("2.5.4.8", "ST"),
    ("2.5.4.10", "O"),
    ("2.5.4.11", "OU"),
    ("2.5.4.12", "T"),
    ("2.5.4.13", "D"),
    ("2.5.4.42", "G"),
    ("2.5.4.43", "I"),
    ("0.9.2342.19200300.100.1.1", "UID"),
    ("0.9.2342.19200300.100.1.25", "DC"),
    ("1.2.840.113549.1.9.1", "Email"),
];
