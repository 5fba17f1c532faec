use std::sync::Weak;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use http::HeaderMap;

use super::*;
use crate::message::Body;
use crate::message::channel::{Overflow, SendError, Sender};
use crate::message::wake::Wake;

/// The senders' and the receiver's side of a stream of `capacity` bytes.
fn channel(capacity: usize) -> (Sender, Receiver) {
    let (sender, body) = Body::channel(capacity);
    let Ok((receiver, _)) = body.into_channel() else { panic!("a channel was made") };
    (sender, receiver)
}

/// The rest of the content, and the end: `.` complete, `!` failed, nothing: more may come.
fn rest(receiver: &Receiver) -> String {
    let mut text = String::new();
    loop {
        match receiver.receive(3) {
            Delivery::Content(content) => text.push_str(std::str::from_utf8(&content).unwrap()),
            Delivery::Nothing => return text,
            Delivery::End(End::Complete(_)) => return text + ".",
            Delivery::End(End::Failed(reason)) => return text + "!" + &reason,
        }
    }
}

/// A budget that counts, up to a bound.
struct Counted(AtomicUsize, usize);

impl ContentBudget for Counted {
    fn is_full(&self) -> bool {
        self.0.load(Ordering::SeqCst) >= self.1
    }

    fn add(&self, bytes: usize) {
        self.0.fetch_add(bytes, Ordering::SeqCst);
    }

    fn release(&self, bytes: usize) {
        self.0.fetch_sub(bytes, Ordering::SeqCst);
    }
}

#[test]
fn oldest_pieces_make_room_but_not_one_that_is_partly_sent() {
    let (sender, receiver) = channel(8);
    for piece in ["1111", "2222"] {
        sender.try_send(piece).unwrap();
    }
    assert_eq!(sender.try_send("3"), Err(SendError::Full));
    assert_eq!(sender.try_send("123456789"), Err(SendError::TooLarge(8)));
    assert!(matches!(receiver.receive(3), Delivery::Content(content) if content == "111"));
    assert_eq!(sender.send_or("33333", Overflow::DropOldest), Ok(1));
    assert_eq!(sender.send_or("44444444", Overflow::DropOldest), Err(SendError::Full), "a byte of the first is left");
    assert_eq!(rest(&receiver), "133333", "no piece is dropped for content that is not accepted");
    assert_eq!(sender.send_or("44444444", Overflow::DropOldest), Ok(0));
    assert_eq!(sender.try_send(""), Ok(()), "empty content is no content");
    assert_eq!(rest(&receiver), "44444444");
}

#[test]
fn each_end_comes_after_the_accepted_content_and_once() {
    check_end(drop, "all.");
    check_end(|sender| sender.finish(), "all.");
    check_end(|sender| sender.finish_with(HeaderMap::new()), "all.");
    check_end(|sender| sender.fail("reason"), "all!reason");
    let overflow = |sender: Sender| assert!(sender.send_or("too much", Overflow::Disconnect).is_err());
    check_end(overflow, "!the client reads too slowly");
}

fn check_end(end: fn(Sender), expected: &str) {
    let (sender, receiver) = channel(8);
    drop(sender.clone());
    sender.try_send("all").unwrap();
    end(sender);
    assert_eq!(rest(&receiver), expected);
    assert_eq!(rest(&receiver), "");
}

#[test]
fn content_counts_from_its_acceptance_until_it_is_taken_or_dropped() {
    let (sender, receiver) = channel(100);
    let budget = Arc::new(Counted(AtomicUsize::new(0), 1000));
    let held = || budget.0.load(Ordering::SeqCst);
    sender.try_send("before").unwrap();
    receiver.attach(&Arc::default(), Arc::clone(&budget) as Arc<_>);
    assert_eq!(held(), OVERHEAD + 6);
    sender.send_shared(Bytes::from_static(b"counted elsewhere"), Overflow::DropOldest).unwrap();
    assert_eq!(held(), 2 * OVERHEAD + 6);
    assert!(matches!(receiver.receive(2), Delivery::Content(_)));
    assert_eq!(held(), 2 * OVERHEAD + 6, "the rest keeps the whole allocation");
    assert!(matches!(receiver.receive(10), Delivery::Content(_)));
    assert_eq!(held(), OVERHEAD);
    sender.try_send("left behind").unwrap();
    drop(receiver);
    assert_eq!(held(), 0);
    assert_eq!(sender.try_send("late"), Err(SendError::Closed));
    assert_eq!(held(), 0);
}

