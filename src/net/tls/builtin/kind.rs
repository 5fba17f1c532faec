//! The kind of a private key, and the encryption of an encrypted key, for errors.
//!
//! rustls refuses an unsupported key without a reason.

use std::fmt::{self, Display, Formatter};

use der::{AnyRef, Decode, Reader, Result, Tag, TagNumber, Tagged};

use super::certificate::{dotted, identifier, next, parts};
use super::provider::{CURVES, MOST_RSA_BITS};

/// The kind of a private key.
#[derive(Debug, PartialEq)]
pub(super) enum KeyKind {
    Rsa { bits: usize },
    Ecdsa { curve: String },
    Other { name: String },
}

impl KeyKind {
    /// Reads the kind of the key `der` in a block called `label`.
    pub(super) fn of(label: &str, der: &[u8]) -> Self {
        let read = match label {
            "RSA PRIVATE KEY" => rsa(der),
            "EC PRIVATE KEY" => ec(der, None),
            "PRIVATE KEY" => pkcs8(der),
            other => Ok(Self::other(other.strip_suffix(" PRIVATE KEY").unwrap_or(other))),
        };
        read.unwrap_or_else(|_| Self::other("unreadable"))
    }

    /// True if the provider in use supports such keys.
    pub(super) fn is_supported(&self) -> bool {
        match self {
            Self::Rsa { bits } => (2048..=MOST_RSA_BITS).contains(bits),
            Self::Ecdsa { curve } => CURVES.contains(&curve.as_str()),
            Self::Other { name } => name == ED25519,
        }
    }

    fn other(name: &str) -> Self {
        Self::Other { name: name.to_owned() }
    }
}

impl Display for KeyKind {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rsa { bits } => write!(f, "RSA of {bits} bits"),
            Self::Ecdsa { curve } => write!(f, "ECDSA on {curve}"),
            Self::Other { name } => f.write_str(name),
        }
    }
}

/// PKCS#8 (RFC 5958 §2).
fn pkcs8(der: &[u8]) -> Result<KeyKind> {
    let mut fields = parts(AnyRef::from_der(der)?, Tag::Sequence)?;
    let _version = next(&mut fields)?;
    let mut algorithm = parts(next(&mut fields)?, Tag::Sequence)?;
    let name = dotted(identifier(next(&mut algorithm)?)?);
    let key = next(&mut fields)?;
    match name.as_str() {
        "1.2.840.113549.1.1.1" => rsa(key.value()),
        "1.2.840.10045.2.1" => ec(key.value(), next(&mut algorithm).ok()),
        _ => Ok(KeyKind::Other { name: named(ALGORITHMS, name) }),
    }
}

/// PKCS#1 (RFC 8017 §A.1.2).
fn rsa(der: &[u8]) -> Result<KeyKind> {
    let mut fields = parts(AnyRef::from_der(der)?, Tag::Sequence)?;
    let _version = next(&mut fields)?;
    let modulus = next(&mut fields)?.value();
    let zeros = modulus.iter().take_while(|byte| **byte == 0).count();
    let top = modulus.get(zeros).map_or(0, |byte| byte.leading_zeros() as usize);
    Ok(KeyKind::Rsa { bits: 8 * (modulus.len() - zeros) - top })
}

/// SEC 1 (RFC 5915 §3), with the curve in the key unless given as `curve`.
fn ec(der: &[u8], curve: Option<AnyRef<'_>>) -> Result<KeyKind> {
    let mut curve = curve;
    if curve.is_none() {
        let mut fields = parts(AnyRef::from_der(der)?, Tag::Sequence)?;
        while curve.is_none() && !fields.is_finished() {
            let field = next(&mut fields)?;
            if field.tag() == PARAMETERS {
                curve = Some(AnyRef::from_der(field.value())?);
            }
        }
    }
    let curve = match curve {
        Some(curve) if curve.tag() == Tag::ObjectIdentifier => named(NAMES_OF_CURVES, dotted(curve.value())),
        Some(_) => "a curve with explicit parameters".to_owned(),
        None => "a curve without a name".to_owned(),
    };
    Ok(KeyKind::Ecdsa { curve })
}

