//! Tests of large listings: bounds, and pages shared by readers.

use super::super::pages::Room;
use super::*;

/// Adds the directory `name` with so many hard links, which cost less than new files.
fn fill(place: &Place, name: &str, names: impl IntoIterator<Item = String>) {
    fs::create_dir(place.path.join("site").join(name)).unwrap();
    for entry in names {
        fs::hard_link(place.path.join("site/empty"), place.path.join("site").join(name).join(entry)).unwrap();
    }
}

fn numbers(count: u32) -> impl Iterator<Item = String> {
    (0..count).map(|number| number.to_string())
}

fn listing(files: &Files, path: &str, now: SystemTime) -> Response {
    files.answer(&request("GET", path, &[]), now)
}

#[test]
fn hidden_names_count_towards_the_bound_of_a_listing() {
    let place = Place::new();
    fill(&place, "hidden", numbers(10_000).map(|number| format!(".{number}")));
    let page = get(&place.files(), "/hidden/").text();
    assert!(page.contains("This folder is empty") && !page.contains("more than can be shown"));
    place.add("site/hidden/.more", "");
    let page = get(&place.files(), "/hidden/").text();
    assert!(page.contains("and more than can be shown") && !page.contains("This folder is empty"), "{page}");
}

#[test]
fn clients_that_take_nothing_of_a_large_listing_lock_no_client_out() {
    let place = Place::new();
    fill(&place, "many", numbers(1001));
    fill(&place, "other", numbers(1001));
    let files = place.files();
    // Each request comes a minute after the one before, so that no page is fresh.
    let minute = |number: u64| SystemTime::now() + Duration::from_secs(60 * number);
    let kept: Vec<Response> = (0..200_u64).map(|number| listing(&files, "/many/", minute(number))).collect();
    assert!(kept.iter().all(|response| response.status() == 200));
    assert_eq!(files.pages.taken(), 4, "pages in memory");
    assert_eq!(get(&files, "/other/").status, 200);
    drop(kept);
    assert_eq!(files.pages.taken(), 0, "pages in memory");
}

#[test]
fn clients_that_take_nothing_of_sorted_listings_lock_no_client_out() {
    let place = Place::new();
    fill(&place, "many", numbers(1001));
    fill(&place, "other", numbers(1001));
    let (files, now) = (place.files(), SystemTime::now());
    let orders = ["order=desc", "sort=size", "sort=size&order=desc", "sort=time", "sort=time&order=desc"];
    let asked = |order: &str| listing(&files, &format!("/many/?{order}"), now);
    let kept: Vec<Response> = orders[..4].iter().map(|order| asked(order)).collect();
    assert!(kept.iter().all(|response| response.status() == 200));
    let refused = asked(orders[4]);
    assert_eq!((refused.status().as_u16(), &refused.headers()["retry-after"]), (503, &"1".parse().unwrap()));
    // Unknown values, and values of no meaning here, make no further pages.
    let _usual: Vec<Response> = ["", "sort=x", "order=asc&v=7", "sort=name"].map(asked).into();
    assert_eq!(files.pages.taken(), 5, "pages in memory");
    assert_eq!(asked(orders[0]).status(), 200, "a page in memory is shared");
    assert_eq!(listing(&files, "/other/?sort=time", now).status(), 200);
    drop(kept);
    assert_eq!(asked(orders[4]).status(), 200);
}

#[test]
fn a_listing_is_sorted_by_its_query_and_its_headings_toggle() {
    let place = Place::new();
    place.add("site/sub/x", "x");
    let files = place.files();
    let page = get(&files, "/?sort=size&order=desc").text();
    let places: Vec<_> =
        ["sub", "ten.txt", "empty"].iter().map(|name| page.find(&format!("<b>{name}</b>")).unwrap()).collect();
    assert!(places.is_sorted(), "{page}");
    for heading in [
        "<th scope=col><a rel=nofollow href=\"./\">Name</a>",
        "<th scope=col aria-sort=descending><a rel=nofollow href=\"?sort=size&amp;order=asc\">Size</a>",
        "<th scope=col><a rel=nofollow href=\"?sort=time&amp;order=desc\">Modified<span id=zone> (UTC)</span></a>",
    ] {
        assert!(page.contains(heading), "{page}");
    }
    assert!(
        get(&files, "/?sort=%3Cb%3E")
            .text()
            .contains("<th scope=col aria-sort=ascending><a rel=nofollow href=\"?sort=name")
    );
    assert_eq!(get(&files, "/sub?sort=size").field("location"), "sub/?sort=size");
}

