//! Handlers as users write them: closures, errors with `?`, limits of their own, and what the server
//! does with them.

use std::sync::Arc;

use drupe::http::{Method, StatusCode, Uri};
use drupe::testing::{TestServer, exchange};
use drupe::{Failure, Handler, IntoResponse, OrStatus, Request, RequestExt, Response, handler, try_handler};

use crate::client::{Client, get};

/// Posts `content`, and returns the answer as text.
fn post(handler: impl Handler, content: &str) -> String {
    let head = format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n", content.len());
    String::from_utf8(exchange(handler, (head + content).as_bytes())).unwrap()
}

fn status(answer: &str) -> &str {
    &answer[9..12]
}

#[test]
fn closure_needs_no_annotation_and_may_use_a_question_mark() {
    let square = try_handler(|request| {
        let number: u32 = request.text()?.parse().or_status(StatusCode::BAD_REQUEST)?;
        if number > 100 {
            return Err(Failure::new(StatusCode::UNPROCESSABLE_ENTITY, "too large\n"));
        }
        let known = [0_u32, 1, 4, 9].get(number as usize).copied().or_status(StatusCode::NOT_FOUND)?;
        Ok(known.to_string())
    });
    let square = Arc::new(square);
    assert!(post(Arc::clone(&square), "3").ends_with("\r\n\r\n9"));
    assert!(post(Arc::clone(&square), "x").ends_with("\r\n\r\nbad request\n"));
    assert_eq!(status(&post(Arc::clone(&square), "4")), "404");
    assert!(post(square, "101").ends_with("\r\n\r\ntoo large\n"));
}

/// Returns a type that counts as a borrow of the request.
fn opaque(request: &mut Request) -> impl IntoResponse {
    (StatusCode::CREATED, request.method().to_string())
}

#[test]
fn function_with_an_opaque_response_is_a_handler_without_use() {
    assert!(post(opaque, "").ends_with("\r\n\r\nPOST"));
    assert_eq!(status(&post(opaque.with(outermost), "")), "201");
    let boxed: Box<dyn Handler> = Box::new(opaque);
    assert_eq!(status(&post(boxed, "")), "201");
}

#[test]
fn shared_and_boxed_handlers_are_handlers() {
    let boxed: Box<dyn Handler> = Box::new(|_: &mut Request| "boxed");
    let shared: Arc<dyn Handler> = Arc::new(|_: &mut Request| "shared");
    let leaked: &'static dyn Handler = Box::leak(Box::new(|_: &mut Request| "leaked"));
    assert!(post(boxed, "").ends_with("boxed"));
    assert!(post(shared, "").ends_with("shared"));
    assert!(post(leaked, "").ends_with("leaked"));
}

#[test]
fn layer_sees_the_failure_and_the_last_added_is_outermost() {
    let fails = handler(|_| Err::<(), _>(Failure::from("a secret")));
    let layered = fails
        .with(|inner: Arc<_>| {
            handler(move |request| {
                let response = Handler::handle(&*inner, request);
                let text = Failure::of(&response).map(ToString::to_string).unwrap_or_default();
                ([("x-length", text.len().to_string())], response)
            })
        })
        .with(outermost);
    let answer = post(layered, "");
    assert!(status(&answer) == "500" && answer.contains("x-length: 8\r\n") && answer.contains("x-outer: 500\r\n"));
    assert!(!answer.contains("secret"));
}

fn outermost(inner: impl Handler) -> impl Handler {
    handler(move |request| {
        let response = inner.handle(request);
        ([("x-outer", response.status().as_str().to_owned())], response)
    })
}

/// A handler with a limit for `/large`, above the setting, and one for `/small`, below.
struct Limited;

impl Handler for Limited {
    fn handle(&self, request: &mut Request) -> Response {
        request.bytes().map(|content| content.len().to_string()).map_err(Failure::from).into_response()
    }

    fn body_limit(&self, _: &Method, target: &Uri) -> Option<u64> {
        match target.path() {
            "/large" => Some(1000),
            "/small" => Some(10),
            _ => None,
        }
    }
}

