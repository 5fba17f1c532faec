//! Tests of compressed forms beside a file.

use super::*;

/// A script with all three forms, an original without forms, and a form without an original.
fn compressed() -> Place {
    let place = Place::new();
    for (name, content) in [
        ("app.js", "0123456789"),
        ("app.js.br", "brotli"),
        ("app.js.zst", "zstandard"),
        ("app.js.gz", "gzipped!"),
        ("only.js.gz", "gzipped!"),
    ] {
        place.add(&format!("site/{name}"), content);
        place.modified(&format!("site/{name}"), day(10_000));
    }
    place
}

fn coded(files: &Files, path: &str, accept: &str) -> Answer {
    ask(files, "GET", path, &[("accept-encoding", accept)])
}

#[test]
fn client_gets_the_form_that_it_prefers() {
    let place = compressed();
    let files = place.files().precompressed(true);
    for (accept, coding, content) in [
        ("gzip, deflate, br, zstd", "br", "brotli"),
        ("gzip, zstd", "zstd", "zstandard"),
        ("gzip", "gzip", "gzipped!"),
        ("br;q=0.5, gzip;q=0.9", "gzip", "gzipped!"),
        ("br;q=0, *", "zstd", "zstandard"),
        ("deflate", "", "0123456789"),
        ("", "", "0123456789"),
        ("identity;q=1, br;q=0.5", "", "0123456789"),
        ("identity;q=0", "", "0123456789"),
        ("identity;q=0, gzip;q=0.1", "gzip", "gzipped!"),
        ("*;q=0", "", "0123456789"),
    ] {
        let answer = coded(&files, "/app.js", accept);
        assert_eq!((answer.status, answer.field("content-encoding")), (200, coding), "{accept}");
        assert_eq!(answer.text(), content, "{accept}");
        assert_eq!(answer.field("content-type"), "text/javascript; charset=utf-8", "{accept}");
        assert_eq!(answer.field("vary"), "accept-encoding", "{accept}");
    }
    let off = coded(&place.files(), "/app.js", "br");
    assert_eq!((off.field("content-encoding"), off.field("vary")), ("", ""));
}

#[test]
fn file_without_forms_is_sent_as_ever() {
    let place = compressed();
    let files = place.files().precompressed(true);
    let plain = coded(&files, "/ten.txt", "br");
    assert_eq!((plain.field("content-encoding"), plain.field("vary"), plain.text().as_str()), ("", "", "0123456789"));
    let direct = coded(&files, "/app.js.gz", "br, gzip");
    assert_eq!((direct.field("content-encoding"), direct.field("vary")), ("", ""));
    assert_eq!((direct.field("content-type"), direct.text().as_str()), ("application/gzip", "gzipped!"));
    assert_eq!(coded(&files, "/only.js", "gzip").status, 404);
}

#[test]
fn each_form_has_validators_and_ranges_of_its_own() {
    let place = compressed();
    place.add("site/same.js", "0123456789");
    place.add("site/same.js.br", "9876543210");
    place.modified("site/same.js", day(10_000));
    place.modified("site/same.js.br", day(10_000));
    let files = place.files().precompressed(true);
    let (plain, brotli) = (coded(&files, "/same.js", ""), coded(&files, "/same.js", "br"));
    assert_ne!(plain.field("etag"), brotli.field("etag"), "one time and one length are two forms");
    let ask_for = |fields: &[(&str, &str)]| {
        let fields = [&[("accept-encoding", "br")], fields].concat();
        ask(&files, "GET", "/same.js", &fields)
    };
    let known = ask_for(&[("if-none-match", brotli.field("etag"))]);
    assert_eq!((known.status, known.field("vary"), known.field("content-encoding")), (304, "accept-encoding", ""));
    assert_eq!(known.field("etag"), brotli.field("etag"));
    assert_eq!(ask_for(&[("if-none-match", plain.field("etag"))]).status, 200);
    let part = ask_for(&[("range", "bytes=2-3")]);
    assert_eq!((part.status, part.text().as_str(), part.field("content-encoding")), (206, "76", "br"));
    assert_eq!((part.field("content-range"), part.field("vary")), ("bytes 2-3/10", "accept-encoding"));
    let other = ask_for(&[("range", "bytes=2-3"), ("if-range", plain.field("etag"))]);
    assert_eq!((other.status, other.text().as_str()), (200, "9876543210"));
    let same = ask_for(&[("range", "bytes=2-3"), ("if-range", brotli.field("etag"))]);
    assert_eq!(same.status, 206);
    let several = ask_for(&[("range", "bytes=0-0,2-3")]);
    assert_eq!((several.status, several.text().as_str()), (200, "9876543210"), "no part can name a coding");
    let beyond = ask_for(&[("range", "bytes=10-")]);
    assert_eq!((beyond.status, beyond.field("content-encoding"), beyond.field("vary")), (416, "", "accept-encoding"));
    let head = Answer::of(files.answer(&request("HEAD", "/app.js", &[("accept-encoding", "br")]), settled()));
    assert_eq!((head.length, head.field("content-encoding")), (Some(6), "br"));
}

#[test]
fn form_that_is_older_than_its_file_is_left_out() {
    let place = compressed();
    let files = place.files().precompressed(true);
    place.modified("site/app.js", day(10_000) + Duration::from_millis(900));
    assert_eq!(coded(&files, "/app.js", "br").text(), "brotli", "some tools drop the fraction");
    place.modified("site/app.js", day(10_000) + Duration::from_secs(1));
    let stale = coded(&files, "/app.js", "br");
    assert_eq!((stale.text().as_str(), stale.field("vary")), ("0123456789", ""));
    place.modified("site/app.js.gz", day(10_001));
    assert_eq!(coded(&files, "/app.js", "br, gzip").text(), "gzipped!");
    assert_eq!(coded(&files, "/app.js", "br").field("vary"), "accept-encoding");
}

#[test]
fn form_is_a_file_below_the_root_that_is_not_hidden() {
    let place = compressed();
    for name in ["app.js.br", "app.js.zst"] {
        fs::remove_file(place.path.join("site").join(name)).unwrap();
    }
    place.link("outside/secret.txt", "site/app.js.br");
    fs::create_dir(place.path.join("site/app.js.zst")).unwrap();
    let files = place.files().precompressed(true);
    assert_eq!(coded(&files, "/app.js", "br, zstd").text(), "0123456789");
    assert_eq!(coded(&files, "/app.js", "br, zstd, gzip").text(), "gzipped!");
    let hidden = files.hide(["*.gz"]).unwrap();
    assert_eq!(coded(&hidden, "/app.js", "gzip").text(), "0123456789");
}

#[test]
fn index_and_fallback_have_forms_too() {
    let place = compressed();
    place.add("site/index.html", "the page");
    place.add("site/index.html.br", "shorter");
    let files = place.files().precompressed(true).fallback("index.html").unwrap();
    assert_eq!(coded(&files, "/", "br").text(), "shorter");
    let answer = coded(&files, "/users/7", "br");
    assert_eq!((answer.text().as_str(), answer.field("content-type")), ("shorter", "text/html; charset=utf-8"));
    let vary: Vec<_> = answer.fields.get_all("vary").iter().collect();
    assert_eq!(vary, ["accept-encoding", "accept"]);
}
