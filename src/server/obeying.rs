//! The signals that end a server, and that have it load its certificates anew.

use std::sync::Arc;

use super::Server;
use crate::bus::signals;
use crate::error::Error;

impl Server {
    /// Stops at SIGTERM and SIGINT, at once if there is a second one; SIGHUP is caught only where there is TLS.
    pub(super) fn obey_signals(&self) -> Result<(signals::Caught, Option<signals::Caught>), Error> {
        let refused = |source| Error::System { what: "signals", source };
        let (first, more, shared) = (self.handle(), self.handle(), Arc::clone(&self.shared));
        let stop = move || {
            first.stop();
        };
        let exit = signals::on_exit(stop, move || more.cut()).map_err(refused)?;
        let is_secure = self.shared.is_secure() == Some(true);
        let reload = is_secure.then(|| signals::on_hangup(move || shared.reload_tls_or_log()));
        let reload = reload.transpose().map_err(refused)?;
        Ok((exit, reload))
    }
}
