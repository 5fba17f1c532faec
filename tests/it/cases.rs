//! Every case of `tests/data` over a real socket, in one piece and byte by byte. A request behind
//! each case checks that both ends are still in step.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use drupe::http::{HeaderMap, HeaderValue};
use drupe::testing::{Conversation, TestServer};
use drupe::{Body, Peer, Request, RequestExt, Response, Settings};

use self::reader::{Case, End};
use crate::client::{self, Client};

#[path = "../data/reader.rs"]
pub(crate) mod reader;

/// A request as seen by the handler.
#[derive(Clone, Debug, Default)]
struct Seen {
    method: String,
    target: String,
    host: Option<String>,
    trailers: Vec<(String, String)>,
}

/// Requests by connection; those in memory have no address.
type Log = Arc<Mutex<HashMap<Option<SocketAddr>, Vec<Seen>>>>;

/// Reads all content, sends the content back (see `tests/data/README.md`), and records the request.
fn handler(log: Log) -> impl Fn(&mut Request) -> std::io::Result<Response> + Send + Sync + 'static {
    move |request| {
        let mut content = Vec::new();
        let read = std::io::Read::read_to_end(request.body_mut(), &mut content);
        let seen = Seen {
            method: request.method().to_string(),
            target: request.uri().to_string(),
            host: request.headers().get("host").map(|host| String::from_utf8_lossy(host.as_bytes()).into_owned()),
            trailers: request.body_mut().trailers().map(|fields| pairs(&fields)).unwrap_or_default(),
        };
        read?;
        let peer = match request.connection().peer() {
            Some(Peer::Tcp(address)) => Some(*address),
            _ => None,
        };
        log.lock().unwrap().entry(peer).or_default().push(seen);
        Ok(Response::new(Body::from(content)))
    }
}

fn pairs(fields: &HeaderMap) -> Vec<(String, String)> {
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    fields.iter().map(|(name, value)| (name.to_string(), text(value))).collect()
}

/// The server's settings for a case; `None` if a setting of the case has no counterpart.
fn settings(case: &Case) -> Option<Settings> {
    let mut settings = Settings {
        max_request_header_size: 8192,
        max_request_target_size: 4096,
        max_request_body_size: None,
        ..Settings::default()
    };
    for (name, value) in &case.settings {
        let number = usize::try_from(*value).unwrap();
        match name.as_str() {
            "head" if number >= 64 => settings.max_request_header_size = number,
            "target" => settings.max_request_target_size = number.min(65_534),
            // The one setting bounds both sections.
            "fields" | "trailers" => settings.max_request_header_fields = number,
            "overflow" => settings.header_overflow_status = u16::try_from(*value).unwrap(),
            "content" if number > 0 => settings.max_request_body_size = Some(*value),
            "version" => settings.protocol_version = format!("HTTP/{}.{}", value / 10, value % 10),
            "head" | "content" | "extension" | "trailer" => return None,
            unknown => panic!("{}: an unknown setting {unknown}", case.name),
        }
    }
    Some(settings)
}

/// All files of cases, by name.
pub(crate) const FILES: &[(&str, &str)] = &[
    ("chunked.http", include_str!("../data/chunked.http")),
    ("coding.http", include_str!("../data/coding.http")),
    ("content.http", include_str!("../data/content.http")),
    ("ends.http", include_str!("../data/ends.http")),
    ("exchange.http", include_str!("../data/exchange.http")),
    ("extension.http", include_str!("../data/extension.http")),
    ("fields.http", include_str!("../data/fields.http")),
    ("hidden.http", include_str!("../data/hidden.http")),
    ("host.http", include_str!("../data/host.http")),
    ("length.http", include_str!("../data/length.http")),
    ("limits.http", include_str!("../data/limits.http")),
    ("lines.http", include_str!("../data/lines.http")),
    ("mutation.http", include_str!("../data/mutation.http")),
    ("path.http", include_str!("../data/path.http")),
    ("size.http", include_str!("../data/size.http")),
    ("smuggling.http", include_str!("../data/smuggling.http")),
    ("start.http", include_str!("../data/start.http")),
    ("target.http", include_str!("../data/target.http")),
    ("trailers.http", include_str!("../data/trailers.http")),
    ("version.http", include_str!("../data/version.http")),
];

#[test]
fn every_file_of_cases_is_run() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data");
    let names = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut found: Vec<String> = names.filter(|name| name.ends_with(".http")).collect();
    found.sort();
    assert_eq!(found, FILES.iter().map(|(name, _)| (*name).to_owned()).collect::<Vec<_>>());
}

