//! The signals that a server obeys while it blocks.

use std::io;
use std::sync::{Arc, PoisonError};

use super::Server;
use super::driven::Driven;
use super::life::Shared;
use crate::bus::notify;
use crate::bus::signals::{self, Caught};
use crate::error::Error;

impl Server {
    /// Catches all there are to obey, for the server and the buses that it drives; where that fails gives up a start that has `begun`.
    pub(super) fn obey_all_signals(&self, begun: bool, driven: &Arc<Driven>) -> Result<Vec<Caught>, Error> {
        let caught = self.obey_signals(driven);
        if caught.iter().any(Result::is_err) {
            // Before the others are let go: what they have heard may wait for the start.
            if begun {
                self.shared.give_up_start();
            }
            driven.settle();
        }
        caught.into_iter().collect::<Result<_, _>>().map_err(|source| Error::System { what: "signals", source })
    }

    /// Stops at SIGTERM and SIGINT, at once if there is a second one. SIGHUP and SIGUSR1 are caught only where there is anything to read
    /// anew.
    fn obey_signals(&self, driven: &Arc<Driven>) -> Vec<io::Result<Caught>> {
        let (server, buses) = (self.handle(), Arc::clone(driven));
        let stop = move || {
            // One that is stopped in the middle of a bus's start would fail that.
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
                // Before that nothing runs that could do anything anew, and what was read may be old already.
                buses.wait_for_start();
                act(&shared);
            }
        };
        let does_anew = self.scheme() == "https" || !self.shared.graceful.is_empty();
        if does_anew || self.shared.reloading.source().is_some() {
            caught.push(signals::on_hangup(again(Shared::hang_up)));
        }
        if does_anew {
            caught.push(signals::on_graceful(again(Shared::go_gracefully)));
        }
        caught
    }
}

impl Driven {
    /// Has stops that are under way wait no longer, whoever's they are.
    fn cut(&self) {
        for bus in self.begun() {
            // Who fails at it is logged.
            let _ = bus.publish("cut", "");
        }
    }

    fn wait_for_start(&self) {
        let mut course = self.course();
        while course.is_starting {
            course = self.settled.wait(course).unwrap_or_else(PoisonError::into_inner);
        }
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
