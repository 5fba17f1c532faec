//! TLS by rustls: the adapter `builtin`.

mod blocks;
mod certificate;
mod ciphers;
mod identity;
mod keys;
mod kind;
mod pem;
pub(super) mod provider;
mod reasons;
mod session;
mod sni;
mod witness;

use std::any::Any;
use std::sync::Arc;
use std::time::SystemTime;

use rustls::crypto::CryptoProvider;
use rustls::server::{ClientCertVerifierBuilder, NoServerSessionStorage, WebPkiClientVerifier};
use rustls::{RootCertStore, ServerConfig, version};

use self::pem::{LocatedCertificate, PemText};
use self::session::RustlsSession;
use self::sni::Shelf;
use self::witness::Witness;
use crate::error::Error;
use crate::tls::{Acceptor, Adapter, Identity, Options, Session, Verify, Version};

/// The adapter itself; the loaded acceptor does the work.
#[derive(Debug)]
pub(crate) struct Builtin;

/// The loaded configuration.
struct Loaded {
    config: Arc<ServerConfig>,
    /// The certificates; `None` if the program has supplied its own configuration.
    shelf: Option<Arc<Shelf>>,
    /// The verifier of client certificates; `None` if drupe asks for none, or with `ssl_context`.
    clients: Option<Arc<Witness>>,
}

impl Adapter for Builtin {
    fn load(&self, options: &Options, now: SystemTime) -> Result<Box<dyn Acceptor>, Error> {
        if let Identity::Context(object) = &options.identity {
            return Ok(Box::new(Loaded { config: own(object, options)?, shelf: None, clients: None }));
        }
        let mut provider = provider::provider();
        let shelf = Arc::new(Shelf::new(identity::entries(options, &provider, now)?));
        if let Some(list) = &options.ciphers {
            let chosen = ciphers::select(list, &provider.cipher_suites);
            provider.cipher_suites = chosen.map_err(|reason| Error::setting("ssl_ciphers", reason))?;
        }
        let (config, clients) = configure(provider, options, &shelf)?;
        Ok(Box::new(Loaded { config: Arc::new(config), shelf: Some(shelf), clients }))
    }
}

impl Acceptor for Loaded {
    fn session(&self) -> Result<Box<dyn Session>, String> {
        let made = RustlsSession::new(&self.config, self.shelf.as_ref(), self.clients.as_ref());
        Ok(Box::new(made.map_err(|error| error.to_string())?))
    }
}

/// The configuration, and its verifier of client certificates, if clients are asked for one.
fn configure(
    provider: CryptoProvider,
    options: &Options,
    shelf: &Arc<Shelf>,
) -> Result<(ServerConfig, Option<Arc<Witness>>), Error> {
    let suites = &provider.cipher_suites;
    let has_13 = suites.iter().any(|suite| suite.tls13().is_some());
    let has_12 = suites.iter().any(|suite| suite.tls13().is_none()) && options.min_version == Version::Tls12;
    let versions: &[_] = match (has_13, has_12) {
        (true, true) => &[&version::TLS13, &version::TLS12],
        (true, false) => &[&version::TLS13],
        (false, true) => &[&version::TLS12],
        (false, false) => {
            return Err(Error::setting(
                "ssl_ciphers",
                "no selected cipher suite is of TLSv1.3, which ssl_min_version requires",
            ));
        }
    };
    if let Some(list) = options.ciphers.as_ref().filter(|_| !has_12 && options.min_version == Version::Tls13) {
        ciphers::concern_13(list).map_err(|reason| Error::setting("ssl_ciphers", reason))?;
    }
    if !has_13 {
        shelf.goes_with(suites).map_err(|reason| Error::setting("ssl_ciphers", reason))?;
    }
    let provider = Arc::new(provider);
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider));
    let builder = builder.with_protocol_versions(versions).map_err(|e| Error::setting("ssl_ciphers", e.to_string()))?;
    let clients = match clients(options, &provider)? {
        Some(clients) => {
            let clients = clients.build().map_err(|error| Error::setting("ssl_client_ca", error.to_string()))?;
            Some(Arc::new(Witness::new(clients)))
        }
        None => None,
    };
    let builder = match &clients {
        Some(clients) => builder.with_client_cert_verifier(Arc::<Witness>::clone(clients)),
        None => builder.with_no_client_auth(),
    };
    let mut config = builder.with_cert_resolver(shelf.resolver());
    config.alpn_protocols = HTTP_1.map(<[u8]>::to_vec).to_vec();
    // Follows the server's order. Without a configured order any would do, but scanners report a
    // missing server order as a weakness.
    config.ignore_client_order = true;
    // Sessions are resumed from the client's ticket; the server stores none.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.ticketer =
        provider::ticketer().map_err(|e| Error::setting("ssl_module", format!("no random numbers: {e}")))?;
    Ok((config, clients))
}

