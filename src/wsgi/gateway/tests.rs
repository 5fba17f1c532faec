//! Tests of the gateway: what applications do, and the resulting responses.

use std::io::Read;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::wsgi::{FileWrapper, Value};

const NO_FIELDS: [(&str, &str); 0] = [];

fn answer(application: impl Application) -> Response {
    Gateway::new(application).handle(&mut Request::new("sent".into()))
}

/// Status and content, or the failure while reading the content.
fn told(application: impl Application) -> (u16, String) {
    let response = answer(application);
    let status = response.status().as_u16();
    (status, response.into_body().into_string().unwrap_or_else(|error| format!("failed: {error}")))
}

/// Blocks for a test, with counters of their use.
struct Blocks {
    blocks: std::slice::Iter<'static, Result<&'static str, &'static str>>,
    seen: Arc<Seen>,
    start_response: StartResponse,
}

#[derive(Default)]
struct Seen {
    asked: AtomicUsize,
    closed: AtomicUsize,
}

impl Seen {
    fn told(&self) -> (usize, usize) {
        (self.asked.load(Ordering::Relaxed), self.closed.load(Ordering::Relaxed))
    }
}

impl Chunks for Blocks {
    fn next(&mut self) -> Option<Result<Bytes, ApplicationError>> {
        self.seen.asked.fetch_add(1, Ordering::Relaxed);
        match *self.blocks.next()? {
            Ok("panic") => panic!("as asked"),
            Ok("start") => self
                .start_response
                .start("201 Created", NO_FIELDS)
                .err()
                .map_or(Some(Ok(Bytes::new())), |e| Some(Err(e))),
            Ok("restart") => {
                let failed = self.start_response.restart("503 Service Unavailable", NO_FIELDS, "the reason").err();
                failed.map_or(Some(Ok("sorry".into())), |failure| Some(Err(failure)))
            }
            Ok(block) => Some(Ok(Bytes::from_static(block.as_bytes()))),
            Err(failure) => Some(Err(failure.into())),
        }
    }

    fn close(&mut self) -> Result<(), ApplicationError> {
        self.seen.closed.fetch_add(1, Ordering::Relaxed);
        Err("closing fails as well".into())
    }
}

/// An application yielding `blocks`; begins the response with `fields` unless `blocks` do.
fn yielding(
    fields: &'static [(&'static str, &'static str)],
    blocks: &'static [Result<&'static str, &'static str>],
) -> (impl Application, Arc<Seen>) {
    let seen = Arc::<Seen>::default();
    let known = Arc::clone(&seen);
    let application = move |_: Environ, start_response: StartResponse| {
        if !blocks.contains(&Ok("start")) {
            start_response.start("200 OK", fields.iter().copied())?;
        }
        Ok(Content::chunks(Blocks { blocks: blocks.iter(), seen: Arc::clone(&known), start_response }))
    };
    (application, seen)
}

#[track_caller]
fn check(
    fields: &'static [(&'static str, &'static str)],
    blocks: &'static [Result<&'static str, &'static str>],
    expected: (u16, &str),
) {
    let (application, seen) = yielding(fields, blocks);
    let (status, content) = told(application);
    assert_eq!((status, content.as_str()), expected);
    assert_eq!(seen.told().1, 1, "closed once, whatever happened");
    assert!(seen.told().0 <= blocks.len() + 1, "nothing is asked for behind the end");
}

#[test]
fn blocks_are_the_content() {
    check(&[], &[], (200, ""));
    check(&[], &[Ok("")], (200, ""));
    check(&[], &[Ok("a")], (200, "a"));
    check(&[], &[Ok(""), Ok("a"), Ok(""), Ok("bc"), Ok("")], (200, "abc"));
    // The chunks begin the response at the first block.
    check(&[], &[Ok("start"), Ok("a")], (201, "a"));
    check(&[], &[Ok("start")], (201, ""));
}

#[test]
fn a_failure_before_the_first_byte_is_a_500_and_then_a_cut() {
    check(&[], &[Err("no")], (500, ""));
    check(&[], &[Ok(""), Err("no")], (500, ""));
    check(&[], &[Ok("a"), Err("no")], (200, "failed: no"));
    check(&[], &[Ok("a"), Err("no"), Ok("never")], (200, "failed: no"));
}

