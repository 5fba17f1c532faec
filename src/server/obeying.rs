//! The signals that a server obeys while it blocks.

use std::io;
use std::sync::Arc;

use super::Server;
use super::life::Shared;
use crate::bus::notify;
use crate::bus::signals::{self, Caught};
use crate::error::Error;

impl Server {
    /// Catches all there are to obey; where that fails gives up a start that has `begun`.
    pub(super) fn obey_all_signals(&self, begun: bool) -> Result<Vec<Caught>, Error> {
        let caught = self.obey_signals();
        if begun && caught.iter().any(Result::is_err) {
            // Before the others are let go: what they have heard may wait for the start.
            self.shared.give_up_start();
        }
        caught.into_iter().collect::<Result<_, _>>().map_err(|source| Error::System { what: "signals", source })
    }

    /// Stops at SIGTERM and SIGINT, at once if there is a second one. SIGHUP and SIGUSR1 are caught only where there is anything to read
    /// anew.
    fn obey_signals(&self) -> Vec<io::Result<Caught>> {
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
        caught
    }
}

impl Shared {
    /// Reads settings anew, certificates where there is nobody to ask for settings, and tells those who open files anew.
    fn hang_up(&self) {
        let is_main = self.life().is_main;
        if is_main {
            notify::reloading();
        }
        if self.read_again() {
            self.graceful.tell();
        } else {
            self.go_gracefully();
        }
        if is_main {
            notify::ready();
        }
    }
}
