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

use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use crate::error::Error;
use crate::tls::{Acceptor, Adapter, Options, Session};

/// What new connections do TLS with.
#[derive(Debug)]
pub(crate) struct Tls {
    adapter: Arc<dyn Adapter>,
    options: Options,
    /// What was loaded last; the lock is held only to clone or to replace it.
    current: Mutex<Arc<dyn Acceptor>>,
}

impl Tls {
    /// Loads what `options` names, by `adapter` or else by the one that is built in.
    ///
    /// # Errors
    /// Those of [`Adapter::load`]; `Setting` if there is no adapter.
    pub(crate) fn load(options: Options, adapter: Option<Arc<dyn Adapter>>, now: SystemTime) -> Result<Self, Error> {
        let adapter = match adapter {
            Some(adapter) => adapter,
            None => builtin()?,
        };
        let current = Mutex::new(Arc::from(adapter.load(&options, now)?));
        Ok(Self { adapter, options, current })
    }

    /// Loads everything again, for the handshakes that begin from now on. Connections go on as they are.
    ///
    /// # Errors
    /// As `load`; then nothing is changed.
    pub(crate) fn reload(&self, now: SystemTime) -> Result<(), Error> {
        let loaded = Arc::from(self.adapter.load(&self.options, now)?);
        *self.current.lock().unwrap_or_else(PoisonError::into_inner) = loaded;
        Ok(())
    }

    /// Begins a session.
    fn session(&self) -> Result<Box<dyn Session>, String> {
        let current = Arc::clone(&*self.current.lock().unwrap_or_else(PoisonError::into_inner));
        current.session()
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
