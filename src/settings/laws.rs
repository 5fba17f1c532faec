//! Properties of settings files of arbitrary bytes, like `h1::laws` for the bytes of a client.

use std::path::Path;

use super::Settings;
use super::file;

/// Checks a settings file. An error is one line with a line number of the file, and leaves the
/// settings unchanged. Accepted settings written as text read back the same.
pub fn file(bytes: &[u8]) {
    let mut settings = Settings::default();
    let merged = file::of(Path::new("a.toml"), bytes).and_then(|layer| settings.merge(layer));
    let Err(error) = merged else { return reads_the_same_again(&settings) };
    assert_eq!(settings, Settings::default(), "{error}");
    let shown = error.to_string();
    assert!(!shown.contains(char::is_control), "{shown:?}");
    let line = shown.strip_prefix("a.toml:").and_then(|rest| rest.split(':').next()?.parse::<usize>().ok());
    let lines = 1 + bytes.iter().filter(|byte| **byte == b'\n').count();
    assert!(line.is_some_and(|line| (1..=lines).contains(&line)), "{shown:?} of {lines} lines");
}

fn reads_the_same_again(settings: &Settings) {
    let mut again = Settings::default();
    for row in Settings::table() {
        let text = settings.get(row.name()).expect("each row has a value");
        // A hidden password cannot be read back.
        if row.unit() != "PASSWORD" || text.starts_with("file:") {
            again.set(row.name(), &text).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(again.get(row.name()), Some(text), "{}", row.name());
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn laws_hold_for_settings_files_and_noise() {
        for text in [
            &include_bytes!("../../examples/drupe.toml")[..],
            b"server.socket_port = 80\n[global]\nserver.listen = [\"fd:3\", \"unix:@a\"]\nserver.socket_file = \"\\u0000a\"",
            b"server.ssl_private_key_password = \"cherry\"\nserver.ssl_sni = \"a:b,c\"",
            b"",
            b"\xff",
            b"[server]\n\"socket\\nport\" = 1",
            b"server.\"a\\nb\" = 1\nglobal.server.\"a\\nb\" = 1",
            b"server.socket_host = \"\\u0007\"\nserver.socket_port = \"\\u0007\"",
            b"server.socket_mode = 0b1",
            b"\"\\u001b[31m\" = [[1]]",
            b"server.ssl_private_key_password = 1_000:'>\0\0\0\0\0\0\0:1\"\n",
        ] {
            super::file(text);
        }
    }
}
