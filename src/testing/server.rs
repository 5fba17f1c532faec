//! A server for one test, over TCP or a Unix socket.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::message::{Handler, ServerHandle};
use crate::server::Server;
use crate::settings::Settings;

/// A server on a free port of 127.0.0.1 or on a Unix socket, stopped when dropped.
#[derive(Debug)]
pub struct TestServer {
    server: Server,
    place: Place,
    #[cfg(feature = "testing-tls")]
    certificate: Option<String>,
}

/// The address of the server.
#[derive(Debug)]
enum Place {
    Tcp(SocketAddr),
    /// The socket, alone in a directory that is removed at the end.
    Unix(PathBuf),
}

impl TestServer {
    /// Starts `handler` with default settings.
    ///
    /// # Panics
    /// If no port or thread is available.
    #[must_use]
    #[track_caller]
    pub fn new(handler: impl Handler) -> Self {
        Self::with(handler, |_| {})
    }

    /// Starts `handler` with default settings modified by `change`. The address is always a free
    /// port of 127.0.0.1.
    ///
    /// # Panics
    /// If a setting cannot be used, or no port or thread is available.
    #[must_use]
    #[track_caller]
    pub fn with(handler: impl Handler, change: impl FnOnce(&mut Settings)) -> Self {
        let server = started(handler, |settings| {
            change(settings);
            settings.socket_file = None;
            settings.socket_host = "127.0.0.1".to_owned();
            settings.socket_port = 0;
        });
        let address = server.bound_addr().expect("a server that has started is bound");
        Self::at(Place::Tcp(address), server)
    }

    /// Starts `handler` over TLS, as [`with`](Self::with) does, with a new certificate for
    /// `localhost`, `127.0.0.1` and `::1`.
    ///
    /// A client has to trust the [`certificate`](Self::certificate). For a certificate of your own,
    /// use `with` and [`ssl_context`](Settings::ssl_context).
    ///
    /// # Panics
    /// If a setting cannot be used, or no port, thread or randomness is available.
    #[cfg(feature = "testing-tls")]
    #[must_use]
    #[track_caller]
    pub fn tls(handler: impl Handler, change: impl FnOnce(&mut Settings)) -> Self {
        let (certificate, context) = super::certificate::made();
        let mut server = Self::with(handler, |settings| {
            change(settings);
            settings.ssl_context = Some(context);
        });
        server.certificate = Some(certificate);
        server
    }

    /// The certificate of a server by [`tls`](Self::tls), in PEM; `None` for another server.
    #[cfg(feature = "testing-tls")]
    #[must_use]
    pub fn certificate(&self) -> Option<&str> {
        self.certificate.as_deref()
    }

    /// Starts `handler` on a Unix socket, with default settings modified by `change`. The socket is
    /// in a new directory below [`temp_dir`](std::env::temp_dir), removed when the server is
    /// dropped. Handlers see [`Credentials`](crate::Credentials) if `change` turns on
    /// [`peercreds`](Settings::peercreds).
    ///
    /// # Panics
    /// If a setting cannot be used, or no directory or thread is available.
    #[must_use]
    #[track_caller]
    pub fn unix(handler: impl Handler, change: impl FnOnce(&mut Settings)) -> Self {
        static LAST: AtomicUsize = AtomicUsize::new(0);
        let folder = loop {
            let number = LAST.fetch_add(1, Ordering::Relaxed);
            let folder = std::env::temp_dir().join(format!("drupe-testing-{}-{number}", std::process::id()));
            match fs::create_dir(&folder) {
                Ok(()) => break folder,
                // Left by a process with the same number, which was killed.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => panic!("cannot create the directory {} of a test server: {error}", folder.display()),
            }
        };
        let socket = folder.join("socket");
        let server = started(handler, |settings| {
            change(settings);
            settings.socket_file = Some(socket.clone());
        });
        Self::at(Place::Unix(socket), server)
    }

    fn at(place: Place, server: Server) -> Self {
        Self {
            server,
            place,
            #[cfg(feature = "testing-tls")]
            certificate: None,
        }
    }

    /// The listening address over TCP.
    ///
    /// # Panics
    /// For a server on a Unix socket, which has a [`socket`](Self::socket).
    #[must_use]
    #[track_caller]
    pub fn address(&self) -> SocketAddr {
        match &self.place {
            Place::Tcp(address) => *address,
            Place::Unix(socket) => panic!("the test server listens on {} only", socket.display()),
        }
    }

    /// The path of the Unix socket; `None` over TCP.
    #[must_use]
    pub fn socket(&self) -> Option<&Path> {
        match &self.place {
            Place::Tcp(_) => None,
            Place::Unix(socket) => Some(socket),
        }
    }

    /// The URL of a path on the server; on a Unix socket with `localhost` as the host.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        match &self.place {
            Place::Tcp(address) => format!("{}://{address}{path}", self.server.scheme()),
            Place::Unix(_) => format!("{}://localhost{path}", self.server.scheme()),
        }
    }

    /// The server.
    #[must_use]
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// A handle to the server.
    #[must_use]
    pub fn handle(&self) -> ServerHandle {
        self.server.handle()
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        self.server.stop();
        if let Some(folder) = self.socket().and_then(Path::parent) {
            // The system cleans up what a test leaves.
            let _ = fs::remove_dir_all(folder);
        }
    }
}

/// Starts a server with default settings modified by `change`, on one address.
#[track_caller]
fn started(handler: impl Handler, change: impl FnOnce(&mut Settings)) -> Server {
    let mut server = Server::new(handler);
    change(&mut server.settings);
    server.settings.listen.clear();
    server.settings.listen_sockets.clear();
    if let Err(error) = server.start() {
        panic!("the test server did not start: {error:?}");
    }
    server
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::os::unix::net::UnixStream;

    use super::*;
    use crate::address::Peer;
    use crate::message::{Request, RequestExt};

    #[test]
    fn server_on_a_unix_socket_knows_its_clients_and_leaves_no_file() {
        let pid = |request: &mut Request| match request.connection().peer() {
            Some(Peer::Unix(Some(who))) => who.pid.to_string(),
            peer => format!("{peer:?}"),
        };
        let server = TestServer::unix(pid, |settings| settings.peercreds = true);
        let socket = server.socket().unwrap().to_owned();
        assert_eq!(server.url("/a"), "http://localhost/a");
        let mut client = UnixStream::connect(&socket).unwrap();
        client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).unwrap();
        assert!(answer.ends_with(&format!("\r\n\r\n{}", std::process::id())), "{answer}");
        drop(server);
        assert!(!socket.exists() && !socket.parent().unwrap().exists());
    }
}
