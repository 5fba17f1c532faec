//! Streams through the filters of layers: as prompt, as bounded and as easily ended as without.

use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use drupe::http::header::{CONTENT_LENGTH, HeaderName, HeaderValue};
use drupe::http::{HeaderMap, Method};
use drupe::layers::BodyFilter;
use drupe::testing::{TestServer, exchange};
use drupe::{Body, BodyWriter, Handler, Request, RequestExt, Response};

use crate::client::{Client, PATIENCE, get, post, wait_until};

/// Holds everything back until a flush or the end, like a compressor.
#[derive(Default)]
struct Holding(Vec<u8>);

impl BodyFilter for Holding {
    fn write(&mut self, content: &[u8], output: &mut BodyWriter<'_>) -> io::Result<()> {
        self.0.extend_from_slice(content);
        if self.0.len() > 1 << 20 { self.flush(output) } else { Ok(()) }
    }

    fn flush(&mut self, output: &mut BodyWriter<'_>) -> io::Result<()> {
        output.write_all(&std::mem::take(&mut self.0))
    }

    fn finish(&mut self, output: &mut BodyWriter<'_>) -> io::Result<()> {
        self.flush(output)?;
        output.write_all(b"(end)")
    }
}

/// The responses of `inner`, each through two filters.
fn layered(inner: impl Handler) -> impl Handler {
    move |request: &mut Request| {
        let mut response: Response = inner.handle(request);
        response.headers_mut().remove(CONTENT_LENGTH);
        response.map(|body| body.through(Holding::default()).through(Holding::default()))
    }
}

/// Streams three events, and waits after each for `held`.
fn events(held: mpsc::Receiver<()>) -> impl Handler {
    let held = Mutex::new(Some(held));
    layered(move |_: &mut Request| {
        let held = held.lock().unwrap().take().unwrap();
        Body::stream(move |writer| {
            for event in 1..=3 {
                write!(writer, "data: {event}\n\n")?;
                writer.flush()?;
                held.recv_timeout(PATIENCE).map_err(io::Error::other)?;
            }
            Ok(())
        })
    })
}

fn check_events(client: &mut Client, release: &mpsc::Sender<()>) {
    client.send(get("/events"));
    assert_eq!(client.head().unwrap().field("transfer-encoding"), Some("chunked"));
    for event in 1..=3 {
        assert_eq!(client.chunk().unwrap(), format!("data: {event}\n\n").into_bytes());
        release.send(()).unwrap();
    }
    assert_eq!(client.chunk().unwrap(), b"(end)(end)");
    assert!(client.chunk().unwrap().is_empty());
    client.fields().unwrap();
}

#[test]
fn each_event_passes_the_filters_as_soon_as_it_is_flushed() {
    let (release, held) = mpsc::channel();
    let server = TestServer::new(events(held));
    check_events(&mut Client::connect(server.address()), &release);
}

#[cfg(any(feature = "tls", feature = "tls-aws-lc"))]
#[test]
fn each_event_passes_the_filters_as_soon_as_it_is_flushed_over_tls() {
    let (release, held) = mpsc::channel();
    let server = TestServer::with(events(held), |settings| settings.ssl_context = Some(crate::secure::context()));
    check_events(&mut crate::secure::connect_to(server.address()), &release);
}

#[test]
fn each_event_passes_the_filters_to_a_client_of_http_1_0() {
    let (release, held) = mpsc::channel();
    let server = TestServer::new(events(held));
    let mut client = Client::connect(server.address());
    client.send("GET /events HTTP/1.0\r\n\r\n");
    client.head().unwrap();
    for event in 1..=3 {
        let event = format!("data: {event}\n\n");
        assert_eq!(client.take(event.len()).unwrap(), event.as_bytes());
        release.send(()).unwrap();
    }
    assert_eq!(client.rest(), b"(end)(end)");
}

#[test]
fn producer_behind_filters_ends_when_its_client_leaves() {
    let (told, tells) = mpsc::channel();
    let told = Mutex::new(told);
    let server = TestServer::new(layered(move |_: &mut Request| {
        let told = told.lock().unwrap().clone();
        Body::stream(move |writer| {
            let mut result = Ok(());
            while result.is_ok() && !writer.is_shutting_down() {
                result = writer.write_all(b"tick").and_then(|()| writer.flush());
            }
            told.send(result.is_err()).unwrap();
            result
        })
    }));
    let mut client = Client::connect(server.address());
    client.send(get("/"));
    client.head().unwrap();
    drop(client);
    assert!(tells.recv_timeout(PATIENCE).unwrap(), "the producer did not learn of it by an error");
}

