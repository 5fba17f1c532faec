//! The manual page and the completions that the program makes: each is tried in its own program, if
//! that is installed, and in bash always.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use drupe::Settings;

use crate::place::Place;
use crate::program::{drupe, run};

/// The text that `--generate kind` prints.
fn generated(kind: &str) -> String {
    let ended = run(drupe().args(["--generate", kind]));
    assert_eq!((ended.code, ended.errors.as_str()), (Some(0), ""));
    ended.output
}

/// Writes the text into a file of `place`.
fn file(place: &Place, kind: &str) -> PathBuf {
    let path = place.path(kind);
    std::fs::write(&path, generated(kind)).unwrap();
    path
}

/// The standard output of `command`; `None` if its program is not installed.
fn output(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).output().ok()?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert_eq!(text(&output.stderr), "", "{command:?}");
    Some(text(&output.stdout))
}

/// A folder with a folder and a file to complete.
fn folder() -> Place {
    let place = Place::new();
    std::fs::create_dir_all(place.path("in/a site")).unwrap();
    std::fs::write(place.path("in/b.toml"), "").unwrap();
    place
}

/// Command lines, with the words that complete the last one.
const LINES: &[(&[&str], &[&str])] = &[
    (&["--log-level", "de"], &["debug"]),
    (&["--access-log-format", "c"], &["combined", "common"]),
    (&["--statistics-access", ""], &["all", "local"]),
    (&["--directory", ""], &["a site"]),
    (&["-d", ""], &["a site"]),
    (&["-c", ""], &["a site", "b.toml"]),
    (&["--pid-file", "b"], &["b.toml"]),
    (&["-p", ""], &[]),
    (&["--no-l"], &["--no-listing"]),
    (&["--ssl-s"], &["--ssl-self-signed", "--ssl-sni"]),
    (&["ch"], &["check"]),
    (&["a"], &["a site"]),
    (&["check", "b"], &["b.toml"]),
];

/// The words of `lines`, sorted.
fn sorted<'a>(lines: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut words: Vec<String> = lines.map(|line| line.trim_end_matches('/').to_owned()).collect();
    words.sort();
    words
}

#[test]
fn bash_completes_flags_words_and_paths() {
    let place = folder();
    let script = "source ../bash && complete -p drupe >/dev/null && COMP_WORDS=(drupe \"$@\") && COMP_CWORD=$#
        _drupe 2>/dev/null; for word in \"${COMPREPLY[@]}\"; do echo \"$word\"; done";
    file(&place, "bash");
    let complete = |words: &[&str]| {
        let mut bash = Command::new("bash");
        let said = output(bash.current_dir(place.path("in")).args(["--norc", "-c", script, "bash"]).args(words));
        sorted(said.expect("these tests need bash").lines())
    };
    for (words, expected) in LINES {
        assert_eq!(complete(words), *expected, "{words:?}");
    }
    // The equals sign is a word of its own.
    assert_eq!(complete(&["--log-level", "=", "w"]), ["warning"]);
    assert_eq!(complete(&["--log-level", "="]).len(), 4);
    assert_eq!(complete(&["--quiet", "=", "t"]), ["true"]);
    for row in Settings::table() {
        let flag = format!("--{}", row.name().replace('_', "-"));
        assert!(complete(&[&flag]).contains(&flag), "{flag}");
    }
}

#[test]
fn fish_completes_flags_words_and_paths() {
    let place = folder();
    file(&place, "fish");
    for (words, expected) in LINES {
        let line = format!("drupe {}", words.join(" "));
        let mut fish = Command::new("fish");
        fish.env("HOME", place.path("")).current_dir(place.path("in"));
        let Some(said) = output(fish.args(["--no-config", "-c", "source ../fish; complete -C $argv[1]", &line])) else {
            println!("skipped: fish is not installed");
            return;
        };
        let found = sorted(said.lines().map(|line| line.split('\t').next().unwrap()));
        assert_eq!(found, *expected, "{line}");
    }
}

/// Types a line and a tab at a terminal that zsh makes, and reads until all expected words are there.
const TYPE: &str = r#"
zmodload zsh/zpty
zpty z zsh -f -i
zpty -w z "cd in; autoload -Uz compinit; compinit -u -D; source ../zsh; PROMPT=; print REA''DY"
zpty -r z seen '*READY*'
zpty -n -w z "$1"$'\t\t'
zpty -r z seen "*$2*"
print -r -- $seen
zpty -d z
"#;

#[test]
fn zsh_completes_flags_words_and_paths() {
    let place = folder();
    file(&place, "zsh");
    for (line, expected) in [
        ("drupe --log-level d", "debug"),
        ("drupe --log-level=inf", "info"),
        ("drupe --no-l", "--no-listing"),
        ("drupe -p 1 -c b", "b.toml"),
        ("drupe -d ", "a\\\\ site"),
        ("drupe che", "check"),
        ("drupe check b", "b.toml"),
    ] {
        let mut zsh = Command::new("timeout");
        zsh.env("HOME", place.path("")).env("TERM", "dumb").current_dir(place.path(""));
        let done = zsh.args(["60", "zsh", "-f", "-c", TYPE, "zsh", line, expected]).stdin(Stdio::null()).status();
        match done.unwrap().code() {
            Some(127) => println!("skipped: zsh is not installed"),
            code => assert_eq!(code, Some(0), "{line}: no {expected}"),
        }
    }
}

#[test]
fn manual_page_has_every_setting_and_passes_lint() {
    let place = Place::new();
    let page = generated("man");
    for row in Settings::table() {
        let flag = format!("\\fB\\-\\-{}\\fR", row.name().replace('_', "\\-"));
        assert_eq!(page.matches(&flag).count(), 1, "{flag}");
    }
    let path = file(&place, "man");
    match Command::new("mandoc").args(["-T", "lint", "-W", "all"]).arg(&path).output() {
        Ok(lint) => {
            let said = String::from_utf8(lint.stdout).unwrap();
            // The page has no date, because the program has none.
            let complaints: Vec<&str> = said.lines().filter(|line| !line.contains("missing date")).collect();
            assert!(complaints.is_empty(), "{complaints:#?}");
        }
        Err(_) => println!("skipped: mandoc is not installed"),
    }
    let Some(shown) = output(Command::new("man").env("MANWIDTH", "80").arg("-l").arg(&path)) else { return };
    for part in ["drupe - serves a directory over HTTP", "-p, --port, --socket-port PORT", "\nEXIT STATUS\n"] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
}

#[test]
fn other_kinds_are_refused_with_the_known_ones() {
    let ended = run(drupe().args(["--generate", "tcsh"]));
    let expected = "drupe: option --generate: \"tcsh\" is neither man nor bash nor zsh nor fish\n";
    assert_eq!((ended.code, ended.errors.as_str()), (Some(2), expected));
}
