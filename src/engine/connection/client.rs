//! The client of a connection: the peer, or the sender announced by a proxy.
//!
//! A proxy announces the client in a PROXY header before the first request, or in forwarding fields
//! of each request. A connection with a refused PROXY header is closed without an answer, as the
//! protocol requires: the sender does not speak HTTP yet.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use http::Extensions;

use crate::address::Peer;
use crate::engine::service::context::WorkerContext;
use crate::engine::service::counters::Late;
use crate::engine::service::notices::Notice;
use crate::engine::wire::input::InputBuffer;
use crate::h1::error::ProtocolError;
use crate::h1::head::RequestHead;
use crate::message::connection::Announced;
use crate::proxy::header::{Header, HeaderRefusal, ProxiedSource};
use crate::proxy::node::{Claims, Node};
use crate::proxy::read_header;
use crate::proxy::trust::Trust;

/// The client of a connection.
#[derive(Debug)]
pub(in crate::engine) struct Client {
    /// The address of the peer, or of the client if a PROXY header has announced one.
    pub(in crate::engine) peer: Option<Peer>,
    /// The PROXY header's facts about the connection.
    pub(super) announced: Option<Box<Announced>>,
    /// The forwarding claims of the present request.
    pub(super) claims: Option<Box<Claims>>,
    /// True if the peer is a trusted proxy.
    is_trusted: bool,
    /// The extensions that describe the connection, kept from the last request for the next.
    pub(in crate::engine) extensions: Extensions,
}

impl Client {
    /// Returns the client of a connection from `peer`, before any input.
    pub(super) fn new(peer: Option<Peer>, trust: Option<&Trust>) -> Self {
        let is_trusted = trust.is_some_and(|trust| trust.has(ip(peer.as_ref())));
        Self { peer, announced: None, claims: None, is_trusted, extensions: Extensions::new() }
    }

    /// Returns the approximate bytes of memory held.
    pub(super) fn held(&self) -> usize {
        let host = self.claims.as_ref().and_then(|claims| claims.host.as_ref()).map_or(0, |host| host.len());
        let claims = self.claims.as_ref().map_or(0, |claims| size_of_val(&**claims));
        claims + host + self.announced.as_ref().map_or(0, |announced| size_of_val(&**announced))
    }

    /// Reads a PROXY header and adopts the announced address. Returns false if the header is
    /// incomplete.
    ///
    /// # Errors
    /// The refusal of a malformed header, or of one from an untrusted peer.
    pub(super) fn read_header(
        &mut self,
        input: &mut InputBuffer,
        context: &WorkerContext,
    ) -> Result<bool, HeaderRefusal> {
        let trust = context.config.trust.as_ref();
        if trust.is_some() && !self.is_trusted {
            return Err(HeaderRefusal::Untrusted);
        }
        let Some(header) = read_header(input.unread())? else { return Ok(false) };
        input.consume(header.length);
        self.adopt(header, trust);
        Ok(true)
    }

    /// Adopts the address announced by `header`.
    fn adopt(&mut self, header: Header, trust: Option<&Trust>) {
        let mut announced = Announced { proxy: self.peer.clone(), local: None, is_secure: header.is_secure };
        match header.source {
            ProxiedSource::Proxy => return,
            // The client is unknown. The proxy's address stays, but confers no trust.
            ProxiedSource::Unknown => {
                self.forget_credentials();
                self.is_trusted = false;
            }
            ProxiedSource::Unix => {
                self.peer = Some(Peer::Unix(None));
                self.is_trusted = trust.is_some_and(|trust| trust.has(None));
            }
            ProxiedSource::Tcp { client, server } => {
                self.peer = Some(Peer::Tcp(client));
                self.is_trusted = trust.is_some_and(|trust| trust.has(Some(client.ip())));
                announced.local = Some(server);
            }
        }
        self.announced = Some(Box::new(announced));
    }

    /// Keeps the proxy's address but drops the credentials: programs decide by credentials, and
    /// these are not the client's.
    fn forget_credentials(&mut self) {
        if let Some(Peer::Unix(who)) = &mut self.peer {
            *who = None;
        }
    }

    /// Counts a refused header, and warns of it at most once a second: a wrong setting, here or in
    /// the proxy, refuses every connection. The connection has to be closed.
    pub(super) fn refuse_header(&self, refusal: HeaderRefusal, context: &WorkerContext) {
        if refusal == HeaderRefusal::Late {
            count_late_header(context);
        } else {
            context.counters.proxy_refused.add(1);
        }
        let notice = match refusal {
            HeaderRefusal::Late | HeaderRefusal::Truncated => Notice::BrokenProxyHeader,
            _ => Notice::ProxyHeader,
        };
        context.service.notices.log(
            notice,
            Instant::now(),
            format_args!("PROXY header from {self} refused: {refusal}; connection closed"),
        );
    }

    /// Removes claims of an untrusted sender from `head`, and keeps those of a trusted proxy.
    pub(super) fn believe(&mut self, head: &mut RequestHead, context: &WorkerContext) -> Result<(), ProtocolError> {
        let Some(trust) = &context.config.trust else { return Ok(()) };
        // The claims of the last request never apply to this one.
        self.claims = None;
        let claims = trust.judge(self.is_trusted, &mut head.fields)?;
        if claims != Claims::default() {
            self.claims = Some(Box::new(claims));
        }
        Ok(())
    }

    /// Returns the sender of the present request for the log; `None` if unknown.
    pub(super) fn sender(&self) -> Option<Peer> {
        match self.claims.as_ref().and_then(|claims| claims.client) {
            Some(Node::At(address)) => Some(Peer::Tcp(SocketAddr::new(address, 0))),
            Some(Node::Hidden) => None,
            None => self.peer.clone(),
        }
    }
}

/// The client's address in log messages.
impl fmt::Display for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.peer {
            Some(peer) => peer.fmt(f),
            None => f.write_str("a client without an address"),
        }
    }
}

/// Counts a PROXY header that did not come in time. The connection has to be closed.
pub(super) fn count_late_header(context: &WorkerContext) {
    context.counters.proxy_refused.add(1);
    context.counters.count_late(Late::Proxy);
}

fn ip(peer: Option<&Peer>) -> Option<IpAddr> {
    match peer {
        Some(Peer::Tcp(address)) => Some(address.ip()),
        _ => None,
    }
}
