//! The contents of a certificate (RFC 5280 §4.1), for display.
//!
//! Not for validation, which is done by rustls. Unreadable parts are left out.

use std::fmt::Write as _;
use std::time::SystemTime;

use der::asn1::{AnyRef, GeneralizedTime, Ia5StringRef, UtcTime};
use der::{Decode, Reader, Result, SliceReader, Tag, TagNumber, Tagged};
use rustls_pki_types::CertificateDer;

use crate::tls::{Certificate, Name};

/// Reads the contents of `der`.
pub(super) fn read(der: &CertificateDer<'_>) -> Certificate {
    let unread = || Certificate { der: der.to_vec(), pem: pem(der), ..Certificate::default() };
    contents(der, unread()).unwrap_or_else(|error| {
        log::debug!("cannot parse a certificate: {error}; its fields stay empty");
        unread()
    })
}

/// Adds the parts of `der` to `certificate`.
fn contents(der: &[u8], mut certificate: Certificate) -> Result<Certificate> {
    let mut fields = parts(next(&mut parts(AnyRef::from_der(der)?, Tag::Sequence)?)?, Tag::Sequence)?;
    certificate.version = 1;
    let mut serial = next(&mut fields)?;
    if serial.tag() == VERSION {
        certificate.version = AnyRef::from_der(serial.value())?.decode_as::<u8>()?.saturating_add(1);
        serial = next(&mut fields)?;
    }
    serial.tag().assert_eq(Tag::Integer)?;
    certificate.serial = hexadecimal(serial.value());
    let _algorithm = next(&mut fields)?;
    certificate.issuer = name(next(&mut fields)?)?;
    let mut validity = parts(next(&mut fields)?, Tag::Sequence)?;
    certificate.not_before = Some(time(next(&mut validity)?)?);
    certificate.not_after = Some(time(next(&mut validity)?)?);
    certificate.subject = name(next(&mut fields)?)?;
    let _public_key = next(&mut fields)?;
    while !fields.is_finished() {
        let field = next(&mut fields)?;
        if field.tag() == EXTENSIONS {
            let names = extension(AnyRef::from_der(field.value())?, SUBJECT_ALT_NAME)?;
            let names = names.and_then(|names| alternative_names(names).ok());
            (certificate.dns_names, certificate.emails) = names.unwrap_or_default();
        }
    }
    Ok(certificate)
}

/// The value of the extension called `wanted`.
fn extension<'d>(extensions: AnyRef<'d>, wanted: &[u8]) -> Result<Option<&'d [u8]>> {
    let mut extensions = parts(extensions, Tag::Sequence)?;
    let mut found = None;
    while !extensions.is_finished() {
        let mut extension = parts(next(&mut extensions)?, Tag::Sequence)?;
        let oid = identifier(next(&mut extension)?)?;
        let mut value = next(&mut extension)?;
        // True for a critical extension; absent otherwise.
        if value.tag() == Tag::Boolean {
            value = next(&mut extension)?;
        }
        value.tag().assert_eq(Tag::OctetString)?;
        if oid == wanted {
            found = Some(value.value());
        }
    }
    Ok(found)
}

/// The host names and mail addresses of a subjectAltName (RFC 5280 §4.2.1.6).
fn alternative_names(value: &[u8]) -> Result<(Vec<String>, Vec<String>)> {
    let (mut hosts, mut emails) = (Vec::new(), Vec::new());
    let mut names = parts(AnyRef::from_der(value)?, Tag::Sequence)?;
    while !names.is_finished() {
        let name = next(&mut names)?;
        let list = match name.tag() {
            EMAIL => &mut emails,
            HOST => &mut hosts,
            _ => continue,
        };
        list.push(Ia5StringRef::new(name.value())?.to_string());
    }
    Ok((hosts, emails))
}

fn name(name: AnyRef<'_>) -> Result<Name> {
    let mut attributes = Vec::new();
    let mut sets = parts(name, Tag::Sequence)?;
    while !sets.is_finished() {
        let mut set = parts(next(&mut sets)?, Tag::Set)?;
        while !set.is_finished() {
            let mut attribute = parts(next(&mut set)?, Tag::Sequence)?;
            let oid = identifier(next(&mut attribute)?)?;
            attributes.push((short(oid), text(next(&mut attribute)?)));
        }
    }
    Ok(Name { attributes })
}

