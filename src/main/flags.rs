//! The flags: one for each setting, with short forms for the commonest, and flags without a setting.

use drupe::Settings;
use drupe::settings::{Row, nearest};

use super::failure::ProgramFailure;
use super::own;

/// The description of one flag, for parsing, help, the manual page and completions.
pub(super) struct Flag {
    pub(super) letter: Option<char>,
    /// The long names without dashes; the last one is that of the setting.
    pub(super) names: Vec<String>,
    /// The placeholder of the value, as in [`Row::unit`]; empty if the flag takes no value.
    pub(super) unit: &'static str,
    pub(super) help: &'static str,
    pub(super) default: String,
    /// The group of a setting of the server; empty for the options of the program.
    pub(super) group: &'static str,
}

impl Flag {
    /// Returns all flags, in the order of the help.
    pub(super) fn all() -> Vec<Self> {
        let own = own::TABLE.iter().map(|row| Self::of(row.name, row.unit, row.help, row.default.to_owned(), ""));
        let of_server = |row: &Row| Self::of(row.name(), row.unit(), row.help(), row.default_text(), row.group());
        let without_setting = OPTIONS.iter().map(|(letter, name, unit, help)| Self {
            letter: *letter,
            names: vec![(*name).to_owned()],
            unit,
            help,
            default: String::new(),
            group: "",
        });
        without_setting.chain(own).chain(Settings::table().iter().map(of_server)).collect()
    }

    fn of(name: &str, unit: &'static str, help: &'static str, default: String, group: &'static str) -> Self {
        let short = SHORT.iter().find(|(setting, _, _)| *setting == name);
        let other = short.map(|(_, _, other)| *other).filter(|other| !other.is_empty());
        let names = other.map(str::to_owned).into_iter().chain([flag(name)]).collect();
        Self { letter: short.map(|(_, letter, _)| *letter), names, unit, help, default, group }
    }

    /// True if the flag can stand without its value, which is joined by `=`.
    pub(super) fn is_switch(&self) -> bool {
        is_switch(self.unit)
    }

    /// The placeholder of the value for readers.
    pub(super) fn placeholder(&self) -> &'static str {
        // A flag takes one line at a time, and can be repeated.
        if self.unit == "LINES" { "TEXT" } else { self.unit }
    }

    /// The values to choose from; empty if there are none or too many.
    pub(super) fn words(&self) -> &'static [&'static str] {
        let name = self.names.last().map_or("", String::as_str);
        WORDS.iter().find(|(of, _)| *of == name).map_or(&[], |(_, words)| words)
    }
}

/// The name without dashes of the flag that `letter` stands for.
pub(super) fn of_letter(letter: char) -> Option<String> {
    let option = OPTIONS.iter().find(|row| row.0 == Some(letter)).map(|row| row.1.to_owned());
    option.or_else(|| SHORT.iter().find(|row| row.1 == letter).map(|row| flag(row.0)))
}

/// The unit of the value of a flag, if the flag exists.
pub(super) fn unit(flag: &str) -> Option<&'static str> {
    let row = Settings::table().iter().find(|row| row.name() == name(flag));
    own_row(flag).map(|row| row.unit).or(row.map(Row::unit))
}

pub(super) fn own_row(flag: &str) -> Option<&'static own::OwnRow> {
    own::TABLE.iter().find(|row| row.name == name(flag))
}

/// True if a value of this unit can be left out.
pub(super) fn is_switch(unit: &str) -> bool {
    matches!(unit, "BOOL" | "ORIGINS")
}

/// The flag of a setting.
pub(super) fn flag(name: &str) -> String {
    name.replace('_', "-")
}

/// The name of the setting of a flag.
pub(super) fn name(flag: &str) -> String {
    let short = SHORT.iter().find(|(_, _, other)| *other == flag && !flag.is_empty());
    short.map_or_else(|| flag.replace('-', "_"), |(name, _, _)| (*name).to_owned())
}

/// Creates an error for the unknown `flag`, with the flag of the same purpose or the most similar one.
pub(super) fn unknown(flag: &str) -> ProgramFailure {
    let elsewhere = ELSEWHERE.iter().find(|(names, _)| names.contains(&flag));
    if let Some((_, ours)) = elsewhere {
        return ProgramFailure::Usage(format!("unknown option --{flag}; did you mean --{ours}?"));
    }
    // The names of settings have underscores, by which `nearest` tells the words of a name apart.
    let (own, of_server): (Vec<Flag>, Vec<Flag>) = Flag::all().into_iter().partition(|flag| flag.group.is_empty());
    let all = of_server.iter().chain(&own).flat_map(|flag| &flag.names);
    let known: Vec<String> = all.map(|known| name_of(known)).collect();
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    let asked = name_of(flag);
    let is_shuffled = |known: &&str| sorted(known) == sorted(&asked);
    let is_part = |known: &&str| asked.len() > 2 && (known.starts_with(&asked) || asked.starts_with(known));
    let shuffled = known.iter().copied().find(is_shuffled);
    let similar = shuffled.or_else(|| nearest(&asked, known.iter().copied()));
    ProgramFailure::Usage(match similar.or_else(|| known.iter().copied().find(is_part)) {
        Some(known) => format!("unknown option --{flag}; did you mean --{}?", self::flag(known)),
        None => format!("unknown option --{flag}"),
    })
}

