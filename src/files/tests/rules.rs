//! Tests of rules by pattern or name: further fields, hidden names, links out of the root.

use super::*;

const IMMUTABLE: &str = "public, max-age=31536000, immutable";

/// The text of the error, which has this kind.
fn refusal(result: io::Result<Files>, kind: io::ErrorKind) -> String {
    let error = result.unwrap_err();
    assert_eq!(error.kind(), kind, "{error}");
    error.to_string()
}

#[test]
fn further_fields_are_in_answers_with_the_file_and_in_no_others() {
    let place = Place::new();
    place.add("site/index.html", "page");
    place.add("site/assets/app.1a2b.js", "script");
    let files = place.files().field("/assets/*", "Cache-Control", IMMUTABLE).unwrap();
    let files = files.field("*.html", "cache-control", "no-cache").unwrap().fallback("index.html").unwrap();
    let script = ask(&files, "GET", "/assets/app.1a2b.js", &[]);
    let tag = script.field("etag").to_owned();
    for (path, fields, status, expected) in [
        ("/assets/app.1a2b.js", &[][..], 200, IMMUTABLE),
        ("/assets/%61pp.1a2b.js", &[], 200, IMMUTABLE),
        ("/assets/app.1a2b.js", &[("range", "bytes=0-1")], 206, IMMUTABLE),
        ("/assets/app.1a2b.js", &[("range", "bytes=0-0,2-2")], 206, IMMUTABLE),
        ("/assets/app.1a2b.js", &[("if-none-match", &tag)], 304, IMMUTABLE),
        ("/assets/app.1a2b.js", &[("if-match", "\"x\"")], 412, ""),
        ("/assets/app.1a2b.js", &[("range", "bytes=9-")], 416, ""),
        ("/assets/none.js", &[], 404, ""),
        ("/assets", &[], 301, ""),
        ("/", &[], 200, "no-cache"),
        ("/users/7", &[], 200, "no-cache"),
        ("/ten.txt", &[], 200, ""),
    ] {
        let answer = ask(&files, "GET", path, fields);
        assert_eq!((answer.status, answer.field("cache-control")), (status, expected), "{path} {fields:?}");
        assert_eq!(answer.field("x-content-type-options"), "nosniff", "{path}");
    }
    let files = place.files().field("/assets", "cache-control", "max-age=5").unwrap();
    assert_eq!(
        ask(&files, "GET", "/assets/", &[]).field("cache-control"),
        "max-age=5",
        "in place of the listing's own"
    );
}

#[test]
fn wrong_rules_are_refused() {
    let place = Place::new();
    let invalid = io::ErrorKind::InvalidInput;
    let reason = refusal(place.files().field("*", "content-length", "0"), invalid);
    assert_eq!(reason, "the field content-length is made by the server");
    let reason = refusal(place.files().hide(["*.key", "a/b"]), invalid);
    assert_eq!(reason, "\"a/b\" is not a pattern of names, such as *.key");
    let reason = refusal(place.files().link("ten.txt"), invalid);
    assert_eq!(reason, "cannot allow the link \"ten.txt\": not a symbolic link");
    for path in ["none", "", "..", "../outside"] {
        refusal(place.files().link(path), io::ErrorKind::NotFound);
    }
}

