//! The texts of `--help` and `-h`, generated from the flags.

use std::fmt::Write as _;

use super::flags::Flag;

/// Returns the whole help.
pub(super) fn text() -> String {
    let mut text = format!("{HEAD}{ABOUT}\nOptions, with their defaults in brackets:\n");
    let mut group = "";
    for flag in Flag::all() {
        if flag.group != group {
            // Writing to a string cannot fail.
            if group.is_empty() {
                let _ = write!(text, "\nSettings. {}", SETTINGS.trim_start());
            }
            group = flag.group;
            let _ = write!(text, "\n{}:\n", heading(group));
        }
        let value = flag.placeholder();
        let value = if flag.is_switch() { format!("[={value}]") } else { value.to_owned() };
        let default = if flag.default.is_empty() { String::new() } else { format!(" [{}]", flag.default) };
        describe(&mut text, &option(&flag, &flag.names, &value), &format!("{}{default}", flag.help), COLUMN);
    }
    let _ = write!(text, "\nExamples:{EXAMPLES}\nExit status: {}", STATUS.trim_start());
    text
}

/// Returns the help on the commonest options, for a screen of 24 lines.
pub(super) fn short() -> String {
    let mut text = format!("{HEAD}\n");
    let flags = Flag::all();
    for name in COMMON {
        let Some(flag) = flags.iter().find(|flag| flag.names.iter().any(|known| known == name)) else { continue };
        let value = if flag.is_switch() { "" } else { flag.placeholder() };
        let default =
            if value.is_empty() || flag.default.is_empty() { String::new() } else { format!(" [{}]", flag.default) };
        // The first words; the whole help has the rest.
        let help = flag.help.split(';').next().unwrap_or_default();
        describe(&mut text, &option(flag, &flag.names[..1], value), &format!("{help}{default}"), SHORT_COLUMN);
    }
    text.push_str(SHORT_TAIL);
    text
}

/// Formats a group as a heading.
pub(super) fn heading(group: &str) -> String {
    let first = group.chars().next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(group.chars().skip(1)).collect()
}

/// Formats the letter and `names` of a flag, and its value.
fn option(flag: &Flag, names: &[String], value: &str) -> String {
    let letter = flag.letter.map_or_else(|| "    ".to_owned(), |letter| format!("-{letter}, "));
    let names: Vec<String> = names.iter().map(|name| format!("--{name}")).collect();
    let space = if value.is_empty() || value.starts_with('[') { "" } else { " " };
    format!("{letter}{}{space}{value}", names.join(", "))
}

/// Appends an option and its help, in two columns within 80 characters; the help at `column`.
fn describe(text: &mut String, option: &str, help: &str, column: usize) {
    // Writing to a string cannot fail.
    let _ = write!(text, "  {option}");
    let mut at = 2 + option.len();
    if at + 2 > column {
        text.push('\n');
        at = 0;
    }
    for word in help.split(' ') {
        if at < column || at + 1 + word.len() > 80 {
            let line = if at < column {
                ""
            } else {
                at = 0;
                "\n"
            };
            let _ = write!(text, "{line}{:width$}{word}", "", width = column - at);
            at = column + word.len();
        } else {
            let _ = write!(text, " {word}");
            at += 1 + word.len();
        }
    }
    text.push('\n');
}

/// The columns of the two help texts.
const COLUMN: usize = 36;
const SHORT_COLUMN: usize = 25;

/// The flags of the short help.
const COMMON: &[&str] = &[
    "port",
    "bind",
    "config",
    "quiet",
    "verbose",
    "dotfiles",
    "no-listing",
    "access-log",
    "ssl-self-signed",
    "help",
    "version",
];

const HEAD: &str = "\
Serves a directory over HTTP.

Usage: drupe [OPTIONS] [DIR] [PORT]
       drupe check [OPTIONS] [FILE]
";

const SHORT_TAIL: &str = "
drupe --help lists all options, with variables and files of settings.
";

/// The description of the program.
pub(super) const ABOUT: &str = "
Serves DIR, by default the current directory, at PORT. Clients cannot reach
files outside of DIR. Names that begin with a dot, except .well-known, are
hidden unless --dotfiles is set. A number is the port, unless a directory has
this name; -p 9000 is the port and ./9000 the directory in any case.

drupe check prints the settings that result from FILE, the environment and the
options, with the origin of each value, and exits.
";

/// The description of the sources of settings.
pub(super) const SETTINGS: &str = "
Sizes may end in K, M or G. An option overrides a variable, and a
variable overrides the file:

  --socket-port 80                  an option
  DRUPE_SOCKET_PORT=80              an environment variable
  [server]                          the settings file (--config, DRUPE_CONFIG)
  socket_port = 80

The options above, from --directory on, are also keys of the table [drupe] of
the file, and variables such as DRUPE_QUIET. SIGHUP reloads the settings and
names each changed setting that needs a restart.
";

pub(super) const EXAMPLES: &str = "
  drupe                                   serve this directory to this machine
  drupe public 9000                       serve public at port 9000
  drupe --bind 0.0.0.0 public             serve public to the network
  drupe --port 0 --quiet public           let the system choose the port
  drupe --socket-file www.sock public     serve over a Unix socket
  drupe --listen 'fd:*' public            use the sockets of systemd
  drupe --ssl-self-signed                 try TLS
  drupe --config /etc/drupe.toml          read settings from a file
  drupe check /etc/drupe.toml             show the resulting settings
  drupe --health http://127.0.0.1:8080/   ask whether a server is healthy
";

pub(super) const STATUS: &str = "
0 stopped on request, 1 cannot start or serve, 2 invalid argument
or setting. With --health: 0 healthy, 1 not.
";
