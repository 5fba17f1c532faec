//! Private keys: found in a text, decrypted if necessary, and made ready to sign.

use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::sign::SigningKey;
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs1KeyDer, PrivatePkcs8KeyDer, PrivateSec1KeyDer};

use super::blocks::Block;
use super::kind::{self, KeyKind};
use super::pem::PemText;
use super::provider;
use crate::error::Error;
use crate::tls::Password;

/// A private key.
pub(super) struct FoundKey {
    pub(super) key: Arc<dyn SigningKey>,
    pub(super) was_encrypted: bool,
}

/// Finds the one private key in `text`.
pub(super) fn find(text: &PemText, password: Option<&Password>, provider: &CryptoProvider) -> Result<FoundKey, Error> {
    let found: Vec<&Block> = text.keys().collect();
    let block = match found[..] {
        [block] => block,
        [] => return Err(text.refuse(format_args!("contains no private key in PEM{}", text.instead()))),
        _ => {
            let lines: Vec<_> = found.iter().map(|block| block.line.to_string()).collect();
            return Err(text.refuse(format_args!(
                "contains {} private keys instead of one, in lines {}",
                found.len(),
                lines.join(", ")
            )));
        }
    };
    if block.is_encrypted_in_old_format() {
        return Err(text.refuse(format_args!(
            "contains a private key encrypted in OpenSSL's old format, in line {}; \
             convert the key with openssl pkcs8 -topk8",
            block.line
        )));
    }
    if block.label == "OPENSSH PRIVATE KEY" {
        return Err(text.refuse(format_args!(
            "contains a private key of OpenSSH, in line {}; convert the key with ssh-keygen -p -m PKCS8",
            block.line
        )));
    }
    let der = text.der(block)?;
    let was_encrypted = block.label == "ENCRYPTED PRIVATE KEY";
    let (label, der) = if was_encrypted {
        ("PRIVATE KEY", decrypt(text, block, &der, password)?)
    } else {
        (block.label.as_str(), der)
    };
    Ok(FoundKey { key: signer(text, block, label, der, provider)?, was_encrypted })
}

/// Makes the key ready to sign.
fn signer(
    text: &PemText,
    block: &Block,
    label: &str,
    der: Vec<u8>,
    provider: &CryptoProvider,
) -> Result<Arc<dyn SigningKey>, Error> {
    let kind = KeyKind::of(label, &der);
    let unsupported = |kind: &KeyKind| {
        let (line, supported) = (block.line, provider::KEYS);
        text.refuse(format_args!(
            "contains a private key of an unsupported kind, in line {line}: {kind}; supported: {supported}"
        ))
    };
    let key: PrivateKeyDer<'_> = match label {
        "PRIVATE KEY" => PrivatePkcs8KeyDer::from(der).into(),
        "RSA PRIVATE KEY" => PrivatePkcs1KeyDer::from(der).into(),
        "EC PRIVATE KEY" => PrivateSec1KeyDer::from(der).into(),
        _ => return Err(unsupported(&kind)),
    };
    provider.key_provider.load_private_key(key).map_err(|error| match kind.is_supported() {
        false => unsupported(&kind),
        true => text.refuse(format_args!("contains a damaged private key, {kind}, in line {}: {error}", block.line)),
    })
}

#[cfg(feature = "tls-encrypted-keys")]
fn decrypt(text: &PemText, block: &Block, der: &[u8], password: Option<&Password>) -> Result<Vec<u8>, Error> {
    use pkcs8::{EncryptedPrivateKeyInfoRef, Error as KeyError, pkcs5};

    let (scheme, is_usual) = kind::encryption(der);
    let unsupported = || {
        text.refuse(format_args!(
            "contains a private key under an unsupported encryption, in line {}: {scheme}; supported: PBES2 with \
             PBKDF2 or scrypt, and AES-CBC or 3DES-CBC; convert the key with openssl pkcs8 -topk8 -v2 aes-256-cbc",
            block.line
        ))
    };
    let info = EncryptedPrivateKeyInfoRef::try_from(der).ok().filter(|_| is_usual).ok_or_else(unsupported)?;
    let Some(password) = password else {
        return Err(text.refuse(format_args!("is encrypted; set ssl_private_key_password")));
    };
    let password = password.reveal().map_err(|error| {
        let file = password.file().unwrap_or(std::path::Path::new(""));
        Error::setting("ssl_private_key_password", format!("cannot read {file:?}: {error}"))
    })?;
    match info.decrypt(password) {
        Ok(key) => Ok(key.as_bytes().to_vec()),
        Err(KeyError::EncryptedPrivateKey(
            pkcs5::Error::UnsupportedAlgorithm { .. } | pkcs5::Error::NoPbes1CryptSupport,
        )) => Err(unsupported()),
        Err(_) => {
            let reason = format!("wrong password: does not decrypt the private key in {}", text.name());
            Err(Error::setting("ssl_private_key_password", reason))
        }
    }
}

#[cfg(not(feature = "tls-encrypted-keys"))]
fn decrypt(text: &PemText, _: &Block, der: &[u8], _: Option<&Password>) -> Result<Vec<u8>, Error> {
    let (scheme, _) = kind::encryption(der);
    Err(text.refuse(format_args!("is encrypted ({scheme}), which needs the feature tls-encrypted-keys")))
}
