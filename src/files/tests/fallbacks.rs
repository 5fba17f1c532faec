//! Tests of the page of a single-page application.

use super::*;

const BROWSER: (&str, &str) = ("accept", "text/html,application/xhtml+xml,*/*;q=0.8");

/// An application whose page is `index.html`.
fn application() -> Place {
    let place = Place::new();
    place.add("site/index.html", "the page");
    place.add("site/assets/app.js", "script");
    place.add("site/.env", "secret");
    place
}

#[test]
fn missing_path_gets_the_page_and_a_missing_script_does_not() {
    let place = application();
    let files = place.files().fallback("/index.html").unwrap();
    for (path, fields, status, content) in [
        ("/users/7", &[BROWSER][..], 200, "the page"),
        ("/users/7?a=b", &[], 200, "the page"),
        ("/users/", &[BROWSER], 200, "the page"),
        ("/ten.txt/more", &[BROWSER], 200, "the page"),
        ("/assets/app.js", &[BROWSER], 200, "script"),
        ("/assets/app.123.js", &[BROWSER], 404, ""),
        ("/assets/app.123.js", &[("accept", "*/*")], 404, ""),
        ("/users/7", &[("accept", "application/json")], 404, ""),
        ("/.env", &[BROWSER], 404, ""),
        ("/.git/config", &[BROWSER], 404, ""),
        ("/.well-known/none", &[BROWSER], 404, ""),
        ("/../users", &[BROWSER], 404, ""),
        ("/%", &[BROWSER], 400, ""),
    ] {
        let answer = ask(&files, "GET", path, fields);
        assert_eq!(answer.status, status, "{path} {fields:?}");
        if status == 200 {
            assert_eq!(answer.text(), content, "{path} {fields:?}");
        }
    }
    assert_eq!(ask(&files, "POST", "/users/7", &[BROWSER]).status, 405);
    assert_eq!(ask(&files.prefix("/app"), "GET", "/users/7", &[BROWSER]).status, 404);
}

#[test]
fn page_has_its_own_type_validators_and_ranges_at_every_path() {
    let place = application();
    let files = place.files().fallback("index.html").unwrap();
    let (page, missed) = (ask(&files, "GET", "/", &[]), ask(&files, "GET", "/users/7", &[]));
    for name in ["etag", "last-modified", "content-type", "accept-ranges"] {
        assert_eq!(missed.field(name), page.field(name), "{name}");
        assert!(!missed.field(name).is_empty(), "{name}");
    }
    assert_eq!((missed.field("vary"), page.field("vary")), ("accept", ""));
    let known = ask(&files, "GET", "/other", &[("if-none-match", page.field("etag"))]);
    assert_eq!((known.status, known.field("vary")), (304, "accept"));
    let part = ask(&files, "GET", "/other", &[("range", "bytes=4-")]);
    assert_eq!((part.status, part.text().as_str()), (206, "page"));
    let head = ask(&files, "HEAD", "/other", &[]);
    assert_eq!((head.status, head.length), (200, Some(8)));
    assert_eq!(ask(&files, "GET", "/none.js", &[]).field("vary"), "accept");
    assert_eq!(ask(&files, "GET", "/assets/app.js", &[]).field("vary"), "");
}

#[test]
fn directory_without_an_index_is_the_application_s_if_it_has_no_listing() {
    let place = application();
    let files = place.files().fallback("index.html").unwrap();
    assert!(ask(&files, "GET", "/assets/", &[BROWSER]).text().contains("app.js"));
    let files = files.listing(false);
    assert_eq!(ask(&files, "GET", "/assets/", &[BROWSER]).text(), "the page");
    assert_eq!(ask(&place.files().listing(false), "GET", "/assets/", &[BROWSER]).status, 403);
}

#[test]
fn fallback_is_a_file_below_the_root() {
    let place = application();
    place.link("outside/secret.txt", "site/out.html");
    for page in ["", "/", "none.html", "assets", "../outside/secret.txt", "out.html", "a/../index.html", "ten.txt/a"] {
        let error = place.files().fallback(page).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound, "{page}");
        assert_eq!(error.to_string(), format!("{page:?} is not a file below the root"));
    }
    place.add("site/.page.html", "hidden");
    let files = place.files().fallback(".page.html").unwrap();
    assert_eq!(ask(&files, "GET", "/users/7", &[]).text(), "hidden");
    assert_eq!(ask(&files, "GET", "/.page.html", &[]).status, 404);
    fs::remove_file(place.path.join("site/.page.html")).unwrap();
    assert_eq!(ask(&files, "GET", "/users/7", &[]).status, 404);
}

