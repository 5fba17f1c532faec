//! Changes while a server runs: settings, certificates and keys.

use std::error::Error as Cause;
use std::sync::Arc;

use super::Server;
use super::life::Shared;
use super::told::ErrorText;
use crate::config::Config;
use crate::error::Error;
use crate::message::ServerHandle;
use crate::settings::Settings;
use crate::sync::catch;

impl Server {
    /// Reads settings from `source` at SIGHUP, while [`quickstart`](Self::quickstart) blocks
    /// (feature `signals`), and puts the settings in force as [`ServerHandle::reload`] does. A
    /// changed setting that needs a restart is logged. An error or a panic is logged too; then only
    /// certificates and keys are loaded again, from the files of the settings in force.
    ///
    /// A file that gave settings and gives none now is such an error: an emptied file does not put
    /// the defaults in force. Each other setting that the file no longer gives is logged as a warning,
    /// because a file may have been cut.
    ///
    /// ```no_run
    /// # fn main() -> Result<(), drupe::Error> {
    /// # #[cfg(feature = "config")] {
    /// use drupe::{Server, Settings, handler};
    ///
    /// let mut server = Server::new(handler(|_| "hello\n"));
    /// server.settings = Settings::from_file("server.toml")?;
    /// server.on_reload(|| Settings::from_file("server.toml"));
    /// server.quickstart()?;
    /// # }
    /// # Ok(())
    /// # }
    /// ```
    pub fn on_reload<E: Into<Box<dyn Cause + Send + Sync>>>(
        &self,
        source: impl Fn() -> Result<Settings, E> + Send + Sync + 'static,
    ) {
        self.shared
            .reloading
            .set_source(Arc::new(move |shared: &Shared| Ok(shared.put_read(&source().map_err(Into::into)?)?)));
    }
}

impl ServerHandle {
    /// Puts `settings` in force in a running server; returns the names of changed settings that
    /// need a restart. Does nothing if the server does not run.
    ///
    /// Connections stay open; each uses the new settings from its next message, received or sent.
    /// Settings fixed at the accept (`proxy_protocol`, `trusted_proxies`, `peercreds`,
    /// `peercreds_resolve`, `keep_alive_grace`) apply to new connections only. Certificates and
    /// keys are loaded again.
    ///
    /// Only a restart can change:
    /// - the listening sockets (`socket_*` except `socket_timeout`, `listen`, `listen_sockets`,
    ///   `reuse_port`, `nodelay`),
    /// - `accepted_queue_size`, `instance`, `statistics`, `wsgi_version`,
    /// - the values of `software` and `protocol_version` in an application's environ,
    /// - TLS on or off.
    ///
    /// `listen_sockets`, `instance` and `ssl_context` stay if `settings` has none, as settings of a
    /// file never do; a certificate takes the place of a context.
    ///
    /// # Errors
    /// The errors of [`Server::start`] for an unusable setting; then nothing has changed. `Thread`
    /// if `thread_pool` has grown and a thread cannot be started; then all settings have changed.
    pub fn reload(&self, settings: &Settings) -> Result<Vec<&'static str>, Error> {
        self.shared().reload(settings)
    }

    /// Puts `settings` in force as [`reload`](Self::reload) does, but loads certificates and keys
    /// again only if a setting about TLS has changed.
    ///
    /// For single changes by a program, which must not depend on files that have been read before.
    ///
    /// # Errors
    /// Those of [`reload`](Self::reload).
    pub fn adjust(&self, settings: &Settings) -> Result<Vec<&'static str>, Error> {
        Ok(self.shared().put_in_force(settings, Certificates::LoadIfChanged)?.unwrap_or_default())
    }

    /// Reloads the files of certificates and keys, for new handshakes. Connections stay as they
    /// are; earlier sessions are not resumed. Does nothing without TLS, or if the server does not
    /// run.
    ///
    /// [`Server::quickstart`](super::Server::quickstart) calls this at SIGHUP and SIGUSR1.
    ///
    /// # Errors
    /// [`Error::Setting`] with the setting, the file and the reason; then the previous certificates
    /// stay in use.
    pub fn reload_tls(&self) -> Result<(), Error> {
        self.shared().reload_tls()
    }
}

