//! Statistics: the server's counts equal those of the clients; and the pages that show the counts.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use drupe::http::StatusCode;
use drupe::statistics::{Statistics, Worker};
use drupe::testing::TestServer;
use drupe::{Body, IntoResponse, Request, Response, Server, Settings, upgrade};

use crate::client::{Answer, Client, Line, get, post, wait_until};
use crate::door::Door;

/// The sums counted by all clients of a test.
#[derive(Clone, Default)]
struct Tally(Arc<Counts>);

#[derive(Default)]
struct Counts {
    sent: AtomicU64,
    received: AtomicU64,
    answers: [AtomicU64; 5],
    content_sent: AtomicU64,
    content_received: AtomicU64,
}

/// A connection that counts its bytes.
struct Counted(TcpStream, Tally);

impl Tally {
    fn connect(&self, address: SocketAddr) -> Client {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        Client::over_line(Box::new(Counted(stream, self.clone())))
    }

    /// Sends a request, reads its answer and counts both.
    fn ask(&self, client: &mut Client, request: impl AsRef<[u8]>, content: u64, method: &str) -> Answer {
        client.send(request);
        self.content_sent(content);
        self.note(client.answer_to(method).unwrap())
    }

    fn note(&self, answer: Answer) -> Answer {
        self.0.answers[usize::from(answer.status / 100) - 1].fetch_add(1, Ordering::SeqCst);
        self.0.content_received.fetch_add(answer.content.len() as u64, Ordering::SeqCst);
        answer
    }

    fn content_sent(&self, bytes: u64) {
        self.0.content_sent.fetch_add(bytes, Ordering::SeqCst);
    }

    /// Compares the sums with the server's counts.
    #[track_caller]
    fn assert_is(&self, statistics: &Statistics) {
        let of = |count: &AtomicU64| count.load(Ordering::SeqCst);
        let answers = &statistics.answers;
        let classes =
            [answers.informational, answers.success, answers.redirection, answers.client_error, answers.server_error];
        assert_eq!(classes, self.0.answers.each_ref().map(of), "{statistics:#?}");
        let bytes =
            [statistics.bytes_read, statistics.bytes_written, statistics.content_read, statistics.content_written];
        let expected = [&self.0.sent, &self.0.received, &self.0.content_sent, &self.0.content_received].map(of);
        assert_eq!(bytes, expected, "{statistics:#?}");
    }
}

impl Read for Counted {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let got = self.0.read(room)?;
        self.1.0.received.fetch_add(got as u64, Ordering::SeqCst);
        Ok(got)
    }
}

impl Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let sent = self.0.write(bytes)?;
        self.1.0.sent.fetch_add(sent as u64, Ordering::SeqCst);
        Ok(sent)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl Line for Counted {
    fn socket(&self) -> &TcpStream {
        &self.0
    }

    fn end(&mut self) -> io::Result<()> {
        self.0.shutdown(Shutdown::Write)
    }
}

/// Every kind of answer there is.
pub(crate) fn handle(request: &mut Request) -> Response {
    match request.uri().path() {
        "/echo" => std::mem::take(request.body_mut()).into_response(),
        "/length" => match std::mem::take(request.body_mut()).into_vec() {
            Ok(content) => content.len().to_string().into_response(),
            Err(error) => error.into_response(),
        },
        // Ignores a failed read and answers as usual.
        "/trusting" => {
            let _ = io::copy(request.body_mut(), &mut io::sink());
            "fine".into_response()
        }
        "/large" => vec![b'x'; 300_000].into_response(),
        "/huge" => vec![b'x'; 64 << 20].into_response(),
        "/chunks" => Body::stream(|writer| (0..10).try_for_each(|_| writer.write_all(b"0123456789"))).into_response(),
        "/moved" => (StatusCode::FOUND, "elsewhere").into_response(),
        "/none" => StatusCode::NOT_FOUND.into_response(),
        "/broken" => Body::stream(|writer| {
            writer.write_all(b"half")?;
            writer.flush()?;
            Err(io::Error::other("no more"))
        })
        .into_response(),
        "/upgrade" => upgrade(request, "shout", drop),
        _ => "hello\n".into_response(),
    }
}

