//! Persistence, expectations, and the framing of answers.

use http::{HeaderValue, Uri};

use super::*;

const POLICY: Policy = Policy { version: Version::HTTP_11, is_title_case: false };
const OLD_POLICY: Policy = Policy { version: Version::HTTP_10, is_title_case: false };

/// A request such as `HEAD 1.0` with these field lines.
fn head(kind: &str, lines: &[(&'static str, &'static str)]) -> RequestHead {
    let (method, version) = kind.split_once(' ').unwrap();
    RequestHead {
        method: method.parse().unwrap(),
        target: Uri::default(),
        version: if version == "1.0" { Version::HTTP_10 } else { Version::HTTP_11 },
        fields: fields(lines),
        length: 0,
    }
}

fn fields(lines: &[(&'static str, &'static str)]) -> HeaderMap {
    let mut fields = HeaderMap::new();
    for (name, value) in lines {
        fields.append(*name, HeaderValue::from_static(value));
    }
    fields
}

fn begin(kind: &str, lines: &[(&'static str, &'static str)], policy: Policy) -> Exchange {
    Exchange::begin(&head(kind, lines), policy).unwrap()
}

fn check_close(kind: &str, connection: &[&'static str], policy: Policy, expected: Option<CloseReason>) {
    let lines: Vec<_> = connection.iter().map(|value| ("connection", *value)).collect();
    let exchange = begin(kind, &lines, policy);
    assert_eq!(exchange.close_reason(), expected, "{kind} {connection:?}");
    assert_eq!(exchange.is_persistent(), expected.is_none());
}

#[test]
fn version_and_connection_field_decide_persistence() {
    let asked = Some(CloseReason::ClientAsked);
    check_close("GET 1.1", &[], POLICY, None);
    check_close("GET 1.1", &["keep-alive"], POLICY, None);
    check_close("GET 1.1", &["close"], POLICY, asked);
    check_close("GET 1.1", &["CLOSE"], POLICY, asked);
    check_close("GET 1.1", &["x, close"], POLICY, asked);
    check_close("GET 1.1", &["close,x"], POLICY, asked);
    check_close("GET 1.1", &["x", "y,\tclose\t,"], POLICY, asked);
    check_close("GET 1.1", &["keep-alive, close"], POLICY, asked);
    check_close("GET 1.1", &["closed"], POLICY, None);
    check_close("GET 1.1", &["close;x"], POLICY, None);
    check_close("GET 1.0", &[], POLICY, Some(CloseReason::ClientVersion));
    check_close("GET 1.0", &["x"], POLICY, Some(CloseReason::ClientVersion));
    check_close("GET 1.0", &["Keep-Alive"], POLICY, None);
    check_close("GET 1.0", &["x", "keep-alive"], POLICY, None);
    check_close("GET 1.0", &["keep-alive", "close"], POLICY, asked);
    check_close("GET 1.1", &[], OLD_POLICY, Some(CloseReason::ServerVersion));
    check_close("GET 1.1", &["keep-alive"], OLD_POLICY, None);
    check_close("GET 1.1", &["close"], OLD_POLICY, asked);
    check_close("GET 1.0", &[], OLD_POLICY, Some(CloseReason::ClientVersion));
    check_close("GET 1.0", &["keep-alive"], OLD_POLICY, None);
}

#[test]
fn the_first_reason_to_close_stays() {
    let mut exchange = begin("GET 1.1", &[], POLICY);
    exchange.close(CloseReason::Shutdown);
    exchange.close(CloseReason::Panicked);
    exchange.answer(StatusCode::OK, &fields(&[("connection", "close")]), Some(0)).unwrap();
    assert_eq!(exchange.close_reason(), Some(CloseReason::Shutdown));
}

#[test]
fn a_wait_for_100_is_known() {
    let body = ("content-length", "5");
    let check = |kind, lines: &[_], policy, expected| {
        assert_eq!(begin(kind, lines, policy).wants_continue(), expected, "{kind} {lines:?}");
    };
    check("POST 1.1", &[body], POLICY, false);
    check("POST 1.1", &[body, ("expect", "100-continue")], POLICY, true);
    check("POST 1.1", &[body, ("expect", "100-CONTINUE")], POLICY, true);
    check("POST 1.1", &[body, ("expect", "100-continue"), ("expect", "100-continue")], POLICY, true);
    check("POST 1.1", &[("transfer-encoding", "chunked"), ("expect", "100-continue")], POLICY, true);
    check("POST 1.1", &[body, ("expect", "")], POLICY, false);
    check("POST 1.1", &[("content-length", "0"), ("expect", "100-continue")], POLICY, false);
    check("POST 1.1", &[("expect", "100-continue")], POLICY, false);
    check("POST 1.0", &[body, ("expect", "100-continue")], POLICY, false);
    check("POST 1.0", &[body, ("expect", "x")], POLICY, false);
    check("POST 1.1", &[body, ("expect", "100-continue")], OLD_POLICY, false);
}

#[test]
fn unknown_expectations_are_refused() {
    let check = |kind, lines: &[_], expected| {
        assert_eq!(Exchange::begin(&head(kind, lines), POLICY).unwrap_err(), expected, "{kind} {lines:?}");
    };
    check("GET 1.1", &[("expect", "x")], ProtocolError::Expectation);
    check("GET 1.1", &[("expect", "100-continue, x")], ProtocolError::Expectation);
    check("GET 1.1", &[("expect", "100-continue"), ("expect", "x")], ProtocolError::Expectation);
    check("GET 1.1", &[("expect", "100-continue;x")], ProtocolError::Expectation);
    check("GET 1.1", &[("expect", "x"), ("content-length", "x")], ProtocolError::Length);
    check("GET 1.1", &[("transfer-encoding", "x")], ProtocolError::CodingEnd);
    check("GET 1.0", &[("transfer-encoding", "chunked")], ProtocolError::CodingVersion);
}

#[test]
fn an_old_policy_changes_answers_and_not_how_requests_are_read() {
    let exchange = begin("POST 1.1", &[("transfer-encoding", "chunked")], OLD_POLICY);
    assert_eq!(exchange.framing(), Framing::Chunked);
    assert_eq!(exchange.status_version(), Version::HTTP_10);
}

#[test]
fn trailers_are_sent_if_te_allows_them() {
    let check = |kind, lines: &[_], policy, expected| {
        assert_eq!(begin(kind, lines, policy).wants_trailers(), expected, "{kind} {lines:?}");
    };
    check("GET 1.1", &[("te", "trailers")], POLICY, true);
    check("GET 1.1", &[("te", "gzip;q=0.5, Trailers")], POLICY, true);
    check("GET 1.1", &[], POLICY, false);
    check("GET 1.1", &[("te", "gzip")], POLICY, false);
    check("GET 1.0", &[("te", "trailers")], POLICY, false);
    check("GET 1.1", &[("te", "trailers")], OLD_POLICY, false);
}

#[test]
fn an_upgrade_is_offered_by_two_fields() {
    let check = |lines: &[_], version, expected| {
        assert_eq!(Exchange::offers_upgrade(&fields(lines), version, "websocket"), expected, "{lines:?}");
    };
    let (connection, upgrade) = (("connection", "keep-alive, Upgrade"), ("upgrade", "h2c, WebSocket"));
    check(&[connection, upgrade], Version::HTTP_11, true);
    check(&[connection, upgrade], Version::HTTP_10, false);
    check(&[connection], Version::HTTP_11, false);
    check(&[upgrade], Version::HTTP_11, false);
    check(&[connection, ("upgrade", "h2c")], Version::HTTP_11, false);
    check(&[("connection", "upgrade-x"), upgrade], Version::HTTP_11, false);
}

fn answer(
    kind: &str,
    status: u16,
    lines: &[(&'static str, &'static str)],
    length: Option<u64>,
) -> (Result<BodyFraming, ProtocolError>, Option<CloseReason>) {
    let mut exchange = begin(kind, &[("connection", "keep-alive")], POLICY);
    let framing = exchange.answer(StatusCode::from_u16(status).unwrap(), &fields(lines), length);
    (framing, exchange.close_reason())
}

fn check_answer(
    kind: &str,
    status: u16,
    lines: &[(&'static str, &'static str)],
    length: Option<u64>,
    expected: BodyFraming,
) {
    let reason = (expected == BodyFraming::Close { send: true }).then_some(CloseReason::BodyUnframed);
    assert_eq!(answer(kind, status, lines, length), (Ok(expected), reason), "{kind} {status} {lines:?} {length:?}");
}

#[test]
fn an_answer_is_framed_by_length_or_chunks_or_the_end() {
    let length = |length, send| BodyFraming::Length { length, send };
    check_answer("GET 1.1", 200, &[], Some(5), length(5, true));
    check_answer("GET 1.1", 404, &[], Some(0), length(0, true));
    check_answer("GET 1.1", 200, &[("content-length", "5")], Some(5), length(5, true));
    check_answer("GET 1.1", 200, &[("content-length", "5")], None, length(5, true));
    check_answer("GET 1.1", 200, &[], None, BodyFraming::Chunked { send: true });
    check_answer("GET 1.0", 200, &[], Some(5), length(5, true));
    check_answer("GET 1.0", 200, &[("content-length", "5")], None, length(5, true));
    check_answer("GET 1.0", 200, &[], None, BodyFraming::Close { send: true });
}

#[test]
fn head_is_framed_as_get_and_sends_nothing() {
    let length = |length| BodyFraming::Length { length, send: false };
    check_answer("HEAD 1.1", 200, &[], Some(5), length(5));
    check_answer("HEAD 1.1", 200, &[("content-length", "5")], Some(0), length(5));
    check_answer("HEAD 1.1", 200, &[("content-length", "5")], Some(5), length(5));
    check_answer("HEAD 1.1", 200, &[("content-length", "5")], None, length(5));
    check_answer("HEAD 1.1", 200, &[], None, BodyFraming::Chunked { send: false });
    check_answer("HEAD 1.0", 200, &[], None, BodyFraming::Close { send: false });
}

#[test]
fn successful_answer_to_connect_ends_with_the_connection() {
    let check = |status, lines: &[_], length, expected| {
        let (framing, reason) = answer("CONNECT 1.1", status, lines, length);
        assert_eq!((framing.unwrap(), reason), (expected, Some(CloseReason::Connect)), "{status}");
    };
    check(200, &[("content-length", "5")], Some(5), BodyFraming::Close { send: true });
    check(200, &[], None, BodyFraming::Close { send: true });
    check(205, &[], Some(0), BodyFraming::Close { send: false });
    check(204, &[], Some(0), BodyFraming::None);
    check(403, &[], Some(5), BodyFraming::Length { length: 5, send: true });
}

#[test]
fn statuses_without_content_never_have_a_body() {
    for length in [None, Some(0), Some(5)] {
        check_answer("GET 1.1", 204, &[], length, BodyFraming::None);
        check_answer("GET 1.1", 304, &[], length, BodyFraming::None);
        check_answer("GET 1.1", 304, &[("content-length", "7")], length, BodyFraming::None);
        check_answer("GET 1.1", 101, &[("upgrade", "x")], length, BodyFraming::None);
        check_answer("GET 1.1", 205, &[], length, BodyFraming::Length { length: 0, send: false });
    }
}

#[test]
fn the_handlers_own_framing_mistakes_are_500() {
    let bad = |kind, status, lines: &[_], length| {
        let error = answer(kind, status, lines, length).0.unwrap_err();
        assert_eq!(error.status(), 500, "{kind} {status} {lines:?} {length:?}");
    };
    bad("GET 1.1", 200, &[("content-length", "5")], Some(4));
    bad("GET 1.1", 200, &[("content-length", "5")], Some(0));
    bad("HEAD 1.1", 200, &[("content-length", "5")], Some(4));
    bad("GET 1.1", 200, &[("content-length", "5"), ("content-length", "5")], Some(5));
    bad("GET 1.1", 304, &[("content-length", "5"), ("content-length", "6")], Some(0));
    bad("GET 1.1", 200, &[("content-length", "x")], None);
    bad("GET 1.1", 200, &[("content-length", "18446744073709551616")], None);
    bad("GET 1.1", 200, &[("transfer-encoding", "chunked")], None);
    bad("GET 1.1", 200, &[("transfer-encoding", "identity")], Some(5));
    bad("GET 1.1", 204, &[("transfer-encoding", "chunked")], None);
    bad("GET 1.1", 100, &[], None);
    bad("GET 1.1", 103, &[], None);
    bad("GET 1.1", 101, &[], None);
    bad("GET 1.0", 101, &[("upgrade", "x")], None);
}

#[test]
fn a_handler_may_close() {
    for value in ["close", "Close", "upgrade, close"] {
        let (_, reason) = answer("GET 1.1", 200, &[("connection", value)], Some(0));
        assert_eq!(reason, Some(CloseReason::HandlerAsked), "{value}");
    }
    assert_eq!(answer("GET 1.1", 200, &[("connection", "upgrade")], Some(0)).1, None);
}
