//! The environ: a request as keys and values.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use super::errors::Errors;
use super::input::Input;
use super::value::{Text, Value};
use crate::message::ContentError;

/// A request as keys and values, in key order; see [the table](super#keys).
///
/// The environ belongs to the application: middleware may change and forward it, and
/// [`Chunks`](super::Chunks) may keep it.
///
/// ```
/// use drupe::wsgi::{Content, Environ, ApplicationError, StartResponse};
///
/// fn application(mut environ: Environ, start_response: StartResponse) -> Result<Content, ApplicationError> {
///     let path = environ.path_info().into_owned();
///     let content = environ.take_input().into_vec()?;
///     start_response.start("200 OK", [("Content-Type", "text/plain; charset=utf-8")])?;
///     Ok(format!("{path} was sent {} bytes\n", content.len()).into())
/// }
/// # let _ = drupe::Server::wsgi(application);
/// ```
#[derive(Debug, Default)]
pub struct Environ {
    /// Sorted by key.
    values: Vec<(Cow<'static, str>, Value)>,
    input: Input,
}

impl Environ {
    pub(super) fn new(input: Input) -> Self {
        Self { values: Vec::with_capacity(USUAL), input }
    }

    /// Returns the value of `key`.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.values.get(self.place(key).ok()?).map(|(_, value)| value)
    }

    /// Returns the text of `key`, decoded according to the version: in `1.0` each byte is a
    /// character.
    #[must_use]
    pub fn text(&self, key: &str) -> Option<Cow<'_, str>> {
        match self.get(key)? {
            Value::Text(text) => Some(text.text()),
            _ => None,
        }
    }

    /// Returns the bytes of the text of `key`, the same in every version.
    #[must_use]
    pub fn bytes(&self, key: &str) -> Option<&[u8]> {
        match self.get(key)? {
            Value::Text(text) => Some(text.as_bytes()),
            _ => None,
        }
    }

    /// Sets the value of `key`, and returns the previous value.
    pub fn insert(&mut self, key: impl Into<Cow<'static, str>>, value: impl Into<Value>) -> Option<Value> {
        let (key, value) = (key.into(), value.into());
        if self.values.last().is_none_or(|(last, _)| *last < key) {
            // The gateway adds most keys in order.
            self.values.push((key, value));
            return None;
        }
        match self.place(&key) {
            Ok(at) => Some(std::mem::replace(&mut self.values[at].1, value)),
            Err(at) => {
                self.values.insert(at, (key, value));
                None
            }
        }
    }

    /// Removes `key`, and returns its value.
    pub fn remove(&mut self, key: &str) -> Option<Value> {
        self.place(key).ok().map(|at| self.values.remove(at).1)
    }

    /// Returns all keys and values, in key order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.values.iter().map(|(key, value)| (key.as_ref(), value))
    }

    /// `PATH_INFO`: the part of the path left for the application; empty if none is left.
    #[must_use]
    pub fn path_info(&self) -> Cow<'_, str> {
        self.text("PATH_INFO").unwrap_or_default()
    }

    /// `CONTENT_LENGTH`; `None` without content, or if the length is not known in advance.
    #[must_use]
    pub fn content_length(&self) -> Option<u64> {
        self.text("CONTENT_LENGTH")?.parse().ok()
    }

    /// `wsgi.input`: the content of the request.
    pub fn input(&mut self) -> &mut Input {
        &mut self.input
    }

    /// Takes `wsgi.input`, for reading after the environ is dropped; leaves an empty input.
    pub fn take_input(&mut self) -> Input {
        std::mem::take(&mut self.input)
    }

    /// `wsgi.errors`: the log.
    #[must_use]
    pub fn errors(&self) -> Errors {
        Errors::default()
    }

    /// Returns the environment variables of a CGI program (RFC 3875 §4.1), including
    /// `GATEWAY_INTERFACE`.
    ///
    /// Only text values are returned, under names usable in a shell. The following are left out:
    ///
    /// - `HTTP_AUTHORIZATION` and `HTTP_PROXY_AUTHORIZATION`, because they are secret (§9.2).
    /// - `HTTP_PROXY`, because HTTP clients use it as the address of a proxy (CVE-2016-5385).
    ///
    /// # Errors
    /// A NUL, as of `%00` in the path: no environment variable can have one. Returned from an
    /// application, the error is a `400`.
    pub fn variables(&self) -> Result<impl Iterator<Item = (&str, &OsStr)>, ContentError> {
        let texts = || {
            self.iter().filter_map(|(key, value)| match value {
                Value::Text(text) if is_variable(key) && !HIDDEN.contains(&key) => Some((key, text.as_bytes())),
                _ => None,
            })
        };
        if let Some((key, _)) = texts().find(|(_, bytes)| bytes.contains(&0)) {
            return Err(ContentError::malformed("the request", format_args!("{key} has a NUL")));
        }
        let all = [("GATEWAY_INTERFACE", &b"CGI/1.1"[..])].into_iter().chain(texts());
        Ok(all.map(|(key, bytes)| (key, OsStr::from_bytes(bytes))))
    }

    /// Returns the position of `key`, or `Err` with its place if missing.
    fn place(&self, key: &str) -> Result<usize, usize> {
        self.values.binary_search_by(|(other, _)| other.as_ref().cmp(key))
    }

    pub(super) fn take_text(&mut self, key: &str) -> Option<Text> {
        match self.remove(key)? {
            Value::Text(text) => Some(text),
            other => {
                self.insert(key.to_owned(), other);
                None
            }
        }
    }

    /// Moves the first `bytes` of `PATH_INFO`, already dispatched on, to the end of `SCRIPT_NAME`.
    pub(super) fn shift(&mut self, bytes: usize) {
        let script = self.take_text("SCRIPT_NAME").unwrap_or_else(|| Text::latin1(&b""[..]));
        let Some(path) = self.take_text("PATH_INFO") else { return };
        let (shifted, rest) = path.as_bytes().split_at(bytes.min(path.as_bytes().len()));
        let is_utf8 = path.is_utf8() && script.is_utf8();
        for (key, bytes) in [("SCRIPT_NAME", [script.as_bytes(), shifted].concat()), ("PATH_INFO", rest.to_vec())] {
            let text = Text::latin1(bytes);
            self.insert(key, if is_utf8 { text.into_utf8().unwrap_or_else(|text| text) } else { text });
        }
    }
}

