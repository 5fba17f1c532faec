//! Tests of files that are sent again from memory.

use std::os::unix::fs::PermissionsExt;

use super::*;

/// Method, path and fields.
type Asked<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str)]);

#[test]
fn kept_file_is_answered_like_an_opened_one() {
    let place = Place::new();
    place.add("site/index.html", "page");
    let files = place.files().field("*.txt", "cache-control", "no-cache").unwrap();
    let now = settled();
    let answer = |files: &Files, (method, path, fields): Asked<'_>| {
        let answer = Answer::of(files.answer(&request(method, path, fields), now));
        (answer.status, answer.fields, answer.length, answer.content)
    };
    let (status, fields, ..) = answer(&files, ("GET", "/ten.txt", &[]));
    assert_eq!(status, 200);
    let tag = fields["etag"].to_str().unwrap();
    let requests: [Asked<'_>; 14] = [
        ("GET", "/ten.txt", &[]),
        ("GET", "//t%65n.txt", &[]),
        ("HEAD", "/ten.txt", &[]),
        ("POST", "/ten.txt", &[]),
        ("GET", "/ten.txt/", &[]),
        ("GET", "/empty", &[]),
        ("GET", "/index.html", &[]),
        ("GET", "/", &[]),
        ("GET", "/ten.txt", &[("if-none-match", tag)]),
        ("GET", "/ten.txt", &[("if-match", "\"x\"")]),
        ("GET", "/ten.txt", &[("if-modified-since", "Fri, 01 Jan 2100 00:00:00 GMT")]),
        ("GET", "/ten.txt", &[("range", "bytes=1-2")]),
        ("GET", "/ten.txt", &[("range", "bytes=0-1,3-4"), ("if-range", tag)]),
        ("GET", "/ten.txt", &[("range", "bytes=99-")]),
    ];
    for request in requests {
        // A clone has kept nothing.
        let opened = answer(&files.clone(), request);
        for _ in 0..2 {
            let mut kept = answer(&files, request);
            // The mark between the parts of a multipart response is new each time.
            if opened.0 == 206 && opened.2 != Some(2) {
                assert_eq!((kept.0, kept.2), (opened.0, opened.2), "{request:?}");
                continue;
            }
            kept.1.remove("date");
            assert_eq!(kept, opened, "{request:?}");
        }
    }
}

#[test]
fn kept_file_is_sent_no_longer_after_a_change() {
    let place = Place::new();
    place.add("site/sub/file", "in the folder");
    place.add("outside/file", "in the folder");
    place.link("site/sub", "site/link");
    let files = place.files();
    let now = settled();
    let status = |path| Answer::of(files.answer(&request("GET", path, &[]), now)).status;
    let site = place.path.join("site");
    assert_eq!(["/link/file", "/link/file", "/ten.txt"].map(status), [200; 3]);
    fs::remove_file(site.join("link")).unwrap();
    place.link("outside", "site/link");
    assert_eq!(status("/link/file"), 404, "the link leads out now");
    fs::remove_file(site.join("ten.txt")).unwrap();
    fs::create_dir(site.join("ten.txt")).unwrap();
    assert_eq!(status("/ten.txt"), 301, "the name is one of a directory now");
    assert_eq!(status("/sub/file"), 200);
    fs::write(site.join("sub/file"), "IN THE FOLDER").unwrap();
    assert_eq!(Answer::of(files.answer(&request("GET", "/sub/file", &[]), now)).text(), "IN THE FOLDER");
    fs::rename(&site, place.path.join("before")).unwrap();
    assert_eq!(status("/sub/file"), 503, "the root is gone");
    fs::rename(place.path.join("before"), &site).unwrap();
    fs::set_permissions(site.join("sub/file"), fs::Permissions::from_mode(0o640)).unwrap();
    assert_eq!(status("/sub/file"), 200);
}

#[test]
fn clone_that_allows_a_link_keeps_files_of_its_own() {
    let place = Place::new();
    place.link("outside", "site/out");
    let strict = place.files();
    let open = strict.clone().link("out").unwrap();
    let status = |files: &Files| Answer::of(files.answer(&request("GET", "/out/secret.txt", &[]), settled())).status;
    for _ in 0..2 {
        assert_eq!((status(&open), status(&strict)), (200, 404));
    }
}
