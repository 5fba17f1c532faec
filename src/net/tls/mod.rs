//! TLS between a socket and the engine.
//!
//! | file | what it does |
//! |---|---|
//! | this file | loads the configuration, and reloads it while connections continue |
//! | [`secure`] | one connection: handshake, bytes in and out, all without waiting |
//! | [`open`] | the session after the handshake: content out of records |
//! | [`wire`] | the socket, as an adapter sees it |
//! | `builtin` | the rustls adapter (features `tls` and `tls-aws-lc`) |

#[cfg(any(feature = "tls", feature = "tls-aws-lc"))]
mod builtin;
mod open;
pub(crate) mod secure;
mod wire;

#[cfg(test)]
#[cfg(any(feature = "tls", feature = "tls-aws-lc"))]
mod tests;

use std::sync::Arc;
use std::time::SystemTime;

use crate::error::Error;
use crate::sync::{Mutex, catch};
use crate::tls::{Acceptor, Adapter, Options, Session, source};

/// The TLS of new connections.
#[derive(Debug)]
pub(crate) struct Tls {
    /// Locked only to clone or to replace the value.
    current: Mutex<Loaded>,
}

/// The last load: its result, adapter and options.
#[derive(Clone, Debug)]
struct Loaded {
    adapter: Arc<dyn Adapter>,
    options: Arc<Options>,
    acceptor: Arc<dyn Acceptor>,
}

impl Tls {
    /// Loads the files in `options` with `adapter`, or with the built-in adapter.
    ///
    /// # Errors
    /// Those of [`Adapter::load`]; `Setting` if there is no adapter, or if it panics.
    pub(crate) fn load(
        options: Arc<Options>,
        adapter: Option<Arc<dyn Adapter>>,
        now: SystemTime,
    ) -> Result<Self, Error> {
        Ok(Self { current: Mutex::new(Loaded::new(options, adapter, now)?) })
    }

    /// Replaces the options for new handshakes. Established connections are not affected.
    ///
    /// # Errors
    /// As `load`; nothing is changed then.
    pub(crate) fn replace(
        &self,
        options: Arc<Options>,
        adapter: Option<Arc<dyn Adapter>>,
        now: SystemTime,
    ) -> Result<(), Error> {
        let loaded = Loaded::new(options, adapter, now)?;
        for (setting, path) in loaded.options.files().into_iter().filter(|(_, path)| source::is_kept(path)) {
            log::warn!(
                "setting {setting}: {path:?} is a pipe without new content; the content read before stays in use"
            );
        }
        *self.current.lock() = loaded;
        Ok(())
    }

    /// Reloads all files for new handshakes. Established connections are not affected.
    ///
    /// # Errors
    /// As `load`; nothing is changed then.
    pub(crate) fn reload(&self, now: SystemTime) -> Result<(), Error> {
        let Loaded { adapter, options, .. } = self.current.lock().clone();
        self.replace(options, Some(adapter), now)
    }

    /// Begins a session.
    fn session(&self) -> Result<Box<dyn Session>, String> {
        let acceptor = Arc::clone(&self.current.lock().acceptor);
        acceptor.session()
    }
}

impl Loaded {
    fn new(options: Arc<Options>, adapter: Option<Arc<dyn Adapter>>, now: SystemTime) -> Result<Self, Error> {
        let adapter = match adapter {
            Some(adapter) => adapter,
            None => builtin(&options)?,
        };
        // A panic would leave a start under way for ever.
        let acceptor = catch(|| adapter.load(&options, now)).unwrap_or_else(|panic| {
            let message = panic.message().unwrap_or("without a message");
            Err(Error::setting("ssl_module", format!("the adapter panicked: {message}")))
        });
        let acceptor = Arc::from(acceptor?);
        Ok(Self { adapter, options, acceptor })
    }
}

#[cfg(any(feature = "tls", feature = "tls-aws-lc"))]
#[expect(clippy::unnecessary_wraps, reason = "without the features there is none")]
fn builtin(_: &Options) -> Result<Arc<dyn Adapter>, Error> {
    Ok(Arc::new(builtin::Builtin))
}

/// Refuses the setting that switches TLS on.
#[cfg(not(any(feature = "tls", feature = "tls-aws-lc")))]
fn builtin(options: &Options) -> Result<Arc<dyn Adapter>, Error> {
    let name = match options.identity {
        crate::tls::Identity::Files { .. } => "ssl_certificate",
        _ => "ssl_context",
    };
    Err(Error::setting(name, "needs TLS, but this program was built without the feature tls"))
}

#[cfg(test)]
#[cfg(not(any(feature = "tls", feature = "tls-aws-lc")))]
mod without {
    use super::*;
    use crate::tls::{CertificateFiles, Identity, Verify, Version};

    #[test]
    fn missing_feature_is_named_and_not_the_adapter() {
        let files = CertificateFiles { certificate: "a.pem".into(), private_key: None };
        let options = Options {
            identity: Identity::Files { files, chain: None },
            password: None,
            sni: Vec::new(),
            ciphers: None,
            min_version: Version::Tls12,
            client_ca: None,
            verify: Verify::None,
        };
        let text = Tls::load(Arc::new(options), None, SystemTime::UNIX_EPOCH).unwrap_err().to_string();
        let expected = "setting ssl_certificate: needs TLS, but this program was built without the feature tls";
        assert_eq!(text, expected);
    }
}
