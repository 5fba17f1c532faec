//! The manual page, generated from the flags and the texts of the help.

use std::fmt::Write as _;

use super::flags::Flag;
use super::help::{self, heading};

/// Returns the page for man(7).
pub(super) fn text() -> String {
    let version = env!("CARGO_PKG_VERSION");
    let mut page = format!(".TH DRUPE 1 \"\" \"drupe {version}\" \"User Commands\"\n{HEAD}");
    prose(&mut page, help::ABOUT);
    page.push_str(".SH OPTIONS\n");
    let mut group = "";
    for flag in Flag::all() {
        if flag.group != group {
            if group.is_empty() {
                page.push_str(".SH SETTINGS\n");
                prose(&mut page, help::SETTINGS);
            }
            group = flag.group;
            // Writing to a string cannot fail.
            let _ = writeln!(page, ".SS {}", escaped(&heading(group)));
        }
        option(&mut page, &flag);
    }
    for (title, text) in [("SIGNALS", SIGNALS), ("EXIT STATUS", help::STATUS), ("EXAMPLES", help::EXAMPLES)] {
        let _ = writeln!(page, ".SH {title}");
        prose(&mut page, text);
    }
    page
}

fn option(page: &mut String, flag: &Flag) {
    let names = flag.names.iter().map(|name| format!("--{name}"));
    let names: Vec<String> = flag.letter.map(|letter| format!("-{letter}")).into_iter().chain(names).collect();
    let names: Vec<String> = names.iter().map(|name| format!("\\fB{}\\fR", escaped(name))).collect();
    let value = match flag.placeholder() {
        "" => String::new(),
        value if flag.is_switch() => format!("[=\\fI{value}\\fR]"),
        value => format!(" \\fI{value}\\fR"),
    };
    let default = if flag.default.is_empty() { String::new() } else { format!(" [{}]", flag.default) };
    let _ = writeln!(page, ".TP\n{}{value}", names.join(", "));
    let mut line = String::new();
    for word in format!("{}{default}", flag.help).split(' ') {
        if line.len() + word.len() > 60 {
            let _ = writeln!(page, "{}", escaped(&line));
            line.clear();
        }
        let space = if line.is_empty() { "" } else { " " };
        let _ = write!(line, "{space}{word}");
    }
    let _ = writeln!(page, "{}", escaped(&line));
}

/// Appends paragraphs, which empty lines part. Lines that begin with a blank are examples.
fn prose(page: &mut String, text: &str) {
    let mut is_example = false;
    for line in text.trim_matches('\n').lines() {
        let begins_example = line.starts_with(' ');
        if line.is_empty() {
            page.push_str(if is_example { "" } else { ".PP\n" });
            continue;
        }
        if begins_example != is_example {
            page.push_str(if begins_example { ".EX\n" } else { ".EE\n.PP\n" });
            is_example = begins_example;
        }
        let _ = writeln!(page, "{}", escaped(line));
    }
    page.push_str(if is_example { ".EE\n" } else { "" });
}

/// Escapes a line of text.
fn escaped(line: &str) -> String {
    let text = line.replace('\\', "\\e").replace('-', "\\-");
    // The first letter of a line may not make it a request.
    if text.starts_with(['.', '\'']) { format!("\\&{text}") } else { text }
}

const HEAD: &str = "\
.SH NAME
drupe \\- serves a directory over HTTP
.SH SYNOPSIS
.B drupe
[\\fIOPTIONS\\fR] [\\fIDIR\\fR] [\\fIPORT\\fR]
.br
.B drupe check
[\\fIOPTIONS\\fR] [\\fIFILE\\fR]
.SH DESCRIPTION
";

const SIGNALS: &str = "
SIGTERM and SIGINT stop the program; requests in progress may end within
--shutdown-timeout, and a second signal cuts them. SIGHUP reloads the settings.
SIGHUP and SIGUSR1 reopen the access log and reload certificates.
";
