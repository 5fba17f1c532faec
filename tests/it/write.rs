//! `write` of an application: its bytes have gone out when it returns, as seen by raw clients.

use std::io::{self, Write as _};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use drupe::bytes::Bytes;
use drupe::statistics::Page;
use drupe::testing::{TestServer, exchange};
use drupe::wsgi::{
    Application, ApplicationError, Chunks, Content, Environ, FileWrapper, Gateway, StartResponse, Write,
};
use drupe::{Body, Handler, Request, Response, Server};

use crate::client::{Client, Framing, get, wait_until};
use crate::door::Door;
use crate::place::Place;
use crate::wsgi::{client, serving};

const NO_FIELDS: [(&str, &str); 0] = [];

/// Begins with `fields`, calls `write`, and returns its result as the content; `/plain` is another
/// application.
fn writing<C: Into<Content>>(
    fields: &'static [(&'static str, &'static str)],
    write: impl Fn(&mut Write, Environ) -> Result<C, ApplicationError> + Send + Sync + 'static,
) -> impl Application {
    move |environ: Environ, start_response: StartResponse| {
        if environ.path_info() == "/plain" {
            start_response.start("200 OK", NO_FIELDS)?;
            return Ok("plain".into());
        }
        let mut writer = start_response.start("200 OK", fields.iter().copied())?;
        write(&mut writer, environ).map(Into::<Content>::into)
    }
}

#[test]
fn written_bytes_go_out_behind_the_statistics_page() {
    let door = Door::default();
    let held = door.clone();
    let mut server = Server::wsgi(writing(&NO_FIELDS, move |write, _| {
        write.write_all(b"one")?;
        held.pass();
        Ok("two")
    }));
    server.settings.socket_port = 0;
    server.mount_statistics(Page::at("/statistics"));
    server.start().unwrap();
    let mut client = client(&server);
    client.send(get("/"));
    assert_eq!(client.head().unwrap().status, 200);
    assert_eq!(client.chunk().unwrap(), b"one");
    door.open();
    assert_eq!(client.chunk().unwrap(), b"two");
}

#[test]
fn written_bytes_have_gone_out_when_write_returns() {
    let doors: [Door; 2] = Default::default();
    let [first, second] = doors.clone();
    let application = writing(&[("X-A", "b")], move |write, _| {
        write.write_all(b"one")?;
        first.pass();
        write.write_all(b"")?;
        write.write_all(b"two")?;
        second.pass();
        Ok("three")
    });
    // Only this one worker can send it.
    let server = serving(application, |settings| (settings.thread_pool, settings.thread_pool_max) = (1, Some(1)));
    let mut client = client(&server);
    client.send(get("/"));
    let head = client.head().unwrap();
    assert_eq!((head.status, head.field("x-a"), head.field("transfer-encoding")), (200, Some("b"), Some("chunked")));
    assert!(head.field("date").is_some());
    assert_eq!(client.chunk().unwrap(), b"one");
    wait_until("it waits", || doors[0].waiting() == 1);
    doors[0].open();
    assert_eq!(client.chunk().unwrap(), b"two");
    wait_until("it waits again", || doors[1].waiting() == 1);
    doors[1].open();
    assert_eq!(client.chunk().unwrap(), b"three");
    assert_eq!((client.chunk().unwrap(), client.fields().unwrap().len()), (vec![], 0));
    client.assert_in_step("/plain", "plain");
    assert_eq!(server.statistics().panics, 0);
}