#[test]
fn page_of_the_error_is_sent_whole_with_the_status_404() {
    let place = application();
    place.add("site/404.html", "nothing here");
    let files = place.files().not_found("404.html").unwrap();
    let missed = ask(&files, "GET", "/none", &[BROWSER, ("range", "bytes=0-1"), ("if-none-match", "*")]);
    assert_eq!((missed.status, missed.text().as_str()), (404, "nothing here"));
    assert_eq!((missed.field("content-type"), missed.field("vary")), ("text/html; charset=utf-8", "accept"));
    assert_eq!((missed.field("etag"), missed.field("accept-ranges")), ("", ""));
    assert_eq!(ask(&files, "GET", "/.env", &[BROWSER]).text(), "nothing here");
    for (path, fields) in [("/none.js", &[BROWSER][..]), ("/none", &[("accept", "image/png")])] {
        let missed = ask(&files, "GET", path, fields);
        assert_eq!((missed.status, missed.text().as_str()), (404, "404 Not Found\n"), "{path}");
    }
    let files = files.fallback("index.html").unwrap();
    assert_eq!(ask(&files, "GET", "/none", &[BROWSER]).text(), "the page");
    assert_eq!(ask(&files, "GET", "/.env", &[BROWSER]).text(), "nothing here");
    fs::remove_file(place.path.join("site/404.html")).unwrap();
    assert_eq!(ask(&files, "GET", "/.env", &[BROWSER]).text(), "404 Not Found\n");
}

#[test]
fn path_of_no_file_gets_the_page_of_the_error_and_no_fallback() {
    let place = application();
    place.add("site/404.html", "nothing here");
    let files = place.files().prefix("/app").not_found("404.html").unwrap();
    for files in [files.clone(), files.fallback("index.html").unwrap()] {
        for path in ["/..", "/%2e%2e/app", "/app/../..", "/app/a%2Fb", "/other"] {
            let missed = ask(&files, "GET", path, &[BROWSER]);
            assert_eq!((missed.status, missed.text().as_str()), (404, "nothing here"), "{path}");
            assert_eq!(missed.field("vary"), "accept", "{path}");
        }
        for path in ["/app/a%2Fb.js", "/.well-known/a%2Fb"] {
            assert_eq!(ask(&files, "GET", path, &[BROWSER]).text(), "404 Not Found\n", "{path}");
        }
        assert_eq!(ask(&files, "GET", "/..", &[("accept", "image/png")]).text(), "404 Not Found\n");
        assert_eq!(ask(&files, "GET", "/%", &[BROWSER]).status, 400);
    }
}

#[test]
fn extensions_are_tried_for_missing_paths_in_their_order() {
    let place = application();
    place.add("site/about.html", "about us");
    place.add("site/about.txt", "plain");
    place.add("site/assets.html", "goes before a directory without an index");
    place.add("site/docs.html", "hidden by the directory");
    place.add("site/docs/index.html", "docs");
    place.add("site/.env.html", "secret");
    let files = place.files().extensions([".html", "txt"]).listing(false);
    for (path, status, content) in [
        ("/about", 200, "about us"),
        ("/about.txt", 200, "plain"),
        ("/about/", 404, ""),
        ("/none", 404, ""),
        ("/.env", 404, ""),
        ("/assets", 200, "goes before a directory without an index"),
        ("/assets/", 403, ""),
        ("/docs", 301, ""),
        ("/docs/", 200, "docs"),
    ] {
        let answer = ask(&files, "GET", path, &[]);
        assert_eq!(answer.status, status, "{path}");
        if status == 200 {
            assert_eq!(answer.text(), content, "{path}");
        }
    }
    assert_eq!(ask(&files, "GET", "/about", &[]).field("content-type"), "text/html; charset=utf-8");
    assert_eq!(ask(&place.files(), "GET", "/about", &[]).status, 404);
}
