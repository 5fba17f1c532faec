//! A stop under a mixed load: requests in flight, idle clients, an endless stream, a handler that
//! never returns.

use std::io::{ErrorKind, Write};
use std::sync::{Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use drupe::testing::{self, TestServer};
use drupe::{Body, Request, RequestExt, Server};

use crate::client::{Client, PATIENCE, get, wait_until};
use crate::door::Door;
use crate::process::{descriptors, is_alone_with, threads};

const IN_FLIGHT: usize = 100;
const IDLE: usize = 100;
/// The content of each answer in flight.
const CONTENT: usize = 256 << 10;

#[test]
fn stop_under_full_load_is_in_time_and_reports_counts() {
    const NAME: &str = "stop::stop_under_full_load_is_in_time_and_reports_counts";
    if !is_alone_with(2000, NAME) {
        return;
    }
    let before = descriptors();
    let (door, stuck) = (Door::default(), Door::default());
    let server = server(&door, &stuck);
    server.start().unwrap();
    let address = server.bound_addr().unwrap();

    let mut idle: Vec<Client> = (0..IDLE).map(|_| Client::connect(address)).collect();
    idle.iter_mut().for_each(|client| assert_eq!(client.get("/").status, 200));
    let mut flying: Vec<Client> = (0..IN_FLIGHT).map(|_| Client::connect(address)).collect();
    for (number, client) in flying.iter_mut().enumerate() {
        client.send(get(&format!("/door/{number}")));
    }
    let mut stream = Client::connect(address);
    stream.send(get("/stream"));
    assert_eq!(stream.head().unwrap().status, 200);
    assert_eq!(stream.chunk().unwrap(), b"tick\n");
    let mut prisoner = Client::connect(address);
    prisoner.send(get("/stuck"));
    wait_until("all handlers run", || door.waiting() == IN_FLIGHT && stuck.waiting() == 1);
    wait_until("the others are parked", || server.statistics().parked == IDLE);

    let stopped = thread::scope(|scope| {
        let stop = scope.spawn(|| server.stop());
        wait_until("it is stopping", || !server.handle().is_running());
        // The idle ones go at once, while the others have not even begun to.
        idle.iter_mut().for_each(Client::assert_closed);
        door.open();
        for (number, client) in flying.iter_mut().enumerate() {
            let answer = client.answer();
            assert_eq!((answer.status, answer.closes()), (200, true));
            assert_eq!(
                answer.content,
                content(&format!("/door/{number}")),
                "answer {number} is not its own or not whole"
            );
            client.assert_closed();
        }
        // The stream has noticed, and has said its last word.
        let mut last = Vec::new();
        loop {
            let chunk = stream.chunk().unwrap();
            if chunk.is_empty() {
                break;
            }
            last = chunk;
        }
        assert!(last.ends_with(b"bye\n"), "{:?}", String::from_utf8_lossy(&last));
        stream.fields().unwrap();
        stream.assert_closed();
        stop.join().unwrap()
    });
    assert_eq!((stopped.finished, stopped.cut), (IN_FLIGHT + 1, 1));
    let limit = server.settings.shutdown_timeout;
    // It takes the limit and some 0.4 s; where the whole machine is made to pause meanwhile, as virtual ones are, that comes on top.
    assert!(stopped.took >= limit && stopped.took <= 2 * limit, "{stopped:?}");
    assert!(prisoner.over().is_empty(), "who never got an answer got half of one");
    wait_until("only the one that is stuck is left", || threads().len() == 1);

    stuck.open();
    wait_until("and now none", || threads().is_empty());
    drop((idle, flying, stream, prisoner, server));
    wait_until("all descriptors are back", || descriptors() == before);
}

#[test]
fn a_stop_answers_requests_that_have_come() {
    const CLIENTS: usize = 50;
    let door = Door::default();
    let at_door = door.clone();
    let mut server = Server::new(move |request: &mut Request| {
        if request.uri().path() == "/wait" {
            at_door.pass();
        }
        request.uri().path().to_owned()
    });
    server.settings.socket_port = 0;
    (server.settings.thread_pool, server.settings.thread_pool_max) = (2, Some(2));
    server.settings.shutdown_timeout = PATIENCE;
    server.start().unwrap();
    let address = server.bound_addr().unwrap();
    let mut kept: Vec<Client> = (0..CLIENTS).map(|_| Client::connect(address)).collect();
    kept.iter_mut().for_each(|client| client.assert_in_step("/", "/"));
    let mut busy: Vec<Client> = (0..2).map(|_| Client::connect(address)).collect();
    busy.iter_mut().for_each(|client| client.send(get("/wait")));
    wait_until("both workers are in a handler", || door.waiting() == 2);
    // No worker is free to look at them before the stop begins.
    kept.iter_mut().for_each(|client| client.send(get("/unread")));
    let stopped = thread::scope(|scope| {
        let stop = scope.spawn(|| server.stop());
        wait_until("the server is stopping", || !server.handle().is_running());
        door.open();
        for (client, content) in
            kept.iter_mut().map(|client| (client, "/unread")).chain(busy.iter_mut().map(|client| (client, "/wait")))
        {
            let answer = client.answer();
            assert_eq!((answer.status, answer.text(), answer.closes()), (200, content, true));
            client.assert_closed();
        }
        stop.join().unwrap()
    });
    assert_eq!((stopped.finished, stopped.cut), (CLIENTS + 2, 0));
}

/// A connection closed at once would be reset, and the client could lose unread bytes of the
/// answer.
#[test]
fn refused_client_that_still_sends_reads_the_answer() {
    let mut server = Server::new(|_: &mut Request| "too late");
    server.settings.socket_port = 0;
    server.settings.max_request_body_size = Some(1000);
    server.settings.linger_timeout = PATIENCE;
    server.settings.shutdown_timeout = PATIENCE;
    server.start().unwrap();
    let mut client = Client::connect(server.bound_addr().unwrap());
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 64000000\r\n\r\n");
    wait_until("it is refused", || server.statistics().refused == 1 && server.statistics().parked == 1);
    let stopped = thread::scope(|scope| {
        let stop = scope.spawn(|| server.stop());
        wait_until("it is stopping", || !server.handle().is_running());
        // More than the buffers on the way hold.
        for _ in 0..64 {
            client.send(vec![b'x'; 1_000_000]);
        }
        assert_eq!(client.answer().status, 413);
        client.end();
        client.assert_closed();
        stop.join().unwrap()
    });
    assert_eq!((stopped.finished, stopped.cut), (0, 0));
    assert!(stopped.took < PATIENCE / 2, "{stopped:?}");
}

/// The same for a client whose content the handler left unread: the answer is sent, and may not
/// have been read.
#[test]
fn client_that_sends_discarded_content_reads_its_answer() {
    let mut server = Server::new(|_: &mut Request| "answered");
    server.settings.socket_port = 0;
    server.settings.body_buffer_size = 0;
    (server.settings.linger_timeout, server.settings.shutdown_timeout) = (PATIENCE, PATIENCE);
    server.start().unwrap();
    let mut client = Client::connect(server.bound_addr().unwrap());
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10000\r\n\r\n");
    wait_until("it is answered", || server.statistics().requests == 1 && server.statistics().parked == 1);
    let stopped = thread::scope(|scope| {
        let stop = scope.spawn(|| server.stop());
        wait_until("it is stopping", || !server.handle().is_running());
        for _ in 0..100 {
            client.send([b'x'; 100]);
            thread::sleep(Duration::from_millis(1));
        }
        assert_eq!(client.answer().text(), "answered");
        client.assert_closed();
        stop.join().unwrap()
    });
    assert_eq!(stopped.cut, 0);
    assert!(stopped.took < PATIENCE / 2, "{stopped:?}");
}

/// A client that takes the end of the connection for the end of the answer must not mistake the
/// stop for one: while the handler works, while it writes to a client that reads, and while the
/// client does not read.
#[test]
fn answers_cut_by_a_stop_do_not_pass_for_complete() {
    let door = Door::default();
    let held = door.clone();
    let mut server = Server::new(move |request: &mut Request| {
        let (held, path) = (held.clone(), request.uri().path().to_owned());
        Body::stream(move |writer| {
            writer.write_all(b"begun")?;
            writer.flush()?;
            if path == "/own" {
                held.pass();
                return Ok(());
            }
            let block = [b'x'; 16 << 10];
            loop {
                writer.write_all(&block)?;
                if path == "/quick" {
                    thread::sleep(Duration::from_millis(1));
                }
            }
        })
    });
    server.settings.socket_port = 0;
    server.settings.shutdown_timeout = Duration::from_millis(50);
    server.start().unwrap();
    let mut clients: Vec<Client> = ["/own", "/quick", "/slow"]
        .map(|path| {
            let mut client = Client::connect(server.bound_addr().unwrap());
            client.send(format!("GET {path} HTTP/1.0\r\n\r\n"));
            assert_eq!(client.head().unwrap().status, 200);
            assert_eq!(client.take(5).unwrap(), b"begun");
            client
        })
        .into();
    let mut quick = clients.remove(1);
    let stopped = thread::scope(|scope| {
        let reading = scope.spawn(move || quick.try_rest().map(|rest| rest.len()));
        let stopped = server.stop();
        door.open();
        assert_eq!(reading.join().unwrap().unwrap_err().kind(), ErrorKind::ConnectionReset);
        stopped
    });
    for mut client in clients {
        assert_eq!(client.try_rest().map(|rest| rest.len()).unwrap_err().kind(), ErrorKind::ConnectionReset);
    }
    assert_eq!((stopped.finished, stopped.cut), (0, 3));
    assert!(stopped.took < PATIENCE / 2, "{stopped:?}");
}

#[test]
fn lingering_connections_are_not_counted_as_cut() {
    let mut server = Server::new(|_: &mut Request| "never");
    server.settings.socket_port = 0;
    server.settings.linger_timeout = PATIENCE;
    server.settings.shutdown_timeout = Duration::from_millis(50);
    server.start().unwrap();
    let mut client = Client::connect(server.bound_addr().unwrap());
    client.send("no request\r\n\r\n");
    assert_eq!(client.answer().status, 400);
    wait_until("it lingers", || server.statistics().parked == 1);
    let stopped = server.stop();
    assert_eq!((stopped.finished, stopped.cut), (0, 0));
    assert!(stopped.took < PATIENCE / 2, "{stopped:?}");
}

/// `/door` waits at one door, `/stuck` at the other, `/stream` ends when the server does.
fn server(door: &Door, stuck: &Door) -> Server {
    let (door, stuck) = (door.clone(), stuck.clone());
    let mut server = Server::new(move |request: &mut Request| match request.uri().path() {
        "/" => Body::from("idle"),
        "/stuck" => {
            stuck.pass();
            "too late".into()
        }
        "/stream" => Body::stream(|writer| {
            let begun = Instant::now();
            while !writer.is_shutting_down() && begun.elapsed() < PATIENCE {
                writeln!(writer, "tick")?;
                writer.flush()?;
                thread::sleep(Duration::from_millis(5));
            }
            writeln!(writer, "bye")
        }),
        path => {
            door.pass();
            content(path).into()
        }
    });
    server.settings.socket_port = 0;
    server.settings.thread_pool = 4;
    server.settings.shutdown_timeout = Duration::from_secs(5);
    server
}

/// Content that shows its own completeness, and its request.
fn content(path: &str) -> Vec<u8> {
    // Copied instead of generated byte by byte, which would cost a busy machine the time given to the stop.
    let mut content = [path.as_bytes(), b" "].concat().repeat(CONTENT / path.len());
    content.truncate(CONTENT);
    content
}

#[test]
fn handler_can_stop_its_own_server_without_a_static() {
    let server = TestServer::new(|request: &mut Request| {
        let own = request.server().expect("there is a server");
        own.stop();
        "stopping"
    });
    let mut client = Client::connect(server.address());
    let answer = client.get("/");
    assert_eq!((answer.text(), answer.closes()), ("stopping", true));
    server.server().block().unwrap();
    assert!(
        testing::call(&|request: &mut Request| request.server().is_none().to_string(), Request::default())
            .into_body()
            .into_string()
            .unwrap()
            .contains("true")
    );
}

#[test]
fn handle_of_a_request_does_not_keep_a_dropped_server() {
    static KEPT: Mutex<Option<drupe::ServerHandle>> = Mutex::new(None);
    let server = TestServer::new(|request: &mut Request| {
        *KEPT.lock().unwrap() = request.server();
    });
    let address = server.address();
    Client::connect(address).get("/");
    drop(server);
    let kept = KEPT.lock().unwrap().take().unwrap();
    assert!(!kept.is_running() && kept.addresses().is_empty());
    assert!(std::net::TcpStream::connect(address).is_err());
}

/// Streams the numbers of a channel of the request; ends at a stop.
fn events(request: &mut Request, senders: &Mutex<Vec<mpsc::Sender<Option<u32>>>>) -> Body {
    let (sender, news) = mpsc::channel();
    senders.lock().unwrap().push(sender.clone());
    let on_stop = request.connection().on_stop(move || sender.send(None).unwrap());
    Body::stream(move |writer| {
        let _on_stop = on_stop;
        while let Ok(Some(number)) = news.recv() {
            writeln!(writer, "{number}")?;
            writer.flush()?;
        }
        write!(writer, "end {}", writer.is_shutting_down())
    })
}

#[test]
fn stream_that_waits_for_a_channel_ends_at_a_stop_and_at_a_restart() {
    static SENDERS: Mutex<Vec<mpsc::Sender<Option<u32>>>> = Mutex::new(Vec::new());
    let server = TestServer::with(
        |request: &mut Request| events(request, &SENDERS),
        |settings| {
            settings.shutdown_timeout = 2 * PATIENCE;
        },
    );
    for again in [true, false] {
        let mut client = Client::connect(server.address());
        client.send(get("/"));
        wait_until("the handler listens", || !SENDERS.lock().unwrap().is_empty());
        SENDERS.lock().unwrap().pop().unwrap().send(Some(7)).unwrap();
        assert_eq!(client.head().unwrap().status, 200);
        assert_eq!(client.chunk().unwrap(), b"7\n");
        if again {
            server.server().restart().unwrap();
        } else {
            assert_eq!(server.server().stop().cut, 0);
        }
        assert_eq!(client.chunk().unwrap(), b"end true");
    }
}

/// A callback runs without the locks of the server, and the stop does not wait for itself.
#[test]
fn callback_of_a_stop_may_ask_and_stop_its_server() {
    let (tell, told) = mpsc::channel();
    let server = TestServer::new(move |request: &mut Request| {
        let (server, tell) = (request.server().unwrap(), tell.clone());
        let on_stop = request.connection().on_stop(move || {
            let is_running = server.is_running();
            let _ = server.stop();
            tell.send((is_running, server.addresses().len())).unwrap();
        });
        // Kept beyond the request.
        std::mem::forget(on_stop);
        "hello"
    });
    assert_eq!(Client::connect(server.address()).get("/").status, 200);
    let handle = server.server().handle();
    thread::spawn(move || handle.stop());
    let Ok(seen) = told.recv_timeout(PATIENCE) else {
        // Dropping the server would wait for the stop as well.
        std::mem::forget(server);
        panic!("the callback waits for its own stop");
    };
    assert_eq!(seen, (false, 0));
    server.server().block().unwrap();
}
