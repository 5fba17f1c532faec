//! The command line that users of other file servers type: DIR, PORT, short flags, help, version.

use drupe::Settings;

use crate::client::Client;
use crate::place::Place;
use crate::program::{Program, drupe, printed, run};

/// The value and the origin of the setting `name`, set by `arguments`.
fn set(arguments: &[&str], name: &str) -> (String, String) {
    printed(&run(drupe().arg("check").args(arguments)))[name].clone()
}

#[test]
fn short_flags_set_the_settings_that_they_stand_for() {
    for (arguments, name, value, origin) in [
        (&["-p", "9000"][..], "server.socket_port", "9000", "option -p"),
        (&["-p9000"], "server.socket_port", "9000", "option -p"),
        (&["--port=9000"], "server.socket_port", "9000", "option --port"),
        (&["-b", "0.0.0.0"], "server.socket_host", "\"0.0.0.0\"", "option -b"),
        (&["--bind", "::1"], "server.socket_host", "\"::1\"", "option --bind"),
        (&["-d", "/"], "drupe.directory", "\"/\"", "option -d"),
        (&["-q"], "drupe.quiet", "true", "option -q"),
        (&["-qp", "9000"], "server.socket_port", "9000", "option -p"),
        (&["-v"], "drupe.log_level", "\"info\"", "option -v"),
        (&["-vv"], "drupe.log_level", "\"debug\"", "option -v"),
        (&["-v", "--verbose"], "drupe.log_level", "\"debug\"", "option --verbose"),
        (&["-v", "--log-level", "error"], "drupe.log_level", "\"error\"", "option --log-level"),
        (&["--no-listing"], "drupe.listing", "false", "option --no-listing"),
    ] {
        assert_eq!(set(arguments, name), (value.to_owned(), origin.to_owned()), "{arguments:?}");
    }
}

#[test]
fn number_is_the_port_unless_a_directory_has_its_name() {
    let place = Place::new();
    std::fs::create_dir(place.path("site")).unwrap();
    std::fs::create_dir(place.path("0")).unwrap();
    std::fs::write(place.path("site/page"), "of site").unwrap();
    std::fs::write(place.path("0/page"), "of 0").unwrap();
    std::fs::write(place.path("page"), "of all").unwrap();
    for (arguments, expected) in [
        (&["site", "0"][..], "of site"),
        // No directory has these names, and they are port 0.
        (&["00"], "of all"),
        (&["00", "site"], "of site"),
        (&["-d", "site", "00"], "of site"),
        (&["0", "--socket-port", "0"], "of 0"),
        (&["0", "0"], "of 0"),
        (&["./0", "00"], "of 0"),
    ] {
        let program = Program::start_as_it_is(drupe().current_dir(place.path("")).args(arguments));
        assert_eq!(Client::connect(program.address).get("/page").text(), expected, "{arguments:?}");
        program.end();
    }
    for (arguments, expected) in [
        (&["70000"][..], "option PORT: \"70000\" is not a port from 0 to 65535\n"),
        (&["-p", "http"], "option -p: \"http\" is not a port from 0 to 65535\n"),
        (&["1", "2"], "unexpected argument \"2\": there is already a port\ndrupe: see drupe --help\n"),
        (&["site", "1", "2"], "unexpected argument \"2\": there is already a port\ndrupe: see drupe --help\n"),
        (&["-p", "1", "site", "2"], "unexpected argument \"2\": -p already sets the PORT\ndrupe: see drupe --help\n"),
        (&["--host", "::", "a"], "unknown option --host; did you mean --bind?\ndrupe: see drupe --help\n"),
        (&["-d", "a", "b"], "unexpected argument \"b\": -d already sets the DIR\ndrupe: see drupe --help\n"),
    ] {
        let ended = run(drupe().current_dir(place.path("")).args(arguments));
        assert_eq!((ended.code, ended.errors), (Some(2), format!("drupe: {expected}")), "{arguments:?}");
    }
}

