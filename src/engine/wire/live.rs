//! Content of an answer that comes from a channel: taken, filtered and framed in memory, and never
//! waited for.

use std::fmt;
use std::io::{self, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::HeaderMap;

use super::framing::{Flaw, Framed};
use crate::engine::service::context::Service;
use crate::h1::encode;
use crate::h1::exchange::{CloseReason, Exchange};
use crate::message::body::Filters;
use crate::message::mailbox::{Delivery, End, Receiver};
use crate::message::shutdown::Shutdown;
use crate::message::wake::Waker;
use crate::message::writer::{Sink, finish_all, incomplete, through_all};

/// The content still to come.
pub(crate) struct Live {
    receiver: Receiver,
    filters: Filters,
    framed: Framed,
    /// Bytes of content gathered so far.
    sent: u64,
    surplus: bool,
    /// The time of the last content.
    last: Instant,
    shutdown: Arc<Shutdown>,
}

/// The result of gathering content.
#[derive(Debug)]
pub(crate) enum LiveStep {
    /// There is output to send, and perhaps more content.
    Some,
    /// No content waits. A look is due at this time.
    Nothing(Instant),
    /// The content is complete, with this many bytes.
    Whole(u64, Option<Flaw>),
}

impl Live {
    pub(super) fn new(receiver: Receiver, filters: Filters, framed: Framed, shutdown: &Arc<Shutdown>) -> Self {
        let shutdown = Arc::clone(shutdown);
        Self { receiver, filters, framed, sent: 0, surplus: false, last: Instant::now(), shutdown }
    }

    /// The bytes of content gathered so far.
    pub(in crate::engine) fn sent(&self) -> u64 {
        self.sent
    }

    /// Connects the senders with the server.
    pub(in crate::engine) fn attach(&self, service: &Service) {
        self.receiver.attach(&self.shutdown, Arc::clone(&service.answer_memory) as Arc<_>);
    }

    /// True if the end of the connection would look like the end of the content.
    pub(in crate::engine) fn is_raw(&self) -> bool {
        self.framed == Framed::Raw
    }

    /// True if the stream is to end now that the server stops.
    pub(in crate::engine) fn ends_at_stop(&self) -> bool {
        self.receiver.ends_at_stop()
    }

    /// True if gathering runs code of a handler.
    pub(in crate::engine) fn has_filters(&self) -> bool {
        !self.filters.is_empty()
    }

    /// Prepares `waker` for the next content. Returns false if content has come already.
    pub(in crate::engine) fn arm(&self, waker: Waker) -> bool {
        self.receiver.arm(waker)
    }

    /// Prepares `waker` for a disconnection by a sender. Returns false if that has happened.
    pub(in crate::engine) fn arm_for_cut(&self, waker: Waker) -> bool {
        self.receiver.arm_for_cut(waker)
    }

    /// True if a sender has disconnected the client.
    pub(in crate::engine) fn is_cut(&self) -> bool {
        self.receiver.is_cut()
    }

    /// Accepts nothing more from the senders.
    pub(in crate::engine) fn close(&self) {
        self.receiver.close();
    }

    /// Moves content that waits into `gathered`, framed, at most about [`BATCH`] bytes. `pending` is
    /// a buffer to reuse.
    ///
    /// # Errors
    /// The content is incomplete, because a sender or a filter failed.
    pub(in crate::engine) fn gather(
        &mut self,
        gathered: &mut Vec<u8>,
        pending: &mut Vec<u8>,
        exchange: &mut Exchange,
    ) -> io::Result<LiveStep> {
        pending.clear();
        let shutdown = Arc::clone(&self.shutdown);
        let mut sink = Pending { content: pending, trailers: None, is_abandoned: false, shutdown: &shutdown };
        let mut end = None;
        // A filter may hold content back, or make more of it.
        let mut taken = 0;
        while sink.content.len().max(taken) < BATCH {
            match self.receiver.receive(BATCH) {
                Delivery::Content(content) => {
                    taken += content.len();
                    through_all(&mut sink, &mut self.filters, &mut |writer| writer.write_all(&content))?;
                }
                Delivery::Nothing => break,
                Delivery::End(ended) => {
                    end = Some(ended);
                    break;
                }
            }
        }
        let look_at = if taken > 0 || end.is_some() { None } else { self.beat(&mut sink)? };
        match &end {
            Some(End::Complete(_)) => finish_all(&mut sink, &mut self.filters)?,
            _ if look_at.is_none() => through_all(&mut sink, &mut self.filters, &mut |writer| writer.flush())?,
            _ => {}
        }
        if sink.is_abandoned {
            return Err(incomplete());
        }
        let set = sink.trailers.take();
        self.frame(gathered, pending);
        match (end, look_at) {
            (Some(End::Complete(trailers)), _) => Ok(self.finish(trailers.or(set), gathered, exchange)),
            (Some(End::Failed(reason)), _) => Err(io::Error::other(reason)),
            (None, Some(look_at)) => Ok(LiveStep::Nothing(look_at)),
            (None, None) => {
                self.last = Instant::now();
                Ok(LiveStep::Some)
            }
        }
    }

    /// Moves content that waits into `gathered` like [`gather`](Self::gather), and returns the time
    /// of the next look. Returns `None` without moving anything if no content waits, or if filters
    /// or a disconnection are to be handled.
    pub(in crate::engine) fn relay(
        &mut self,
        gathered: &mut Vec<u8>,
        pending: &mut Vec<u8>,
        now: Instant,
    ) -> Option<Instant> {
        if self.has_filters() {
            return None;
        }
        let (content, mut heartbeat) = self.receiver.receive_content(BATCH)?;
        pending.clear();
        pending.extend_from_slice(&content);
        // Of two owners that panic when dropped, the second would abort the process.
        drop(content);
        while pending.len() < BATCH {
            let Some((content, latest)) = self.receiver.receive_content(BATCH) else { break };
            pending.extend_from_slice(&content);
            heartbeat = latest;
        }
        self.frame(gathered, pending);
        self.last = now;
        Some(self.next_beat(heartbeat).unwrap_or(now + LOOK))
    }

    /// Writes the heartbeat if due. Otherwise returns the time of the next look.
    fn beat(&mut self, sink: &mut Pending<'_>) -> io::Result<Option<Instant>> {
        let now = Instant::now();
        let heartbeat = self.receiver.heartbeat();
        let due = self.next_beat(heartbeat.as_ref().map(|heartbeat| heartbeat.every)).unwrap_or(now + LOOK);
        let Some(heartbeat) = heartbeat.filter(|_| due <= now) else { return Ok(Some(due)) };
        through_all(sink, &mut self.filters, &mut |writer| writer.write_all(&heartbeat.content.content()))?;
        Ok(None)
    }

    /// Returns the time of the next heartbeat; `None`: there is none.
    fn next_beat(&self, every: Option<Duration>) -> Option<Instant> {
        // In content of a declared length a heartbeat would be one part too many.
        let may_beat = !matches!(self.framed, Framed::Length(_));
        // The sum may be beyond the times that a clock can tell.
        self.last.checked_add(every.filter(|_| may_beat)?)
    }

    /// Appends `content` as one part, cut to the declared length.
    fn frame(&mut self, gathered: &mut Vec<u8>, content: &[u8]) {
        let mut content = content;
        if let Framed::Length(left) = &mut self.framed {
            let owed = usize::try_from(*left).unwrap_or(usize::MAX).min(content.len());
            *left -= owed as u64;
            self.surplus |= owed < content.len();
            content = &content[..owed];
        }
        if content.is_empty() {
            return;
        }
        self.sent += content.len() as u64;
        let is_chunk = self.framed == Framed::Chunks;
        if is_chunk {
            encode::chunk_head(gathered, content.len());
        }
        gathered.extend_from_slice(content);
        if is_chunk {
            encode::chunk_end(gathered);
        }
    }

    fn finish(&self, trailers: Option<HeaderMap>, gathered: &mut Vec<u8>, exchange: &mut Exchange) -> LiveStep {
        let mut flaw = self.surplus.then_some(Flaw::Surplus);
        match self.framed {
            Framed::Chunks => {
                let trailers = trailers.filter(|_| exchange.wants_trailers()).unwrap_or_default();
                flaw = Flaw::of_trailers(encode::last_chunk(gathered, &trailers, exchange.is_title_case()));
            }
            Framed::Length(left) if left > 0 => {
                flaw = Some(Flaw::Short(left));
                exchange.close(CloseReason::BodyShort);
            }
            Framed::Length(_) | Framed::Raw => {}
        }
        LiveStep::Whole(self.sent, flaw)
    }
}

impl fmt::Debug for Live {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Live").field("receiver", &self.receiver).field("sent", &self.sent).finish_non_exhaustive()
    }
}

/// Content in memory, before it is framed.
struct Pending<'a> {
    content: &'a mut Vec<u8>,
    trailers: Option<HeaderMap>,
    is_abandoned: bool,
    shutdown: &'a Shutdown,
}

impl Write for Pending<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.content.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    /// Does nothing: all content of a batch is sent together.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Sink for Pending<'_> {
    fn set_trailers(&mut self, fields: HeaderMap) {
        self.trailers = Some(fields);
    }

    fn is_shutting_down(&self) -> bool {
        self.shutdown.is_told()
    }

    /// Does not wait, because the calling thread serves other clients.
    fn stops_within(&self, _time: Duration) -> bool {
        self.shutdown.is_told()
    }

    fn abandon(&mut self) {
        self.is_abandoned = true;
    }
}

/// The bytes of content gathered before they are sent.
const BATCH: usize = 64 * 1024;
/// The time until the next look at a stream without heartbeats. No event depends on this look.
const LOOK: Duration = Duration::from_secs(24 * 3600);