#[test]
fn handler_raises_and_lowers_the_limit_of_its_content_behind_a_layer_too() {
    let server = TestServer::with(Limited.with(outermost), |settings| settings.max_request_body_size = Some(100));
    for (path, most) in [("/", 100), ("/large", 1000), ("/small", 10)] {
        let declared = |length: usize| {
            let mut client = Client::connect(server.address());
            client.send(format!("POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n"));
            client
        };
        let mut client = declared(most);
        client.send("a".repeat(most));
        assert_eq!(client.answer().text(), most.to_string());
        client.assert_in_step("/", "0");
        // The declared length is enough to refuse the request; the content is not awaited.
        assert_eq!(declared(most + 1).answer().status, 413, "{path}");
        let mut client = Client::connect(server.address());
        client.send(format!("POST {path} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"));
        client.send(format!("{:x}\r\n{}\r\n0\r\n\r\n", most + 1, "a".repeat(most + 1)));
        assert_eq!(client.answer().status, 413, "{path}");
    }
}

/// Reads content as the path says. `/route` has a limit of its own, above that of text.
struct Reading;

impl Handler for Reading {
    fn handle(&self, request: &mut Request) -> Response {
        let length = match request.uri().path() {
            "/bytes" => request.bytes().map(|content| content.len()),
            "/json" => request.json::<String>().map(|content| content.len()),
            "/form" => request.form_pairs().map(|pairs| pairs.len()),
            "/own" => {
                request.body_limit(4 << 20);
                request.text().map(|content| content.len())
            }
            _ => request.text().map(|content| content.len()),
        };
        length.map(|length| length.to_string()).map_err(Failure::from).into_response()
    }

    fn body_limit(&self, _: &Method, target: &Uri) -> Option<u64> {
        (target.path() == "/route").then_some(3 << 20)
    }
}

/// Reads JSON of the content, and of a file of the server for `/file`.
fn parse(request: &mut Request) -> std::io::Result<String> {
    let read: Vec<u32> = match request.uri().path() {
        "/file" => {
            let mut name = String::new();
            std::io::Read::read_to_string(request.body_mut(), &mut name)?;
            serde_json::from_reader(std::fs::File::open("Cargo.toml")?)?
        }
        "/both" => {
            serde_json::from_reader::<_, Vec<u32>>(request.body_mut())?;
            serde_json::from_reader("[1,\n2".as_bytes())?
        }
        "/fit" => {
            serde_json::from_reader::<_, Vec<u32>>(request.body_mut())?;
            serde_json::from_reader("{}".as_bytes())?
        }
        "/buffered" => serde_json::from_reader(std::io::BufReader::new(request.body_mut()))?,
        "/none" => serde_json::from_reader(&b""[..])?,
        _ => serde_json::from_reader(request.body_mut())?,
    };
    Ok(read.len().to_string())
}

#[test]
fn malformed_json_from_the_content_is_a_400_and_from_a_file_a_500() {
    let server = TestServer::with(parse, |settings| (settings.thread_pool, settings.thread_pool_max) = (1, Some(1)));
    let also = TestServer::new(try_handler(|request| {
        let read: Vec<u32> = serde_json::from_reader(request.body_mut())?;
        Ok(read.len().to_string())
    }));
    let mut client = Client::connect(server.address());
    for (target, content, status) in [
        ("/", "[1, 2]", 200),
        ("/", "", 400),
        ("/none", "", 500),
        ("/", "[1, x]", 400),
        ("/", "[1,\n\n  2", 400),
        ("/", "[1] 2", 400),
        ("/", "[1, \"2\"]", 400),
        ("/", "{\"a\": 1}", 400),
        ("/fit", "[1]", 500),
        ("/", "{", 400),
        ("/file", "[1]", 500),
        ("/both", "[1]", 500),
        ("/both", "[1", 400),
        ("/buffered", "[1", 500),
    ] {
        let answer = client.post(target, content.as_bytes());
        assert_eq!(answer.status, status, "{target} {content:?}: {}", answer.text());
        if status == 400 {
            assert!(answer.text().starts_with("the JSON content is malformed: "), "{}", answer.text());
        }
    }
    let mut client = Client::connect(also.address());
    assert_eq!(client.post("/", b"[1").status, 400);
}