#[test]
fn misspelled_flags_and_commands_are_refused_with_a_suggestion() {
    for (argument, expected) in [
        ("--prot=80", "unknown option --prot; did you mean --port?"),
        ("--ports", "unknown option --ports; did you mean --port?"),
        ("--bnd", "unknown option --bnd; did you mean --bind?"),
        ("--host=::", "unknown option --host; did you mean --bind?"),
        ("--spa", "unknown option --spa; did you mean --fallback?"),
        ("--gzip", "unknown option --gzip; did you mean --compress?"),
        ("--verbos", "unknown option --verbos; did you mean --verbose?"),
        ("--no-listings", "unknown option --no-listings; did you mean --no-listing?"),
        ("--socket-prt=80", "unknown option --socket-prt; did you mean --socket-port?"),
        ("--timeout=7", "unknown option --timeout; did you mean --socket-timeout?"),
        ("chek", "no directory \"chek\"; did you mean drupe check?"),
        ("help", "no directory \"help\"; did you mean drupe --help?"),
        ("version", "no directory \"version\"; did you mean drupe --version?"),
    ] {
        let ended = run(drupe().arg(argument));
        assert_eq!((ended.code, ended.errors), (Some(2), format!("drupe: {expected}\ndrupe: see drupe --help\n")));
    }
}

#[test]
fn short_help_fits_a_screen_and_leads_to_the_whole_one() {
    let (short, whole) = (run(drupe().arg("-h")), run(drupe().arg("--help")));
    assert_eq!((short.code, whole.code), (Some(0), Some(0)));
    assert!(short.output.lines().count() <= 24, "{}", short.output);
    assert!(short.output.lines().all(|line| line.len() <= 80), "{}", short.output);
    for part in ["Usage: drupe [OPTIONS] [DIR] [PORT]\n", "-p, --port PORT ", "-b, --bind NAME ", "drupe --help "] {
        assert!(short.output.contains(part), "{part}: {}", short.output);
    }
    assert!(whole.output.lines().count() > 100);
    assert!(whole.output.contains("  -p, --port, --socket-port PORT "), "{}", whole.output);
}

#[test]
fn version_names_the_features_compiled_in() {
    let (short, whole) = (run(drupe().arg("-V")), run(drupe().arg("--version")));
    let version = format!("drupe {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!((short.code, &short.output), (Some(0), &version));
    let rest = whole.output.strip_prefix(&version).unwrap();
    let line = |name: &str| rest.lines().find_map(|line| line.strip_prefix(name)).unwrap().to_owned();
    assert!(line("system: ").contains(std::env::consts::ARCH));
    let features = line("features: ");
    let features: Vec<&str> = features.split(' ').collect();
    for (name, is_on) in [("cli", true), ("json", cfg!(feature = "json")), ("tls-aws-lc", cfg!(feature = "tls-aws-lc"))]
    {
        assert_eq!(features.contains(&name), is_on, "{name} in {features:?}");
    }
    let provider = if cfg!(feature = "tls-aws-lc") { "AWS-LC" } else { "ring" };
    assert_eq!(line("TLS: "), format!("rustls with {provider}"));
}

#[test]
fn help_names_each_setting_once() {
    let help = run(drupe().arg("--help")).output;
    for row in Settings::table() {
        let flag = format!("--{}", row.name().replace('_', "-"));
        let is_option = |line: &&str| {
            let words = line.trim_start().split(' ').map(|word| word.trim_end_matches(','));
            let mut names = words.map(|word| word.split('[').next().unwrap()).take_while(|word| word.starts_with('-'));
            line.starts_with("  ") && names.any(|name| name == flag)
        };
        let settings = help.split("\nListening:\n").nth(1).unwrap().split("\nExamples:").next().unwrap();
        assert_eq!(settings.lines().filter(is_option).count(), 1, "{flag}");
    }
}
