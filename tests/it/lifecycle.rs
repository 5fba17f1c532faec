//! Start, stop, restart: from any thread, any number of times, without leaks.

use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, Mutex, OnceLock, mpsc};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use drupe::settings::SslContext;
use drupe::testing::TestServer;
use drupe::tls::{Acceptor, Adapter, Options};
use drupe::{BindAddr, Body, Error, Request, RequestExt, Server, ServerHandle, Settings};

use crate::client::{Client, PATIENCE, get, wait_until};
use crate::process::{assert_nothing_left, descriptors, is_alone, threads};

/// A time limit that must not end a wait.
const LONG: Duration = Duration::from_secs(600);

/// A server that is not started, on a free port of 127.0.0.1.
fn server(handler: impl drupe::Handler) -> Server {
    let mut server = Server::new(handler);
    server.settings.socket_port = 0;
    server
}

fn hello(_: &mut Request) -> &'static str {
    "hello"
}

/// `/wait` answers once the sender is used or dropped; anything else at once.
fn waiting() -> (mpsc::Sender<()>, impl Fn(&mut Request) -> String + Send + Sync) {
    let (release, held) = mpsc::channel::<()>();
    let held = Mutex::new(held);
    let handler = move |request: &mut Request| {
        if request.uri().path() == "/wait" {
            let _ = held.lock().unwrap().recv_timeout(PATIENCE);
        }
        request.uri().to_string()
    };
    (release, handler)
}

// ---- leaks ----

#[test]
fn a_hundred_starts_and_stops_leave_no_thread_and_no_descriptor() {
    if !is_alone("lifecycle::a_hundred_starts_and_stops_leave_no_thread_and_no_descriptor") {
        return;
    }
    let server = server(hello);
    let before = descriptors();
    for _ in 0..100 {
        server.start().unwrap();
        // A thread gives itself its name.
        wait_until("all threads are there", || threads().len() >= 10 + 2);
        let mut idle = Client::connect(server.bound_addr().unwrap());
        idle.assert_in_step("/", "hello");
        let _silent = Client::connect(server.bound_addr().unwrap());
        let _ = server.stop();
        idle.assert_closed();
    }
    wait_until("the threads have left the list", || threads().is_empty());
    assert_eq!(descriptors(), before, "with the server stopped");
    drop(server);
    assert_eq!(descriptors(), before, "with the server gone");
}

#[test]
fn a_start_that_fails_leaves_nothing() {
    if !is_alone("lifecycle::a_start_that_fails_leaves_nothing") {
        return;
    }
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut server = server(hello);
    server.settings.socket_port = taken.local_addr().unwrap().port();
    let before = descriptors();
    for _ in 0..20 {
        server.start().unwrap_err();
    }
    assert_nothing_left(before, "after starts that failed");
    assert!(server.bound_addr().is_none());
    // And it can be started yet.
    drop(taken);
    server.start().unwrap();
    Client::connect(server.bound_addr().unwrap()).assert_in_step("/", "hello");
}

#[test]
fn a_stopped_server_has_given_its_port_back() {
    let server = server(hello);
    server.start().unwrap();
    let address = server.bound_addr().unwrap();
    let _ = server.stop();
    let socket = TcpListener::bind(address);
    assert!(socket.is_ok(), "{socket:?}");
    drop(server);
}

#[test]
fn stop_from_a_handler_leaves_nothing() {
    if !is_alone("lifecycle::stop_from_a_handler_leaves_nothing") {
        return;
    }
    let (server, _) = self_stopping();
    let before = descriptors();
    for _ in 0..20 {
        server.start().unwrap();
        let mut client = Client::connect(server.bound_addr().unwrap());
        assert_eq!(client.get("/stop").text(), "stopping");
        drop(client);
        server.block().unwrap();
    }
    wait_until("the threads have left the list", || threads().is_empty());
    assert_eq!(descriptors(), before);
}

// ---- twice, at once, from anywhere ----