#[test]
fn hidden_names_are_neither_served_nor_listed() {
    let place = Place::new();
    place.add("site/tls.key", "secret");
    place.add("site/node_modules/a/b.js", "code");
    place.add("site/sub/node_modules/b.js", "code");
    place.add("site/sub/shown.js", "code");
    place.add("site/.well-known/tls.key", "secret");
    place.link("site/tls.key", "site/linked.txt");
    let before = place.files();
    let files = before.clone().hide(["*.key"]).unwrap().hide(["node_modules"]).unwrap();
    for path in
        ["/tls.key", "/tls%2ekey", "/node_modules/", "/node_modules", "/node_modules/a/b.js", "/sub/node_modules/b.js"]
    {
        assert_eq!((get(&files, path).status, get(&before, path).status == 404), (404, false), "{path}");
    }
    assert_eq!(get(&files, "/.well-known/tls.key").status, 404);
    for path in ["/sub/shown.js", "/linked.txt", "/sub/"] {
        assert_eq!(get(&files, path).status, 200, "{path}");
    }
    let (root, sub) = (get(&files, "/").text(), get(&files, "/sub/").text());
    assert!(!root.contains("tls.key") && !root.contains("node_modules") && root.contains("linked.txt"), "{root}");
    assert!(!sub.contains("node_modules") && sub.contains("shown.js"), "{sub}");
    assert!(get(&before, "/").text().contains("tls.key"));
    place.add("site/index.html", "page");
    assert!(get(&files.hide(["index.*"]).unwrap(), "/").text().contains("linked.txt"), "a hidden index is none");
}

#[test]
fn allowed_link_leads_out_and_no_other_does() {
    let place = Place::new();
    place.add("outside/sub/deep.txt", "deep");
    place.add("elsewhere/other.txt", "other");
    place.link("outside", "site/media");
    place.link("outside/secret.txt", "site/one.txt");
    place.link("outside", "site/not-named");
    symlink("media/secret.txt", place.path.join("site/through")).unwrap();
    symlink("../elsewhere/other.txt", place.path.join("outside/way-out")).unwrap();
    symlink("../site/ten.txt", place.path.join("outside/way-back")).unwrap();
    let files = place.files().link("media").unwrap().link("/one.txt").unwrap();
    for (path, status) in [
        ("/media/secret.txt", 200),
        ("/media/sub/deep.txt", 200),
        ("/media/sub/", 200),
        ("/media/", 200),
        ("/media", 301),
        ("/one.txt", 200),
        ("/one.txt/", 404),
        ("/one.txt/secret.txt", 404),
        ("/media/../ten.txt", 200),
        ("/not-named/secret.txt", 404),
        ("/through", 404),
        ("/media/way-out", 404),
        ("/media/way-back", 404),
        ("/media/none", 404),
        ("/media2", 404),
    ] {
        assert_eq!(get(&files, path).status, status, "{path}");
        // A way out that comes back has always been one inside.
        let expected = if path.starts_with("/media/..") || path.ends_with("way-back") { 200 } else { 404 };
        assert_eq!(get(&place.files(), path).status, expected, "not allowed: {path}");
    }
    assert_eq!(
        (get(&files, "/one.txt").text(), get(&files, "/media/sub/deep.txt").text()),
        ("secret".into(), "deep".into())
    );
    let page = get(&files, "/").text();
    for (name, is_shown) in [("media", true), ("one.txt", true), ("not-named", false), ("through", false)] {
        assert_eq!(page.contains(&format!("<b>{name}</b>")), is_shown, "{name}");
    }
    assert!(get(&files, "/media/").text().contains("<b>secret.txt</b>"));
}

#[test]
fn allowed_link_that_changes_leads_nowhere() {
    let place = Place::new();
    place.add("elsewhere/secret.txt", "other");
    place.link("outside", "site/media");
    let files = place.files().link("media").unwrap();
    assert_eq!(get(&files, "/media/secret.txt").text(), "secret");
    fs::rename(place.path.join("site/media"), place.path.join("site/moved")).unwrap();
    assert_eq!((get(&files, "/media/secret.txt").status, get(&files, "/moved/secret.txt").status), (404, 404));
    place.link("elsewhere", "site/media");
    assert_eq!(get(&files, "/media/secret.txt").status, 404);
    fs::remove_file(place.path.join("site/media")).unwrap();
    place.link("outside", "site/media");
    assert_eq!(get(&files, "/media/secret.txt").text(), "secret");
    // The target's name now leads elsewhere; the directory is the one that was opened.
    fs::rename(place.path.join("outside"), place.path.join("aside")).unwrap();
    place.link("elsewhere", "outside");
    assert_eq!(get(&files, "/media/secret.txt").text(), "secret");
}
