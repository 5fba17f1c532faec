//! Event streams over sockets: broadcasts to many clients, also to those that come back.

use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use drupe::stream::{Broadcast, Event, EventSender, Events, Overflow, SendError};
use drupe::testing::TestServer;
use drupe::{Handler, IntoResponse, Request, Response, Server};

use crate::client::{Client, PATIENCE, wait_until};

/// A client that listens to events.
struct Listener {
    client: Client,
    /// Text after the last complete event.
    text: String,
    last_id: String,
}

impl Listener {
    /// Asks for the events after `last_id`; empty: for those from now on.
    fn begin(mut client: Client, last_id: &str) -> Self {
        let field = if last_id.is_empty() { String::new() } else { format!("Last-Event-ID: {last_id}\r\n") };
        client.send(format!("GET /events HTTP/1.1\r\nHost: a\r\n{field}\r\n"));
        let head = client.head().unwrap();
        assert_eq!((head.status, head.field("content-type")), (200, Some("text/event-stream")));
        Self { client, text: String::new(), last_id: last_id.to_owned() }
    }

    fn connect(address: SocketAddr) -> Self {
        let mut listener = Self::begin(Client::connect(address), "");
        assert_eq!(listener.next(), "", "the id of the beginning comes first");
        listener
    }

    /// Comes back after a break.
    fn come_back(self, address: SocketAddr) -> Self {
        drop(self.client);
        Self::begin(Client::connect(address), &self.last_id)
    }

    /// Returns the lines of the next event, without its id.
    fn next(&mut self) -> String {
        self.try_next().unwrap()
    }

    fn try_next(&mut self) -> Result<String, String> {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let (ids, lines): (Vec<&str>, Vec<&str>) = event.lines().partition(|line| line.starts_with("id: "));
                if let [id] = ids[..] {
                    self.last_id = id[4..].to_owned();
                }
                let event = lines.join("|");
                self.text = rest.to_owned();
                return Ok(event);
            }
            match self.client.chunk()? {
                chunk if chunk.is_empty() => return Err("the end".to_owned()),
                chunk => self.text.push_str(std::str::from_utf8(&chunk).unwrap()),
            }
        }
    }

    #[track_caller]
    fn assert_next(&mut self, data: impl std::fmt::Display) {
        assert_eq!(self.next(), format!("data: {data}"));
    }
}

fn handler(broadcast: &Broadcast) -> impl Handler + use<> {
    let broadcast = broadcast.clone();
    move |request: &mut Request| -> Response {
        match request.uri().path() {
            "/events" => broadcast.subscribe(request),
            _ => "plain".into_response(),
        }
    }
}

fn small(broadcast: &Broadcast) -> TestServer {
    TestServer::with(handler(broadcast), |settings| {
        (settings.thread_pool, settings.thread_pool_max) = (1, Some(2));
    })
}

#[test]
fn two_threads_send_every_event_to_200_listeners_in_order() {
    let broadcast = Broadcast::new();
    let server = small(&broadcast);
    let mut listeners: Vec<Listener> = (0..200).map(|_| Listener::connect(server.address())).collect();
    assert_eq!(broadcast.subscribers(), 200);
    let mut other = Client::connect(server.address());
    for number in 1..=50 {
        assert_eq!(broadcast.send(number.to_string()), Ok(number));
        if number % 10 == 0 {
            assert_eq!(other.get("/plain").text(), "plain");
        }
    }
    for listener in &mut listeners {
        (1..=50).for_each(|number| listener.assert_next(number));
    }
    assert!(server.server().statistics().threads <= 2 + 1, "{:?}", server.server().statistics());
}

#[test]
fn client_that_comes_back_while_events_are_sent_gets_each_once_and_in_order() {
    const EVENTS: u64 = 3000;
    let broadcast = Broadcast::new().history(3000, 1 << 20);
    let server = small(&broadcast);
    let begun = AtomicUsize::new(0);
    thread::scope(|scope| {
        for each in [1, 7, 50] {
            let (server, begun) = (&server, &begun);
            scope.spawn(move || {
                let mut listener = Listener::connect(server.address());
                begun.fetch_add(1, Ordering::SeqCst);
                for number in 1..=EVENTS {
                    listener.assert_next(number);
                    if number % (each * 20) == 0 {
                        listener = listener.come_back(server.address());
                    }
                }
            });
        }
        wait_until("all listen", || begun.load(Ordering::SeqCst) == 3);
        for number in 1..=EVENTS {
            broadcast.send(number.to_string()).unwrap();
            if number % 50 == 0 {
                thread::yield_now();
            }
        }
    });
}

