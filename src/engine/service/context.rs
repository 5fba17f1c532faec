//! The context of a worker: the service, and memory reused for every request.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};

use super::budget::MemoryBudget;
use super::config::{ConfigView, SharedConfig};
use super::content_waits::ContentWaits;
use super::costs::{Costs, Duty};
use super::counters::Counters;
use super::deadlines::HandlerDeadlines;
use super::handle::{Task, WorkerHandle};
use super::meter::Meter;
use super::notices::Notices;
use super::preemption::Preemption;
use super::routes::{RouteNames, RouteNumber};
use crate::address::Peer;
use crate::config::Config;
use crate::h1::encode::{self, Stamp};
use crate::h1::exchange::Policy;
use crate::h1::head::RequestHead;
use crate::h1::{decode, head};
use crate::message::Handler;
use crate::message::access::Hooks;
use crate::message::kept::KeptUntilSent;
use crate::message::permits::Permits;
use crate::message::route::MatchedRoute;
use crate::message::shutdown::Shutdown;
use crate::net::stream::Stream;
use crate::net::tls::Tls;
use crate::sync::catch;

/// The service given by all workers: handler, configuration, bounds.
pub(crate) struct Service {
    pub(crate) config: SharedConfig,
    pub(crate) handler: Arc<dyn Handler>,
    pub(crate) hooks: Hooks,
    /// The TLS settings of new connections; `None`: no TLS.
    pub(crate) tls: Option<Arc<Tls>>,
    /// Told once the server stops: exchanges under way go on, no others begin.
    pub(crate) shutdown: Arc<Shutdown>,
    /// Set once nothing is under way any more, or the time of the stop is over: all threads leave.
    pub(crate) over: AtomicBool,
    /// True if connections may exist from before a change of the trusted proxies or of the demands
    /// on clients.
    pub(crate) is_mixed: AtomicBool,
    /// True if the time of requests is measured.
    pub(crate) measures: AtomicBool,
    pub(crate) costs: Arc<Costs>,
    pub(crate) preemption: Arc<Preemption>,
    /// The memory of waiting answers.
    pub(crate) answer_memory: Arc<MemoryBudget>,
    /// The memory of incomplete requests.
    pub(crate) request_memory: Arc<MemoryBudget>,
    /// The permits of handlers that may wait for content.
    pub(in crate::engine) content_waits: Arc<ContentWaits>,
    /// The permits of upgraded connections, and of those about to be.
    pub(in crate::engine) upgraded: Permits,
    /// The routes with a row in the statistics.
    pub(crate) routes: RouteNames,
    /// The number of upgraded connections without a thread.
    pub(in crate::engine) sessions: Permits,
    pub(in crate::engine) deadlines: HandlerDeadlines,
    /// The log of refused clients.
    pub(crate) notices: Notices,
    /// The number of connections refused for lack of room.
    pub(crate) turned_away: AtomicU64,
    /// The number of those refused because no worker was free in time.
    pub(crate) unserved: AtomicU64,
}

impl Service {
    pub(crate) fn new(config: impl Into<Arc<Config>>, handler: Arc<dyn Handler>) -> Self {
        let config = config.into();
        let [answer_memory, request_memory] = [config.max_parked_size; 2].map(|most| Arc::new(MemoryBudget::new(most)));
        let measures = AtomicBool::new(config.statistics);
        let content_waits = Arc::new(ContentWaits::new(&config));
        Self {
            config: SharedConfig::new(config),
            handler,
            hooks: Hooks::default(),
            tls: None,
            shutdown: Arc::default(),
            over: AtomicBool::new(false),
            is_mixed: AtomicBool::new(false),
            measures,
            costs: Arc::new(Costs::new()),
            preemption: Arc::default(),
            answer_memory,
            request_memory,
            content_waits,
            upgraded: Permits::default(),
            routes: RouteNames::new(),
            sessions: Permits::default(),
            deadlines: HandlerDeadlines::default(),
            notices: Notices::default(),
            turned_away: AtomicU64::new(0),
            unserved: AtomicU64::new(0),
        }
    }

    pub(crate) fn is_shutting_down(&self) -> bool {
        self.shutdown.is_told()
    }

    pub(crate) fn is_over(&self) -> bool {
        self.over.load(Ordering::SeqCst)
    }

    /// True if connections accepted under this service speak as those of `other`, as far as visible
    /// before a request.
    pub(crate) fn talks_as(&self, other: &Self) -> bool {
        let is_alike = admit_alike(&self.config.get(), &other.config.get());
        is_alike && !self.is_mixed.load(Ordering::SeqCst) && self.tls.is_some() == other.tls.is_some()
    }

