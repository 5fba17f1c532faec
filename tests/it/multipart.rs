//! Uploads over sockets: wrong content, and forms as other programs send them.

use std::fs::{self, File};
use std::io::{self, Read};
use std::process::Command;
use std::time::Duration;

use drupe::multipart::{self, Multipart};
use drupe::testing::TestServer;
use drupe::{IntoResponse, Request, RequestExt, Response};
use log::Level;

use crate::client::{Client, wait_until};
use crate::curl::printed;
use crate::figures::Figures;
use crate::logging::{listen, records};
use crate::place::Place;
use crate::process::is_alone;

/// Reads a form in one of the ways that handlers do.
fn read(request: &mut Request) -> Response {
    match request.uri().path() {
        "/copied" => copied(request).into_response(),
        "/gathered" => gathered(request).into_response(),
        "/limited" => {
            request.body_limit(150);
            copied(request).into_response()
        }
        "/skipped" => skipped(request).into_response(),
        _ => "in step".into_response(),
    }
}

/// Copies each part, as into a file. The errors pass through [`io::Error`].
fn copied(request: &mut Request) -> io::Result<String> {
    let mut form = Multipart::new(request)?.max_part_bytes(1000).max_parts(5);
    let mut told = String::new();
    while let Some(mut part) = form.next()? {
        let length = io::copy(&mut part, &mut io::sink())?;
        told += &format!("{} {length}\n", part.name());
    }
    Ok(told)
}

fn gathered(request: &mut Request) -> Result<String, multipart::Error> {
    let mut form = Multipart::new(request)?.max_part_bytes(1000).max_parts(5);
    let mut told = String::new();
    while let Some(part) = form.next()? {
        let name = part.name().to_owned();
        told += &format!("{name} {}\n", part.text()?.len());
    }
    Ok(told)
}

fn skipped(request: &mut Request) -> Result<String, multipart::Error> {
    let mut form = Multipart::new(request)?.max_part_bytes(1000).max_parts(5);
    let mut told = String::new();
    while let Some(part) = form.next()? {
        told += &format!("{} -\n", part.name());
    }
    Ok(told)
}

/// A request with a length, and one with chunks of 7 bytes.
fn uploads(target: &str, content_type: &str, content: &[u8]) -> [Vec<u8>; 2] {
    let head = format!("POST {target} HTTP/1.1\r\nHost: a\r\n{content_type}");
    let sized = [format!("{head}Content-Length: {}\r\n\r\n", content.len()).as_bytes(), content].concat();
    let mut chunked = format!("{head}Transfer-Encoding: chunked\r\n\r\n").into_bytes();
    for chunk in content.chunks(7) {
        chunked.extend([format!("{:x}\r\n", chunk.len()).as_bytes(), chunk, b"\r\n"].concat());
    }
    chunked.extend(b"0\r\n\r\n");
    [sized, chunked]
}

const TYPE: &str = "Content-Type: multipart/form-data; boundary=b\r\n";
const FIELD: &str = "--b\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n";

/// Wrong forms: the lines of the type, the content, the status of the answer.
fn wrong() -> Vec<(String, Vec<u8>, u16)> {
    let whole = format!("{FIELD}--b--\r\n");
    let head = |fields: &str| [b"--b\r\n", fields.as_bytes(), b"\r\n1\r\n--b--\r\n"].concat();
    let boundary = |boundary: &str| format!("Content-Type: multipart/form-data; boundary={boundary}\r\n");
    let mut wrong = vec![
        (String::new(), whole.clone().into_bytes(), 415),
        ("Content-Type: text/plain\r\n".into(), whole.clone().into_bytes(), 415),
        ("Content-Type: multipart/mixed; boundary=b\r\n".into(), whole.clone().into_bytes(), 415),
        ("Content-Type: multipart/form-data\r\n".into(), whole.clone().into_bytes(), 400),
        (boundary("\"\""), whole.clone().into_bytes(), 400),
        (boundary("b{"), whole.clone().into_bytes(), 400),
        (boundary(&"b".repeat(71)), whole.clone().into_bytes(), 400),
        (boundary("c"), whole.clone().into_bytes(), 400),
        (format!("{TYPE}{TYPE}"), whole.clone().into_bytes(), 400),
    ];
    let contents: [(&[u8], u16); 7] = [
        (b"", 400),
        (b"x", 400),
        (b"--b", 400),
        (FIELD.as_bytes(), 400),
        (b"--b\nContent-Disposition: form-data; name=a\n\n1\n--b--\n", 400),
        (b"--b junk\r\n\r\n--b--", 400),
        (b"--b\r\nContent-Disposition: form-data; name=\"\xff\"\r\n\r\n1\r\n--b--", 400),
    ];
    let heads = [
        ("", 400),
        ("Content-Disposition: form-data\r\n", 400),
        ("Content-Disposition: attachment; name=a\r\n", 400),
        ("Content-Disposition: form-data; name=\"a\r\n", 400),
        ("Content-Disposition: form-data; name=\"a\0\"\r\n", 400),
        ("Content-Disposition: form-data;\r\n name=a\r\n", 400),
        ("Content-Disposition: form-data; name=a; filename*=UTF-8''%ff\r\n", 400),
        ("Content-Disposition: form-data; name=a\r\nContent-Transfer-Encoding: base64\r\n", 415),
    ];
    let long = format!("Content-Disposition: form-data; name=a\r\nX: {}\r\n", "x".repeat(9000));
    let large = FIELD.replace("1\r\n", &"1".repeat(1001)) + "\r\n--b--";
    let with_type = |(content, status): (Vec<u8>, u16)| (TYPE.to_owned(), content, status);
    wrong.extend(contents.map(|(content, status)| (content.to_vec(), status)).map(with_type));
    wrong.extend(heads.map(|(fields, status)| (head(fields), status)).map(with_type));
    wrong.extend([(head(&long), 413), (large.into_bytes(), 413), (FIELD.repeat(6).into_bytes(), 413)].map(with_type));
    wrong
}

