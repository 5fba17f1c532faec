//! The output of `drupe check`: all settings as an equivalent file, with the origin of each value.

use std::fmt::Write as _;

use drupe::Settings;
use drupe::settings::Origin;

use super::arguments::ServeOptions;
use super::help::heading;
use super::own;
use super::site::HIDDEN;

pub(super) fn text(options: &ServeOptions) -> String {
    let mut text = "[drupe]\n".to_owned();
    for row in own::TABLE {
        let value = options.own.value(row.name).to_string_lossy();
        let value = if row.name == "auth" { without_passwords(&value) } else { value.into_owned() };
        line(&mut text, row.name, row.unit, &value, &options.own.origin(row.name));
    }
    text.push_str("\n[server]\n");
    let mut group = "";
    for row in Settings::table() {
        if row.group() != group {
            let space = if group.is_empty() { "" } else { "\n" };
            group = row.group();
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{space}# {}", heading(group));
        }
        let value = options.settings.get(row.name()).unwrap_or_default();
        line(&mut text, row.name(), row.unit(), &value, &options.settings.origin(row.name()));
    }
    text
}

/// Hides the passwords of users.
fn without_passwords(users: &str) -> String {
    let names = users
        .lines()
        .filter(|user| !user.is_empty())
        .map(|user| user.split_once(':').map_or(HIDDEN.to_owned(), |(name, _)| format!("{name}:{HIDDEN}")));
    names.collect::<Vec<_>>().join("\n")
}

fn line(text: &mut String, name: &str, unit: &str, value: &str, origin: &Origin) {
    let is_bare = matches!(unit, "BOOL" | "BYTES" | "COUNT" | "PORT" | "SECONDS" | "STATUS") && !value.is_empty();
    let value = match unit {
        _ if is_bare => value.to_owned(),
        "LINES" if value.contains('\n') => {
            format!("[{}]", value.split('\n').map(quoted).collect::<Vec<_>>().join(", "))
        }
        _ => quoted(value),
    };
    let origin = origin.to_string().replace(char::is_control, "?");
    let _ = writeln!(text, "{:WIDTH$} # {origin}", format!("{name} = {value}"));
}

/// Formats a TOML string.
fn quoted(value: &str) -> String {
    let mut text = String::from("\"");
    for letter in value.chars() {
        match letter {
            '"' | '\\' => text.extend(['\\', letter]),
            letter if letter.is_control() => {
                let _ = write!(text, "\\u{:04X}", u32::from(letter));
            }
            letter => text.push(letter),
        }
    }
    text.push('"');
    text
}

/// The usual width of a setting.
const WIDTH: usize = 43;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_string_reads_as_the_same() {
        for value in ["", "a b", "\"\\", "\0\n\t\u{7f}\u{85}", "\u{e9}\u{1f352}"] {
            let path = std::env::temp_dir().join(format!("drupe-quoted-{}", std::process::id()));
            std::fs::write(&path, format!("server.software = {}", quoted(value))).expect("a place for files");
            let read = Settings::from_file(&path).map(|settings| settings.software.unwrap_or_default());
            std::fs::remove_file(&path).expect("it is there");
            assert_eq!(read.expect("it is TOML"), value);
        }
    }
}
