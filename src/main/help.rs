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

Serves DIR, by default the current directory. Clients cannot reach files outside
of DIR. Names that begin with a dot are hidden unless --dotfiles is set.

drupe check prints the settings that result from FILE, the environment and the
options, with the origin of each value, and exits.

Options, with their defaults in brackets:
";

/// The options without a setting.
const OPTIONS: &[(&str, &str)] = &[
    ("-h, --help", "show this help"),
    ("-V, --version", "show the version"),
    ("-c, --config FILE", "read settings from a TOML file"),
];

const SETTINGS: &str = "
Settings. Sizes may end in K, M or G. An option overrides a variable, and a
variable overrides the file:

  --socket-port 80                  an option
  DRUPE_SOCKET_PORT=80              an environment variable
  [server]                          the settings file (--config, DRUPE_CONFIG)
  socket_port = 80

The options above are in the table [drupe] of the file, and have variables such
as DRUPE_QUIET. SIGHUP reloads the settings and names each changed setting that
needs a restart.
";

const TAIL: &str = "
Examples:
  drupe                                   serve this directory to this machine
  drupe --socket-host 0.0.0.0 public      serve public to the network
  drupe --socket-port 0 --quiet public    let the system choose the port
  drupe --socket-file www.sock public     serve over a Unix socket
  drupe --listen 'fd:*' public            use the sockets of systemd
  drupe --ssl-self-signed                 try TLS
  drupe --config /etc/drupe.toml          read settings from a file
  drupe check /etc/drupe.toml             show the resulting settings

Exit status: 0 stopped on request, 1 cannot start or serve, 2 invalid argument
or setting.
";
