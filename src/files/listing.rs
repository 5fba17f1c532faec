//! The listing of a directory: one HTML document, without scripts or external resources.

use std::ffi::OsString;
use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::time::SystemTime;

use http::StatusCode;
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};

use super::response::with;
use super::root::{self, Root};
use super::target::encode;
use crate::message::named::RequestName;
use crate::message::permits::{Permit, Permits};
use crate::message::{Body, IntoResponse, Response};

/// The entries of a directory, in the order shown.
#[derive(Debug)]
pub(super) struct Entries {
    list: Vec<Entry>,
    /// True if reading stopped at [`MAX_ENTRIES`].
    is_cut: bool,
    /// Always present with more than [`MANY`] entries.
    place: Option<Permit>,
}

#[derive(Debug)]
struct Entry {
    name: OsString,
    /// `None` for a directory.
    size: Option<u64>,
    modified: Option<SystemTime>,
}

/// A page holding its permit until it has been sent.
struct Page {
    text: String,
    _place: Option<Permit>,
}

impl AsRef<[u8]> for Page {
    fn as_ref(&self) -> &[u8] {
        self.text.as_bytes()
    }
}

/// Reads the directory at `real` for the request of this `name`.
///
/// Entries that cannot be served are left out: hidden names, links out of `root`, dangling links,
/// pipes and devices.
///
/// # Errors
/// As [`root::status`], if the directory cannot be read; `SERVICE_UNAVAILABLE` if the directory is
/// large and all permits of `places` are in use.
pub(super) fn read(root: &Root, real: &Path, places: &Permits, name: RequestName<'_>) -> Result<Entries, StatusCode> {
    let mut entries = Entries { list: Vec::new(), is_cut: false, place: None };
    for found in fs::read_dir(real).map_err(|error| root::status(&error, name))? {
        let found = found.map_err(|error| root::status(&error, name))?;
        if entries.list.len() == MAX_ENTRIES {
            entries.is_cut = true;
            break;
        }
        let Some(entry) = entry(root, &found) else { continue };
        if entries.list.len() == MANY {
            entries.place = Some(places.take(MOST).ok_or(StatusCode::SERVICE_UNAVAILABLE)?);
        }
        entries.list.push(entry);
    }
    entries
        .list
        .sort_by_cached_key(|entry| (entry.size.is_some(), natural(&entry.name.to_string_lossy()), entry.name.clone()));
    Ok(entries)
}

fn entry(root: &Root, found: &fs::DirEntry) -> Option<Entry> {
    let path = found.path();
    if !root.shows(&path) {
        return None;
    }
    let mut facts = found.metadata().ok()?;
    if facts.is_symlink() {
        let real = fs::canonicalize(&path).ok().filter(|real| root.shows(real))?;
        facts = fs::symlink_metadata(real).ok()?;
    }
    if !facts.is_dir() && !facts.is_file() {
        return None;
    }
    let size = facts.is_file().then_some(facts.len());
    Some(Entry { name: found.file_name(), size, modified: facts.modified().ok() })
}

/// Writes the page; `names` are the path from the top to the directory.
pub(super) fn page(names: &[String], entries: Entries) -> Response {
    let mut text = String::with_capacity(4096 + 320 * entries.list.len());
    write_page(&mut text, names, &entries);
    let held = text.capacity();
    let page = Page { text, _place: entries.place };
    let response = with(Body::owned(page, held).into_response(), CONTENT_TYPE, "text/html; charset=utf-8");
    let response = with(response, CONTENT_SECURITY_POLICY, "default-src 'none'; style-src 'unsafe-inline'");
    // There is no validator for the contents of a directory.
    with(response, CACHE_CONTROL, "no-cache")
}

fn write_page(page: &mut String, names: &[String], entries: &Entries) {
    let title = names.last().map_or("Files", String::as_str);
    page.push_str("<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n");
    page.push_str("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>");
    escape(title, page);
    page.push_str("</title>\n<style>\n");
    page.push_str(include_str!("listing.css"));
    page.push_str("</style>\n");
    page.push_str(SYMBOLS);
    page.push_str("<header>\n<h1>");
    write_trail(page, names);
    page.push_str("</h1>\n<p>");
    write_summary(page, entries);
    page.push_str("</p>\n</header>\n<main>\n");
    write_entries(page, !names.is_empty(), entries);
    page.push_str("</main>\n</html>\n");
}

/// Writes the path from the top, with a link for each directory. Links are relative, to work behind
/// a proxy that renames the top.
fn write_trail(page: &mut String, names: &[String]) {
    let Some((current, above)) = names.split_last() else {
        page.push_str("Files");
        return;
    };
    let above = std::iter::once("Files").chain(above.iter().map(String::as_str));
    for (index, name) in above.enumerate() {
        page.push_str("<a href=\"");
        page.push_str(&"../".repeat(names.len() - index));
        page.push_str("\">");
        escape(name, page);
        page.push_str("</a><i>/</i>");
    }
    escape(current, page);
}

