//! The TLS session of one connection, by rustls.

use std::io::{self, Read, Write};
use std::sync::Arc;

use rustls::server::danger::ClientCertVerifier;
use rustls::{Error as TlsError, HandshakeKind, ServerConfig, ServerConnection};
use rustls_pki_types::UnixTime;

use super::sni::{Choice, Shelf};
use super::witness::{self, RefusedClient, Witness};
use super::{certificate, ciphers, provider, reasons};
use crate::tls::{Certificate, Facts, Session};

/// The server's end of a rustls connection, and the certificate shown.
pub(super) struct RustlsSession {
    connection: ServerConnection,
    shown: Shown,
    /// The verifier of a resumed client's certificate; `None` once that is done, or without need.
    unverified: Option<Arc<Witness>>,
    /// The client certificate that was refused.
    refused: Option<Arc<Certificate>>,
    /// True if the client sent no certificate, although one is required.
    lacks_certificate: bool,
}

/// The certificate shown to a client.
enum Shown {
    /// The only certificate.
    Only(Arc<Certificate>),
    Chosen(Arc<Choice>),
    /// Unknown: chosen by the program's own configuration.
    Unknown,
}

impl RustlsSession {
    pub(super) fn new(
        config: &Arc<ServerConfig>,
        shelf: Option<&Arc<Shelf>>,
        clients: Option<&Arc<Witness>>,
    ) -> Result<Self, TlsError> {
        let mut config = Arc::clone(config);
        let shown = match shelf {
            None => Shown::Unknown,
            Some(shelf) if shelf.has_choice() => {
                let choice = shelf.choice();
                Arc::make_mut(&mut config).cert_resolver = Arc::<Choice>::clone(&choice);
                Shown::Chosen(choice)
            }
            Some(shelf) => Shown::Only(Arc::clone(shelf.default_certificate())),
        };
        let mut connection = ServerConnection::new(config)?;
        connection.set_buffer_limit(Some(OUTGOING));
        Ok(Self { connection, shown, unverified: clients.cloned(), refused: None, lacks_certificate: false })
    }

    /// Moves the handshake on, and verifies the certificate of a client that has resumed a session.
    fn process(&mut self) -> Result<(), TlsError> {
        self.connection.process_new_packets()?;
        if self.connection.is_handshaking() {
            return Ok(());
        }
        // rustls verifies in full handshakes only, and each resumption hands out new tickets: a
        // certificate would be accepted for as long as its client keeps coming.
        let is_resumed = self.connection.handshake_kind() == Some(HandshakeKind::Resumed);
        let certificates = self.connection.peer_certificates().filter(|_| is_resumed);
        if let (Some(clients), Some([own, others @ ..])) = (&self.unverified, certificates) {
            clients.verify_client_cert(own, others, UnixTime::now())?;
        }
        self.unverified = None;
        Ok(())
    }
}

impl Session for RustlsSession {
    fn receive(&mut self, source: &mut dyn Read) -> io::Result<usize> {
        self.connection.read_tls(source)
    }

    fn advance(&mut self) -> Result<(), String> {
        let (done, refused) = witness::refusals(|| self.process());
        done.map_err(|error| match refused {
            Some(RefusedClient { certificate, reason }) => {
                self.refused = Some(Arc::new(certificate));
                reason
            }
            None => {
                self.lacks_certificate = error == TlsError::NoCertificatesPresented;
                reasons::of(&error)
            }
        })
    }

    fn refused_certificate(&self) -> Option<Arc<Certificate>> {
        self.refused.clone()
    }

    fn lacks_certificate(&self) -> bool {
        self.lacks_certificate
    }

    fn is_handshaking(&self) -> bool {
        self.connection.is_handshaking()
    }

    fn has_outgoing(&self) -> bool {
        self.connection.wants_write()
    }

    fn transmit(&mut self, sink: &mut dyn Write) -> io::Result<usize> {
        self.connection.write_tls(sink)
    }

    fn has_plaintext(&mut self) -> bool {
        self.connection.reader().into_first_chunk().is_ok_and(|chunk| !chunk.is_empty())
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.connection.reader().read(buffer)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.connection.writer().write(bytes)
    }

    fn close(&mut self) {
        self.connection.send_close_notify();
    }

    fn facts(&self) -> Facts {
        let connection = &self.connection;
        let suite = connection.negotiated_cipher_suite().map(|suite| suite.suite());
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let client = connection.peer_certificates().and_then(<[_]>::first);
        Facts {
            protocol: ciphers::version_name(connection.protocol_version()).to_owned(),
            cipher: suite.map(ciphers::openssl_name).unwrap_or_default(),
            cipher_bits: suite.and_then(ciphers::bits),
            alpn: connection.alpn_protocol().map(text),
            server_name: connection.server_name().map(str::to_owned),
            library: provider::LIBRARY.to_owned(),
            server_certificate: match &self.shown {
                Shown::Only(certificate) => Some(Arc::clone(certificate)),
                Shown::Chosen(choice) => choice.certificate().map(Arc::clone),
                Shown::Unknown => None,
            },
            client_certificate: client.map(|der| Arc::new(certificate::read(der))),
        }
    }
}

/// The most bytes buffered for sending: four records, enough for one write.
const OUTGOING: usize = 64 * 1024;