#[test]
fn starting_twice_changes_nothing() {
    let server = server(hello);
    server.start().unwrap();
    let address = server.bound_addr();
    server.start().unwrap();
    assert_eq!(server.bound_addr(), address);
    assert!(server.statistics().threads < 20, "as many as two starts make");
    Client::connect(address.unwrap()).assert_in_step("/", "hello");
}

#[test]
fn second_stop_returns_the_same_counts() {
    let server = server(hello);
    assert_eq!(server.stop().finished, 0, "before it was started");
    server.start().unwrap();
    let first = server.stop();
    assert_eq!(server.stop(), first);
    assert_eq!(server.handle().stop(), first);
}

#[test]
fn starts_at_once_from_many_threads_are_one_start() {
    let server = server(hello);
    thread::scope(|scope| {
        let starts: Vec<_> = (0..8).map(|_| scope.spawn(|| server.start())).collect();
        starts.into_iter().for_each(|start| start.join().unwrap().unwrap());
    });
    assert!(server.statistics().threads < 20, "as many as two starts make");
    Client::connect(server.bound_addr().unwrap()).assert_in_step("/", "hello");
}

#[test]
fn stops_at_once_from_many_threads_are_one_stop() {
    let (release, handler) = waiting();
    let server = server(handler);
    server.start().unwrap();
    let mut client = Client::connect(server.bound_addr().unwrap());
    client.send(get("/wait"));
    wait_until("it is being served", || server.statistics().requests == 1);
    let stopped: Vec<_> = thread::scope(|scope| {
        let stops: Vec<_> = (0..8).map(|_| scope.spawn(|| server.stop())).collect();
        wait_until("it is stopping", || !server.handle().is_running());
        release.send(()).unwrap();
        stops.into_iter().map(|stop| stop.join().unwrap()).collect()
    });
    assert_eq!(client.answer().text(), "/wait");
    assert_eq!((stopped[0].finished, stopped[0].cut), (1, 0));
    assert!(stopped.iter().all(|other| *other == stopped[0]), "{stopped:?}");
}

/// A server whose handler stops the server at `/stop`.
fn self_stopping() -> (Server, Arc<OnceLock<ServerHandle>>) {
    let handle: Arc<OnceLock<ServerHandle>> = Arc::default();
    let own = Arc::clone(&handle);
    let mut server = server(move |request: &mut Request| {
        if request.uri().path() == "/stop" {
            let _ = own.get().unwrap().stop();
            return "stopping";
        }
        "hello"
    });
    server.settings.shutdown_timeout = PATIENCE;
    handle.set(server.handle()).unwrap();
    (server, handle)
}

#[test]
fn a_handler_can_stop_its_server_and_its_answer_still_arrives() {
    let (server, _) = self_stopping();
    server.start().unwrap();
    let address = server.bound_addr().unwrap();
    let mut idle = Client::connect(address);
    idle.assert_in_step("/", "hello");
    let begun = Instant::now();
    let mut client = Client::connect(address);
    assert_eq!(client.get("/stop").text(), "stopping");
    client.assert_closed();
    idle.assert_closed();
    server.block().unwrap();
    assert!(begun.elapsed() < PATIENCE, "it waited for itself");
    assert!(TcpStream::connect(address).is_err());
    // It has a life after that.
    server.start().unwrap();
    Client::connect(server.bound_addr().unwrap()).assert_in_step("/", "hello");
}

#[test]
fn two_handlers_can_stop_their_server_at_once() {
    for _ in 0..10 {
        let (server, _) = self_stopping();
        server.start().unwrap();
        let mut clients: Vec<Client> = (0..4).map(|_| Client::connect(server.bound_addr().unwrap())).collect();
        clients.iter_mut().for_each(|client| client.assert_in_step("/", "hello"));
        let begun = Instant::now();
        clients.iter_mut().for_each(|client| client.send(get("/stop")));
        let answers: Vec<_> = clients.iter_mut().map(|client| client.answer_to("GET")).collect();
        server.block().unwrap();
        assert!(begun.elapsed() < PATIENCE, "they waited for each other");
        // A client not served yet may find the connection closed; no answer is broken.
        assert!(answers.iter().flatten().all(|answer| answer.text() == "stopping"), "{answers:?}");
        assert!(answers.iter().flatten().count() >= 1, "{answers:?}");
    }
}