/// Returns the scheme of an encrypted key (RFC 5958 §3, RFC 8018 §A.4), and true if the scheme is
/// PBES2.
pub(super) fn encryption(der: &[u8]) -> (String, bool) {
    let scheme = || -> Result<_> {
        let mut fields = parts(AnyRef::from_der(der)?, Tag::Sequence)?;
        let mut algorithm = parts(next(&mut fields)?, Tag::Sequence)?;
        let name = dotted(identifier(next(&mut algorithm)?)?);
        if name != PBES2 {
            return Ok((named(SCHEMES, name), false));
        }
        let mut both = parts(next(&mut algorithm)?, Tag::Sequence)?;
        let mut part = || -> Result<_> {
            let mut part = parts(next(&mut both)?, Tag::Sequence)?;
            Ok(named(SCHEMES, dotted(identifier(next(&mut part)?)?)))
        };
        Ok((format!("PBES2 with {} and {}", part()?, part()?), true))
    };
    scheme().unwrap_or_else(|_| ("an unreadable scheme".to_owned(), false))
}

/// The name of an object identifier, else the identifier itself.
fn named(names: &[(&str, &str)], oid: String) -> String {
    names.iter().find(|(known, _)| *known == oid).map_or(oid, |(_, name)| (*name).to_owned())
}

const PARAMETERS: Tag = Tag::ContextSpecific { constructed: true, number: TagNumber(0) };
const PBES2: &str = "1.2.840.113549.1.5.13";
const ED25519: &str = "Ed25519";

const ALGORITHMS: &[(&str, &str)] = &[
    ("1.2.840.113549.1.1.10", "RSA-PSS"),
    ("1.2.840.10040.4.1", "DSA"),
    ("1.2.840.113549.1.3.1", "Diffie-Hellman"),
    ("1.3.101.110", "X25519"),
    ("1.3.101.111", "X448"),
    ("1.3.101.112", ED25519),
    ("1.3.101.113", "Ed448"),
    ("2.16.840.1.101.3.4.3.17", "ML-DSA-44"),
    ("2.16.840.1.101.3.4.3.18", "ML-DSA-65"),
    ("2.16.840.1.101.3.4.3.19", "ML-DSA-87"),
];

const NAMES_OF_CURVES: &[(&str, &str)] = &[
    ("1.2.840.10045.3.1.1", "P-192"),
    ("1.3.132.0.33", "P-224"),
    ("1.2.840.10045.3.1.7", "P-256"),
    ("1.3.132.0.34", "P-384"),
    ("1.3.132.0.35", "P-521"),
    ("1.3.132.0.10", "secp256k1"),
    ("1.3.36.3.3.2.8.1.1.7", "brainpoolP256r1"),
    ("1.3.36.3.3.2.8.1.1.11", "brainpoolP384r1"),
    ("1.3.36.3.3.2.8.1.1.13", "brainpoolP512r1"),
];

const SCHEMES: &[(&str, &str)] = &[
    ("1.2.840.113549.1.5.1", "PBE-MD2-DES"),
    ("1.2.840.113549.1.5.3", "PBE-MD5-DES"),
    ("1.2.840.113549.1.5.4", "PBE-MD2-RC2-64"),
    ("1.2.840.113549.1.5.6", "PBE-MD5-RC2-64"),
    ("1.2.840.113549.1.5.10", "PBE-SHA1-DES"),
    ("1.2.840.113549.1.5.11", "PBE-SHA1-RC2-64"),
    ("1.2.840.113549.1.12.1.1", "PBE-SHA1-RC4-128"),
    ("1.2.840.113549.1.12.1.2", "PBE-SHA1-RC4-40"),
    ("1.2.840.113549.1.12.1.3", "PBE-SHA1-3DES"),
    ("1.2.840.113549.1.12.1.4", "PBE-SHA1-2DES"),
    ("1.2.840.113549.1.12.1.5", "PBE-SHA1-RC2-128"),
    ("1.2.840.113549.1.12.1.6", "PBE-SHA1-RC2-40"),
    ("1.2.840.113549.1.5.12", "PBKDF2"),
    ("1.3.6.1.4.1.11591.4.11", "scrypt"),
    ("1.3.14.3.2.7", "DES-CBC"),
    ("1.2.840.113549.3.2", "RC2-CBC"),
    ("1.2.840.113549.3.7", "3DES-CBC"),
    ("2.16.840.1.101.3.4.1.2", "AES-128-CBC"),
    ("2.16.840.1.101.3.4.1.22", "AES-192-CBC"),
    ("2.16.840.1.101.3.4.1.42", "AES-256-CBC"),
    ("1.2.392.200011.61.1.1.1.4", "Camellia-256-CBC"),
];
