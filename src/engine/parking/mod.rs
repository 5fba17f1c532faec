//! Connections waiting without a thread: idle connections, partial requests, answers to slow readers,
//! lingering connections, and [`streams`] waiting for their senders.
//!
//! A connection is registered with the poller once, edge-triggered, when parked for the first time,
//! and keeps the slot until closed. Parking again and fetching are two short locks; only a change
//! of interest costs a system call. While a worker has the connection, events are noted in the
//! slot, and `park` returns such a connection at once.
//!
//! A connection may be parked only if the last read emptied the socket; later input is then a new
//! edge.

mod due;
pub(in crate::engine) mod idle;
mod streams;

use std::io;
use std::net::Shutdown;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, OnceLock, Weak};
use std::time::{Duration, Instant};

use self::idle::{Idle, Rank};
use crate::engine::connection::ClientConnection;
use crate::message::wake::Wake;
use crate::net::deadline::Deadlines;
use crate::net::poll::{Alarm, Batch, Interest, POLLER, Poller};
use crate::sync::{Mutex, catch};

/// All slots, and their poller.
#[repr(align(128))]
pub(in crate::engine) struct Parking {
    poller: Poller,
    slots: Mutex<Slots>,
    /// The earliest deadline in `slots`, in nanoseconds after `start`; [`NEVER`]: there is none.
    /// Changed under the lock of `slots`.
    earliest: AtomicU64,
    start: Instant,
    /// Wakes connections with messages; set once.
    server: OnceLock<Weak<dyn Wake>>,
}

#[derive(Default)]
struct Slots {
    slots: Vec<Slot>,
    free: Vec<u32>,
    deadlines: Deadlines,
    /// Connections parked between two requests, and those without a single byte received.
    idle: Idle,
    /// The number of parked connections.
    parked: usize,
    admits: Admits,
}

/// The connections that may be parked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Admits {
    #[default]
    All,
    /// The server stops: only exchanges under way, and connections not yet closed after their last
    /// answer.
    UnderWay,
    Nobody,
}

/// The slot of one connection.
struct Slot {
    /// Incremented whenever the slot is assigned, so that events of the previous connection are
    /// ignored.
    generation: u32,
    state: State,
    /// True if the peer's end was reported; no further edge will come.
    is_ended: bool,
    /// The earliest entry in `Deadlines` for this slot. The entry may be earlier than the real
    /// deadline, and even stem from a previous connection. A slot can thus be reassigned, and a
    /// deadline moved back, without another entry. Later entries are ignored, and dropped once
    /// there are many.
    listed: Option<Instant>,
}

enum State {
    Free,
    /// A worker has the connection; `is_ready` if an event has come meanwhile.
    Away {
        is_ready: bool,
    },
    Parked(Box<ClientConnection>),
}

/// The outcome of parking a connection.
pub(in crate::engine) enum Parked {
    /// The connection is parked. `is_earliest`: nothing is due before its deadline.
    Waits { is_earliest: bool },
    /// An event has come already.
    Ready(Box<ClientConnection>),
    /// Parking is impossible: the server stops, or the poller cannot watch the connection.
    Refused(Box<ClientConnection>),
}

impl Parking {
    pub(in crate::engine) fn new() -> io::Result<Self> {
        let (earliest, start) = (AtomicU64::new(NEVER), Instant::now());
        Ok(Self { poller: Poller::new()?, slots: Mutex::default(), earliest, start, server: OnceLock::new() })
    }

    /// Parks a connection until input, a deadline, or a message of a sender.
    pub(in crate::engine) fn park(&self, mut connection: Box<ClientConnection>) -> Parked {
        let token = match connection.slot {
            Some(token) => token,
            None => match self.register(&connection) {
                Ok(token) => {
                    connection.slot = Some(token);
                    // Resets the interest of an earlier slot.
                    connection.watched = Interest::Read;
                    token
                }
                Err(error) => {
                    log::warn!("cannot add a connection to {POLLER}: {error}; connection closed");
                    return Parked::Refused(connection);
                }
            },
        };
        let interest = connection.interest();
        if connection.watched != interest {
            // Pending events are reported and noted in the slot, which is checked below.
            match connection.transport.stream.fd().map(|fd| self.poller.change(fd, token, interest)) {
                Some(Ok(())) => connection.watched = interest,
                _ => return Parked::Refused(connection),
            }
        }
        let deadline = connection.deadline();
        let (is_idle, is_silent) = (connection.is_idle(), connection.is_silent());
        let mut slots = self.slots.lock();
        if !slots.admits(&connection) {
            return Parked::Refused(connection);
        }
        let is_stopping = slots.admits != Admits::All;
        let Slots { slots: places, deadlines, idle, parked, .. } = &mut *slots;
        let Some(slot) = places.get_mut(index(token)) else { return Parked::Refused(connection) };
        // For a connection waiting to write, the end of the read direction is not the end. The function
        // of an upgraded connection decides itself, and has been called for the end.
        let is_ended = slot.is_ended && interest == Interest::Read && !connection.has_left_http();
        // Armed under the lock of the slots: a sender that wakes the connection finds it parked.
        let has_content = !self.arm(&connection, token) || is_stopping && connection.reacts_to_stop();
        if is_ended || has_content || matches!(slot.state, State::Away { is_ready: true }) {
            slot.state = State::Away { is_ready: false };
            connection.note_input();
            if slot.is_ended {
                connection.note_end();
            }
            return Parked::Ready(connection);
        }
        slot.state = State::Parked(connection);
        *parked += 1;
        if is_idle {
            idle.push(Rank::Idle, place(token));
        } else if is_silent {
            idle.push(Rank::Silent, place(token));
        }
        let is_listed = slot.listed.is_some_and(|listed| listed <= deadline);
        let mut is_earliest = false;
        if !is_listed {
            slot.listed = Some(deadline);
            is_earliest = deadlines.add(deadline, u64::from(place(token)));
            if deadlines.len() > 2 * places.len() + SPARE {
                deadlines.retain(|when, place| places.get(index(place)).is_some_and(|slot| slot.listed == Some(when)));
            }
            self.note_earliest(deadlines);
        }
        Parked::Waits { is_earliest }
    }