#[test]
fn an_answer_is_begun_anew_until_the_first_byte() {
    check(&[], &[Ok("restart")], (503, "sorry"));
    check(&[], &[Ok(""), Ok("restart"), Ok("!")], (503, "sorry!"));
    check(&[], &[Ok("a"), Ok("restart"), Ok("never")], (200, "failed: the reason"));
    // A second call without a reason.
    check(&[], &[Ok("start"), Ok("start")], (500, ""));
    check(
        &[],
        &[Ok("start"), Ok("a"), Ok("start")],
        (201, "failed: start_response was called a second time without an error as the reason"),
    );
}

#[test]
fn a_declared_length_is_kept() {
    check(&[("Content-Length", "3")], &[Ok("abc")], (200, "abc"));
    check(&[("Content-Length", "3")], &[Ok("ab"), Ok("c")], (200, "abc"));
    check(&[("Content-Length", "3")], &[Ok("ab"), Ok("cd"), Ok("never")], (200, "abc"));
    // Nothing has been sent yet: the client gets a 500.
    check(&[("Content-Length", "3")], &[Ok("abcd")], (500, ""));
    check(&[("Content-Length", "0")], &[Ok("a")], (500, ""));
    // The server detects missing bytes; the gateway only passes the content on.
    check(&[("Content-Length", "3")], &[Ok("a")], (200, "a"));
}

#[test]
fn blocks_are_requested_to_the_end_or_the_first_surplus() {
    let (application, seen) = yielding(&[("Content-Length", "3")], &[Ok("abc")]);
    assert_eq!(told(application), (200, "abc".to_owned()));
    assert_eq!(seen.told(), (2, 1), "work after the last block is done");
    let (application, seen) = yielding(&[("Content-Length", "3")], &[Ok("ab"), Ok("c"), Ok("surplus"), Ok("never")]);
    assert_eq!(told(application), (200, "abc".to_owned()));
    assert_eq!(seen.told(), (3, 1));
}

#[test]
fn block_of_the_declared_length_does_not_wait_for_the_end() {
    let (application, seen) = yielding(&[("Content-Length", "3")], &[Ok(""), Ok("abc")]);
    let response = answer(application);
    assert_eq!((response.body().content_length(), seen.told()), (Some(3), (2, 0)));
    drop(response);
    assert_eq!(seen.told(), (3, 1));
    // The answer is complete, so a later failure does not change it.
    check(&[("Content-Length", "3")], &[Ok("abc"), Err("no"), Ok("never")], (200, "abc"));
    let (application, seen) = yielding(&[("Content-Length", "3")], &[Ok("abc"), Ok("panic")]);
    assert_eq!(told(application), (200, "abc".to_owned()));
    assert_eq!(seen.told(), (2, 1));
}

#[test]
fn kept_value_outlives_the_sending() {
    struct Noted(Arc<Seen>);
    impl Drop for Noted {
        fn drop(&mut self) {
            self.0.closed.fetch_add(1, Ordering::Relaxed);
        }
    }
    for content in [|| "text".into(), || Content::chunks(["a", "b"].into_iter().map(Ok))] as [fn() -> Content; 2] {
        let seen = Arc::<Seen>::default();
        let known = Arc::clone(&seen);
        let response = answer(move |_: Environ, start_response: StartResponse| {
            start_response.start("200 OK", NO_FIELDS)?;
            Ok::<_, ApplicationError>(content().keeping(Noted(Arc::clone(&known))))
        });
        assert_eq!(seen.told().1, 0);
        drop(response);
        assert_eq!(seen.told().1, 1);
    }
}

#[test]
fn blocks_are_requested_as_they_are_sent() {
    let (application, seen) = yielding(&[], &[Ok(""), Ok("a"), Ok("b")]);
    let response = answer(application);
    assert_eq!(seen.told(), (2, 0), "up to the first byte");
    // As for a HEAD or after a disconnect.
    drop(response);
    assert_eq!(seen.told(), (2, 1));
}

