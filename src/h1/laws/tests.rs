//! The laws over the cases of `tests/data`, cut in every way, and over noise.

use super::{
    reader::{self, Answer, Case, End},
    talk::{Talk, TalkAnswer, TalkSettings},
    *,
};

/// A request sent after a case, to show that both ends are still in step.
const NEXT: &str = "GET /in-step HTTP/1.1\r\nHost: a\r\n\r\n";

/// Runs a case whole, cut at every byte (long cases at every few bytes), and byte by byte; then the
/// same with a request after it.
fn check(file: &str, case: &Case) {
    let settings = settings(case);
    let place = format!("{file}:{} {}", case.line, case.name);
    let whole = Talk::over(&settings, [&case.input[..]]);
    let found: Vec<_> = whole.answers.iter().map(|told| told.status).collect();
    let expected: Vec<_> = case.answers.iter().map(|answer| answer.status).collect();
    let texts: Vec<_> = whole.answers.iter().map(|told| String::from_utf8_lossy(&told.written)).collect();
    assert_eq!(found, expected, "{place}: {texts:?}");
    for (told, answer) in whole.answers.iter().zip(&case.answers) {
        check_answer(&place, told, answer);
    }
    let end = match (whole.is_closed, whole.is_amid) {
        (true, _) => End::Close,
        (false, true) => End::Wait,
        (false, false) => End::Open,
    };
    assert_eq!(end, case.end, "{place}");
    check_cut(&place, &settings, &case.input, &whole);
    check_next(&place, &settings, case, &whole);
}

/// Checks that the result is the same for every cut.
fn check_cut(place: &str, settings: &TalkSettings, input: &[u8], whole: &Talk) {
    assert_eq!(Talk::over(settings, input.chunks(1)), *whole, "{place} byte by byte");
    // Long cases repeat one byte, so a few cuts suffice.
    let cuts = if input.len() > 4096 { 32 } else { 512 };
    for cut in (0..input.len()).step_by((input.len() / cuts).max(1)) {
        let (one, two) = input.split_at(cut);
        assert_eq!(Talk::over(settings, [one, two]), *whole, "{place} cut at {cut}");
    }
}

/// Checks the request after a case: answered if the connection is open, not read if closed. If the
/// case waits for the end of a message, the request would become part of that message.
fn check_next(place: &str, settings: &TalkSettings, case: &Case, whole: &Talk) {
    let input = [&case.input[..], NEXT.as_bytes()].concat();
    let followed = Talk::over(settings, [&input[..]]);
    let (before, next) = followed.answers.split_at(whole.answers.len().min(followed.answers.len()));
    match case.end {
        End::Wait => return,
        End::Close => assert!(next.is_empty(), "{place}: behind its end {next:?}"),
        End::Open => {
            let seen: Vec<_> = next.iter().map(|told| (told.status, told.request.clone())).collect();
            let expected = Some(("GET".to_owned(), "/in-step".to_owned()));
            assert_eq!(seen, [(200, expected)], "{place}: out of step");
        }
    }
    assert_eq!(before, whole.answers, "{place}: what follows changes what was");
    check_cut(place, settings, &input, &followed);
}

fn check_answer(place: &str, told: &TalkAnswer, answer: &Answer) {
    let written = String::from_utf8_lossy(&told.written).to_ascii_lowercase();
    let head = written.split("\r\n\r\n").next().unwrap();
    if let Some(request) = &answer.request {
        assert_eq!(told.request.as_ref(), Some(request), "{place}");
    }
    if let Some(content) = &answer.content {
        assert_eq!(&told.sent, content, "{place}");
    }
    if let Some(host) = &answer.host {
        assert_eq!(told.host.as_deref(), Some(host.as_bytes()), "{place}");
    }
    for (name, value) in &answer.trailers {
        let is_there = told.trailers.get_all(name).iter().any(|found| found.as_bytes() == value.as_bytes());
        assert!(is_there, "{place}: no trailer {name}: {value} in {:?}", told.trailers);
    }
    for (name, value) in &answer.has {
        assert!(head.lines().any(|line| line == format!("{name}: {value}")), "{place}: no {name}: {value} in {head}");
    }
    for name in &answer.lacks {
        assert!(!head.lines().any(|line| line.starts_with(&format!("{name}:"))), "{place}: {name} in {head}");
    }
}

fn settings(case: &Case) -> TalkSettings {
    let mut settings = TalkSettings::default();
    for (name, value) in &case.settings {
        let size = usize::try_from(*value).unwrap();
        match name.as_str() {
            "head" => settings.head.max_request_header_size = size,
            "target" => settings.head.max_request_target_size = size,
            "fields" => settings.head.max_request_header_fields = size,
            "overflow" => {
                settings.head.header_overflow_status = StatusCode::from_u16(u16::try_from(*value).unwrap()).unwrap();
            }
            "content" => settings.content = Some(*value),
            "extension" => settings.extension_bytes = size,
            "trailer" => settings.trailer_bytes = size,
            "trailers" => settings.trailer_fields = size,
            "version" => settings.version = if *value == 10 { Version::HTTP_10 } else { Version::HTTP_11 },
            unknown => panic!("{}: no setting {unknown}", case.name),
        }
    }
    settings
}