#[test]
fn client_is_told_of_events_that_are_not_kept() {
    let broadcast = Broadcast::new().history(2, 1000).gap("reset");
    let server = small(&broadcast);
    let mut listener = Listener::connect(server.address());
    broadcast.send("1").unwrap();
    listener.assert_next(1);
    (2..=6).for_each(|number| assert_eq!(broadcast.send(number.to_string()), Ok(number)));
    let mut listener = listener.come_back(server.address());
    assert_eq!(listener.next(), "data: 3|event: reset");
    assert!(listener.last_id.ends_with("-4"), "{}", listener.last_id);
    listener.assert_next(5);
    listener.assert_next(6);
    listener.last_id = "of another program".to_owned();
    let mut listener = listener.come_back(server.address());
    assert_eq!(listener.next(), "data: unknown|event: reset");
    assert!(listener.last_id.ends_with("-4"), "{}", listener.last_id);
    listener.assert_next(5);
}

#[test]
fn client_that_reads_nothing_is_disconnected_and_gets_the_rest_when_it_comes_back() {
    let broadcast = Broadcast::new().history(10_000, 64 << 20);
    let server = small(&broadcast);
    let mut slow = Listener::connect(server.address());
    let mut quick = Listener::connect(server.address());
    let text = "x".repeat(16 << 10);
    let mut sent = 0;
    wait_until("the slow client is disconnected", || {
        sent = broadcast.send(format!("{text}{}", sent + 1)).unwrap();
        quick.assert_next(format_args!("{text}{sent}"));
        broadcast.subscribers() == 1
    });
    let mut received = 0;
    while let Ok(event) = slow.try_next() {
        received += 1;
        assert_eq!(event, format!("data: {text}{received}"));
    }
    assert!(received < sent);
    let mut slow = slow.come_back(server.address());
    (received + 1..=sent).for_each(|number| slow.assert_next(format_args!("{text}{number}")));
    broadcast.send("live").unwrap();
    slow.assert_next("live");
    quick.assert_next("live");
}

#[test]
fn subscribers_are_counted_until_they_leave() {
    let broadcast = Broadcast::new().max_subscribers(3);
    let server = small(&broadcast);
    let mut listeners: Vec<Listener> = (0..3).map(|_| Listener::connect(server.address())).collect();
    let mut refused = Client::connect(server.address());
    let answer = refused.get("/events");
    assert_eq!((answer.status, answer.field("retry-after")), (503, Some("10")));
    refused.assert_in_step("/plain", "plain");
    listeners.truncate(1);
    wait_until("two have left", || broadcast.subscribers() == 1);
    refused.send("HEAD /events HTTP/1.1\r\nHost: a\r\n\r\n");
    let head = refused.answer_to("HEAD").unwrap();
    assert_eq!((head.status, head.field("content-type")), (200, Some("text/event-stream")));
    wait_until("HEAD subscribes nobody", || broadcast.subscribers() == 1);
    refused.assert_in_step("/plain", "plain");
}

#[test]
fn stop_ends_the_streams_and_a_restart_goes_on_where_they_were() {
    let broadcast = Broadcast::new();
    let mut server = Server::new(handler(&broadcast));
    server.settings.socket_port = 0;
    server.start().unwrap();
    let mut listener = Listener::connect(server.bound_addr().unwrap());
    broadcast.send("before").unwrap();
    listener.assert_next("before");
    assert_eq!(server.stop().cut, 0);
    assert_eq!(listener.try_next(), Err("the end".to_owned()));
    assert_eq!(broadcast.subscribers(), 0);
    assert_eq!(broadcast.send("between"), Ok(2));
    server.start().unwrap();
    let mut listener = listener.come_back(server.bound_addr().unwrap());
    listener.assert_next("between");
    server.restart().unwrap();
    assert_eq!(listener.try_next(), Err("the end".to_owned()));
    let mut listener = listener.come_back(server.bound_addr().unwrap());
    assert_eq!(broadcast.send("after"), Ok(3));
    listener.assert_next("after");
    drop(server);
    assert_eq!(listener.try_next(), Err("the end".to_owned()));
    assert_eq!((broadcast.send("nobody listens"), broadcast.subscribers()), (Ok(4), 0));
}

