//! The signals that a server obeys while it blocks.

use std::io;
use std::sync::Arc;

use super::Server;
use super::driven::Driven;
use super::life::Shared;
use crate::bus::notify;
use crate::bus::signals::{self, Caught};
use crate::error::Error;

impl Server {
    /// Catches all signals to obey, for the server and the driven buses. On failure, gives up a
    /// start that has `begun`.
    pub(super) fn obey_all_signals(&self, begun: bool, driven: &Arc<Driven>) -> Result<Vec<Caught>, Error> {
        let caught = self.obey_signals(driven);
        if caught.iter().any(Result::is_err) {
            // Before the caught signals are released: their handlers may wait for the start.
            if begun {
                self.shared.give_up_start();
            }
            driven.settle();
        }
        caught.into_iter().collect::<Result<_, _>>().map_err(|source| Error::System { what: "signals", source })
    }

    /// Stops at SIGTERM and SIGINT; a second signal cuts. SIGHUP and SIGUSR1 are caught only if
    /// there is anything to reload.
    fn obey_signals(&self, driven: &Arc<Driven>) -> Vec<io::Result<Caught>> {
        let (server, buses) = (self.handle(), Arc::clone(driven));
        let stop = move || {
            // A server stopped during the start of a bus would fail that start.
            if buses.exit() {
                server.stop();
            }
        };
        let (server, buses) = (self.handle(), Arc::clone(driven));
        let cut = move || {
            buses.cut();
            server.cut();
        };
        let mut caught = vec![signals::on_exit(stop, cut)];
        let again = |act: fn(&Shared)| {
            let (shared, buses) = (Arc::clone(&self.shared), Arc::clone(driven));
            move || {
                // Before the end of the start nothing can reload, and settings already read may be
                // outdated.
                buses.wait_for_start();
                act(&shared);
            }
        };
        // Only an instance knows if it has files to reopen.
        let has_instance = self.settings.instance.is_some();
        let does_anew = has_instance || self.scheme() == "https" || !self.shared.graceful.is_empty();
        if does_anew || self.shared.reloading.source().is_some() {
            caught.push(signals::on_hangup(again(Shared::hang_up)));
        }
        if does_anew {
            caught.push(signals::on_graceful(again(Shared::go_gracefully)));
        }
        caught
    }
}

impl Shared {
    /// Reloads settings with certificates, or certificates alone without new settings, and calls the
    /// graceful listeners.
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