#[test]
fn a_handler_can_restart_its_server() {
    let shared: Arc<OnceLock<Server>> = Arc::default();
    let own = Arc::clone(&shared);
    let fresh = server(move |request: &mut Request| match request.uri().path() {
        "/restart" => format!("{:?}", own.get().unwrap().restart().map_err(|error| error.to_string())),
        other => other.to_owned(),
    });
    let server = shared.get_or_init(|| fresh);
    server.start().unwrap();
    let mut client = Client::connect(server.bound_addr().unwrap());
    assert_eq!(client.get("/restart").text(), "Ok(())");
    client.assert_closed();
    Client::connect(server.bound_addr().unwrap()).assert_in_step("/after", "/after");
    let _ = server.stop();
}

#[test]
fn two_handlers_that_restart_their_server_do_not_wait_for_each_other() {
    let shared: Arc<OnceLock<Server>> = Arc::default();
    let (own, both) = (Arc::clone(&shared), Arc::new(Barrier::new(2)));
    let mut fresh = server(move |request: &mut Request| match request.uri().path() {
        "/restart" => {
            both.wait();
            format!("{:?}", own.get().unwrap().restart().map_err(|error| error.to_string()))
        }
        other => other.to_owned(),
    });
    fresh.settings.shutdown_timeout = 2 * PATIENCE;
    let server = shared.get_or_init(|| fresh);
    server.start().unwrap();
    let mut clients = [(); 2].map(|()| Client::connect(server.bound_addr().unwrap()));
    clients.iter_mut().for_each(|client| client.send(get("/restart")));
    let mut answers = clients.each_mut().map(|client| client.answer().text().to_owned());
    answers.sort();
    assert_eq!(answers, ["Err(\"server was stopped meanwhile\")", "Ok(())"]);
    Client::connect(server.bound_addr().unwrap()).assert_in_step("/after", "/after");
    let _ = server.stop();
}

#[test]
fn callback_of_a_stop_gets_an_error_for_a_restart() {
    let shared: Arc<OnceLock<Server>> = Arc::default();
    let own = Arc::clone(&shared);
    let fresh = server(move |request: &mut Request| {
        let (own, (told, tells)) = (Arc::clone(&own), mpsc::channel());
        let restart = move || own.get().unwrap().restart().map_err(|error| error.to_string());
        let _on_stop = request.connection().on_stop(move || told.send(format!("{:?}", restart())).unwrap());
        tells.recv_timeout(PATIENCE).unwrap_or_else(|_| "no stop".to_owned())
    });
    let server = shared.get_or_init(|| fresh);
    server.start().unwrap();
    let mut client = Client::connect(server.bound_addr().unwrap());
    client.send(get("/"));
    wait_until("it is being served", || server.statistics().requests == 1);
    let stopped = Arc::clone(&shared);
    let stopping = thread::spawn(move || stopped.get().unwrap().stop());
    assert_eq!(client.answer().text(), "Err(\"server was stopped meanwhile\")");
    wait_until("the server has stopped", || stopping.is_finished());
}

// ---- how a stop goes ----

#[test]
fn stop_lets_running_requests_finish_with_close() {
    let (release, handler) = waiting();
    let server = server(handler);
    server.start().unwrap();
    let mut clients: Vec<Client> = (0..3).map(|_| Client::connect(server.bound_addr().unwrap())).collect();
    clients.iter_mut().for_each(|client| client.send(get("/wait")));
    wait_until("they are being served", || server.statistics().requests == 3);
    thread::scope(|scope| {
        let stop = scope.spawn(|| server.stop());
        wait_until("it is stopping", || !server.handle().is_running());
        (0..3).for_each(|_| release.send(()).unwrap());
        for client in &mut clients {
            let answer = client.answer();
            assert_eq!((answer.text(), answer.closes()), ("/wait", true));
            client.assert_closed();
        }
        let stopped = stop.join().unwrap();
        assert_eq!((stopped.finished, stopped.cut), (3, 0));
    });
}