#[test]
fn streams_end_with_the_last_clone_of_their_broadcast() {
    let broadcast = Mutex::new(Some(Broadcast::new()));
    let server = TestServer::new(move |request: &mut Request| match request.uri().path() {
        "/events" => broadcast.lock().unwrap().as_ref().map(|broadcast| broadcast.subscribe(request)),
        _ => broadcast.lock().unwrap().take().map(|_| "gone".into_response()),
    });
    let mut listener = Listener::connect(server.address());
    assert_eq!(Client::connect(server.address()).get("/end").text(), "gone");
    assert_eq!(listener.try_next(), Err("the end".to_owned()));
}

#[test]
fn comments_are_sent_while_there_are_no_events() {
    let broadcast = Broadcast::new().events(Events::new().heartbeat(Duration::from_millis(10)));
    let server = small(&broadcast);
    let mut listener = Listener::connect(server.address());
    (0..3).for_each(|_| assert_eq!(listener.next(), ":"));
    broadcast.send("event").unwrap();
    while listener.next() != "data: event" {}
}

#[test]
fn events_for_one_client_end_with_their_senders() {
    let senders: &'static Mutex<Vec<EventSender>> = Box::leak(Box::default());
    let server = TestServer::new(|_: &mut Request| {
        let events = Events::new().capacity(100).overflow(Overflow::DropOldest).retry(Duration::from_secs(1));
        let (sender, response) = events.open();
        senders.lock().unwrap().push(sender);
        response
    });
    let mut listener = Listener::begin(Client::connect(server.address()), "");
    let sender = senders.lock().unwrap().pop().unwrap();
    assert_eq!(listener.next(), "retry: 1000");
    sender.send(Event::new("two\r\nlines").named("note").id("a")).unwrap();
    assert_eq!(listener.next(), "data: two|data: lines|event: note");
    sender.send_within(Event::comment("still here"), PATIENCE).unwrap();
    assert_eq!((listener.next().as_str(), listener.last_id.as_str()), (": still here", "a"));
    drop(sender);
    assert_eq!(listener.try_next(), Err("the end".to_owned()));
    let listener = Listener::begin(Client::connect(server.address()), "");
    let sender = senders.lock().unwrap().pop().unwrap();
    drop(listener);
    wait_until("the sender learns that the client has left", || sender.sender().is_closed());
    assert_eq!(sender.send("late"), Err(SendError::Closed));
}

#[test]
fn client_of_http_1_0_gets_the_events_until_the_connection_ends() {
    let broadcast = Broadcast::new();
    let server = small(&broadcast);
    let mut client = Client::connect(server.address());
    client.send("GET /events HTTP/1.0\r\n\r\n");
    client.head().unwrap();
    broadcast.send("old").unwrap();
    let expected = format!("data: old\nid: {}\n\n", broadcast.latest_id());
    server.server().stop();
    assert!(String::from_utf8(client.rest()).unwrap().ends_with(&expected));
}

#[cfg(any(feature = "tls", feature = "tls-aws-lc"))]
#[test]
fn events_come_over_tls() {
    let broadcast = Broadcast::new();
    let server =
        TestServer::with(handler(&broadcast), |settings| settings.ssl_context = Some(crate::secure::context()));
    let mut listener = Listener::begin(crate::secure::connect_to(server.address()), "");
    for number in 1..=20 {
        broadcast.send(number.to_string()).unwrap();
    }
    assert_eq!(listener.next(), "");
    (1..=20).for_each(|number| listener.assert_next(number));
}

