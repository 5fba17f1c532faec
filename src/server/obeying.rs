//! The signals that a server obeys while it blocks.

use std::error::Error as Cause;
use std::sync::Arc;

use super::{Server, Shared, State};
use crate::bus::notify;
use crate::bus::signals::{self, Caught};
use crate::error::Error;

impl Server {
    /// Catches all there are to obey; where that fails gives up a start that has `begun`.
    pub(super) fn obey_all_signals(&self, begun: bool) -> Result<Vec<Caught>, Error> {
        let caught = self.obey_signals();
        if caught.is_err() && begun {
            self.shared.life().state = State::Stopped;
            self.shared.changed.notify_all();
        }
        caught
    }

    /// Stops at SIGTERM and SIGINT, at once if there is a second one. SIGHUP and SIGUSR1 are caught only where there is anything to read
    /// anew.
    fn obey_signals(&self) -> Result<Vec<Caught>, Error> {
        let (first, more) = (self.handle(), self.handle());
        let stop = move || {
            first.stop();
        };
        let mut caught = vec![signals::on_exit(stop, move || more.cut())];
        let is_secure = self.scheme() == "https";
        if is_secure || self.shared.reloading.source().is_some() {
            let shared = Arc::clone(&self.shared);
            caught.push(signals::on_hangup(move || shared.hang_up()));
        }
        if is_secure || !self.shared.graceful.is_empty() {
            let shared = Arc::clone(&self.shared);
            caught.push(signals::on_graceful(move || shared.go_gracefully()));
        }
        caught.into_iter().collect::<Result<_, _>>().map_err(|source| Error::System { what: "signals", source })
    }
}

impl Shared {
    /// Reads settings anew, certificates where there is nobody to ask for settings, and tells those who open files anew.
    fn hang_up(&self) {
        let source = self.reloading.source();
        let Some(source) = source else { return self.go_gracefully() };
        let is_main = self.life().is_main;
        if is_main {
            notify::reloading();
        }
        match source().and_then(|settings| Ok(self.reload(&settings)?)) {
            Ok(kept) => {
                for name in kept {
                    log::warn!("setting {name} has been changed and needs a restart: the old value stays in force");
                }
                log::info!("settings have been read again");
            }
            Err(error) => {
                log::error!("settings could not be read again, those there are stay in force: {}", chain(&*error));
            }
        }
        self.graceful.tell();
        if is_main {
            notify::ready();
        }
    }
}

/// An error and what caused it, in a line.
fn chain(error: &dyn Cause) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
