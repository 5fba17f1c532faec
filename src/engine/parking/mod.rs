//! Where connections wait that need no thread: idle ones, parts of heads, and those whose client has yet to leave.
//!
//! A connection is registered with the poller once, edge-triggered, when it is parked for the first time, and keeps its lot
//! until it closes: parking it again and fetching it out are two short locks and no system call. What arrives while a worker has
//! it is noted in the lot, and `park` gives such a connection straight back.
//!
//! A parked connection may only be one whose last read emptied the socket; then whatever comes later is a new edge.

pub(in crate::engine) mod idle;

use std::io;
use std::net::Shutdown;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use self::idle::{Idle, Rank};
use crate::engine::connection::Connection;
use crate::net::deadline::Deadlines;
use crate::net::poll::{Alarm, Batch, Interest, Poller};

/// All lots, and the poller that watches them.
pub(in crate::engine) struct Parking {
    poller: Poller,
    lots: Mutex<Lots>,
}

#[derive(Default)]
struct Lots {
    lots: Vec<Lot>,
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
struct Lot {
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
    Parked(Box<Connection>),
}

/// What became of a connection that was to be parked.
pub(in crate::engine) enum Parked {
    /// It waits. `is_earliest`: nothing is due before it.
    Waits { is_earliest: bool },
    /// Something has arrived already.
    Ready(Box<Connection>),
    /// It cannot wait here: the server stops, or the system cannot watch it.
    Refused(Box<Connection>),
}

impl Parking {
    pub(in crate::engine) fn new() -> io::Result<Self> {
        Ok(Self { poller: Poller::new()?, lots: Mutex::default() })
    }

