//! TLS from the first byte to the last: handshakes, facts for handlers, slow and broken clients,
//! changing certificates.

use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use drupe::statistics::Statistics;
use drupe::testing::{Conversation, TestServer};
use drupe::{Body, Error, Request, RequestExt, Server, Settings, upgrade};

use crate::client::{Client, PATIENCE, get, post, wait_until};
use crate::place::Place;
use crate::secure::{
    AUTHORITY, Authority, config, connect, connect_raw, connect_to, context, shake, shown, shown_over,
};

fn secure(settings: &mut Settings) {
    settings.ssl_context = Some(context());
}

fn two_workers(settings: &mut Settings) {
    secure(settings);
    (settings.thread_pool, settings.thread_pool_max) = (2, Some(2));
}

fn path(request: &mut Request) -> String {
    request.uri().path().to_owned()
}

fn statistics(server: &TestServer) -> Statistics {
    server.server().statistics()
}

// ---- facts for a handler ----

fn tell(request: &mut Request) -> String {
    let connection = request.connection();
    let Some(tls) = connection.tls() else { return format!("{} in clear", connection.scheme()) };
    let client = tls.client_certificate.as_ref().and_then(|client| client.subject.common_name()).unwrap_or("-");
    let days = tls.server_certificate.as_ref().and_then(|ours| ours.days_left(std::time::SystemTime::now()));
    let asked = tls.server_name.as_deref().unwrap_or("-");
    let alpn = tls.alpn.as_deref().unwrap_or("-");
    format!("{} {} {alpn} {asked} {client} {}", connection.scheme(), tls.protocol, days.unwrap_or_default())
}

#[test]
fn handler_sees_the_negotiated_tls_parameters() {
    let server = TestServer::with(tell, secure);
    assert!(server.url("/").starts_with("https://127.0.0.1:") && server.server().base().starts_with("https://"));
    let mut client = connect_to(server.address());
    // The same for every request of the connection.
    for _ in 0..2 {
        client.assert_in_step("/", "https TLSv1.3 http/1.1 localhost - 364");
    }
    let server = TestServer::new(tell);
    Client::connect(server.address()).assert_in_step("/", "http in clear");
}

#[test]
fn a_first_flight_in_memory_is_answered_as_over_a_socket() {
    let mut settings = Settings::default();
    assert!(Conversation::encrypted(tell, &settings).unwrap_err().to_string().contains("ssl_certificate"));
    secure(&mut settings);
    let conversation = Conversation::encrypted(tell, &settings).unwrap();
    // An alert: it is no handshake message that could begin one.
    assert_eq!(conversation.run([b"\x16\x03\x01\x00\x04\x63\0\0\0".to_vec()])[..3], [0x15, 3, 3]);
    let clear = conversation.run([b"GET / HT".to_vec(), b"TP/1.1\r\nHost: a\r\n\r\n".to_vec()]);
    assert!(clear.starts_with(b"HTTP/1.1 400 "), "{}", String::from_utf8_lossy(&clear));
    assert_eq!(conversation.run([]), b"");
}

#[test]
fn client_certificates_are_requested_as_configured() {
    let folder = Place::new();
    let ca = folder.write("ca.pem", &AUTHORITY.pem);
    let (known, unknown) = (AUTHORITY.issue(&["known"]), Authority::new("somebody").issue(&["unknown"]));
    // The results: without a certificate, with a known one, with an unknown one.
    for (mode, expected) in [
        ("none", [Some("-"), Some("-"), Some("-")]),
        ("optional", [Some("-"), Some("known"), None]),
        ("required", [None, Some("known"), None]),
    ] {
        let server = TestServer::with(tell, |settings| {
            secure(settings);
            settings.ssl_client_ca = Some(ca.clone());
            settings.ssl_verify_mode = Some(mode.to_owned());
        });
        for (certificate, expected) in [None, Some(&known), Some(&unknown)].into_iter().zip(expected) {
            // With TLS 1.3 the client has finished before it hears that it is refused.
            let answer = connect(server.address(), &config(certificate)).map_err(|error| error.to_string());
            let answer = answer.and_then(|mut client| {
                client.try_send(get("/").as_bytes()).map_err(|error| error.to_string())?;
                client.answer_to("GET")
            });
            let shown = answer.as_ref().ok().and_then(|answer| answer.text().split(' ').nth(4));
            assert_eq!(shown, expected, "{mode}: {answer:?}");
        }
        let refused = expected.iter().filter(|expected| expected.is_none()).count() as u64;
        wait_until("those that are refused are counted", || statistics(&server).handshakes_failed == refused);
    }
}