    /// Applies `config` from now on.
    pub(crate) fn replace(&self, config: Arc<Config>) {
        if !admit_alike(&self.config.get(), &config) {
            self.is_mixed.store(true, Ordering::SeqCst);
        }
        self.answer_memory.bound(config.max_parked_size);
        self.request_memory.bound(config.max_parked_size);
        self.content_waits.bound(&config);
        self.config.replace(config);
    }

    pub(crate) fn measures(&self) -> bool {
        self.measures.load(Ordering::Relaxed)
    }
}

/// True if both trust the same proxies and demand the same of clients: each would have admitted the
/// other's clients.
fn admit_alike(one: &Config, other: &Config) -> bool {
    let ask_alike = match (&one.tls, &other.tls) {
        (Some(one), Some(other)) => one.admits_as(other),
        _ => true,
    };
    ask_alike && (one.proxy_protocol, &one.trust) == (other.proxy_protocol, &other.trust)
}

/// The private state of a worker.
pub(crate) struct WorkerContext {
    pub(crate) service: Arc<Service>,
    /// The config in use until the next look.
    pub(crate) config: ConfigView,
    pub(crate) counters: Arc<Counters>,
    pub(crate) meter: Meter,
    /// A read buffer, lent to the current connection.
    pub(crate) spare: Vec<u8>,
    /// Bytes still to be sent.
    pub(crate) gathered: Vec<u8>,
    /// Content being sent.
    pub(crate) scratch: Vec<u8>,
    /// A map, whose memory is reused for the next request's fields.
    pub(crate) fields: HeaderMap,
    pub(crate) clock: Clock,
    pub(in crate::engine) duty: Duty,
    /// The worker of this context; `None`: the guard, or a thread outside the server.
    pub(in crate::engine) handle: Option<Arc<WorkerHandle>>,
    /// The slot of the current connection, in case the connection is lost.
    pub(in crate::engine) slot: Option<u64>,
    /// The time at which the thread took up that connection.
    turned: Instant,
    heads: BytesMut,
    /// Values that a handler keeps until its answers are sent, which were put off.
    pub(in crate::engine) kept: Vec<KeptUntilSent>,
    /// The status of the present answer, and the bytes of content that went out, if the answer breaks off.
    pub(in crate::engine) cut: Option<(StatusCode, u64)>,
}

impl WorkerContext {
    pub(crate) fn new(service: Arc<Service>, counters: Arc<Counters>) -> Self {
        Self {
            config: service.config.know(),
            duty: Duty::new(Arc::clone(&service.costs)),
            handle: None,
            slot: None,
            turned: Instant::now(),
            service,
            counters,
            meter: Meter::default(),
            spare: Vec::new(),
            gathered: Vec::new(),
            scratch: Vec::new(),
            fields: HeaderMap::new(),
            clock: Clock::default(),
            heads: BytesMut::new(),
            kept: Vec::new(),
            cut: None,
        }
    }

    /// Drops the kept values, which may run code of handlers.
    pub(in crate::engine) fn release_kept(&mut self) {
        if let Some(handle) = &self.handle {
            handle.filter();
        }
        for kept in self.kept.drain(..) {
            if catch(|| kept.release()).is_err() {
                log::error!("a value kept until an answer was sent panicked when dropped; the server goes on");
                self.counters.panics.add(1);
            }
        }
        self.lay_down();
    }

    /// Switches to the config in force.
    pub(crate) fn renew(&mut self) {
        self.config.look(&self.service.config);
    }

    /// Notes that the thread takes up the connection over `stream` with the client at `peer`, known
    /// to parking by `slot`.
    pub(in crate::engine) fn take_up(
        &mut self,
        stream: &Arc<Stream>,
        peer: Option<&Peer>,
        slot: Option<u64>,
        now: Instant,
    ) {
        (self.slot, self.turned) = (slot, now);
        self.clock.expire();
        if let Some(handle) = &self.handle {
            handle.serve(Arc::clone(stream), peer.cloned());
        }
    }

    /// Notes that the thread goes on with the connection: requests count from `now` on.
    pub(in crate::engine) fn begin_turn(&mut self, now: Instant) {
        self.turned = now;
    }

    /// Notes that the thread is done with the connection for now.
    pub(in crate::engine) fn lay_down(&mut self) {
        self.slot = None;
        if let Some(handle) = &self.handle {
            handle.rest();
        }
    }

    /// Notes the request with `head` of the client at `peer`, whose handler is about to run.
    pub(in crate::engine) fn note_task(&self, head: &RequestHead, peer: Option<Peer>) {
        if let Some(handle) = &self.handle {
            let (method, target) = (head.method.clone(), head.target.clone());
            handle.run(Task { method, target, peer, since: self.turned, is_answering: false });
        }
    }