fn start(change: impl FnOnce(&mut Settings)) -> TestServer {
    TestServer::with(handle, |settings| {
        settings.statistics = true;
        change(settings);
    })
}

/// Waits until nothing is under way any more.
#[track_caller]
pub(crate) fn at_rest(server: &Server) -> Statistics {
    wait_until("all is over", || {
        let statistics = server.statistics();
        statistics.connections == 0 && statistics.in_progress() == 0
    });
    server.statistics()
}

fn sum(workers: &[Worker], of: impl Fn(&Worker) -> u64) -> u64 {
    workers.iter().map(of).sum()
}

/// Checks that figures reported twice agree.
#[track_caller]
fn assert_consistent(statistics: &Statistics) {
    let rows = &statistics.workers;
    assert_eq!(sum(rows, |row| row.exchanges), statistics.exchanges());
    assert_eq!(sum(rows, |row| row.bytes_read), statistics.bytes_read);
    assert_eq!(sum(rows, |row| row.bytes_written), statistics.bytes_written);
    assert_eq!(rows.iter().map(|row| row.work_time).sum::<Duration>(), statistics.work_time);
    assert_eq!(rows.len(), statistics.threads + 1);
    assert_eq!(statistics.latency.buckets().map(|(_, count)| count).sum::<u64>(), statistics.latency.count());
    assert_eq!(statistics.requests, statistics.answered + statistics.broken_off);
    let timeouts = statistics.timeouts;
    assert_eq!(statistics.timed_out, timeouts.head + timeouts.body + timeouts.write);
}