fn time(time: AnyRef<'_>) -> Result<SystemTime> {
    match time.tag() {
        Tag::UtcTime => Ok(time.decode_as::<UtcTime>()?.to_system_time()),
        _ => Ok(time.decode_as::<GeneralizedTime>()?.to_system_time()),
    }
}

/// The next value.
pub(super) fn next<'d>(reader: &mut SliceReader<'d>) -> Result<AnyRef<'d>> {
    AnyRef::decode(reader)
}

/// A reader of the values in `value`, which must have the tag `tag`.
pub(super) fn parts(value: AnyRef<'_>, tag: Tag) -> Result<SliceReader<'_>> {
    value.tag().assert_eq(tag)?;
    SliceReader::new(value.value())
}

/// The bytes of an object identifier.
pub(super) fn identifier(value: AnyRef<'_>) -> Result<&[u8]> {
    value.tag().assert_eq(Tag::ObjectIdentifier)?;
    Ok(value.value())
}

/// Formats a number as OpenSSL does: two digits a byte, no byte for the sign.
fn hexadecimal(bytes: &[u8]) -> String {
    let digits = match bytes {
        [0, rest @ ..] if !rest.is_empty() => rest,
        all => all,
    };
    digits.iter().map(|byte| format!("{byte:02X}")).collect()
}

/// OpenSSL's name of an attribute, else its identifier.
fn short(oid: &[u8]) -> String {
    let digits = dotted(oid);
    SHORT_NAMES.iter().find(|(known, _)| *known == digits).map_or(digits, |(_, short)| (*short).to_owned())
}

/// Formats an object identifier (X.690 §8.19): seven bits a byte; the first number stands for two.
pub(super) fn dotted(oid: &[u8]) -> String {
    let (mut text, mut number) = (String::new(), 0_u128);
    for byte in oid {
        number = number << 7 | u128::from(byte & 0x7f);
        if byte & 0x80 != 0 {
            continue;
        }
        if text.is_empty() {
            let first = (number / 40).min(2);
            text = format!("{first}.{}", number - first * 40);
        } else {
            // Writing to a string cannot fail.
            let _ = write!(text, ".{number}");
        }
        number = 0;
    }
    text
}

/// A value as text, for every string type; other types as `#` and digits (RFC 4514 §2.4).
///
/// Malformed text is written in digits too: with replacement characters, two names would be one.
fn text(value: AnyRef<'_>) -> String {
    let text = match value.tag() {
        Tag::Utf8String | Tag::PrintableString | Tag::Ia5String | Tag::TeletexString => {
            std::str::from_utf8(value.value()).ok().map(str::to_owned)
        }
        Tag::BmpString => utf16(value.value()),
        _ => None,
    };
    text.unwrap_or_else(|| value.value().iter().fold("#".to_owned(), |text, byte| format!("{text}{byte:02X}")))
}

fn utf16(bytes: &[u8]) -> Option<String> {
    let units: Vec<u16> =
        bytes.chunks(2).map(|pair| Some(u16::from_be_bytes(pair.try_into().ok()?))).collect::<Option<_>>()?;
    String::from_utf16(&units).ok()
}

/// Encodes a certificate in PEM (RFC 7468 §5): Base64 in lines of 64 characters.
fn pem(der: &[u8]) -> String {
    let mut text = "-----BEGIN CERTIFICATE-----\n".to_owned();
    for line in der.chunks(48) {
        for group in line.chunks(3) {
            let bits = group.iter().fold(0, |bits, byte| bits << 8 | usize::from(*byte)) << (8 * (3 - group.len()));
            for at in 0..4 {
                let digit = char::from(BASE64[bits >> (18 - 6 * at) & 0x3f]);
                text.push(if at <= group.len() { digit } else { '=' });
            }
        }
        text.push('\n');
    }
    text.push_str("-----END CERTIFICATE-----\n");
    text
}

const VERSION: Tag = Tag::ContextSpecific { constructed: true, number: TagNumber(0) };
const EXTENSIONS: Tag = Tag::ContextSpecific { constructed: true, number: TagNumber(3) };
const EMAIL: Tag = Tag::ContextSpecific { constructed: false, number: TagNumber(1) };
const HOST: Tag = Tag::ContextSpecific { constructed: false, number: TagNumber(2) };
/// 2.5.29.17
const SUBJECT_ALT_NAME: &[u8] = &[0x55, 0x1d, 0x11];
const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

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

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DnType, DnValue, KeyPair, SanType, SerialNumber};

    use super::*;

    /// A certificate with names of several kinds and types.
    fn certificate() -> rcgen::Certificate {
        let mut params = CertificateParams::new(vec!["a.test".to_owned(), "*.b.test".to_owned()]).unwrap();
        params.subject_alt_names.push(SanType::Rfc822Name("me@a.test".try_into().unwrap()));
        params.subject_alt_names.push(SanType::IpAddress([127, 0, 0, 1].into()));
        params.serial_number = Some(SerialNumber::from_slice(&[0x80, 1, 2]));
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, "Zoë");
        params.distinguished_name.push(DnType::CountryName, DnValue::PrintableString("CH".try_into().unwrap()));
        params.distinguished_name.push(DnType::CustomDnType(vec![1, 2, 840, 113_549, 77]), "other");
        params.not_after = rcgen::date_time_ymd(2051, 2, 3);
        params.self_signed(&KeyPair::generate().unwrap()).unwrap()
    }

    #[test]
    fn names_numbers_and_times_are_read() {
        let made = certificate();
        let read = read(made.der());
        assert_eq!((read.version, read.serial.as_str()), (3, "800102"));
        let of = |name: &Name| name.to_string();
        assert_eq!(of(&read.subject), of(&read.issuer));
        let mut attributes = read.subject.attributes.clone();
        attributes.sort();
        let expected = [("1.2.840.113549.77", "other"), ("C", "CH"), ("CN", "Zoë")];
        assert_eq!(attributes, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
        assert_eq!((read.dns_names, read.emails), (vec!["a.test".into(), "*.b.test".into()], vec!["me@a.test".into()]));
        let end = std::time::Duration::from_secs(2_558_995_200);
        assert_eq!(read.not_after, Some(SystemTime::UNIX_EPOCH + end));
        assert_eq!(read.pem, made.pem().replace("\r\n", "\n"));
    }

    #[test]
    fn malformed_text_is_written_in_digits() {
        for (tag, bytes, expected) in [
            (Tag::Utf8String, "Zo\u{eb}".as_bytes(), "Zo\u{eb}"),
            (Tag::Utf8String, b"a\xff", "#61FF"),
            (Tag::TeletexString, b"a\xfe", "#61FE"),
            (Tag::BmpString, b"\0a\0\xeb", "a\u{eb}"),
            (Tag::BmpString, b"\xd8\0", "#D800"),
            (Tag::BmpString, b"\0a\0", "#006100"),
        ] {
            assert_eq!(text(AnyRef::new(tag, bytes).unwrap()), expected, "{tag} {bytes:?}");
        }
    }

    #[test]
    fn object_identifiers_are_written_with_dots() {
        for (bytes, expected) in [
            (&[0x55, 4, 3][..], "2.5.4.3"),
            (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 1], "1.2.840.113549.1.9.1"),
            (&[0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 1, 25], "0.9.2342.19200300.100.1.25"),
            (&[0x88, 0x37, 3], "2.999.3"),
            (&[], ""),
        ] {
            assert_eq!(dotted(bytes), expected);
        }
    }

    #[test]
    fn a_certificate_of_any_bytes_is_read_or_left_unread() {
        let whole = certificate().der().to_vec();
        for at in 0..whole.len() {
            let cut = read(&CertificateDer::from(whole[..at].to_vec()));
            assert_eq!((cut.version, cut.not_after), (0, None), "{at}");
            for bit in 0..8 {
                let mut flipped = whole.clone();
                flipped[at] ^= 1 << bit;
                assert_eq!(read(&CertificateDer::from(flipped.clone())).der, flipped);
            }
        }
    }

    #[test]
    fn pem_is_padded() {
        let base64 = |bytes: &[u8]| pem(bytes).lines().nth(1).map(str::to_owned).unwrap();
        assert_eq!([base64(b"a"), base64(b"ab"), base64(b"abc")], ["YQ==", "YWI=", "YWJj"]);
    }
}