#[test]
fn events_come_over_a_unix_socket() {
    let place = crate::place::Place::new();
    let broadcast = Broadcast::new();
    let mut server = Server::new(handler(&broadcast));
    server.settings.socket_file = Some(place.socket());
    server.start().unwrap();
    let stream = std::os::unix::net::UnixStream::connect(place.socket()).unwrap();
    let mut listener = Listener::begin(Client::over_unix(stream), "");
    broadcast.send("here").unwrap();
    assert_eq!(listener.next(), "");
    listener.assert_next("here");
}

#[cfg(feature = "compression")]
#[test]
fn each_broadcast_event_can_be_decoded_at_once() {
    use std::io::Read;

    let broadcast = Broadcast::new();
    let server = TestServer::new(drupe::layers::compress(handler(&broadcast)));
    let mut client = Client::connect(server.address());
    client.send("GET /events HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n");
    assert_eq!(client.head().unwrap().field("content-encoding"), Some("gzip"));
    let (mut encoded, mut expected) = (Vec::new(), format!("id: {}\n\n", broadcast.latest_id()));
    for number in 0..=3 {
        if number > 0 {
            broadcast.send(number.to_string()).unwrap();
            expected += &format!("data: {number}\nid: {}\n\n", broadcast.latest_id());
        }
        encoded.extend(client.chunk().unwrap());
        let mut decoded = vec![0; expected.len()];
        flate2::read::GzDecoder::new(&encoded[..]).read_exact(&mut decoded).unwrap();
        assert_eq!(String::from_utf8(decoded).unwrap(), expected);
    }
}

#[cfg(feature = "layers")]
#[test]
fn page_of_another_origin_may_listen_as_cors_allows() {
    use drupe::layers::Cors;

    let broadcast = Broadcast::new();
    let server = TestServer::new(handler(&broadcast).with(Cors::new().origin("https://app.example")));
    let mut client = Client::connect(server.address());
    client.send("GET /events HTTP/1.1\r\nHost: a\r\nOrigin: https://app.example\r\n\r\n");
    assert_eq!(client.head().unwrap().field("access-control-allow-origin"), Some("https://app.example"));
    assert!(client.chunk().unwrap().starts_with(b"id: "));
    broadcast.send("there").unwrap();
    assert!(client.chunk().unwrap().starts_with(b"data: there\n"));
}

#[cfg(feature = "statistics")]
#[test]
#[ignore = "needs chromium; .ci/run has it"]
fn chromium_comes_back_for_what_it_has_missed() {
    const PAGE: &str = "<!doctype html><link rel=icon href='data:,'><script>seen = [];
        events = new EventSource('/events');
        events.onmessage = event => seen.push(event.data.replaceAll('\\n', '|'));
        events.addEventListener('gap', event => seen.push('lost ' + event.data));</script>";
    let broadcast = Broadcast::new().history(2, 1000).events(Events::new().retry(Duration::from_millis(50)));
    let subscribers = broadcast.clone();
    let mut server = Server::new(move |request: &mut Request| match request.uri().path() {
        "/events" => subscribers.subscribe(request),
        _ => drupe::response::Html(PAGE).into_response(),
    });
    server.settings.socket_port = 0;
    server.start().unwrap();
    let address = server.bound_addr().unwrap();
    server.settings.socket_port = address.port();
    let place = crate::place::Place::new();
    let mut browser = crate::browser::Browser::open(&place.path("profile"));
    browser.show(&format!("http://{address}/"));
    browser.wait_for("window.events?.readyState", "1");
    // Disconnected before the first event, later between events, and for too long.
    for (missed, seen) in [
        (&["1", "2\r\n2\r"][..], "1,2|2|"),
        (&["3"], "1,2|2|,3,x"),
        (&["4", "5", "6"], "1,2|2|,3,x,lost 1,5,6"),
        (&[], "1,2|2|,3,x,lost 1,5,6"),
    ] {
        assert_eq!(server.stop().cut, 0);
        missed.iter().for_each(|event| assert!(broadcast.send(*event).is_ok()));
        server.start().unwrap();
        if missed.len() == 1 {
            wait_until("the browser comes back", || broadcast.subscribers() == 1);
            broadcast.send("x").unwrap();
        }
        browser.wait_for("window.seen", seen);
        wait_until("the browser listens", || broadcast.subscribers() == 1);
    }
}