#[test]
fn wrong_forms_have_their_status_and_no_line_in_the_error_log() {
    if !is_alone("multipart::wrong_forms_have_their_status_and_no_line_in_the_error_log") {
        return;
    }
    listen();
    // With content that has come before the handler runs, and with content that the handler waits for.
    for buffer in [0, 1 << 16] {
        let server = TestServer::with(read, |settings| settings.body_buffer_size = buffer);
        let mut client = Client::connect(server.address());
        for (content_type, content, status) in wrong() {
            for target in ["/copied", "/gathered", "/skipped"] {
                for request in uploads(target, &content_type, &content) {
                    let shown = String::from_utf8_lossy(&request).into_owned();
                    client.send(&request);
                    let answer = client.answer();
                    assert_eq!(answer.status, status, "{shown}: {}", answer.text());
                    assert!(answer.text().ends_with('\n') && !answer.closes(), "{shown}: {answer:?}");
                    client.assert_in_step("/", "in step");
                }
            }
        }
        for target in ["/copied", "/gathered"] {
            for request in uploads(target, TYPE, format!("{FIELD}--b--").as_bytes()) {
                client.send(&request);
                assert_eq!(client.answer().text(), "a 1\n");
            }
        }
    }
    assert_eq!(records(|level, target| level <= Level::Warn && target != "drupe::access"), [""; 0]);
}

#[test]
fn failed_reads_keep_their_status() {
    if !is_alone("multipart::failed_reads_keep_their_status") {
        return;
    }
    listen();
    let server = TestServer::with(read, |settings| {
        settings.body_buffer_size = 0;
        settings.max_request_body_size = Some(500);
        settings.body_timeout = Some(Duration::from_millis(100));
    });
    let chunked = format!("POST /copied HTTP/1.1\r\nHost: a\r\n{TYPE}Transfer-Encoding: chunked\r\n\r\n");
    let part = format!("{:x}\r\n{FIELD}\r\n", FIELD.len());
    let limited = uploads("/limited", TYPE, format!("{FIELD}{}--b--", " ".repeat(200)).as_bytes());
    for (sent, ends, status, text) in [
        (format!("{chunked}{part}x\r\n"), false, 400, "a malformed chunk size"),
        (format!("{chunked}{}", part.repeat(20)), false, 413, "content over the limit"),
        (String::from_utf8(limited[1].clone()).unwrap(), false, 413, "content over the limit"),
        (format!("{chunked}{part}"), true, 400, "a message that ends before its end"),
        (format!("{chunked}{part}"), false, 408, "a message that did not arrive in time"),
    ] {
        let mut client = Client::connect(server.address());
        client.send(&sent);
        if ends {
            client.end();
        }
        let answer = client.answer();
        assert_eq!(answer.status, status, "{sent}");
        assert!(
            answer.text().starts_with("multipart/form-data cannot be read") && answer.text().contains(text),
            "{sent}: {answer:?}"
        );
        if !answer.closes() {
            client.assert_in_step("/", "in step");
        }
    }
    assert_eq!(records(|level, target| level <= Level::Warn && target != "drupe::access"), [""; 0]);
}