#[test]
fn a_stop_closes_idle_and_silent_connections_at_once() {
    let mut server = server(hello);
    server.settings.shutdown_timeout = LONG;
    server.settings.socket_timeout = LONG;
    server.start().unwrap();
    let address = server.bound_addr().unwrap();
    let mut idle: Vec<Client> = (0..20).map(|_| Client::connect(address)).collect();
    idle.iter_mut().for_each(|client| client.assert_in_step("/", "hello"));
    let mut silent: Vec<Client> = (0..20).map(|_| Client::connect(address)).collect();
    let before = server.statistics().bytes_read;
    silent[0].send("GET / HTT");
    // Unread bytes at the close would cause a reset.
    wait_until("the part of a head has been read", || server.statistics().bytes_read == before + 9);
    wait_until("all are parked", || server.statistics().parked == 40);
    let stopped = server.stop();
    assert_eq!((stopped.finished, stopped.cut), (0, 0));
    assert!(stopped.took < PATIENCE, "{stopped:?}");
    idle.iter_mut().chain(&mut silent).for_each(Client::assert_closed);
    assert!(TcpStream::connect(address).is_err());
}

#[test]
fn stop_cuts_requests_that_outlive_shutdown_timeout() {
    let mut server = server(|_: &mut Request| vec![b'x'; 64 << 20]);
    server.settings.shutdown_timeout = Duration::from_millis(300);
    server.settings.write_timeout = Some(LONG);
    server.start().unwrap();
    // It takes nothing of its answer.
    let mut client = Client::connect(server.bound_addr().unwrap());
    client.send(get("/"));
    wait_until("it is being served", || server.statistics().requests == 1);
    let stopped = server.stop();
    assert_eq!((stopped.finished, stopped.cut), (0, 1));
    assert!(stopped.took >= Duration::from_millis(300) && stopped.took < PATIENCE, "{stopped:?}");
    assert!(client.over().len() < 64 << 20);
}

#[test]
fn a_handler_that_never_returns_does_not_hold_a_stop() {
    let (release, handler) = waiting();
    let mut server = server(handler);
    server.settings.shutdown_timeout = Duration::from_millis(100);
    server.start().unwrap();
    let mut client = Client::connect(server.bound_addr().unwrap());
    client.send(get("/wait"));
    wait_until("it is being served", || server.statistics().requests == 1);
    let stopped = server.stop();
    assert_eq!((stopped.finished, stopped.cut), (0, 1));
    assert!(stopped.took < PATIENCE / 2, "{stopped:?}");
    assert!(client.over().is_empty());
    // Its thread has still to go; another start does not mind.
    server.start().unwrap();
    Client::connect(server.bound_addr().unwrap()).assert_in_step("/2", "/2");
    release.send(()).unwrap();
}

#[test]
fn an_endless_stream_sees_the_stop_and_ends() {
    let mut server = server(|request: &mut Request| {
        if request.uri().path() == "/handler" {
            wait_until("the handler sees the stop", || request.is_shutting_down());
            return Body::from("seen");
        }
        Body::stream(|writer| {
            let begun = Instant::now();
            while !writer.is_shutting_down() && begun.elapsed() < PATIENCE {
                writeln!(writer, "tick")?;
                writer.flush()?;
                thread::sleep(Duration::from_millis(1));
            }
            writeln!(writer, "bye")
        })
    });
    server.settings.shutdown_timeout = LONG;
    server.start().unwrap();
    let mut stream = Client::connect(server.bound_addr().unwrap());
    stream.send(get("/stream"));
    assert_eq!(stream.head().unwrap().status, 200);
    assert_eq!(stream.chunk().unwrap(), b"tick\n");
    let mut handler = Client::connect(server.bound_addr().unwrap());
    handler.send(get("/handler"));
    wait_until("both are being served", || server.statistics().requests == 2);
    let stopping = thread::spawn(move || server.stop());
    assert_eq!(handler.answer().text(), "seen");
    let mut last = Vec::new();
    loop {
        let chunk = stream.chunk().unwrap();
        if chunk.is_empty() {
            break;
        }
        last = chunk;
    }
    assert!(last.ends_with(b"bye\n"));
    stream.fields().unwrap();
    stream.assert_closed();
    assert_eq!(stopping.join().unwrap().finished, 2);
}

