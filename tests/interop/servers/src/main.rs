//! Sends the cases of `tests/data` to drupe and to other servers, and records the differences.
//!
//! `cargo run -- write` rewrites `../DIFFERENCES.md`; `cargo run -- check` checks that the file is
//! current.

#[allow(dead_code, reason = "what the handler saw of Host and trailers is not compared")]
#[path = "../../../data/reader.rs"]
mod reader;
mod report;
mod servers;
mod talk;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use self::reader::{Case, End};
use self::servers::Server;
use self::talk::Outcome;

/// Connections to one server at a time.
const AT_A_TIME: usize = 16;

/// A case and its results, in the order of the servers.
struct Row {
    file: String,
    case: Case,
    outcomes: Vec<Outcome>,
}

fn main() -> ExitCode {
    let command = std::env::args().nth(1).unwrap_or_default();
    if !matches!(command.as_str(), "write" | "check") {
        eprintln!("usage: write | check");
        return ExitCode::FAILURE;
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let place = root.join("../DIFFERENCES.md");
    let cases = cases(&root.join("../../data"));
    let servers = servers::start(root);
    let rows = run(&cases, &servers);
    let wrong = unexpected(&rows);
    if !wrong.is_empty() {
        eprintln!("drupe is not as its own cases say:\n{}", wrong.join("\n"));
        return ExitCode::FAILURE;
    }
    let text = report::write(&servers, &rows);
    if command == "write" {
        fs::write(&place, text).expect("the tree can be written to");
        return ExitCode::SUCCESS;
    }
    let known = fs::read_to_string(&place).unwrap_or_default();
    check(&known, &text, &servers)
}

/// The cases that set nothing: other servers have not our settings.
fn cases(folder: &Path) -> Vec<(String, Case)> {
    let mut files: Vec<PathBuf> =
        fs::read_dir(folder).expect("cases").map(|entry| entry.expect("an entry").path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "http"));
    files.sort();
    let mut cases = Vec::new();
    for path in files {
        let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let text = fs::read_to_string(&path).expect("text");
        cases.extend(
            reader::read(&text).into_iter().filter(|case| case.settings.is_empty()).map(|case| (file.clone(), case)),
        );
    }
    cases
}

fn run(cases: &[(String, Case)], servers: &[Server]) -> Vec<Row> {
    let columns: Vec<Vec<Outcome>> = thread::scope(|scope| {
        let columns: Vec<_> = servers.iter().map(|server| scope.spawn(|| column(cases, server))).collect();
        columns.into_iter().map(|column| column.join().expect("a column without a panic")).collect()
    });
    let row = |(at, (file, case)): (usize, &(String, Case))| Row {
        file: file.clone(),
        case: case.clone(),
        outcomes: columns.iter().map(|column| column[at].clone()).collect(),
    };
    cases.iter().enumerate().map(row).collect()
}

fn column(cases: &[(String, Case)], server: &Server) -> Vec<Outcome> {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some((_, case)) = cases.get(at) else { return done };
            done.push((at, talk::over(server.address, &case.input, case.end == End::Wait)));
        }
    };
    let mut all: Vec<(usize, Outcome)> = thread::scope(|scope| {
        let hands: Vec<_> = (0..AT_A_TIME).map(|_| scope.spawn(work)).collect();
        hands.into_iter().flat_map(|hand| hand.join().expect("a hand without a panic")).collect()
    });
    all.sort_by_key(|(at, _)| *at);
    all.into_iter().map(|(_, outcome)| outcome).collect()
}

/// Returns the cases in which drupe, the first server, deviates from the expected answer.
fn unexpected(rows: &[Row]) -> Vec<String> {
    let is_right = |row: &Row| {
        let expected = row.case.answers.iter().map(|answer| answer.status).filter(|status| *status != 100);
        let found = &row.outcomes[0];
        let end = match row.case.end {
            End::Open => talk::End::Kept,
            End::Close => talk::End::Closed,
            End::Wait => talk::End::Waits,
        };
        found.end == end && found.answers.iter().map(|answer| answer.status).eq(expected)
    };
    let tell = |row: &Row| format!("{}: {}: {}", row.file, row.case.name, row.outcomes[0]);
    rows.iter().filter(|row| !is_right(row)).map(tell).collect()
}

/// Compares the written page with a new one. If other servers have other versions, compares only
/// drupe's part.
fn check(known: &str, text: &str, servers: &[Server]) -> ExitCode {
    if known == text {
        println!("DIFFERENCES.md is current");
        return ExitCode::SUCCESS;
    }
    let strange: Vec<String> =
        servers.iter().map(report::version).filter(|line| !known.contains(line.as_str())).collect();
    if !strange.is_empty() {
        println!(
            "other versions than DIFFERENCES.md was made with; drupe is as its cases say:\n{}",
            strange.join("\n")
        );
        return ExitCode::SUCCESS;
    }
    let missing = text.lines().filter(|line| !known.contains(line)).take(40);
    eprintln!("DIFFERENCES.md is not current; these lines are new:\n{}", missing.collect::<Vec<_>>().join("\n"));
    ExitCode::FAILURE
}
