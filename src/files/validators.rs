//! Validators of a file, and the conditions of a request (RFC 9110 §8.8 and §13).

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, SystemTime};

use http::HeaderMap;
use http::header::{
    ETAG, HeaderName, HeaderValue, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE,
    LAST_MODIFIED,
};

/// The validators of one state of a file.
#[derive(Clone, Debug, Default)]
pub(super) struct Validators {
    /// The entity tag without quotes; `None` for content without a known state.
    tag: Option<String>,
    /// True if every later change of the file is sure to change the tag.
    is_strong: bool,
    /// In whole seconds; `None` if the time is a placeholder.
    modified: Option<SystemTime>,
    /// As `modified`, but never later than now (RFC 9110 §8.8.2.1).
    announced: Option<SystemTime>,
}

/// The result of a request's conditions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Precondition {
    Send,
    NotModified,
    Failed,
}

impl Validators {
    /// Computes the validators of a file with the metadata `facts`, at the time `now`.
    ///
    /// The tag is made of the modification time in seconds and the size, both hexadecimal, as nginx
    /// does: copies of a file on several servers have one tag. The exceptions:
    ///
    /// - A file changed within the last [`SETTLED`] may change again in the same second. The tag is
    ///   weak, and has the nanoseconds too.
    /// - A modification time in the future comes from another clock. The tag has the nanoseconds
    ///   too.
    /// - A [placeholder](is_placeholder) stays the same when the content changes. The tag has the
    ///   inode and the time of its last change (ctime), which no program can set. Copies then
    ///   differ in their tags, and no date is sent or compared.
    pub(super) fn of(facts: &Metadata, now: SystemTime) -> Self {
        let is_dated = !is_placeholder(facts.mtime());
        let seconds = if is_dated { facts.mtime() } else { facts.ctime() };
        let time = u64::try_from(seconds).ok().map(at);
        let age = time.and_then(|time| now.duration_since(time).ok());
        let ahead = time.and_then(|time| time.duration_since(now).ok());
        let is_settled = age.is_some_and(|age| age >= SETTLED);
        let precise = match (is_dated, is_settled) {
            (true, true) => String::new(),
            (true, false) => format!("-{:x}", facts.mtime_nsec()),
            (false, _) => format!("-{:x}-{:x}", facts.ctime_nsec(), facts.ino()),
        };
        let modified = time.filter(|_| is_dated);
        Self {
            tag: Some(format!("{seconds:x}-{:x}{precise}", facts.len())),
            is_strong: is_settled || ahead.is_some_and(|ahead| ahead >= SETTLED),
            modified,
            announced: modified.map(|time| time.min(now)),
        }
    }

    /// The validators of content whose state is unknown: no tag and no date, so that no condition
    /// but `*` matches.
    pub(super) fn unknown() -> Self {
        Self::default()
    }

    /// Makes the tag one of the compressed form called `coding`: a form can have the time and the size
    /// of its original.
    pub(super) fn of_form(mut self, coding: &str) -> Self {
        if let Some(tag) = &mut self.tag {
            tag.push('-');
            tag.push_str(coding);
        }
        self
    }

    /// Evaluates the conditions in the order of RFC 9110 §13.2.2, except `If-Range`: see
    /// [`permits_range`](Self::permits_range).
    pub(super) fn judge(&self, fields: &HeaderMap) -> Precondition {
        if fields.contains_key(IF_MATCH) {
            if !self.is_listed(fields, IF_MATCH, Comparison::Strong) {
                return Precondition::Failed;
            }
        } else if let (Some(modified), Some(limit)) = (self.modified, date(fields, IF_UNMODIFIED_SINCE)) {
            if modified > limit {
                return Precondition::Failed;
            }
        }
        let is_known = if fields.contains_key(IF_NONE_MATCH) {
            self.is_listed(fields, IF_NONE_MATCH, Comparison::Weak)
        } else {
            matches!((self.modified, date(fields, IF_MODIFIED_SINCE)), (Some(modified), Some(limit)) if modified <= limit)
        };
        if is_known { Precondition::NotModified } else { Precondition::Send }
    }

