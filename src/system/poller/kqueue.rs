//! Waits for many descriptors with `kqueue`; timers with another `kqueue`.
//!
//! A child process does not inherit the descriptor of a `kqueue`.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::event::{EvFlags, EventFilter, FilterFlag, KEvent, Kqueue};
use nix::sys::time::TimeSpec;

use crate::system::poll::{Interest, millis_up, wait, wait_for_either};
use crate::system::waker::{PollWaker, WAKE};

#[cfg(not(target_pointer_width = "64"))]
compile_error!("a token of 64 bits does not fit into an event of this system");

/// Many descriptors, each under a token, and a way to wake the waiting thread.
#[derive(Debug)]
pub(crate) struct Poller {
    queue: Kqueue,
    waker: PollWaker,
}

impl Poller {
    pub(crate) fn new() -> io::Result<Self> {
        let queue = Kqueue::new()?;
        let waker = PollWaker::new()?;
        // Level-triggered, unlike the descriptors of callers.
        register(&queue, &event(waker.as_fd(), EventFilter::EVFILT_READ, EvFlags::EV_ADD, WAKE))?;
        Ok(Self { queue, waker })
    }

    /// Registers `fd`: `token` is reported for new input or the end of the stream. Edge-triggered:
    /// once for each arrival, and immediately if there is input already.
    pub(crate) fn add(&self, fd: BorrowedFd<'_>, token: u64) -> io::Result<()> {
        register(&self.queue, &event(fd, EventFilter::EVFILT_READ, EDGES, token))
    }

    /// Registers `fd` for room to write as well (`Write`), or for input only (`Read`). Reports
    /// `token` immediately if `fd` is ready already.
    pub(crate) fn change(&self, fd: BorrowedFd<'_>, token: u64, interest: Interest) -> io::Result<()> {
        // A filter that is added again looks again.
        self.add(fd, token)?;
        match interest {
            Interest::Read => self.remove_filter(fd, EventFilter::EVFILT_WRITE),
            Interest::Write => register(&self.queue, &event(fd, EventFilter::EVFILT_WRITE, EDGES, token)),
        }
    }

    /// Deregisters `fd`.
    pub(crate) fn remove(&self, fd: BorrowedFd<'_>) -> io::Result<()> {
        self.remove_filter(fd, EventFilter::EVFILT_WRITE)?;
        self.remove_filter(fd, EventFilter::EVFILT_READ)
    }

    /// Deregisters `fd` from one filter, if registered.
    fn remove_filter(&self, fd: BorrowedFd<'_>, filter: EventFilter) -> io::Result<()> {
        match register(&self.queue, &event(fd, filter, EvFlags::EV_DELETE, 0)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            done => done,
        }
    }

    /// Waits up to `timeout` (`None`: no limit) for ready descriptors, and stores their tokens in
    /// `batch`. Returns the number of events: at most `most`. A descriptor with input and room has
    /// two.
    pub(crate) fn wait(&self, batch: &mut Batch, most: usize, timeout: Option<Duration>) -> io::Result<usize> {
        let timeout = timeout.map(|limit| *TimeSpec::from_duration(bounded(limit)).as_ref());
        let most = most.clamp(1, batch.events.len());
        batch.found = match self.queue.kevent(&[], &mut batch.events[..most], timeout) {
            Ok(found) => found,
            Err(Errno::EINTR) => 0,
            Err(error) => return Err(error.into()),
        };
        Ok(batch.found)
    }

    /// Waits up to `timeout` (`None`: no limit) until a descriptor is ready or `alarm` has expired.
    /// Returns true if a descriptor is ready: a [`wait`](Self::wait) with a zero timeout then finds
    /// that descriptor.
    pub(crate) fn wait_beside(&self, alarm: &Alarm, timeout: Option<Duration>) -> io::Result<bool> {
        let both = [self.queue.as_fd(), alarm.queue.as_fd()];
        let Some([is_ready, has_gone_off]) = wait_for_either(both, timeout)? else { return Ok(false) };
        if has_gone_off {
            alarm.clear();
        }
        Ok(is_ready)
    }

    /// Makes one `wait`, the present or the next, return with [`WAKE`]. Stays set until
    /// [`Poller::woken`].
    pub(crate) fn wake(&self) -> io::Result<()> {
        self.waker.wake()
    }

