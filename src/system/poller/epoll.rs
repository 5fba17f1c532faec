//! Waits for many descriptors with `epoll`; timers with `timerfd`.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::time::{TimeSpec, TimeValLike};
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};

use crate::system::poll::{Interest, millis_up, wait, wait_for_either};
use crate::system::waker::{PollWaker, WAKE};

/// Many descriptors, each under a token, and a way to wake the waiting thread.
#[derive(Debug)]
pub(crate) struct Poller {
    epoll: Epoll,
    waker: PollWaker,
}

impl Poller {
    pub(crate) fn new() -> io::Result<Self> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        let waker = PollWaker::new()?;
        epoll.add(&waker, EpollEvent::new(EpollFlags::EPOLLIN, WAKE))?;
        Ok(Self { epoll, waker })
    }

    /// Registers `fd`: `token` is reported for new input or the end of the stream. Edge-triggered:
    /// once for each arrival, and immediately if there is input already.
    pub(crate) fn add(&self, fd: BorrowedFd<'_>, token: u64) -> io::Result<()> {
        Ok(self.epoll.add(fd, EpollEvent::new(ARRIVALS, token))?)
    }

    /// Registers `fd` for room to write as well (`Write`), or for input only (`Read`). Reports
    /// `token` immediately if `fd` is ready already.
    pub(crate) fn change(&self, fd: BorrowedFd<'_>, token: u64, interest: Interest) -> io::Result<()> {
        let edges = match interest {
            Interest::Read => ARRIVALS,
            Interest::Write => ARRIVALS | EpollFlags::EPOLLOUT,
        };
        Ok(self.epoll.modify(fd, &mut EpollEvent::new(edges, token))?)
    }

    /// Deregisters `fd`.
    pub(crate) fn remove(&self, fd: BorrowedFd<'_>) -> io::Result<()> {
        Ok(self.epoll.delete(fd)?)
    }

    /// Waits up to `timeout` (`None`: no limit) for ready descriptors, and stores their tokens in
    /// `batch`. Returns the number of tokens: at most `most`.
    pub(crate) fn wait(&self, batch: &mut Batch, most: usize, timeout: Option<Duration>) -> io::Result<usize> {
        let timeout = timeout
            .map_or(EpollTimeout::NONE, |limit| EpollTimeout::try_from(millis_up(limit)).unwrap_or(EpollTimeout::MAX));
        let most = most.clamp(1, batch.events.len());
        batch.found = match self.epoll.wait(&mut batch.events[..most], timeout) {
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
        let Some([is_ready, has_gone_off]) = wait_for_either([self.epoll.0.as_fd(), alarm.timer.as_fd()], timeout)?
        else {
            return Ok(false);
        };
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
    timer: TimerFd,
}

impl Alarm {
    /// Creates an alarm that is not set.
    pub(crate) fn new() -> io::Result<Self> {
        let flags = TimerFlags::TFD_CLOEXEC | TimerFlags::TFD_NONBLOCK;
        Ok(Self { timer: TimerFd::new(ClockId::CLOCK_MONOTONIC, flags)? })
    }

    /// Sets the alarm to expire after `time`, replacing any earlier setting; zero expires
    /// immediately.
    pub(crate) fn set(&self, time: Duration) -> io::Result<()> {
        let nanos = i64::try_from(time.as_nanos()).unwrap_or(i64::MAX).max(1);
        let after = Expiration::OneShot(TimeSpec::nanoseconds(nanos));
        Ok(self.timer.set(after, TimerSetTimeFlags::empty())?)
    }

    /// Cancels the alarm.
    pub(crate) fn unset(&self) -> io::Result<()> {
        Ok(self.timer.unset()?)
    }

    /// Waits up to `timeout` (`None`: no limit) for the alarm. Returns true if the alarm has
    /// expired.
    pub(crate) fn wait(&self, timeout: Option<Duration>) -> io::Result<bool> {
        let has_gone_off = wait(self.timer.as_fd(), Interest::Read, timeout)?;
        if has_gone_off {
            self.clear();
        }
        Ok(has_gone_off)
    }

    /// Clears the expiration.
    fn clear(&self) {
        // There is nothing to read if the alarm was set anew meanwhile.
        let _ = nix::unistd::read(self.timer.as_fd(), &mut [0; 8]);
    }
}

/// The buffer for the events of one [`Poller::wait`].
#[derive(Debug, Default)]
pub(crate) struct Batch {
    events: Vec<EpollEvent>,
    /// The number of `events` filled by the last wait.
    found: usize,
}

impl Batch {
    pub(crate) fn new(most: usize) -> Self {
        Self { events: vec![EpollEvent::empty(); most.max(1)], found: 0 }
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
        let last = EpollFlags::EPOLLRDHUP | EpollFlags::EPOLLHUP | EpollFlags::EPOLLERR;
        self.events[..self.found].iter().map(move |event| (event.data(), event.events().intersects(last)))
    }
}

/// The events registered for every descriptor.
const ARRIVALS: EpollFlags = EpollFlags::EPOLLIN.union(EpollFlags::EPOLLRDHUP).union(EpollFlags::EPOLLET);
/// The name of the poller, for errors.
pub(crate) const NAME: &str = "epoll";