fn write_summary(page: &mut String, entries: &Entries) {
    let files = entries.list.iter().filter_map(|entry| entry.size);
    let (count, total) = files.fold((0, 0_u64), |(count, total), size| (count + 1, total.saturating_add(size)));
    let folders = entries.list.len() - count;
    let mut parts = Vec::new();
    if folders > 0 {
        parts.push(format!("{folders} folder{}", if folders == 1 { "" } else { "s" }));
    }
    if count > 0 {
        parts.push(format!("{count} file{}", if count == 1 { "" } else { "s" }));
        parts.push(human(total));
    }
    if entries.is_cut {
        parts.push("and more than can be shown".to_owned());
    }
    page.push_str(&if parts.is_empty() { "This folder is empty".to_owned() } else { parts.join(" \u{b7} ") });
}

fn write_entries(page: &mut String, has_parent: bool, entries: &Entries) {
    if !entries.list.is_empty() {
        page.push_str("<div class=\"row head\" aria-hidden=\"true\"><b>Name</b><span>Size</span><span>Modified (UTC)</span></div>\n");
    }
    page.push_str("<ul>\n");
    if has_parent {
        page.push_str("<li><a class=\"row\" href=\"../\"><svg><use href=\"#up\"/></svg><b>Parent folder</b></a>\n");
    }
    for entry in &entries.list {
        write_entry(page, entry);
    }
    page.push_str("</ul>\n");
}

fn write_entry(page: &mut String, entry: &Entry) {
    let (class, symbol, slash) = match entry.size {
        None => ("row folder", "folder", "/"),
        Some(_) => ("row", symbol(super::content_type::of(Path::new(&entry.name))), ""),
    };
    // Writing to a string cannot fail.
    let _ = write!(page, "<li><a class=\"{class}\" href=\"");
    encode(&entry.name, page);
    let _ = write!(page, "{slash}\"><svg><use href=\"#{symbol}\"/></svg><b>");
    escape(&entry.name.to_string_lossy(), page);
    page.push_str("</b>");
    match entry.size {
        Some(size) => {
            let _ = write!(page, "<span title=\"{size} bytes\">{}</span>", human(size));
        }
        None => page.push_str("<span></span>"),
    }
    if let Some(minute) = entry.modified.and_then(minute) {
        let _ = write!(page, "<time datetime=\"{}Z\">{minute}</time>", minute.replace(' ', "T"));
    }
    page.push_str("</a>\n");
}

fn symbol(content_type: &str) -> &'static str {
    match content_type.split_once('/') {
        Some(("image", _)) => "image",
        Some(("audio" | "video", _)) => "media",
        Some(("text", _)) | Some((_, "json" | "xml" | "toml" | "yaml" | "pdf")) => "text",
        Some((_, "gzip" | "zip" | "zstd" | "x-tar" | "x-xz" | "x-bzip2" | "x-brotli" | "x-7z-compressed")) => "archive",
        _ => "file",
    }
}

/// Appends `text`, escaped for element content and for attributes.
///
/// Control characters and bidirectional controls become the replacement character, so that a name
/// cannot disguise itself or neighbouring text.
fn escape(text: &str, out: &mut String) {
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => out.push(char::REPLACEMENT_CHARACTER),
            _ if character.is_control() => out.push(char::REPLACEMENT_CHARACTER),
            _ => out.push(character),
        }
    }
}

/// A natural sort key: case-insensitive, `9` before `10`.
fn natural(name: &str) -> String {
    let mut key = String::with_capacity(name.len() + 8);
    let lower = name.to_lowercase();
    let mut rest = lower.as_str();
    while let Some(start) = rest.find(|character: char| character.is_ascii_digit()) {
        let (text, number) = rest.split_at(start);
        let end = number.find(|character: char| !character.is_ascii_digit()).unwrap_or(number.len());
        let digits = number[..end].trim_start_matches('0');
        // A number sorts like a digit, then by length, then by digits.
        key.push_str(text);
        key.push('0');
        key.extend(u32::try_from(digits.len()).ok().and_then(char::from_u32));
        key.push_str(digits);
        rest = &number[end..];
    }
    key.push_str(rest);
    key
}

/// Formats a size in at most four characters and a unit.
fn human(bytes: u64) -> String {
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut tenths = u128::from(bytes) * 10 / 1024;
    let mut units = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"].into_iter();
    let mut unit = units.next();
    while tenths >= 10_240 {
        tenths /= 1024;
        unit = units.next();
    }
    let unit = unit.unwrap_or("EiB");
    if tenths < 100 { format!("{}.{} {unit}", tenths / 10, tenths % 10) } else { format!("{} {unit}", tenths / 10) }
}

