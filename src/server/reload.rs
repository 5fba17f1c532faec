//! What is loaded anew while a server runs: certificates and keys.

use super::ServerHandle;
use super::life::Shared;
use crate::error::Error;

impl ServerHandle {
    /// Reads the files of certificates and keys again, for the handshakes that begin from now on. Connections go on as they are; sessions
    /// from before are not resumed. Nothing happens without TLS, or if the server does not run.
    ///
    /// [`Server::quickstart`](super::Server::quickstart) does it at SIGHUP.
    ///
    /// # Errors
    /// [`Error::Setting`] with the setting, the file and the reason; then the certificates there are stay in use.
    pub fn reload_tls(&self) -> Result<(), Error> {
        self.shared.reload_tls()
    }
}

impl Shared {
    pub(super) fn reload_tls(&self) -> Result<(), Error> {
        let Some(running) = self.serving().filter(|running| running.is_secure()) else { return Ok(()) };
        running.reload_tls()?;
        log::info!("certificates have been loaded again");
        Ok(())
    }

    /// Has everything opened anew that there is: of an instance nobody else knows what that would be.
    pub(super) fn reopen(&self) -> Result<(), Error> {
        match self.serving() {
            Some(running) if running.is_instance() => running.reload_tls(),
            _ => self.reload_tls(),
        }
    }

    /// Does it for somebody who cannot be told how it went.
    #[cfg(feature = "signals")]
    pub(super) fn reload_tls_or_log(&self) {
        if let Err(error) = self.reload_tls() {
            log::error!("certificates could not be loaded again, those there are stay in use: {error}");
        }
    }

    /// Whether it speaks TLS; `None` unless it runs.
    pub(super) fn is_secure(&self) -> Option<bool> {
        self.serving().map(|running| running.is_secure())
    }
}