#[test]
fn a_stop_answers_whole_requests_that_are_already_there() {
    let (release, handler) = waiting();
    let mut server = server(handler);
    server.settings.thread_pool = 1;
    server.settings.thread_pool_max = Some(1);
    server.start().unwrap();
    let mut first = Client::connect(server.bound_addr().unwrap());
    first.send(get("/wait"));
    wait_until("it is being served", || server.statistics().requests == 1);
    let mut second = Client::connect(server.bound_addr().unwrap());
    second.send(get("/queued"));
    wait_until("another waits", || server.statistics().queue == 1);
    thread::scope(|scope| {
        let stop = scope.spawn(|| server.stop());
        wait_until("it is stopping", || !server.handle().is_running());
        release.send(()).unwrap();
        assert_eq!(first.answer().text(), "/wait");
        let answer = second.answer();
        assert_eq!((answer.text(), answer.closes()), ("/queued", true));
        let _ = stop.join().unwrap();
    });
}

#[test]
fn a_stop_cuts_an_upload_that_does_not_come_to_its_end() {
    let mut server = server(|request: &mut Request| std::mem::take(request.body_mut()).into_string());
    server.settings.body_buffer_size = 0;
    server.settings.shutdown_timeout = Duration::from_millis(300);
    server.settings.socket_timeout = LONG;
    server.start().unwrap();
    let mut client = Client::connect(server.bound_addr().unwrap());
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf");
    wait_until("it is being served", || server.statistics().requests == 1);
    let stopped = server.stop();
    assert_eq!((stopped.finished, stopped.cut), (0, 1));
    assert!(stopped.took < PATIENCE, "{stopped:?}");
    client.over();
}

#[test]
fn a_restart_under_load_breaks_no_answer() {
    /// Ends the clients however the test ends.
    struct Over<'a>(&'a AtomicBool);
    impl Drop for Over<'_> {
        fn drop(&mut self) {
            self.0.store(true, Ordering::SeqCst);
        }
    }
    let mut server = server(|request: &mut Request| request.uri().to_string());
    server.settings.socket_port = fixed_port();
    server.start().unwrap();
    let address = server.bound_addr().unwrap();
    let (whole, is_over) = (AtomicUsize::new(0), AtomicBool::new(false));
    thread::scope(|scope| {
        let over = Over(&is_over);
        for who in 0..4 {
            let (whole, is_over) = (&whole, &is_over);
            let handle = server.handle();
            scope.spawn(move || {
                while !is_over.load(Ordering::SeqCst) {
                    // Between two runs no socket listens.
                    if !handle.is_running() {
                        thread::yield_now();
                        continue;
                    }
                    let Ok(stream) = TcpStream::connect(address) else { continue };
                    let mut client = Client::over_stream(stream);
                    for n in 0..50 {
                        let target = format!("/{who}/{n}");
                        if client.sender().write_all(get(&target).as_bytes()).is_err() {
                            break;
                        }
                        match client.answer_to("GET") {
                            Ok(answer) => assert_eq!(answer.text(), target),
                            // Between two requests a server may leave, in the middle of an answer not.
                            Err(error) => {
                                assert!(!error.contains("cut"), "{error}");
                                break;
                            }
                        }
                        whole.fetch_add(1, Ordering::SeqCst);
                    }
                }
            });
        }
        for round in 1..=10 {
            wait_until("answers come", || whole.load(Ordering::SeqCst) >= 20 * round);
            server.restart().unwrap();
        }
        drop(over);
    });
    assert!(whole.load(Ordering::SeqCst) >= 200);
}

#[test]
fn dropping_a_server_stops_it() {
    let server = TestServer::new(hello);
    let (address, handle) = (server.address(), server.handle());
    let mut client = Client::connect(address);
    client.assert_in_step("/", "hello");
    drop(server);
    assert!(!handle.is_running());
    client.assert_closed();
    assert!(TcpStream::connect(address).is_err());
}

