use std::thread;

use super::*;
use crate::message::Body;
use crate::stream::Overflow;

fn send(broadcast: &Broadcast, count: usize) {
    (0..count).for_each(|_| assert!(broadcast.send("x").is_ok()));
}

/// The content of a stream that ends with `broadcast`, with the ids as numbers: `#7`.
fn rest(broadcast: Broadcast, response: Response) -> String {
    let id = broadcast.latest_id();
    let (origin, _) = id.split_once('-').unwrap();
    drop(broadcast);
    response.into_body().into_string().unwrap().replace(&format!("id: {origin}-"), "#")
}

fn id_of(broadcast: &Broadcast, number: u64) -> String {
    let id = broadcast.latest_id();
    format!("{}-{number}", id.split_once('-').unwrap().0)
}

#[test]
fn subscriber_gets_the_events_from_its_beginning_on() {
    let broadcast = Broadcast::new();
    assert_eq!(broadcast.send("early"), Ok(1));
    let response = broadcast.subscribe(&Request::default());
    assert_eq!(broadcast.send(Event::new("one").id("own").named("x")), Ok(2));
    assert_eq!(broadcast.send("two"), Ok(3));
    assert_eq!(rest(broadcast, response), "#1\n\ndata: one\nevent: x\n#2\n\ndata: two\n#3\n\n");
}

#[test]
fn client_that_comes_back_gets_what_it_has_missed_and_is_told_of_a_gap() {
    for (last, expected) in [
        (5, ""),
        (4, "data: 5\n#5\n\n"),
        (2, "data: 3\n#3\n\ndata: 4\n#4\n\ndata: 5\n#5\n\n"),
        (1, "data: 1\nevent: lost\n#2\n\ndata: 3\n#3\n\ndata: 4\n#4\n\ndata: 5\n#5\n\n"),
        (6, "data: unknown\nevent: lost\n#2\n\ndata: 3\n#3\n\ndata: 4\n#4\n\ndata: 5\n#5\n\n"),
    ] {
        let broadcast = Broadcast::new().history(3, 1000).gap("lost");
        (1..=5).for_each(|number| assert_eq!(broadcast.send(number.to_string()), Ok(number)));
        let mut request = Request::default();
        request.headers_mut().insert("last-event-id", id_of(&broadcast, last).parse().unwrap());
        let response = broadcast.subscribe(&request);
        assert_eq!(broadcast.send("live"), Ok(6));
        assert_eq!(rest(broadcast, response), format!("{expected}data: live\n#6\n\n"), "after {last}");
    }
}

#[test]
fn missed_events_fit_whatever_the_capacity() {
    let broadcast = Broadcast::new().events(Events::new().capacity(100));
    (1..=50).for_each(|number| assert_eq!(broadcast.send("x".repeat(50)), Ok(number)));
    let id = id_of(&broadcast, 0);
    let response = broadcast.subscribe_after(Some(&id));
    assert_eq!(broadcast.send("x".repeat(200)), Err(SendError::TooLarge(100)));
    assert_eq!(broadcast.send("live"), Ok(51));
    let text = rest(broadcast, response);
    assert!(text.matches("data: ").count() == 51 && text.ends_with("data: live\n#51\n\n"), "{text}");
}

#[test]
fn slow_subscriber_is_dropped_and_the_others_are_not() {
    let broadcast = Broadcast::new().events(Events::new().capacity(100));
    let slow = broadcast.subscribe_after(None);
    send(&broadcast, 3);
    let quick = broadcast.subscribe_after(None);
    assert_eq!(broadcast.subscribers(), 2);
    assert_eq!(broadcast.send("y"), Ok(4));
    assert_eq!(broadcast.subscribers(), 1);
    assert_eq!(rest(broadcast, quick), "#3\n\ndata: y\n#4\n\n");
    assert!(slow.into_body().into_string().is_err(), "the stream must not look complete");
    let broadcast = Broadcast::new().events(Events::new().capacity(100).overflow(Overflow::DropOldest));
    let slow = broadcast.subscribe_after(None);
    send(&broadcast, 9);
    let text = rest(broadcast, slow);
    assert!(text.starts_with("data: x\n") && text.ends_with("#9\n\n"), "{text}");
}