fn name_of(flag: &str) -> String {
    flag.replace('-', "_")
}

fn sorted(text: &str) -> Vec<u8> {
    let mut letters = text.as_bytes().to_vec();
    letters.sort_unstable();
    letters
}

/// Letters of settings, and other long names, if any.
const SHORT: &[(&str, char, &str)] =
    &[("directory", 'd', ""), ("quiet", 'q', ""), ("socket_host", 'b', "bind"), ("socket_port", 'p', "port")];

/// Flags of other file servers, and the flag here of the same purpose.
const ELSEWHERE: &[(&[&str], &str)] = &[
    (&["404", "error-page", "page404"], "not-found"),
    (&["basic-auth", "password", "username"], "auth"),
    (&["cache", "cache-control", "header", "headers", "max-age"], "field"),
    (&["cert", "certificate", "tls", "tls-cert"], "ssl-certificate"),
    (&["follow-symlinks", "symlinks"], "link"),
    (&["gzip", "zip"], "compress"),
    (&["hidden"], "dotfiles"),
    (&["address", "host", "interface", "interfaces"], "bind"),
    (&["key", "tls-key"], "ssl-private-key"),
    (&["brotli", "compression-static"], "precompressed"),
    (&["history", "page-fallback", "single", "spa"], "fallback"),
    (&["directory-listing"], "listing"),
    (&["root", "webroot"], "directory"),
    (&["silent"], "quiet"),
    (&["threads", "workers"], "thread-pool"),
];

/// Flags without a setting: letter, name, unit of the value and help.
const OPTIONS: &[(Option<char>, &str, &str, &str)] = &[
    (Some('h'), "help", "", "show this help; -h: a short one"),
    (Some('V'), "version", "", "show version and features; -V: the version alone"),
    (Some('c'), "config", "FILE", "read settings from a TOML file"),
    (Some('v'), "verbose", "", "print more messages: as --log-level info; -vv: debug"),
    (None, "generate", "NAME", "print the manual page or completions: man, bash, zsh or fish"),
    (
        None,
        "health",
        "URL",
        "ask the server at http://HOST:PORT/PATH or unix:PATH; exit with 0 for 2xx, 3xx or 401, else 1",
    ),
    (None, "health-timeout", "SECONDS", "limit for the answer to --health [5]"),
    (None, "no-listing", "", "refuse a directory without an index file (403)"),
];

/// Flags with a choice of values.
const WORDS: &[(&str, &[&str])] = &[
    ("access-log-format", &["common", "combined", "json"]),
    ("generate", &["man", "bash", "zsh", "fish"]),
    ("header-overflow-status", &["431", "413"]),
    ("log-level", &["error", "warning", "info", "debug"]),
    ("protocol-version", &["HTTP/1.1", "HTTP/1.0"]),
    ("ssl-min-version", &["TLSv1.2", "TLSv1.3"]),
    ("ssl-verify-mode", &["none", "optional", "required"]),
    ("statistics-access", &["local", "all"]),
];

#[cfg(test)]
mod tests {
    use drupe::settings::Origin;

    use super::*;

    #[test]
    fn flags_of_other_servers_lead_to_flags_that_exist() {
        let flags = Flag::all();
        let has = |name: &str| flags.iter().any(|flag| flag.names.iter().any(|known| known == name));
        for (names, ours) in ELSEWHERE {
            assert!(has(ours), "{ours}");
            assert!(names.iter().all(|name| !has(name)), "{names:?}");
        }
    }

    #[test]
    fn letters_and_names_of_flags_are_unique() {
        let flags = Flag::all();
        let mut letters: Vec<char> = flags.iter().filter_map(|flag| flag.letter).collect();
        let mut names: Vec<&String> = flags.iter().flat_map(|flag| &flag.names).collect();
        let count = (letters.len(), names.len());
        letters.sort_unstable();
        letters.dedup();
        names.sort_unstable();
        names.dedup();
        assert_eq!((letters.len(), names.len()), count);
    }

    #[test]
    fn words_of_a_flag_are_values_that_its_setting_takes() {
        for (flag, words) in WORDS.iter().filter(|(flag, _)| *flag != "generate") {
            for word in *words {
                let origin = Origin::Flag { flag: (*flag).to_owned() };
                let done = match own_row(flag) {
                    Some(row) => own::Own::default().set(row, word.into(), origin).map_err(|e| e.reason().to_owned()),
                    None => Settings::default().set(&name(flag), word).map_err(|error| error.to_string()),
                };
                assert_eq!(done, Ok(()), "--{flag} {word}");
            }
        }
    }
}