#[test]
fn full_budget_refuses_content_for_which_the_stream_has_room() {
    let (sender, receiver) = channel(100);
    receiver.attach(&Arc::default(), Arc::new(Counted(AtomicUsize::new(5), 5)));
    assert_eq!(sender.try_send("more"), Err(SendError::Full));
    assert_eq!(sender.send_or("more", Overflow::DropOldest), Err(SendError::Full));
}

#[test]
fn full_budget_is_shared_fairly_by_streams_that_drop_their_oldest() {
    let (sender, receiver) = channel(100);
    let budget = Arc::new(Counted(AtomicUsize::new(0), 2 * (OVERHEAD + 4)));
    receiver.attach(&Arc::default(), Arc::clone(&budget) as Arc<_>);
    ["1111", "2222"].iter().for_each(|piece| sender.try_send(*piece).unwrap());
    assert_eq!(sender.try_send("3333"), Err(SendError::Full));
    assert_eq!(sender.send_or("3333", Overflow::DropOldest), Ok(1));
    assert_eq!(sender.send_or("333333333333", Overflow::DropOldest), Ok(2), "as much is freed as is needed");
    sender.try_send("4444").unwrap();
    let too_much = "5".repeat(OVERHEAD + 20);
    assert_eq!(sender.send_or(too_much, Overflow::DropOldest), Err(SendError::Full));
    assert_eq!(rest(&receiver), "3333333333334444");
    assert_eq!(budget.0.load(Ordering::SeqCst), 0);
}

#[test]
fn content_is_refused_as_soon_as_the_end_is_taken() {
    let (sender, receiver) = channel(8);
    sender.finish();
    assert_eq!(rest(&receiver), ".");
    assert_eq!(sender.try_send("lost"), Err(SendError::Closed));
    assert!(sender.is_closed());
    let (sender, receiver) = channel(8);
    let shutdown = Arc::new(Shutdown::default());
    receiver.attach(&shutdown, Arc::new(Counted(AtomicUsize::new(0), 100)));
    sender.end_at_stop();
    shutdown.announce();
    assert_eq!(rest(&receiver), ".");
    assert_eq!(sender.try_send("lost"), Err(SendError::Closed));
}