#[test]
fn the_length_of_a_single_block_is_known() {
    let one = |_: Environ, start_response: StartResponse| {
        start_response.start("200 OK", NO_FIELDS)?;
        Ok(Content::chunks(std::iter::once(Ok("block"))))
    };
    assert_eq!(answer(one).body().content_length(), Some(5));
    let several = |_: Environ, start_response: StartResponse| {
        start_response.start("200 OK", NO_FIELDS)?;
        Ok(Content::chunks(["a", "b"].into_iter().map(Ok)))
    };
    assert_eq!(answer(several).body().content_length(), None);
}

#[test]
fn chunks_that_panic_are_closed() {
    let (application, seen) = yielding(&[], &[Ok("panic")]);
    assert!(catch(|| told(application)).is_err());
    assert_eq!(seen.told(), (1, 1));
    let (application, seen) = yielding(&[], &[Ok("a"), Ok("panic")]);
    assert!(catch(|| told(application)).is_err());
    assert_eq!(seen.told(), (2, 1));
}

#[test]
fn panicking_close_is_contained() {
    struct Closing;
    impl Chunks for Closing {
        fn next(&mut self) -> Option<Result<Bytes, ApplicationError>> {
            None
        }
        fn close(&mut self) -> Result<(), ApplicationError> {
            panic!("as asked");
        }
    }
    let closing = |_: Environ, start_response: StartResponse| {
        start_response.start("200 OK", NO_FIELDS)?;
        Ok(Content::chunks(Closing))
    };
    assert_eq!(told(closing), (200, String::new()));
}

#[test]
fn an_application_that_fails_or_begins_nothing_is_a_500() {
    assert_eq!(told(|_: Environ, _: StartResponse| Ok("content")), (500, String::new()));
    assert_eq!(told(|_: Environ, _: StartResponse| Ok(Content::chunks(std::iter::empty::<Result<&str, _>>()))).0, 500);
    assert_eq!(told(|_: Environ, _: StartResponse| Err::<(), _>("no".into())), (500, String::new()));
    let begun_and_failed = |_: Environ, start_response: StartResponse| {
        start_response.start("200 OK", NO_FIELDS)?.write_all(b"lost")?;
        Err::<(), ApplicationError>("no".into())
    };
    assert_eq!(told(begun_and_failed), (500, String::new()));
}

#[test]
fn written_bytes_precede_returned_content() {
    let writing = |content: fn() -> Content| {
        move |_: Environ, start_response: StartResponse| {
            let mut write = start_response.start("200 OK", NO_FIELDS)?;
            write.write_all(b"written ")?;
            write.flush()?;
            Ok::<_, ApplicationError>(content())
        }
    };
    for (content, expected) in [
        (Content::empty as fn() -> Content, "written "),
        (|| "returned".into(), "written returned"),
        (|| Content::chunks(["a", "b"].into_iter().map(Ok)), "written ab"),
        (|| Content::reader("read".as_bytes()), "written read"),
        (|| Body::stream(|writer| writer.write_all(b"streamed")).into(), "written streamed"),
    ] {
        assert_eq!(told(writing(content)), (200, expected.to_owned()));
    }
}

#[test]
fn written_bytes_count_towards_the_declared_length() {
    let writing = |declared: &'static str, content: fn() -> Content| {
        told(move |_: Environ, start_response: StartResponse| {
            start_response.start("200 OK", [("Content-Length", declared)])?.write_all(b"abc")?;
            Ok::<_, ApplicationError>(content())
        })
    };
    for (declared, status, expected) in [("4", 200, "abcd"), ("2", 500, ""), ("5", 200, "abcde"), ("3", 200, "abc")] {
        assert_eq!(writing(declared, || "de".into()), (status, expected.to_owned()), "{declared}");
        assert_eq!(
            writing(declared, || Content::chunks(["d", "e"].into_iter().map(Ok))),
            (status, expected.to_owned())
        );
    }
}