fn is_variable(key: &str) -> bool {
    key.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
}

/// The room for the keys of a usual request.
const USUAL: usize = 32;

const HIDDEN: [&str; 3] = ["HTTP_AUTHORIZATION", "HTTP_PROXY", "HTTP_PROXY_AUTHORIZATION"];

#[cfg(test)]
mod tests {
    use super::*;

    fn environ(pairs: &[(&'static str, &'static str)]) -> Environ {
        let mut environ = Environ::default();
        for (key, text) in pairs {
            environ.insert(*key, Text::latin1(text.as_bytes()));
        }
        environ
    }

    #[test]
    fn environ_value_is_available_as_text_and_bytes() {
        let mut environ = environ(&[("PATH_INFO", "/\u{e9}"), ("CONTENT_LENGTH", "12")]);
        environ.insert("wsgi.multithread", true);
        assert_eq!(environ.path_info(), "/\u{c3}\u{a9}");
        assert_eq!(environ.bytes("PATH_INFO"), Some("/\u{e9}".as_bytes()));
        assert_eq!((environ.content_length(), environ.text("wsgi.multithread")), (Some(12), None));
        assert_eq!(environ.get("wsgi.multithread"), Some(&Value::Flag(true)));
        let keys: Vec<&str> = environ.iter().map(|(key, _)| key).collect();
        assert_eq!(keys, ["CONTENT_LENGTH", "PATH_INFO", "wsgi.multithread"]);
        assert!(environ.remove("CONTENT_LENGTH").is_some());
        assert_eq!((environ.content_length(), environ.get("CONTENT_LENGTH")), (None, None));
    }

    #[test]
    fn environ_keeps_the_order_of_keys_and_the_last_value_of_each() {
        let mut environ = environ(&[("B", "1"), ("D", "2"), ("A", "3"), ("C", "4"), ("D", "5"), ("A", "6")]);
        let shown = |environ: &Environ| environ.iter().map(|(key, value)| format!("{key}{value}")).collect::<String>();
        assert_eq!(shown(&environ), "A6B1C4D5");
        assert_eq!(environ.insert("B", "7"), Some(Value::Text(Text::latin1(&b"1"[..]))));
        assert_eq!((environ.remove("C").is_some(), environ.remove("C"), environ.remove("E")), (true, None, None));
        assert_eq!((shown(&environ).as_str(), environ.text("C")), ("A6B7D5", None));
    }

    #[test]
    fn cgi_program_gets_only_cgi_variables() {
        let mut environ = environ(&[
            ("HTTP_AUTHORIZATION", "secret"),
            ("HTTP_PROXY", "http://evil"),
            ("HTTP_PROXY_AUTHORIZATION", "secret"),
            ("HTTP_X.Y", "no name for a shell"),
            ("HTTP_HOST", "a"),
            ("wsgi.url_scheme", "http"),
        ]);
        environ.insert("FLAG", true);
        let variables = environ.variables().unwrap();
        let given: Vec<_> = variables.map(|(key, value)| (key, value.to_str().unwrap())).collect();
        assert_eq!(given, [("GATEWAY_INTERFACE", "CGI/1.1"), ("HTTP_HOST", "a")]);
        environ.insert("PATH_INFO", "/a\0b");
        let refused = environ.variables().err().unwrap();
        assert_eq!(refused.status().unwrap(), 400);
        assert_eq!(refused.to_string(), "the request is malformed: PATH_INFO has a NUL");
    }

    #[test]
    fn a_path_is_shifted_by_bytes_and_keeps_its_coding() {
        let mut environ = environ(&[("SCRIPT_NAME", "/a"), ("PATH_INFO", "/\u{e9}/c")]);
        environ.shift(3);
        assert_eq!(
            (environ.bytes("SCRIPT_NAME"), environ.bytes("PATH_INFO")),
            (Some("/a/\u{e9}".as_bytes()), Some(&b"/c"[..]))
        );
        environ.insert("SCRIPT_NAME", "/\u{e9}");
        environ.insert("PATH_INFO", "/\u{e9}/c");
        environ.shift(3);
        assert_eq!(
            (environ.text("SCRIPT_NAME").unwrap().as_ref(), environ.path_info().as_ref()),
            ("/\u{e9}/\u{e9}", "/c")
        );
        environ.shift(10);
        assert_eq!(environ.path_info(), "");
    }
}
