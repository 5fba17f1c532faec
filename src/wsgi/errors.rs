//! `wsgi.errors`: the error log of applications.

use std::io;

/// The error log of applications: `wsgi.errors`.
///
/// Each line becomes one record of level `error` with the target `drupe::wsgi`, with control
/// characters escaped except tabs. A line longer than 8 KiB becomes several records. An incomplete
/// line is logged on `flush` and on drop.
#[derive(Debug, Default)]
pub struct Errors {
    line: Vec<u8>,
}

impl Errors {
    fn tell(&mut self) {
        if !self.line.is_empty() {
            log::error!(target: "drupe::wsgi", "{}", escaped(&self.line));
            self.line.clear();
        }
    }
}

impl io::Write for Errors {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        for byte in bytes {
            if *byte == b'\n' || self.line.len() == LONGEST_LINE {
                self.tell();
            }
            if *byte != b'\n' {
                self.line.push(*byte);
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.tell();
        Ok(())
    }
}

impl Drop for Errors {
    fn drop(&mut self) {
        self.tell();
    }
}

/// Escapes control characters, so that a line cannot look like several.
pub(super) fn escaped(line: &[u8]) -> String {
    let mut text = String::new();
    for character in String::from_utf8_lossy(line).trim_end_matches('\r').chars() {
        if character.is_control() && character != '\t' {
            text.extend(character.escape_default());
        } else {
            text.push(character);
        }
    }
    text
}

/// The most bytes of a record; a longer line is split.
const LONGEST_LINE: usize = 8 * 1024;

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn error_line_cannot_pass_for_two() {
        for (line, text) in [
            (&b"plain\tt\xc3\xa9xt"[..], "plain\tt\u{e9}xt"),
            (b"a\rb\x1b[2J\x00\r", "a\\rb\\u{1b}[2J\\u{0}"),
            (b"caf\xe9", "caf\u{fffd}"),
        ] {
            assert_eq!(escaped(line), text);
        }
    }

    #[test]
    fn error_lines_are_logged_at_their_end_and_bounded() {
        let mut errors = Errors::default();
        errors.write_all(b"one\ntw").unwrap();
        assert_eq!(errors.line, b"tw");
        errors.flush().unwrap();
        assert_eq!(errors.line, b"");
        errors.write_all(&[b'x'; LONGEST_LINE + 1]).unwrap();
        assert_eq!(errors.line, b"x");
    }
}