    /// Has a connection wait for input or its deadline.
    pub(in crate::engine) fn park(&self, mut connection: Box<Connection>) -> Parked {
        let token = match connection.lot {
            Some(token) => token,
            None => match self.register(&connection) {
                Ok(token) => {
                    connection.lot = Some(token);
                    // Whatever it was watched for in another lot.
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
        let mut lots = self.lots();
        if !lots.admits(&connection) {
            return Parked::Refused(connection);
        }
        let Lots { lots: places, deadlines, idle, parked, .. } = &mut *lots;
        let Some(lot) = places.get_mut(index(token)) else { return Parked::Refused(connection) };
        // Of who waits for room, the end of the other direction is not the end.
        let is_ended = lot.is_ended && interest == Interest::Read;
        if is_ended || matches!(lot.state, State::Away { is_ready: true }) {
            lot.state = State::Away { is_ready: false };
            connection.note_input();
            return Parked::Ready(connection);
        }
        lot.state = State::Parked(connection);
        *parked += 1;
        if is_idle {
            idle.push(Rank::Idle, place(token));
        } else if is_silent {
            idle.push(Rank::Silent, place(token));
        }
        let is_listed = lot.listed.is_some_and(|listed| listed <= deadline);
        let mut is_earliest = false;
        if !is_listed {
            lot.listed = Some(deadline);
            is_earliest = deadlines.add(deadline, u64::from(place(token)));
            if deadlines.len() > 2 * places.len() + SPARE {
                deadlines.retain(|when, place| places.get(index(place)).is_some_and(|lot| lot.listed == Some(when)));
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

    /// Fetches the connection at which something has arrived, `is_ended` if its end has too. If it is away, its lot takes note.
    ///
    /// An end may be reported together with the bytes before it, and then never again: such a connection is not parked any more,
    /// but read until its end is found.
    pub(in crate::engine) fn fetch(&self, token: u64, is_ended: bool) -> Option<Box<Connection>> {
        let mut lots = self.lots();
        let lot = lots.current(token)?;
        lot.is_ended |= is_ended;
        if let State::Away { is_ready } = &mut lot.state {
            *is_ready = true;
            return None;
        }
        let mut connection = lots.fetch(place(token))?;
        connection.note_input();
        Some(connection)
    }

    /// Fetches the connection that has been idle for longest, if more than `most` are.
    pub(in crate::engine) fn fetch_idlest(&self, most: usize) -> Option<Box<Connection>> {
        let mut lots = self.lots();
        let oldest = lots.idle.oldest(Rank::Idle).filter(|_| lots.idle.len(Rank::Idle) > most)?;
        lots.fetch(oldest)
    }

    /// Fetches the connection that is the first to give way for another: of the silent ones the one that has been so for longest, or, if
    /// there is none, of the idle ones.
    pub(in crate::engine) fn fetch_first_to_go(&self) -> Option<Box<Connection>> {
        let mut lots = self.lots();
        let first = lots.idle.oldest(Rank::Silent).or_else(|| lots.idle.oldest(Rank::Idle))?;
        lots.fetch(first)
    }

    /// Gives up the lot of a connection that goes on without being watched.
    pub(in crate::engine) fn detach(&self, connection: &mut Connection) {
        let Some(token) = connection.lot.take() else { return };
        self.lots().vacate(token);
        if let Some(Err(error)) = connection.stream.fd().map(|fd| self.poller.remove(fd)) {
            log::debug!("a connection is still watched: {error}");
        }
    }

    /// Gives up the lot of a connection that was lost.
    pub(in crate::engine) fn give_up(&self, lot: Option<u64>) {
        if let Some(token) = lot {
            self.lots().vacate(token);
        }
    }

    /// Gives up the lot of a connection and closes it.
    pub(in crate::engine) fn close_one(&self, mut connection: Box<Connection>) {
        if Arc::strong_count(&connection.stream) > 1 {
            // A body that outlives its exchange holds the socket: what goes on there must not be reported for ever.
            self.detach(&mut connection);
            // An end of our side now would come before the reset that is to tell that it is none.
            let how = if connection.stream.is_aborted() { Shutdown::Read } else { Shutdown::Both };
            let _ = connection.stream.shutdown(how);
        } else if let Some(token) = connection.lot.take() {
            // Closing the descriptor ends its registration with the poller.
            self.lots().vacate(token);
        }
        // What a parked answer is made of is the handler's own, and so is what happens when it is dropped.
        if catch_unwind(AssertUnwindSafe(|| drop(connection))).is_err() {
            log::error!("dropping what a handler has made panicked");
        }
    }

    /// When the next deadline may pass.
    pub(in crate::engine) fn next_due(&self) -> Option<Instant> {
        self.lots().deadlines.earliest()
    }

    /// Fetches the connections whose deadline has passed.
    pub(in crate::engine) fn fetch_due(&self, now: Instant) -> Vec<Box<Connection>> {
        let mut due = Vec::new();
        let mut lots = self.lots();
        while let Some((when, key)) = lots.deadlines.take_due(now) {
            let place = place(key);
            let Some(lot) = lots.lots.get_mut(place as usize) else { continue };
            if lot.listed != Some(when) {
                // An entry from before the deadline moved forward; there is an earlier one that counts.
                continue;
            }
            lot.listed = None;
            let State::Parked(connection) = &lot.state else { continue };
            let deadline = connection.deadline();
            if deadline > now {
                lot.listed = Some(deadline);
                lots.deadlines.add(deadline, key);
                continue;
            }
            due.extend(lots.fetch(place));
        }
        due
    }

    /// Lets nothing be parked any more but what is to end well, and gives out the rest of what is.
    pub(in crate::engine) fn close(&self) -> Vec<Box<Connection>> {
        self.fetch_all(Admits::UnderWay)
    }

    /// Lets nothing at all be parked any more, and gives out what is.
    pub(in crate::engine) fn close_for_good(&self) -> Vec<Box<Connection>> {
        self.fetch_all(Admits::Nobody)
    }

    /// Fetches all those that may no longer be parked.
    fn fetch_all(&self, admits: Admits) -> Vec<Box<Connection>> {
        let mut lots = self.lots();
        lots.admits = admits;
        let leaves = |lot: &Lot| matches!(&lot.state, State::Parked(connection) if !lots.admits(connection));
        let places: Vec<usize> = (0..lots.lots.len()).filter(|place| leaves(&lots.lots[*place])).collect();
        places.into_iter().filter_map(|place| lots.fetch(u32::try_from(place).ok()?)).collect()
    }

    /// How many connections are parked.
    pub(in crate::engine) fn len(&self) -> usize {
        self.lots().parked
    }

    fn register(&self, connection: &Connection) -> io::Result<u64> {
        let Some(fd) = connection.stream.fd() else { return Err(io::ErrorKind::Unsupported.into()) };
        let token = self.lots().give();
        self.poller.add(fd, token).inspect_err(|_| self.lots().vacate(token))?;
        Ok(token)
    }

    /// Nothing under this lock can panic half way, so poison says nothing.
    fn lots(&self) -> MutexGuard<'_, Lots> {
        self.lots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lots {
    fn admits(&self, connection: &Connection) -> bool {
        match self.admits {
            Admits::All => true,
            Admits::UnderWay => connection.is_to_end_well(),
            Admits::Nobody => false,
        }
    }

    /// Gives a place away.
    fn give(&mut self) -> u64 {
        let place = self.free.pop().unwrap_or_else(|| {
            self.lots.push(Lot { generation: 0, state: State::Free, is_ended: false, listed: None });
            u32::try_from(self.lots.len() - 1).unwrap_or(u32::MAX)
        });
        let lot = &mut self.lots[place as usize];
        lot.generation = lot.generation.wrapping_add(1) & GENERATIONS;
        lot.state = State::Away { is_ready: false };
        lot.is_ended = false;
        u64::from(lot.generation) << 32 | u64::from(place)
    }

    /// Takes the connection off a place, which stays its own.
    fn fetch(&mut self, place: u32) -> Option<Box<Connection>> {
        let lot = self.lots.get_mut(place as usize).filter(|lot| matches!(lot.state, State::Parked(_)))?;
        let State::Parked(connection) = std::mem::replace(&mut lot.state, State::Away { is_ready: false }) else {
            return None;
        };
        self.parked -= 1;
        self.idle.remove(place);
        Some(connection)
    }

    fn vacate(&mut self, token: u64) {
        if let Some(lot) = self.current(token) {
            lot.state = State::Free;
            self.free.push(place(token));
        }
    }

    /// The lot that `token` was given for, unless it has been given away again.
    fn current(&mut self, token: u64) -> Option<&mut Lot> {
        let lot = self.lots.get_mut(index(token))?;
        (u64::from(lot.generation) == token >> 32 && !matches!(lot.state, State::Free)).then_some(lot)
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
