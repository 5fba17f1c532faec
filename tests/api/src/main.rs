//! The public API of drupe, an item a line, as `tests/api/api.txt` has it.
//!
//! `check JSON` compares the list with the file, `write JSON` renews the file. JSON is the output of
//! `cargo +nightly rustdoc`.

use std::collections::HashSet;
use std::process::ExitCode;
use std::{env, fs};

use public_api::{Builder, PublicApi};

/// The exit status for JSON of an unknown form, which changes from nightly to nightly.
const UNREADABLE: u8 = 3;
/// The committed list.
const LIST: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/api.txt");

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [task, json] = arguments.as_slice() else {
        eprintln!("usage: drupe-api check|write JSON");
        return ExitCode::from(2);
    };
    let api = match Builder::from_rustdoc_json(json).omit_blanket_impls(true).build() {
        Ok(api) => list(&api),
        Err(error) => {
            eprintln!("{json}: {error}\nif the nightly is new, give tests/api a later public-api");
            return ExitCode::from(UNREADABLE);
        }
    };
    if task == "write" {
        fs::write(LIST, api).expect("the list cannot be written");
        return ExitCode::SUCCESS;
    }
    let known = fs::read_to_string(LIST).expect("the list cannot be read");
    if known == api {
        return ExitCode::SUCCESS;
    }
    eprintln!("the public API is not as in {LIST}; CONTRIBUTING.md has the command that renews the list");
    report("-", &known, &api);
    report("+", &api, &known);
    ExitCode::FAILURE
}

/// Prints the lines of `one` that `other` lacks.
fn report(mark: &str, one: &str, other: &str) {
    let other: HashSet<&str> = other.lines().collect();
    for line in one.lines().filter(|line| !other.contains(line)) {
        eprintln!("{mark} {line}");
    }
}

/// Returns the items in the order of the documentation, each once.
///
/// An implementation of a trait is one line without its items. Of `Send` and the like, only the
/// lack is a line.
fn list(api: &PublicApi) -> String {
    let mut seen = HashSet::new();
    let mut implementer = None;
    let mut text = String::new();
    for line in api.items().map(ToString::to_string) {
        if implements(&line, implementer.as_deref()) {
            continue;
        }
        implementer = implementer_of(&line);
        if !is_noise(&line) && seen.insert(line.clone()) {
            text.push_str(&line);
            text.push('\n');
        }
    }
    text
}

/// Returns the type of an `impl Trait for Type` line.
fn implementer_of(line: &str) -> Option<String> {
    let (_, implementer) = line.strip_prefix("impl")?.rsplit_once(" for ")?;
    Some(implementer.split(" where ").next().unwrap_or(implementer).to_owned())
}

/// True if `line` is an item of the implementation above it.
fn implements(line: &str, implementer: Option<&str>) -> bool {
    let Some(implementer) = implementer else { return false };
    let item = ["pub fn ", "pub type ", "pub const "].iter().find_map(|word| line.strip_prefix(word));
    item.and_then(|item| item.strip_prefix(implementer)).is_some_and(|rest| rest.starts_with("::"))
}

/// True for the heads of methods, for what follows from the kind of a type, and for the auto traits
/// that most types have.
fn is_noise(line: &str) -> bool {
    const AUTO: [&str; 5] = ["Freeze", "RefUnwindSafe", "UnwindSafe", "UnsafeUnpin", "Unpin"];
    let Some(implemented) = line.strip_prefix("impl") else { return false };
    let Some((of, _)) = implemented.rsplit_once(" for ") else { return true };
    let name = of.rsplit("::").next().unwrap_or_default();
    let is_lack = implemented.contains('!');
    AUTO.contains(&name) || name == "StructuralPartialEq" || (!is_lack && (name == "Send" || name == "Sync"))
}