#[test]
fn cases_that_no_setting_can_make_are_few() {
    let all = FILES.iter().flat_map(|(_, text)| reader::read(text));
    let left_out: Vec<String> = all.filter(|case| settings(case).is_none()).map(|case| case.name).collect();
    // Those about bounds that have no setting of their own: extensions, and the bytes of trailers; and about none at all.
    assert!(left_out.len() <= 9, "{left_out:#?}");
}

/// The way in which the bytes of a case reach the server.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Way {
    /// At once, with the next request in the same segment.
    Whole,
    /// Each byte in a segment of its own, and the next request after the answers.
    Bytes,
}

#[test]
fn every_case_holds_over_a_socket_in_one_piece() {
    run_all(Way::Whole, &plain, Client::connect);
}

#[test]
fn every_case_holds_over_a_socket_byte_by_byte() {
    run_all(Way::Bytes, &plain, Client::connect);
}

#[cfg(any(feature = "tls", feature = "tls-aws-lc"))]
#[test]
fn every_case_holds_over_tls_in_one_piece() {
    run_all(Way::Whole, &encrypted, crate::secure::connect_to);
}

/// Each byte in a TLS record of its own.
#[cfg(any(feature = "tls", feature = "tls-aws-lc"))]
#[test]
fn every_case_holds_over_tls_byte_by_byte() {
    run_all(Way::Bytes, &encrypted, crate::secure::connect_to);
}

/// Connects a client to the server.
type Connect = fn(SocketAddr) -> Client;

fn plain(settings: Settings) -> Settings {
    settings
}

#[cfg(any(feature = "tls", feature = "tls-aws-lc"))]
fn encrypted(mut settings: Settings) -> Settings {
    settings.ssl_context = Some(crate::secure::context());
    settings
}

fn run_all(way: Way, complete: &dyn Fn(Settings) -> Settings, connect: Connect) {
    let log = Log::default();
    let mut servers: Vec<(Settings, TestServer)> = Vec::new();
    let mut failures = Vec::new();
    for (file, text) in FILES {
        for case in reader::read(text) {
            let Some(settings) = settings(&case).filter(|_| way == Way::Whole || case.input.len() <= SMALL) else {
                continue;
            };
            let place = servers.iter().position(|(known, _)| *known == settings).unwrap_or_else(|| {
                let server = TestServer::with(handler(Arc::clone(&log)), |own| *own = complete(settings.clone()));
                servers.push((settings, server));
                servers.len() - 1
            });
            if let Err(error) = run(&case, way, (servers[place].1.address(), connect), &log) {
                failures.push(format!("{file}:{} {}: {error}", case.line, case.name));
            }
        }
    }
    assert!(failures.is_empty(), "{way:?}: {} cases fail:\n{}", failures.len(), failures.join("\n"));
}

/// The target of the request behind a case.
const NEXT: &str = "/in-step";
/// Sent byte by byte up to this length.
const SMALL: usize = 400;

fn run(case: &Case, way: Way, (address, connect): (SocketAddr, Connect), log: &Log) -> Result<(), String> {
    let mut client = connect(address);
    // Another connection may have had this port before.
    log.lock().unwrap().remove(&Some(client.address()));
    let follow_up = client::get(NEXT);
    match way {
        Way::Whole if case.end != End::Wait => client.send([&case.input[..], follow_up.as_bytes()].concat()),
        Way::Whole => client.send(&case.input),
        Way::Bytes => {
            for byte in &case.input {
                // A server that has refused already may have left.
                if client.try_send(&[*byte]).is_err() {
                    break;
                }
            }
        }
    }
    let (mut at, mut handled) = (0, 0);
    while let Some(mut expected) = case.answers.get(at) {
        let answer = client.answer_to(method(case, at)).map_err(|error| format!("{}: {error}", expected.status))?;
        if expected.status == 100 && answer.status != 100 {
            // The content came along, so the server did not wait. The bytes read are the answer itself.
            at += 1;
            expected = case.answers.get(at).ok_or_else(|| format!("{} instead of 100", answer.status))?;
        }
        if answer.status != expected.status {
            return Err(format!("{} instead of {}: {:?}", answer.status, expected.status, answer.content));
        }
        check(expected, &answer)?;
        handled += usize::from(answer.status == 200);
        at += 1;
    }
    let seen = log.lock().unwrap().get(&Some(client.address())).cloned().unwrap_or_default();
    check_seen(case, &seen, handled)?;
    finish(case, way, &mut client, log)
}

/// The method of the request for this answer: answers and refusals of HEAD have no content.
fn method(case: &Case, at: usize) -> &str {
    let answer = &case.answers[at];
    // An interim answer is to the request that the next one is to.
    let answer = if answer.status == 100 { case.answers.get(at + 1).unwrap_or(answer) } else { answer };
    let mut first = &case.input[..];
    while let Some(after) = first.strip_prefix(b"\r\n") {
        first = after;
    }
    let is_first_head = at == 0 && first.starts_with(b"HEAD ");
    answer.request.as_ref().map_or(if is_first_head { "HEAD" } else { "GET" }, |(method, _)| method.as_str())
}