/// The verifier of client certificates; `None`: clients are not asked for one.
fn clients(options: &Options, provider: &Arc<CryptoProvider>) -> Result<Option<ClientCertVerifierBuilder>, Error> {
    let Some(path) = options.client_ca.as_deref().filter(|_| options.verify != Verify::None) else { return Ok(None) };
    let text = PemText::read("ssl_client_ca", path)?;
    let (roots, lists) = (Arc::new(roots(&text)?), text.revocation_lists()?);
    for warning in text.unused(&[]) {
        log::warn!("setting {}: {warning}", text.setting());
    }
    let builder = WebPkiClientVerifier::builder_with_provider(roots, Arc::clone(provider));
    // An authority without a list in the file revokes nothing.
    let builder = builder.with_crls(lists).allow_unknown_revocation_status();
    Ok(Some(if options.verify == Verify::Optional { builder.allow_unauthenticated() } else { builder }))
}

fn roots(text: &PemText) -> Result<RootCertStore, Error> {
    let mut roots = RootCertStore::empty();
    for LocatedCertificate { der, line } in text.certificates()? {
        roots
            .add(der)
            .map_err(|error| text.refuse(format_args!("contains an invalid certificate, in line {line}: {error}")))?;
    }
    Ok(roots)
}

/// The program's own configuration.
fn own(object: &Arc<dyn Any + Send + Sync>, options: &Options) -> Result<Arc<ServerConfig>, Error> {
    let beside = [
        ("ssl_private_key_password", options.password.is_some()),
        ("ssl_sni", !options.sni.is_empty()),
        ("ssl_ciphers", options.ciphers.is_some()),
        ("ssl_min_version", options.min_version != Version::Tls12),
        ("ssl_client_ca", options.client_ca.is_some()),
        ("ssl_verify_mode", options.verify != Verify::None),
    ];
    if let Some((name, _)) = beside.iter().find(|(_, is_set)| *is_set) {
        return Err(Error::setting(name, "has no effect together with ssl_context, which is complete"));
    }
    let refuse = |reason| Error::setting("ssl_context", reason);
    let config = Arc::clone(object).downcast::<ServerConfig>();
    let config =
        config.map_err(|_| refuse("is not a rustls::ServerConfig of the rustls 0.23 that drupe is built with"))?;
    let offers = |protocol: &[u8]| config.alpn_protocols.iter().any(|offered| offered == protocol);
    if config.alpn_protocols.iter().any(|offered| !HTTP_1.contains(&offered.as_slice())) {
        return Err(refuse("offers an ALPN protocol other than http/1.1 and http/1.0"));
    }
    if !config.alpn_protocols.is_empty() && !offers(HTTP_11) && !offers(HTTP_10) {
        return Err(refuse("offers neither http/1.1 nor http/1.0 by ALPN"));
    }
    if config.max_early_data_size > 0 {
        return Err(refuse("accepts early data (0-RTT), which an attacker can replay and drupe does not read"));
    }
    Ok(config)
}

/// Names for ALPN (RFC 7301 §6).
const HTTP_11: &[u8] = b"http/1.1";
const HTTP_10: &[u8] = b"http/1.0";
const HTTP_1: [&[u8]; 2] = [HTTP_11, HTTP_10];
