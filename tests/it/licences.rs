//! The crates that a program with drupe is made of: their licences, and one version of each.

use std::collections::BTreeMap;
use std::process::Command;

/// Licences that have been read: each lets a program of any licence use drupe. A new one is added
/// after it has been read.
const READ: &[&str] = &[
    "(MIT OR Apache-2.0) AND Unicode-3.0",
    "0BSD OR MIT OR Apache-2.0",
    "Apache-2.0",
    "Apache-2.0 AND ISC",
    "Apache-2.0 OR BSL-1.0",
    "Apache-2.0 OR ISC OR MIT",
    "Apache-2.0 OR MIT",
    "Apache-2.0 WITH LLVM-exception OR Apache-2.0 OR MIT",
    "BSD-2-Clause OR Apache-2.0 OR MIT",
    "BSD-3-Clause",
    "CC0-1.0 OR MIT-0 OR Apache-2.0",
    "ISC",
    "ISC AND (Apache-2.0 OR ISC)",
    // AWS-LC: parts of OpenSSL and BoringSSL.
    "ISC AND (Apache-2.0 OR ISC) AND Apache-2.0 AND MIT AND BSD-3-Clause AND (Apache-2.0 OR ISC OR MIT) \
     AND (Apache-2.0 OR ISC OR MIT-0)",
    "MIT",
    "MIT AND BSD-3-Clause",
    "MIT OR Apache-2.0",
    "MIT OR Zlib OR Apache-2.0",
    "MIT/Apache-2.0",
    "Unlicense OR MIT",
];

#[test]
fn licences_of_all_crates_have_been_read() {
    let unread: Vec<_> = crates().into_iter().filter(|(_, licence)| !READ.contains(&licence.as_str())).collect();
    assert!(unread.is_empty(), "{unread:#?}");
}

#[test]
fn no_crate_is_there_in_two_versions() {
    let mut versions: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (package, _) in crates() {
        let (name, version) = package.split_once(' ').unwrap();
        versions.entry(name.to_owned()).or_default().push(version.to_owned());
    }
    versions.retain(|_, versions| versions.len() > 1);
    assert!(versions.is_empty(), "{versions:#?}");
}

/// The crates of this machine's programs with every feature, without those of tests: name with
/// version, and licence.
fn crates() -> BTreeMap<String, String> {
    let tree = ["tree", "--locked", "--all-features", "--edges", "normal,build", "--prefix", "none"];
    let run = Command::new(env!("CARGO")).args(tree).args(["--format", "{p}|{l}"]).output().unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    let text = String::from_utf8(run.stdout).unwrap();
    let row = |line: &str| {
        let (package, licence) = line.trim_end_matches(" (*)").split_once('|').unwrap();
        let package: Vec<&str> = package.split(' ').take(2).collect();
        (package.join(" "), licence.to_owned())
    };
    let crates: BTreeMap<String, String> = text.lines().filter(|line| !line.is_empty()).map(row).collect();
    assert!(crates.len() > 50, "{crates:?}");
    crates
}
