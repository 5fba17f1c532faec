//! What a worker works with: the service it gives, and memory that is used again for every request.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderValue};

use super::budget::MemoryBudget;
use super::config::{ConfigView, SharedConfig};
use super::costs::{Costs, Duty};
use super::counters::Counters;
use super::meter::Meter;

use super::handle::{Task, WorkerHandle};
use super::preemption::Preemption;
use crate::config::Config;
use crate::h1::encode::{self, Stamp};
use crate::h1::exchange::Policy;
use crate::h1::head::RequestHead;
use crate::h1::{decode, head};
use crate::message::Handler;
use crate::message::permits::Permits;
use crate::message::shutdown::Shutdown;
use crate::net::stream::Stream;
use crate::net::tls::Tls;

/// What is served and how; the same for all workers.
pub(crate) struct Service {
    pub(crate) config: SharedConfig,
    pub(crate) handler: Arc<dyn Handler>,
    /// What new connections do TLS with; `None`: they are served in clear.
    pub(crate) tls: Option<Arc<Tls>>,
    /// Told once the server stops: what is under way goes on, nothing else begins.
    pub(crate) shutdown: Arc<Shutdown>,
    /// Set once nothing is under way any more, or has had its time: whoever works leaves.
    pub(crate) over: AtomicBool,
    /// Whether there may be connections from before it was decided anew who is a proxy.
    pub(crate) is_mixed: AtomicBool,
    /// Whether the time of requests is measured.
    pub(crate) measures: AtomicBool,
    pub(crate) costs: Arc<Costs>,
    pub(crate) preemption: Arc<Preemption>,
    /// What answers hold that wait.
    pub(crate) answer_memory: Arc<MemoryBudget>,
    /// What is held of requests that have not come whole.
    pub(crate) request_memory: Arc<MemoryBudget>,
    /// Connections that have left HTTP, or are about to.
    pub(in crate::engine) upgraded: Permits,
    /// Connections that found no room.
    pub(crate) turned_away: AtomicU64,
}

impl Service {
    pub(crate) fn new(config: Config, handler: Arc<dyn Handler>) -> Self {
        let [answer_memory, request_memory] = [config.parked; 2].map(|most| Arc::new(MemoryBudget::new(most)));
        let measures = AtomicBool::new(config.statistics);
        Self {
            config: SharedConfig::new(config),
            handler,
            tls: None,
            shutdown: Arc::default(),
            over: AtomicBool::new(false),
            is_mixed: AtomicBool::new(false),
            measures,
            costs: Arc::new(Costs::new()),
            preemption: Arc::default(),
            answer_memory,
            request_memory,
            upgraded: Permits::default(),
            turned_away: AtomicU64::new(0),
        }
    }

    pub(crate) fn is_shutting_down(&self) -> bool {
        self.shutdown.is_told()
    }

    pub(crate) fn is_over(&self) -> bool {
        self.over.load(Ordering::SeqCst)
    }

    /// Whether connections that were accepted under this one speak as those of `other` do, as far as that shows before a request.
    pub(crate) fn talks_as(&self, other: &Self) -> bool {
        let is_alike = admit_alike(&self.config.get(), &other.config.get());
        is_alike && !self.is_mixed.load(Ordering::SeqCst) && self.tls.is_some() == other.tls.is_some()
    }

    /// Goes by `config` from now on.
    pub(crate) fn replace(&self, config: Config) {
        if !admit_alike(&self.config.get(), &config) {
            self.is_mixed.store(true, Ordering::SeqCst);
        }
        self.answer_memory.bound(config.parked);
        self.request_memory.bound(config.parked);
        self.config.replace(config);
    }

    pub(crate) fn measures(&self) -> bool {
        self.measures.load(Ordering::Relaxed)
    }
}

/// Whether both believe the same proxies and ask the same of clients: who was let in by one would have been by the other.
fn admit_alike(one: &Config, other: &Config) -> bool {
    let ask_alike = match (&one.tls, &other.tls) {
        (Some(one), Some(other)) => one.admits_as(other),
        _ => true,
    };
    ask_alike && (one.proxy_protocol, &one.trust) == (other.proxy_protocol, &other.trust)
}