#[test]
fn trail_of_a_listing_stays_below_prefix_and_mount() {
    let place = Place::new();
    place.add("site/a/<b>\u{200f}\"/x", "x");
    let trail = |files: &Files, path: &str| {
        let page = get(files, path).text();
        let (_, rest) = page.split_once("<nav aria-label=\"Path\">").unwrap();
        rest.split_once("</nav>").unwrap().0.to_owned()
    };
    let deep = "<h1><a href=\"../../\">Files</a><i>/</i><a href=\"../\">a</a><i>/</i>\
        <b aria-current=page>&lt;b&gt;\u{fffd}&quot;</b></h1>";
    let mounted = place.files().prefix("/s/t");
    for (files, path) in [(&place.files(), "/a/%3Cb%3E%E2%80%8F%22/"), (&mounted, "/s/t/a/%3Cb%3E%E2%80%8F%22/")] {
        assert_eq!(trail(files, path), deep);
    }
    assert_eq!(trail(&mounted, "/s/t/"), "<h1>Files</h1>");
    assert_eq!(get(&mounted, "//s/t/").field("location"), "../../../s/t/");
}

#[test]
fn times_of_a_listing_are_utc_and_exact_for_the_script() {
    let place = Place::new();
    place.modified("site/empty", day(1) + Duration::from_secs(3723));
    let page = get(&place.files(), "/").text();
    assert!(page.contains("<td><time datetime=1970-01-02T01:02:03Z>1970-01-02 01:02</time>"), "{page}");
    assert_eq!(page.matches("<script>").count(), 1);
}

#[test]
fn a_listing_is_json_for_clients_that_prefer_it() {
    let place = Place::new();
    place.add("site/sub/index.html", "index");
    for time in ["site/ten.txt", "site/empty"] {
        place.modified(time, day(1));
    }
    let files = place.files();
    let fields = [("accept", "application/json, text/plain, */*")];
    let answer = ask(&files, "GET", "/?sort=size&order=desc", &fields);
    assert_eq!((answer.status, answer.field("content-type")), (200, "application/json"));
    assert_eq!((answer.field("vary"), answer.field("content-security-policy")), ("Accept", ""));
    let text = answer.text();
    assert!(text.starts_with("{\"truncated\":false,\"entries\":[\n{\"name\":\"sub\",\"href\":\"sub/\","), "{text}");
    let rest = ",\n{\"name\":\"ten.txt\",\"href\":\"ten.txt\",\"type\":\"file\",\"size\":10,\"mtime\":\"1970-01-02T00:00:00Z\"},\n\
        {\"name\":\"empty\",\"href\":\"empty\",\"type\":\"file\",\"size\":0,\"mtime\":\"1970-01-02T00:00:00Z\"}\n]}\n";
    assert!(text.ends_with(rest), "{text}");
    let head = ask(&files, "HEAD", "/", &fields);
    assert_eq!((head.status, head.length, head.field("content-type")), (200, None, "application/json"));
    assert_eq!(ask(&files, "GET", "/sub/", &fields).field("content-type"), "text/html; charset=utf-8", "an index file");
    let page = ask(&files, "GET", "/", &[("accept", "text/html, application/json")]);
    assert_eq!((page.field("content-type"), page.field("vary")), ("text/html; charset=utf-8", "Accept"));
}

#[test]
fn large_directory_has_all_its_names_in_json_and_a_mark_above_the_bound() {
    let place = Place::new();
    fill(&place, "many", numbers(10_000));
    let (files, fields) = (place.files(), [("accept", "application/json")]);
    let listed = || {
        let value: serde_json::Value = serde_json::from_str(&ask(&files, "GET", "/many/", &fields).text()).unwrap();
        let names = value["entries"].as_array().unwrap().iter().map(|entry| entry["name"].as_str().unwrap());
        (value["truncated"].as_bool().unwrap(), names.map(str::to_owned).collect::<Vec<_>>())
    };
    assert_eq!(listed(), (false, numbers(10_000).collect()));
    place.add("site/many/more", "x");
    let (is_cut, names) = listed();
    assert_eq!((is_cut, names.len()), (true, 10_000));
    let held = files.answer(&request("GET", "/many/", &fields), SystemTime::now());
    let page = listing(&files, "/many/", SystemTime::now());
    assert_eq!(files.pages.taken(), 18, "room of two forms");
    drop((held, page));
}