#[test]
fn clients_that_leave_fill_no_error_log() {
    if !is_alone("multipart::clients_that_leave_fill_no_error_log") {
        return;
    }
    listen();
    let server = TestServer::with(read, |settings| settings.body_buffer_size = 0);
    for target in ["/copied", "/gathered", "/skipped"] {
        let mut client = Client::connect(server.address());
        client.send(format!("POST {target} HTTP/1.1\r\nHost: a\r\n{TYPE}Content-Length: 1000\r\n\r\n{FIELD}"));
        drop(client);
    }
    wait_until("all have left", || {
        let statistics = server.server().statistics();
        statistics.requests == 3 && statistics.connections == 0
    });
    assert_eq!(records(|level, target| level <= Level::Warn && target != "drupe::access"), [""; 0]);
}

/// Describes each part in a line: name, file name, safe file name, type, length and sum.
fn describe(request: &mut Request) -> Result<String, multipart::Error> {
    let mut form = Multipart::new(request)?;
    let mut told = String::new();
    while let Some(mut part) = form.next()? {
        let (mut length, mut sum, mut buffer) = (0, 0_u64, [0; 8192]);
        loop {
            let got = part.read(&mut buffer).unwrap();
            if got == 0 {
                break;
            }
            sum =
                buffer[..got].iter().fold(sum, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(*byte)) % 65521);
            length += got;
        }
        let (name, file, safe) = (part.name(), part.file_name(), part.safe_file_name());
        told += &format!("{name:?} {file:?} {safe:?} {:?} {length} {sum}\n", part.content_type());
    }
    Ok(told)
}

fn described(name: &str, file: &str, safe: &str, content_type: &str, content: &[u8]) -> String {
    let (length, sum) = (content.len(), sum(content));
    format!("{name:?} Some({file:?}) Some({safe:?}) Some({content_type:?}) {length} {sum}\n")
}

/// Content with everything that could be taken for a boundary.
const NASTY: &[u8] = b"\r\n--\r\n--b\r\n----------\r\n\0\xff--\r\r\n\n--";

#[test]
fn files_with_nasty_names_arrive_from_curl() {
    let server = TestServer::new(describe);
    let place = Place::new();
    let path = place.write("content", NASTY);
    for (name, sent) in [
        ("plain.txt", "plain.txt"),
        ("semi;colon, comma.txt", "semi;colon, comma.txt"),
        ("caf\u{e9} \u{2603}.txt", "caf\u{e9} \u{2603}.txt"),
        ("per%22cent", "per%22cent"),
        (" blanks ", " blanks "),
        ("quote\"d", "quote%22d"),
        ("name=\"x\"; filename=y", "name=%22x%22; filename=y"),
    ] {
        let quoted = name.replace('\\', "\\\\").replace('"', "\\\"");
        let argument = format!("f=@\"{}\";filename=\"{quoted}\";type=a/b", path.display());
        let told = printed(&["-F", "text=value", "-F", &argument, &server.url("/")], b"");
        let (text, file) = told.split_once('\n').unwrap();
        assert_eq!(text, format!("\"text\" None None None 5 {}", sum(b"value")));
        assert_eq!(file, described("f", sent, sent, "a/b", NASTY), "{name}");
    }
    // Older versions of curl escape by backslashes, and so does this option.
    for (name, safe) in [("quote\"d", "quote\"d"), ("back\\slash", "slash"), ("../../up", "up"), ("two\\\\", "")] {
        let quoted = name.replace('\\', "\\\\").replace('"', "\\\"");
        let argument = format!("f=@\"{}\";filename=\"{quoted}\";type=a/b", path.display());
        let told = printed(&["--form-escape", "-F", &argument, &server.url("/")], b"");
        let expected = described("f", name, safe, "a/b", NASTY).replace("Some(\"\")", "None");
        assert_eq!(told, expected, "{name}");
    }
    // In chunks, without an end that is known.
    let piped = ["-F", "f=@-;filename=x;type=a/b", "-H", "Transfer-Encoding: chunked", &server.url("/")];
    assert_eq!(printed(&piped, NASTY), described("f", "x", "x", "a/b", NASTY));
}

fn sum(content: &[u8]) -> u64 {
    content.iter().fold(0, |sum, byte| (sum * 31 + u64::from(*byte)) % 65521)
}

