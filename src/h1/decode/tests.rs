//! Properties not covered by the cases of `tests/data`: steps, room, changing limits.

use super::*;

const LIMITS: ContentLimits =
    ContentLimits { max_request_body_size: None, extension_bytes: 32, trailer_bytes: 64, trailer_fields: 4 };

fn chunked() -> Decoder {
    Decoder::new(Framing::Chunked, LIMITS).unwrap()
}

/// Checks the decoded content and the bytes after the body; in one piece, byte by byte, and into
/// one byte of room.
fn check(framing: Framing, body: &str, expected: Result<(&str, &str), ProtocolError>) {
    for (piece, room) in [(usize::MAX, 256), (1, 256), (usize::MAX, 1), (1, 1), (2, 3)] {
        let found = decode(framing, body.as_bytes(), piece, room);
        let expected = expected.map(|(content, rest)| (content.as_bytes().to_vec(), rest.as_bytes().to_vec()));
        assert_eq!(found, expected, "{body:?} by {piece} into {room}");
    }
}

fn decode(framing: Framing, body: &[u8], piece: usize, room: usize) -> Result<(Vec<u8>, Vec<u8>), ProtocolError> {
    let mut decoder = Decoder::new(framing, LIMITS)?;
    let (mut content, mut at, mut seen) = (Vec::new(), 0, 0);
    let mut output = vec![0; room];
    while !decoder.is_ended() {
        let step = decoder.decode(&body[at..seen], &mut output)?;
        content.extend_from_slice(&output[..step.produced]);
        at += step.consumed;
        if step.consumed == 0 {
            assert!(seen < body.len(), "{body:?} does not end");
            seen = seen.saturating_add(piece).min(body.len());
        }
    }
    Ok((content, body[at..].to_vec()))
}

#[test]
fn a_body_ends_where_its_framing_says() {
    check(Framing::None, "next", Ok(("", "next")));
    check(Framing::Length(0), "next", Ok(("", "next")));
    check(Framing::Length(4), "bodynext", Ok(("body", "next")));
    check(Framing::Chunked, "0\r\n\r\nnext", Ok(("", "next")));
    check(Framing::Chunked, "4\r\nbody\r\n0\r\n\r\nnext", Ok(("body", "next")));
    check(Framing::Chunked, "1\r\nb\r\n3;x\r\nody\r\n000;y=\"z\"\r\na: b\r\n\r\nnext", Ok(("body", "next")));
    check(Framing::Chunked, "10\r\n0123456789abcdef\r\n0\r\n\r\n\r\n", Ok(("0123456789abcdef", "\r\n")));
}

#[test]
fn each_fault_has_its_name() {
    let bad = |body, error| check(Framing::Chunked, body, Err(error));
    bad("\r\n", ProtocolError::ChunkSize);
    bad("g\r\n", ProtocolError::ChunkSize);
    bad("+1\r\n", ProtocolError::ChunkSize);
    bad(";x\r\n", ProtocolError::ChunkSize);
    bad("1 \r\n", ProtocolError::ChunkSize);
    bad("1\n", ProtocolError::ChunkSize);
    bad("1\r1", ProtocolError::ChunkEnd);
    bad("1\r\nab", ProtocolError::ChunkEnd);
    bad("1\r\na\n", ProtocolError::ChunkEnd);
    bad("1\r\na\ra", ProtocolError::ChunkEnd);
    bad("1;\r\n", ProtocolError::ChunkExtension);
    bad("1;x\n", ProtocolError::ChunkExtension);
    bad("1;x \r\n", ProtocolError::ChunkExtension);
    bad("1;x=\"\n\"", ProtocolError::ChunkExtension);
    bad("1;x\rx", ProtocolError::ChunkEnd);
    bad("1;xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", ProtocolError::ExtensionsTooLarge);
    bad("11111111111111111\r\n", ProtocolError::ContentTooLarge);
    bad("2\r\nab\r\nfffffffffffffffe\r\n", ProtocolError::ContentTooLarge);
    bad("0\r\n\n", ProtocolError::LineEnd);
    bad("0\r\n a: b\r\n\r\n", ProtocolError::Folded);
    bad("0\r\na b\r\n\r\n", ProtocolError::FieldName);
    bad("0\r\nhost: b\r\n\r\n", ProtocolError::TrailerForbidden);
    bad("0\r\na:1\r\nb:2\r\nc:3\r\nd:4\r\ne:5\r\n\r\n", ProtocolError::TrailersTooLarge);
}