#[test]
fn chunks_may_write_too() {
    let late: Arc<Mutex<Option<crate::wsgi::Write>>> = Arc::default();
    let kept = Arc::clone(&late);
    let writing = move |_: Environ, start_response: StartResponse| {
        let mut write = start_response.start("200 OK", NO_FIELDS)?;
        *kept.lock() = Some(write.clone());
        let mut blocks = ["a", "b", ""].into_iter();
        Ok(Content::chunks(std::iter::from_fn(move || {
            let block = blocks.next()?;
            Some(write.write_all(b"<").map(|()| block).map_err(ApplicationError::from))
        })))
    };
    assert_eq!(told(writing), (200, "<a<b<".to_owned()));
    let error = late.lock().as_mut().unwrap().write_all(b"late").unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
}

#[test]
fn content_has_many_forms() {
    let returned = |content: fn() -> Content| {
        told(move |_: Environ, start_response: StartResponse| {
            start_response.start("200 OK", NO_FIELDS)?;
            Ok::<_, ApplicationError>(content())
        })
    };
    for (content, expected) in [
        ((|| ().into()) as fn() -> Content, ""),
        (|| "text".into(), "text"),
        (|| "text".to_owned().into(), "text"),
        (|| vec![b'x'; 3].into(), "xxx"),
        (|| Content::reader("reader".as_bytes()), "reader"),
        (|| Body::sized("sized".as_bytes(), 4).into(), "size"),
    ] {
        assert_eq!(returned(content), (200, expected.to_owned()));
    }
}

#[test]
fn a_file_goes_from_its_position_to_its_end_or_the_declared_length() {
    let path = std::env::temp_dir().join(format!("drupe-wsgi-{}", std::process::id()));
    std::fs::write(&path, "0123456789").unwrap();
    for (skipped, declared, length, content) in [
        (0, None, 10, "0123456789"),
        (4, None, 6, "456789"),
        (4, Some("3"), 3, "456"),
        (4, Some("7"), 6, "456789"),
        (20, None, 0, ""),
    ] {
        let file = path.clone();
        let sending = move |_: Environ, start_response: StartResponse| {
            let mut file = std::fs::File::open(&file)?;
            io::copy(&mut Read::by_ref(&mut file).take(skipped.min(10)), &mut io::sink())?;
            if skipped > 10 {
                io::Seek::seek(&mut file, io::SeekFrom::Start(skipped))?;
            }
            start_response.start("200 OK", declared.map(|length| ("Content-Length", length)))?;
            Ok(FileWrapper::new(file))
        };
        let response = answer(sending);
        // A file body is sent with `sendfile`.
        assert_eq!(
            format!("{:?}", response.body()),
            format!("Body {{ kind: \"file\", content_length: Some({length}) }}")
        );
        assert_eq!(response.into_body().into_string().unwrap(), content);
    }
    std::fs::remove_file(path).unwrap();
}

#[test]
fn an_application_sees_the_request_and_the_version() {
    let tell = |mut environ: Environ, start_response: StartResponse| {
        start_response.start("200 OK", NO_FIELDS)?;
        let content = environ.take_input().into_string()?;
        let coding = environ.text("wsgi.url_encoding").unwrap_or_default().into_owned();
        let version = environ.get("wsgi.version").map(Value::to_string).unwrap_or_default();
        Ok::<_, ApplicationError>(format!("{version} {} {coding} {content}", environ.path_info()))
    };
    for (version, path, expected) in [
        ("1", "/caf%C3%A9", "1.0 /caf\u{c3}\u{a9}  sent"),
        ("u", "/caf%C3%A9", "u.0 /caf\u{e9} utf-8 sent"),
        ("u", "/caf%E9", "u.0 /caf\u{e9} ISO-8859-1 sent"),
        ("u", "/tea", "u.0 /tea utf-8 sent"),
    ] {
        let mut request = Request::new("sent".into());
        *request.uri_mut() = path.parse().unwrap();
        let response = Gateway::new(tell).version(version, 0).unwrap().handle(&mut request);
        assert_eq!(response.into_body().into_string().unwrap(), expected);
    }
    let text = Gateway::new(tell).version("2", 0).unwrap_err().to_string();
    assert!(text.starts_with("setting wsgi_version: 2.0 is not registered; known: 1.0, u.0"), "{text}");
}
