//! A listing as JSON.

use std::fmt::Write;

use super::super::target::encode;
use super::entry::{Entries, Entry};
use super::figures::instant;

/// Writes `entries` as one object, an entry a line.
///
/// The names of members are those of nginx's `autoindex_format json`. Times are RFC 3339, and the
/// bytes of any name are in `href`.
pub(super) fn write_json(out: &mut String, entries: &Entries) {
    // Writing to a string cannot fail.
    let _ = write!(out, "{{\"truncated\":{},\"entries\":[", entries.is_cut);
    for (index, entry) in entries.list.iter().enumerate() {
        out.push_str(if index == 0 { "\n" } else { ",\n" });
        write_entry(out, entry);
    }
    out.push_str("\n]}\n");
}

fn write_entry(out: &mut String, entry: &Entry) {
    out.push_str("{\"name\":\"");
    escape(&entry.name.to_string_lossy(), out);
    out.push_str("\",\"href\":\"");
    encode(&entry.name, out);
    match entry.size {
        Some(size) => {
            let _ = write!(out, "\",\"type\":\"file\",\"size\":{size}");
        }
        None => out.push_str("/\",\"type\":\"directory\""),
    }
    if let Some(modified) = entry.modified.and_then(instant) {
        let _ = write!(out, ",\"mtime\":\"{modified}\"");
    }
    out.push('}');
}

/// Appends `text`, escaped for a string (RFC 8259 §7).
fn escape(text: &str, out: &mut String) {
    for character in text.chars() {
        match character {
            '"' | '\\' => out.extend(['\\', character]),
            _ if character.is_control() => {
                let _ = write!(out, "\\u{:04x}", u32::from(character));
            }
            _ => out.push(character),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;
    use std::os::unix::ffi::OsStringExt;

    use super::super::super::validators::at;
    use super::*;

    fn json(list: Vec<Entry>, is_cut: bool) -> String {
        let mut out = String::new();
        write_json(&mut out, &Entries { list, is_cut });
        out
    }

    #[test]
    fn json_of_a_listing_has_an_entry_a_line() {
        assert_eq!(json(Vec::new(), true), "{\"truncated\":true,\"entries\":[\n]}\n");
        let list = vec![
            Entry { name: "sub dir".into(), size: None, modified: Some(at(1_709_210_099)) },
            Entry { name: "a".into(), size: Some(0), modified: None },
        ];
        let expected = "{\"truncated\":false,\"entries\":[\n\
            {\"name\":\"sub dir\",\"href\":\"sub%20dir/\",\"type\":\"directory\",\"mtime\":\"2024-02-29T12:34:59Z\"},\n\
            {\"name\":\"a\",\"href\":\"a\",\"type\":\"file\",\"size\":0}\n]}\n";
        assert_eq!(json(list, false), expected);
    }

    #[test]
    fn names_in_json_are_exact_or_have_the_replacement_character() {
        let names = ["\"\\/<&>", "a\nb\t\u{1}\u{7f}\u{9f}", "\u{202e}\u{2028}ä\u{1f980}", "javascript:x", ".."];
        for name in names {
            let list = vec![Entry { name: name.into(), size: Some(1), modified: None }];
            let value: serde_json::Value = serde_json::from_str(&json(list, false)).unwrap();
            assert_eq!(value["entries"][0]["name"], name);
        }
        let name = OsString::from_vec(b"\xff.txt".to_vec());
        let text = json(vec![Entry { name, size: Some(1), modified: None }], false);
        assert!(text.contains("{\"name\":\"\u{fffd}.txt\",\"href\":\"%FF.txt\","), "{text}");
    }
}