impl Shared {
    pub(super) fn reload(&self, settings: &Settings) -> Result<Vec<&'static str>, Error> {
        Ok(self.put_in_force(settings, Certificates::Load)?.unwrap_or_default())
    }

    /// Puts the settings in force, and returns the names of those that need a restart; `None`
    /// unless running.
    fn put_in_force(
        &self,
        settings: &Settings,
        certificates: Certificates,
    ) -> Result<Option<Vec<&'static str>>, Error> {
        let mut in_force = self.reloading.in_force();
        let Some(running) = self.serving() else { return Ok(None) };
        let mut new = settings.clone();
        let kept = new.keep_lasting(&in_force);
        let is_loading = certificates == Certificates::Load || !new.has_tls_of(&in_force);
        Config::resolve(&new)
            .and_then(|config| running.reload(Arc::new(config), is_loading))
            .map_err(|error| settings.locate(error))?;
        *in_force = Arc::new(new);
        Ok(Some(kept))
    }

    /// As [`put_in_force`](Self::put_in_force), for settings read again.
    fn put_read(&self, settings: &Settings) -> Result<Option<Vec<&'static str>>, Error> {
        let before = Arc::clone(&self.reloading.in_force());
        if let Some(emptied) = settings.emptied_since(&before) {
            return Err(emptied);
        }
        let kept = self.put_in_force(settings, Certificates::Load)?;
        for (name, text) in settings.vanished_since(&before) {
            if kept.as_ref().is_some_and(|kept| !kept.contains(&name)) {
                log::warn!("{text}");
            }
        }
        Ok(kept)
    }

    /// Reads settings from the source, and puts them in force. True if new settings are in force,
    /// and certificates loaded with them. Errors and panics are logged.
    pub(super) fn read_again(&self) -> bool {
        let Some(source) = self.reloading.source() else { return false };
        // A start under way may use settings older than the change.
        self.wait_for_start();
        let read = catch(|| source(self)).unwrap_or_else(|panic| {
            Err(format!("the source panicked: {}", panic.message().unwrap_or("without a message")).into())
        });
        match read {
            Ok(None) => {
                log::info!("settings not reloaded: the server is not running");
                false
            }
            Ok(Some(kept)) => {
                for name in kept {
                    log::warn!("setting {name} changed but needs a restart; the old value stays in effect");
                }
                log::info!("settings reloaded");
                true
            }
            Err(error) => {
                let error = ErrorText::of(&*error);
                log::error!("cannot reload settings: {error}; the old settings stay in effect");
                false
            }
        }
    }

    pub(super) fn reload_tls(&self) -> Result<(), Error> {
        let Some(running) = self.serving().filter(|running| running.is_secure()) else { return Ok(()) };
        running.reload_tls()?;
        log::info!("certificates reloaded");
        Ok(())
    }

    /// Reloads certificates. An instance reopens everything, because only the instance knows its
    /// files.
    pub(super) fn reopen(&self) -> Result<(), Error> {
        match self.serving() {
            Some(running) if running.is_instance() => running.reload_tls(),
            _ => self.reload_tls(),
        }
    }

    /// Reloads certificates, or lets an instance reopen its files, and calls the graceful listeners.
    pub(super) fn go_gracefully(&self) {
        match self.reopen() {
            Ok(()) => {}
            Err(Error::Serving { source }) => {
                let error = ErrorText::of(&*source);
                log::error!("the HTTP server cannot reopen its files: {error}; the old files stay in use");
            }
            Err(error) => log::error!("cannot reload certificates: {error}; the old certificates stay in use"),
        }
        self.graceful.tell();
    }

    /// True if the server speaks TLS; `None` unless running.
    pub(super) fn is_secure(&self) -> Option<bool> {
        self.serving().map(|running| running.is_secure())
    }
}

/// The files of certificates and keys at a reload of settings.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Certificates {
    Load,
    LoadIfChanged,
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpStream;
    use std::sync::mpsc::{self, Receiver, Sender};
    use std::thread;

    use super::*;
    use crate::address::BindAddr;
    use crate::http_server::{HttpServer, Ready};
    use crate::message::Request;
    use crate::server::life::LifeState;
    use crate::server::running::Prepared;
    use crate::sync::Mutex;

    type End = Result<(), Box<dyn Cause + Send + Sync>>;

    /// A server that accepts and ends on request, and reports when it reopens files.
    struct Slow {
        accepts: Mutex<Receiver<()>>,
        stops: (Sender<()>, Mutex<Receiver<()>>),
        reopened: Sender<()>,
    }

    impl HttpServer for Slow {
        fn serve(&self, address: &BindAddr, ready: Ready) -> End {
            self.accepts.lock().recv()?;
            ready.accepting(vec![address.clone()]);
            Ok(self.stops.1.lock().recv()?)
        }

        fn stop(&self) {
            self.stops.0.send(()).unwrap();
        }

        fn graceful(&self) -> End {
            Ok(self.reopened.send(())?)
        }
    }

    #[test]
    fn hangup_during_a_start_waits_for_the_start() {
        let ((accept, accepts), (reopened, told), stops) = (mpsc::channel(), mpsc::channel(), mpsc::channel());
        let mut server = Server::new(|_: &mut Request| "never");
        server.set_instance(Slow { accepts: Mutex::new(accepts), stops: (stops.0, Mutex::new(stops.1)), reopened });
        let (read, is_read) = mpsc::channel();
        let settings = server.settings.clone();
        server.on_reload(move || {
            read.send(())?;
            Ok::<_, mpsc::SendError<()>>(settings.clone())
        });
        thread::scope(|scope| {
            scope.spawn(|| server.start().unwrap());
            while server.shared.life().state != LifeState::Starting {
                thread::yield_now();
            }
            let reading = scope.spawn(|| server.shared.read_again());
            let is_early = is_read.try_recv().is_ok();
            accept.send(()).unwrap();
            assert!(reading.join().unwrap());
            assert!(is_early || is_read.try_recv().is_ok());
        });
        told.try_recv().unwrap();
    }

    #[test]
    fn start_waiting_for_a_reload_holds_up_no_other_thread() {
        let mut server = Server::new(|_: &mut Request| "hello");
        server.settings.socket_port = 0;
        server.shared.prepare(&server.settings).unwrap();
        let address = match &server.shared.life().prepared {
            Some(Prepared::Engine(engine, _)) => engine.addresses()[0],
            _ => unreachable!("there is no instance"),
        };
        thread::scope(|scope| {
            let reloading = server.shared.reloading.in_force();
            let open = scope.spawn(|| server.shared.open(&server.settings));
            let mut client = TcpStream::connect(address).unwrap();
            client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").unwrap();
            client.read_to_end(&mut Vec::new()).unwrap();
            // The server serves, and takes that lock next, with no other lock held.
            let mut refused = 0;
            for _ in 0..LOOKS {
                thread::yield_now();
                refused = if server.shared.life.try_lock().is_some() { 0 } else { refused + 1 };
            }
            drop(reloading);
            assert!(open.join().unwrap().unwrap());
            assert!(refused < LOOKS / 2, "it holds the lock that who reloads needs");
        });
    }

    const LOOKS: usize = 100_000;
}