// ---- restart ----

/// Returns a port that is unused, and that the system does not give to outgoing connections
/// meanwhile.
fn fixed_port() -> u16 {
    static ASKED: AtomicUsize = AtomicUsize::new(0);
    // Each its own, also where this runs several times at once.
    let own = std::process::id() as usize * 16 + ASKED.fetch_add(1, Ordering::SeqCst);
    let mut ports = (0..10_000).map(|n| u16::try_from(20_000 + (own + n) % 10_000).unwrap());
    ports.find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok()).unwrap()
}

#[test]
fn a_restart_takes_changed_settings_and_keeps_a_fixed_port() {
    let mut server = server(|request: &mut Request| std::mem::take(request.body_mut()).into_string());
    server.settings.socket_port = fixed_port();
    server.start().unwrap();
    let address = server.bound_addr().unwrap();
    assert_eq!(Client::connect(address).post("/", b"eleven long").status, 200);
    server.settings.max_request_body_size = Some(10);
    for _ in 0..5 {
        server.restart().unwrap();
        assert_eq!(server.bound_addr(), Some(address));
        assert_eq!(Client::connect(address).post("/", b"eleven long").status, 413);
    }
    assert_eq!(server.statistics().accepts, 1, "statistics begin anew");
}

#[test]
fn a_restart_that_cannot_start_leaves_it_stopped() {
    let mut server = server(hello);
    server.start().unwrap();
    let address = server.bound_addr().unwrap();
    server.settings.thread_pool = 0;
    assert!(matches!(server.restart(), Err(Error::Setting { name: "thread_pool", .. })));
    assert!(server.bound_addr().is_none() && !server.handle().is_running());
    assert!(TcpStream::connect(address).is_err());
    server.settings.thread_pool = 1;
    server.start().unwrap();
}

// ---- errors of a start ----

/// A TLS adapter that panics.
struct Panicking;

impl Adapter for Panicking {
    fn load(&self, _: &Options, _: SystemTime) -> Result<Box<dyn Acceptor>, Error> {
        panic!("on purpose")
    }
}

#[test]
fn start_fails_if_the_adapter_panics() {
    drupe::tls::register("panicking", Panicking).unwrap();
    let mut server = server(hello);
    server.settings.ssl_module = "panicking".to_owned();
    server.settings.ssl_context = Some(SslContext::new(Arc::new(())));
    let (tell, told) = mpsc::channel();
    thread::spawn(move || {
        let started = server.start();
        drop(server);
        tell.send(started).unwrap();
    });
    let text = told.recv_timeout(PATIENCE).unwrap().unwrap_err().to_string();
    assert_eq!(text, "setting ssl_module: the adapter panicked: on purpose");
}

#[test]
fn a_port_in_use_is_named() {
    let taken = TestServer::new(hello);
    let mut server = server(hello);
    server.settings.socket_port = taken.address().port();
    match server.start().unwrap_err() {
        Error::Bind { address, source, .. } => {
            assert_eq!(address, taken.address().to_string());
            assert_eq!(source.kind(), std::io::ErrorKind::AddrInUse);
        }
        other => panic!("{other}"),
    }
    Client::connect(taken.address()).assert_in_step("/", "hello");
}

#[test]
fn a_host_without_an_address_is_named() {
    let mut server = server(hello);
    server.settings.socket_host = "no-such-host.invalid".to_owned();
    match server.start().unwrap_err() {
        Error::Resolve { host, .. } => assert_eq!(host, "no-such-host.invalid"),
        other => panic!("{other}"),
    }
}

