//! Published advisories of other servers: `TESTING.md` lists every advisory with a case, and each
//! listed defence exists.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::cases::FILES;
use crate::cases::reader;
use crate::readme::{home, is_package, read, section};

/// A row of the table: the advisories, and the defences.
struct Row {
    numbers: Vec<String>,
    kept_by: Vec<String>,
}

#[test]
fn each_advisory_that_a_case_is_from_has_its_row() {
    let told: BTreeSet<String> = table().into_iter().flat_map(|row| row.numbers).collect();
    let learned: BTreeSet<String> = origins().into_iter().flatten().filter(|origin| is_advisory(origin)).collect();
    let missing: Vec<_> = learned.difference(&told).collect();
    assert!(missing.is_empty(), "{missing:?}");
    assert!(told.len() > 30, "{told:?}");
}

#[test]
fn each_named_defence_exists() {
    if is_package() {
        return;
    }
    let (manifest, lock, tests) = (read("Cargo.toml"), read("Cargo.lock"), sources());
    let wrong: Vec<String> = table()
        .iter()
        .flat_map(|row| row.kept_by.iter().map(move |by| (row, by)))
        .filter_map(|(row, by)| {
            let is_so = if let Some(count) = by.strip_suffix(" case").or_else(|| by.strip_suffix(" cases")) {
                let is_of_row = |origins: &Vec<String>| origins.iter().any(|origin| row.numbers.contains(origin));
                origins().iter().filter(|origins| is_of_row(origins)).count() == count.parse::<usize>().unwrap()
            } else if let Some(name) = by.strip_prefix("no ") {
                locked(&lock, bare(name)).is_none()
            } else if let Some((name, least)) = by.split_once(' ') {
                let asked = asked(&manifest, bare(name));
                locked(&lock, bare(name)).is_some_and(|version| version >= numbers(least))
                    && asked.is_none_or(|version| version >= numbers(least))
            } else {
                let test = bare(by).rsplit("::").next().unwrap();
                tests.contains(&format!("fn {test}("))
            };
            (!is_so).then(|| format!("{:?}: {by}", row.numbers))
        })
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

fn table() -> Vec<Row> {
    let testing = read("TESTING.md");
    let rows = section(&testing, "## Advisories")
        .lines()
        .filter(|line| line.starts_with("| RUSTSEC") || line.starts_with("| CVE"));
    let row = |line: &str| {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [numbers, _, kept_by] = cells[..] else { panic!("{line}") };
        let list = |text: &str, end: &str| text.split(end).map(|part| part.trim().to_owned()).collect();
        Row { numbers: list(&numbers.replace(" to ", ", "), ","), kept_by: list(kept_by, ";") }
    };
    rows.map(row).collect()
}

/// The origins of each case.
fn origins() -> Vec<Vec<String>> {
    FILES.iter().flat_map(|(_, text)| reader::read(text)).map(|case| case.origins).collect()
}

fn is_advisory(origin: &str) -> bool {
    origin.starts_with("CVE-") || origin.starts_with("RUSTSEC-")
}

fn bare(text: &str) -> &str {
    text.trim_matches('`')
}

/// The version of a crate that the tree was tested with.
fn locked(lock: &str, name: &str) -> Option<Vec<u64>> {
    let (_, rest) = lock.split_once(&format!("\nname = \"{name}\"\nversion = \""))?;
    rest.split('"').next().map(numbers)
}

/// The least version of a crate in the manifest, if the manifest names the crate.
fn asked(manifest: &str, name: &str) -> Option<Vec<u64>> {
    let names =
        |line: &&str| line.starts_with(&format!("{name} = ")) || line.contains(&format!("package = \"{name}\""));
    let line = manifest.lines().find(names)?;
    let version =
        line.split_once("version = \"").map_or_else(|| line.split('"').nth(1), |(_, rest)| rest.split('"').next());
    version.map(numbers)
}

fn numbers(version: &str) -> Vec<u64> {
    version.split('.').map(|number| number.parse().unwrap_or_else(|_| panic!("{version}"))).collect()
}

/// All code and all tests, in one.
fn sources() -> String {
    let mut text = String::new();
    let mut folders = vec![home().join("src"), home().join("tests/it")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension() == Some("rs".as_ref()) && path != Path::new(file!()) {
                text.push_str(&fs::read_to_string(path).unwrap());
            }
        }
    }
    text
}