macro_rules! files {
    ($($test:ident: $file:literal,)*) => {
        const FILES: &[(&str, &str)] = &[$(($file, include_str!(concat!("../../../tests/data/", $file)))),*];
        $(
            #[test]
            fn $test() {
                for case in reader::read(include_str!(concat!("../../../tests/data/", $file))) {
                    check($file, &case);
                }
            }
        )*
    };
}

files! {
    lines_end_in_one_way: "lines.http",
    request_lines_are_read_to_the_letter: "start.http",
    versions_are_two: "version.http",
    field_lines_are_read_to_the_letter: "fields.http",
    hosts_are_one_and_valid: "host.http",
    paths_are_kept_as_they_came: "path.http",
    targets_have_one_of_four_forms: "target.http",
    a_length_is_one_number: "length.http",
    a_coding_is_chunked_or_refused: "coding.http",
    a_spoilt_coding_is_no_coding: "mutation.http",
    content_ends_where_it_was_said_to: "content.http",
    chunks_are_read_to_the_letter: "chunked.http",
    sizes_are_hexadecimal_digits: "size.http",
    extensions_are_read_to_the_letter: "extension.http",
    chunk_lines_end_in_one_way: "ends.http",
    trailers_are_kept_apart: "trailers.http",
    connections_persist_by_the_rules: "exchange.http",
    each_limit_has_its_status: "limits.http",
    nothing_is_smuggled: "smuggling.http",
    nothing_is_hidden_in_content: "hidden.http",
}

#[test]
fn every_file_of_cases_is_run_and_no_claim_is_made_twice() {
    let mut names: Vec<_> = FILES.iter().flat_map(|(_, text)| reader::read(text)).map(|case| case.name).collect();
    let count = names.len();
    assert!(count >= 1000, "{count} cases");
    names.sort();
    names.dedup();
    assert_eq!(names.len(), count, "names are unique");
}

#[test]
fn laws_hold_for_the_cases() {
    for case in FILES.iter().flat_map(|(_, text)| reader::read(text)) {
        let input = &case.input[..case.input.len().min(1024)];
        all_laws(input);
        if let Some(at) = input.windows(4).position(|four| four == b"\r\n\r\n") {
            decode(&[&[1, 9], &input[at + 4..]].concat());
        }
        if let Some(at) = input.windows(2).position(|two| two == b"\r\n") {
            framing(&input[at + 2..]);
        }
    }
}

#[test]
fn laws_hold_for_noise() {
    let words: [&[u8]; 24] = [
        b"GET ",
        b"POST ",
        b"/ ",
        b"HTTP/1.1",
        b"HTTP/1.0",
        b"\r\n",
        b"\r\n\r\n",
        b"Host: a\r\n",
        b"Content-Length: 3\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"Connection: close\r\n",
        b"3\r\nabc\r\n",
        b"0\r\n\r\n",
        b";a=\"b\"",
        b"\n",
        b"\r",
        b" ",
        b"\t",
        b"\0",
        b":",
        b"x",
        b"Expect: 100-continue\r\n",
        b"ffffffffffffffff",
        b"\xff",
    ];
    let mut noise = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        noise ^= noise << 13;
        noise ^= noise >> 7;
        noise ^= noise << 17;
        usize::try_from(noise >> 40).unwrap()
    };
    for _ in 0..4000 {
        let mut text = vec![u8::try_from(next() % 256).unwrap(), u8::try_from(next() % 256).unwrap()];
        for _ in 0..next() % 16 {
            match next() % 6 {
                0 => text.push(u8::try_from(next() % 256).unwrap()),
                _ => text.extend_from_slice(words[next() % words.len()]),
            }
        }
        all_laws(&text);
        all_laws(&text[2..]);
    }
}

fn all_laws(bytes: &[u8]) {
    head(bytes);
    framing(bytes);
    decode(bytes);
    exchange(bytes);
    encode(bytes);
}

#[test]
fn head_of_the_longest_length_behind_empty_lines_is_lawful() {
    for empty in [0, 1, 16] {
        let begin = "\r\n".repeat(empty) + "GET / HTTP/1.1\r\nHost: a\r\nFiller: ";
        let filler = NARROW.max_request_header_size + 2 * empty - begin.len() - 4;
        head((begin + &"x".repeat(filler) + "\r\n\r\n").as_bytes());
    }
}
