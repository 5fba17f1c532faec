//! The poller and its alarm, the same for every system.

use std::io::Write;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use super::{Alarm, Batch, Poller};
use crate::system::poll::Interest;
use crate::system::waker::WAKE;

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
