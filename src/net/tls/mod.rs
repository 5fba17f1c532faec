//! TLS between a socket and the engine.
//!
//! | file | what it does |
//! |---|---|
//! | this one | what is loaded, and loaded again while connections go on |
//! | [`secure`] | one connection: handshake, bytes in and out, none of it waiting |
//! | [`open`] | its session once the handshake is over: content out of records |
//! | [`wire`] | its socket, as an adapter sees it |
//! | `builtin` | the adapter that is rustls (features `tls` and `tls-aws-lc`) |

#[cfg(any(feature = "tls", feature = "tls-aws-lc"))]
mod builtin;
mod open;
pub(crate) mod secure;
mod wire;

#[cfg(test)]
#[cfg(any(feature = "tls", feature = "tls-aws-lc"))]
mod tests;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use crate::error::Error;
use crate::tls::{Acceptor, Adapter, Options, Session};

/// What new connections do TLS with.
#[derive(Debug)]
pub(crate) struct Tls {
    /// The lock is held only to clone or to replace it.
    current: Mutex<Loaded>,
}

/// What was loaded last, by whom, and from where.
#[derive(Clone, Debug)]
struct Loaded {
    adapter: Arc<dyn Adapter>,
    options: Options,
    acceptor: Arc<dyn Acceptor>,
}

impl Tls {
    /// Loads what `options` names, by `adapter` or else by the one that is built in.
    ///
    /// # Errors
    /// Those of [`Adapter::load`]; `Setting` if there is no adapter.
    pub(crate) fn load(options: Options, adapter: Option<Arc<dyn Adapter>>, now: SystemTime) -> Result<Self, Error> {
        Ok(Self { current: Mutex::new(Loaded::new(options, adapter, now)?) })
    }

    /// Loads what `options` names instead, for the handshakes that begin from now on. Connections go on as they are.
    ///
    /// # Errors
    /// As `load`; then nothing is changed.
    pub(crate) fn replace(
        &self,
        options: Options,
        adapter: Option<Arc<dyn Adapter>>,
        now: SystemTime,
    ) -> Result<(), Error> {
        let loaded = Loaded::new(options, adapter, now)?;
        *self.current() = loaded;
        Ok(())
    }

    /// Loads everything again, for the handshakes that begin from now on. Connections go on as they are.
    ///
    /// # Errors
    /// As `load`; then nothing is changed.
    pub(crate) fn reload(&self, now: SystemTime) -> Result<(), Error> {
        let Loaded { adapter, options, .. } = self.current().clone();
        self.replace(options, Some(adapter), now)
    }

    /// Begins a session.
    fn session(&self) -> Result<Box<dyn Session>, String> {
        let acceptor = Arc::clone(&self.current().acceptor);
        acceptor.session()
    }

    fn current(&self) -> MutexGuard<'_, Loaded> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Loaded {
    fn new(options: Options, adapter: Option<Arc<dyn Adapter>>, now: SystemTime) -> Result<Self, Error> {
        let adapter = match adapter {
            Some(adapter) => adapter,
            None => builtin()?,
        };
        let acceptor = Arc::from(adapter.load(&options, now)?);
        Ok(Self { adapter, options, acceptor })
    }
}

#[cfg(any(feature = "tls", feature = "tls-aws-lc"))]
#[expect(clippy::unnecessary_wraps, reason = "without the features there is none")]
fn builtin() -> Result<Arc<dyn Adapter>, Error> {
    Ok(Arc::new(builtin::Builtin))
}

#[cfg(not(any(feature = "tls", feature = "tls-aws-lc")))]
fn builtin() -> Result<Arc<dyn Adapter>, Error> {
    Err(Error::setting("ssl_module", "\"builtin\" needs the feature tls or tls-aws-lc"))
}
