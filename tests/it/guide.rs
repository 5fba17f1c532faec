//! The guide compared with the code: every setting has its reason; all pages and named files exist.

use std::fs;

use drupe::Settings;

use crate::readme::{home, read};

/// The pages, by name.
pub(crate) fn pages() -> Vec<(String, String)> {
    let files = fs::read_dir(home().join("src/guide")).unwrap().map(|entry| entry.unwrap().path());
    files
        .map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), fs::read_to_string(&path).unwrap()))
        .collect()
}

/// Each setting is in the page of settings, under the group of `--help`, once at the beginning of a
/// row.
#[test]
fn every_setting_has_its_reason() {
    let page = read("src/guide/settings.rs");
    let mut rows = Vec::new();
    let mut group = "";
    for line in page.lines().filter_map(|line| line.strip_prefix("//!")).map(str::trim) {
        if let Some(heading) = line.strip_prefix("# ") {
            group = heading;
        } else if let Some((names, reason)) = line.strip_prefix("- ").and_then(|line| line.split_once(": ")) {
            assert!(!reason.is_empty(), "{line}");
            // `[`a`](..)` or plain marks; several share a row where they have one reason.
            rows.extend(names.split('`').skip(1).step_by(2).map(|name| (group.to_lowercase(), name.to_owned())));
        }
    }
    let table = Settings::table().iter().map(|row| (row.group().to_lowercase(), row.name().to_owned()));
    let objects =
        [("tls", "ssl_context"), ("other", "instance")].map(|(group, name)| (group.to_owned(), name.to_owned()));
    let known: Vec<(String, String)> = table.chain(objects).collect();
    for row in &known {
        assert_eq!(rows.iter().filter(|found| *found == row).count(), 1, "{row:?} in src/guide/settings.rs");
    }
    for row in &rows {
        assert!(known.contains(row), "{row:?} of src/guide/settings.rs is no setting");
    }
}

/// Every page is one of the index, and the index has no other.
#[test]
fn every_page_is_in_the_index() {
    let index = read("src/guide/mod.rs");
    for (name, _) in pages().iter().filter(|(name, _)| name != "mod.rs") {
        let name = name.strip_suffix(".rs").unwrap();
        assert!(index.contains(&format!("| [`{name}`] |")) && index.contains(&format!("\npub mod {name};")), "{name}");
    }
}

/// Every file that a page shows or names is there.
#[test]
fn files_named_by_the_guide_exist() {
    for (name, page) in pages() {
        for path in page.split("examples/").skip(1) {
            let end = path.find(|c: char| !(c.is_alphanumeric() || "/._-".contains(c))).unwrap_or(path.len());
            let path = path[..end].trim_end_matches('.');
            assert!(home().join("examples").join(path).exists(), "{name} names examples/{path}");
        }
    }
}