#[test]
fn mixed_load_is_counted_exactly() {
    let server = start(|settings| {
        settings.max_request_body_size = Some(1000);
        settings.body_buffer_size = 500;
    });
    let (address, tally) = (server.address(), Tally::default());

    // Kept alive: every kind of answer on one connection.
    let mut client = tally.connect(address);
    for target in ["/", "/large", "/chunks", "/moved", "/none"] {
        tally.ask(&mut client, get(target), 0, "GET");
    }
    tally.ask(&mut client, "HEAD /large HTTP/1.1\r\nHost: a\r\n\r\n", 0, "HEAD");
    tally.ask(&mut client, post("/length", &[b'x'; 1000]), 1000, "POST");
    tally.ask(&mut client, post("/echo", &[b'y'; 500]), 500, "POST");
    // The handler does not read that content; the server receives it all the same.
    tally.ask(&mut client, post("/", &[b'z'; 300]), 300, "POST");
    let chunks =
        "POST /length HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n";
    assert_eq!(tally.ask(&mut client, chunks, 7, "POST").text(), "7");
    // `100 Continue` is bytes, and no answer.
    client.send("POST /length HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
    assert_eq!(client.answer().status, 100);
    assert_eq!(tally.ask(&mut client, "12345", 5, "POST").text(), "5");
    drop(client);

    // Pipelined.
    let mut client = tally.connect(address);
    client.send(get("/").repeat(50) + &get("/large") + &get("/").repeat(50));
    (0..101).for_each(|_| drop(tally.note(client.answer())));
    drop(client);

    // Refused, at once and after the handler had been asked.
    for (request, method, status) in [
        ("GET /\r\n\r\n", "GET", 400),
        ("HEAD / HTTP/1.1\r\nHost: a\r\nExpect: tea\r\n\r\n", "HEAD", 417),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1001\r\n\r\n", "POST", 413),
    ] {
        let mut client = tally.connect(address);
        assert_eq!(tally.ask(&mut client, request, 0, method).status, status);
        client.end();
        client.assert_closed();
    }
    let expected = "POST /trusting HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n";
    // The second is more than the buffer, so that the handler runs.
    for length in [2, 600] {
        let mut client = tally.connect(address);
        client.send(expected);
        assert_eq!(client.answer().status, 100);
        let content = format!("{length:x}\r\n{}\r\nnonsense\r\n", "x".repeat(length));
        assert_eq!(tally.ask(&mut client, content, length as u64, "POST").status, 400);
        client.end();
        client.assert_closed();
    }

    // Left.
    let mut client = tally.connect(address);
    let offer = "GET /upgrade HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: shout\r\n\r\n";
    assert_eq!(tally.ask(&mut client, offer, 0, "GET").status, 101);
    client.assert_closed();

    // Broken off: the sent bytes count on the wire, but not as an answer.
    let mut client = tally.connect(address);
    client.send(get("/broken"));
    assert_eq!(client.head().unwrap().status, 200);
    client.over();

    let statistics = at_rest(server.server());
    tally.assert_is(&statistics);
    assert_consistent(&statistics);
    assert_eq!((statistics.accepts, statistics.turned_away, statistics.socket_errors), (9, 0, 0));
    assert_eq!((statistics.requests, statistics.refused, statistics.overruled), (11 + 101 + 3, 5, 1));
    assert_eq!((statistics.exchanges(), statistics.broken_off), (119, 1));
    assert_eq!(statistics.answers.sum(), statistics.exchanges() - statistics.broken_off);
    assert_eq!(statistics.latency.count(), statistics.requests);
    assert_eq!((statistics.tls_bytes_read, statistics.tls_bytes_written), (0, 0));
    assert!(statistics.work_time > Duration::ZERO && statistics.latency.sum() > Duration::ZERO);
    assert!(statistics.latency.quantile(0.5) <= statistics.latency.quantile(0.99));

    // It stays once the server has stopped, and begins anew with the next start.
    server.server().stop();
    let stopped = server.server().statistics();
    assert_eq!((stopped.exchanges(), stopped.bytes_written), (119, statistics.bytes_written));
    assert_eq!((stopped.latency.count(), stopped.threads), (statistics.requests, 0));
    server.server().start().unwrap();
    let fresh = server.server().statistics();
    assert_eq!((fresh.exchanges(), fresh.bytes_written, fresh.latency.count()), (0, 0, 0));
}

#[test]
fn crowds_of_clients_agree_with_the_server() {
    let server = start(|_| {});
    let (address, tally) = (server.address(), Tally::default());
    std::thread::scope(|scope| {
        for number in 0..8 {
            let tally = &tally;
            scope.spawn(move || {
                for round in 0..5 {
                    let mut client = tally.connect(address);
                    for request in 0..40 {
                        match (number + round + request) % 4 {
                            0 => drop(tally.ask(&mut client, post("/echo", &[b'x'; 700]), 700, "POST")),
                            1 => drop(tally.ask(&mut client, get("/large"), 0, "GET")),
                            2 => drop(tally.ask(&mut client, get("/none"), 0, "GET")),
                            _ => {
                                client.send(get("/").repeat(3));
                                (0..3).for_each(|_| drop(tally.note(client.answer())));
                            }
                        }
                    }
                    tally.ask(&mut client, "nonsense\r\n\r\n", 0, "GET");
                    client.end();
                    client.assert_closed();
                }
            });
        }
    });
    let statistics = at_rest(server.server());
    tally.assert_is(&statistics);
    assert_consistent(&statistics);
    assert_eq!((statistics.accepts, statistics.refused), (40, 40));
    assert_eq!(statistics.requests, 8 * 5 * (30 + 3 * 10));
    assert_eq!(statistics.latency.count(), statistics.requests);
}

#[test]
fn each_kind_of_timeout_is_counted_under_its_name() {
    let short = Some(Duration::from_millis(100));
    let server = start(|settings| {
        (settings.header_timeout, settings.body_timeout, settings.write_timeout) = (short, short, short);
        settings.keep_alive_timeout = Duration::from_millis(100);
        settings.linger_timeout = Duration::from_millis(100);
        settings.body_buffer_size = 10;
    });
    let address = server.address();
    let refused = |mut client: Client| {
        assert_eq!(client.answer().status, 408);
        client.end();
        client.assert_closed();
    };
    // A head: nothing of it, and a part.
    Client::connect(address).assert_closed();
    let mut client = Client::connect(address);
    client.send("GET / HTTP/1.1\r\n");
    refused(client);
    // Content: before the handler runs, and while it reads.
    for (length, sent) in [(10, 5), (1000, 20)] {
        let mut client = Client::connect(address);
        client.send(format!("POST /length HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n"));
        client.send("x".repeat(sent));
        refused(client);
    }
    // An answer that the client does not read.
    let mut client = Client::connect(address);
    client.send(get("/huge"));
    wait_until("it is given up", || server.server().statistics().timeouts.write == 1);
    drop(client);
    // The next request.
    let mut client = Client::connect(address);
    assert_eq!(client.get("/").status, 200);
    client.assert_closed();
    // The end of a client that has been refused.
    let mut client = Client::connect(address);
    client.send("nonsense\r\n\r\n");
    assert_eq!(client.answer().status, 400);
    wait_until("it is waited for no more", || server.server().statistics().timeouts.linger == 1);
    drop(client);

    let statistics = at_rest(server.server());
    assert_consistent(&statistics);
    let timeouts = statistics.timeouts;
    assert_eq!((timeouts.handshake, timeouts.proxy), (0, 0));
    assert_eq!((timeouts.head, timeouts.body, timeouts.write), (2, 2, 1));
    assert_eq!((timeouts.idle, timeouts.linger, statistics.timed_out), (1, 1, 5));
    assert_eq!((statistics.requests, statistics.refused, statistics.overruled), (3, 3, 0));
    assert_eq!((statistics.broken_off, statistics.exchanges()), (1, 6));
    assert_eq!(statistics.latency.count(), statistics.requests);
    assert_eq!((statistics.answers.success, statistics.answers.client_error), (1, 4));
}

#[test]
fn silent_proxy_is_counted_as_timed_out() {
    let server = start(|settings| {
        settings.proxy_protocol = true;
        settings.header_timeout = Some(Duration::from_millis(100));
    });
    Client::connect(server.address()).assert_closed();
    let statistics = at_rest(server.server());
    assert_eq!((statistics.timeouts.proxy, statistics.proxy_refused, statistics.exchanges()), (1, 1, 0));
}

#[test]
fn turned_away_clients_are_counted_with_the_bytes_sent() {
    let door = Door::default();
    let own = door.clone();
    let server = TestServer::with(
        move |_: &mut Request| {
            own.pass();
            "done"
        },
        |settings| {
            (settings.thread_pool, settings.thread_pool_max) = (1, Some(1));
            settings.accepted_queue_size = Some(1);
            settings.accepted_queue_timeout = Duration::ZERO;
            settings.statistics = true;
        },
    );
    let tally = Tally::default();
    let mut first = tally.connect(server.address());
    first.send(get("/"));
    wait_until("it is being served", || door.waiting() == 1);
    let mut second = tally.connect(server.address());
    second.send(get("/"));
    wait_until("it is queued", || server.server().statistics().queue == 1);
    let busy = server.server().statistics();
    assert_eq!((busy.threads, busy.threads_idle, busy.in_progress(), busy.connections), (1, 0, 1, 2));
    assert_eq!(busy.workers.iter().filter(|worker| worker.is_busy).count(), 1);
    for number in 1..=5 {
        let mut client = tally.connect(server.address());
        client.send(get("/"));
        assert_eq!(tally.note(client.answer()).status, 503);
        client.end();
        client.assert_closed();
        assert_eq!(server.server().statistics().turned_away, number);
    }
    door.open();
    for client in [&mut first, &mut second] {
        assert_eq!(tally.note(client.answer()).status, 200);
    }
    drop((first, second));
    let statistics = at_rest(server.server());
    tally.assert_is(&statistics);
    assert_consistent(&statistics);
    assert_eq!((statistics.accepts, statistics.requests, statistics.turned_away), (7, 2, 5));
    assert_eq!(statistics.answers.sum(), statistics.exchanges() + statistics.turned_away);
    let others = statistics.workers.last().unwrap();
    assert!(others.name == "others" && others.bytes_written > 0 && others.exchanges == 0, "{others:?}");
}

#[test]
fn counts_of_ended_workers_are_kept() {
    let door = Door::default();
    let own = door.clone();
    let handler = move |_: &mut Request| {
        own.pass();
        "done"
    };
    let server = TestServer::with(handler, |settings| {
        (settings.thread_pool, settings.thread_pool_max) = (1, Some(6));
        settings.thread_idle_timeout = Duration::from_millis(50);
        settings.statistics = true;
    });
    let mut clients: Vec<Client> = (0..6).map(|_| Client::connect(server.address())).collect();
    clients.iter_mut().for_each(|client| client.send(get("/")));
    wait_until("each has a worker", || door.waiting() == 6);
    assert_eq!(server.server().statistics().threads, 6);
    door.open();
    clients.iter_mut().for_each(|client| assert_eq!(client.answer().status, 200));
    drop(clients);
    wait_until("they have ended", || server.server().statistics().threads == 1);
    let statistics = at_rest(server.server());
    assert_consistent(&statistics);
    assert_eq!((statistics.requests, statistics.answered, statistics.latency.count()), (6, 6, 6));
    let others = statistics.workers.last().unwrap();
    assert!(others.exchanges >= 5 && others.work_time > Duration::ZERO, "{others:?}");
}

#[test]
fn times_are_measured_only_while_enabled() {
    let server = TestServer::new(handle);
    let handle = server.handle();
    let mut client = Client::connect(server.address());
    let mut ask = |times: usize| {
        (0..times).for_each(|_| client.assert_in_step("/", "hello\n"));
        // An answer is out before it is entered how long it took.
        wait_until("it is entered", || handle.statistics().threads_idle == handle.statistics().threads);
        let statistics = handle.statistics();
        (statistics.enabled, statistics.requests, statistics.latency.count(), statistics.work_time)
    };
    assert_eq!(ask(3), (false, 3, 0, Duration::ZERO));
    server.handle().resume_statistics();
    let (is_enabled, requests, measured, worked) = ask(5);
    assert!(is_enabled && worked > Duration::ZERO);
    assert_eq!((requests, measured), (8, 5));
    server.handle().pause_statistics();
    assert_eq!(ask(4), (false, 12, 5, worked));
    // The next start goes by the settings.
    server.server().restart().unwrap();
    assert!(!server.server().statistics().enabled);
}

// ---- TLS ----

#[cfg(any(feature = "tls", feature = "tls-aws-lc"))]
#[test]
fn bytes_of_tls_are_those_on_the_wire() {
    use std::net::TcpListener;
    use std::thread;

    use crate::secure;

    let server = start(|settings| {
        settings.ssl_context = Some(secure::context());
        settings.handshake_timeout = Some(Duration::from_millis(300));
    });
    let address = server.address();
    // A relay that counts.
    let between = TcpListener::bind("127.0.0.1:0").unwrap();
    let place = between.local_addr().unwrap();
    let relay = thread::spawn(move || {
        let (client, _) = between.accept().unwrap();
        let server = TcpStream::connect(address).unwrap();
        let (mut from_client, mut to_server) = (client.try_clone().unwrap(), server.try_clone().unwrap());
        let up = thread::spawn(move || {
            let count = io::copy(&mut from_client, &mut to_server).unwrap_or(0);
            let _ = to_server.shutdown(Shutdown::Write);
            count
        });
        let down = io::copy(&mut &server, &mut &client).unwrap_or(0);
        let _ = client.shutdown(Shutdown::Write);
        (up.join().unwrap(), down)
    });
    let mut client = secure::connect_to(place);
    (0..20).for_each(|_| client.assert_in_step("/", "hello\n"));
    assert_eq!(client.post("/echo", &[b'x'; 50_000]).content.len(), 50_000);
    client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    assert_eq!(client.answer().status, 200);
    client.assert_closed();
    drop(client);
    let (up, down) = relay.join().unwrap();
    let statistics = at_rest(server.server());
    assert_consistent(&statistics);
    assert_eq!((statistics.requests, statistics.latency.count()), (22, 22));
    assert_eq!(statistics.tls_bytes_written, down);
    // Bytes that the client sends after its last answer are not counted.
    assert!(statistics.tls_bytes_read <= up && up - statistics.tls_bytes_read < 100, "{statistics:?} {up}");
    assert!(statistics.tls_bytes_read > statistics.bytes_read, "{statistics:?}");
    assert!(statistics.tls_bytes_written > statistics.bytes_written, "{statistics:?}");
    assert_eq!((statistics.content_read, statistics.content_written), (50_000, 50_000 + 21 * 6));

    // Handshakes that come to nothing: of nonsense, and of silence.
    let mut client = Client::connect(address);
    client.send(b"\x16\x03\x01\x00\x05hello");
    client.over();
    Client::connect(address).over();
    let statistics = at_rest(server.server());
    assert_eq!((statistics.handshakes_failed, statistics.timeouts.handshake), (2, 1));
    assert_eq!((statistics.requests, statistics.exchanges()), (22, 22));
}
