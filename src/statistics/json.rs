//! Writes JSON (RFC 8259): the objects and lists of statistics.

use std::fmt::Write;
use std::time::Duration;

/// A value with a representation in JSON.
pub(super) trait ToJson {
    fn write(&self, text: &mut String);
}

/// An object or a list being written.
pub(super) struct Members<'t> {
    text: &'t mut String,
    is_first: bool,
}

/// Writes an object with the members that `fill` adds.
pub(super) fn object(text: &mut String, fill: impl FnOnce(&mut Members<'_>)) {
    enclosed(text, ['{', '}'], fill);
}

fn enclosed(text: &mut String, [begin, end]: [char; 2], fill: impl FnOnce(&mut Members<'_>)) {
    text.push(begin);
    fill(&mut Members { text, is_first: true });
    text.push(end);
}

impl Members<'_> {
    /// Adds a member to an object.
    pub(super) fn add(&mut self, name: &str, value: &(impl ToJson + ?Sized)) {
        self.name(name);
        value.write(self.text);
    }

    /// Adds a member that is an object.
    pub(super) fn object(&mut self, name: &str, fill: impl FnOnce(&mut Members<'_>)) {
        self.name(name);
        object(self.text, fill);
    }

    /// Adds a member that is a list.
    pub(super) fn list(&mut self, name: &str, fill: impl FnOnce(&mut Members<'_>)) {
        self.name(name);
        enclosed(self.text, ['[', ']'], fill);
    }

    /// Adds a pair to a list, itself a list.
    pub(super) fn pair(&mut self, one: &impl ToJson, other: &impl ToJson) {
        self.separate();
        enclosed(self.text, ['[', ']'], |pair| {
            pair.item(one);
            pair.item(other);
        });
    }

    fn item(&mut self, value: &impl ToJson) {
        self.separate();
        value.write(self.text);
    }

    fn name(&mut self, name: &str) {
        self.separate();
        name.write(self.text);
        self.text.push(':');
    }

    fn separate(&mut self) {
        if !std::mem::take(&mut self.is_first) {
            self.text.push(',');
        }
    }
}

impl ToJson for bool {
    fn write(&self, text: &mut String) {
        text.push_str(if *self { "true" } else { "false" });
    }
}

impl ToJson for u64 {
    fn write(&self, text: &mut String) {
        // Writing to a string cannot fail.
        let _ = write!(text, "{self}");
    }
}

impl ToJson for usize {
    fn write(&self, text: &mut String) {
        (*self as u64).write(text);
    }
}

/// A number; JSON has only `null` for a value that is not finite (0 / 0).
impl ToJson for f64 {
    fn write(&self, text: &mut String) {
        if self.is_finite() {
            let _ = write!(text, "{self}");
        } else {
            text.push_str("null");
        }
    }
}

/// Seconds.
impl ToJson for Duration {
    fn write(&self, text: &mut String) {
        self.as_secs_f64().write(text);
    }
}

impl<T: ToJson> ToJson for Option<T> {
    fn write(&self, text: &mut String) {
        match self {
            Some(value) => value.write(text),
            None => text.push_str("null"),
        }
    }
}

/// Text; characters that could end an enclosing script or line are escaped too.
impl ToJson for str {
    fn write(&self, text: &mut String) {
        text.push('"');
        for letter in self.chars() {
            match letter {
                '"' | '\\' => text.extend(['\\', letter]),
                '<' | '>' | '&' | '\u{2028}' | '\u{2029}' | '\u{7f}' | '\0'..='\x1f' => {
                    let _ = write!(text, "\\u{:04x}", u32::from(letter));
                }
                _ => text.push(letter),
            }
        }
        text.push('"');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(value: &(impl ToJson + ?Sized), expected: &str) {
        let mut text = String::new();
        value.write(&mut text);
        assert_eq!(text, expected);
    }

    #[test]
    fn values_have_the_form_of_the_standard() {
        check(&true, "true");
        check(&u64::MAX, "18446744073709551615");
        check(&0.5, "0.5");
        check(&1e21, "1000000000000000000000");
        check(&f64::NAN, "null");
        check(&f64::INFINITY, "null");
        check(&Duration::from_nanos(1_500_001), "0.001500001");
        check(&None::<u64>, "null");
        check(&Some(7_usize), "7");
    }

    #[test]
    fn no_character_ends_a_json_string() {
        check("", r#""""#);
        check(r#"a"b\c/é"#, r#""a\"b\\c/é""#);
        check("\n\r\t\0\x1b\x7f\u{2028}", r#""\u000a\u000d\u0009\u0000\u001b\u007f\u2028""#);
        check("</script><!--&", r#""\u003c/script\u003e\u003c!--\u0026""#);
    }

    #[test]
    fn members_are_separated_by_commas() {
        let mut text = String::new();
        object(&mut text, |members| {
            members.object("none", |_| {});
            members.add("a\"", &1_u64);
            members.list("pairs", |pairs| {
                pairs.pair(&1_u64, &0.5);
                pairs.pair(&2_u64, &true);
            });
            members.add("last", "b");
        });
        assert_eq!(text, r#"{"none":{},"a\"":1,"pairs":[[1,0.5],[2,true]],"last":"b"}"#);
    }
}