fn check(expected: &reader::Answer, answer: &client::Answer) -> Result<(), String> {
    if let Some(content) = &expected.content {
        if *content != answer.content {
            return Err(format!("the content {:?}", String::from_utf8_lossy(&answer.content)));
        }
    }
    for (name, value) in &expected.has {
        if answer.field(name) != Some(value) {
            return Err(format!("{name} is {:?}", answer.field(name)));
        }
    }
    match expected.lacks.iter().find(|name| answer.field(name).is_some()) {
        Some(name) => Err(format!("{name} is there: {answer:?}")),
        None if answer.status >= 400 && !answer.closes() => Err(format!("a refusal that does not close: {answer:?}")),
        None => Ok(()),
    }
}

fn check_seen(case: &Case, seen: &[Seen], handled: usize) -> Result<(), String> {
    let expected = case.answers.iter().filter(|answer| answer.status == 200);
    if seen.len() < handled {
        return Err(format!("{} requests handled, {handled} answered", seen.len()));
    }
    for (seen, expected) in seen.iter().zip(expected) {
        if let Some((method, target)) = &expected.request {
            if (&seen.method, &seen.target) != (method, target) {
                return Err(format!("the handler saw {seen:?}"));
            }
        }
        if expected.host.is_some() && expected.host != seen.host {
            return Err(format!("the handler saw host {:?}", seen.host));
        }
        if let Some(trailer) = expected.trailers.iter().find(|trailer| !seen.trailers.contains(trailer)) {
            return Err(format!("the handler saw trailers {:?} without {trailer:?}", seen.trailers));
        }
    }
    Ok(())
}

/// Checks that both ends are in step.
fn finish(case: &Case, way: Way, client: &mut Client, log: &Log) -> Result<(), String> {
    match case.end {
        End::Open => {
            if way == Way::Bytes {
                client.send(client::get(NEXT));
            }
            let answer = client.answer_to("GET").map_err(|error| format!("the next request: {error}"))?;
            let seen = log.lock().unwrap().get(&Some(client.address())).and_then(|all| all.last().cloned());
            match seen {
                Some(seen) if answer.status == 200 && seen.target == NEXT => Ok(()),
                _ => Err(format!("out of step: {} {seen:?}", answer.status)),
            }
        }
        End::Close => {
            // A client that asks for the end and sends on may be reset.
            let asked = way == Way::Bytes && case.answers.last().is_some_and(|answer| answer.status == 200);
            if !asked {
                client.end();
            }
            let rest = if asked { Ok(client.over()) } else { client.try_rest() };
            let rest = rest.map_err(|error| format!("a connection that should close: {error}"))?;
            rest.is_empty().then_some(()).ok_or_else(|| format!("behind the last answer: {rest:?}"))
        }
        End::Wait => {
            client.end();
            let rest = client.try_rest().map_err(|error| format!("a connection whose client left: {error}"))?;
            let text = String::from_utf8_lossy(&rest);
            // A client that breaks off may be told so, once.
            let is_fine =
                rest.is_empty() || (text.starts_with("HTTP/1.1 400 ") && text.matches("HTTP/1.1").count() == 1);
            is_fine.then_some(()).ok_or_else(|| format!("to a message without end: {text:?}"))
        }
    }
}

#[test]
fn every_case_holds_in_memory_cut_at_every_byte() {
    for (file, text) in FILES {
        for case in reader::read(text) {
            let Some(settings) = settings(&case).filter(|_| case.input.len() <= SMALL) else { continue };
            let log = Log::default();
            let conversation = Conversation::new(handler(Arc::clone(&log)), &settings).unwrap();
            let place = format!("{file}:{} {}", case.line, case.name);
            let statuses = |bytes: &[u8]| -> Vec<u16> {
                let text = String::from_utf8_lossy(bytes).into_owned();
                let starts = text.match_indices("HTTP/1.").map(|(at, _)| at);
                starts
                    .filter_map(|at| text.get(at + 9..at + 12)?.parse().ok())
                    .filter(|status| *status != 100)
                    .collect()
            };
            let expected: Vec<u16> = case.answers.iter().map(|answer| answer.status).filter(|s| *s != 100).collect();
            for cut in 0..=case.input.len() {
                let (front, back) = case.input.split_at(cut);
                let found = statuses(&conversation.run([front.to_vec(), back.to_vec()]));
                // Echoed content may look like an answer; the case makes no claim about a truncated answer.
                assert!(found.starts_with(&expected), "{place} cut at {cut}: {found:?}, expected {expected:?}");
            }
        }
    }
}