#[test]
fn every_setting_that_cannot_be_used_is_refused_by_name() {
    type Change = fn(&mut Settings);
    let changes: &[(&str, Change)] = &[
        ("socket_host", |s| s.socket_host = String::new()),
        ("socket_host", |s| s.socket_host = "two words".to_owned()),
        ("socket_host", |s| s.socket_host = "[::1]".to_owned()),
        ("socket_file", |s| s.socket_file = Some("/nowhere/socket".into())),
        ("socket_file", |s| s.socket_file = Some("".into())),
        ("socket_mode", |s| s.socket_mode = 0o1000),
        ("socket_user", |s| s.socket_user = Some(String::new())),
        ("socket_group", |s| s.socket_group = Some(String::new())),
        ("socket_queue_size", |s| s.socket_queue_size = 0),
        ("socket_queue_size", |s| s.socket_queue_size = u32::MAX),
        ("socket_timeout", |s| s.socket_timeout = Duration::ZERO),
        ("socket_timeout", |s| s.socket_timeout = Duration::MAX),
        ("header_timeout", |s| s.header_timeout = Some(Duration::ZERO)),
        ("body_timeout", |s| s.body_timeout = Some(Duration::ZERO)),
        ("write_timeout", |s| s.write_timeout = Some(Duration::ZERO)),
        ("keep_alive_timeout", |s| s.keep_alive_timeout = Duration::ZERO),
        ("keep_alive_grace", |s| s.keep_alive_grace = Duration::MAX),
        ("linger_timeout", |s| s.linger_timeout = Duration::ZERO),
        ("accepted_queue_timeout", |s| s.accepted_queue_timeout = Duration::MAX),
        ("shutdown_timeout", |s| s.shutdown_timeout = Duration::MAX),
        ("max_request_header_size", |s| s.max_request_header_size = 0),
        ("max_request_target_size", |s| s.max_request_target_size = 0),
        ("max_request_target_size", |s| s.max_request_target_size = 65_535),
        ("max_request_header_fields", |s| s.max_request_header_fields = 0),
        ("max_request_body_size", |s| s.max_request_body_size = Some(0)),
        ("body_buffer_size", |s| s.body_buffer_size = 2 << 30),
        ("max_parked_size", |s| s.max_parked_size = Some(0)),
        ("max_drain_size", |s| s.max_drain_size = 0),
        ("max_linger_size", |s| s.max_linger_size = 0),
        ("minimum_rate", |s| s.minimum_rate = Some(0)),
        ("thread_pool", |s| s.thread_pool = 0),
        ("thread_pool_max", |s| s.thread_pool_max = Some(1)),
        ("thread_pool_max", |s| s.thread_pool_max = Some(0)),
        ("thread_idle_timeout", |s| s.thread_idle_timeout = Duration::ZERO),
        ("thread_stack_size", |s| s.thread_stack_size = 1),
        ("accepted_queue_size", |s| s.accepted_queue_size = Some(0)),
        ("protocol_version", |s| s.protocol_version = "HTTP/2".to_owned()),
        ("software", |s| s.software = Some("a\r\nb".to_owned())),
        ("header_overflow_status", |s| s.header_overflow_status = 200),
        ("ssl_certificate", |s| s.ssl_certificate = Some("cert.pem".into())),
        ("ssl_certificate_chain", |s| s.ssl_certificate_chain = Some("chain.pem".into())),
        ("ssl_private_key", |s| s.ssl_private_key = Some("key.pem".into())),
        ("ssl_ciphers", |s| s.ssl_ciphers = Some("ALL".to_owned())),
        ("ssl_module", |s| s.ssl_module = "pyopenssl".to_owned()),
        ("peercreds_resolve", |s| s.peercreds_resolve = true),
        ("wsgi_version", |s| s.wsgi_version = ("u".to_owned(), 1)),
    ];
    for (name, change) in changes {
        let mut server = server(hello);
        change(&mut server.settings);
        match server.start() {
            Err(Error::Setting { name: found, reason, .. } | Error::Contradiction { name: found, reason, .. }) => {
                assert_eq!(found, *name);
                assert!(!reason.is_empty());
            }
            other => panic!("{name}: {other:?}"),
        }
        assert!(server.bound_addr().is_none());
    }
}

// ---- addresses, and threads that wait ----

