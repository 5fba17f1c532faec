//! Slots are assigned, watched, released and reassigned.

mod interleavings;
mod session_interleavings;
mod streams;

use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

use super::*;
use crate::config::Config;
use crate::engine::service::context::{Service, WorkerContext};
use crate::message::Request;
use crate::net::stream::Stream;
use crate::settings::Settings;
use crate::sync::count_locks;

/// Creates a connection with a deadline `patience` away, and its client.
fn connection(patience: Duration) -> (Box<ClientConnection>, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    client.set_nodelay(true).unwrap();
    let (socket, _) = listener.accept().unwrap();
    let settings = Settings { header_timeout: Some(patience), ..Settings::default() };
    let config = Config::resolve(&settings).unwrap();
    let stream = Stream::tcp(socket, Duration::from_millis(1)).unwrap();
    (Box::new(ClientConnection::new(stream, None, Instant::now(), &config)), client)
}

fn context() -> WorkerContext {
    let config = Config::resolve(&Settings::default()).unwrap();
    WorkerContext::new(Arc::new(Service::new(config, Arc::new(|_: &mut Request| ()))), Arc::default())
}

const LONG: Duration = Duration::from_secs(600);

fn park(parking: &Parking, connection: Box<ClientConnection>) -> bool {
    match parking.park(connection) {
        Parked::Waits { is_earliest } => is_earliest,
        Parked::Ready(_) => panic!("something had arrived"),
        Parked::Refused(_) => panic!("it could not be parked"),
    }
}

/// Returns the tokens reported within `millis`, in one wait.
fn reported(parking: &Parking, millis: u64) -> Vec<u64> {
    let mut batch = Batch::new(8);
    parking.wait(&mut batch, 8, Some(Duration::from_millis(millis))).unwrap();
    batch.tokens().map(|(token, _)| token).collect()
}

#[test]
fn arriving_bytes_fetch_the_connection_out() {
    let parking = Parking::new().unwrap();
    let (connection, mut client) = connection(LONG);
    park(&parking, connection);
    assert_eq!((parking.len(), reported(&parking, 0).len()), (1, 0));
    client.write_all(b"x").unwrap();
    let token = reported(&parking, 5000)[0];
    assert_eq!(parking.fetch(token, false).unwrap().slot, Some(token));
    assert_eq!(parking.len(), 0);
    assert!(parking.fetch(token, false).is_none(), "it is away");
}

#[test]
fn events_of_one_report_are_fetched_under_one_lock_and_the_next_deadline_is_read_under_none() {
    let parking = Parking::new().unwrap();
    let clients: Vec<TcpStream> = (0..3)
        .map(|_| {
            let (connection, mut client) = connection(LONG);
            park(&parking, connection);
            client.write_all(b"x").unwrap();
            client
        })
        .collect();
    let mut events = Vec::new();
    while events.len() < clients.len() {
        events.extend(reported(&parking, 5000));
    }
    let fetch = || assert_eq!(parking.fetch_events(events.iter().map(|token| (*token, false))).count(), 3);
    assert_eq!((count_locks(fetch), parking.len()), (1, 0));
    assert_eq!(count_locks(|| assert!(parking.next_due().is_some())), 0);
}

#[test]
fn wait_for_room_resumes_after_a_worker_has_kept_the_connection() {
    let parking = Parking::new().unwrap();
    let (mut connection, _client) = connection(LONG);
    let mut context = context();
    connection.wait_for_room(&mut context);
    park(&parking, connection);
    let token = reported(&parking, 5000)[0];
    let mut connection = parking.fetch(token, false).unwrap();
    parking.detach(&mut connection);
    park(&parking, connection);
    assert_eq!(reported(&parking, 5000).len(), 1, "there is room, and it is what it waits for");
}

#[test]
fn event_during_absence_returns_the_connection_at_once() {
    let parking = Parking::new().unwrap();
    let (connection, mut client) = connection(LONG);
    park(&parking, connection);
    client.write_all(b"x").unwrap();
    let token = reported(&parking, 5000)[0];
    let connection = parking.fetch(token, false).unwrap();
    client.write_all(b"y").unwrap();
    assert_eq!(reported(&parking, 5000), [token]);
    assert!(parking.fetch(token, false).is_none());
    let Parked::Ready(connection) = parking.park(connection) else { panic!("the arrival was forgotten") };
    park(&parking, connection);
}

#[test]
fn bytes_received_before_the_first_parking_are_reported() {
    let parking = Parking::new().unwrap();
    let (connection, mut client) = connection(LONG);
    client.write_all(b"x").unwrap();
    park(&parking, connection);
    assert_eq!(reported(&parking, 5000).len(), 1);
}

#[test]
fn released_slot_is_not_taken_for_the_next() {
    let parking = Parking::new().unwrap();
    let (first, _first_client) = connection(LONG);
    park(&parking, first);
    let first = parking.close().pop().unwrap();
    let old = first.slot.unwrap();

    let parking = Parking::new().unwrap();
    let (mut second, _second_client) = connection(LONG);
    second.slot = None;
    park(&parking, second);
    assert!(parking.fetch(old + (1 << 32), false).is_none(), "another generation");
    assert_eq!(parking.len(), 1);
}

#[test]
fn slots_are_reused_under_another_token() {
    let parking = Parking::new().unwrap();
    let mut tokens = Vec::new();
    for _ in 0..3 {
        let (connection, mut client) = connection(LONG);
        park(&parking, connection);
        client.write_all(b"x").unwrap();
        let token = reported(&parking, 5000)[0];
        tokens.push(token);
        parking.close_one(parking.fetch(token, false).unwrap());
    }
    assert!(tokens.iter().all(|token| index(*token) == index(tokens[0])));
    assert!(tokens[0] != tokens[1] && tokens[1] != tokens[2]);
}

