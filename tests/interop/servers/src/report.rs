//! The results as a page.

use std::fmt::Write;

use crate::Row;
use crate::reader::Level;
use crate::servers::Server;
use crate::talk::Outcome;

/// The whole page.
pub(crate) fn write(servers: &[Server], rows: &[Row]) -> String {
    let mut page = String::new();
    page.push_str(HEAD);
    page.push_str("\n| server | version |\n|---|---|\n");
    for server in servers {
        let _ = writeln!(page, "{}", version(server));
    }
    summary(&mut page, servers, rows);
    odd(&mut page, servers, rows);
    lax(&mut page, servers, rows);
    differences(&mut page, servers, rows);
    statuses(&mut page, servers, rows);
    page
}

/// A server and its version, as a line of the page.
pub(crate) fn version(server: &Server) -> String {
    format!("| {} | {} |", server.name, server.version)
}

fn summary(page: &mut String, servers: &[Server], rows: &[Row]) {
    let _ = write!(
        page,
        "\n## In figures\n\nOf {} cases, the number that differ in framing, by the strength of the rule. *more*: the server takes a request, ",
        rows.len()
    );
    page.push_str(
        "or awaits its end, that drupe refuses. *less*: the server refuses a request, or leaves it unanswered, that drupe takes.\n\n",
    );
    page.push_str(
        "| server | same | another status | MUST | SHOULD | ours | more | less |\n|---|---|---|---|---|---|---|---|\n",
    );
    for (at, server) in servers.iter().enumerate().skip(1) {
        let count = |is: &dyn Fn(&Row, &Outcome, &Outcome) -> bool| {
            rows.iter().filter(|row| is(row, &row.outcomes[0], &row.outcomes[at])).count()
        };
        let by = |level| count(&|row, ours, theirs| !theirs.has_framing_of(ours) && level_of(row) == level);
        let same = count(&|_, ours, theirs| ours == theirs);
        let status = count(&|_, ours, theirs| theirs.has_framing_of(ours) && ours != theirs);
        let more = count(&|_, ours, theirs| !theirs.has_framing_of(ours) && ours.is_refusal() && !theirs.is_refusal());
        let less = count(&|_, ours, theirs| !theirs.has_framing_of(ours) && !ours.is_refusal() && theirs.is_refusal());
        let _ = writeln!(
            page,
            "| {} | {same} | {status} | {} | {} | {} | {more} | {less} |",
            server.name,
            by(Level::Must),
            by(Level::Should),
            by(Level::Ours)
        );
    }
}

/// Writes the cases in which all others, or all but one, accept what drupe refuses, or the reverse.
fn odd(page: &mut String, servers: &[Server], rows: &[Row]) {
    let others = servers.len() - 1;
    // Those on drupe's side.
    let friends = |row: &Row| -> Vec<&str> {
        let is_friend = |at: &usize| row.outcomes[*at].is_refusal() == row.outcomes[0].is_refusal();
        (1..servers.len()).filter(is_friend).map(|at| servers[at].name).collect()
    };
    let odd: Vec<(&Row, Vec<&str>)> =
        rows.iter().map(|row| (row, friends(row))).filter(|(_, on)| on.len() <= 1).collect();
    let alone = odd.iter().filter(|(_, on)| on.is_empty()).count();
    let _ = writeln!(
        page,
        "\n## Where drupe is the odd one out\n\nIn {alone} cases all {others} others take, or await the end of, what drupe refuses, or refuse what it takes; in {} \
         more all but one.\n\n| case | drupe | the others | by | why |\n|---|---|---|---|---|",
        odd.len() - alone
    );
    for (row, on) in odd {
        let act = if row.outcomes[0].is_refusal() { "take it" } else { "refuse it" };
        let who = on.first().map_or_else(|| format!("all {act}"), |friend| format!("all but {friend} {act}"));
        let why = row.case.because.as_deref().unwrap_or("the rule asks for it");
        let ours = cell(&row.outcomes[0].to_string());
        let _ = writeln!(page, "| {} | {ours} | {who} | {} | {} |", name(row), rule(row), cell(why));
    }
}

/// Writes the cases in which drupe accepts, or waits for the end of, a request that several others
/// refuse.
fn lax(page: &mut String, servers: &[Server], rows: &[Row]) {
    let who = |row: &Row| -> Vec<&str> {
        let refuses = |at: &usize| row.outcomes[*at].is_refusal();
        (1..servers.len()).filter(refuses).map(|at| servers[at].name).collect()
    };
    let lax: Vec<_> = rows.iter().filter(|row| !row.outcomes[0].is_refusal()).map(|row| (row, who(row))).collect();
    page.push_str("\n## What drupe takes and two others or more refuse\n\n");
    page.push_str("| case | drupe | refused by | by |\n|---|---|---|---|\n");
    for (row, who) in lax.iter().filter(|(row, who)| who.len() > 1 && !row.case.answers.is_empty()) {
        let ours = cell(&row.outcomes[0].to_string());
        let _ = writeln!(page, "| {} | {ours} | {} | {} |", name(row), who.join(", "), rule(row));
    }
}

