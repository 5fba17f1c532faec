//! The text of `--help`, generated from the tables.

use std::fmt::Write as _;

use drupe::Settings;

use super::arguments::flag;
use super::own;

pub(super) fn text() -> String {
    let mut text = HEAD.to_owned();
    for (option, help) in OPTIONS {
        describe(&mut text, option, help);
    }
    for row in own::TABLE {
        option(&mut text, row.name, row.unit, row.help, row.default);
    }
    text.push_str(SETTINGS);
    let mut group = "";
    for row in Settings::table() {
        if row.group() != group {
            group = row.group();
            text.push('\n');
            text.push_str(&heading(group));
            text.push_str(":\n");
        }
        option(&mut text, row.name(), row.unit(), row.help(), &row.default_text());
    }
    text.push_str(TAIL);
    text
}

/// Formats a group as a heading.
pub(super) fn heading(group: &str) -> String {
    let first = group.chars().next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(group.chars().skip(1)).collect()
}

fn option(text: &mut String, name: &str, unit: &str, help: &str, default: &str) {
    let option = match (name, unit) {
        ("quiet", _) => "-q, --quiet[=BOOL]".to_owned(),
        (name, "BOOL") => format!("    --{}[=BOOL]", flag(name)),
        (name, unit) => format!("    --{} {unit}", flag(name)),
    };
    let default = if default.is_empty() { String::new() } else { format!(" [{default}]") };
    describe(text, &option, &format!("{help}{default}"));
}

/// Appends an option and its help, in two columns within 80 characters.
fn describe(text: &mut String, option: &str, help: &str) {
    // Writing to a string cannot fail.
    let _ = write!(text, "  {option}");
    let mut at = 2 + option.len();
    if at + 2 > COLUMN {
        text.push('\n');
        at = 0;
    }
    for word in help.split(' ') {
        if at < COLUMN || at + 1 + word.len() > 80 {
            let line = if at < COLUMN {
                ""
            } else {
                at = 0;
                "\n"
            };
            let _ = write!(text, "{line}{:width$}{word}", "", width = COLUMN - at);
            at = COLUMN + word.len();
        } else {
            let _ = write!(text, " {word}");
            at += 1 + word.len();
        }
    }
    text.push('\n');
}

/// The column of the help text.
const COLUMN: usize = 36;

const HEAD: &str = "\
Serves a directory over HTTP.

Usage: drupe [OPTIONS] [DIR]
       drupe check [OPTIONS] [FILE]

DIR is what to serve; without it, the current directory. Nothing outside of it
can be reached, nor, unless asked for, a name that begins with a dot.

check prints what FILE, the environment and the options make of the settings,
and where each value comes from, and starts nothing.

Options, with the value each has if not set in brackets:
";

/// The options without a setting.
const OPTIONS: &[(&str, &str)] = &[
    ("-h, --help", "show this help"),
    ("-V, --version", "show the version"),
    ("-c, --config FILE", "read settings from a TOML file"),
];

const SETTINGS: &str = "
Settings. Sizes may end in K, M or G. What is --socket-port 80 here may also be
DRUPE_SOCKET_PORT=80 in the environment, which a flag goes before, or

  [server]
  socket_port = 80

in the file, which both go before. What stands above is in a table [drupe]
there, and its variables are DRUPE_QUIET and so on; DRUPE_CONFIG is the file.
SIGHUP has all of it read again; what needs a restart is named.
";

const TAIL: &str = "
Examples:
  drupe                                   this directory, for this machine alone
  drupe --socket-host 0.0.0.0 public      public, for everybody on the network
  drupe --socket-port 0 --quiet public    at a port the system chooses
  drupe --socket-file www.sock public     over a Unix socket
  drupe --listen 'fd:*' public            at what systemd has opened
  drupe --ssl-self-signed                 this directory over TLS, to try it
  drupe --config /etc/drupe.toml          as the file says
  drupe check /etc/drupe.toml             show what that is

Exit status: 0 stopped on request, 1 cannot start or serve, 2 wrong argument or
setting.
";
