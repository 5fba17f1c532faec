//! Checks of the cases themselves: their number, and for each the rule, its level and the origin.

use std::collections::BTreeMap;

use crate::cases::FILES;
use crate::cases::reader::{self, Case, Level};
use crate::readme::{read, section};

/// Origins, by first word, with the least number of cases of each.
const SOURCES: &[(&str, usize)] = &[
    ("RFC", 300),
    ("cheroot", 40),
    ("CherryPy", 15),
    ("waitress", 70),
    ("gunicorn", 40),
    ("puma", 20),
    ("llhttp", 80),
    ("picohttpparser", 30),
    ("hyper", 40),
    ("Go", 35),
    ("khttp probe", 1),
    // Catalogues, and a scanner with the bytes it changes.
    ("HTTP Garden", 90),
    ("Http11Probe", 120),
    ("smuggler", 60),
    // Ways of hiding a request, by the names they were published under.
    ("CL.TE", 15),
    ("TE.CL", 4),
    ("CL.CL", 3),
    ("TE.TE", 5),
    ("CL.0", 15),
    ("0.CL", 4),
    ("TE.0", 7),
    ("TERM.EXT", 6),
    ("EXT.TERM", 8),
    ("TERM.SPILL", 3),
    ("SPILL.TERM", 2),
    ("ONE.TWO", 3),
    ("TWO.ONE", 1),
    ("ZERO.TWO", 2),
    // Advisories.
    ("CVE-", 20),
    ("RUSTSEC-", 15),
];

/// All cases, each with its place.
fn cases() -> Vec<(String, Case)> {
    let mut cases = Vec::new();
    for (file, text) in FILES {
        cases.extend(reader::read(text).into_iter().map(|case| (format!("{file}:{} {}", case.line, case.name), case)));
    }
    cases
}

/// The number of cases of each level.
fn levels() -> BTreeMap<Level, usize> {
    let mut levels = BTreeMap::new();
    for (_, case) in cases() {
        *levels.entry(case.rule.unwrap().level).or_default() += 1;
    }
    levels
}

/// Of which source an origin is; the longest word that fits, as `Go` is no start of `Google`.
fn source(origin: &str) -> Option<&'static str> {
    let fits = |word: &&str| {
        origin.strip_prefix(*word).is_some_and(|rest| rest.is_empty() || rest.starts_with(' ') || word.ends_with('-'))
    };
    SOURCES.iter().map(|(word, _)| *word).filter(fits).max_by_key(|word| word.len())
}

#[test]
fn there_are_enough_cases() {
    let count = cases().len();
    assert!(count >= 1000, "{count} cases");
}

#[test]
fn each_case_names_its_rule() {
    let is_section = |text: &str| {
        let numbers = text.strip_prefix("9112 §").or_else(|| text.strip_prefix("9110 §"));
        numbers.is_some_and(|numbers| numbers.split('.').all(|number| number.parse::<u8>().is_ok()))
    };
    let is_named = |case: &Case| case.rule.as_ref().is_some_and(|rule| is_section(&rule.section));
    let nameless: Vec<String> =
        cases().into_iter().filter(|(_, case)| !is_named(case)).map(|(place, _)| place).collect();
    assert!(nameless.is_empty(), "without a section of RFC 9110 or 9112: {nameless:#?}");
}

#[test]
fn each_case_names_its_origin() {
    let is_known = |case: &Case| !case.origins.is_empty() && case.origins.iter().all(|origin| source(origin).is_some());
    let foreign: Vec<String> = cases()
        .into_iter()
        .filter(|(_, case)| !is_known(case))
        .map(|(place, case)| format!("{place}: {:?}", case.origins))
        .collect();
    assert!(foreign.is_empty(), "from nobody we know: {foreign:#?}");
}

#[test]
fn cases_without_a_rule_have_a_reason() {
    let is_ours = |case: &Case| case.rule.as_ref().is_some_and(|rule| rule.level == Level::Ours);
    let is_bare = |case: &Case| is_ours(case) && case.because.is_none();
    let bare: Vec<String> = cases().into_iter().filter(|(_, case)| is_bare(case)).map(|(place, _)| place).collect();
    assert!(bare.is_empty(), "without a reason: {bare:#?}");
}

#[test]
fn every_source_and_every_level_has_its_cases() {
    let mut found: BTreeMap<&str, usize> = BTreeMap::new();
    for origin in cases().iter().flat_map(|(_, case)| &case.origins) {
        *found.entry(source(origin).unwrap_or("nobody")).or_default() += 1;
    }
    println!("{found:#?}");
    let missing: Vec<_> =
        SOURCES.iter().filter(|(word, least)| found.get(word).is_none_or(|count| count < least)).collect();
    assert!(missing.is_empty(), "too few from {missing:?}");
    assert_eq!(levels().len(), 3);
}

#[test]
fn documented_figures_match() {
    let levels = levels();
    let (must, should, ours) = (levels[&Level::Must], levels[&Level::Should], levels[&Level::Ours]);
    let count = cases().len();
    let testing = read("TESTING.md");
    let section = section(&testing, "## Bytes");
    for told in [
        format!("{},{:03} cases", count / 1000, count % 1000),
        format!("{must} follow a MUST, {should} a SHOULD or the grammar, {ours} are our own rules"),
    ] {
        assert!(section.contains(&told), "{told:?} is not in {section}");
    }
}
