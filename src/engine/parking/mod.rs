//! Where connections wait that need no thread: idle ones, parts of heads, and those whose client has yet to leave.
//!
//! A connection is registered with the poller once, edge-triggered, when it is parked for the first time, and keeps its slot
//! until it closes: parking it again and fetching it out are two short locks and no system call. What arrives while a worker has
//! it is noted in the slot, and `park` gives such a connection straight back.
//!
//! A parked connection may only be one whose last read emptied the socket; then whatever comes later is a new edge.

pub(in crate::engine) mod idle;

use std::io;
use std::net::Shutdown;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use self::idle::{Idle, Rank};
use crate::engine::connection::ClientConnection;
use crate::net::deadline::Deadlines;
use crate::net::poll::{Alarm, Batch, Interest, Poller};

/// All slots, and the poller that watches them.
pub(in crate::engine) struct Parking {
    poller: Poller,
    slots: Mutex<Slots>,
}

#[derive(Default)]
struct Slots {
    slots: Vec<Slot>,
    free: Vec<u32>,
    deadlines: Deadlines,
    /// The connections that are parked between two requests, and those that have never sent a byte.
    idle: Idle,
    /// How many connections are parked.
    parked: usize,
    admits: Admits,
}

/// Who may be parked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Admits {
    #[default]
    All,
    /// The server stops: only what is under way, and what has its last answer but not its end.
    UnderWay,
    Nobody,
}

/// One place.
struct Slot {
    /// Goes up each time the place is given away, so that what was reported of the one before is not taken for news.
    generation: u32,
    state: State,
    /// Whether the end of the peer has been reported; there is no further edge to wait for.
    is_ended: bool,
    /// The earliest entry that `Deadlines` holds for this place; it may be earlier than what is due, and even from a connection
    /// before: so places may change hands and deadlines move back without an entry more. Later entries count for nothing, and are
    /// dropped where they are many.
    listed: Option<Instant>,
}

enum State {
    Free,
    /// A worker has the connection; `is_ready` if something has arrived meanwhile.
    Away {
        is_ready: bool,
    },
    Parked(Box<ClientConnection>),
}

/// What became of a connection that was to be parked.
pub(in crate::engine) enum Parked {
    /// It waits. `is_earliest`: nothing is due before it.
    Waits { is_earliest: bool },
    /// Something has arrived already.
    Ready(Box<ClientConnection>),
    /// It cannot wait here: the server stops, or the system cannot watch it.
    Refused(Box<ClientConnection>),
}

impl Parking {
    pub(in crate::engine) fn new() -> io::Result<Self> {
        Ok(Self { poller: Poller::new()?, slots: Mutex::default() })
    }

    /// Has a connection wait for input or its deadline.
    pub(in crate::engine) fn park(&self, mut connection: Box<ClientConnection>) -> Parked {
        let token = match connection.slot {
            Some(token) => token,
            None => match self.register(&connection) {
                Ok(token) => {
                    connection.slot = Some(token);
                    // Whatever it was watched for in another slot.
                    connection.watched = Interest::Read;
                    token
                }
                Err(error) => {
                    log::warn!("a connection cannot be watched, and is closed: {error}");
                    return Parked::Refused(connection);
                }
            },
        };
        let interest = connection.interest();
        if connection.watched != interest {
            // Whatever is there already is reported, and noted below, before it is parked.
            match connection.stream.fd().map(|fd| self.poller.change(fd, token, interest)) {
                Some(Ok(())) => connection.watched = interest,
                _ => return Parked::Refused(connection),
            }
        }
        let deadline = connection.deadline();
        let (is_idle, is_silent) = (connection.is_idle(), connection.is_silent());
        let mut slots = self.slots();
        if !slots.admits(&connection) {
            return Parked::Refused(connection);
        }
        let Slots { slots: places, deadlines, idle, parked, .. } = &mut *slots;
        let Some(slot) = places.get_mut(index(token)) else { return Parked::Refused(connection) };
        // Of who waits for room, the end of the other direction is not the end.
        let is_ended = slot.is_ended && interest == Interest::Read;
        if is_ended || matches!(slot.state, State::Away { is_ready: true }) {
            slot.state = State::Away { is_ready: false };
            connection.note_input();
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
        }
        Parked::Waits { is_earliest }
    }

    /// Waits for arrivals, at the longest for `timeout`; see [`Poller::wait`].
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

    /// Has whoever waits return.
    pub(in crate::engine) fn wake(&self) {
        if let Err(error) = self.poller.wake() {
            log::error!("cannot wake a worker: {error}");
        }
    }

    /// Takes a wake-up as noticed.
    pub(in crate::engine) fn woken(&self) {
        if let Err(error) = self.poller.woken() {
            log::error!("cannot take a wake-up: {error}");
        }
    }

    /// Fetches the connection at which something has arrived, `is_ended` if its end has too. If it is away, its slot takes note.
    ///
    /// An end may be reported together with the bytes before it, and then never again: such a connection is not parked any more,
    /// but read until its end is found.
    pub(in crate::engine) fn fetch(&self, token: u64, is_ended: bool) -> Option<Box<ClientConnection>> {
        let mut slots = self.slots();
        let slot = slots.current(token)?;
        slot.is_ended |= is_ended;
        if let State::Away { is_ready } = &mut slot.state {
            *is_ready = true;
            return None;
        }
        let mut connection = slots.fetch(place(token))?;
        connection.note_input();
        Some(connection)
    }

    /// Fetches the connection that has been idle for longest, if more than `most` are.
    pub(in crate::engine) fn fetch_idlest(&self, most: usize) -> Option<Box<ClientConnection>> {
        let mut slots = self.slots();
        let oldest = slots.idle.oldest(Rank::Idle).filter(|_| slots.idle.len(Rank::Idle) > most)?;
        slots.fetch(oldest)
    }