#[test]
fn an_error_is_final() {
    let mut decoder = chunked();
    let mut room = [0; 8];
    assert_eq!(decoder.decode(b"x", &mut room), Err(ProtocolError::ChunkSize));
    assert_eq!(decoder.decode(b"0\r\n\r\n", &mut room), Err(ProtocolError::ChunkSize));
    assert_eq!(decoder.set_content_limit(5), Err(ProtocolError::ChunkSize));
    assert!(!decoder.is_ended());
}

#[test]
fn framing_is_consumed_without_room_and_content_is_not() {
    let mut decoder = chunked();
    let step = |consumed, produced| Ok(DecodeStep { consumed, produced });
    assert_eq!(decoder.decode(b"3\r\nabc\r\n0\r\n\r\n", &mut []), step(3, 0));
    assert_eq!(decoder.decode(b"abc\r\n0\r\n\r\n", &mut []), step(0, 0));
    assert_eq!(decoder.decode(b"abc\r\n0\r\n\r\n", &mut [0; 2]), step(2, 2));
    assert_eq!(decoder.decode(b"c\r\n0\r\n\r\nnext", &mut [0; 2]), step(8, 1));
    assert!(decoder.is_ended());
    assert_eq!(decoder.decode(b"next", &mut [0; 2]), step(0, 0));
}

#[test]
fn several_chunks_are_taken_in_one_step() {
    let mut room = [0; 8];
    let mut decoder = chunked();
    let step = decoder.decode(b"1\r\na\r\n2\r\nbc\r\n0\r\n\r\n", &mut room);
    assert_eq!(step, Ok(DecodeStep { consumed: 18, produced: 3 }));
    assert_eq!(&room[..3], b"abc");
    assert!(decoder.is_ended());
}

#[test]
fn remaining_length_is_known_only_for_content_length() {
    let mut decoder = Decoder::new(Framing::Length(5), LIMITS).unwrap();
    assert_eq!(decoder.remaining(), Some(5));
    decoder.decode(b"ab", &mut [0; 8]).unwrap();
    assert_eq!(decoder.remaining(), Some(3));
    decoder.decode(b"cde", &mut [0; 8]).unwrap();
    assert_eq!((decoder.remaining(), decoder.is_ended()), (Some(0), true));
    let mut decoder = chunked();
    assert_eq!(decoder.remaining(), None);
    decoder.decode(b"0\r\n\r\n", &mut []).unwrap();
    assert_eq!(decoder.remaining(), Some(0));
    assert_eq!(Decoder::new(Framing::None, LIMITS).unwrap().remaining(), Some(0));
}

#[test]
fn a_declared_length_is_held_against_the_limit_at_once() {
    let with = |max_request_body_size| ContentLimits { max_request_body_size, ..LIMITS };
    assert!(Decoder::new(Framing::Length(5), with(Some(5))).is_ok());
    assert!(Decoder::new(Framing::Length(u64::MAX), with(None)).is_ok());
    assert_eq!(Decoder::new(Framing::Length(6), with(Some(5))).unwrap_err(), ProtocolError::ContentTooLarge);
    assert!(Decoder::new(Framing::Length(0), with(Some(0))).is_ok());
    let mut decoder = Decoder::new(Framing::Chunked, with(Some(5))).unwrap();
    decoder.decode(b"5\r\nhello\r\n", &mut [0; 8]).unwrap();
    assert_eq!(decoder.decode(b"1\r", &mut []), Err(ProtocolError::ContentTooLarge));
}