#[test]
fn subscribers_that_leave_make_room_for_others() {
    let broadcast = Broadcast::new().max_subscribers(2);
    let [first, second] = [(); 2].map(|()| broadcast.subscribe_after(None));
    let refused = broadcast.subscribe_after(None);
    assert_eq!((refused.status().as_u16(), &refused.headers()[RETRY_AFTER]), (503, &"10".parse().unwrap()));
    assert_eq!(broadcast.subscribers(), 2);
    drop(first);
    assert_eq!(broadcast.subscribers(), 1);
    let third = broadcast.subscribe_after(None);
    assert_eq!(third.status(), 200);
    drop((second, third));
    assert_eq!(broadcast.send("nobody listens"), Ok(1));
    assert_eq!(broadcast.subscribers(), 0);
}

#[test]
fn many_that_leave_cost_no_memory_once_the_broadcast_is_used() {
    let broadcast = Broadcast::new();
    for _ in 0..1000 {
        drop(broadcast.subscribe_after(None));
        assert!(broadcast.0.left.lock().len() <= 1 && broadcast.0.state.lock().subscribers.len() <= 1);
    }
}

#[test]
fn event_is_formatted_once_for_all() {
    let broadcast = Broadcast::new();
    let responses = [(); 2].map(|()| broadcast.subscribe_after(None));
    broadcast.send("shared").unwrap();
    let beginning = id_of(&broadcast, 0);
    let kept = broadcast.lock().history.after(&beginning).events().next().unwrap().as_ptr();
    let at = |response: Response| {
        let Ok((receiver, _)) = response.into_body().into_channel() else { panic!("a channel") };
        let _id = receiver.receive(1000);
        match receiver.receive(1000) {
            crate::message::mailbox::Delivery::Content(content) => content.as_ptr(),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(responses.map(at), [kept; 2]);
}

#[test]
fn event_that_is_too_large_for_an_earlier_subscriber_ends_its_stream() {
    let broadcast = Broadcast::new().events(Events::new().capacity(100));
    let id = broadcast.latest_id();
    let earlier = broadcast.subscribe_after(Some(&id));
    let broadcast = broadcast.clone().events(Events::new().capacity(1000));
    broadcast.send("x".repeat(500)).unwrap();
    broadcast.send("later").unwrap();
    assert!(earlier.into_body().into_string().is_err(), "no event is missing between others");
    let again = broadcast.subscribe_after(Some(&id));
    drop(broadcast);
    let text = again.into_body().into_string().unwrap();
    assert!(text.contains(&"x".repeat(500)) && text.contains("later"), "{text}");
}

#[test]
fn subscribers_at_any_moment_get_each_event_once_and_in_order() {
    const SENDERS: usize = 3;
    const EACH: usize = 300;
    const LAST: u64 = (SENDERS * EACH) as u64;
    let broadcast = Broadcast::new().events(Events::new().capacity(1 << 20));
    let bodies: Vec<(u64, Body)> = thread::scope(|scope| {
        for _ in 0..SENDERS {
            scope.spawn(|| send(&broadcast, EACH));
        }
        let subscribing: Vec<_> = (0..3)
            .map(|_| {
                scope.spawn(|| {
                    let mut bodies = Vec::new();
                    while broadcast.lock().history.next().0 <= LAST {
                        let id = broadcast.latest_id();
                        let last = id.split_once('-').unwrap().1.parse().unwrap();
                        bodies.push((last, broadcast.subscribe_after(Some(&id)).into_body()));
                        thread::yield_now();
                        if bodies.len() % 4 == 0 {
                            bodies.remove(0);
                        }
                    }
                    bodies
                })
            })
            .collect();
        subscribing.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    drop(broadcast);
    for (last, body) in bodies {
        let text = body.into_string().unwrap();
        let numbers = text.lines().filter_map(|line| line.strip_prefix("id: ")?.split_once('-')?.1.parse::<u64>().ok());
        assert!(numbers.eq(last + 1..=LAST), "after {last}");
    }
}