    /// Notes that a handler is about to run; `may_be_refused`: another thread may answer the
    /// request.
    pub(in crate::engine) fn begin_handler(&self, may_be_refused: bool) {
        if let Some(handle) = &self.handle {
            handle.begin_handler(may_be_refused);
        }
    }

    /// Notes that the handler has returned, and the answer is about to be sent.
    pub(in crate::engine) fn begin_answer(&self) {
        if let Some(handle) = &self.handle {
            handle.begin_answer();
        }
    }

    /// Counts a request of `route`. Returns the number of the route.
    pub(in crate::engine) fn count_route(&self, route: &MatchedRoute) -> RouteNumber {
        let number = self.service.routes.number(route);
        self.counters.routes.count_request(number);
        number
    }

    /// Notes that the function of an upgraded connection is about to run.
    pub(in crate::engine) fn note_call(&self, method: &Method, target: &Uri, peer: Option<&Peer>) {
        if let Some(handle) = &self.handle {
            let (method, target) = (method.clone(), target.clone());
            handle.run(Task { method, target, peer: peer.cloned(), since: self.turned, is_answering: false });
        }
    }

    pub(crate) fn head_limits(&self) -> head::HeadLimits {
        let config = &self.config;
        head::HeadLimits {
            max_request_header_size: config.max_request_header_size,
            max_request_target_size: config.max_request_target_size,
            max_request_header_fields: config.max_request_header_fields,
            header_overflow_status: config.header_overflow_status,
            accept_connect: config.accept_connect,
        }
    }

    /// The limits for the content of a request, with the handler's `own` limit, if any.
    pub(crate) fn content_limits(&self, own: Option<u64>) -> decode::ContentLimits {
        decode::ContentLimits {
            max_request_body_size: own.or(self.config.max_request_body_size),
            extension_bytes: EXTENSION_BYTES,
            trailer_bytes: self.config.max_request_header_size.min(TRAILER_BYTES),
            trailer_fields: self.config.max_request_header_fields,
        }
    }

    pub(crate) fn policy(&self) -> Policy {
        Policy { version: self.config.protocol_version, is_title_case: self.config.title_case_headers }
    }

    /// Frees large buffers before a longer pause.
    pub(crate) fn tidy(&mut self) {
        for buffer in [&mut self.spare, &mut self.gathered, &mut self.scratch] {
            if buffer.capacity() > KEPT {
                *buffer = Vec::new();
            }
        }
    }

    /// Keeps a head for as long as any part is in use. The memory of small heads is then reused.
    pub(crate) fn keep_head(&mut self, head: &[u8]) -> Bytes {
        // Reused memory is kept whole by the smallest part in use, and grows with the largest head.
        if head.len() > SMALL_HEAD {
            return Bytes::copy_from_slice(head);
        }
        self.heads.extend_from_slice(head);
        self.heads.split().freeze()
    }
}

/// The `Date` field, formatted once a second.
#[derive(Debug)]
pub(crate) struct Clock {
    second: u64,
    date: [u8; 29],
    /// True if the clock was read since the thread took up the connection, or since the last
    /// possibly long handler.
    is_fresh: bool,
}

impl Default for Clock {
    fn default() -> Self {
        // A second that never comes: the first use formats the date.
        Self { second: u64::MAX, date: [b' '; 29], is_fresh: false }
    }
}

impl Clock {
    /// Makes the next stamp read the clock.
    pub(in crate::engine) fn expire(&mut self) {
        self.is_fresh = false;
    }

    /// The fields added by the server to a head now.
    pub(crate) fn stamp<'a>(&'a mut self, software: Option<&'a HeaderValue>, keep_alive_secs: u64) -> Stamp<'a> {
        if !self.is_fresh {
            // A clock before 1970 counts as 1970.
            let second = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |age| age.as_secs());
            if second != self.second {
                (self.second, self.date) = (second, encode::date(second));
            }
            self.is_fresh = true;
        }
        Stamp { date: &self.date, software, keep_alive_secs }
    }
}

/// The largest head in reused memory, in bytes.
const SMALL_HEAD: usize = 2 * 1024;
/// The largest buffer kept by an idle worker, in bytes.
const KEPT: usize = 64 * 1024;
/// The limit of all chunk extensions of one body, in bytes: far more than any client uses.
const EXTENSION_BYTES: usize = 16 * 1024;
/// The limit of a trailer section, in bytes, unless the limit of the head is lower.
const TRAILER_BYTES: usize = 16 * 1024;