fn differences(page: &mut String, servers: &[Server], rows: &[Row]) {
    page.push_str("\n## Every difference in framing\n\n`=`: as drupe.\n");
    let differs = |row: &&Row| row.outcomes[1..].iter().any(|outcome| !outcome.has_framing_of(&row.outcomes[0]));
    let mut file = "";
    for row in rows.iter().filter(differs) {
        if row.file != file {
            file = &row.file;
            let names: Vec<&str> = servers.iter().map(|server| server.name).collect();
            let _ = writeln!(
                page,
                "\n### {file}\n\n| case | by | {} | reason, if no rule asks for it |\n|---|---|---|{}",
                names.join(" | "),
                "---|".repeat(servers.len())
            );
        }
        let _ = write!(page, "| {} | {} | {} |", name(row), rule(row), cell(&row.outcomes[0].to_string()));
        for outcome in &row.outcomes[1..] {
            let text =
                if outcome.has_framing_of(&row.outcomes[0]) { "=".to_owned() } else { cell(&outcome.to_string()) };
            let _ = write!(page, " {text} |");
        }
        let _ = writeln!(page, " {} |", cell(row.case.because.as_deref().unwrap_or_default()));
    }
}

/// Writes the refusals with different statuses: the number of cases of each kind, the first one,
/// and drupe's rule.
fn statuses(page: &mut String, servers: &[Server], rows: &[Row]) {
    page.push_str(
        "\n## The same framing, another status\n\nBoth servers refuse and close, so no byte is read in two ways. *nothing*: the server closes without an answer, which no \
         rule forbids.\n\n| server | drupe | the server | cases | first case | rule for drupe's |\n|---|---|---|---|---|---|\n",
    );
    for (at, server) in servers.iter().enumerate().skip(1) {
        let mut kinds: Vec<(String, String, usize, &Row)> = Vec::new();
        for row in rows {
            let (ours, theirs) = (&row.outcomes[0], &row.outcomes[at]);
            if ours == theirs || !theirs.has_framing_of(ours) {
                continue;
            }
            let (ours, theirs) = (last(ours), last(theirs));
            match kinds.iter_mut().find(|kind| (&kind.0, &kind.1) == (&ours, &theirs)) {
                Some(kind) => kind.2 += 1,
                None => kinds.push((ours, theirs, 1, row)),
            }
        }
        for (ours, theirs, count, row) in kinds {
            let rule = rule_of_status(&ours);
            let _ = writeln!(page, "| {} | {ours} | {theirs} | {count} | {} | {rule} |", server.name, name(row));
        }
    }
}

/// By which rule a refusal has this status.
fn rule_of_status(status: &str) -> &'static str {
    match status {
        "400" => {
            "SHOULD 9112 §2.2: bytes outside the grammar get a 400; MUST 9112 §3.2, §5.1, §6.3 for Host, a blank before a colon, length and last coding"
        }
        "405" => "9110 §15.5.6: the method (CONNECT) is known but not supported",
        "413" => "9110 §15.5.14: the content is over the limit",
        "414" => "MUST 9112 §3: the target is over the limit",
        "417" => "9110 §15.5.18: the expectation cannot be met",
        "431" => "MUST 9110 §5.4: a 4xx for fields over the limit; RFC 6585 §5 has the status",
        "501" => "SHOULD 9112 §3, §6.1: a method longer than any known one, an unknown coding",
        "505" => "9110 §15.6.6: an unsupported major version",
        _ => "no rule is known: that is a defect of this page",
    }
}

/// The status of the refusal, or that there was none.
fn last(outcome: &Outcome) -> String {
    let refusal = outcome.answers.last().filter(|answer| answer.seen.is_none());
    refusal.map_or_else(|| "nothing".to_owned(), |answer| answer.status.to_string())
}

fn level_of(row: &Row) -> Level {
    row.case.rule.as_ref().map_or(Level::Ours, |rule| rule.level)
}

fn rule(row: &Row) -> String {
    let section = row.case.rule.as_ref().map_or("", |rule| rule.section.as_str());
    let level = match level_of(row) {
        Level::Must => "MUST",
        Level::Should => "SHOULD",
        Level::Ours => "ours",
    };
    format!("{level} {section}")
}

fn name(row: &Row) -> String {
    cell(&row.case.name)
}

/// Text that does not end the cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

const HEAD: &str = "\
# Answers of other servers to the same bytes

Made by `cargo run --manifest-path tests/interop/servers/Cargo.toml -- write`. With `check` instead of `write`, the command
checks that this page is current: all of it if the servers have the versions below, else drupe's part only. `.ci/run`
checks it as well.

The cases are those of [tests/data](../data/README.md) that need no setting. Each is sent in one piece, with two requests
behind it, of which the second asks to close. A case that awaits the end of a message is sent alone. The applications
report the method and the content of each request. nginx passes its requests to hyper.

An outcome has, for each request that was read or refused, the status, the method, and the content with its length. Then it
has the state of the connection: *kept*, the request behind the case got its own answer; *closed*; *waits*, no byte came for
2.5 seconds. If an outcome differs from drupe's, the column *by* has the rule for drupe's. SHOULD includes a 400 for bytes
outside the grammar, which RFC 9112 §2.2 recommends. For `ours`, the case has the reason why drupe does more than the rule.

Two habits affect a whole column: Node answers only 400 if bytes follow a closing request in the same segment, and cheroot
recognises `close` in one spelling only.
";