/// Formats a time as `2026-03-21 14:05`, in UTC; `None` before 1970. Years after 9998 become the
/// end of 9998.
fn minute(time: SystemTime) -> Option<String> {
    let seconds = time.duration_since(SystemTime::UNIX_EPOCH).ok()?.as_secs();
    // `Sat, 21 Mar 2026 14:05:09 GMT`: each part is at a fixed offset.
    let date = httpdate::fmt_http_date(super::validators::at(seconds));
    let month = "JanFebMarAprMayJunJulAugSepOctNovDec".find(&date[8..11])? / 3 + 1;
    Some(format!("{}-{month:02}-{} {}", &date[12..16], &date[5..7], &date[17..22]))
}

/// The most entries of a listing, because listings are made in memory.
const MAX_ENTRIES: usize = 10_000;
/// A listing is large with more entries than this.
const MANY: usize = 1000;
/// The most large listings in memory at once, of some 5 MB each.
const MOST: usize = 16;

/// The icons, defined once and referenced by each entry.
const SYMBOLS: &str = r##"<svg style="display:none" aria-hidden="true">
<symbol id="folder" viewBox="0 0 20 20"><path d="M2.5 5.5a1.5 1.5 0 0 1 1.5-1.5h3.2c.4 0 .8.2 1.1.5l1.2 1.5H16a1.5 1.5 0 0 1 1.5 1.5v7A1.5 1.5 0 0 1 16 16H4a1.5 1.5 0 0 1-1.5-1.5z"/></symbol>
<symbol id="file" viewBox="0 0 20 20"><path d="M5 2.5h6.5L15.5 6.5v9.5a1.5 1.5 0 0 1-1.5 1.5H5A1.5 1.5 0 0 1 3.5 16V4A1.5 1.5 0 0 1 5 2.5zM11.5 2.5v4h4"/></symbol>
<symbol id="text" viewBox="0 0 20 20"><path d="M5 2.5h6.5L15.5 6.5v9.5a1.5 1.5 0 0 1-1.5 1.5H5A1.5 1.5 0 0 1 3.5 16V4A1.5 1.5 0 0 1 5 2.5zM11.5 2.5v4h4M6.5 10h6M6.5 13.5h6"/></symbol>
<symbol id="image" viewBox="0 0 20 20"><path d="M4 3.5h12A1.5 1.5 0 0 1 17.5 5v10a1.5 1.5 0 0 1-1.5 1.5H4A1.5 1.5 0 0 1 2.5 15V5A1.5 1.5 0 0 1 4 3.5zM2.5 13.5l4-4 4 4M9.5 12.5l2.5-2.5 5.5 5.5M13 7h.01"/></symbol>
<symbol id="media" viewBox="0 0 20 20"><path d="M10 2.5a7.5 7.5 0 1 1 0 15a7.5 7.5 0 1 1 0-15zM8.5 7v6l4.5-3z"/></symbol>
<symbol id="archive" viewBox="0 0 20 20"><path d="M3 4h14v4H3zM4 8v7a1 1 0 0 0 1 1h10a1 1 0 0 0 1-1V8M8 11.5h4"/></symbol>
<symbol id="up" viewBox="0 0 20 20"><path d="M10 16V4.5M5 9l5-5l5 5"/></symbol>
</svg>
"##;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_short() {
        let cases = [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (1536, "1.5 KiB"),
            (10_240, "10 KiB"),
            (1_048_575, "1023 KiB"),
            (1_048_576, "1.0 MiB"),
            (5_000_000_000, "4.6 GiB"),
            (u64::MAX, "15 EiB"),
        ];
        for (bytes, expected) in cases {
            assert_eq!(human(bytes), expected, "{bytes}");
        }
    }

    #[test]
    fn names_sort_as_people_expect() {
        let expected = ["10", "A1", "a02", "a9", "a10", "a10b2", "a10b10", "b", "Ba", "file.txt", "file1.txt", "ä"];
        let mut names = expected.to_vec();
        names.reverse();
        names.sort_by_cached_key(|name| natural(name));
        assert_eq!(names, expected);
    }

    #[test]
    fn a_minute_is_iso() {
        let cases = [
            (0, Some("1970-01-01 00:00")),
            (1_709_210_099, Some("2024-02-29 12:34")),
            (u64::MAX / 4, Some("9998-12-31 23:59")),
        ];
        for (seconds, expected) in cases {
            let time = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(seconds);
            assert_eq!(minute(time).as_deref(), expected);
        }
        assert_eq!(minute(SystemTime::UNIX_EPOCH - std::time::Duration::from_secs(1)), None);
    }

    #[test]
    fn nothing_in_a_name_is_markup() {
        let mut out = String::new();
        escape("<b a=\"c\" d='e'>&\u{202e}\n", &mut out);
        assert_eq!(out, "&lt;b a=&quot;c&quot; d=&#39;e&#39;&gt;&amp;\u{fffd}\u{fffd}");
    }
}
