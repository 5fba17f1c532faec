//! One server-sent event, in the form sent to clients.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use bytes::Bytes;

/// One server-sent event (WHATWG HTML, section 9.2).
///
/// ```
/// use drupe::stream::Event;
///
/// let event = Event::new("two\nlines").named("note").id("7");
/// assert_eq!(event.to_string(), "data: two\ndata: lines\nevent: note\nid: 7\n\n");
/// ```
///
/// No text can forge a field or another event. A `&str` or `String` converts into an event with the
/// text as data.
///
/// [`Event::default`] has no data. A client shows no such event to a page, but obeys its
/// [`id`](Self::id) and its [`retry`](Self::retry).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct Event {
    /// Complete lines, without the id.
    lines: String,
    id: Option<String>,
}

impl Event {
    /// An event with `data`, which may have several lines.
    ///
    /// Each line is sent as a line of its own, so the client gets the same lines, separated by LF:
    /// a CR or CRLF becomes LF. Any other character arrives as it is.
    pub fn new(data: impl AsRef<str>) -> Self {
        Self::of_lines("data: ", data.as_ref())
    }

    /// A comment, ignored by clients: a heartbeat, or a note for a human reader.
    pub fn comment(text: impl AsRef<str>) -> Self {
        Self::of_lines(": ", text.as_ref())
    }

    /// Names the event. A page listens with `addEventListener(name, …)` instead of `onmessage`.
    ///
    /// CR, LF and NUL become spaces. A second name replaces the first.
    pub fn named(mut self, name: impl AsRef<str>) -> Self {
        self.push("event: ", &one_line(name.as_ref()));
        self
    }

    /// Gives the event an id. A client that comes back sends the last id in
    /// [`Last-Event-ID`](super::last_event_id). An empty id makes the client forget the last one.
    ///
    /// CR, LF and NUL become spaces. A second id replaces the first.
    pub fn id(mut self, id: impl AsRef<str>) -> Self {
        self.id = Some(one_line(id.as_ref()));
        self
    }

    /// Sets the time that the client waits before it reconnects, in whole milliseconds. Browsers
    /// wait a few seconds by default.
    pub fn retry(mut self, time: Duration) -> Self {
        self.push("retry: ", &time.as_millis().to_string());
        self
    }

    fn of_lines(field: &str, text: &str) -> Self {
        let mut event = Self::default();
        event.lines.reserve(text.len() + field.len() + ROOM);
        lines(text).for_each(|line| event.push(field, line));
        event
    }

    fn push(&mut self, field: &str, line: &str) {
        self.lines.push_str(field);
        self.lines.push_str(line);
        self.lines.push('\n');
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.lines)?;
        if let Some(id) = &self.id {
            writeln!(f, "id: {id}")?;
        }
        f.write_str("\n")
    }
}

/// The bytes sent to clients.
impl From<Event> for Bytes {
    fn from(mut event: Event) -> Self {
        if let Some(id) = event.id.take() {
            event.push("id: ", &id);
        }
        event.lines.push('\n');
        event.lines.into()
    }
}

impl From<&str> for Event {
    fn from(data: &str) -> Self {
        Self::new(data)
    }
}

impl From<Cow<'_, str>> for Event {
    fn from(data: Cow<'_, str>) -> Self {
        Self::new(data)
    }
}

impl From<String> for Event {
    fn from(data: String) -> Self {
        Self::new(data)
    }
}

/// Returns the lines of `text`, which end in CRLF, LF or CR. The last line may be empty.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let Some(end) = text.find(['\r', '\n']) else { return rest.take() };
        let length = if text[end..].starts_with("\r\n") { 2 } else { 1 };
        rest = Some(&text[end + length..]);
        Some(&text[..end])
    })
}

/// Replaces the characters that would end a line, or make a client ignore an id.
fn one_line(text: &str) -> String {
    text.replace(['\r', '\n', '\0'], " ")
}

/// The room for an id and the end of an event.
const ROOM: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    fn check(event: Event, expected: &str) {
        assert_eq!(event.to_string(), expected);
        assert_eq!(Bytes::from(event), expected);
    }

    #[test]
    fn data_arrives_line_by_line_as_it_is() {
        for (data, expected) in [
            ("", "data: \n\n"),
            ("one", "data: one\n\n"),
            ("two\nlines", "data: two\ndata: lines\n\n"),
            ("cr\rcrlf\r\nlf\n", "data: cr\ndata: crlf\ndata: lf\ndata: \n\n"),
            ("\n", "data: \ndata: \n\n"),
            ("\r\n\n\r", "data: \ndata: \ndata: \ndata: \n\n"),
            ("\n\r", "data: \ndata: \ndata: \n\n"),
            (" leading space", "data:  leading space\n\n"),
            (": colon", "data: : colon\n\n"),
            ("id: 7", "data: id: 7\n\n"),
            ("x\n\ndata: forged\n\n", "data: x\ndata: \ndata: data: forged\ndata: \ndata: \n\n"),
            ("n\0ul", "data: n\0ul\n\n"),
            ("größer 🍐\u{2028}\u{85}\u{feff}", "data: größer 🍐\u{2028}\u{85}\u{feff}\n\n"),
        ] {
            check(Event::new(data), expected);
            check(data.into(), expected);
            check(data.to_owned().into(), expected);
            check(Cow::Borrowed(data).into(), expected);
        }
    }

    #[test]
    fn fields_cannot_be_forged_by_names_and_ids() {
        for (text, cleaned) in
            [("plain", "plain"), ("", ""), ("a\r\nb\nc\rd\0e", "a  b c d e"), (" 7", " 7"), (": 7", ": 7"), ("é", "é")]
        {
            check(Event::new("x").named(text), &format!("data: x\nevent: {cleaned}\n\n"));
            check(Event::new("x").id(text), &format!("data: x\nid: {cleaned}\n\n"));
        }
        check(Event::comment("a\nb"), ": a\n: b\n\n");
        check(Event::comment(""), ": \n\n");
    }

    #[test]
    fn fields_are_complete_in_any_order_and_the_last_id_counts() {
        let event = Event::new("x").id("1").retry(Duration::from_micros(1_500_900)).named("note").id("2");
        check(event, "data: x\nretry: 1500\nevent: note\nid: 2\n\n");
        check(Event::default(), "\n");
        check(Event::default().id("3"), "id: 3\n\n");
        check(Event::default().retry(Duration::ZERO), "retry: 0\n\n");
        check(Event::default().retry(Duration::MAX), "retry: 18446744073709551615999\n\n");
    }
}