    /// Fetches the connection that is the first to give way for another: of the silent ones the one that has been so for longest, or, if
    /// there is none, of the idle ones.
    pub(in crate::engine) fn fetch_first_to_go(&self) -> Option<Box<ClientConnection>> {
        let mut slots = self.slots();
        let first = slots.idle.oldest(Rank::Silent).or_else(|| slots.idle.oldest(Rank::Idle))?;
        slots.fetch(first)
    }

    /// Gives up the slot of a connection that goes on without being watched.
    pub(in crate::engine) fn detach(&self, connection: &mut ClientConnection) {
        let Some(token) = connection.slot.take() else { return };
        self.slots().vacate(token);
        if let Some(Err(error)) = connection.stream.fd().map(|fd| self.poller.remove(fd)) {
            log::debug!("a connection is still watched: {error}");
        }
    }

    /// Gives up the slot of a connection that was lost.
    pub(in crate::engine) fn give_up(&self, slot: Option<u64>) {
        if let Some(token) = slot {
            self.slots().vacate(token);
        }
    }

    /// Gives up the slot of a connection and closes it.
    pub(in crate::engine) fn close_one(&self, mut connection: Box<ClientConnection>) {
        if Arc::strong_count(&connection.stream) > 1 {
            // A body that outlives its exchange holds the socket: what goes on there must not be reported for ever.
            self.detach(&mut connection);
            // An end of our side now would come before the reset that is to tell that it is none.
            let how = if connection.stream.is_aborted() { Shutdown::Read } else { Shutdown::Both };
            let _ = connection.stream.shutdown(how);
        } else if let Some(token) = connection.slot.take() {
            // Closing the descriptor ends its registration with the poller.
            self.slots().vacate(token);
        }
        // What a parked answer is made of is the handler's own, and so is what happens when it is dropped.
        if catch_unwind(AssertUnwindSafe(|| drop(connection))).is_err() {
            log::error!("dropping what a handler has made panicked");
        }
    }

    /// When the next deadline may pass.
    pub(in crate::engine) fn next_due(&self) -> Option<Instant> {
        self.slots().deadlines.earliest()
    }

    /// Fetches the connections whose deadline has passed.
    pub(in crate::engine) fn fetch_due(&self, now: Instant) -> Vec<Box<ClientConnection>> {
        let mut due = Vec::new();
        let mut slots = self.slots();
        while let Some((when, key)) = slots.deadlines.take_due(now) {
            let place = place(key);
            let Some(slot) = slots.slots.get_mut(place as usize) else { continue };
            if slot.listed != Some(when) {
                // An entry from before the deadline moved forward; there is an earlier one that counts.
                continue;
            }
            slot.listed = None;
            let State::Parked(connection) = &slot.state else { continue };
            let deadline = connection.deadline();
            if deadline > now {
                slot.listed = Some(deadline);
                slots.deadlines.add(deadline, key);
                continue;
            }
            due.extend(slots.fetch(place));
        }
        due
    }

    /// Lets nothing be parked any more but what is to end well, and gives out the rest of what is.
    pub(in crate::engine) fn close(&self) -> Vec<Box<ClientConnection>> {
        self.fetch_all(Admits::UnderWay)
    }

    /// Lets nothing at all be parked any more, and gives out what is.
    pub(in crate::engine) fn close_for_good(&self) -> Vec<Box<ClientConnection>> {
        self.fetch_all(Admits::Nobody)
    }

    /// Fetches all those that may no longer be parked.
    fn fetch_all(&self, admits: Admits) -> Vec<Box<ClientConnection>> {
        let mut slots = self.slots();
        slots.admits = admits;
        let leaves = |slot: &Slot| matches!(&slot.state, State::Parked(connection) if !slots.admits(connection));
        let places: Vec<usize> = (0..slots.slots.len()).filter(|place| leaves(&slots.slots[*place])).collect();
        places.into_iter().filter_map(|place| slots.fetch(u32::try_from(place).ok()?)).collect()
    }

    /// How many connections are parked.
    pub(in crate::engine) fn len(&self) -> usize {
        self.slots().parked
    }

    fn register(&self, connection: &ClientConnection) -> io::Result<u64> {
        let Some(fd) = connection.stream.fd() else { return Err(io::ErrorKind::Unsupported.into()) };
        let token = self.slots().give();
        self.poller.add(fd, token).inspect_err(|_| self.slots().vacate(token))?;
        Ok(token)
    }

    /// Nothing under this lock can panic half way, so poison says nothing.
    fn slots(&self) -> MutexGuard<'_, Slots> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
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

    /// Gives a place away.
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

    /// Takes the connection off a place, which stays its own.
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

    /// The slot that `token` was given for, unless it has been given away again.
    fn current(&mut self, token: u64) -> Option<&mut Slot> {
        let slot = self.slots.get_mut(index(token))?;
        (u64::from(slot.generation) == token >> 32 && !matches!(slot.state, State::Free)).then_some(slot)
    }
}

/// The place that a token is for: its lower half.
fn place(token: u64) -> u32 {
    u32::try_from(token & u64::from(u32::MAX)).unwrap_or(u32::MAX)
}

fn index(token: u64) -> usize {
    place(token) as usize
}

/// How many entries that count for nothing there may be besides as many as there are places.
const SPARE: usize = 64;
/// Generations stay below the token that stands for a wake-up.
const GENERATIONS: u32 = u32::MAX >> 1;

#[cfg(test)]
mod tests;
