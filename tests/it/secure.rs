//! A client over TLS, and certificates made for a test.
//!
//! The client uses rustls, like the server; `tls_outside` has other implementations.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::{Arc, LazyLock};

use drupe::settings::SslContext;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::crypto::CryptoProvider;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use crate::client::{Client, Line, PATIENCE};

/// Signs certificates.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pub(crate) pem: String,
}

/// A certificate with its key, in PEM.
#[derive(Clone)]
pub(crate) struct Made {
    pub(crate) pem: String,
    pub(crate) key: String,
}

impl Authority {
    pub(crate) fn new(name: &str) -> Self {
        let (params, key) = Self::named(name);
        let pem = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    /// One that this one vouches for.
    pub(crate) fn below(&self, name: &str) -> Self {
        let (params, key) = Self::named(name);
        let pem = params.signed_by(&key, &self.issuer).unwrap().pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    fn named(name: &str) -> (CertificateParams, KeyPair) {
        let mut params = CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        (params, KeyPair::generate().unwrap())
    }

    /// Issues a certificate for these hosts, with the subject `CN=` and the last host, valid for a
    /// year.
    pub(crate) fn issue(&self, hosts: &[&str]) -> Made {
        self.issue_until(365, hosts)
    }

    /// The same, good for so many days from yesterday.
    pub(crate) fn issue_until(&self, days: u32, hosts: &[&str]) -> Made {
        let names: Vec<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, hosts[hosts.len() - 1]);
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![rcgen::KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages =
            vec![rcgen::ExtendedKeyUsagePurpose::ServerAuth, rcgen::ExtendedKeyUsagePurpose::ClientAuth];
        let now = std::time::SystemTime::now();
        let day = std::time::Duration::from_secs(24 * 60 * 60);
        // Yesterday, or the day before where it ends today.
        params.not_before = (now - 2 * day).into();
        params.not_after = (now + days * day - std::time::Duration::from_secs(1)).into();
        let key = KeyPair::generate().unwrap();
        let pem = params.signed_by(&key, &self.issuer).unwrap().pem();
        Made { pem, key: key.serialize_pem() }
    }
}

impl Made {
    pub(crate) fn context(&self) -> SslContext {
        SslContext::from_pem(self.pem.as_str(), self.key.as_str())
    }

    /// Certificate and key in one text.
    pub(crate) fn both(&self) -> String {
        format!("{}{}", self.pem, self.key)
    }
}

/// An authority that every client here trusts.
pub(crate) static AUTHORITY: LazyLock<Authority> = LazyLock::new(|| Authority::new("the authority of the tests"));

static MADE: LazyLock<Made> = LazyLock::new(|| AUTHORITY.issue(&["localhost", "127.0.0.1"]));

/// A certificate and key for this machine.
pub(crate) fn context() -> SslContext {
    MADE.context()
}

fn provider() -> CryptoProvider {
    #[cfg(feature = "tls-aws-lc")]
    return rustls::crypto::aws_lc_rs::default_provider();
    #[cfg(not(feature = "tls-aws-lc"))]
    rustls::crypto::ring::default_provider()
}

/// A client that trusts [`AUTHORITY`] and shows `certificate`, if there is one.
pub(crate) fn config(certificate: Option<&Made>) -> Arc<ClientConfig> {
    trusting(&AUTHORITY.pem, certificate)
}

/// A client that trusts `authority` and shows `certificate`, if there is one.
pub(crate) fn trusting(authority: &str, certificate: Option<&Made>) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(authority.as_bytes()).unwrap()).unwrap();
    let builder = ClientConfig::builder_with_provider(Arc::new(provider()));
    let builder = builder.with_safe_default_protocol_versions().unwrap().with_root_certificates(roots);
    let mut config = match certificate {
        None => builder.with_no_client_auth(),
        Some(made) => {
            let certificate = CertificateDer::from_pem_slice(made.pem.as_bytes()).unwrap();
            let key = PrivateKeyDer::from_pem_slice(made.key.as_bytes()).unwrap();
            builder.with_client_auth_cert(vec![certificate], key).unwrap()
        }
    };
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Arc::new(config)
}

static CONFIG: LazyLock<Arc<ClientConfig>> = LazyLock::new(|| config(None));

/// Connects, and shakes hands.
pub(crate) fn connect_to(address: SocketAddr) -> Client {
    connect(address, &CONFIG).unwrap_or_else(|error| panic!("no handshake: {error}"))
}

/// Connects as `config` says.
///
/// # Errors
/// The handshake fails.
pub(crate) fn connect(address: SocketAddr, config: &Arc<ClientConfig>) -> io::Result<Client> {
    shake(connect_raw(address), config).map(|secure| Client::over_line(Box::new(secure)))
}

pub(crate) fn connect_raw(address: SocketAddr) -> TcpStream {
    let socket = TcpStream::connect_timeout(&address, PATIENCE).expect("the server accepts");
    socket.set_nodelay(true).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket
}

/// Runs the handshake over `socket` to the end: a TLS 1.3 client that stops early would miss a
/// refusal.
///
/// # Errors
/// The handshake fails.
pub(crate) fn shake(socket: TcpStream, config: &Arc<ClientConfig>) -> io::Result<Secure> {
    let connection = ClientConnection::new(Arc::clone(config), "localhost".try_into().unwrap()).unwrap();
    let mut stream = StreamOwned::new(connection, socket);
    while stream.conn.is_handshaking() {
        stream.conn.complete_io(&mut stream.sock)?;
    }
    Ok(Secure(stream))
}

/// Which of `old.test` and `new.test` the certificate that a new client is shown is for.
pub(crate) fn shown(address: SocketAddr) -> &'static str {
    shown_over(connect_raw(address))
}

/// The same over a connection that there is.
pub(crate) fn shown_over(socket: TcpStream) -> &'static str {
    let client = shake(socket, &CONFIG).unwrap();
    let certificate = String::from_utf8_lossy(&client.0.conn.peer_certificates().unwrap()[0]).into_owned();
    ["old.test", "new.test"].into_iter().find(|name| certificate.contains(name)).unwrap()
}

/// TLS over a socket.
pub(crate) struct Secure(pub(crate) StreamOwned<ClientConnection, TcpStream>);

impl Read for Secure {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.0.conn.reader().read(buffer) {
                // Not through the stream, which would first send bytes to a server that has left.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.0.conn.read_tls(&mut self.0.sock)?;
                    self.0.conn.process_new_packets().map_err(io::Error::other)?;
                }
                done => return done,
            }
        }
    }
}

impl Write for Secure {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl Line for Secure {
    fn socket(&self) -> &TcpStream {
        &self.0.sock
    }

    fn end(&mut self) -> io::Result<()> {
        self.0.conn.send_close_notify();
        self.0.flush()?;
        self.0.sock.shutdown(Shutdown::Write)
    }
}