#[test]
fn producers_behind_filters_end_at_once_at_a_stop() {
    let server = TestServer::new(layered(|request: &mut Request| {
        let waits = request.uri().path() == "/waits";
        Body::stream(move |writer| {
            writer.write_all(b"begun")?;
            writer.flush()?;
            // An hour: the stop has to end it.
            while !if waits { writer.stops_within(Duration::from_secs(3600)) } else { writer.is_shutting_down() } {
                writer.write_all(b".")?;
                writer.flush()?;
            }
            writer.write_all(b"bye")
        })
    }));
    let mut clients = ["/waits", "/asks"].map(|target| {
        let mut client = Client::connect(server.address());
        client.send(get(target));
        client.head().unwrap();
        assert!(client.chunk().unwrap().starts_with(b"begun"));
        client
    });
    let reading = std::thread::spawn(move || clients.each_mut().map(Client::rest));
    assert_eq!(server.server().stop().cut, 0);
    for rest in reading.join().unwrap() {
        assert!(rest.ends_with(b"bye(end)(end)\r\n0\r\n\r\n"), "{:?}", String::from_utf8_lossy(&rest));
    }
}

#[test]
fn endless_stream_through_filters_holds_a_bounded_number_of_bytes() {
    let produced = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&produced);
    let server = TestServer::new(layered(move |_: &mut Request| {
        let counter = Arc::clone(&counter);
        Body::stream(move |writer| {
            while !writer.is_shutting_down() {
                counter.fetch_add(1 << 14, Ordering::SeqCst);
                writer.write_all(&[b'x'; 1 << 14])?;
            }
            Ok(())
        })
    }));
    let mut client = Client::connect(server.address());
    client.send(get("/"));
    client.head().unwrap();
    let mut read = 0;
    while read < 64 << 20 {
        read += client.chunk().unwrap().len() as u64;
        let held = produced.load(Ordering::SeqCst).saturating_sub(read);
        // Two filters, and the buffers of two sockets.
        assert!(held < 24 << 20, "{held} bytes after {read}");
    }
}

#[test]
fn trailers_pass_filters_and_filters_may_add_some() {
    struct Digest(u64);
    impl BodyFilter for Digest {
        fn write(&mut self, content: &[u8], output: &mut BodyWriter<'_>) -> io::Result<()> {
            self.0 += content.iter().map(|byte| u64::from(*byte)).sum::<u64>();
            output.write_all(content)
        }
        fn finish(&mut self, output: &mut BodyWriter<'_>) -> io::Result<()> {
            output.trailers(trailers("x-sum", &self.0.to_string()));
            Ok(())
        }
    }
    fn trailers(name: &'static str, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap())])
    }
    let server = TestServer::new(|request: &mut Request| match request.uri().path() {
        "/produced" => Body::stream(|writer| {
            writer.trailers(trailers("x-row", "3"));
            writer.write_all(b"rows")
        })
        .through(Holding::default()),
        "/added" => Body::from("\u{1}\u{2}").through(Digest(0)),
        _ => std::mem::take(request.body_mut()).through(Holding::default()),
    });
    let mut client = Client::connect(server.address());
    for (target, content, field) in
        [("/produced", "rows(end)", ("x-row", "3")), ("/added", "\u{1}\u{2}", ("x-sum", "3"))]
    {
        client.send(format!("GET {target} HTTP/1.1\r\nHost: a\r\nTE: trailers\r\n\r\n"));
        let answer = client.answer();
        let fields = [(field.0.to_owned(), field.1.to_owned())];
        assert_eq!((answer.text(), &answer.trailers[..]), (content, &fields[..]));
    }
    client.send("POST / HTTP/1.1\r\nHost: a\r\nTE: trailers\r\nTransfer-Encoding: chunked\r\n\r\n");
    client.send("2\r\nab\r\n0\r\nx-sent: 1\r\n\r\n");
    let answer = client.answer();
    assert_eq!((answer.text(), &*answer.trailers[0].0), ("ab(end)", "x-sent"));
}

