//! Waits for one descriptor with `poll`, for many with `epoll`.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout};
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::eventfd::{EfdFlags, EventFd};
use nix::sys::time::{TimeSpec, TimeValLike};
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};

/// The event to wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Interest {
    /// Input, or the end of the stream.
    Read,
    /// Room to write.
    Write,
}

/// Waits up to `timeout` (`None`: no limit) until `fd` is ready; returns true if `fd` is ready.
pub(crate) fn wait(fd: BorrowedFd<'_>, interest: Interest, timeout: Option<Duration>) -> io::Result<bool> {
    let flags = match interest {
        Interest::Read => PollFlags::POLLIN,
        Interest::Write => PollFlags::POLLOUT,
    };
    match nix::poll::poll(&mut [PollFd::new(fd, flags)], poll_timeout(timeout)) {
        Ok(ready) => Ok(ready > 0),
        // The caller keeps track of the time and waits again.
        Err(Errno::EINTR) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Sleeps for up to `time`. For retries of calls without a deadline and without a wake-up.
pub(crate) fn pause(time: Duration) {
    // A signal may end the sleep early; the callers count their attempts.
    let _ = nix::poll::poll(&mut [], PollTimeout::try_from(millis_up(time)).unwrap_or(PollTimeout::MAX));
}

/// Wakes a thread that waits for a descriptor, without touching that descriptor.
#[derive(Debug)]
pub(crate) struct Bell(EventFd);

impl Bell {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self(EventFd::from_flags(EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK)?))
    }

    /// Wakes every present and later [`Bell::wait`].
    pub(crate) fn ring(&self) -> io::Result<()> {
        match self.0.write(1) {
            Ok(_) | Err(Errno::EAGAIN) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Waits up to `timeout` (`None`: no limit) until `fd` may have input. Returns false once the
    /// bell has been rung.
    pub(crate) fn wait(&self, fd: BorrowedFd<'_>, timeout: Option<Duration>) -> io::Result<bool> {
        let mut both = [PollFd::new(self.0.as_fd(), PollFlags::POLLIN), PollFd::new(fd, PollFlags::POLLIN)];
        match nix::poll::poll(&mut both, poll_timeout(timeout)) {
            Ok(_) => Ok(both[0].any() != Some(true)),
            Err(Errno::EINTR) => Ok(true),
            Err(error) => Err(error.into()),
        }
    }
}

impl AsFd for Bell {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Many descriptors, each under a token, and a way to wake the waiting thread.
#[derive(Debug)]
pub(crate) struct Poller {
    epoll: Epoll,
    waker: EventFd,
}

/// The token reported by [`Poller::wait`] after a [`Poller::wake`].
pub(crate) const WAKE: u64 = u64::MAX;

impl Poller {
    pub(crate) fn new() -> io::Result<Self> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        let waker = EventFd::from_flags(EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK)?;
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
        let timeout = timeout
            .map_or(PollTimeout::NONE, |limit| PollTimeout::try_from(millis_up(limit)).unwrap_or(PollTimeout::MAX));
        let mut both =
            [PollFd::new(self.epoll.0.as_fd(), PollFlags::POLLIN), PollFd::new(alarm.timer.as_fd(), PollFlags::POLLIN)];
        match nix::poll::poll(&mut both, timeout) {
            Ok(_) => {}
            Err(Errno::EINTR) => return Ok(false),
            Err(error) => return Err(error.into()),
        }
        let [is_ready, has_gone_off] = both.map(|each| each.any().unwrap_or(true));
        if has_gone_off {
            alarm.clear();
        }
        Ok(is_ready)
    }

    /// Makes one `wait`, the present or the next, return with [`WAKE`]. Stays set until
    /// [`Poller::woken`].
    pub(crate) fn wake(&self) -> io::Result<()> {
        match self.waker.write(1) {
            Ok(_) | Err(Errno::EAGAIN) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Clears a wake-up.
    pub(crate) fn woken(&self) -> io::Result<()> {
        match self.waker.read() {
            Ok(_) | Err(Errno::EAGAIN) => Ok(()),
            Err(error) => Err(error.into()),
        }
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

fn poll_timeout(limit: Option<Duration>) -> PollTimeout {
    limit.map_or(PollTimeout::NONE, |limit| PollTimeout::try_from(millis_up(limit)).unwrap_or(PollTimeout::MAX))
}

/// Converts to whole milliseconds, rounded up: a wait must not end before its deadline and start
/// again.
fn millis_up(limit: Duration) -> i32 {
    let millis = limit.as_nanos().div_ceil(1_000_000);
    i32::try_from(millis).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn an_alarm_wakes_a_thread_that_waits_for_descriptors_or_for_nothing_else() {
        let (poller, alarm) = (Poller::new().unwrap(), Alarm::new().unwrap());
        assert!(!poller.wait_beside(&alarm, Some(Duration::ZERO)).unwrap());
        alarm.set(Duration::ZERO).unwrap();
        assert!(!poller.wait_beside(&alarm, None).unwrap(), "it went off, and no descriptor is ready");
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        poller.add(ours.as_fd(), 7).unwrap();
        theirs.write_all(b"x").unwrap();
        assert!(poller.wait_beside(&alarm, None).unwrap());
        assert_eq!(tokens(&poller, 0), [7], "an edge is still there after it was seen");
        assert!(!poller.wait_beside(&alarm, Some(Duration::ZERO)).unwrap());
        alarm.set(Duration::from_secs(3600)).unwrap();
        alarm.set(Duration::from_millis(1)).unwrap();
        assert!(alarm.wait(None).unwrap());
        assert!(!poller.wait_beside(&alarm, Some(Duration::ZERO)).unwrap());
    }

    #[test]
    fn writable_events_come_only_while_requested() {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let poller = Poller::new().unwrap();
        let mut batch = Batch::new(4);
        poller.add(ours.as_fd(), 7).unwrap();
        let mut found = |millis| poller.wait(&mut batch, 4, Some(Duration::from_millis(millis))).unwrap();
        assert_eq!(found(0), 0, "there is room, but nobody has asked");
        poller.change(ours.as_fd(), 7, Interest::Write).unwrap();
        assert_eq!((found(5000), found(0)), (1, 0), "once, for there was no change");
        poller.change(ours.as_fd(), 7, Interest::Read).unwrap();
        assert_eq!(found(0), 0);
        theirs.write_all(b"x").unwrap();
        assert_eq!(found(5000), 1);
    }

    fn tokens(poller: &Poller, timeout: u64) -> Vec<u64> {
        let mut batch = Batch::new(8);
        poller.wait(&mut batch, 8, Some(Duration::from_millis(timeout))).unwrap();
        batch.tokens().map(|(token, _)| token).collect()
    }

    #[test]
    fn each_arrival_is_reported_once() {
        let poller = Poller::new().unwrap();
        let (mut near, far) = UnixStream::pair().unwrap();
        near.write_all(b"before").unwrap();
        poller.add(far.as_fd(), 7).unwrap();
        assert_eq!(tokens(&poller, 1000), [7]);
        assert_eq!(tokens(&poller, 0), [0; 0]);
        near.write_all(b"more, though nothing was read").unwrap();
        assert_eq!(tokens(&poller, 1000), [7]);
        poller.remove(far.as_fd()).unwrap();
        near.write_all(b"unwatched").unwrap();
        assert_eq!(tokens(&poller, 0), [0; 0]);
    }

    #[test]
    fn end_of_input_is_reported_with_the_bytes_before() {
        let poller = Poller::new().unwrap();
        let (mut near, far) = UnixStream::pair().unwrap();
        poller.add(far.as_fd(), 7).unwrap();
        near.write_all(b"last words").unwrap();
        near.shutdown(std::net::Shutdown::Write).unwrap();
        let mut batch = Batch::new(8);
        poller.wait(&mut batch, 8, Some(Duration::from_secs(1))).unwrap();
        assert_eq!(batch.tokens().collect::<Vec<_>>(), [(7, true)]);
    }

    #[test]
    fn wake_up_lasts_until_cleared() {
        let poller = Poller::new().unwrap();
        poller.wake().unwrap();
        poller.wake().unwrap();
        assert_eq!(tokens(&poller, 1000), [WAKE]);
        assert_eq!(tokens(&poller, 1000), [WAKE]);
        poller.woken().unwrap();
        assert_eq!(tokens(&poller, 0), [0; 0]);
    }

    #[test]
    fn rung_bell_ends_every_wait() {
        let (mut near, far) = UnixStream::pair().unwrap();
        let bell = Bell::new().unwrap();
        near.write_all(b"x").unwrap();
        let moment = Some(Duration::from_millis(1));
        assert!(bell.wait(far.as_fd(), None).unwrap() && bell.wait(near.as_fd(), moment).unwrap());
        bell.ring().unwrap();
        bell.ring().unwrap();
        assert!(!bell.wait(far.as_fd(), moment).unwrap() && !bell.wait(near.as_fd(), None).unwrap());
    }

    #[test]
    fn one_descriptor_can_be_waited_for() {
        let (mut near, far) = UnixStream::pair().unwrap();
        assert!(!wait(far.as_fd(), Interest::Read, Some(Duration::ZERO)).unwrap());
        assert!(wait(far.as_fd(), Interest::Write, Some(Duration::ZERO)).unwrap());
        near.write_all(b"x").unwrap();
        assert!(wait(far.as_fd(), Interest::Read, None).unwrap());
    }

    #[test]
    fn a_part_of_a_millisecond_is_waited_for_whole() {
        assert_eq!(millis_up(Duration::from_nanos(1)), 1);
        assert_eq!(millis_up(Duration::ZERO), 0);
        assert_eq!(millis_up(Duration::MAX), i32::MAX);
    }
}
