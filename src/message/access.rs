//! The record of an exchange in the access log.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::{Extensions, Method, StatusCode, Version};

use super::refusal::OnRefusal;
use super::request_id::RequestId;
use super::route::MatchedRoute;
use crate::address::Peer;

/// An exchange that has ended, for [`Server::on_access`](crate::Server::on_access).
///
/// The parts of the request are those received, before any handler could change the request. These
/// parts are `None` if the server refused the bytes before reading a request.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct AccessRecord {
    /// The method.
    pub method: Option<Method>,
    /// The request target, not escaped and with the query.
    pub target: Option<String>,
    /// The version of the request.
    pub version: Option<Version>,
    /// The client: the peer, or the client announced by a trusted proxy (with port 0 if the port is
    /// unknown).
    pub client: Option<Peer>,
    /// The status of the answer; `None` if the answer broke off.
    pub status: Option<StatusCode>,
    /// The number of bytes of content sent; `None` if the answer broke off.
    pub bytes: Option<u64>,
    /// The time from the complete head of the request to the end of the answer.
    pub duration: Duration,
    /// The id of the request, if a layer or the `on_refusal` callback has set one.
    pub id: Option<RequestId>,
    /// The route that matched, if a router has set one.
    pub route: Option<MatchedRoute>,
    /// The extensions of the handler's response, as layers have left them. Empty if no handler has
    /// returned a response.
    pub extensions: Extensions,
}

impl AccessRecord {
    /// Returns a record of which only the client is known.
    pub(crate) fn of(client: Option<Peer>) -> Self {
        Self {
            method: None,
            target: None,
            version: None,
            client,
            status: None,
            bytes: None,
            duration: Duration::ZERO,
            id: None,
            route: None,
            extensions: Extensions::new(),
        }
    }
}

/// A callback for each exchange.
pub(crate) type OnAccess = Arc<dyn Fn(&AccessRecord) + Send + Sync>;

/// The callbacks of a program for exchanges.
#[derive(Clone, Default)]
pub(crate) struct Hooks {
    pub(crate) on_access: Option<OnAccess>,
    pub(crate) on_refusal: Option<OnRefusal>,
}

impl fmt::Debug for Hooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hooks")
            .field("on_access", &self.on_access.is_some())
            .field("on_refusal", &self.on_refusal.is_some())
            .finish()
    }
}