#[test]
fn a_limit_that_changes_holds_from_then_on() {
    let mut decoder = Decoder::new(Framing::Length(5), LIMITS).unwrap();
    assert_eq!(decoder.set_content_limit(5), Ok(()));
    assert_eq!(decoder.set_content_limit(4), Err(ProtocolError::ContentTooLarge));
    assert_eq!(decoder.decode(b"hello", &mut [0; 8]), Err(ProtocolError::ContentTooLarge));

    let mut decoder = chunked();
    assert_eq!(decoder.set_content_limit(4), Ok(()));
    decoder.decode(b"3\r\nab", &mut [0; 8]).unwrap();
    assert_eq!(decoder.set_content_limit(3), Ok(()));
    assert_eq!(decoder.set_content_limit(2), Err(ProtocolError::ContentTooLarge));

    let mut decoder =
        Decoder::new(Framing::Length(3), ContentLimits { max_request_body_size: Some(3), ..LIMITS }).unwrap();
    decoder.decode(b"abc", &mut [0; 8]).unwrap();
    assert_eq!(decoder.set_content_limit(2), Err(ProtocolError::ContentTooLarge), "what has come counts");

    let mut decoder =
        Decoder::new(Framing::Chunked, ContentLimits { max_request_body_size: Some(1), ..LIMITS }).unwrap();
    assert_eq!(decoder.set_content_limit(5), Ok(()), "a limit may be raised");
    assert!(decoder.decode(b"5\r\nhello\r\n0\r\n\r\n", &mut [0; 8]).is_ok());
}

#[test]
fn chunk_whose_size_has_come_counts_for_a_limit_that_changes() {
    for head in ["5\r", "5;a\r", "5;a", "5;a=\"b"] {
        let mut decoder = chunked();
        decoder.decode(head.as_bytes(), &mut [0; 8]).unwrap();
        assert_eq!(decoder.set_content_limit(4), Err(ProtocolError::ContentTooLarge), "{head:?}");
    }
    let body = b"2\r\nab\r\n5;a=b\r\nhello\r\n0\r\n\r\n";
    for limit in 2..8 {
        for at in 0..body.len() {
            let mut decoder = chunked();
            let is_refused = decoder.decode(&body[..at], &mut [0; 8]).is_err()
                || decoder.set_content_limit(limit).is_err()
                || decoder.decode(&body[at..], &mut [0; 8]).is_err();
            assert_eq!(is_refused, limit < 7, "{limit} after {at}");
        }
    }
}

#[test]
fn trailers_are_taken_once() {
    let mut decoder = chunked();
    decoder.decode(b"0\r\nChecksum: 1\r\nchecksum: 2\r\n\r\n", &mut []).unwrap();
    assert!(decoder.has_trailers());
    let trailers = decoder.take_trailers();
    assert_eq!(trailers.get_all("checksum").iter().collect::<Vec<_>>(), ["1", "2"]);
    assert!(decoder.take_trailers().is_empty() && !decoder.has_trailers());
    assert!(chunked().take_trailers().is_empty());
}

#[test]
fn content_of_known_length_may_bypass_the_decoder() {
    let limits =
        ContentLimits { max_request_body_size: None, extension_bytes: 64, trailer_bytes: 64, trailer_fields: 4 };
    let mut output = [0; 16];
    let mut decoder = Decoder::new(Framing::Length(10), limits).unwrap();
    assert_eq!(decoder.plain(), 10);
    decoder.pass(4);
    assert_eq!(decoder.remaining(), Some(6));
    decoder.pass(usize::MAX);
    assert!(decoder.is_ended());

    let mut decoder = Decoder::new(Framing::Chunked, limits).unwrap();
    assert_eq!(decoder.plain(), 0);
    decoder.pass(5);
    assert_eq!(decoder.decode(b"8\r\n", &mut output).unwrap().consumed, 3);
    assert_eq!(decoder.plain(), 8);
    decoder.pass(8);
    assert_eq!(decoder.plain(), 0);
    assert_eq!(decoder.decode(b"\r\n0\r\n\r\n", &mut output).unwrap().consumed, 7);
    assert!(decoder.is_ended());
}