    /// Waits for arrivals, for at most `timeout`; see [`Poller::wait`].
    pub(in crate::engine) fn wait(
        &self,
        batch: &mut Batch,
        most: usize,
        timeout: Option<Duration>,
    ) -> io::Result<usize> {
        self.poller.wait(batch, most, timeout)
    }

    /// Waits for arrivals or for `alarm`; see [`Poller::wait_beside`].
    pub(in crate::engine) fn wait_beside(&self, alarm: &Alarm, timeout: Option<Duration>) -> io::Result<bool> {
        self.poller.wait_beside(alarm, timeout)
    }

    /// Wakes a thread waiting at the poller.
    pub(in crate::engine) fn wake(&self) {
        if let Err(error) = self.poller.wake() {
            log::error!("cannot wake the thread that waits at {POLLER}: {error}");
        }
    }

    /// Clears a wake-up.
    pub(in crate::engine) fn woken(&self) {
        if let Err(error) = self.poller.woken() {
            log::error!("cannot clear a wake-up of {POLLER}: {error}");
        }
    }

    /// Fetches the connection with an event; `is_ended` if the peer's end was reported too. If the
    /// connection is away, the slot notes the event.
    ///
    /// An end may be reported together with the bytes before it, and then never again. Such a
    /// connection is not parked any more, but read up to the end.
    pub(in crate::engine) fn fetch(&self, token: u64, is_ended: bool) -> Option<Box<ClientConnection>> {
        self.slots.lock().fetch_reported(token, is_ended)
    }

    /// Fetches the connections of several events, under one lock; see [`fetch`](Self::fetch).
    pub(in crate::engine) fn fetch_events(
        &self,
        events: impl Iterator<Item = (u64, bool)>,
    ) -> impl Iterator<Item = Box<ClientConnection>> {
        let mut slots = self.slots.lock();
        events.filter_map(move |(token, is_ended)| slots.fetch_reported(token, is_ended))
    }

    /// Fetches the connection idle for longest, if more than `most` are idle.
    pub(in crate::engine) fn fetch_idlest(&self, most: usize) -> Option<Box<ClientConnection>> {
        let mut slots = self.slots.lock();
        let oldest = slots.idle.oldest(Rank::Idle).filter(|_| slots.idle.len(Rank::Idle) > most)?;
        slots.fetch(oldest)
    }

    /// Fetches the first connection to evict: the one silent for longest, or, if none is silent,
    /// the one idle for longest.
    pub(in crate::engine) fn fetch_first_to_go(&self) -> Option<Box<ClientConnection>> {
        let mut slots = self.slots.lock();
        let first = slots.idle.oldest(Rank::Silent).or_else(|| slots.idle.oldest(Rank::Idle))?;
        slots.fetch(first)
    }

    /// Releases the slot of a connection that goes on without the poller.
    pub(in crate::engine) fn detach(&self, connection: &mut ClientConnection) {
        let Some(token) = connection.slot.take() else { return };
        self.slots.lock().vacate(token);
        if let Some(Err(error)) = connection.transport.stream.fd().map(|fd| self.poller.remove(fd)) {
            log::debug!("cannot remove a connection from {POLLER}: {error}; its events are ignored");
        }
    }

    /// Releases the slot of a lost connection.
    pub(in crate::engine) fn give_up(&self, slot: Option<u64>) {
        if let Some(token) = slot {
            self.slots.lock().vacate(token);
        }
    }

    /// Closes a connection and releases the slot.
    pub(in crate::engine) fn close_one(&self, mut connection: Box<ClientConnection>) {
        if Arc::strong_count(&connection.transport.stream) > 1 {
            // A body outliving its exchange holds the socket, whose events must not be reported for
            // ever.
            self.detach(&mut connection);
            // A FIN now would precede the reset, and look like the end of the answer.
            let how = if connection.transport.stream.is_aborted() { Shutdown::Read } else { Shutdown::Both };
            let _ = connection.transport.stream.shutdown(how);
        } else if let Some(token) = connection.slot.take() {
            // Closing the descriptor ends its registration with the poller.
            self.slots.lock().vacate(token);
        }
        // A parked answer holds values of the handler, and dropping them may panic.
        let name = connection.take_name();
        let ends = || {
            connection.end_record();
            drop(connection);
        };
        if catch(ends).is_err() {
            let name = name.as_deref().unwrap_or("a request without an answer");
            log::error!("dropping the response of a handler panicked: {name}; connection closed");
        }
    }

