//! Connections behind a proxy: the PROXY header before the first request, and forwarding fields.
//!
//! A connection with a refused header is closed without an answer, as the protocol requires: the
//! sender does not speak HTTP yet.

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

/// The proxy state of a connection.
#[derive(Debug, Default)]
pub(super) struct Proxied {
    /// The PROXY header's facts about the connection.
    pub(super) announced: Option<Box<Announced>>,
    /// The forwarding claims of the present request.
    pub(super) claims: Option<Box<Claims>>,
    /// True if the peer is a trusted proxy.
    is_trusted: bool,
}

impl Proxied {
    /// Returns the state of a connection before any input.
    pub(super) fn new(trust: Option<&Trust>, peer: Option<&Peer>) -> Self {
        Self { is_trusted: trust.is_some_and(|trust| trust.has(ip(peer))), ..Self::default() }
    }

    /// Returns the approximate bytes of memory held.
    pub(super) fn held(&self) -> usize {
        let host = self.claims.as_ref().and_then(|claims| claims.host.as_ref()).map_or(0, |host| host.len());
        let claims = self.claims.as_ref().map_or(0, |claims| size_of_val(&**claims));
        claims + host + self.announced.as_ref().map_or(0, |announced| size_of_val(&**announced))
    }
}

impl ClientConnection {
    /// Reads a PROXY header and adopts the client address. The deadline stays, and covers the first
    /// head or the TLS handshake too.
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
            // The client is unknown. The proxy's address stays, but confers no trust.
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

    /// Keeps the proxy's address but drops the credentials: programs decide by credentials, and
    /// these are not the client's.
    fn forget_credentials(&mut self) {
        if let Some(Peer::Unix(who)) = &mut self.peer {
            *who = None;
        }
    }

    /// Closes a connection without a valid header.
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

    /// Removes claims of an untrusted sender from `head`, and keeps those of a trusted proxy.
    pub(super) fn judge_claims(
        &mut self,
        head: &mut RequestHead,
        context: &WorkerContext,
    ) -> Result<(), ProtocolError> {
        let Some(trust) = &context.config.trust else { return Ok(()) };
        // The claims of the last request never apply to this one.
        self.proxied.claims = None;
        let claims = trust.judge(self.proxied.is_trusted, &mut head.fields)?;
        if claims != Claims::default() {
            self.proxied.claims = Some(Box::new(claims));
        }
        Ok(())
    }

    /// Returns the sender of the present request for the log; `None` if unknown.
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
