//! Behind a proxy: a header of the PROXY protocol before the first request, and fields of each that only a proxy has any business with.
//!
//! A connection whose header is refused is closed without an answer, as the protocol has it: whoever sent it does not speak HTTP yet.

use std::net::{IpAddr, SocketAddr};

use super::phase::Step;
use super::{ClientConnection, Verdict};
use crate::address::Peer;
use crate::engine::service::context::WorkerContext;
use crate::engine::service::counters::Late;
use crate::h1::error::ProtocolError;
use crate::h1::head::RequestHead;
use crate::message::request::Announced;
use crate::proxy::header::{self, Header, HeaderRefusal, ProxiedSource};
use crate::proxy::node::{Claims, Node};
use crate::proxy::trust::Trust;

/// What is known of who stands between a connection and its client.
#[derive(Debug, Default)]
pub(super) struct Proxied {
    /// What a proxy has said of the connection.
    pub(super) announced: Option<Box<Announced>>,
    /// What is said of the request at hand.
    pub(super) claims: Option<Box<Claims>>,
    /// Whether the peer is a trusted proxy.
    is_trusted: bool,
}

impl Proxied {
    /// What is known of a connection that nothing has come from.
    pub(super) fn new(trust: Option<&Trust>, peer: Option<&Peer>) -> Self {
        Self { is_trusted: trust.is_some_and(|trust| trust.has(ip(peer))), ..Self::default() }
    }

    /// Returns the bytes of memory that it keeps, about.
    pub(super) fn held(&self) -> usize {
        let host = self.claims.as_ref().and_then(|claims| claims.host.as_ref()).map_or(0, |host| host.len());
        let claims = self.claims.as_ref().map_or(0, |claims| size_of_val(&**claims));
        claims + host + self.announced.as_ref().map_or(0, |announced| size_of_val(&**announced))
    }
}

impl ClientConnection {
    /// Looks for a PROXY header, and takes its word for who the client is. The time that is left is that of the first head, or of
    /// the TLS handshake.
    pub(super) fn proxy_header(&mut self, context: &mut WorkerContext) -> Step {
        let trust = context.config.trust.as_ref();
        if trust.is_some() && !self.proxied.is_trusted {
            return Step::Verdict(self.refuse_header(HeaderRefusal::Untrusted, context));
        }
        match header::read(self.input.unread()) {
            Ok(None) => Step::Starved,
            Ok(Some(header)) => {
                self.input.consume(header.length);
                self.believe(header, trust);
                self.begin_talk();
                Step::On
            }
            Err(refusal) => Step::Verdict(self.refuse_header(refusal, context)),
        }
    }

    fn believe(&mut self, header: Header, trust: Option<&Trust>) {
        let mut announced = Announced { proxy: self.peer.clone(), local: None, is_secure: header.is_secure };
        match header.source {
            ProxiedSource::Proxy => return,
            // Nobody knows who that is; the proxy's address, which stays the peer's, is no reason to believe it.
            ProxiedSource::Unknown => {
                self.forget_credentials();
                self.proxied.is_trusted = false;
            }
            ProxiedSource::Unix => {
                self.peer = Some(Peer::Unix(None));
                self.proxied.is_trusted = trust.is_some_and(|trust| trust.has(None));
            }
            ProxiedSource::Tcp { client, server } => {
                self.peer = Some(Peer::Tcp(client));
                self.proxied.is_trusted = trust.is_some_and(|trust| trust.has(Some(client.ip())));
                announced.local = Some(server);
            }
        }
        self.proxied.announced = Some(Box::new(announced));
    }

    /// Leaves of the proxy where it is, not who: programs decide by the credentials, and its client's they are not.
    fn forget_credentials(&mut self) {
        if let Some(Peer::Unix(who)) = &mut self.peer {
            *who = None;
        }
    }

    /// Closes a connection that does not begin as it has to.
    pub(super) fn refuse_header(&self, refusal: HeaderRefusal, context: &WorkerContext) -> Verdict {
        context.counters.proxy_refused.add(1);
        if refusal == HeaderRefusal::Late {
            context.counters.count_late(Late::Proxy);
        }
        match &self.peer {
            Some(peer) => log::debug!("closing {peer}: {refusal}"),
            None => log::debug!("closing: {refusal}"),
        }
        Verdict::Close
    }

    /// Takes out of `head` what its sender is not believed, and keeps what a trusted proxy says.
    pub(super) fn judge_claims(
        &mut self,
        head: &mut RequestHead,
        context: &WorkerContext,
    ) -> Result<(), ProtocolError> {
        let Some(trust) = &context.config.trust else { return Ok(()) };
        // It is not the last request's in any case.
        self.proxied.claims = None;
        let claims = trust.judge(self.proxied.is_trusted, &mut head.fields)?;
        if claims != Claims::default() {
            self.proxied.claims = Some(Box::new(claims));
        }
        Ok(())
    }

    /// Who has sent the request at hand, for the log; `None` if that is not known.
    pub(super) fn client(&self) -> Option<Peer> {
        match self.proxied.claims.as_ref().and_then(|claims| claims.client) {
            Some(Node::At(address)) => Some(Peer::Tcp(SocketAddr::new(address, 0))),
            Some(Node::Hidden) => None,
            None => self.peer.clone(),
        }
    }
}

fn ip(peer: Option<&Peer>) -> Option<IpAddr> {
    match peer {
        Some(Peer::Tcp(address)) => Some(address.ip()),
        _ => None,
    }
}