    /// Admits only connections under way or lingering from now on, and returns all others.
    pub(in crate::engine) fn close(&self) -> Vec<Box<ClientConnection>> {
        self.fetch_all(Admits::UnderWay)
    }

    /// Admits no connection from now on, and returns all parked ones.
    pub(in crate::engine) fn close_for_good(&self) -> Vec<Box<ClientConnection>> {
        self.fetch_all(Admits::Nobody)
    }

    /// Changes the admission, and fetches all connections no longer admitted.
    fn fetch_all(&self, admits: Admits) -> Vec<Box<ClientConnection>> {
        self.slots.lock().admits = admits;
        self.fetch_those(|slots, connection| !slots.admits(connection))
    }

    fn fetch_those(&self, is_wanted: impl Fn(&Slots, &ClientConnection) -> bool) -> Vec<Box<ClientConnection>> {
        let mut slots = self.slots.lock();
        let leaves = |slot: &Slot| matches!(&slot.state, State::Parked(connection) if is_wanted(&slots, connection));
        let places: Vec<usize> = (0..slots.slots.len()).filter(|place| leaves(&slots.slots[*place])).collect();
        places.into_iter().filter_map(|place| slots.fetch(u32::try_from(place).ok()?)).collect()
    }

    /// The number of parked connections.
    pub(in crate::engine) fn len(&self) -> usize {
        self.slots.lock().parked
    }

    fn register(&self, connection: &ClientConnection) -> io::Result<u64> {
        let Some(fd) = connection.transport.stream.fd() else { return Err(io::ErrorKind::Unsupported.into()) };
        let token = self.slots.lock().give();
        self.poller.add(fd, token).inspect_err(|_| self.slots.lock().vacate(token))?;
        Ok(token)
    }
}

impl Slots {
    fn admits(&self, connection: &ClientConnection) -> bool {
        match self.admits {
            Admits::All => true,
            Admits::UnderWay => connection.is_to_end_well(),
            Admits::Nobody => false,
        }
    }

    /// Assigns a slot. Returns the token.
    fn give(&mut self) -> u64 {
        let place = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot { generation: 0, state: State::Free, is_ended: false, listed: None });
            u32::try_from(self.slots.len() - 1).unwrap_or(u32::MAX)
        });
        let slot = &mut self.slots[place as usize];
        slot.generation = slot.generation.wrapping_add(1) & GENERATIONS;
        slot.state = State::Away { is_ready: false };
        slot.is_ended = false;
        u64::from(slot.generation) << 32 | u64::from(place)
    }

    /// Takes the connection with an event out of its slot, or notes the event in the slot.
    fn fetch_reported(&mut self, token: u64, is_ended: bool) -> Option<Box<ClientConnection>> {
        let slot = self.current(token)?;
        slot.is_ended |= is_ended;
        if let State::Away { is_ready } = &mut slot.state {
            *is_ready = true;
            return None;
        }
        let is_ended = slot.is_ended;
        let mut connection = self.fetch(place(token))?;
        connection.note_input();
        if is_ended {
            connection.note_end();
        }
        Some(connection)
    }

    /// Takes the connection out of a slot, which stays assigned.
    fn fetch(&mut self, place: u32) -> Option<Box<ClientConnection>> {
        let slot = self.slots.get_mut(place as usize).filter(|slot| matches!(slot.state, State::Parked(_)))?;
        let State::Parked(connection) = std::mem::replace(&mut slot.state, State::Away { is_ready: false }) else {
            return None;
        };
        self.parked -= 1;
        self.idle.remove(place);
        Some(connection)
    }

    fn vacate(&mut self, token: u64) {
        if let Some(slot) = self.current(token) {
            slot.state = State::Free;
            self.free.push(place(token));
        }
    }

    /// The slot `token` was issued for, unless freed or reassigned.
    fn current(&mut self, token: u64) -> Option<&mut Slot> {
        let slot = self.slots.get_mut(index(token))?;
        (u64::from(slot.generation) == token >> 32 && !matches!(slot.state, State::Free)).then_some(slot)
    }
}

/// The slot number of a token: the lower half.
fn place(token: u64) -> u32 {
    u32::try_from(token & u64::from(u32::MAX)).unwrap_or(u32::MAX)
}

fn index(token: u64) -> usize {
    place(token) as usize
}

/// No deadline.
const NEVER: u64 = u64::MAX;
/// The number of stale deadline entries tolerated, beyond one per slot.
const SPARE: usize = 64;
/// The greatest generation, so that tokens stay below the wake-up token.
const GENERATIONS: u32 = u32::MAX >> 1;

#[cfg(test)]
mod tests;
