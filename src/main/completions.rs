//! Completions for the shells bash, zsh and fish, generated from the flags.

use std::fmt::Write as _;

use super::flags::Flag;

/// The completion of the value of a flag.
enum Completed {
    /// The flag takes no value.
    Nothing,
    /// One of these words.
    Words(&'static [&'static str]),
    /// True or false, joined by `=`.
    Switch,
    Files,
    Folders,
    /// A value that the shell cannot know.
    Unknown,
}

impl Completed {
    fn of(flag: &Flag) -> Self {
        match flag.unit {
            _ if !flag.words().is_empty() => Self::Words(flag.words()),
            "" => Self::Nothing,
            "BOOL" => Self::Switch,
            _ if flag.is_switch() => Self::Nothing,
            "PATH" if flag.names.iter().any(|name| name == "directory") => Self::Folders,
            "FILE" | "PATH" | "PATHS" => Self::Files,
            _ => Self::Unknown,
        }
    }
}

/// Returns a script for bash.
pub(super) fn bash() -> String {
    let flags = Flag::all();
    let mut cases = String::new();
    for flag in &flags {
        let action = match Completed::of(flag) {
            Completed::Nothing => continue,
            Completed::Words(words) => format!("_drupe_reply -W '{}'; return", words.join(" ")),
            Completed::Switch => "[[ $joined ]] && _drupe_reply -W 'true false' && return".to_owned(),
            Completed::Files => "_drupe_reply -f; return".to_owned(),
            Completed::Folders => "_drupe_reply -d; return".to_owned(),
            Completed::Unknown => "return".to_owned(),
        };
        // Writing to a string cannot fail.
        let _ = writeln!(cases, "        {}) {action} ;;", spellings(flag).join("|"));
    }
    let all: Vec<String> = flags.iter().flat_map(spellings).collect();
    BASH.replace("CASES\n", &cases).replace("FLAGS", &all.join(" "))
}

/// Returns a function for zsh, to be found as `_drupe` or sourced.
pub(super) fn zsh() -> String {
    let mut lines = String::new();
    for flag in &Flag::all() {
        let all = spellings(flag);
        let help = flag.help.replace('\\', r"\\").replace('[', r"\[").replace(']', r"\]").replace('\'', r"'\''");
        let unit = flag.placeholder();
        let (sign, value) = match Completed::of(flag) {
            Completed::Nothing => ("", String::new()),
            Completed::Switch => ("=-", "::BOOL:(true false)".to_owned()),
            Completed::Words(words) => ("=", format!(":{unit}:({})", words.join(" "))),
            Completed::Files => ("=", format!(":{unit}:_files")),
            Completed::Folders => ("=", format!(":{unit}:_files -/")),
            Completed::Unknown => ("=", format!(":{unit}: ")),
        };
        for name in &all {
            let is_long = name.starts_with("--");
            // A letter takes its value joined or not, and a switch none.
            let (sign, value) = match (is_long, sign) {
                (true, _) => (sign, value.as_str()),
                (false, "=") => ("+", value.as_str()),
                (false, _) => ("", ""),
            };
            let others = if flag.help.contains("repeatable") || flag.names[0] == "verbose" {
                "*".to_owned()
            } else {
                format!("({})", all.join(" "))
            };
            let _ = writeln!(lines, "        '{others}{name}{sign}[{help}]{value}' \\");
        }
    }
    ZSH.replace("FLAGS\n", &lines)
}

/// Returns a script for fish.
pub(super) fn fish() -> String {
    let mut text = FISH.to_owned();
    for flag in &Flag::all() {
        let value = match Completed::of(flag) {
            Completed::Nothing | Completed::Switch => String::new(),
            Completed::Words(words) => format!(" -x -a '{}'", words.join(" ")),
            Completed::Files => " -r -F".to_owned(),
            Completed::Folders => " -x -a '(__fish_complete_directories)'".to_owned(),
            Completed::Unknown => " -x".to_owned(),
        };
        let letter = flag.letter.map_or_else(String::new, |letter| format!(" -s {letter}"));
        let names: String = flag.names.iter().map(|name| format!(" -l {name}")).collect();
        let help = flag.help.replace('\\', r"\\").replace('\'', r"\'");
        let _ = writeln!(text, "complete -c drupe{letter}{names}{value} -d '{help}'");
    }
    text
}

/// The letter and the names of a flag, with dashes.
fn spellings(flag: &Flag) -> Vec<String> {
    let letter = flag.letter.map(|letter| format!("-{letter}"));
    letter.into_iter().chain(flag.names.iter().map(|name| format!("--{name}"))).collect()
}

const BASH: &str = r#"# Completions of drupe for bash. Made by: drupe --generate bash
_drupe_reply() {
    compopt -o filenames 2>/dev/null
    [[ $1 == -W ]] && compopt +o filenames 2>/dev/null
    mapfile -t COMPREPLY < <(compgen "$@" -- "$current")
}

_drupe() {
    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} joined=
    COMPREPLY=()
    # The equals sign of --name=value is a word of its own.
    if [[ $current == = ]]; then
        joined=1 current=
    elif [[ $previous == = ]]; then
        joined=1 previous=${COMP_WORDS[COMP_CWORD - 2]}
    fi
    case $previous in
CASES
    esac
    if [[ $current == -* ]]; then
        _drupe_reply -W 'FLAGS'
    elif [[ ${COMP_WORDS[1]} == check && COMP_CWORD -gt 1 ]]; then
        _drupe_reply -f
    else
        _drupe_reply -d
        [[ COMP_CWORD -eq 1 && check == "$current"* ]] && COMPREPLY+=(check)
    fi
}

complete -F _drupe drupe
"#;

const ZSH: &str = r#"#compdef drupe
# Completions of drupe for zsh. Made by: drupe --generate zsh
_drupe_first() {
    _alternative 'commands:command:(check)' 'directories:directory:_files -/'
}

_drupe_second() {
    if [[ ${words[(r)check]} == check ]]; then _files; else _message port; fi
}

_drupe() {
    _arguments -s -S \
FLAGS
        '1: :_drupe_first' \
        '2: :_drupe_second'
}

if [[ $funcstack[1] == _drupe ]]; then
    _drupe "$@"
else
    compdef _drupe drupe
fi
"#;

const FISH: &str = "\
# Completions of drupe for fish. Made by: drupe --generate fish
complete -c drupe -f
complete -c drupe -n '__fish_is_first_arg' -a check -d 'print the resulting settings'
complete -c drupe -n 'not __fish_seen_subcommand_from check' -a '(__fish_complete_directories)'
complete -c drupe -n '__fish_seen_subcommand_from check' -F
";
