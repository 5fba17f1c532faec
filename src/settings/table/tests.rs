//! Checks of the table against the fields, and of text read back.

use std::collections::HashSet;

use super::*;

/// Lists the fields from the output of `Debug`: one line each at the first level.
fn fields() -> Vec<String> {
    format!("{:#?}", Settings::default())
        .lines()
        .filter_map(|line| line.strip_prefix("    ")?.split_once(": "))
        .filter(|(name, _)| !name.starts_with([' ', '}', ')']))
        .map(|(name, _)| name.to_owned())
        // The origins are no setting.
        .filter(|name| name != "origins")
        .collect()
}

#[test]
fn every_field_has_a_row_or_is_an_object_in_the_same_order() {
    let known: Vec<&str> = TABLE.iter().map(|row| row.name).collect();
    let fields = fields();
    let written: Vec<&str> = fields.iter().map(String::as_str).filter(|name| !OBJECTS.contains(name)).collect();
    assert_eq!(known, written);
    assert_eq!(fields.len(), known.len() + OBJECTS.len());
}

#[test]
fn groups_stand_together() {
    let mut seen = HashSet::new();
    for pair in TABLE.chunk_by(|a, b| a.group == b.group) {
        assert!(seen.insert(pair[0].group()), "{} is in two places", pair[0].group());
    }
}

#[test]
fn names_are_known_once_and_help_is_one_line() {
    let mut seen = HashSet::new();
    for row in Settings::table() {
        assert!(seen.insert(row.name()), "{} twice", row.name());
        assert!((10..=80).contains(&row.help().len()), "{}", row.name());
        assert!(!row.help().contains('\n') && !row.help().ends_with('.'), "{}", row.name());
        assert!(row.unit().bytes().all(|b| b.is_ascii_uppercase()), "{}", row.name());
    }
}

#[test]
fn shown_value_reads_as_the_same() {
    for original in [Settings::default(), Settings::cherrypy()] {
        let mut settings = original.clone();
        for row in TABLE {
            settings.set(row.name, &original.get(row.name).unwrap()).unwrap();
        }
        assert_eq!(settings, original);
    }
}

#[test]
fn a_row_sets_its_own_field_and_no_other() {
    for row in TABLE {
        let mut settings = Settings::default();
        let other = match row.unit {
            "BOOL" => {
                if row.default_text() == "true" {
                    "off"
                } else {
                    "on"
                }
            }
            "VERSION" => "u.0",
            "ADDRESSES" => "fd:3",
            _ => "7",
        };
        settings.set(row.name, other).unwrap();
        for check in TABLE {
            let changed = settings.get(check.name).unwrap() != check.default_text();
            assert_eq!(changed, check.name == row.name, "{} set, {} read", row.name, check.name);
        }
    }
}

#[test]
fn defaults_read_as_documented() {
    for (name, text) in [
        ("socket_host", "127.0.0.1"),
        ("socket_port", "8080"),
        ("socket_file", ""),
        ("socket_timeout", "10"),
        ("header_timeout", ""),
        ("keep_alive_grace", "0.002"),
        ("nodelay", "true"),
        ("max_request_header_size", "512000"),
        ("max_request_body_size", "104857600"),
        ("thread_pool_max", "256"),
        ("max_connections", ""),
        ("wsgi_version", "1.0"),
    ] {
        assert_eq!(Settings::default().get(name).as_deref(), Some(text), "{name}");
    }
    assert_eq!(Settings::cherrypy().get("thread_pool_max").as_deref(), Some("-1"));
    assert_eq!(Settings::cherrypy().get("max_connections").as_deref(), Some("-1"));
    assert_eq!(Settings::default().get("instance"), None);
}

#[test]
fn unusable_value_names_its_setting_and_changes_nothing() {
    for (name, value, text) in [
        ("socket_port", "70000", "setting socket_port: \"70000\" is not a port from 0 to 65535"),
        ("instance", "mine", "setting instance: cannot be written as text, only set by a program"),
        ("socket_prot", "80", "unknown setting \"socket_prot\"; did you mean socket_port?"),
        ("threadpool", "80", "unknown setting \"threadpool\"; did you mean thread_pool?"),
        ("socket-host", "::", "unknown setting \"socket-host\"; did you mean socket_host?"),
        ("colour", "red", "unknown setting \"colour\""),
        ("", "", "unknown setting \"\""),
    ] {
        let mut settings = Settings::default();
        assert_eq!(settings.set(name, value).unwrap_err().to_string(), text);
        assert_eq!(settings, Settings::default());
    }
}