    /// True if a range may be sent: without `If-Range`, or if `If-Range` strongly matches the file.
    pub(super) fn permits_range(&self, fields: &HeaderMap) -> bool {
        if !fields.contains_key(IF_RANGE) {
            return true;
        }
        let tag = only(fields, IF_RANGE).and_then(|value| Tag::read(value.as_bytes()));
        match tag {
            Some((tag, rest)) => rest.is_empty() && self.matches(&tag, Comparison::Strong),
            None => self.is_strong && self.modified.is_some() && self.modified == date(fields, IF_RANGE),
        }
    }

    /// Writes the validator fields of the response.
    pub(super) fn describe(&self, fields: &mut HeaderMap) {
        let weak = if self.is_strong { "" } else { "W/" };
        if let Some(Ok(tag)) = self.tag.as_ref().map(|tag| HeaderValue::try_from(format!("{weak}\"{tag}\""))) {
            fields.insert(ETAG, tag);
        }
        if let Some(Ok(date)) = self.announced.map(|time| HeaderValue::try_from(httpdate::fmt_http_date(time))) {
            fields.insert(LAST_MODIFIED, date);
        }
    }

    /// True if the list in `name` has a matching tag, or is `*`.
    fn is_listed(&self, fields: &HeaderMap, name: HeaderName, comparison: Comparison) -> bool {
        let mut lines = fields.get_all(name).iter().map(|value| value.as_bytes().trim_ascii());
        lines.any(|line| line == b"*" || tags(line).any(|tag| self.matches(&tag, comparison)))
    }

    fn matches(&self, tag: &Tag<'_>, comparison: Comparison) -> bool {
        let may_match = comparison == Comparison::Weak || (self.is_strong && !tag.is_weak);
        may_match && self.tag.as_ref().is_some_and(|own| own.as_bytes() == tag.opaque)
    }
}

/// The comparisons of RFC 9110 §8.8.3.2.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Strong,
    Weak,
}

/// An entity tag sent by the client.
struct Tag<'a> {
    is_weak: bool,
    opaque: &'a [u8],
}

impl<'a> Tag<'a> {
    /// Reads the tag at the beginning of `text`, and returns the tag and the rest of `text`.
    fn read(text: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let (is_weak, quoted) = match text.strip_prefix(b"W/") {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let inner = quoted.strip_prefix(b"\"")?;
        let end = inner.iter().position(|&byte| byte == b'"')?;
        Some((Self { is_weak, opaque: &inner[..end] }, &inner[end + 1..]))
    }
}

/// The tags of a list, up to the first malformed one. A comma within quotes is no separator.
fn tags(line: &[u8]) -> impl Iterator<Item = Tag<'_>> {
    let mut rest = line;
    std::iter::from_fn(move || {
        let start = rest.iter().position(|byte| !matches!(byte, b',' | b' ' | b'\t'))?;
        let (tag, after) = Tag::read(&rest[start..])?;
        rest = after;
        Some(tag)
    })
}

/// The date in `name`; a malformed or repeated date counts as absent (RFC 9110 §13.1.3, §13.1.4).
fn date(fields: &HeaderMap, name: HeaderName) -> Option<SystemTime> {
    httpdate::parse_http_date(only(fields, name)?.to_str().ok()?).ok()
}

fn only(fields: &HeaderMap, name: HeaderName) -> Option<&HeaderValue> {
    let mut values = fields.get_all(name).iter();
    values.next().filter(|_| values.next().is_none())
}

/// A time that a date field can express, limited to [`LAST_SECOND`].
pub(super) fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds.min(LAST_SECOND))
}

/// True if the modification time `seconds` says nothing about the content.
///
/// Tools set such times for reproducible results: 0 and 1 (Nix, container images), the first second
/// of the ZIP format (1980-01-01), and the one of npm packages (1985-10-26). No date field can
/// express a time before 1970.
fn is_placeholder(seconds: i64) -> bool {
    seconds <= 1 || matches!(seconds, 315_532_800 | 499_162_500)
}

/// The age at which a modification is settled: any later change gets another modification time. RFC
/// 9110 §8.8.2.2 requires one second; some file systems have a resolution of two.
const SETTLED: Duration = Duration::from_secs(2);
/// The end of the year 9998, the last written by `httpdate`.
const LAST_SECOND: u64 = 253_370_764_799;