    /// Clears a wake-up.
    pub(crate) fn woken(&self) -> io::Result<()> {
        self.waker.clear()
    }
}

/// A timer set by any thread and awaited by one: wakes a thread later without waking that thread
/// now.
#[derive(Debug)]
pub(crate) struct Alarm {
    queue: Kqueue,
}

impl Alarm {
    /// Creates an alarm that is not set.
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self { queue: Kqueue::new()? })
    }

    /// Sets the alarm to expire after `time`, replacing any earlier setting; zero expires
    /// immediately.
    pub(crate) fn set(&self, time: Duration) -> io::Result<()> {
        // An expiration that was not fetched must not stay.
        self.unset()?;
        let nanos = isize::try_from(bounded(time).as_nanos()).unwrap_or(isize::MAX).max(1);
        register(&self.queue, &timer(EvFlags::EV_ADD | EvFlags::EV_ONESHOT, nanos))
    }

    /// Cancels the alarm.
    pub(crate) fn unset(&self) -> io::Result<()> {
        match register(&self.queue, &timer(EvFlags::EV_DELETE, 0)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            done => done,
        }
    }

    /// Waits up to `timeout` (`None`: no limit) for the alarm. Returns true if the alarm has
    /// expired.
    pub(crate) fn wait(&self, timeout: Option<Duration>) -> io::Result<bool> {
        let has_gone_off = wait(self.queue.as_fd(), Interest::Read, timeout)?;
        if has_gone_off {
            self.clear();
        }
        Ok(has_gone_off)
    }

    /// Clears the expiration.
    fn clear(&self) {
        let now = *TimeSpec::from_duration(Duration::ZERO).as_ref();
        // There is nothing to fetch if the alarm was set anew meanwhile.
        let _ = self.queue.kevent(&[], &mut [timer(EvFlags::empty(), 0)], Some(now));
    }
}

/// The buffer for the events of one [`Poller::wait`].
#[derive(Debug, Default)]
pub(crate) struct Batch {
    events: Vec<KEvent>,
    /// The number of `events` filled by the last wait.
    found: usize,
}

impl Batch {
    pub(crate) fn new(most: usize) -> Self {
        Self { events: vec![timer(EvFlags::empty(), 0); most.max(1)], found: 0 }
    }

    /// Discards the events of the last wait.
    pub(crate) fn clear(&mut self) {
        self.found = 0;
    }

    /// The number of events of the last wait.
    pub(crate) fn len(&self) -> usize {
        self.found
    }

    /// The tokens found, each with true if its peer has closed or is lost: nothing more is reported
    /// for such a descriptor.
    pub(crate) fn tokens(&self) -> impl Iterator<Item = (u64, bool)> + '_ {
        self.events[..self.found].iter().map(|event| {
            // The end of the write direction may be of our own making.
            let is_input = matches!(event.filter(), Ok(EventFilter::EVFILT_READ));
            (u64::from_ne_bytes(event.udata().to_ne_bytes()), is_input && event.flags().contains(EvFlags::EV_EOF))
        })
    }
}

/// Registers, changes or removes one event, and fetches none.
fn register(queue: &Kqueue, change: &KEvent) -> io::Result<()> {
    queue.kevent(&[*change], &mut [], None)?;
    Ok(())
}

fn event(fd: BorrowedFd<'_>, filter: EventFilter, flags: EvFlags, token: u64) -> KEvent {
    // No descriptor is negative.
    let number = usize::try_from(fd.as_raw_fd()).unwrap_or(usize::MAX);
    KEvent::new(number, filter, flags, FilterFlag::empty(), 0, isize::from_ne_bytes(token.to_ne_bytes()))
}

fn timer(flags: EvFlags, nanos: isize) -> KEvent {
    KEvent::new(0, EventFilter::EVFILT_TIMER, flags, FilterFlag::NOTE_NSECONDS, nanos, 0)
}

/// Bounds a time to 24 days: systems refuse times that are too long.
fn bounded(time: Duration) -> Duration {
    time.min(Duration::from_millis(u64::from(millis_up(time).unsigned_abs())))
}

/// One event for each change, until fetched.
const EDGES: EvFlags = EvFlags::EV_ADD.union(EvFlags::EV_CLEAR);
/// The name of the poller, for errors.
pub(crate) const NAME: &str = "kqueue";