#[test]
fn returned_content_follows_written_bytes() {
    let place = Place::new();
    let path = place.path("file");
    std::fs::write(&path, "0123456789").unwrap();
    type Form = (&'static str, fn() -> Content);
    let forms: [Form; 7] = [
        ("", Content::empty),
        ("text", || "text".into()),
        ("reader", || Content::reader("reader".as_bytes())),
        ("ab", || Content::chunks(["a", "", "b"].into_iter().map(Ok))),
        ("streamed", || Body::stream(|writer| writer.write_all(b"streamed")).into()),
        ("cut", || Body::sized("cut off".as_bytes(), 3).into()),
        ("0123456789", || panic!("it is a file")),
    ];
    for (expected, content) in forms {
        let path = path.clone();
        let server = serving(
            writing(&[], move |write, _| {
                write.write_all(b"written ")?;
                let file = || std::fs::File::open(&path).map(FileWrapper::new);
                Ok(if expected.len() == 10 { file()?.into() } else { content() })
            }),
            |_| {},
        );
        let mut client = client(&server);
        let answer = client.get("/");
        assert_eq!((answer.status, answer.text()), (200, format!("written {expected}").as_str()));
        assert_eq!(answer.framing, Framing::Chunked);
        client.assert_in_step("/plain", "plain");
    }
}

#[test]
fn a_declared_length_is_kept_by_writing() {
    let kinds: Arc<Mutex<Vec<io::ErrorKind>>> = Arc::default();
    for (declared, content, expected, refused) in [
        (&[("Content-Length", "6")][..], "def", Ok("abcdef"), None),
        (&[("Content-Length", "3")], "", Ok("abc"), None),
        // More is returned than was declared: the surplus is not sent.
        (&[("Content-Length", "4")], "def", Ok("abcd"), None),
        (&[("Content-Length", "9")], "def", Err(()), None),
        // More is written at once: nothing has been sent, so the client gets an honest status.
        (&[("Content-Length", "2")], "", Ok(""), Some(io::ErrorKind::InvalidInput)),
    ] {
        let seen = Arc::clone(&kinds);
        let application = writing(declared, move |write, _| {
            write.write_all(b"abc").inspect_err(|error| seen.lock().unwrap().push(error.kind()))?;
            Ok(content)
        });
        let server = serving(application, |_| {});
        let mut asking = client(&server);
        asking.send(get("/"));
        let answer = asking.answer_to("GET");
        match expected {
            Ok(text) => {
                let answer = answer.unwrap();
                let status = if refused.is_some() { 500 } else { 200 };
                assert_eq!((answer.status, answer.text(), answer.framing), (status, text, Framing::Length));
                asking.assert_in_step("/plain", "plain");
            }
            Err(()) => {
                let error = answer.unwrap_err();
                assert!(error.contains("cut") || error.contains("the end"), "{error}");
            }
        }
        assert_eq!(std::mem::take(&mut *kinds.lock().unwrap()), Vec::from_iter(refused));
    }
}

#[test]
fn bytes_beyond_the_declared_length_are_refused() {
    let application = writing(&[("Content-Length", "4")], |write, _| {
        write.write_all(b"abc")?;
        let error = write.write_all(b"def").unwrap_err();
        assert_eq!((error.kind(), error.to_string().as_str()), REFUSED);
        assert_eq!(write.write(b"g").unwrap_err().kind(), io::ErrorKind::InvalidInput);
        Ok("never")
    });
    const REFUSED: (io::ErrorKind, &str) =
        (io::ErrorKind::InvalidInput, "more content than the declared Content-Length");
    let server = serving(application, |_| {});
    let mut client = client(&server);
    client.assert_in_step("/", "abcd");
    client.assert_in_step("/plain", "plain");
}

#[test]
fn a_failure_after_writing_cuts_the_connection() {
    let failing: [fn() -> Result<Content, ApplicationError>; 4] = [
        || Err("as asked".into()),
        || panic!("as asked"),
        || Ok(Content::chunks(["a"].into_iter().map(Ok::<_, ApplicationError>).chain([Err("as asked".into())]))),
        || Ok(Content::chunks(std::iter::from_fn(|| -> Option<Result<&str, ApplicationError>> { panic!("as asked") }))),
    ];
    for failing in failing {
        for (fields, version) in [(&[][..], "1.1"), (&[("Content-Length", "9")], "1.1"), (&[], "1.0")] {
            let application = writing(fields, move |write, _| {
                write.write_all(b"written")?;
                failing()
            });
            let server = serving(application, |settings| settings.thread_pool = 1);
            let mut asking = client(&server);
            asking.send(format!("GET / HTTP/{version}\r\nHost: a\r\n\r\n"));
            if version == "1.0" {
                // An ordinary end would look like the end of the content.
                assert_eq!(asking.try_rest().unwrap_err().kind(), io::ErrorKind::ConnectionReset);
            } else {
                let error = asking.answer_to("GET").unwrap_err();
                assert!(error.contains("cut") || error.contains("the end"), "{error}");
            }
            client(&server).assert_in_step("/plain", "plain");
        }
    }
}

#[test]
fn head_can_be_replaced_until_the_first_byte() {
    for (written, expected) in [(&b""[..], Some(503)), (b"x", None)] {
        let application = move |_: Environ, start_response: StartResponse| {
            let mut write = start_response.start("200 OK", NO_FIELDS)?;
            let _ = write.write(written)?;
            start_response.restart("503 Service Unavailable", NO_FIELDS, "the reason")?.write_all(b"sorry")?;
            Ok::<_, ApplicationError>(())
        };
        let server = serving(application, |_| {});
        let mut client = client(&server);
        client.send(get("/"));
        let found = client.answer_to("GET").ok().map(|answer| (answer.status, answer.text().to_owned()));
        assert_eq!(found, expected.map(|status| (status, "sorry".to_owned())));
    }
}

#[test]
fn a_head_that_contradicts_itself_is_a_500() {
    let application = |_: Environ, start_response: StartResponse| {
        let fields = [("Content-Length", "1"), ("Content-Length", "2")];
        start_response.start("200 OK", fields)?.write_all(b"x")?;
        Ok::<_, ApplicationError>(())
    };
    let server = serving(application, |_| {});
    assert_eq!(client(&server).get("/").status, 500);
}

#[test]
fn no_bytes_are_written_for_answers_without_content() {
    for (status, method, fields) in [
        ("200 OK", "HEAD", &[][..]),
        ("200 OK", "HEAD", &[("Content-Length", "7")]),
        ("204 No Content", "GET", &[]),
        ("304 Not Modified", "GET", &[]),
    ] {
        let application = move |_: Environ, start_response: StartResponse| {
            start_response.start(status, fields.iter().copied())?.write_all(b"written")?;
            Ok::<_, ApplicationError>("")
        };
        let server = serving(application, |_| {});
        let mut client = client(&server);
        for _ in 0..2 {
            client.send(format!("{method} / HTTP/1.1\r\nHost: a\r\n\r\n"));
            let answer = client.answer_to(method).unwrap();
            assert_eq!((answer.status.to_string().as_str(), answer.text()), (&status[..3], ""));
        }
    }
}

#[test]
fn answers_keep_their_order() {
    let server = serving(writing(&[], |write, _| Ok(write.write_all(b"written").map(|()| " and more")?)), |_| {});
    let mut client = client(&server);
    client.send([get("/plain"), get("/"), get("/plain"), get("/")].concat());
    for expected in ["plain", "written and more", "plain", "written and more"] {
        assert_eq!(client.answer().text(), expected);
    }
    client.assert_in_step("/plain", "plain");
}

#[test]
fn content_is_read_before_and_after_writing() {
    let application = writing(&[], |write, mut environ| {
        let mut line = String::new();
        io::BufRead::read_line(environ.input(), &mut line)?;
        write.write_all(line.as_bytes())?;
        Ok(environ.take_input().into_string()?.to_uppercase())
    });
    let server = serving(application, |settings| settings.body_buffer_size = 0);
    let mut client = client(&server);
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 8\r\nExpect: 100-continue\r\n\r\n");
    assert_eq!(client.head().unwrap().status, 100);
    client.send("one\n");
    assert_eq!(client.head().unwrap().status, 200);
    assert_eq!(client.chunk().unwrap(), b"one\n");
    // A conversation: the rest is sent when the beginning has come back.
    client.send("two\n");
    assert_eq!(client.chunk().unwrap(), b"TWO\n");
    assert_eq!((client.chunk().unwrap(), client.fields().unwrap().len()), (vec![], 0));
    client.assert_in_step("/plain", "plain");
    // Unread content does no harm, and malformed content can only be cut off.
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\none\n");
    assert_eq!(client.answer().text(), "one\n");
    client.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\none\n\r\n");
    assert_eq!((client.head().unwrap().status, client.chunk().unwrap()), (200, b"one\n".to_vec()));
    client.send("xyz\r\n");
    assert!(client.chunk().is_err());
}

#[test]
fn write_to_a_gone_client_fails() {
    let ended: Arc<Mutex<Option<io::ErrorKind>>> = Arc::default();
    let seen = Arc::clone(&ended);
    let application = writing(&[], move |write, _| {
        let error = loop {
            if let Err(error) = write.write_all(&[b'x'; 64 << 10]) {
                break error;
            }
        };
        // Nor does trying again help.
        assert_eq!(write.write(b"x").unwrap_err().kind(), error.kind());
        *seen.lock().unwrap() = Some(error.kind());
        Err::<(), ApplicationError>(error.into())
    });
    let server = serving(application, |settings| settings.write_timeout = Some(Duration::from_millis(300)));
    let mut leaving = client(&server);
    leaving.send(get("/"));
    leaving.head().unwrap();
    drop(leaving);
    wait_until("it is told", || ended.lock().unwrap().is_some());
    let kind = ended.lock().unwrap().take().unwrap();
    assert!(matches!(kind, io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset), "{kind:?}");
    // The same for a write to a client that does not read.
    let mut idle = client(&server);
    idle.send(get("/"));
    wait_until("it is told again", || ended.lock().unwrap().is_some());
    assert_eq!(ended.lock().unwrap().take(), Some(io::ErrorKind::TimedOut));
    // A client that takes the end of the connection for the end of the answer must not mistake this one.
    let mut old = client(&server);
    old.send("GET / HTTP/1.0\r\n\r\n");
    wait_until("it is told once more", || ended.lock().unwrap().is_some());
    assert_eq!(old.try_rest().map(|got| got.len()).unwrap_err().kind(), io::ErrorKind::ConnectionReset);
    client(&server).assert_in_step("/plain", "plain");
}

#[test]
fn content_is_closed_after_any_outcome_of_write() {
    struct Closing(Arc<AtomicUsize>);
    impl Chunks for Closing {
        fn next(&mut self) -> Option<Result<Bytes, ApplicationError>> {
            Some(Ok(vec![b'x'; 64 << 10].into()))
        }
        fn close(&mut self) -> Result<(), ApplicationError> {
            self.0.fetch_add(1, Ordering::SeqCst);
            Ok(())
        }
    }
    let closed: Arc<AtomicUsize> = Arc::default();
    let counted = Arc::clone(&closed);
    let application = writing(&[], move |write, _| {
        write.write_all(b"written")?;
        Ok(Content::chunks(Closing(Arc::clone(&counted))))
    });
    let server = serving(application, |_| {});
    let mut leaving = client(&server);
    leaving.send(get("/"));
    leaving.head().unwrap();
    drop(leaving);
    wait_until("it is closed", || closed.load(Ordering::SeqCst) == 1);
    let mut head = client(&server);
    head.send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(head.answer_to("HEAD").unwrap().status, 200);
    wait_until("it is closed", || closed.load(Ordering::SeqCst) == 2);
}

#[test]
fn another_thread_may_write_but_not_for_longer_than_the_application() {
    let door = Door::default();
    let late: Arc<Mutex<Option<JoinHandle<io::ErrorKind>>>> = Arc::default();
    let (kept, passed) = (Arc::clone(&late), door.clone());
    let application = writing(&[], move |write, _| {
        let (mut early, mut late, door) = (write.clone(), write.clone(), passed.clone());
        std::thread::spawn(move || early.write_all(b"by another")).join().unwrap()?;
        *kept.lock().unwrap() = Some(std::thread::spawn(move || {
            door.pass();
            late.write_all(b"late").unwrap_err().kind()
        }));
        Ok("")
    });
    let server = serving(application, |_| {});
    let mut client = client(&server);
    client.assert_in_step("/", "by another");
    door.open();
    assert_eq!(late.lock().unwrap().take().unwrap().join().unwrap(), io::ErrorKind::BrokenPipe);
    client.assert_in_step("/plain", "plain");
}

#[test]
fn stop_lets_writing_applications_finish() {
    let door = Door::default();
    let passed = door.clone();
    let application = writing(&[], move |write, _| {
        write.write_all(b"one ")?;
        passed.pass();
        write.write_all(b"two ")?;
        Ok("three")
    });
    let server = serving(application, |_| {});
    let mut client = client(&server);
    client.send(get("/"));
    client.head().unwrap();
    let (handle, address) = (server.handle(), server.bound_addr().unwrap());
    let stopping = std::thread::spawn(move || handle.stop());
    wait_until("it stops", || door.waiting() == 1 && std::net::TcpStream::connect(address).is_err());
    door.open();
    assert_eq!(client.chunk().unwrap(), b"one ");
    assert_eq!((client.chunk().unwrap(), client.chunk().unwrap()), (b"two ".to_vec(), b"three".to_vec()));
    assert_eq!(stopping.join().unwrap().cut, 0);
}

/// A handler around a gateway.
struct Holding(Gateway);

impl Handler for Holding {
    fn handle(&self, request: &mut Request) -> Response {
        let mut response = self.0.handle(request);
        response.headers_mut().insert("x-held", "yes".parse().unwrap());
        response
    }
}

#[test]
fn wrapped_gateway_can_write_early() {
    let application = writing(&[], |write, _| Ok(write.write_all(b"written ").map(|()| Content::from("returned"))?));
    let server = TestServer::new(Holding(Gateway::new(application)));
    let mut client = Client::connect(server.address());
    let answer = client.get("/");
    assert_eq!((answer.status, answer.text()), (200, "written returned"));
    // A head that has gone out is not changed any more.
    assert_eq!(answer.field("x-held"), None);
    assert_eq!(client.get("/plain").field("x-held"), Some("yes"));
    let text =
        exchange(Gateway::new(writing(&[], |write, _| Ok(write.write_all(b"a").map(|()| "b")?))), get("/").as_bytes());
    assert!(text.ends_with(b"\r\n\r\n1\r\na\r\n1\r\nb\r\n0\r\n\r\n"), "{}", String::from_utf8_lossy(&text));
}

/// An answer that has begun cannot become a 503.
#[test]
fn answer_begun_by_an_application_beyond_its_time_limit_is_cut_and_further_writes_fail() {
    let (door, failed) = (Door::default(), Arc::new(AtomicBool::new(false)));
    let (own, seen) = (door.clone(), Arc::clone(&failed));
    let application = writing(&NO_FIELDS, move |write, _| {
        write.write_all(b"begun")?;
        own.pass();
        seen.store(write.write_all(b"more").is_err(), Ordering::SeqCst);
        Ok("end")
    });
    let server = serving(application, |settings| settings.request_timeout = Some(Duration::from_millis(200)));
    let mut client = client(&server);
    client.send(get("/"));
    wait_until("the limit is over", || server.statistics().threads_lost == 1);
    door.open();
    let received = String::from_utf8_lossy(&client.over()).into_owned();
    assert!(received.ends_with("begun\r\n") || received.is_empty(), "{received:?}");
    wait_until("it has returned", || server.statistics().broken_off == 1);
    assert!(failed.load(Ordering::SeqCst));
    assert_eq!((server.statistics().overrun, server.statistics().threads_lost), (1, 0));
}
