//! A listing as one HTML document, without external resources. Its script shows times in the
//! browser's zone; nothing else needs the script.

use std::fmt::Write;
use std::path::Path;

use super::super::content_type;
use super::super::target::encode;
use super::entry::{Entries, Entry};
use super::figures::{human, instant};
use super::order::{Column, Order};
use super::policy::{SCRIPT, STYLE};

/// Writes the page of a directory; `names` is its path as shown.
pub(super) fn write_page(page: &mut String, names: &[String], entries: &Entries, order: Order) {
    let title = names.last().map_or("Files", String::as_str);
    page.push_str("<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n");
    page.push_str("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>");
    escape(title, page);
    page.push_str("</title>\n<style>");
    page.push_str(STYLE);
    page.push_str("</style>\n");
    page.push_str(SYMBOLS);
    page.push_str("<header>\n<nav aria-label=\"Path\"><h1>");
    write_trail(page, names);
    page.push_str("</h1></nav>\n<p>");
    write_summary(page, entries);
    page.push_str("</p>\n</header>\n<main>\n");
    write_entries(page, !names.is_empty(), entries, order);
    page.push_str("</main>\n<script>");
    page.push_str(SCRIPT);
    page.push_str("</script>\n</html>\n");
}

/// Writes the path from the top, with a link for each directory above. Links are relative, to work
/// below a prefix, a mount, and behind a proxy that renames the top.
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
    page.push_str("<b aria-current=page>");
    escape(current, page);
    page.push_str("</b>");
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

fn write_entries(page: &mut String, has_parent: bool, entries: &Entries, order: Order) {
    page.push_str("<table>\n");
    if !entries.list.is_empty() {
        page.push_str("<thead><tr>");
        for (column, name) in [(Column::Name, "Name"), (Column::Size, "Size"), (Column::Time, MODIFIED)] {
            write_heading(page, column, name, order);
        }
        page.push('\n');
    }
    page.push_str("<tbody>\n");
    if has_parent {
        page.push_str(
            "<tr><th scope=row colspan=3><a href=\"../\"><svg><use href=\"#up\"/></svg><b>Parent folder</b></a>\n",
        );
    }
    for entry in &entries.list {
        write_entry(page, entry);
    }
    page.push_str("</table>\n");
}

/// Writes the heading of `column`: a link that sorts by the column, or toggles its direction.
fn write_heading(page: &mut String, column: Column, name: &str, order: Order) {
    page.push_str("<th scope=col");
    if let Some(sorted) = order.aria(column) {
        let _ = write!(page, " aria-sort={sorted}");
    }
    page.push_str("><a rel=nofollow href=\"");
    escape(order.toggled(column).reference(), page);
    let _ = write!(page, "\">{name}</a>");
}

fn write_entry(page: &mut String, entry: &Entry) {
    let (class, symbol, slash) = match entry.size {
        None => (" class=folder", "folder", "/"),
        Some(_) => ("", symbol(content_type::of(Path::new(&entry.name))), ""),
    };
    // Writing to a string cannot fail.
    let _ = write!(page, "<tr{class}><th scope=row><a href=\"");
    encode(&entry.name, page);
    let _ = write!(page, "{slash}\"><svg><use href=\"#{symbol}\"/></svg><b>");
    escape(&entry.name.to_string_lossy(), page);
    page.push_str("</b></a>");
    match entry.size {
        Some(size) => {
            let plural = if size == 1 { "" } else { "s" };
            let _ = write!(page, "<td title=\"{size} byte{plural}\">{}", human(size));
        }
        None => page.push_str("<td>"),
    }
    page.push_str("<td>");
    if let Some(instant) = entry.modified.and_then(instant) {
        let minute = instant[..MINUTE].replace('T', " ");
        let _ = write!(page, "<time datetime={instant}>{minute}</time>");
    }
    page.push('\n');
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
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
                out.push(char::REPLACEMENT_CHARACTER);
            }
            _ if character.is_control() => out.push(char::REPLACEMENT_CHARACTER),
            _ => out.push(character),
        }
    }
}

/// The heading of times. The script removes the zone.
const MODIFIED: &str = "Modified<span id=zone> (UTC)</span>";
/// The length of an RFC 3339 time up to its minute.
const MINUTE: usize = "2026-03-21T14:05".len();
/// The icons, defined once and referenced by each entry.
const SYMBOLS: &str = include_str!("symbols.svg");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_name_is_markup() {
        let mut out = String::new();
        escape("<b a=\"c\" d='e'>&\u{202e}\n\u{200f}\u{61c}\u{2069}", &mut out);
        assert_eq!(out, format!("&lt;b a=&quot;c&quot; d=&#39;e&#39;&gt;&amp;{}", "\u{fffd}".repeat(5)));
    }
}
