//! The formats of the access log.

use std::fmt::Write as _;
use std::time::{SystemTime, UNIX_EPOCH};

use log::Record;
use log::kv::{Error, Key, Value, VisitSource, VisitValue};

/// The format of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// The Common Log Format of NCSA.
    Common,
    /// The Combined Log Format: common, with `Referer` and `User-Agent`.
    Combined,
    /// One JSON object per line, with the duration.
    Json,
}

impl Form {
    /// Returns the format called `name`.
    pub(super) fn of(name: &str) -> Option<Form> {
        match name {
            "common" => Some(Form::Common),
            "combined" => Some(Form::Combined),
            "json" => Some(Form::Json),
            _ => None,
        }
    }

    /// Formats a record of the library, with a line feed.
    pub(super) fn line(self, record: &Record<'_>, now: SystemTime) -> String {
        let mut line = match self {
            Form::Json => json(record, now),
            form => {
                let mut text = record.args().to_string();
                text.truncate(if form == Form::Common { common(&text) } else { combined(&text) });
                text
            }
        };
        line.push('\n');
        line
    }
}

/// The end of the Combined Log Format in a record: before the last column, the duration.
fn combined(text: &str) -> usize {
    text.rfind(' ').unwrap_or(text.len())
}

/// The end of the Common Log Format in a record: two columns after the request, which is the first
/// quoted column.
fn common(text: &str) -> usize {
    let at = quotation_mark(text, quotation_mark(text, 0) + 1);
    let rest = text.get(at + 1..).unwrap_or_default();
    rest.match_indices(' ').nth(2).map_or(text.len(), |(end, _)| at + 1 + end)
}

/// The place of the first quotation mark from `at` on, or of the end. Names of users and quoted text
/// have a backslash before each quotation mark and each backslash.
fn quotation_mark(text: &str, mut at: usize) -> usize {
    let bytes = text.as_bytes();
    while at < bytes.len() && bytes[at] != b'"' {
        at += if bytes[at] == b'\\' { 2 } else { 1 };
    }
    at
}

fn json(record: &Record<'_>, now: SystemTime) -> String {
    let mut object = Object(format!("{{\"time\":\"{}\"", rfc3339(now)));
    // The visitor never returns an error.
    let _ = record.key_values().visit(&mut object);
    object.0.push('}');
    object.0
}

/// A JSON object being written.
struct Object(String);

impl<'v> VisitSource<'v> for Object {
    fn visit_pair(&mut self, key: Key<'v>, value: Value<'v>) -> Result<(), Error> {
        let name = match key.as_str() {
            "request_target" => "target",
            // The program has no layers that set them.
            "request_id" | "route" => return Ok(()),
            name => name,
        };
        self.0.push(',');
        self.string(name);
        self.0.push(':');
        value.visit(&mut *self)
    }
}

impl VisitValue<'_> for &mut Object {
    fn visit_any(&mut self, value: Value<'_>) -> Result<(), Error> {
        self.string(&value.to_string());
        Ok(())
    }

    fn visit_null(&mut self) -> Result<(), Error> {
        self.0.push_str("null");
        Ok(())
    }

    fn visit_u64(&mut self, value: u64) -> Result<(), Error> {
        // Writing to a string cannot fail.
        let _ = write!(self.0, "{value}");
        Ok(())
    }

    fn visit_bool(&mut self, value: bool) -> Result<(), Error> {
        let _ = write!(self.0, "{value}");
        Ok(())
    }

    fn visit_f64(&mut self, value: f64) -> Result<(), Error> {
        let _ = write!(self.0, "{value:.6}");
        Ok(())
    }

    fn visit_str(&mut self, value: &str) -> Result<(), Error> {
        self.string(value);
        Ok(())
    }
}

