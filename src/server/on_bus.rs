//! A server as a part of a process: starts, stops and reloads with a bus; a failure of the server
//! ends the bus.

use std::sync::{Arc, Weak};

use super::life::{LifeState, Shared};
use super::{Server, address};
use crate::bus::{BoxError, Bus, Message, Plugin};
use crate::settings::Settings;

impl Server {
    /// Makes the server start, stop and reload with `bus`; several servers may share a bus.
    ///
    /// The server takes a copy of its settings: set them before. A later change counts for the bus
    /// only after [`unsubscribe`](Self::unsubscribe) and another `subscribe`.
    ///
    /// If one server listens on `0.0.0.0`, and another server on `::` with the same port, subscribe
    /// both before the bus starts: `::` then leaves IPv4 to the other server.
    ///
    /// | channel | priority | |
    /// |---|---|---|
    /// | `start` | 75 | settings and files are read, addresses bound |
    /// | `start` | 80 | connections are accepted unless a listener has failed; drop privileges in between |
    /// | `stop` | 25 | [`stop`](Self::stop); a restart keeps sockets open, as [`restart`](Self::restart) |
    /// | `graceful` | 50 | certificates are reloaded, [`on_graceful`](Self::on_graceful) listeners called |
    /// | `SIGHUP` | 50 | settings of [`on_reload`](Self::on_reload) are read and put in force |
    /// | `cut` | 50 | a stop under way cuts, as [`ServerHandle::cut`](crate::ServerHandle::cut) |
    ///
    /// If the server fails while serving, the bus exits, and [`Bus::block`] returns the cause.
    /// Signals are obeyed by a `SignalHandler` on the bus, or by [`quickstart`](Self::quickstart),
    /// which then starts the bus as well.
    ///
    /// ```
    /// use drupe::process::Bus;
    /// use drupe::{Server, handler};
    ///
    /// let bus = Bus::new();
    /// let mut server = Server::new(handler(|_| "hello\n"));
    /// server.settings.socket_port = 0;
    /// server.subscribe(&bus);
    /// bus.start()?;
    /// assert!(server.handle().is_running());
    /// bus.exit()?;
    /// # Ok::<(), drupe::process::BusError>(())
    /// ```
    pub fn subscribe(&self, bus: &Bus) {
        let name = "HTTP server";
        // Reserved until the bus drops the last subscription.
        let settings = Arc::new((self.settings.clone(), address::reserve(&self.settings)));
        let on = |channel: &str, priority: i32, act: Act| {
            // A weak reference: the bus must not keep a dropped server alive.
            let (shared, settings) = (Arc::downgrade(&self.shared), Arc::clone(&settings));
            self.subscriptions
                .add(bus.subscribe(channel, priority, name, move |message| act(&shared, &settings.0, message)));
        };
        on("start", 75, prepare);
        on("start", 80, open);
        on("stop", 25, stop);
        on("graceful", 50, graceful);
        on("cut", 50, cut);
        on("SIGHUP", 50, read_again);
        self.shared.life().buses.add(bus);
    }

    /// Unsubscribes the server from `bus`; a running server goes on serving.
    pub fn unsubscribe(&self, bus: &Bus) {
        self.subscriptions.end(bus);
        self.shared.life().buses.remove(bus);
    }
}

impl Plugin for Server {
    fn subscribe(&self, bus: &Bus) {
        Server::subscribe(self, bus);
    }

    fn unsubscribe(&self, bus: &Bus) {
        Server::unsubscribe(self, bus);
    }
}

/// Returns the server, unless it is dropped; handles may outlive it.
fn living(shared: &Weak<Shared>) -> Option<Arc<Shared>> {
    shared.upgrade().filter(|shared| !shared.life().is_gone)
}

type Act = fn(&Weak<Shared>, &Settings, &Message<'_>) -> Result<(), BoxError>;

fn prepare(shared: &Weak<Shared>, settings: &Settings, message: &Message<'_>) -> Result<(), BoxError> {
    match living(shared) {
        // A start would have to be undone.
        Some(shared) if message.has_failures() => shared.refuse_to_start(),
        Some(shared) => shared.prepare(settings)?,
        None => {}
    }
    Ok(())
}

fn open(shared: &Weak<Shared>, settings: &Settings, message: &Message<'_>) -> Result<(), BoxError> {
    match living(shared) {
        // After a failure, the following stop closes the bound addresses.
        Some(shared) if !message.has_failures() => {
            shared.open(settings)?;
            let addresses: Vec<String> = shared.listening().iter().map(ToString::to_string).collect();
            message.bus().log(&format!("serving on {}", addresses.join(", ")));
            Ok(())
        }
        _ => Ok(()),
    }
}

fn stop(shared: &Weak<Shared>, _: &Settings, message: &Message<'_>) -> Result<(), BoxError> {
    if let Some(shared) = shared.upgrade() {
        shared.stop_for(if message.is_restart() { LifeState::Paused } else { LifeState::Stopped });
    }
    Ok(())
}

fn cut(shared: &Weak<Shared>, _: &Settings, _: &Message<'_>) -> Result<(), BoxError> {
    if let Some(shared) = shared.upgrade() {
        shared.cut();
    }
    Ok(())
}

fn read_again(shared: &Weak<Shared>, _: &Settings, _: &Message<'_>) -> Result<(), BoxError> {
    if let Some(shared) = shared.upgrade() {
        // Without new settings, the channel `graceful`, which follows, reloads certificates.
        shared.read_again();
    }
    Ok(())
}

fn graceful(shared: &Weak<Shared>, _: &Settings, _: &Message<'_>) -> Result<(), BoxError> {
    let Some(shared) = shared.upgrade() else { return Ok(()) };
    let reloaded = shared.reopen();
    shared.graceful.tell();
    Ok(reloaded?)
}
