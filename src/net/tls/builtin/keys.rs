//! Private keys: found in a text, decrypted if necessary.

use rustls_pki_types::pem::SectionKind;
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs1KeyDer, PrivatePkcs8KeyDer, PrivateSec1KeyDer};

use super::pem::PemText;
use crate::error::Error;
use crate::tls::Password;

/// A private key.
pub(super) struct FoundKey {
    pub(super) key: PrivateKeyDer<'static>,
    pub(super) was_encrypted: bool,
}

/// Finds the one private key in `text`; `None` if there is none.
pub(super) fn find(text: &PemText, password: Option<&Password>) -> Result<Option<FoundKey>, Error> {
    if holds(text.bytes(), b"Proc-Type: 4,ENCRYPTED") {
        return Err(text.refuse(format_args!(
            "contains a private key encrypted in OpenSSL's old format; convert the key with openssl pkcs8 -topk8"
        )));
    }
    let mut found = Vec::new();
    for (kind, der) in text.sections()? {
        let key = match kind {
            SectionKind::PrivateKey => PrivatePkcs8KeyDer::from(der).into(),
            SectionKind::RsaPrivateKey => PrivatePkcs1KeyDer::from(der).into(),
            SectionKind::EcPrivateKey => PrivateSec1KeyDer::from(der).into(),
            _ => continue,
        };
        found.push(FoundKey { key, was_encrypted: false });
    }
    for section in encrypted(text.bytes()) {
        found.push(FoundKey { key: decrypt(text, section, password)?, was_encrypted: true });
    }
    if found.len() > 1 {
        return Err(text.refuse(format_args!("contains {} private keys instead of one", found.len())));
    }
    Ok(found.pop())
}

#[cfg(feature = "tls-encrypted-keys")]
fn decrypt(text: &PemText, section: &[u8], password: Option<&Password>) -> Result<PrivateKeyDer<'static>, Error> {
    use pkcs8::EncryptedPrivateKeyInfoRef;
    use pkcs8::der::SecretDocument;

    let Some(password) = password else {
        return Err(text.refuse(format_args!("is encrypted; set ssl_private_key_password")));
    };
    let garbage =
        |error: &dyn std::fmt::Display| text.refuse(format_args!("contains an invalid encrypted key: {error}"));
    let section = std::str::from_utf8(section).map_err(|error| garbage(&error))?;
    let (_, document) = SecretDocument::from_pem(section).map_err(|error| garbage(&error))?;
    let info = EncryptedPrivateKeyInfoRef::try_from(document.as_bytes()).map_err(|error| garbage(&error))?;
    let password = password.reveal().map_err(|error| {
        let file = password.file().unwrap_or(std::path::Path::new(""));
        Error::setting("ssl_private_key_password", format!("cannot read {file:?}: {error}"))
    })?;
    let key = info.decrypt(password).map_err(|_| {
        Error::setting("ssl_private_key_password", format!("does not decrypt the private key in {}", text.name()))
    })?;
    Ok(PrivatePkcs8KeyDer::from(key.as_bytes().to_vec()).into())
}

#[cfg(not(feature = "tls-encrypted-keys"))]
fn decrypt(text: &PemText, _: &[u8], _: Option<&Password>) -> Result<PrivateKeyDer<'static>, Error> {
    Err(text.refuse(format_args!("is encrypted, which needs the feature tls-encrypted-keys")))
}

/// The sections of encrypted keys, from `BEGIN` to `END`; a section without `END` extends to the
/// end of the text.
fn encrypted(mut bytes: &[u8]) -> Vec<&[u8]> {
    let mut found = Vec::new();
    while let Some(start) = position(bytes, BEGIN) {
        let section = &bytes[start..];
        let length = position(section, END).map_or(section.len(), |at| at + END.len());
        found.push(&section[..length]);
        bytes = &section[length..];
    }
    found
}

fn holds(bytes: &[u8], part: &[u8]) -> bool {
    position(bytes, part).is_some()
}

fn position(bytes: &[u8], part: &[u8]) -> Option<usize> {
    bytes.windows(part.len()).position(|window| window == part)
}

const BEGIN: &[u8] = b"-----BEGIN ENCRYPTED PRIVATE KEY-----";
const END: &[u8] = b"-----END ENCRYPTED PRIVATE KEY-----";
