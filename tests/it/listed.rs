//! A listing in a browser: sorted by its headings, in the browser's zone, on a phone, by keyboard.

use std::fs::{self, File};
use std::time::{Duration, SystemTime};

use drupe::Files;
use drupe::testing::TestServer;

use crate::browser::Browser;
use crate::place::Place;

/// A server for a folder with files of nasty names, each of 2024-02-29 12:34:59 UTC.
fn server(place: &Place) -> TestServer {
    let site = place.path("site");
    fs::create_dir_all(site.join("sub/empty")).unwrap();
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_709_210_099);
    let names = [&"long".repeat(60), "<img src=x onerror=alert(1)>", "\"'&.txt", "a\nb", "\u{202e}gpj.exe", "ten.txt"];
    for (name, size) in names.into_iter().zip(0..) {
        fs::write(site.join(name), "x".repeat(1000 * size)).unwrap();
        File::options().write(true).open(site.join(name)).unwrap().set_modified(time).unwrap();
    }
    TestServer::new(Files::new(site).unwrap())
}

#[test]
#[ignore = "needs chromium; .ci/run has it"]
fn a_listing_sorts_on_a_click_and_shows_times_in_the_browsers_zone() {
    let place = Place::new();
    let server = server(&place);
    let mut browser = Browser::open(&place.path("profile"));
    let first = "document.querySelector('tbody tr:not(.folder) b')?.textContent";
    let time = "document.querySelector('tbody tr:not(.folder) time')?.textContent";

    browser.call("Emulation.setTimezoneOverride", "\"timezoneId\":\"Asia/Kathmandu\"");
    browser.show(&server.url("/"));
    browser.wait_for(time, "2024-02-29 18:19");
    for (heading, order, expected) in
        [(2, "descending", "ten.txt"), (2, "ascending", &"long".repeat(60)), (1, "ascending", "\"'&.txt")]
    {
        // The click may leave the page before the answer.
        browser.try_evaluate(&format!("document.querySelector('th:nth-child({heading}) a').click()"));
        browser.wait_for(&format!("document.querySelector('th:nth-child({heading})')?.ariaSort"), order);
        browser.wait_for(first, expected);
    }

    browser.call("Emulation.setScriptExecutionDisabled", "\"value\":true");
    browser.show(&server.url("/?sort=size"));
    browser.wait_for("location.search", "?sort=size");
    browser.wait_for(time, "2024-02-29 12:34");
    browser.wait_for("document.querySelector('th:nth-child(3) a')?.textContent", "Modified (UTC)");
    assert_eq!(browser.said, Vec::<String>::new(), "nothing is to be on the console");
}

#[test]
#[ignore = "needs chromium; .ci/run has it"]
fn a_listing_fits_a_phone_and_is_walked_by_keyboard() {
    let place = Place::new();
    let server = server(&place);
    let mut browser = Browser::open(&place.path("profile"));
    for target in ["/", "/sub/", "/sub/empty/"] {
        browser.show(&server.url(target));
        browser.wait_for("document.readyState + location.pathname", &format!("complete{target}"));
        for (width, is_dark) in [(320, false), (360, true), (1280, false)] {
            browser.resize(width, is_dark);
            let beside = "document.documentElement.scrollWidth - document.documentElement.clientWidth";
            assert_eq!(browser.evaluate(beside), "0", "{target} {width}");
        }
    }

    browser.show(&server.url("/sub/"));
    browser.wait_for("document.readyState + location.pathname", "complete/sub/");
    for expected in ["../", "?sort=name&order=desc", "?sort=size&order=desc", "?sort=time&order=desc", "../", "empty/"]
    {
        for event in ["rawKeyDown", "keyUp"] {
            let key = format!("\"type\":\"{event}\",\"key\":\"Tab\",\"windowsVirtualKeyCode\":9");
            browser.call("Input.dispatchKeyEvent", &key);
        }
        assert_eq!(browser.evaluate("document.activeElement.getAttribute('href')"), expected);
        let outline = |part| format!("getComputedStyle(document.activeElement, '{part}').outlineStyle");
        let shown = [outline(""), outline("::after")].map(|outline| browser.evaluate(&outline));
        assert!(shown.contains(&"solid".to_owned()), "the focus of {expected} is visible");
    }
    assert_eq!(browser.said, Vec::<String>::new(), "nothing is to be on the console");
}