// ---- HTTP inside of it; tests/data over TLS is in `cases` ----

#[test]
fn a_connection_serves_many_requests_one_by_one_and_at_once() {
    let server = TestServer::with(path, secure);
    let mut client = connect_to(server.address());
    for number in 0..20 {
        client.assert_in_step(&format!("/{number}"), &format!("/{number}"));
    }
    let all: String = (0..300).map(|number| get(&format!("/{number}"))).collect();
    client.send(all);
    for number in 0..300 {
        assert_eq!(client.answer().text(), format!("/{number}"));
    }
    let statistics = statistics(&server);
    assert_eq!((statistics.accepts, statistics.requests), (1, 320));
    client.end();
    // By `close_notify`: else this would be an error.
    client.assert_closed();
}

fn echo(request: &mut Request) -> Body {
    std::mem::take(request.body_mut())
}

#[test]
fn content_of_any_length_comes_and_goes() {
    for buffer in [0, 64 << 10, 10 << 20] {
        let server = TestServer::with(echo, |settings| {
            secure(settings);
            settings.body_buffer_size = buffer;
        });
        let mut client = connect_to(server.address());
        for length in [0, 1, 16_383, 16_384, 16_385, 65_535, 65_536, 65_537, 1_000_000] {
            let content: Vec<u8> = (0..=250).cycle().take(length).collect();
            assert!(client.post("/", &content).content == content, "{length} bytes, with a buffer of {buffer}");
        }
        client.send("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
        assert_eq!(client.answer_to("POST").unwrap().status, 100);
        client.send("hello");
        assert_eq!(client.answer().text(), "hello");
    }
}

#[cfg(feature = "files")]
#[test]
fn a_file_goes_out_whole_although_the_kernel_cannot_encrypt_it() {
    let folder = Place::new();
    let content: Vec<u8> = (0..=250).cycle().take(3 << 20).collect();
    folder.write("file.bin", &content);
    let server = TestServer::with(drupe::Files::new(folder.path("")).unwrap(), secure);
    let mut client = connect_to(server.address());
    assert!(client.get("/file.bin").content == content);
    client.send("GET /file.bin HTTP/1.1\r\nHost: a\r\nRange: bytes=1000000-1999999\r\n\r\n");
    assert!(client.answer().content == content[1_000_000..2_000_000]);
}

#[cfg(feature = "testing-tls")]
#[test]
fn test_server_over_tls_is_trusted_by_its_certificate() {
    let place = Place::new();
    let server = TestServer::tls(|request: &mut Request| request.scheme().to_owned(), |_| {});
    let trusted = place.write("ca.pem", server.certificate().unwrap());
    let url = server.url("/");
    assert!(url.starts_with("https://127.0.0.1:"), "{url}");
    assert_eq!(crate::place::run("curl", &["-sS", "--cacert", trusted.to_str().unwrap(), &url]), "https");
    assert!(!crate::place::output("curl", &["-sS", &url]).status.success(), "no other client trusts it");
}

#[test]
fn connection_can_be_upgraded_over_tls() {
    let server = TestServer::with(
        |request: &mut Request| {
            upgrade(request, "shout", |mut stream| {
                let mut writer = stream.writer();
                let mut buffer = [0; 1024];
                while let Ok(length @ 1..) = stream.read(&mut buffer) {
                    buffer[..length].make_ascii_uppercase();
                    if writer.write_all(&buffer[..length]).and_then(|()| writer.flush()).is_err() {
                        break;
                    }
                }
            })
        },
        secure,
    );
    let mut client = connect_to(server.address());
    client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: shout\r\n\r\nearly ");
    assert_eq!(client.answer().status, 101);
    assert_eq!(client.take(6).unwrap(), b"EARLY ");
    client.send("and late");
    assert_eq!(client.take(8).unwrap(), b"AND LATE");
    // More than a record.
    client.send("x".repeat(100_000));
    assert_eq!(client.take(100_000).unwrap(), b"X".repeat(100_000));
    client.end();
    client.assert_closed();
}

// ---- behind a proxy that passes TLS on ----

#[test]
fn proxy_header_in_clear_precedes_the_handshake() {
    const HEADER: &[u8] = b"PROXY TCP4 192.0.2.1 192.0.2.9 1000 443\r\n";
    let server = TestServer::with(
        |request: &mut Request| {
            let connection = request.connection();
            let proxy = connection.proxy().map(ToString::to_string).unwrap_or_default();
            let peer = connection.peer().map(ToString::to_string).unwrap_or_default();
            assert!(connection.tls().is_some());
            format!("{peer} {} {}", proxy.split(':').next().unwrap_or_default(), connection.scheme())
        },
        |settings| {
            secure(settings);
            settings.proxy_protocol = true;
        },
    );
    for with_it in [0, 1, 5, usize::MAX] {
        let mut connection = rustls::ClientConnection::new(config(None), "localhost".try_into().unwrap()).unwrap();
        let mut socket = connect_raw(server.address());
        let mut hello = Vec::new();
        connection.write_tls(&mut hello).unwrap();
        // Some of the handshake in the header's own segment.
        let (first, rest) = hello.split_at(with_it.min(hello.len()));
        socket.write_all(&[HEADER, first].concat()).unwrap();
        wait_until("the server has it all", || statistics(&server).parked == 1 || rest.is_empty());
        socket.write_all(rest).unwrap();
        let mut stream = rustls::StreamOwned::new(connection, socket);
        stream.conn.complete_io(&mut stream.sock).unwrap();
        let mut client = Client::over_line(Box::new(crate::secure::Secure(stream)));
        client.assert_in_step("/", "192.0.2.1:1000 127.0.0.1 https");
        client.end();
        client.assert_closed();
        wait_until("it is closed", || statistics(&server).parked == 0);
    }
    // A connection without a header is refused as elsewhere, also if it begins with TLS.
    assert!(connect(server.address(), &config(None)).is_err());
    let statistics = statistics(&server);
    assert_eq!((statistics.proxy_refused, statistics.handshakes_failed, statistics.refused), (1, 0, 0));
}

// ---- handshakes that come to nothing ----

#[test]
fn plain_http_is_refused_in_clear() {
    let server = TestServer::with(path, secure);
    for sent in [get("/").into_bytes(), post("/", &[b'x'; 100_000]), b"G".to_vec()] {
        let mut client = Client::connect(server.address());
        client.send(sent);
        let answer = client.answer();
        assert!(answer.closes() && answer.status == 400, "{answer:?}");
        assert!(answer.text().contains("TLS"), "{answer:?}");
        client.end();
        client.assert_closed();
    }
    let statistics = statistics(&server);
    assert_eq!((statistics.requests, statistics.refused, statistics.handshakes_failed), (0, 3, 0));
}

#[test]
fn handshakes_that_fail_are_counted_and_cost_nothing() {
    let server = TestServer::with(path, two_workers);
    for round in 0..20 {
        let mut socket = connect_raw(server.address());
        match round % 4 {
            // Leaves without a word; garbage; a record of garbage; the beginning of a handshake.
            0 => {}
            1 => socket.write_all(&[0xFF; 5000]).unwrap(),
            2 => socket.write_all(b"\x16\x03\x01\x00\x05\x01\xFF\xFF\xFF\xFF").unwrap(),
            _ => socket.write_all(b"\x16\x03\x01\x02\x00\x01\x00\x01\xFC\x03\x03").unwrap(),
        }
        socket.shutdown(Shutdown::Write).unwrap();
        let mut answer = Vec::new();
        // A reset is an end too: bytes behind the fault are not read.
        let _ = socket.read_to_end(&mut answer);
        assert!(answer.len() <= 7, "more than an alert: {answer:?}");
    }
    wait_until("all are counted", || statistics(&server).handshakes_failed == 20);
    connect_to(server.address()).assert_in_step("/", "/");
    let statistics = statistics(&server);
    assert_eq!((statistics.panics, statistics.refused, statistics.threads), (0, 0, 2));
}

/// More than the pool has workers; each in another stage.
const SILENT: usize = 200;

#[test]
fn clients_that_are_silent_at_the_handshake_hold_no_worker() {
    let server = TestServer::with(path, two_workers);
    let hello = client_hello();
    let silent: Vec<_> = (0..SILENT)
        .map(|number| {
            let mut socket = connect_raw(server.address());
            socket.write_all(&hello[..number * hello.len() / SILENT]).unwrap();
            socket
        })
        .collect();
    wait_until("they wait without a worker", || statistics(&server).parked == SILENT);
    let (mut longest, all) = ([Duration::ZERO; 2], Instant::now());
    for _ in 0..20 {
        let begun = Instant::now();
        connect_to(server.address()).assert_in_step("/", "/");
        longest[0] = longest[0].max(begun.elapsed());
        let begun = Instant::now();
        assert_eq!(Client::connect(server.address()).get("/").status, 400, "in clear");
        longest[1] = longest[1].max(begun.elapsed());
    }
    // None of the silent ones has been waited for.
    assert!(all.elapsed() < Settings::default().socket_timeout, "{longest:?}");
    println!("beside {SILENT} silent clients: at most {:?} over TLS, {:?} in clear", longest[0], longest[1]);
    wait_until("only they are left", || statistics(&server).parked == SILENT);
    let statistics = statistics(&server);
    assert_eq!((statistics.threads, statistics.handshakes_failed, statistics.timed_out), (2, 0, 0));
    drop(silent);
}

/// The first bytes of a client.
fn client_hello() -> Vec<u8> {
    let mut connection = rustls::ClientConnection::new(config(None), "localhost".try_into().unwrap()).unwrap();
    let mut hello = Vec::new();
    connection.write_tls(&mut hello).unwrap();
    hello
}

#[test]
fn a_handshake_has_a_time_limit_that_bytes_do_not_move() {
    const LIMIT: Duration = Duration::from_millis(400);
    let server = TestServer::with(path, |settings| {
        two_workers(settings);
        settings.socket_timeout = 4 * PATIENCE;
        settings.handshake_timeout = Some(LIMIT);
    });
    let (mut silent, mut trickling) = (connect_raw(server.address()), connect_raw(server.address()));
    let begun = Instant::now();
    let mut honest = connect_to(server.address());
    for byte in client_hello() {
        if begun.elapsed() >= LIMIT / 2 {
            break;
        }
        trickling.write_all(&[byte]).unwrap();
        thread::sleep(Duration::from_millis(5));
    }
    for socket in [&mut silent, &mut trickling] {
        let mut rest = Vec::new();
        // Closed without a word, in which way is the system's business.
        let _ = socket.read_to_end(&mut rest);
        assert!(rest.is_empty() && begun.elapsed() >= LIMIT, "{rest:?} after {:?}", begun.elapsed());
    }
    wait_until("both are counted", || statistics(&server).handshakes_failed == 2);
    // Once it is over, the limit of the head is the next.
    honest.assert_in_step("/", "/");
}

#[test]
fn tls_clients_above_max_connections_get_no_clear_answer() {
    let (release, held) = mpsc::channel::<()>();
    let held = Mutex::new(held);
    let server = TestServer::with(
        move |_: &mut Request| {
            let _ = held.lock().unwrap().recv_timeout(2 * PATIENCE);
            "done"
        },
        |settings| {
            secure(settings);
            (settings.thread_pool, settings.thread_pool_max) = (1, Some(1));
            settings.max_connections = Some(1);
        },
    );
    let mut first = connect_to(server.address());
    first.send(get("/"));
    wait_until("the handler runs", || statistics(&server).requests == 1);
    let waiting: Vec<_> = (0..2).map(|_| connect_raw(server.address())).collect();
    wait_until("two are turned away", || statistics(&server).turned_away == 2);
    let mut told = 0;
    for mut socket in waiting {
        let mut rest = Vec::new();
        socket.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
        told += usize::from(socket.read_to_end(&mut rest).is_ok());
        assert!(rest.is_empty(), "{rest:?}");
    }
    assert_eq!(told, 2, "those that are turned away are closed");
    release.send(()).unwrap();
    assert_eq!(first.answer().text(), "done");
}

// ---- ends ----

#[test]
fn content_that_is_cut_off_reaches_no_handler_as_whole() {
    let (told, tells) = mpsc::channel();
    let told = Mutex::new(told);
    let server = TestServer::with(
        move |request: &mut Request| {
            let length = std::mem::take(request.body_mut()).into_vec().map(|content| content.len());
            told.lock().unwrap().send(length.map_err(|error| error.kind())).unwrap();
        },
        |settings| {
            secure(settings);
            // All that was sent is received before a handler runs, or none of it.
            settings.body_buffer_size = 0;
        },
    );
    for framing in ["Content-Length: 10\r\n\r\nhalf!", "Transfer-Encoding: chunked\r\n\r\n5\r\nhalf!\r\n"] {
        let mut client = shake(connect_raw(server.address()), &config(None)).unwrap();
        write!(client, "POST / HTTP/1.1\r\nHost: a\r\n{framing}").unwrap();
        wait_until("the handler runs", || statistics(&server).requests > 0);
        // Without `close_notify`.
        client.0.sock.shutdown(Shutdown::Write).unwrap();
        assert_eq!(tells.recv_timeout(PATIENCE).unwrap(), Err(ErrorKind::UnexpectedEof), "{framing}");
    }
    let gathering = TestServer::with(path, secure);
    let mut client = shake(connect_raw(gathering.address()), &config(None)).unwrap();
    write!(client, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf!").unwrap();
    wait_until("it waits for the rest", || statistics(&gathering).parked == 1);
    client.0.sock.shutdown(Shutdown::Write).unwrap();
    wait_until("it is closed", || statistics(&gathering).parked == 0);
    assert_eq!(statistics(&gathering).requests, 0);
}

/// An end or an error of TLS in one segment with valid bytes, with TCP left open, as by Go's
/// `CloseWrite`: the socket reports no further event.
#[test]
fn request_behind_content_is_noticed_without_another_byte() {
    let server = TestServer::with(path, |settings| {
        secure(settings);
        (settings.socket_timeout, settings.keep_alive_timeout) = (4 * PATIENCE, 4 * PATIENCE);
    });
    let upload = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\nhalf";
    let broken = [&[23, 3, 3, 0, 32][..], &[7; 32]].concat();
    for (bytes, behind, requests) in [
        (get("/"), None, 1),
        (get("/") + &get("/2"), None, 2),
        ("GET / HTTP/1.1\r\nHost".to_owned(), None, 0),
        (upload.to_owned(), None, 0),
        (get("/"), Some(&broken), 1),
        (upload.to_owned(), Some(&broken), 0),
    ] {
        let mut client = shake(connect_raw(server.address()), &config(None)).unwrap();
        // The server has its part of the handshake behind it once it answers.
        write!(client, "{}", get("/begun")).unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"/begun") {
            let mut room = [0; 4096];
            let count = client.read(&mut room).unwrap();
            answer.extend(&room[..count]);
        }
        let before = statistics(&server).requests;
        let mut client = client.0;
        client.conn.writer().write_all(bytes.as_bytes()).unwrap();
        let mut flight = Vec::new();
        if behind.is_none() {
            client.conn.send_close_notify();
        }
        while client.conn.wants_write() {
            client.conn.write_tls(&mut flight).unwrap();
        }
        flight.extend(behind.into_iter().flatten());
        client.sock.write_all(&flight).unwrap();
        match client.sock.read_to_end(&mut Vec::new()) {
            Err(error) if error.kind() != ErrorKind::ConnectionReset => panic!("{bytes:?} {behind:?}: {error}"),
            _ => {}
        }
        assert_eq!(statistics(&server).requests - before, requests, "{bytes:?} {behind:?}");
    }
    assert_eq!(statistics(&server).timed_out, 0);
}

#[test]
fn an_answer_that_breaks_off_cannot_pass_for_a_whole_one() {
    let server = TestServer::with(
        |_: &mut Request| {
            Body::stream(|writer| {
                writer.write_all(b"the beginning")?;
                writer.flush()?;
                Err(std::io::Error::other("a defect"))
            })
        },
        secure,
    );
    let mut client = connect_to(server.address());
    // To the end of the connection: HTTP/1.0 has no other way.
    client.send("GET / HTTP/1.0\r\n\r\n");
    let answer = client.answer_to("GET");
    assert!(answer.is_err(), "{answer:?}");
}

#[test]
fn a_stop_ends_idle_connections_in_order_and_handshakes_at_once() {
    let server = TestServer::with(path, secure);
    let mut idle = connect_to(server.address());
    idle.assert_in_step("/", "/");
    let mut silent = connect_raw(server.address());
    wait_until("both wait", || statistics(&server).parked == 2);
    let stopped = server.server().stop();
    assert_eq!((stopped.finished, stopped.cut), (0, 0));
    assert!(stopped.took < PATIENCE / 2);
    // By `close_notify`.
    idle.assert_closed();
    assert_eq!(silent.read_to_end(&mut Vec::new()).unwrap(), 0);
}

/// A handshake follows the settings of the latest start. A client without a certificate is not
/// carried over to a server that requires one.
#[test]
fn after_a_restart_handshakes_and_clients_are_as_is_set_then() {
    let folder = Place::new();
    let mut server = Server::new(tell);
    server.settings.ssl_context = Some(AUTHORITY.issue(&["localhost", "old.test"]).context());
    (server.settings.socket_port, server.settings.handshake_timeout) = (0, Some(4 * PATIENCE));
    server.start().unwrap();
    let address = server.bound_addr().unwrap();
    let parked = |server: &Server, count| wait_until("all are parked", || server.statistics().parked == count);
    let (mut idle, silent) = (connect_to(address), connect_raw(address));
    assert_eq!(idle.get("/").status, 200);
    parked(&server, 2);
    // Another certificate: waiting connections stay, and a new handshake shows the new one.
    server.settings.ssl_context = Some(AUTHORITY.issue(&["localhost", "new.test"]).context());
    server.restart().unwrap();
    parked(&server, 2);
    assert_eq!(idle.get("/").status, 200);
    parked(&server, 2);
    assert_eq!(shown_over(silent), "new.test");
    // Other client certificates: waiting connections without one are closed.
    server.settings.ssl_client_ca = Some(folder.write("ca.pem", &AUTHORITY.pem));
    server.settings.ssl_verify_mode = Some("required".to_owned());
    server.restart().unwrap();
    idle.assert_closed();
    let mut known = connect(address, &config(Some(&AUTHORITY.issue(&["known"])))).unwrap();
    assert_eq!(known.get("/").status, 200);
    // Nor is one that was let in before a reload, at the restart after it.
    server.settings.ssl_verify_mode = Some("none".to_owned());
    server.handle().reload(&server.settings).unwrap();
    let mut unknown = connect_to(address);
    assert_eq!(unknown.get("/").status, 200);
    server.settings.ssl_verify_mode = Some("required".to_owned());
    server.handle().reload(&server.settings).unwrap();
    server.restart().unwrap();
    unknown.assert_closed();
    let _ = server.stop();
}

// ---- slow clients ----

/// More than all buffers on the way hold.
const LARGE: usize = 32 << 20;
const SLOW: usize = 12;

#[test]
fn clients_that_are_slow_to_take_their_answer_hold_no_worker() {
    let folder = Place::new();
    let file = folder.path("large");
    std::fs::File::create(&file).unwrap().set_len(LARGE as u64).unwrap();
    let server = TestServer::with(
        move |request: &mut Request| match request.uri().path() {
            "/bytes" => Body::from(vec![b'x'; LARGE]),
            "/file" => Body::from_file(std::fs::File::open(&file).unwrap()),
            path => path.to_owned().into(),
        },
        |settings| {
            two_workers(settings);
            settings.write_timeout = Some(2 * PATIENCE);
        },
    );
    let mut slow: Vec<Client> = (0..SLOW).map(|_| connect_to(server.address())).collect();
    for (client, target) in slow.iter_mut().zip(["/bytes", "/file"].into_iter().cycle()) {
        client.send(get(target) + &get("/next"));
    }
    wait_until("they wait without a worker", || statistics(&server).parked == SLOW);
    connect_to(server.address()).assert_in_step("/", "/");
    for client in &mut slow {
        assert_eq!(client.answer().content.len(), LARGE);
        assert_eq!(client.answer().text(), "/next");
        client.assert_in_step("/last", "/last");
    }
    let statistics = statistics(&server);
    assert_eq!((statistics.requests, statistics.threads), (3 * SLOW as u64 + 1, 2));
}

#[test]
fn a_slow_client_gets_the_end_of_an_answer_that_has_no_other() {
    let server = TestServer::with(|_: &mut Request| Body::from(vec![b'x'; LARGE]), two_workers);
    let mut client = connect_to(server.address());
    client.send("GET / HTTP/1.0\r\n\r\n");
    wait_until("it waits without a worker", || statistics(&server).parked == 1);
    client.head().unwrap();
    // `rest` fails without a `close_notify` at the end.
    assert_eq!(client.rest().len(), LARGE);
}

#[test]
fn records_that_come_in_pieces_hold_no_worker_and_count_as_they_come() {
    const LIMIT: Duration = Duration::from_millis(600);
    for buffer in [0, 64 << 10] {
        let server = TestServer::with(
            |request: &mut Request| {
                std::mem::take(request.body_mut()).into_vec().map(|content| content.len().to_string())
            },
            |settings| {
                secure(settings);
                settings.body_buffer_size = buffer;
                settings.body_timeout = Some(LIMIT);
                settings.minimum_rate = Some(2000);
            },
        );
        let mut client = shake(connect_raw(server.address()), &config(None)).unwrap();
        write!(client, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 16000\r\n\r\n").unwrap();
        // One record, which is on its way for far longer than the limit, at far more than the least rate.
        client.0.conn.writer().write_all(&[b'x'; 16_000]).unwrap();
        let mut record = Vec::new();
        while client.0.conn.wants_write() {
            client.0.conn.write_tls(&mut record).unwrap();
        }
        let begun = Instant::now();
        for piece in record.chunks(record.len() / 32) {
            client.0.sock.write_all(piece).unwrap();
            thread::sleep(LIMIT / 12);
        }
        assert!(begun.elapsed() > 2 * LIMIT);
        let mut client = Client::over_line(Box::new(client));
        assert_eq!(client.answer().text(), "16000", "with a buffer of {buffer}");
        assert_eq!(statistics(&server).timed_out, 0);
    }
}

#[test]
fn an_answer_that_is_taken_slowly_but_steadily_comes_whole() {
    const LIMIT: Duration = Duration::from_millis(600);
    let server = TestServer::with(
        |_: &mut Request| Body::from(vec![b'x'; LARGE]),
        |settings| {
            secure(settings);
            settings.write_timeout = Some(LIMIT);
        },
    );
    let mut client = connect_to(server.address());
    client.send(get("/"));
    client.head().unwrap();
    let begun = Instant::now();
    for _ in 0..32 {
        client.take(LARGE / 32).unwrap();
        thread::sleep(LIMIT / 12);
    }
    assert!(begun.elapsed() > LIMIT);
    client.assert_in_step("/", std::str::from_utf8(&vec![b'x'; LARGE]).unwrap());
}

// ---- certificates that change ----

#[test]
fn certificates_are_replaced_under_load_without_a_failure() {
    const CLIENTS: usize = 8;
    let folder = Place::new();
    let (old, new) = (AUTHORITY.issue(&["localhost", "old.test"]), AUTHORITY.issue(&["localhost", "new.test"]));
    let file = folder.write("both.pem", old.both());
    let server = TestServer::with(path, |settings| settings.ssl_certificate = Some(file));
    let (address, handle) = (server.address(), server.handle());
    let (is_over, served) = (AtomicBool::new(false), AtomicUsize::new(0));
    thread::scope(|scope| {
        for number in 0..CLIENTS {
            let (is_over, served) = (&is_over, &served);
            scope.spawn(move || {
                // Half of them keep their connection.
                let mut client = connect_to(address);
                while !is_over.load(Ordering::SeqCst) {
                    if number % 2 == 0 {
                        client = connect_to(address);
                    }
                    client.assert_in_step("/", "/");
                    served.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
        let goes_on = |what: &str| {
            let before = served.load(Ordering::SeqCst);
            wait_until(what, || served.load(Ordering::SeqCst) > before + 4 * CLIENTS);
        };
        goes_on("they are served");
        for round in 0..10 {
            let (made, name) = if round % 2 == 0 { (&new, "new.test") } else { (&old, "old.test") };
            folder.write("both.pem", made.both());
            assert_ne!(shown(address), name, "not before it is told to");
            handle.reload_tls().unwrap();
            assert_eq!(shown(address), name);
            goes_on("they are served on");
        }
        for broken in ["garbage", "", &old.pem, &format!("{}{}", old.pem, new.key)] {
            folder.write("both.pem", broken);
            let error = handle.reload_tls().unwrap_err();
            assert!(matches!(error, Error::Setting { name: "ssl_certificate" | "ssl_private_key", .. }), "{error}");
            assert!(error.to_string().contains("both.pem"), "{error}");
            assert_eq!(shown(address), "old.test");
        }
        goes_on("they are served with what there was");
        is_over.store(true, Ordering::SeqCst);
    });
    assert_eq!(statistics(&server).handshakes_failed, 0);
    server.server().stop();
    handle.reload_tls().unwrap();
}

// ---- starts ----

#[test]
fn unusable_certificates_fail_the_start_and_leave_nothing() {
    let folder = Place::new();
    let made = AUTHORITY.issue(&["localhost"]);
    let other = AUTHORITY.issue(&["localhost"]);
    let (certificate, key) = (folder.write("one.pem", &made.pem), folder.write("other.key", &other.key));
    let mut server = Server::new(|_: &mut Request| ());
    server.settings.socket_port = 0;
    let missing = folder.path("missing.pem");
    for (settings, name, word) in [
        (vec![("ssl_certificate", &missing)], "ssl_certificate", "missing.pem"),
        (vec![("ssl_certificate", &key)], "ssl_certificate", "other.key"),
        (vec![("ssl_certificate", &certificate)], "ssl_private_key", "one.pem"),
        (vec![("ssl_certificate", &certificate), ("ssl_private_key", &missing)], "ssl_private_key", "missing.pem"),
        (vec![("ssl_certificate", &certificate), ("ssl_private_key", &key)], "ssl_private_key", "other.key"),
        (vec![("ssl_private_key", &key)], "ssl_private_key", "ssl_certificate"),
    ] {
        for name in ["ssl_certificate", "ssl_private_key"] {
            server.settings.set(name, "").unwrap();
        }
        for (name, path) in settings {
            server.settings.set(name, path.to_str().unwrap()).unwrap();
        }
        let error = server.start().unwrap_err();
        let text = error.to_string();
        assert!(matches!(error, Error::Setting { name: found, .. } if found == name), "{text}");
        assert!(text.contains(word), "{text}");
        assert!(server.bound_addr().is_none());
    }
    server.settings.ssl_private_key = None;
    server.start().unwrap();
}