impl Object {
    /// Appends a string in visible ASCII, so that the content cannot forge a line or control a
    /// terminal.
    fn string(&mut self, value: &str) {
        self.0.push('"');
        for letter in value.chars() {
            match letter {
                '"' | '\\' => self.0.extend(['\\', letter]),
                ' '..='~' => self.0.push(letter),
                letter => {
                    for unit in letter.encode_utf16(&mut [0; 2]) {
                        let _ = write!(self.0, "\\u{unit:04x}");
                    }
                }
            }
        }
        self.0.push('"');
    }
}

/// Formats a time as `2026-11-22T15:04:05.678Z`, by reordering the parts of an HTTP date.
fn rfc3339(time: SystemTime) -> String {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    // `Sun, 22 Nov 2026 15:04:05 GMT`
    let text = httpdate::fmt_http_date(UNIX_EPOCH + since);
    let mut parts = text.split(' ').skip(1);
    let mut part = || parts.next().unwrap_or_default();
    let (day, month, year, clock) = (part(), part(), part(), part());
    let month = 1 + MONTHS.iter().position(|name| *name == month).unwrap_or_default();
    format!("{year}-{month:02}-{day}T{clock}.{:03}Z", since.subsec_millis())
}

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn line(form: Form, text: &str, values: &[(&str, Value<'_>)]) -> String {
        let now = UNIX_EPOCH + Duration::from_millis(1_795_359_845_678);
        form.line(&Record::builder().args(format_args!("{text}")).key_values(&values).build(), now)
    }

    #[test]
    fn text_formats_are_prefixes_of_the_library_line() {
        for (text, common) in [
            (
                r#"::1 - - [d +0000] "GET / HTTP/1.1" 200 5 "-" "-" 0.000123"#,
                r#"::1 - - [d +0000] "GET / HTTP/1.1" 200 5"#,
            ),
            (
                r#"unix: - al [d +0000] "GET /\"a\\" 404 0 "x \" y" "u a" 1.000000"#,
                r#"unix: - al [d +0000] "GET /\"a\\" 404 0"#,
            ),
            (r#"- - - [d +0000] "-" - - "-" "-" 0.000001"#, r#"- - - [d +0000] "-" - -"#),
        ] {
            let (before, _) = text.rsplit_once(' ').expect("it has columns");
            assert_eq!(line(Form::Combined, text, &[]), format!("{before}\n"));
            assert_eq!(line(Form::Common, text, &[]), format!("{common}\n"));
        }
        // The library never writes such text, but the code must not panic.
        for text in ["", "no quotes", "\"", "\"\\", "\"a\" b", "\u{e9}\"\u{e9}"] {
            assert_eq!(line(Form::Common, text, &[]), format!("{text}\n"));
        }
    }

    #[test]
    fn an_object_has_all_parts_with_their_types() {
        let values = [
            ("peer", Value::from("127.0.0.1")),
            ("user", Value::null()),
            ("status", Value::from(200_u16)),
            ("bytes", Value::from(u64::MAX)),
            ("seconds", Value::from(0.25_f64)),
        ];
        let expected = "{\"time\":\"2026-11-22T15:04:05.678Z\",\"peer\":\"127.0.0.1\",\"user\":null,\"status\":200,\
                        \"bytes\":18446744073709551615,\"seconds\":0.250000}\n";
        assert_eq!(line(Form::Json, "ignored", &values), expected);
    }

    #[test]
    fn a_string_is_visible_ascii() {
        let value = "\"q\" \\ \n\x1b[31m\u{7f}\u{e9}\u{202e}\u{1f352}";
        let expected = r#""\"q\" \\ \u000a\u001b[31m\u007f\u00e9\u202e\ud83c\udf52"}"#;
        let line = line(Form::Json, "", &[("user_agent", Value::from(value))]);
        assert!(line.trim_end().ends_with(&format!(",\"user_agent\":{expected}")), "{line}");
    }

    #[test]
    fn format_names_are_known() {
        let forms = ["common", "combined", "json", "JSON", ""].map(Form::of);
        assert_eq!(forms, [Some(Form::Common), Some(Form::Combined), Some(Form::Json), None, None]);
    }
}