#[test]
fn stream_told_to_end_at_a_stop_under_way_is_woken() {
    /// Counts wake-ups.
    #[derive(Debug, Default)]
    struct Wakes(AtomicUsize);
    impl Wake for Wakes {
        fn wake(&self, _: u64) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
    let (sender, receiver) = channel(8);
    let shutdown = Arc::new(Shutdown::default());
    receiver.attach(&shutdown, Arc::new(Counted(AtomicUsize::new(0), 100)));
    shutdown.announce();
    let wakes = Arc::new(Wakes::default());
    let server: Weak<dyn Wake> = Arc::downgrade(&(Arc::clone(&wakes) as Arc<dyn Wake>));
    assert!(receiver.arm(Waker { server, token: 0 }));
    sender.end_at_stop();
    assert_eq!(wakes.0.load(Ordering::SeqCst), 1);
    assert_eq!(rest(&receiver), ".");
}

#[test]
fn heartbeat_set_while_the_connection_is_about_to_wait_is_noticed() {
    let (sender, receiver) = channel(8);
    let server: Weak<dyn Wake> = Weak::<Unheard>::new();
    let arm = || receiver.arm(Waker { server: Weak::clone(&server), token: 0 });
    assert!(matches!(receiver.receive(8), Delivery::Nothing));
    assert!(receiver.heartbeat().is_none());
    sender.heartbeat(Duration::from_secs(1), "beat");
    assert!(!arm(), "the connection would wait without a heartbeat");
    assert!(matches!(receiver.receive(8), Delivery::Nothing));
    assert!(arm());
}

/// A server that is never woken.
#[derive(Debug)]
struct Unheard;

impl Wake for Unheard {
    fn wake(&self, _: u64) {}
}

#[test]
fn owner_of_dropped_content_may_use_the_stream() {
    /// Uses the stream when dropped, as a handler's own buffer might.
    struct Curious(Sender);
    impl Drop for Curious {
        fn drop(&mut self) {
            assert!(!format!("{:?}", self.0).is_empty());
        }
    }
    impl AsRef<[u8]> for Curious {
        fn as_ref(&self) -> &[u8] {
            b"12345678"
        }
    }
    let (sender, receiver) = channel(8);
    let owned = || Bytes::from_owner(Curious(sender.clone()));
    sender.try_send(owned()).unwrap();
    assert_eq!(sender.send_or(owned(), Overflow::DropOldest), Ok(1));
    assert_eq!(sender.send_or(owned(), Overflow::Disconnect), Err(SendError::Closed));
    drop(receiver);
}

#[test]
fn gathered_stream_that_ends_at_a_stop_has_the_content_so_far() {
    let (sender, body) = Body::channel(100);
    sender.end_at_stop();
    sender.try_send("so far").unwrap();
    assert_eq!(body.into_string().unwrap(), "so far");
    let (sender, body) = Body::channel(100);
    let later = thread::spawn(move || sender.send("later", Duration::from_secs(60)));
    assert_eq!(body.into_string().unwrap(), "later");
    later.join().unwrap().unwrap();
}

#[test]
fn content_after_a_delivered_end_is_refused_and_not_lost() {
    let (sender, receiver) = channel(8);
    sender.finish();
    assert_eq!(rest(&receiver), ".");
    assert_eq!(sender.try_send("lost"), Err(SendError::Closed));
    let (sender, receiver) = channel(8);
    let shutdown: Arc<Shutdown> = Arc::default();
    receiver.attach(&shutdown, Arc::new(Counted(AtomicUsize::new(0), 5)));
    sender.end_at_stop();
    shutdown.tell();
    assert_eq!(rest(&receiver), ".");
    assert_eq!(sender.try_send("lost"), Err(SendError::Closed));
}

#[test]
fn setting_changed_after_the_last_look_is_seen_before_a_wait() {
    let changes: [fn(&Sender); 2] =
        [|sender| sender.heartbeat(Duration::from_secs(1), ":\n"), |sender| sender.end_at_stop()];
    for change in changes {
        let (sender, receiver) = channel(8);
        let waker = || Waker { server: Weak::<Nobody>::new(), token: 0 };
        assert_eq!(rest(&receiver), "");
        change(&sender);
        assert!(!receiver.arm(waker()), "the change has come already");
        assert_eq!(rest(&receiver), "");
        assert!(receiver.arm(waker()));
    }
}

/// A server that is gone.
#[derive(Debug)]
struct Nobody;

impl Wake for Nobody {
    fn wake(&self, _token: u64) {}
}

#[test]
fn content_sent_just_before_a_stop_comes_before_the_end() {
    let (sender, receiver) = channel(8);
    sender.end_at_stop();
    let stops = || sender.try_send("last").is_ok();
    assert!(matches!(receiver.receive_or_wait(8, &stops), Delivery::Content(content) if content == "last"));
}

#[test]
fn shared_content_is_refused_to_no_client_that_keeps_up() {
    let (sender, receiver) = channel(100);
    receiver.attach(&Arc::default(), Arc::new(Counted(AtomicUsize::new(5), 5)));
    let share = || sender.send_shared(Bytes::from_static(b"shared"), Overflow::Disconnect);
    assert_eq!(share(), Ok(0));
    assert_eq!(rest(&receiver), "shared");
    assert_eq!(share(), Ok(0));
    assert_eq!(share(), Err(SendError::Closed), "this client does not keep up");
}

#[test]
fn shared_content_counts_once_its_stream_is_closed() {
    let (sender, receiver) = channel(100);
    let budget = Arc::new(Counted(AtomicUsize::new(0), 1000));
    let held = || budget.0.load(Ordering::SeqCst);
    receiver.attach(&Arc::default(), Arc::clone(&budget) as Arc<_>);
    sender.send_shared(Bytes::from_static(b"shared"), Overflow::Disconnect).unwrap();
    sender.try_send("own").unwrap();
    assert_eq!(held(), 2 * OVERHEAD + 3);
    receiver.close();
    receiver.close();
    assert_eq!(held(), 2 * OVERHEAD + 9);
    assert_eq!(rest(&receiver), "sharedown");
    assert_eq!(held(), 0);
}