/// A worker's own.
pub(crate) struct WorkerContext {
    pub(crate) service: Arc<Service>,
    /// What it goes by until it looks again.
    pub(crate) config: ConfigView,
    pub(crate) counters: Arc<Counters>,
    pub(crate) meter: Meter,
    /// A buffer to read into, lent to the connection that is served.
    pub(crate) spare: Vec<u8>,
    /// What is to be sent and has not been.
    pub(crate) gathered: Vec<u8>,
    /// Content on its way out.
    pub(crate) scratch: Vec<u8>,
    /// A map whose memory the next request's fields use.
    pub(crate) fields: HeaderMap,
    pub(crate) clock: Clock,
    pub(in crate::engine) duty: Duty,
    /// The worker that this belongs to; `None`: the guard, or no thread of the server's.
    pub(in crate::engine) handle: Option<Arc<WorkerHandle>>,
    /// The slot of the connection at hand, should it be lost.
    pub(in crate::engine) slot: Option<u64>,
    /// When the thread turned to that connection.
    turned: Instant,
    heads: BytesMut,
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
        }
    }

    /// Goes by the config that is in force.
    pub(crate) fn renew(&mut self) {
        self.config.look(&self.service.config);
    }

    /// Notes that the thread turns to the connection over `stream`, which parking knows by `slot`.
    pub(in crate::engine) fn take_up(&mut self, stream: &Arc<Stream>, slot: Option<u64>, now: Instant) {
        (self.slot, self.turned) = (slot, now);
        self.clock.expire();
        if let Some(handle) = &self.handle {
            handle.serve(Some(Arc::clone(stream)));
        }
    }

    /// Notes that the thread is done with its connection for now.
    pub(in crate::engine) fn lay_down(&mut self) {
        self.slot = None;
        if let Some(handle) = &self.handle {
            handle.serve(None);
        }
    }

    /// Notes that the handler of the request with `head` is about to run.
    pub(in crate::engine) fn note_task(&self, head: &RequestHead) {
        if let Some(handle) = &self.handle {
            let (method, target) = (head.method.clone(), head.target.clone());
            handle.run(Task { method, target, since: self.turned });
        }
    }

    pub(crate) fn head_limits(&self) -> head::HeadLimits {
        let config = &self.config;
        head::HeadLimits {
            head_bytes: config.head_bytes,
            target_bytes: config.target_bytes,
            fields: config.fields,
            overflow: config.overflow,
        }
    }

    pub(crate) fn content_limits(&self) -> decode::ContentLimits {
        decode::ContentLimits {
            content: self.config.content,
            extension_bytes: EXTENSION_BYTES,
            trailer_bytes: self.config.head_bytes.min(TRAILER_BYTES),
            trailer_fields: self.config.fields,
        }
    }

    pub(crate) fn policy(&self) -> Policy {
        Policy { version: self.config.protocol }
    }

    /// Gives back memory that was needed for something large, before a longer rest.
    pub(crate) fn tidy(&mut self) {
        for buffer in [&mut self.spare, &mut self.gathered, &mut self.scratch] {
            if buffer.capacity() > KEPT {
                *buffer = Vec::new();
            }
        }
    }

    /// Keeps a head for as long as anything holds a part of it; the memory of small ones is used again once nothing does.
    pub(crate) fn keep_head(&mut self, head: &[u8]) -> Bytes {
        // What is used again is kept whole by the smallest part of it, and grows with the largest.
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
    /// True if it was read since the thread turned to its connection, or since the last handler that may have taken long.
    is_fresh: bool,
}

impl Default for Clock {
    fn default() -> Self {
        // A second that never comes: nothing is formatted before it is wanted.
        Self { second: u64::MAX, date: [b' '; 29], is_fresh: false }
    }
}

impl Clock {
    /// Has the next stamp read the clock.
    pub(in crate::engine) fn expire(&mut self) {
        self.is_fresh = false;
    }

    /// What the server adds to a head now.
    pub(crate) fn stamp<'a>(&'a mut self, software: Option<&'a HeaderValue>, keep_alive_secs: u64) -> Stamp<'a> {
        if !self.is_fresh {
            // A clock before 1970 is as good as none.
            let second = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |age| age.as_secs());
            if second != self.second {
                (self.second, self.date) = (second, encode::date(second));
            }
            self.is_fresh = true;
        }
        Stamp { date: &self.date, software, keep_alive_secs }
    }
}

/// A head that is larger has memory of its own.
const SMALL_HEAD: usize = 2 * 1024;
/// A buffer that is larger is not kept by a worker without work.
const KEPT: usize = 64 * 1024;
/// Bytes of all chunk extensions of one body: far more than the few that anybody uses.
const EXTENSION_BYTES: usize = 16 * 1024;
/// Bytes of a trailer section, where the limit of the head does not ask for less.
const TRAILER_BYTES: usize = 16 * 1024;