#[test]
fn text_json_and_forms_have_a_limit_of_two_mebibytes_unless_route_or_handler_have_one() {
    let server = TestServer::new(Reading);
    let most = 2 << 20;
    let (text, json, form) = ("text/plain", "application/json", "application/x-www-form-urlencoded");
    for (path, content_type, length, status) in [
        ("/text", text, most, 200),
        ("/text", text, most + 1, 413),
        ("/json", json, most, 200),
        ("/json", json, most + 1, 413),
        ("/form", form, most, 200),
        ("/form", form, most + 1, 413),
        ("/bytes", text, most + 1, 200),
        ("/own", text, most + 1, 200),
        ("/own", text, 2 * most + 1, 413),
        ("/route", text, most + 1, 200),
    ] {
        let content = format!("\"{}\"", "a".repeat(length - 2));
        let head = |framing: &str| {
            let mut client = Client::connect(server.address());
            client
                .send(format!("POST {path} HTTP/1.1\r\nHost: a\r\nContent-Type: {content_type}\r\n{framing}\r\n\r\n"));
            client
        };
        let mut chunked = head("Transfer-Encoding: chunked");
        chunked.send(format!("{length:x}\r\n{content}"));
        let mut declared = head(&format!("Content-Length: {length}"));
        if status == 200 {
            chunked.send("\r\n0\r\n\r\n");
            declared.send(&content);
        } else {
            // Enough for the handler to run.
            declared.send(&content[..65536]);
        }
        for answer in [chunked.answer(), declared.answer()] {
            assert_eq!(answer.status, status, "{path} {length}: {}", answer.text());
            let is_default = status == 413 && path != "/own";
            assert_eq!(answer.text().contains("2 MiB"), is_default, "{path}: {}", answer.text());
        }
    }
}

#[test]
fn text_has_its_limit_if_only_the_size_of_a_chunk_has_come() {
    let server = TestServer::new(Reading);
    let mut client = Client::connect(server.address());
    client.send("POST /text HTTP/1.1\r\nHost: a\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n");
    client.send(format!("FFFF\r\n{}", "a".repeat(0xFFFF)));
    // The buffer is full, the next size known, and the line end to come.
    client.send("\r\n1\r\nx\r\n200000\r");
    let answer = client.answer();
    assert_eq!((answer.status, answer.text().contains("2 MiB")), (413, true), "{}", answer.text());
}

#[test]
fn setting_below_the_limit_of_text_applies_to_text_too() {
    let server = TestServer::with(Reading, |settings| settings.max_request_body_size = Some(10));
    for (length, status) in [(10, 200), (11, 413)] {
        let mut client = Client::connect(server.address());
        client.send("POST /text HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
        client.send(format!("{length:x}\r\n{}\r\n0\r\n\r\n", "a".repeat(length)));
        let answer = client.answer();
        assert_eq!((answer.status, answer.text().contains("2 MiB")), (status, false));
    }
}

#[test]
fn wrong_content_for_a_reader_has_its_status_and_leaves_the_connection_in_step() {
    let server = TestServer::new(try_handler(|request| match request.uri().path() {
        "/text" => Ok(request.text()?),
        "/json" => Ok(request.json::<Vec<u8>>()?.len().to_string()),
        "/form" => Ok(request.form_pairs()?.len().to_string()),
        "/query" => Ok(request.query_pairs()?.len().to_string()),
        "/twice" => {
            request.text()?;
            Ok(request.text()?)
        }
        _ => Ok("ok".to_owned()),
    }));
    let mut client = Client::connect(server.address());
    for (path, content_type, content, status) in [
        ("/text", "text/plain", "tea", 200),
        ("/text", "text/plain; charset=ebcdic", "tea", 415),
        ("/json", "application/json", "[1]", 200),
        ("/json", "application/json", "[1", 400),
        ("/json", "text/plain", "[1]", 415),
        ("/form", "application/x-www-form-urlencoded", "a=b", 200),
        ("/form", "application/x-www-form-urlencoded", "a=%ff", 400),
        ("/form", "application/json", "a=b", 415),
        ("/query?a=%ff", "text/plain", "", 400),
        ("/query?a=b", "text/plain", "", 200),
        ("/twice", "text/plain", "tea", 500),
    ] {
        client.send(format!(
            "POST {path} HTTP/1.1\r\nHost: a\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\n\r\n{content}",
            content.len()
        ));
        assert_eq!(client.answer().status, status, "{path} {content_type} {content}");
        client.send(get("/"));
        assert_eq!(client.answer().text(), "ok");
    }
}