#[test]
fn deadlines_are_kept_and_earlier_ones_announced() {
    let parking = Parking::new().unwrap();
    let start = Instant::now();
    let (late, _a) = connection(Duration::from_secs(20));
    let (early, _b) = connection(Duration::from_secs(10));
    assert!(park(&parking, late), "the first is the earliest");
    assert!(park(&parking, early), "it is earlier");
    let (none, next) = (parking.fetch_due(start), parking.next_due());
    assert!(none.is_empty() && next.is_some_and(|next| next <= start + Duration::from_secs(11)));
    assert_eq!(parking.fetch_due(start + Duration::from_secs(15)).len(), 1);
    let (due, next) = (parking.fetch_due(start + Duration::from_secs(25)), parking.next_due());
    assert_eq!((due.len(), next, parking.len()), (1, None, 0));
}

#[test]
fn deadline_of_a_gone_connection_has_no_effect() {
    let parking = Parking::new().unwrap();
    let (connection, mut client) = connection(Duration::from_secs(1));
    park(&parking, connection);
    client.write_all(b"x").unwrap();
    let token = reported(&parking, 5000)[0];
    parking.close_one(parking.fetch(token, false).unwrap());
    assert!(parking.fetch_due(Instant::now() + LONG).is_empty());
}

#[test]
fn once_closed_nothing_is_parked() {
    let parking = Parking::new().unwrap();
    let (first, _a) = connection(LONG);
    let (second, _b) = connection(LONG);
    park(&parking, first);
    assert_eq!(parking.close().len(), 1);
    assert!(matches!(parking.park(second), Parked::Refused(_)));
}

#[test]
fn an_end_that_came_with_bytes_is_never_waited_for() {
    let parking = Parking::new().unwrap();
    let (connection, mut client) = connection(LONG);
    park(&parking, connection);
    client.write_all(b"last words").unwrap();
    let token = reported(&parking, 5000)[0];
    let connection = parking.fetch(token, true).unwrap();
    assert!(matches!(parking.park(connection), Parked::Ready(_)));
}

#[test]
fn connection_idle_for_longest_is_evicted_first() {
    let parking = Parking::new().unwrap();
    let mut clients = Vec::new();
    for number in 1..=3 {
        let (mut connection, client) = connection(LONG);
        connection.answered = number;
        park(&parking, connection);
        clients.push(client);
    }
    // A connection not served yet is silent, not idle; a connection with a request begun is
    // neither.
    let (silent, _silent_client) = connection(LONG);
    park(&parking, silent);
    // The first has a new event, which makes it the last.
    clients[0].write_all(b"x").unwrap();
    let token = reported(&parking, 5000).into_iter().find(|token| index(*token) == 0).unwrap();
    park(&parking, parking.fetch(token, false).unwrap());
    let idlest = |most| parking.fetch_idlest(most).map(|connection| connection.answered);
    assert_eq!([idlest(3), idlest(2), idlest(0), idlest(0), idlest(0)], [None, Some(2), Some(3), Some(1), None]);
    assert_eq!(parking.len(), 1);
}

#[test]
fn silent_connections_are_evicted_before_idle_and_busy_never() {
    let parking = Parking::new().unwrap();
    let mut clients = Vec::new();
    let mut add = |change: &dyn Fn(&mut ClientConnection)| {
        let (mut connection, client) = connection(LONG);
        change(&mut connection);
        park(&parking, connection);
        clients.push(client);
    };
    add(&|idle| idle.answered = 1);
    add(&|silent| silent.deadline += LONG);
    add(&|sending| {
        sending.wait_for_room(&mut context());
    });
    add(&|idle| idle.answered = 2);
    add(&|silent| silent.deadline += 2 * LONG);
    let begun = Instant::now();
    let first_to_go = || {
        let connection = parking.fetch_first_to_go()?;
        Some((connection.answered, connection.deadline.saturating_duration_since(begun) > 2 * LONG))
    };
    let order: Vec<_> = std::iter::from_fn(first_to_go).collect();
    assert_eq!(order, [(0, false), (0, true), (1, false), (2, false)]);
    assert_eq!(parking.len(), 1, "the one that sends is left");
}

#[test]
fn deadline_entries_do_not_pile_up_as_slots_are_reused() {
    let parking = Parking::new().unwrap();
    for _ in 0..100 {
        let (connection, mut client) = connection(LONG);
        park(&parking, connection);
        client.write_all(b"x").unwrap();
        let token = reported(&parking, 5000)[0];
        parking.close_one(parking.fetch(token, false).unwrap());
    }
    assert_eq!(parking.slots.lock().deadlines.len(), 1);
}

#[test]
fn deadline_entries_do_not_pile_up_as_deadlines_come_nearer() {
    let parking = Parking::new().unwrap();
    let (mut connection, _client) = connection(LONG);
    let begun = Instant::now();
    for round in 0..1000 {
        // Idle for long, and fetched; then parked until a deadline, with an answer waiting for the
        // client.
        connection.deadline = begun + LONG + Duration::from_millis(round);
        park(&parking, connection);
        let mut fetched = parking.slots.lock().fetch(0).unwrap();
        fetched.deadline = begun + Duration::from_millis(round);
        park(&parking, fetched);
        let mut due = parking.fetch_due(begun + Duration::from_millis(round));
        connection = due.pop().unwrap();
    }
    let count = parking.slots.lock().deadlines.len();
    assert!(count <= 2 * SPARE, "{count} entries for one place");
    connection.deadline = begun + LONG;
    park(&parking, connection);
    assert_eq!(parking.fetch_due(begun + 2 * LONG).len(), 1, "what is needed is still there");
}
