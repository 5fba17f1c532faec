//! Settings files line by line: each line sets its value, and an error names the first wrong line.

use std::collections::HashSet;
use std::fmt::Write;
use std::fs::File;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::OnceLock;

use arbitrary::Arbitrary;
use drupe::settings::Row;
use drupe::testing::Conversation;
use drupe::{Request, Settings};

/// A file.
#[derive(Arbitrary, Clone, Debug)]
pub struct Plan {
    lines: Vec<Line>,
    /// Sets the setting of this line again, in other letters.
    again: Option<u8>,
}

#[derive(Arbitrary, Clone, Debug)]
struct Line {
    setting: u8,
    spelling: Spelling,
    value: Value,
    /// The text before the line.
    before: Before,
}

#[derive(Arbitrary, Clone, Copy, Debug, PartialEq)]
enum Spelling {
    Dotted,
    QuotedName,
    Quoted,
    Global,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Before {
    Nothing,
    Empty,
    Comment,
    Blanks,
}

#[derive(Arbitrary, Clone, Debug)]
enum Value {
    /// One of the right kind, made of this.
    Right(u16, Vec<char>),
    /// No limit, where there may be none.
    Unlimited,
    /// Nothing, where there may be nothing.
    Unset,
    Wrong(u8),
    /// Of a setting that does not exist.
    Unknown,
}

/// Writes the file as planned, reads it, and compares.
///
/// # Panics
/// If a value differs, or the error names another line.
pub fn check(plan: &Plan) {
    let mut text = String::new();
    let mut expected = Vec::new();
    let mut wrong = None;
    let mut is_certain = true;
    let mut seen = HashSet::new();
    let table = Settings::table();
    let mut lines = 0;
    let chosen = plan.lines.iter().take(MOST).filter(|line| seen.insert(usize::from(line.setting) % table.len()));
    let chosen: Vec<&Line> = chosen.collect();
    for line in &chosen {
        let row = &table[usize::from(line.setting) % table.len()];
        text.push_str(line.before.text());
        lines += 1 + line.before.text().matches('\n').count();
        let (name, written, shown) = line.value.of(row);
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{} = {written}", line.spelling.of(&name));
        match shown {
            Shown::Text(shown) => expected.push((row.name(), shown)),
            Shown::Refused => wrong = wrong.or(Some(lines)),
            Shown::Perhaps => is_certain = false,
        }
    }
    if let Some(line) = plan.again.and_then(|again| chosen.get(usize::from(again))) {
        let row = &table[usize::from(line.setting) % table.len()];
        let other = if line.spelling == Spelling::Quoted { Spelling::Global } else { Spelling::Quoted };
        // A missing setting, or a table, is not set twice.
        if !matches!(line.value, Value::Unknown | Value::Wrong(_)) {
            let _ = writeln!(text, "{} = 1", other.of(row.name()));
            // That is seen before any value is looked at.
            (wrong, is_certain) = (Some(lines + 1), true);
        }
    }
    match read(&text) {
        Ok(settings) => {
            assert_eq!(wrong, None, "{text}");
            for (name, shown) in expected {
                assert_eq!(settings.get(name), Some(shown), "{name} of {text}");
            }
            // Whether they make sense together is another matter; but that is said, and no panic.
            let _ = Conversation::new(|_: &mut Request| (), &settings);
        }
        Err(error) => {
            let prefix = format!("{}:", path(file()).display());
            let line = error.strip_prefix(&prefix).and_then(|rest| rest.split(':').next()?.parse().ok());
            assert!(line.is_some() && !error.contains('\n'), "{error} of {text}");
            assert!(!is_certain || line == wrong, "{error}, not line {wrong:?} of {text}");
        }
    }
}

/// The shown value of a setting after reading.
enum Shown {
    Text(String),
    Refused,
    Perhaps,
}

impl Value {
    /// The name of the setting, the written value, and the expected outcome.
    fn of(&self, row: &Row) -> (String, String, Shown) {
        let name = row.name().to_owned();
        match self {
            Self::Right(number, text) => {
                let (written, shown) = right(row.unit(), *number, text);
                (name, written, Shown::Text(shown))
            }
            Self::Unlimited => (name, "-1".to_owned(), Shown::Perhaps),
            Self::Unset => (name, "\"\"".to_owned(), Shown::Perhaps),
            Self::Wrong(which) => (name, WRONG[usize::from(*which) % WRONG.len()].to_owned(), Shown::Refused),
            Self::Unknown => (format!("{name}_not"), "1".to_owned(), Shown::Refused),
        }
    }
}

/// A value of the kind of `unit`, as written and as shown.
fn right(unit: &str, number: u16, text: &[char]) -> (String, String) {
    let is_fine = |c: &&char| !matches!(c, ',' | ':' | '@' | '*') && !c.is_whitespace();
    let word: String = text.iter().filter(is_fine).take(20).collect();
    let word = format!("w{}", word.trim());
    let quoted = quote(&word);
    match unit {
        "SECONDS" if number.is_multiple_of(2) => (format!("{number}.250"), format!("{number}.25")),
        "BYTES" if number.is_multiple_of(2) => (format!("\"{number}K\""), (u32::from(number) * 1024).to_string()),
        "BYTES" if number.is_multiple_of(3) => (format!("0x{number:x}"), number.to_string()),
        "SECONDS" | "BYTES" | "COUNT" | "PORT" | "STATUS" => (number.to_string(), number.to_string()),
        "BOOL" => (number.is_multiple_of(2).to_string(), number.is_multiple_of(2).to_string()),
        "MODE" => (format!("0o{:o}", number % 512), format!("{:04o}", number % 512)),
        "NAME" | "PATH" => (quoted, word),
        "PATHS" => (format!("[{quoted}, \"a:b\"]"), format!("{word},a:b")),
        "NAMES" => (format!("[{quoted}, 'b']"), format!("{word},b")),
        "PASSWORD" => (quote(&format!("file:{word}")), format!("file:{word}")),
        "VERSION" => (format!("[\"u\", {number}]"), format!("u.{number}")),
        "ADDRESSES" => (format!("\"tcp://localhost:{number}\""), format!("tcp://localhost:{number}")),
        other => panic!("a unit that is not known here: {other}"),
    }
}

/// A string of TOML.
fn quote(text: &str) -> String {
    let escaped = text.chars().map(|c| match c {
        '"' | '\\' => format!("\\{c}"),
        c if c.is_control() => format!("\\U{:08x}", u32::from(c)),
        c => c.to_string(),
    });
    format!("\"{}\"", escaped.collect::<String>())
}

impl Spelling {
    fn of(self, name: &str) -> String {
        match self {
            Self::Dotted => format!("server.{name}"),
            Self::QuotedName => format!("server . \"{name}\""),
            Self::Quoted => format!("'server.{name}'"),
            Self::Global => format!("global.server.{name}"),
        }
    }
}

impl Before {
    fn text(self) -> &'static str {
        match self {
            Self::Nothing => "",
            Self::Empty => "\n",
            Self::Comment => "# server.socket_port = \"no\"\r\n",
            Self::Blanks => " \t",
        }
    }
}

fn read(text: &str) -> Result<Settings, String> {
    let file = file();
    file.set_len(0).and_then(|()| file.write_all_at(text.as_bytes(), 0)).expect("there is room");
    Settings::from_file(path(file)).map_err(|error| error.to_string())
}

/// A private file that ends with the process.
fn file() -> &'static File {
    static FILE: OnceLock<File> = OnceLock::new();
    FILE.get_or_init(|| {
        let path = std::env::temp_dir().join(format!("drupe-fuzz-{}.toml", std::process::id()));
        let file = File::create_new(&path).expect("there is room");
        std::fs::remove_file(path).expect("it is ours");
        file
    })
}

/// The path of the unlinked file.
fn path(file: &File) -> PathBuf {
    format!("/proc/self/fd/{}", file.as_raw_fd()).into()
}

/// Right for no setting at all.
const WRONG: &[&str] = &["1979-05-27", "{}", "[[1]]", "{ a = 1 }", "nan", "-2", "1e999", "[true]"];
const MOST: usize = 12;

#[cfg(test)]
mod tests {
    #[test]
    fn model_holds_for_noise() {
        crate::noise::each(3000, super::check);
    }
}
