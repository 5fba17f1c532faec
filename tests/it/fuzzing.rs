//! The fuzz targets: each has a corpus, a dictionary, and a row in both tables.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::readme::{home, is_package, read, rows};

/// The limit of the corpus, because every clone of the repository gets it.
const LARGEST_CORPUS: u64 = 2 * 1024 * 1024;

#[test]
fn the_corpus_is_small() {
    if is_package() {
        return;
    }
    let bytes = bytes_below(&home().join("fuzz/corpus"));
    assert!(bytes <= LARGEST_CORPUS, "{bytes} bytes: fuzz/README.md says how to make it small");
}

#[test]
fn every_target_is_built_and_has_a_corpus_and_a_dictionary() {
    if is_package() {
        return;
    }
    let targets = targets();
    assert_eq!(stems("fuzz/fuzz_targets"), targets);
    let corpora = stems("fuzz/corpus");
    assert_eq!(corpora, targets);
    for target in &corpora {
        assert!(bytes_below(&home().join("fuzz/corpus").join(target)) > 0, "the corpus of {target} is empty");
    }
    assert_eq!(stems("fuzz/dictionaries"), targets);
}

#[test]
fn every_target_has_its_row_in_both_tables() {
    if is_package() {
        return;
    }
    let targets = targets();
    // Its table stands below the title, which nothing precedes.
    let told = rows(&format!("\n{}", read("fuzz/README.md")), "# Fuzzing", 3);
    assert_eq!(names(&told), targets);
    assert_eq!(names(&rows(&read("TESTING.md"), "## Fuzzing", 4)), targets);
}

/// Those that `cargo fuzz` builds.
fn targets() -> BTreeSet<String> {
    let manifest = read("fuzz/Cargo.toml");
    let binaries = manifest.split("[[bin]]\nname = \"").skip(1);
    binaries.map(|rest| rest.split('"').next().unwrap().to_owned()).collect()
}

/// The names in the first column, where several may share a row.
fn names(rows: &[Vec<String>]) -> BTreeSet<String> {
    let names: Vec<String> =
        rows.iter().flat_map(|row| row[0].split(", ").map(|name| name.trim_matches('`').to_owned())).collect();
    let set: BTreeSet<String> = names.iter().cloned().collect();
    assert_eq!(set.len(), names.len(), "twice in {names:?}");
    set
}

/// The names in a folder, without extensions.
fn stems(folder: &str) -> BTreeSet<String> {
    let entries = fs::read_dir(home().join(folder)).unwrap().map(|entry| entry.unwrap().path());
    entries.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect()
}

fn bytes_below(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    let sizes = entries.map(|entry| match entry.metadata().unwrap() {
        metadata if metadata.is_dir() => bytes_below(&entry.path()),
        metadata => metadata.len(),
    });
    sizes.sum()
}
