//! Both ends of a connection: the server's as in the engine, the client's with rustls or with raw
//! bytes.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use super::super::builtin::provider::provider;
use super::super::secure::{Handshake, Secure};
use super::*;
use crate::net::poll::Interest;
use crate::net::socket::PlainSocket;
use crate::net::stream::Stream;

pub(super) type Client = StreamOwned<ClientConnection, TcpStream>;

/// The behaviour of a client.
#[derive(Clone)]
pub(super) struct Manner {
    pub(super) roots: String,
    pub(super) name: &'static str,
    /// The only version supported; `None`: both.
    pub(super) version: Option<Version>,
    pub(super) alpn: &'static [&'static str],
    /// The client's certificate and key, in PEM.
    pub(super) certificate: Option<(String, String)>,
    /// A part of the names of the supported cipher suites; empty for all.
    pub(super) suites: &'static str,
}

impl Manner {
    pub(super) fn new(roots: &str, name: &'static str) -> Self {
        Self { roots: roots.to_owned(), name, version: None, alpn: &["http/1.1"], certificate: None, suites: "" }
    }

    pub(super) fn config(&self) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(self.roots.as_bytes()) {
            roots.add(certificate.unwrap()).unwrap();
        }
        let mut provider = provider();
        provider.cipher_suites.retain(|suite| format!("{:?}", suite.suite()).contains(self.suites));
        let builder = ClientConfig::builder_with_provider(Arc::new(provider));
        let versions: &[_] = match self.version {
            None => rustls::DEFAULT_VERSIONS,
            Some(Version::Tls12) => &[&rustls::version::TLS12],
            Some(Version::Tls13) => &[&rustls::version::TLS13],
        };
        let builder = builder.with_protocol_versions(versions).unwrap().with_root_certificates(roots);
        let mut config = match &self.certificate {
            None => builder.with_no_client_auth(),
            Some((certificate, key)) => {
                let certificate = CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap();
                let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
                builder.with_client_auth_cert(vec![certificate], key).unwrap()
            }
        };
        config.alpn_protocols = self.alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
        Arc::new(config)
    }

    pub(super) fn connection(&self) -> ClientConnection {
        ClientConnection::new(self.config(), self.name.try_into().unwrap()).unwrap()
    }
}

/// Both ends of a new TCP connection.
pub(super) fn sockets(tls: &Arc<Tls>) -> (Stream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    client.set_nodelay(true).unwrap();
    let (socket, _) = listener.accept().unwrap();
    socket.set_nodelay(true).unwrap();
    let inner = PlainSocket::tcp(socket, Duration::from_millis(2)).unwrap();
    let secure = Secure::new(inner, Arc::clone(tls), Duration::from_millis(2), Duration::from_millis(2)).unwrap();
    (Stream::Tls(Box::new(secure)), client)
}

/// A connection after its handshake.
pub(super) fn connected(tls: &Arc<Tls>, manner: &Manner) -> (Stream, Client) {
    let (server, ended, client) = attempt(tls, manner);
    assert_eq!(ended, Handshake::Done, "{:?}", client.as_ref().err());
    (server, client.unwrap())
}

/// Runs a handshake and returns both results.
pub(super) fn attempt(tls: &Arc<Tls>, manner: &Manner) -> (Stream, Handshake, std::io::Result<Client>) {
    let (server, socket) = sockets(tls);
    let manner = manner.clone();
    std::thread::scope(|scope| {
        let client = scope.spawn(move || {
            let mut client = StreamOwned::new(manner.connection(), socket);
            while client.conn.is_handshaking() {
                client.conn.complete_io(&mut client.sock)?;
            }
            Ok(client)
        });
        let ended = shake(&server);
        if let Handshake::Failed(_) | Handshake::Refused { .. } = ended {
            // Half-closes as the engine does, so that the client reads the alert and stops waiting.
            server.shutdown(std::net::Shutdown::Write).unwrap();
        }
        let client = client.join().unwrap();
        (server, ended, client)
    })
}

/// Continues the handshake to its end.
pub(super) fn shake(server: &Stream) -> Handshake {
    loop {
        let interest = match server.secure().unwrap().handshake() {
            Handshake::Read => Interest::Read,
            Handshake::Write => Interest::Write,
            Handshake::Again => continue,
            end => return end,
        };
        assert!(server.wait(interest, PATIENCE).unwrap(), "nothing came");
    }
}

/// Reads exactly `count` bytes.
pub(super) fn read_exactly(server: &Stream, count: usize) -> Vec<u8> {
    let mut all = vec![0; count];
    let mut filled = 0;
    while filled < count {
        match server.read(&mut all[filled..]) {
            Ok(0) => panic!("ended after {filled}"),
            Ok(got) => filled += got,
            Err(error) if crate::net::stream::would_wait(&error) => {
                assert!(server.wait(Interest::Read, PATIENCE).unwrap(), "{filled} of {count} came");
            }
            Err(error) => panic!("{error} after {filled}"),
        }
    }
    all
}

/// Writes and flushes all `bytes`, waiting for room.
pub(super) fn write_all(server: &Stream, mut bytes: &[u8]) {
    let retry = |done: std::io::Result<usize>| match done {
        Err(error) if crate::net::stream::would_wait(&error) => {
            assert!(server.wait(Interest::Write, PATIENCE).unwrap(), "no room");
            None
        }
        done => Some(done.unwrap()),
    };
    while !bytes.is_empty() {
        if let Some(count) = retry(server.write(&[std::io::IoSlice::new(bytes)])) {
            bytes = &bytes[count..];
        }
    }
    while retry(server.flush().map(|()| 0)).is_none() {}
}

/// Reads all bytes sent to a raw client until the end.
pub(super) fn rest(client: &mut TcpStream) -> Vec<u8> {
    let mut all = Vec::new();
    client.read_to_end(&mut all).unwrap();
    all
}

/// Sends some bytes from the client to the server, and back.
pub(super) fn talk(server: &Stream, client: &mut Client) {
    client.write_all(b"ping").unwrap();
    assert_eq!(read_exactly(server, 4), b"ping");
    write_all(server, b"pong");
    let mut answer = [0; 4];
    client.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"pong");
}

pub(super) const PATIENCE: Duration = Duration::from_secs(20);
