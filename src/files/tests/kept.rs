//! Tests of files that are sent again from memory.

use std::os::unix::fs::PermissionsExt;

use super::*;

/// Method, path and fields.
type Asked<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str)]);

#[test]
fn kept_file_is_answered_like_an_opened_one() {
    let place = Place::new();
    place.add("site/index.html", "page");
    place.add("site/sub/index.html", "page below");
    let files = place.files().field("*.txt", "cache-control", "no-cache").unwrap();
    let now = settled();
    let answer = |files: &Files, (method, path, fields): Asked<'_>| {
        let answer = Answer::of(files.answer(&request(method, path, fields), now));
        (answer.status, answer.fields, answer.length, answer.content)
    };
    let (status, fields, ..) = answer(&files, ("GET", "/ten.txt", &[]));
    assert_eq!(status, 200);
    let tag = fields["etag"].to_str().unwrap();
    let requests: [Asked<'_>; 21] = [
        ("GET", "/ten.txt", &[]),
        ("GET", "//t%65n.txt", &[]),
        ("HEAD", "/ten.txt", &[]),
        ("POST", "/ten.txt", &[]),
        ("GET", "/ten.txt/", &[]),
        ("GET", "/empty", &[]),
        ("GET", "/index.html", &[]),
        ("GET", "/", &[]),
        ("HEAD", "/", &[]),
        ("GET", "//", &[]),
        ("GET", "/", &[("range", "bytes=1-2")]),
        ("GET", "/sub/", &[]),
        ("GET", "/sub//", &[]),
        ("GET", "/sub", &[]),
        ("GET", "/sub/index.html/", &[]),
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
fn only_files_that_are_found_again_are_kept() {
    let place = Place::new();
    for path in ["index.html", "about.html", "sub/second.html", "404.html", ".page.html"] {
        place.add(&format!("site/{path}"), path);
    }
    let files = place.files().extensions(["html"]).index(["index.html", "second.html"]);
    let files = files.fallback(".page.html").unwrap().not_found("404.html").unwrap();
    let now = settled();
    for age in [0, 500] {
        let answer =
            |path| Answer::of(files.answer(&request("GET", path, &[]), now + Duration::from_millis(age))).text();
        for (path, expected) in [
            ("/", "index.html"),
            ("/ten.txt", "0123456789"),
            ("/about", "about.html"),
            ("/sub/", "sub/second.html"),
            ("/none", ".page.html"),
            ("/.page.html", "404 Not Found\n"),
            ("/.none", "404 Not Found\n"),
        ] {
            assert_eq!(answer(path), expected, "{path}");
        }
    }
    assert_eq!(files.kept.times(), [("index.html".into(), now), ("ten.txt".into(), now)]);
}

#[test]
fn hidden_index_is_not_sent_from_memory() {
    let place = Place::new();
    place.add("site/.index.html", "hidden");
    let files = place.files().index([".index.html"]).fallback(".index.html").unwrap();
    let text = |path| Answer::of(files.answer(&request("GET", path, &[]), settled())).text();
    for _ in 0..2 {
        assert_eq!(text("/none"), "hidden");
        assert!(text("/").contains("ten.txt"), "a listing");
    }
}

#[test]
fn kept_index_yields_to_a_change_of_its_directory() {
    let place = Place::new();
    place.add("site/sub/index.html", "index");
    place.add("outside/index.html", "outside");
    let (files, now) = (place.files(), settled());
    let answer = || Answer::of(files.answer(&request("GET", "/sub/", &[]), now));
    let site = place.path.join("site");
    assert_eq!([answer().text(), answer().text()], ["index", "index"]);
    fs::rename(site.join("sub"), site.join("before")).unwrap();
    assert_eq!(answer().status, 404);
    place.link("outside", "site/sub");
    assert_eq!(answer().status, 404);
    fs::remove_file(site.join("sub")).unwrap();
    fs::rename(site.join("before"), site.join("sub")).unwrap();
    fs::remove_file(site.join("sub/index.html")).unwrap();
    assert!(answer().text().contains("This folder is empty"));
    fs::remove_dir(site.join("sub")).unwrap();
    fs::write(site.join("sub"), "a file").unwrap();
    assert_eq!(answer().status, 404);
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
