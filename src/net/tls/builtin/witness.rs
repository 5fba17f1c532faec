//! Remembers a refused client certificate: rustls drops the certificate with the connection's state.

use std::cell::Cell;
use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, Error as TlsError, SignatureScheme};
use rustls_pki_types::{CertificateDer, UnixTime};

use super::{certificate, reasons};
use crate::tls::Certificate;

/// A refused certificate with the reason.
pub(super) struct RefusedClient {
    pub(super) certificate: Certificate,
    pub(super) reason: String,
}

/// Runs `work`, and returns its result and the certificate refused meanwhile, if any.
pub(super) fn refusals<T>(work: impl FnOnce() -> T) -> (T, Option<RefusedClient>) {
    REFUSED.take();
    let done = work();
    (done, REFUSED.take())
}

/// A verifier whose refusals are remembered.
#[derive(Debug)]
pub(super) struct Witness {
    verifier: Arc<dyn ClientCertVerifier>,
}

impl Witness {
    pub(super) fn new(verifier: Arc<dyn ClientCertVerifier>) -> Self {
        Self { verifier }
    }
}

impl ClientCertVerifier for Witness {
    fn offer_client_auth(&self) -> bool {
        self.verifier.offer_client_auth()
    }

    fn client_auth_mandatory(&self) -> bool {
        self.verifier.client_auth_mandatory()
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.verifier.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, TlsError> {
        self.verifier.verify_client_cert(end_entity, intermediates, now).inspect_err(|error| {
            let certificate = certificate::read(end_entity);
            let reason = reasons::of_refusal(error, &certificate);
            REFUSED.set(Some(RefusedClient { certificate, reason }));
        })
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        self.verifier.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        self.verifier.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier.supported_verify_schemes()
    }
}

thread_local! {
    /// The last refusal on this thread: the verifier runs within `process_new_packets`.
    static REFUSED: Cell<Option<RefusedClient>> = const { Cell::new(None) };
}