#[test]
fn a_fresh_page_is_shared_and_an_old_one_made_again() {
    let place = Place::new();
    fill(&place, "many", numbers(1000));
    place.add("site/many/big", "x");
    let (files, now) = (place.files(), SystemTime::now());
    let first = listing(&files, "/many/", now);
    let at = |seconds| Answer::of(listing(&files.clone(), "/many/", now + Duration::from_secs(seconds))).text();
    place.add("site/many/big", "longer");
    assert!(at(0).contains("<td title=\"1 byte\">"), "shared while fresh");
    assert!(at(1).contains("<td title=\"6 bytes\">"), "made again later");
    assert!(Answer::of(listing(&files, "/many/", now - Duration::from_secs(9))).text().contains("6 bytes"));
    place.add("site/many/new", "x");
    assert!(at(0).contains("<b>new</b>"), "a new name is shown at once");
    assert_eq!(files.pages.taken(), 1, "one page is still held");
    drop(first);
    assert_eq!(files.pages.taken(), 0);
}

#[test]
fn large_listing_is_made_once_for_clients_that_ask_at_the_same_time() {
    let place = Place::new();
    fill(&place, "many", numbers(3001));
    let (files, now) = (place.files(), SystemTime::now());
    let start = std::sync::Barrier::new(32);
    let held: Vec<Response> = std::thread::scope(|scope| {
        let ask = || {
            start.wait();
            listing(&files, "/many/", now)
        };
        let clients: Vec<_> = (0..32).map(|_| scope.spawn(ask)).collect();
        clients.into_iter().map(|client| client.join().unwrap()).collect()
    });
    assert!(held.iter().all(|response| response.status() == 200));
    assert_eq!(files.pages.taken(), 3, "room of one page");
}

#[test]
fn next_client_makes_a_large_listing_if_the_first_has_failed() {
    let place = Place::new();
    fill(&place, "many", numbers(1001));
    let (files, mut room) = (place.files(), Room::default());
    while files.pages.extend(&mut room) {}
    assert_eq!(get(&files, "/many/").status, 503);
    drop(room);
    assert_eq!(get(&files, "/many/").status, 200);
}

#[test]
fn a_page_is_not_shared_between_different_views() {
    let place = Place::new();
    fill(&place, "many", numbers(1001).chain([".hidden".to_owned()]));
    symlink("many", place.path.join("site/alias")).unwrap();
    let (files, now) = (place.files(), SystemTime::now());
    let _held = listing(&files, "/many/", now);
    let page = |files: &Files, path| Answer::of(listing(files, path, now)).text();
    assert!(page(&files, "/alias/").contains("<title>alias</title>"));
    assert!(page(&files.clone().dotfiles(true), "/many/").contains("<b>.hidden</b>"));
    assert!(!page(&files, "/many/").contains("<b>.hidden</b>"));
}

#[test]
fn a_large_listing_without_room_is_503_and_a_small_one_served() {
    let place = Place::new();
    fill(&place, "many", numbers(1001));
    fill(&place, "some", numbers(1000));
    let (files, mut room) = (place.files(), Room::default());
    while files.pages.extend(&mut room) {}
    let refused = get(&files.clone(), "/many/");
    assert_eq!((refused.status, refused.field("retry-after")), (503, "1"));
    assert_eq!((get(&files, "/some/").status, get(&files, "/many/1").status), (200, 200));
    assert_eq!(ask(&files, "HEAD", "/many/", &[]).status, 200, "HEAD makes no page");
    drop(room);
    let body = listing(&files, "/many/", SystemTime::now()).into_body();
    assert_eq!(files.pages.taken(), 1, "pages in memory");
    // Without room for another one, the page in memory is sent, however old.
    let mut room = Room::default();
    while files.pages.extend(&mut room) {}
    assert_eq!(get(&files, "/many/").status, 200);
    assert_eq!(listing(&files, "/many/", settled()).status(), 200);
    drop(body);
    assert_eq!(get(&files, "/many/").status, 200, "the room of the page is free again");
}
