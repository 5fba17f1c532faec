//! What a program does that is nothing but a server: start, obey signals, block.

#[cfg(feature = "signals")]
use std::sync::Arc;

use super::Server;
#[cfg(feature = "signals")]
use super::{Shared, State};
#[cfg(feature = "signals")]
use crate::bus::signals;
use crate::error::Error;

impl Server {
    /// Starts, then blocks until the process is told to end: by SIGTERM or SIGINT (feature `signals`), or by
    /// [`ServerHandle::stop`](super::ServerHandle::stop). A second signal ends it at once, cutting what runs.
    ///
    /// Where systemd asks for it (`Type=notify`, `notify-reload`) it is told when connections are accepted, when the server restarts, and when
    /// it stops. A server that was only started tells nothing: it may be a part of something larger.
    ///
    /// With TLS, SIGHUP has the certificates loaded again, as [`ServerHandle::reload_tls`](super::ServerHandle::reload_tls) does; what goes wrong is logged. Without TLS
    /// that signal is left alone.
    ///
    /// # Errors
    /// As [`start`](Self::start), and `System` if the signals cannot be had.
    pub fn quickstart(&self) -> Result<(), Error> {
        let starts = self.shared.begin_start();
        // Before anybody can see that it serves: a signal from then on is to be obeyed. One that comes before waits for the start.
        #[cfg(feature = "signals")]
        let _caught = self.obey_signals().inspect_err(|_| {
            if starts {
                self.shared.give_up_start();
            }
        })?;
        if starts {
            self.start_engine()?;
        }
        self.shared.set_main(true);
        self.block();
        self.shared.set_main(false);
        Ok(())
    }

    #[cfg(feature = "signals")]
    fn obey_signals(&self) -> Result<(signals::Caught, Option<signals::Caught>), Error> {
        let refused = |source| Error::System { what: "signals", source };
        let is_secure = self.scheme() == "https";
        let (first, more, shared) = (self.handle(), self.handle(), Arc::clone(&self.shared));
        let stop = move || {
            first.stop();
        };
        let exit = signals::on_exit(stop, move || more.cut()).map_err(refused)?;
        let reload = is_secure.then(|| signals::on_hangup(move || shared.reload_tls_or_log()));
        Ok((exit, reload.transpose().map_err(refused)?))
    }
}

#[cfg(feature = "signals")]
impl Shared {
    /// Leaves `Starting` without having tried.
    fn give_up_start(&self) {
        self.life().state = State::Stopped;
        self.changed.notify_all();
    }
}