#[test]
fn head_runs_no_producer_behind_filters() {
    let server = TestServer::new(layered(|request: &mut Request| {
        let is_head = request.method() == Method::HEAD;
        Body::stream(move |writer| {
            assert!(!is_head, "a test");
            writer.write_all(b"content")
        })
    }));
    let mut client = Client::connect(server.address());
    client.send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
    let answer = client.answer_to("HEAD").unwrap();
    assert_eq!((answer.status, answer.field("transfer-encoding")), (200, None));
    client.assert_in_step("/", "content(end)(end)");
}

/// Returns the answer to a request, followed by a second one.
fn answered(handler: fn(&mut Request) -> Body, request: &[u8]) -> String {
    let bytes = [request, get("/second").as_bytes()].concat();
    let handler = move |request: &mut Request| {
        if request.uri().path() == "/second" { "second".into() } else { handler(request) }
    };
    String::from_utf8(exchange(handler, &bytes)).unwrap()
}

#[test]
fn failures_behind_and_in_filters_cut_the_connection_even_if_ignored() {
    fn refuse(_: &[u8], _: &mut BodyWriter<'_>) -> io::Result<()> {
        Err(io::Error::other("refused"))
    }
    fn fail(writer: &mut BodyWriter<'_>) -> io::Result<()> {
        writer.write_all(b"half")?;
        Err(io::Error::other("no more"))
    }
    let handlers: [fn(&mut Request) -> Body; 5] = [
        |_| Body::stream(fail).through(Holding::default()),
        |_| Body::from("content").through(refuse),
        |_| Body::sized(io::empty(), 5).through(Holding::default()),
        |_| {
            Body::stream(|writer| {
                let _ = writer.through(Holding::default(), fail);
                Ok(())
            })
        },
        |_| {
            Body::stream(|writer| {
                let _ = writer.through(refuse, |filtered| filtered.write_all(b"content"));
                let _ = writer.write_all(b"more");
                writer.flush().or(Ok(()))
            })
        },
    ];
    for (place, handler) in handlers.into_iter().enumerate() {
        let answer = answered(handler, get("/").as_bytes());
        assert!(!answer.contains("0\r\n\r\n") && !answer.contains("(end)"), "{place}: {answer}");
        assert!(!answer.contains("more") && !answer.contains("second"), "{place}: {answer}");
    }
}

#[test]
fn streams_that_are_read_are_no_complete_answer() {
    let answer = answered(|_| Body::from_reader(Body::stream(|writer| writer.write_all(b"x"))), get("/").as_bytes());
    assert!(answer.starts_with("HTTP/1.1 500 "), "{answer}");
}

#[test]
fn content_sent_back_through_filters_keeps_the_status_of_its_errors() {
    let echo: fn(&mut Request) -> Body = |request| std::mem::take(request.body_mut()).through(Holding::default());
    let answer = answered(echo, &post("/", b"content"));
    assert!(answer.contains("\r\ncontent(end)\r\n") || answer.contains("\r\ncontent\r\n"), "{answer}");
    assert!(answer.ends_with("second"), "{answer}");
    let answer = answered(echo, b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nno size\r\n");
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    let limited: fn(&mut Request) -> Body = |request| {
        request.body_limit(3);
        std::mem::take(request.body_mut()).through(Holding::default())
    };
    let answer = answered(limited, &post("/", b"content"));
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
}

#[test]
fn expected_100_continue_precedes_the_head_of_filtered_content() {
    let echo = |request: &mut Request| std::mem::take(request.body_mut()).through(Holding::default());
    let server = TestServer::with(echo, |settings| settings.body_buffer_size = 0);
    let mut client = Client::connect(server.address());
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
    assert_eq!(client.head().unwrap().status, 100);
    client.send("hello");
    assert_eq!(client.answer().text(), "hello(end)");
    // Filtered content is as interactive as unfiltered content.
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nab");
    client.head().unwrap();
    assert_eq!(client.chunk().unwrap(), b"ab");
    client.send("cd");
    assert_eq!(client.chunk().unwrap(), b"cd");
    wait_until("the answer ends", || client.chunk().unwrap().is_empty());
}