const REQUESTS: &str = r#"
import requests, sys
nasty = bytes.fromhex(sys.argv[2])
names = ["plain.txt", "caf\u00e9 \u2603.txt", 'quote"d', "back\\slash", "line\nbreak", "semi;colon", "per%22cent"]
for name in names:
    answer = requests.post(sys.argv[1], data={"a": "1"}, files={"f": (name, nasty, "a/b")}, timeout=60)
    assert answer.status_code == 200, answer.text
    sys.stdout.write(answer.text.split("\n", 1)[1])
"#;

#[test]
#[ignore = "needs Python's requests; .ci/run has it"]
fn files_with_nasty_names_arrive_from_requests() {
    let server = TestServer::new(describe);
    let hex: String = NASTY.iter().map(|byte| format!("{byte:02x}")).collect();
    let output = Command::new("python3").args(["-c", REQUESTS, &server.url("/"), &hex]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let told = String::from_utf8(output.stdout).unwrap();
    let expected: String = [
        ("plain.txt", "plain.txt"),
        ("caf\u{e9} \u{2603}.txt", "caf\u{e9} \u{2603}.txt"),
        ("quote%22d", "quote%22d"),
        ("back\\slash", "slash"),
        ("line%0Abreak", "line%0Abreak"),
        ("semi;colon", "semi;colon"),
        ("per%22cent", "per%22cent"),
    ]
    .map(|(sent, safe)| described("f", sent, safe, "a/b", NASTY))
    .concat();
    assert_eq!(told, expected);
}

#[cfg(feature = "statistics")]
#[test]
#[ignore = "needs chromium; .ci/run has it"]
fn files_with_nasty_names_arrive_from_chromium() {
    const SCRIPT: &str = "(async () => { const form = new FormData(); form.append('a', '1'); \
        for (const name of ['plain.txt', 'caf\u{e9} \u{2603}', 'quote%22d\u{22}', 'back\u{5c}\u{5c}slash', 'line\u{5c}nbreak']) \
        form.append('f', new File([new Uint8Array([13, 10, 45, 45, 0])], name, {type: 'a/b'})); \
        form.append('big', new Blob(Array(200).fill(new Uint8Array(1 << 20)))); \
        const answer = await fetch('/', {method: 'POST', body: form}); window.told = await answer.text(); })()";
    let handler = |request: &mut Request| {
        if request.method() == http::Method::GET { "page".into_response() } else { describe(request).into_response() }
    };
    let server = TestServer::with(handler, |settings| settings.max_request_body_size = Some(1 << 30));
    let place = Place::new();
    let mut browser = crate::browser::Browser::open(&place.path("profile"));
    browser.show(&server.url("/"));
    browser.wait_for("document.body.textContent", "page");
    browser.evaluate(SCRIPT);
    browser.wait_for("window.told !== undefined", "true");
    let told: Vec<String> =
        browser.evaluate("encodeURIComponent(window.told)").split("%0A").map(str::to_owned).collect();
    let is_in = |name: &str| told.iter().any(|line| line.contains(name));
    // Quotes and line ends are percent-encoded by the browser, and then once more by the script.
    for name in ["plain.txt", "caf%C3%A9%20%E2%98%83", "quote%2522d%2522", "back%5C%5Cslash", "line%250Abreak"] {
        assert!(is_in(name), "{name}: {told:?}");
    }
    assert!(is_in(&format!("%20{}%20", 200 << 20)), "{told:?}");
}

#[test]
fn large_uploads_take_little_memory() {
    if !is_alone("multipart::large_uploads_take_little_memory") {
        return;
    }
    const LENGTH: u64 = 200 << 20;
    let handler = |request: &mut Request| -> io::Result<String> {
        let mut form = Multipart::new(request)?;
        let mut told = String::new();
        while let Some(mut part) = form.next()? {
            told += &format!("{} {}\n", part.name().to_owned(), io::copy(&mut part, &mut io::sink())?);
        }
        Ok(told)
    };
    let server = TestServer::with(handler, |settings| settings.max_request_body_size = Some(2 * LENGTH));
    let place = Place::new();
    let path = place.path("large");
    File::create(&path).unwrap().set_len(LENGTH).unwrap();
    let argument = format!("f=@{}", path.display());
    // What is allocated once is allocated.
    printed(&["-F", "a=1", &server.url("/")], b"");
    let before = Figures::own().resident();
    assert_eq!(printed(&["-F", &argument, &server.url("/")], b""), format!("f {LENGTH}\n"));
    let grown = Figures::own().peak().saturating_sub(before);
    fs::remove_file(path).unwrap();
    println!("{before} bytes resident before, {grown} more at the peak");
    assert!(grown < 2 << 20, "{grown} bytes");
}
