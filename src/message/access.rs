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
/// parts are `None` if the server refused bytes without a request line. If the server refused the
/// request line itself, for instance for a long target, method and target are as sent, in all at most
/// 4 KiB and then `...`.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct AccessRecord {
    /// The method.
    pub method: Option<Method>,
    /// The request target, not escaped and with the query.
    pub target: Option<String>,
    /// The version of the request; `None` also for a version unknown to the server.
    pub version: Option<Version>,
    /// The client: the peer, or the client announced by a trusted proxy (with port 0 if the port is
    /// unknown).
    pub client: Option<Peer>,
    /// The status of the answer; `None` if no answer had begun, or none is known to have begun.
    pub status: Option<StatusCode>,
    /// The number of bytes of content sent, those of a cut answer up to the cut; `None` without a
    /// status.
    pub bytes: Option<u64>,
    /// True if the exchange ended before the answer was complete: the client left or was too slow,
    /// the body failed, or a stop cut the connection.
    pub is_cut: bool,
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
            is_cut: false,
            duration: Duration::ZERO,
            id: None,
            route: None,
            extensions: Extensions::new(),
        }
    }
}

/// A callback for each exchange.
pub(crate) type OnAccess = Arc<dyn Fn(&AccessRecord) + Send + Sync>;

/// A callback around the work of each worker thread.
pub(crate) type AroundWorker = Arc<dyn Fn(&mut (dyn FnMut() + Send)) + Send + Sync>;

/// The callbacks of a program for exchanges and for workers.
#[derive(Clone, Default)]
pub(crate) struct Hooks {
    pub(crate) on_access: Option<OnAccess>,
    pub(crate) on_refusal: Option<OnRefusal>,
    pub(crate) around_worker: Option<AroundWorker>,
}

impl fmt::Debug for Hooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hooks")
            .field("on_access", &self.on_access.is_some())
            .field("on_refusal", &self.on_refusal.is_some())
            .field("around_worker", &self.around_worker.is_some())
            .finish()
    }
}
