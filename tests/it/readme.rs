//! The README and the tables of the guide, compared with the code.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use drupe::Settings;

#[test]
fn readme_is_short_and_has_the_two_commands() {
    let readme = read("README.md");
    let lines = readme.lines().count();
    assert!(lines <= 130, "{lines} lines");
    let block = section(&readme, "## Try it").split("```").nth(1).unwrap();
    let commands: Vec<&str> = block.lines().skip(1).map(|line| line.split('#').next().unwrap().trim_end()).collect();
    assert_eq!(commands, ["cargo run --release --features full -- .", "cargo test --features full"]);
}

/// Every setting with a text form is in the table, in the order of `Settings::table`, with default
/// and unit.
#[test]
fn table_of_settings_matches_the_code() {
    let written: Vec<[String; 3]> = rows(&reference(), "## Settings", 4)
        .into_iter()
        .map(|row| [row[0].clone(), row[1].clone(), row[2].clone()])
        .collect();
    let known: Vec<[String; 3]> = Settings::table()
        .iter()
        .map(|row| [row.name().to_owned(), row.default_text(), row.unit().to_lowercase()])
        .collect();
    assert_eq!(written, known);
}

#[test]
fn table_of_cherrypy_defaults_matches_the_code() {
    let (ours, theirs) = (Settings::default(), Settings::cherrypy());
    let written: BTreeMap<String, [String; 2]> = rows(&reference(), "## Defaults", 4)
        .into_iter()
        .map(|row| (row[0].clone(), [row[1].clone(), row[2].clone()]))
        .collect();
    let names = Settings::table().iter().map(drupe::settings::Row::name);
    let differing = names.filter(|name| ours.get(name) != theirs.get(name));
    let known: BTreeMap<String, [String; 2]> =
        differing.map(|name| (name.to_owned(), [ours.get(name).unwrap(), theirs.get(name).unwrap()])).collect();
    assert_eq!(written, known);
}

/// Each feature of Cargo.toml has a row.
#[test]
fn table_of_features_matches_the_manifest() {
    if is_package() {
        return;
    }
    let manifest = read("Cargo.toml");
    let features = manifest.split("[features]\n").nth(1).unwrap().split("\n[").next().unwrap();
    let known: Vec<&str> = features
        .lines()
        .filter_map(|line| line.split_once(" = "))
        .map(|(name, _)| name)
        .filter(|name| *name != "default")
        .collect();
    let written: Vec<String> =
        rows(&read("README.md"), "## Features", 3).into_iter().map(|row| row[0].clone()).collect();
    assert_eq!(written, known);
}

/// Each status of the table is one that `h1` or the engine answers with, and none is left out.
#[test]
fn table_of_statuses_matches_the_code() {
    let error = read("src/h1/error.rs");
    let mut known: Vec<u16> = error
        .split('(')
        .filter_map(|part| part.split(')').next()?.parse().ok())
        .filter(|status| (400..600).contains(status))
        .collect();
    // The queue is full; a head is too large (in words there); `header_overflow_status` may make it a 413.
    known.extend([503, 431]);
    known.sort_unstable();
    known.dedup();
    let written: Vec<u16> =
        rows(&reference(), "## Status codes", 3).into_iter().map(|row| row[0].parse().unwrap()).collect();
    assert_eq!(written, known);
}

/// Every link leads to a file of the repository or to another site.
#[test]
fn links_of_the_readme_lead_somewhere() {
    if is_package() {
        return;
    }
    let readme = read("README.md");
    for link in readme.split("](").skip(1).filter_map(|part| part.split(')').next()) {
        let (path, _) = link.split_once('#').unwrap_or((link, ""));
        assert!(link.starts_with("https://") || path.is_empty() || home().join(path).exists(), "{link} leads nowhere");
    }
}

/// Every file that CONTRIBUTING.md names is there, with the functions that stand beside it.
#[test]
fn the_places_that_contributors_are_sent_to_are_there() {
    if is_package() {
        return;
    }
    let page = read("CONTRIBUTING.md");
    for line in page.lines() {
        let words: Vec<&str> = line.split('`').skip(1).step_by(2).collect();
        let is_place = |word: &&&str| ["src/", "tests/", "fuzz/"].iter().any(|folder| word.starts_with(folder));
        let places: Vec<&str> = words.iter().filter(is_place).filter(|word| !word.contains("NAME")).copied().collect();
        for place in &places {
            assert!(home().join(place).exists(), "{place} is not there: {line}");
        }
        let files = places.iter().filter(|place| place.ends_with(".rs"));
        let code: String = files.map(|place| read(place)).collect();
        for (_, function) in words.iter().filter_map(|word| word.split_once("::")).filter(|_| !code.is_empty()) {
            assert!(code.contains(&format!("fn {function}(")), "{function} is not there: {line}");
        }
    }
}

/// The rows of the first table of the section `heading`, which has `columns`; code marks are taken off.
pub(crate) fn rows(text: &str, heading: &str, columns: usize) -> Vec<Vec<String>> {
    let lines = section(text, heading)
        .lines()
        .skip_while(|line| !line.starts_with('|'))
        .take_while(|line| line.starts_with('|'));
    let rows = lines.skip(2).map(|line| {
        let cells: Vec<String> =
            line.trim_matches('|').split('|').map(|cell| cell.trim().trim_matches('`').to_owned()).collect();
        assert_eq!(cells.len(), columns, "{line}");
        cells
    });
    rows.collect()
}

/// Returns the text of the guide's page of tables.
pub(crate) fn reference() -> String {
    let page = read("src/guide/tables.rs");
    page.lines().map(|line| format!("{}\n", line.trim_start_matches("//!").trim_start())).collect()
}

pub(crate) fn section<'a>(text: &'a str, heading: &str) -> &'a str {
    let at = text.find(&format!("\n{heading}")).unwrap_or_else(|| panic!("no section {heading}")) + 1;
    let rest = &text[at + heading.len()..];
    rest.split("\n## ").next().unwrap_or(rest)
}

pub(crate) fn read(path: &str) -> String {
    fs::read_to_string(home().join(path)).unwrap()
}

/// True in a package made by cargo, which has neither the fuzzers nor `.ci`, and a manifest that cargo has written.
pub(crate) fn is_package() -> bool {
    home().join("Cargo.toml.orig").exists()
}

pub(crate) fn home() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