#[test]
fn other_threads_can_wait_for_start_and_stop() {
    let server = server(hello);
    let (told, tells) = mpsc::channel();
    thread::scope(|scope| {
        for handle in [server.handle(), server.handle()] {
            let told = told.clone();
            scope.spawn(move || {
                handle.wait().unwrap();
                told.send(("running", handle.is_running())).unwrap();
                handle.block().unwrap();
                told.send(("stopped", !handle.is_running())).unwrap();
            });
        }
        server.block().unwrap();
        server.start().unwrap();
        server.wait().unwrap();
        for _ in 0..2 {
            assert_eq!(tells.recv_timeout(PATIENCE), Ok(("running", true)));
        }
        assert!(tells.try_recv().is_err(), "they block while it runs");
        let _ = server.stop();
        for _ in 0..2 {
            assert_eq!(tells.recv_timeout(PATIENCE), Ok(("stopped", true)));
        }
    });
}

#[test]
fn wait_ends_with_an_error_if_the_server_is_dropped() {
    for has_run in [false, true] {
        let server = server(hello);
        if has_run {
            server.start().unwrap();
            server.stop();
        }
        let (handle, (tell, told)) = (server.handle(), mpsc::channel());
        thread::spawn(move || {
            for _ in 0..2 {
                tell.send(handle.wait()).unwrap();
            }
        });
        drop(server);
        for _ in 0..2 {
            assert!(matches!(told.recv_timeout(PATIENCE), Ok(Err(Error::Stopped))), "has_run: {has_run}");
        }
    }
}

#[test]
fn quickstart_serves_until_it_is_stopped() {
    let server = server(hello);
    thread::scope(|scope| {
        let running = scope.spawn(|| server.quickstart());
        server.handle().wait().unwrap();
        Client::connect(server.bound_addr().unwrap()).assert_in_step("/", "hello");
        let _ = server.handle().stop();
        running.join().unwrap().unwrap();
    });
}

#[test]
fn server_reports_configured_and_bound_addresses() {
    let mut server = Server::new(hello);
    assert_eq!(server.bind_addr(), BindAddr::Tcp { host: "127.0.0.1".to_owned(), port: 8080 });
    assert_eq!((&*server.base(), &*server.description()), ("http://127.0.0.1:8080", "127.0.0.1:8080"));
    server.set_bind_addr(BindAddr::Unix("/run/app.sock".into()));
    assert_eq!(server.bind_addr(), BindAddr::Unix("/run/app.sock".into()));
    server.set_bind_addr(BindAddr::Tcp { host: "::1".to_owned(), port: 80 });
    assert_eq!((server.settings.socket_file.is_none(), &*server.base()), (true, "http://[::1]"));
    server.listen_on(TcpListener::bind("127.0.0.1:0").unwrap());
    server.set_bind_addr(BindAddr::Tcp { host: "127.0.0.1".to_owned(), port: 0 });
    assert!(server.bound_addr().is_none() && server.handle().addresses().is_empty());
    server.start().unwrap();
    let bound = server.bound_addr().unwrap();
    assert_eq!(server.handle().addresses(), [bound]);
    assert_eq!((server.base(), server.description()), (format!("http://{bound}"), format!("http://{bound}")));
    let _ = server.stop();
    assert!(server.bound_addr().is_none());
}

#[test]
fn statistics_count_requests_and_bytes() {
    let server = TestServer::new(hello);
    let mut client = Client::connect(server.address());
    client.assert_in_step("/", "hello");
    client.assert_in_step("/", "hello");
    client.send("BAD\r\n\r\n");
    let answer = client.answer();
    assert_eq!(answer.status, 400);
    let statistics = server.server().statistics();
    assert_eq!((statistics.accepts, statistics.requests, statistics.refused), (1, 2, 1));
    assert_eq!(statistics.bytes_read, 2 * get("/").len() as u64 + 7);
    assert!(statistics.bytes_written > 3 * 60);
    assert_eq!((statistics.panics, statistics.turned_away, statistics.timed_out), (0, 0, 0));
    assert!(statistics.threads >= 10 && statistics.threads_idle <= statistics.threads);
    let handle = server.handle();
    drop(server);
    assert_eq!(handle.statistics().requests, 2, "what was counted outlives the stop");
}
