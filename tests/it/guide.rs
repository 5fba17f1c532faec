//! The guide and the tour compared with the code: every setting has its reason; all pages and named files exist; the tour keeps its form.

use std::fs;

use drupe::Settings;

use crate::readme::{home, read};

/// The pages of the guide, by name.
pub(crate) fn pages() -> Vec<(String, String)> {
    pages_of("src/guide")
}

fn pages_of(folder: &str) -> Vec<(String, String)> {
    let files = fs::read_dir(home().join(folder)).unwrap().map(|entry| entry.unwrap().path());
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
    let objects = [("listening", "listen_sockets"), ("tls", "ssl_context"), ("other", "instance")];
    let objects = objects.map(|(group, name)| (group.to_owned(), name.to_owned()));
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
    for folder in ["src/guide", "src/tour"] {
        let index = read(&format!("{folder}/mod.rs"));
        for (name, _) in pages_of(folder).iter().filter(|(name, _)| name != "mod.rs") {
            let name = name.strip_suffix(".rs").unwrap();
            let is_named = index.contains(&format!("| [`{name}`] |"));
            assert!(is_named && index.contains(&format!("\npub mod {name};")), "{folder}: {name}");
        }
    }
}

/// A page of the tour has a sentence, then a whole program, then the facts, some of them asserted, and leads to the next.
#[test]
fn every_page_of_the_tour_has_a_program_and_asserts_its_facts() {
    let front = read("src/lib.rs");
    let pages = pages_of("src/tour");
    for (name, page) in pages.iter().filter(|(name, _)| name != "mod.rs") {
        let name = name.strip_suffix(".rs").unwrap();
        let lines = page.lines().count();
        assert!(lines <= LONGEST_PAGE, "{name} has {lines} lines");
        let begin = page.lines().take(5).collect::<Vec<_>>().join("\n");
        // The chat has a module in a file of its own, which documentation tests do not find.
        let is_program = begin.contains("```no_run") || name == "chat" && begin.contains("```ignore");
        assert!(is_program, "{name} begins with a program");
        let program = page.split("```").nth(1).unwrap();
        let is_hidden = |line: &str| line.trim_start().starts_with("# ");
        assert!(!included(program).lines().any(is_hidden), "rustdoc hides a line of the program of {name}");
        let has_main = program.contains("fn main()") || included(program).contains("\nfn main()");
        assert!(has_main, "the program of {name} is whole");
        assert!(page.contains("\n//! assert!(") || page.contains("\n//! assert_eq!("), "{name} asserts facts");
        assert!(page.lines().last().unwrap().starts_with("//! Next: ["), "{name} leads to the next page");
        assert!(front.contains(&format!("(tour::{name})")), "the front page names {name}");
    }
    assert_eq!(pages.len(), 10 + 1, "ten pages and the index");
}

/// Returns the example that a page shows in place of a program of its own.
fn included(program: &str) -> String {
    let path = program.split("../../").nth(1).and_then(|rest| rest.split('"').next());
    path.map(read).unwrap_or_default()
}

/// The most lines of a page of the tour, without the program that it shows.
const LONGEST_PAGE: usize = 210;

/// Every file that a page shows or names is there.
#[test]
fn files_named_by_the_guide_exist() {
    for (name, page) in pages().into_iter().chain(pages_of("src/tour")) {
        for path in page.split("examples/").skip(1) {
            let end = path.find(|c: char| !(c.is_alphanumeric() || "/._-".contains(c))).unwrap_or(path.len());
            let path = path[..end].trim_end_matches('.');
            assert!(home().join("examples").join(path).exists(), "{name} names examples/{path}");
        }
    }
}
